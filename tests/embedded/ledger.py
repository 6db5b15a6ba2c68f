"""A Job's pods by the committed events alone: every one is counted once, or rightly not at all."""

from __future__ import annotations

from kjnb.embedded.controllers.indexes import parse, total
from kjnb.embedded.controllers.job_pods import deleting, index_of, phase, terminal, tracked, uid
from kjnb.embedded.store.store import Event

KINDS = ("succeeded", "failed")
IGNORED_CODE = 9  # the exit code that the policy of these Jobs ignores


class Ledger:
    """`take` every event of one Job and its pods in order; AssertionError where the count goes wrong."""

    def __init__(self) -> None:
        self.job: dict = {}
        self.pods: dict[str, dict] = {}
        self.counted: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self.let_go: set[str] = set()  # stopped by the controller, for nobody's fault
        self.outside: set[str] = set()  # to be told: those that somebody else asked to stop
        self.own_end: set[str] = set()  # those that ended before anybody asked them to stop
        self.ended: dict[str, set[str]] = {phase: set() for phase in ("Succeeded", "Failed")}
        self.wanted_then = 0  # completions when the end was decided
        self.leaving = False  # whether the Job itself is to be deleted
        self.done: set[int] = set()  # indexes that succeeded, but for those that fewer completions made it forget

    def take(self, event: Event) -> None:
        """Account for one change."""
        if event.resource == "jobs":
            self._take_job(event)
        elif event.resource == "pods":
            self._take_pod(event)

    # -- the Job

    def _take_job(self, event: Event) -> None:
        old, self.job = self.status, event.obj
        self.leaving = self.leaving or deleting(event.obj) or event.type == "DELETED"
        self.done = {index for index in self.done if self._wanted(index)}
        if event.type == "DELETED":
            return
        self._check_end(old)
        if self.status is not old:
            self._check_status()

    def _check_end(self, old: dict) -> None:
        """What was decided stays decided, one way only, and nothing changes after the end."""
        before, now = verdicts(old), verdicts(self.status)
        assert before <= now, (before, now)
        if now and not before:
            self.wanted_then = self.job["spec"].get("completions", 1)
        assert not (now & {"Complete", "SuccessCriteriaMet"} and now & {"Failed", "FailureTarget"}), now
        assert now & {"FailureTarget", "SuccessCriteriaMet"} or not now & {"Failed", "Complete"}, now
        if before & {"Complete", "Failed"}:
            assert self.status == old

    def _wanted(self, index: int | None) -> bool:
        return index is not None and index < (self.job["spec"].get("completions") or 0)

    @property
    def status(self) -> dict:
        return self.job.get("status") or {}

    @property
    def indexed(self) -> bool:
        return self.job["spec"]["completionMode"] == "Indexed"

    def members(self, field: str) -> set[int]:
        """The indexes in completedIndexes or failedIndexes."""
        intervals = parse(self.status.get(field) or "", 100_000)
        return {index for first, last in intervals for index in range(first, last + 1)}

    def holds(self, condition: str) -> bool:
        return any(c["type"] == condition and c["status"] == "True" for c in self.status.get("conditions", ()))

    def _check_status(self) -> None:
        noted = self.status.get("uncountedTerminatedPods") or {}
        for kind in KINDS:
            for name in noted.get(kind, ()):
                if name not in self.counted[kind]:
                    self._note(kind, name)
        for kind in KINDS if not self.indexed else KINDS[1:]:
            number = self.status.get(kind, 0) + len(noted.get(kind, ()))
            assert number == len(self.counted[kind]), (kind, number, self.counted[kind], self.status)
            waiting = {name for name in self.counted[kind] if name in self.pods and tracked(self.pods[name])}
            assert waiting <= set(noted.get(kind, ())), f"counted before they were released: {waiting}, {self.status}"
        self._check_indexes()

    def _note(self, kind: str, name: str) -> None:
        pod = self.pods[name]
        other = self.counted[KINDS[1 - KINDS.index(kind)]]
        assert name not in other, f"{name} counted as both"
        assert tracked(pod), f"{name} noted after its release"
        if kind == "succeeded":
            assert phase(pod) == "Succeeded", pod["status"]
        else:
            assert self._is_failure(pod), (pod, self.status)
        self.counted[kind].add(name)

    def _is_failure(self, pod: dict) -> bool:
        """By its own end, by somebody's order to stop, or by the end of a Job that fails."""
        if self._ignored(pod) or phase(pod) == "Succeeded":
            return False
        if phase(pod) != "Failed" and self._waits_for_the_end() and not self.holds("FailureTarget"):
            return False
        by_order = deleting(pod) and (self.leaving or self.holds("FailureTarget"))
        return by_order or uid(pod) in self.own_end | self.outside

    def _waits_for_the_end(self) -> bool:
        return self.job["spec"].get("podReplacementPolicy") == "Failed"

    def _check_indexes(self) -> None:
        completed, lost = self.members("completedIndexes"), self.members("failedIndexes")
        assert not completed & lost
        assert completed | lost <= set(range(self.job["spec"].get("completions") or 0))
        if not self.indexed:
            return
        assert self.status.get("succeeded", 0) == total(parse(self.status.get("completedIndexes", ""), 100_000))
        assert completed <= {index_of(self.pods[name]) for name in self.ended["Succeeded"]}
        for index in lost:
            failures = [name for name in self.ended["Failed"] if index_of(self.pods[name]) == index]
            assert len(failures) > self.job["spec"]["backoffLimitPerIndex"], (index, failures)

    # -- its pods

    def _take_pod(self, event: Event) -> None:
        pod, name = event.obj, uid(event.obj)
        if event.type == "ADDED":
            done = {index for index in self.members("completedIndexes") if self._wanted(index)} | self.done
            done |= {index for index in self.members("failedIndexes") if self._wanted(index)}
            assert index_of(pod) is None or index_of(pod) not in done, f"{pod['metadata']['name']} was not needed"
            assert not self.leaving, "a pod for a Job that leaves"
            assert not verdicts(self.status), "a pod for a Job whose end is decided"
            assert [owner["uid"] for owner in pod["metadata"]["ownerReferences"]] == [uid(self.job)]
        else:
            assert phase(self.pods[name]) in ("Pending", "Running", phase(pod)), "a final phase was changed"
        if event.old is not None and tracked(event.old) and (event.type == "DELETED" or not tracked(pod)):
            self._released(event.old, pod, event.type == "DELETED")
        self.pods[name] = pod
        if terminal(pod) and not deleting(pod):
            self.own_end.add(name)
        if phase(pod) == "Succeeded":
            self.ended["Succeeded"].add(name)
            if tracked(pod) and self._wanted(index_of(pod)) and index_of(pod) not in self.members("failedIndexes"):
                self.done.add(index_of(pod))
        elif (phase(pod) == "Failed" or deleting(pod)) and not self._ignored(pod):
            self.ended["Failed"].add(name)  # it may yet succeed: then it is in both

    def _ignored(self, pod: dict) -> bool:
        states = [status["state"] for status in pod["status"].get("containerStatuses", ())]
        code = any(state.get("terminated", {}).get("exitCode") == IGNORED_CODE for state in states)
        return code and "podFailurePolicy" in self.job["spec"]

    def _released(self, old: dict, new: dict, gone: bool) -> None:
        """A pod without the finalizer was counted before, or there is a reason not to count it."""
        if any(uid(old) in self.counted[kind] for kind in KINDS) or self.leaving:
            return
        if self.indexed and not self._wanted(index_of(old)):
            return
        if not terminal(old) and not deleting(old):
            assert gone or deleting(new), f"{uid(old)} runs on uncounted"
            self.let_go.add(uid(old))
        elif phase(old) == "Succeeded":
            assert self.indexed, f"the success of {uid(old)} is forgotten: {self.status}"
            assert index_of(old) in self.members("completedIndexes") | self.members("failedIndexes"), self.status
        elif terminal(old):
            assert self._ignored(old), f"the failure of {uid(old)} is forgotten: {self.status}"
        else:
            assert self.holds("SuccessCriteriaMet"), f"the end of {uid(old)} is forgotten: {self.status}"
            assert self._waits_for_the_end()
            self.let_go.add(uid(old))


def verdicts(status: dict) -> set[str]:
    """The conditions that decide a Job's end and hold."""
    kinds = ("FailureTarget", "SuccessCriteriaMet", "Failed", "Complete")
    return {c["type"] for c in status.get("conditions") or () if c["type"] in kinds and c["status"] == "True"}
