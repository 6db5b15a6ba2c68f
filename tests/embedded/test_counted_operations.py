"""What a run costs per index does not grow with the run.

Counted, not timed: writes to the store by resource and kind, pods that the controller looked at, bytes of Job status
written, bytes and facts that go through the model's `reduce`. All are divided by the number of indexes, at 1,000 and
at 20,000 indexes with the same parallelism, on the real store, controller and scheduler, with pods that end at once
and a clock turned by hand.
"Equal" means: they differ, either way, by no more than 5 % plus 0.05 operations or 2 bytes an index. That is the
room for what a run costs once (at most 50 operations or 2,000 bytes of the small run), for the first and last tick,
and for indexes having more digits. Anything that grew with the run would differ by a factor of up to twenty.
"""

from __future__ import annotations

import pytest

from kjnb.cluster import decode
from kjnb.embedded.store.store import ENCODE
from kjnb.model.state import RunState, State, reduce
from tests.embedded.job_words import job
from tests.embedded.simulation import Simulation, watch_lines

PARALLELISM = 50
BATCH = 500  # events reduced at once


def succeed(pod: dict) -> str:
    return "Succeeded" if pod["status"]["phase"] == "Pending" else None


def run(completions: int) -> dict[str, float]:
    """Operations and bytes per index of a whole run."""
    simulation = Simulation()
    simulation.seen = []
    simulation.store.create("jobs", job(completions, PARALLELISM, backoffLimitPerIndex=1))
    simulation.until(lambda: simulation.condition("Complete"), kubelet=succeed)
    simulation.commit()
    assert simulation.job()["status"]["succeeded"] == completions
    counts = dict(simulation.counts)
    counts["pods looked at"] = simulation.jobs.looked_at
    jobs = [event.obj for event in simulation.seen if event.resource == "jobs"]
    counts["bytes of Job status"] = sum(len(ENCODE(obj["status"])) for obj in jobs)
    counts |= reduced(simulation, completions)
    return {name: count / completions for name, count in counts.items()}


def reduced(simulation: Simulation, completions: int) -> dict[str, int]:
    """Send all that a watch would say through the model's reducer; the bytes and facts that went through."""
    state = RunState.new("job", completions, {"job": None})
    size = passed = 0
    events = [event for event in simulation.seen or () if event.resource in ("pods", "jobs")]
    for start in range(0, len(events), BATCH):
        facts = []
        for event in events[start : start + BATCH]:
            [raw] = watch_lines([event], event.resource)
            size += len(raw)
            said = decode.line(raw)
            facts += decode.changed(event.resource, said.type, said.object)[1]
        passed += len(facts)
        state = reduce(state, facts)
    assert state.counts[State.SUCCEEDED] == completions
    return {"bytes through reduce": size, "facts through reduce": passed}


@pytest.fixture(scope="module")
def costs():
    return run(1_000), run(20_000)


def test_operations_per_index_are_equal_at_both_sizes(costs):
    small, large = costs
    print({name: (round(small.get(name, 0), 3), round(large[name], 3)) for name in sorted(large)})
    assert large["events ADDED"] < small["events ADDED"] < 1  # after a burst they are rationed by time
    assert large.get("events DELETED", 0) <= large["events ADDED"]  # beyond those that are kept, each goes once
    for name in (small.keys() | large.keys()) - {"events ADDED", "events DELETED"}:
        few, many = small.get(name, 0.0), large.get(name, 0.0)
        assert abs(many - few) <= 0.05 * few + (2 if name.startswith("bytes") else 0.05), name


def test_a_pod_is_written_four_times(costs):
    """Created, bound, ended, released."""
    for cost in costs:
        assert cost["pods ADDED"] == 1
        assert cost["pods MODIFIED"] == 3
