"""The live fold of one run: facts from the cluster and from the stage, reduced to its state, for whoever waits for it.

A run that is over, or that has no Job any more, is read from its stage alone; nobody above notices the difference.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from kjnb.cluster import decode
from kjnb.cluster.client import Cluster
from kjnb.cluster.feed import Feed
from kjnb.errors import ClusterError, StageError
from kjnb.model.facts import AttemptSeen, CommitSeen, Fact, JobSeen, PodSeen, Relisted, ResultLost, attempt_seen
from kjnb.model.manifest import LAUNCH_LABEL, RUN_LABEL
from kjnb.model.state import RunState, State, reduce
from kjnb.run import job as job_said
from kjnb.run import recorder
from kjnb.stage.folder import Stage

FIRST_LOOK_SECONDS = 10.0


def selector(facts: dict[str, Any]) -> str:
    """Find the Jobs and pods of this very launch, not those of an earlier one by the same name."""
    return f"{RUN_LABEL}={facts['name']},{LAUNCH_LABEL}={facts['launch']}"


class Follower:
    """A run's state, kept up to date in the background from the first look on; thread-safe.

    `state` never waits for the cluster longer than the first look takes; `until` waits for a condition on it.
    """

    def __init__(self, stage: Stage, cluster: Cluster | None, *, gone: bool = False) -> None:
        self.stage, self.cluster = stage, cluster
        self._gone = gone  # the cluster was asked, and has no Job of the run any more
        self._facts = stage.facts()
        self._changed = threading.Condition()
        self._state: RunState | None = None
        self._feed: Feed | None = None
        self._recorder: recorder.Recorder | None = None
        self._listed: set[str] = set()
        self._read: set[str] = set()
        self._settled = False

    @property
    def state(self) -> RunState:
        """What is known now."""
        with self._changed:
            if self._state is None:
                self._begin()
            assert self._state is not None
            return self._state

    @property
    def settled(self) -> bool:
        """Whether the run is over and all there is to know about it is known; the first look is taken for that."""
        _ = self.state
        return self._settled

    @property
    def trouble(self) -> ClusterError | None:
        """Why nothing is heard from the cluster, if so."""
        return self._feed.trouble if self._feed else None

    @property
    def silent(self) -> float:
        """For how many seconds nothing could be heard from the cluster; 0 while all is well."""
        return self._feed.silent if self._feed else 0.0

    def now(self) -> float:
        """Seconds since the epoch, on the clock that the state's times are from."""
        return self.cluster.clock.now() if self.cluster else time.time()

    def until(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until `done()` or the run is settled; False when `timeout` seconds are over before."""
        limit = None if timeout is None else time.monotonic() + timeout
        _ = self.state
        with self._changed:
            while not (self._settled or done()):
                left = 1.0 if limit is None else min(1.0, limit - time.monotonic())
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def close(self) -> None:
        """Stop following; what was seen is in the stage."""
        feed, record = self._feed, self._recorder
        self._feed = self._recorder = None
        if feed:
            feed.close()
            feed.join()
        if record:
            record.close()

    def again(self, cluster: Cluster | None = None) -> None:
        """Read the stage once more: something was done to the run from here, perhaps in a cluster not asked so far.

        A run that was over is followed again if it has a further Job.
        """
        with self._changed:
            self._facts = self.stage.facts()
            if cluster is not None:
                self.cluster, self._gone = cluster, False
            if self._state is None:
                return
            self._retried()
            self._reduce(stage_facts(self.stage))
            if self._settled and self.cluster and not self._state.over:
                self._settled = False
                self._listen()

    def _retried(self) -> bool:
        """Take up further Jobs of the run; False if there are none."""
        assert self._state is not None
        maps = job_said.maps(self._facts)
        if maps == self._state.jobs:
            return False
        self._state = self._state.retried(maps)
        return True

    def _begin(self) -> None:
        """Start from what the stage knows; then, unless that is the end, hear what the cluster says."""
        completions, launched = int(self._facts["plan"]["completions"]), self._facts.get("created")
        self._state = RunState.new(self._facts["name"], completions, job_said.maps(self._facts), launched)
        self._reduce(stage_facts(self.stage))
        if self._gone or self._facts.get("deleted"):
            self._reduce([Relisted("jobs", None, frozenset()), Relisted("pods", None, frozenset())])
        if self.cluster is None or self._state.over:
            self._reduce(self._lost() if self._state.over else ())
            self._settled = True
            return
        self._listen()

    def _listen(self) -> None:
        """Hear what the cluster says from now on; waits a little for what it says first."""
        assert self.cluster is not None
        self._listed.clear()
        self._recorder = self._records()
        self._feed = Feed(self.cluster, selector(self._facts), self._take).start()
        limit = time.monotonic() + FIRST_LOOK_SECONDS
        while self._listed != {"jobs", "pods"} and time.monotonic() < limit and not self._feed.trouble:
            self._changed.wait(0.2)

    def _records(self) -> recorder.Recorder:
        assert self.cluster is not None
        return recorder.Recorder(self.stage, self.cluster, self._index_of)

    def _index_of(self, pod: PodSeen) -> int:
        return -1 if self._state is None else self._state.index_of(pod.job, pod.index)

    def _take(self, batch: list[Fact]) -> None:
        """Reduce a batch, with the workers' own accounts of the attempts that failed in it."""
        self._notice(batch)
        accounts = list(self._accounts(batch))
        with self._changed:
            self._listed.update(f.kind for f in batch if isinstance(f, Relisted))
            self._reduce([*batch, *accounts])
            over = self._state is not None and self._state.over and not self._settled
        if self._recorder:
            self._recorder.take(batch)
        if over:
            self._settle()

    def _notice(self, batch: list[Fact]) -> None:
        """Read the stage once more when a Job turns up that is not known here: somebody else retried the run."""
        jobs = {fact.name for fact in batch if isinstance(fact, JobSeen)}
        jobs |= {fact.job for fact in batch if isinstance(fact, PodSeen)}
        with self._changed, contextlib.suppress(StageError):
            if self._state is not None and jobs - self._state.jobs.keys():
                self._facts = self.stage.facts()
                if self._retried():
                    self._reduce(CommitSeen(index) for index in self.stage.committed())

    def _accounts(self, batch: list[Fact]) -> Iterable[AttemptSeen]:
        for fact in batch:
            if isinstance(fact, PodSeen) and fact.phase == "Failed" and fact.uid not in self._read:
                account = self.stage.attempt(self._index_of(fact), fact.uid)
                if account:
                    self._read.add(fact.uid)
                    yield attempt_seen(account)

    def _settle(self) -> None:
        """After the end: look at all pods once more, then at the stage; then there is nothing left to follow.

        Unless the run was retried meanwhile: then it goes on.
        """
        last: list[Fact] = []
        if self.cluster:
            try:
                for raw in self.cluster.pages("pods", selector(self._facts)):
                    last += decode.page("pods", raw).facts
            except ClusterError:
                pass  # what the watch said has to do
        if self._recorder:
            self._recorder.take(last)
            self._recorder.close()
        with self._changed:
            self._reduce([*last, *stage_facts(self.stage, records=False)])
            self._reduce(self._lost())
            assert self._state is not None
            self._settled = self._state.over
            self._changed.notify_all()
            if not self._settled:
                self._recorder = self._records()
            elif self._feed:
                self._feed.close()

    def _lost(self) -> list[Fact]:
        """Indexes that the cluster counts as done, and that have no result: somebody took it, or it was torn."""
        assert self._state is not None
        missing = (self._state.states == State.SUCCEEDED) & ~self._state.committed
        return [ResultLost(int(index)) for index in missing.nonzero()[0]]

    def _stopped(self) -> bool:
        """Whether the stage says that somebody, here or elsewhere, stopped the run."""
        with contextlib.suppress(StageError):
            self._facts = self.stage.facts()
        return bool(self._facts.get("stopped"))

    def _reduce(self, batch: Iterable[Fact]) -> None:
        assert self._state is not None
        state = reduce(self._state, list(batch))
        if state.over and state.outcome == "failed" and self._stopped():
            state = replace(state, outcome="stopped")  # a Job that was stopped ends as any that failed
        self._state = state
        self._changed.notify_all()


def stage_facts(stage: Stage, *, records: bool = True) -> list[Fact]:
    """All that a stage knows of its run: what clients saw, what workers say, and the results there are."""
    try:
        seen = list(recorder.facts(stage.records())) if records else []
        told = [attempt_seen(a) for a in stage.attempts()]
        return [*seen, *told, *(CommitSeen(index) for index in stage.committed())]
    except (StageError, FileNotFoundError):
        return []
