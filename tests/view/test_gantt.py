"""The timeline: a bar an attempt, in lanes by node."""

from kjnb.model.state import Phase
from kjnb.view import gantt
from tests.model.facts import START, account, pod, pods, run


def drawn(*facts, completions=9, now=START + 100, far=None):
    return gantt.lanes(run(completions, *facts), now, far)


def test_bars_that_overlap_stand_in_lanes_of_their_own():
    facts = [pod(i, "Succeeded", created=at, started=at, finished=at + 10) for i, at in enumerate((0.0, 5.0, 10.0))]
    assert [[bar.index for bar in lane.bars] for lane in drawn(*facts)] == [[0, 2], [1]]


def test_lanes_stand_together_by_node():
    facts = [pod(i, "Succeeded", node=node, started=START) for i, node in enumerate(("n2", "n1", "n2", "n1"))]
    assert [lane.node for lane in drawn(*facts)] == ["n1", "n1", "n2", "n2"]


def test_an_attempt_lasts_as_its_own_account_says():
    told = account(0, "succeeded", node="n7")
    (lane,) = drawn(told)
    assert (lane.node, lane.bars[0].start, lane.bars[0].end) == ("n7", told.start, told.end)
    (lane,) = drawn(account(0, node="n8", end=None), pod(0, "Running", node=""))
    assert (lane.node, lane.bars[0].end) == ("n8", told.start)


def test_what_runs_lasts_until_now_and_what_was_taken_away_for_no_known_time():
    (lane,) = drawn(*pods("0:Running"))
    assert (lane.bars[0].start, lane.bars[0].end) == (START + 1, START + 100)
    (lane,) = drawn(pod(0, "Running", gone=True, rv=30))
    assert (lane.bars[0].phase, lane.bars[0].start, lane.bars[0].end) == (Phase.STOPPED, START + 1, START + 1)


def test_what_waits_for_a_node_has_no_bar():
    assert drawn(pod(0, "Pending", node="")) == ()
    (lane,) = drawn(pod(0, "Pending"))
    assert lane.bars[0].phase == Phase.STARTING


def test_a_bar_says_what_it_is():
    facts = [*pods("0:Failed 0:Failed 0:Running"), pod(1, "Running", gone=True), pod(2, "Pending")]
    found = sorted((bar for lane in drawn(*facts, far=50) for bar in lane.bars), key=lambda bar: bar[:2])
    assert [gantt.words(bar, ["<b>", "", "x"]) for bar in found] == [
        "index 0 · &lt;b&gt; · failed after 1.0 s · n1",
        "index 0 · &lt;b&gt; · attempt 2 · failed after 1.0 s · n1",
        "index 0 · &lt;b&gt; · attempt 3 · running · much longer than others · n1",
        "index 1 · stopped · n1",
        "index 2 · x · starting · much longer than others · n1",
    ]
    assert gantt.words(found[0], None).startswith("index 0 · failed")


def test_a_large_run_has_no_timeline():
    many = [pod(i, "Succeeded") for i in range(gantt.MOST_BARS + 1)]
    assert drawn(*many, completions=500) == ()
    wide = [pod(i, "Running", started=START) for i in range(gantt.MOST_LANES + 1)]
    assert drawn(*wide, completions=500) == ()
    assert len(drawn(*wide[:-1], completions=500)) == gantt.MOST_LANES
