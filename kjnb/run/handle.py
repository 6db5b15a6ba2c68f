"""The handle of a run: what it is, how it stands, what came out of it, and how to end it.

Nothing that matters is in here: a Run is made from a stage and a cluster and can be made again from them at any time.
"""

from __future__ import annotations

import contextlib
import math
import numbers
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from kjnb.cluster.client import Cluster
from kjnb.connect import SESSION
from kjnb.errors import ClusterError, NotFound, RunFailed, RunTimeout, StageError, UsageError
from kjnb.model.findings import Diagnosis
from kjnb.model.quantity import size_text
from kjnb.model.spec import JobSpec
from kjnb.model.state import RunState, State
from kjnb.model.values import whole
from kjnb.run import diagnosing, found, history, registry, retry, steer
from kjnb.run import failures as failed
from kjnb.run import job as job_said
from kjnb.run.follow import Follower, selector
from kjnb.stage.folder import Stage
from kjnb.task.task import Task

LOOK_SECONDS = 5.0
REFUSED_SECONDS = 30.0
WHY_SECONDS = 1.0
STOPPED_SECONDS = 60.0
HOW = {"failed": "failed", "stopped": "was stopped", "succeeded": "is over"}
LISTED = ["name", "state", "done", "indexes", "launched", "owner", "context", "namespace", "stage"]


class Deleted(NamedTuple):
    """What `delete` took away: how many results, and how many bytes; (0, 0) when the stage was `kept`."""

    results: int
    bytes: int
    kept: bool = False

    def __repr__(self) -> str:
        if self.kept:
            return "deleted the Jobs and their pods; the results are kept"
        return f"deleted everything, with {self.results:,} results ({size_text(self.bytes)})"


class Run:
    """A run: a frame's partitions, and the Jobs that process them.

    `name`, `completions` (number of indexes), `spec` (as launched), `stage`, `cluster` (None when it is read from its
    stage alone), `notes` (what the launch has to say, a line each).
    """

    def __init__(
        self,
        stage: Stage,
        cluster: Cluster | None = None,
        *,
        notes: Iterable[str] = (),
        trust: bool = False,
        gone: bool = False,
    ) -> None:
        self.stage = stage
        self.cluster = cluster
        self.facts: dict[str, Any] = stage.facts()
        self.name: str = self.facts["name"]
        self.completions: int = int(self.facts["plan"]["completions"])
        self.spec = JobSpec.checked(**self.facts["spec"])
        self.notes: list[str] = list(notes)
        self.follower = Follower(stage, cluster, gone=gone)
        self._trust = trust

    # ---- what it is

    @property
    def state(self) -> RunState:
        """How every index stands now; a frozen value, a new one after every change."""
        return self.follower.state

    @property
    def task(self) -> Task:
        """The function or cell that runs; unpickled from the stage, so of your own runs only (or with trust=True)."""
        return self.stage.task(trust=self._trust)

    def part(self, index: int) -> Any:
        """The rows of one index, as its attempt gets them."""
        return self.stage.part(self._index(index), trust=self._trust)

    def index_table(self) -> pd.DataFrame:
        """One row an index: index, key or first and last label, rows, bytes."""
        return self.stage.index_table(trust=self._trust)

    @cached_property
    def labels(self) -> list[str]:
        """What each index stands for, in a word or two: its key, or its first and last row label; "" if not known."""
        from kjnb.view import labels

        try:
            return labels.labels(self.index_table())
        except (StageError, OSError):  # pickled by somebody else, or no longer there: the view has its numbers still
            return [""] * self.completions

    @cached_property
    def _diagnosing(self) -> diagnosing.Diagnosing:
        return diagnosing.Diagnosing.of(self)

    def now(self) -> float:
        """Seconds since the epoch on the clock that `state`'s times are from."""
        return self.follower.now()

    # ---- what comes out

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until the run is over; RunTimeout after `timeout` seconds. Ctrl-C looks away, the run goes on."""
        self._wait_for(lambda: False, timeout)
        return self

    def result(self, timeout: float | None = None, partial: bool = False) -> Any:
        """Give back what the indexes returned, as one value in index order, once it is there.

        Frames are concatenated, dicts give a row an index, scalars a Series. RunFailed when the run is over and indexes
        have no result; `partial=True` never waits and gives what is there (what is not stands in `failures`).
        """
        self._wait_for_results(timeout, partial)
        return self.stage.collect(trust=self._trust)

    def results(self, timeout: float | None = None, partial: bool = False) -> dict[int, Any]:
        """Give back what each index returned, by index; waits and raises as `result` does."""
        self._wait_for_results(timeout, partial)
        return {index: self.stage.result(index, trust=self._trust) for index in self.stage.committed()}

    @property
    def failures(self) -> pd.DataFrame:
        """What went wrong: index, attempts, reason, exit_code, error, group, log_tail, traceback, rows, and which rows.

        An index is here if an attempt at it failed and it has no result yet, or if the run is over without its result.
        """
        table = None
        with contextlib.suppress(StageError, OSError):
            table = self.index_table()
        return failed.table(list(history.failures(self.stage, self.cluster, self.facts, self.state)), table)

    def logs(self, index: int, attempt: int = -1) -> str:
        """What an attempt at an index printed (stdout and stderr); `attempt` counts from 0, -1 is the last one.

        Raises UsageError when there is no such attempt.
        """
        index = self._index(index)
        tried = history.tried(self.stage, self.cluster, self.facts, index)
        number = whole(attempt)
        if number is None or not -len(tried) <= number < len(tried):
            fix = f"there are {len(tried)}, counted from 0; -1 is the last" if tried else "none has begun yet"
            raise UsageError(f"index {index} of {self.name} has no attempt {attempt!r}", fix=fix)
        wanted = tried[number]
        saved = self.stage.log(index, wanted.uid)
        if saved is None and self.cluster is not None:
            with contextlib.suppress(ClusterError):
                saved = self.cluster.log(wanted.pod)
        if saved is None:
            account = self.stage.attempt(index, wanted.uid) or {}
            saved = ((account.get("error") or {}).get("traceback") or "").encode()
        return saved.decode("utf-8", "replace")

    def debug(self, index: int) -> Any:
        """Run one index here, in this process, with its part; its exception is yours, for %debug."""
        __tracebackhide__ = True
        said = self.facts.get("trial") or {"index": self._index(index), "completions": self.completions}
        return self.task.call_locally(self.part(index), said["index"], said["completions"])

    # ---- steering it

    def suspend(self) -> steer.Suspended:
        """Let nothing run until `resume`: running pods are ended, and their indexes start again from zero.

        Returns how many those are. Raises UsageError when the run is over, has no Job any more, or is Kueue's.
        """
        going = self._steered("suspend")
        history.save_logs(self.stage, self.cluster, self.facts)
        running = self.state.counts[State.RUNNING]
        awake = [job for job in going if not job["spec"].get("suspend")]
        self._patch(awake, [{"suspend": True}] * len(awake))
        return steer.Suspended(running if awake else 0)

    def resume(self) -> Run:
        """Let a suspended run go on; one that is not suspended is left as it is. Raises as `suspend` does."""
        asleep = [job for job in self._steered("resume") if job["spec"].get("suspend")]
        self._patch(asleep, [{"suspend": False}] * len(asleep))
        return self

    def scale(self, parallelism: int) -> Run:
        """Let so many indexes run at the same time from now on; those that run beyond it are ended and start again.

        Raises UsageError with the bounds for what is no parallelism, and as `suspend` does.
        """
        wanted = steer.parallelism(parallelism, self.name)
        going = self._steered("scale")
        widths = steer.shares(wanted, [steer.left_of(job) for job in going])
        self._patch(going, [{"parallelism": width} for width in widths])
        return self

    def retry(self, indexes: Iterable[int] | int | None = None, **changes: Any) -> Run:
        """Run again what has no result, as a further Job of this run; results, errors and counts go on from here.

        While the run goes on these are the indexes that failed for good. `indexes` names some of them; `changes` are
        fields of JobSpec over those of the latest Job: memory="2Gi", timeout=600, parallelism=2. Prints what it does,
        or why there is nothing to do. Raises UsageError for an index that has a result or is still being tried, and
        for what cannot change.
        """
        print(retried(self, indexes, changes))  # noqa: T201
        return self

    # ---- ending it

    def stop(self) -> Run:
        """End the Job now; committed results, errors and logs stay, and what was running is given up.

        The Job gets an active deadline that has passed: plain batch/v1 then fails it, stops its pods and keeps the Job
        with its record, where deleting would lose it and suspending would leave it to be resumed by anybody. A Job that
        never started has no clock to pass a deadline, so it is started with room for no pod.
        """
        self._needs_cluster("stop")
        history.save_logs(self.stage, self.cluster, self.facts)
        going = [job for job in self._jobs() if not job_said.is_over(job)]
        if going:
            self._mark(stopped=self.now())
        for job in going:
            spec: dict[str, Any] = {"activeDeadlineSeconds": 0}
            if job["spec"].get("suspend"):
                spec |= {"suspend": False, "parallelism": 0}
            assert self.cluster is not None
            with contextlib.suppress(NotFound):
                self.cluster.patch("jobs", job["metadata"]["name"], {"spec": spec})
        return self

    def delete(self, results: bool = False) -> Deleted:
        """Remove the Jobs, pods and ConfigMaps; the stage stays, so `attach` still gives the results.

        With `results=True` the stage goes, too. Returns how many results and bytes were deleted with it.
        """
        if self.cluster is not None:
            history.save_logs(self.stage, self.cluster, self.facts)
            self.state  # noqa: B018  (the last look: it is recorded before the pods go)
            self.follower.close()
            for resource in ("jobs", "configmaps"):
                for item in self.cluster.list(resource, selector(self.facts))["items"]:
                    self.cluster.delete(resource, item["metadata"]["name"], uid=item["metadata"]["uid"])
        if not results:
            self._mark(deleted=self.now())
            self.cluster = None
            self.follower = Follower(self.stage, None, gone=True)
            return Deleted(0, 0, kept=True)
        registry.leave(self._entry())
        return Deleted(*self.stage.delete()) if self.stage.exists() else Deleted(0, 0)

    def manifests(self) -> list[dict[str, Any]]:
        """The Jobs as the cluster has them."""
        self._needs_cluster("show")
        return self._jobs()

    # ---- shown

    def status_text(self) -> str:
        """How it stands, in a line, with what keeps it if something does."""
        from kjnb.view import text, timeline

        state = self.state
        return text.line(state, timeline.timeline(state, self.now()), self._diagnosing.why(state, WHY_SECONDS))

    def diagnose(self) -> Diagnosis:
        """Ask why it does not go on, or what failed: `findings`, each a sentence with its fix, the gravest first.

        Reads the Jobs, pods and events that one may read; ClusterError if the cluster does not answer.
        """
        from kjnb.view import text, timeline

        state = self.state
        found = diagnosing.findings(state, self.cluster, self.facts, self.now())
        line = text.line(state, timeline.timeline(state, self.now()))
        return Diagnosis(self.name, line, found)

    def __repr__(self) -> str:
        return f"Run({self.name!r}: {self.status_text()})"

    def _repr_html_(self) -> str:
        from kjnb.view import text, timeline

        return text.html(self.state, timeline.timeline(self.state, self.now()), labels=self.labels)

    # ---- how

    def _index(self, index: int) -> int:
        number = whole(index)
        if number is None or not 0 <= number < self.completions:
            raise UsageError(f"{self.name} has no index {index!r}", fix=f"its indexes are 0 to {self.completions - 1}")
        return number

    def _needs_cluster(self, verb: str) -> None:
        if self.cluster is None:
            raise UsageError(f"{self.name} has no Job any more to {verb}", fix=f"what is left of it: {self.stage.root}")

    def _steered(self, verb: str) -> list[dict[str, Any]]:
        """The Jobs that a verb is for; a sentence if there is none."""
        self._needs_cluster(verb)
        return steer.going(self.name, self._jobs(), verb, self.state.outcome)

    def _patch(self, jobs: list[dict[str, Any]], specs: list[dict[str, Any]]) -> None:
        assert self.cluster is not None
        for job, spec in zip(jobs, specs, strict=True):
            steer.patch(self.cluster, self.name, job, spec)

    def _wait_for_results(self, timeout: float | None, partial: bool) -> None:
        if partial:
            return
        self._wait_for(lambda: self.state.counts[State.SUCCEEDED] >= self.completions, timeout)
        missing = sorted(set(range(self.completions)) - set(self.stage.committed()))
        if missing:
            raise self._failed(missing)

    def _wait_for(self, done: Callable[[], bool], timeout: float | None) -> None:
        """Wait; a cluster that does not answer is waited for, too, one that refuses us is not."""
        limit = time.monotonic() + seconds(timeout)
        said = False
        try:
            while not self.follower.until(done, min(LOOK_SECONDS, limit - time.monotonic())):
                if time.monotonic() >= limit:
                    what = f"{self.name} is not over after {timeout} s: {self.status_text()}"
                    raise RunTimeout(what, fix=self._back())
                trouble = self.follower.trouble
                if trouble and self.follower.silent > REFUSED_SECONDS and trouble.status in (401, 403, 404):
                    raise trouble
                if trouble and self.follower.silent > LOOK_SECONDS and not said:
                    print(f"{trouble.what}; {self.name} goes on, and is looked for", file=sys.stderr)  # noqa: T201
                    said = True
        except KeyboardInterrupt:
            print(f"{self.name} goes on. {self._back()}, as does %kjob watch {self.name}", file=sys.stderr)  # noqa: T201
            raise

    def _back(self) -> str:
        return f"kjnb.attach({self.name!r}) comes back to it"

    def _failed(self, missing: list[int]) -> RunFailed:
        """Say what is missing, by group of failures, and what to do."""
        how = HOW.get(self.state.outcome, "is not over, as far as its stage tells")
        what = f"{self.name} {how}: {len(missing):,} of {self.completions:,} indexes have no result"
        rows = list(history.failures(self.stage, self.cluster, self.facts, self.state))
        return RunFailed(
            f"{what}\n{failed.summary(rows, self.labels)}",
            fix=failed.advice(rows, self._latest_spec()),
            indexes=tuple(missing),
            run=self.name,
        )

    def _latest_spec(self) -> JobSpec:
        """The settings of the run's latest Job."""
        return JobSpec.checked(**(self.facts["jobs"][-1].get("spec") or self.facts["spec"]))

    def _jobs(self) -> list[dict[str, Any]]:
        assert self.cluster is not None
        return list(self.cluster.list("jobs", selector(self.facts))["items"])

    def _mark(self, **more: float) -> None:
        """Write into the stage what was done to the run."""
        self.facts = self.stage.mark(**more)
        self.follower.again()

    def _entry(self) -> registry.Entry:
        return registry.Entry(
            self.name,
            self.facts.get("context", ""),
            self.facts.get("namespace", ""),
            str(self.stage.root),
            self.facts.get("owner", ""),
            float(self.facts.get("created") or time.time()),
        )


def attach(name: str, trust: bool = False, cluster: Cluster | None = None) -> Run:
    """Find a run again: by name, by "context/namespace/name", or by the path of its stage.

    Looks in the session's cluster (or `cluster`), then in your registry, then among the stages. Without a Job the run
    is read from its stage alone. `trust=True` loads pickled results of a run that is not yours. Raises RunNotFound.
    """
    place = found.find(name, cluster)
    run = Run(place.stage, place.cluster, trust=trust, gone=place.gone)
    SESSION.last_run = run.name
    return run


def retried(
    run: Run, indexes: Any = None, changes: Mapping[str, Any] | None = None, cluster: Cluster | None = None
) -> str:
    """Retry a run, see `Run.retry`, in its cluster or where it was launched; returns what there is to say of it."""
    run.facts = run.stage.facts()
    cluster = run.cluster or cluster or found.home_of(run.facts)
    if run.cluster is not None and run.facts.get("stopped"):
        run.wait(STOPPED_SECONDS)  # what was stopped may still be ending
    said = retry.retry(run.stage, cluster, indexes, dict(changes or {}))
    run.cluster, run.facts = cluster, run.stage.facts()
    run.follower.again(cluster)
    return said


def runs(all: bool = False, cluster: Cluster | None = None) -> pd.DataFrame:
    """List your runs, or with `all` everybody's, the latest first: a row each, the columns are LISTED."""
    listed = pd.DataFrame(list(found.rows(cluster or SESSION.connect(), all=all)), columns=LISTED)
    times = [pd.to_datetime(t, unit="s" if isinstance(t, float) else None, utc=True) for t in listed["launched"]]
    listed["launched"] = pd.Series(times, index=listed.index, dtype="datetime64[ns, UTC]")
    return listed.sort_values("launched", ascending=False, ignore_index=True)


def the_run(value: Any) -> Run:
    """Check that this is a Run; a name, which is none, is refused with the call that makes one of it."""
    if isinstance(value, Run):
        return value
    fix = f"kjnb.attach({value!r}) gives the run of that name" if isinstance(value, str) else "kjnb.launch gives one"
    raise UsageError(f"a Run is needed, {value!r} was given", fix=fix)


def seconds(timeout: Any) -> float:
    """Check a time that one is willing to wait; None is for ever."""
    if timeout is None:
        return math.inf
    if isinstance(timeout, bool) or not isinstance(timeout, numbers.Real):
        raise UsageError(f"timeout must be seconds, {timeout!r} was given", fix="say timeout=60, or leave it out")
    return float(timeout)


def chart(run: Run) -> Any:
    """Draw a run as it stands now: a plotly figure, its grid with one cell an index."""
    from kjnb.view import chart as drawn
    from kjnb.view.timeline import timeline

    state = the_run(run).state
    return drawn.figure(state, timeline(state, run.now()), run.labels)
