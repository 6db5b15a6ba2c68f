"""A pod in two words, and runs as lists of facts, for the tests of state and view."""

from __future__ import annotations

from kjnb.model.state import AttemptSeen, JobSeen, PodSeen, RunState, reduce

START = 1_700_000_000.0
EXIT = {"Succeeded": 0, "Failed": 1}
FAILED = (("Failed", "True", "FailedIndexes", "Job has failed indexes"),)
COMPLETE = (("Complete", "True", "CompletionsReached", ""),)


def pod(index, phase, *, job="r", attempt=1, rv=None, **more):
    """The attempt-th pod of an index: created `index` seconds after START, ended two seconds later."""
    order = {"Pending": 1, "Running": 2, "Succeeded": 3, "Failed": 3}[phase]
    created = START + index + 10 * (attempt - 1)
    values = {
        "exit_code": EXIT.get(phase),
        "created": created,
        "started": created + 1 if order > 1 else None,
        "finished": created + 2 if order > 2 else None,
        "node": "n1",
        "rv": rv if rv is not None else attempt * 10 + order,
    }
    return PodSeen(job, f"{job}-{index}-{attempt}", f"{job}-{index}-x{attempt}", index, phase, **(values | more))


def pods(text, **more):
    """ "0:Succeeded 1:Failed 1:Running": each next pod of an index is its next attempt."""
    tries, made = {}, []
    for word in text.split():
        index, phase = word.split(":")
        tries[index] = tries.get(index, 0) + 1
        made.append(pod(int(index), phase, attempt=tries[index], **more))
    return made


def job(completed="", failed="", *, name="r", rv=100, **more):
    """A Job's word."""
    return JobSeen(name, f"uid-{name}", rv=rv, completed=completed, failed=failed, **({"started": START} | more))


def account(index, outcome="failed", *, job="r", attempt=1, group="KeyError: 'carier', line 2", **more):
    """The worker's own account of that pod's attempt."""
    start = START + index + 10 * (attempt - 1) + 1.25
    values = {"start": start, "end": start + 0.5, "rows": 42, "exit_code": 1}
    if outcome == "failed":
        kind = group.partition(":")[0]
        values |= {"error_type": kind, "group": group, "message": "'carier'", "traceback": f"Traceback\n{kind}"}
    return AttemptSeen(index, f"{job}-{index}-{attempt}", outcome, **(values | more))


def run(completions, *facts, jobs=None, name="flights-1a2b3c", launched=None):
    """The state after these facts."""
    return reduce(RunState.new(name, completions, {"r": None} if jobs is None else jobs, launched), facts)
