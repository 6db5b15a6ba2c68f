"""The launcher's bars and its pieces of HTML."""

import numpy as np
import pytest

from kjnb.model.state import State
from kjnb.view import launching, sizes
from kjnb.view.theme import COLOURS

EVIL = "<img src=x onerror=alert(1)>\"'"


def test_a_bar_for_each_of_a_few_partitions():
    drawn = sizes.bars(np.array([5, 1, 0]), ["<b>AA", "", "UA"])
    assert (drawn.heights, drawn.firsts, drawn.width) == ([5, 1, 0], [0, 1, 2], 1)
    assert drawn.words == ["index 0 · &lt;b&gt;AA · 5 rows", "index 1 · 1 row", "index 2 · UA · 0 rows"]
    assert sizes.bars(np.array([5])).words == ["index 0 · 5 rows"]


@pytest.mark.parametrize("count", [201, 1000, 100_000])
def test_never_more_bars_than_fit(count):
    rows = np.full(count, 7)
    rows[count - 1] = 90
    drawn = sizes.bars(rows)
    assert len(drawn.heights) <= sizes.MOST_BARS
    assert drawn.heights[-1] == 90, "a block is as high as its largest partition"
    assert drawn.words[0] == f"indexes 0-{drawn.width - 1:,} · 7 rows each"


def test_a_block_says_its_range():
    rows = np.array([*range(400)])
    assert sizes.bars(rows).words[1] == "indexes 2-3 · 2-3 rows each"


@pytest.mark.parametrize(
    ("rows", "times", "words"),
    [
        ([4, 4], 1.0, "all of about the same size"),
        ([9, 1, 2], 2.25, "the largest has 2.2 times the mean"),
        ([0, 0], 1.0, "all of about the same size"),
        ([], 1.0, "all of about the same size"),
    ],
)
def test_skew(rows, times, words):
    assert sizes.skew(np.array(rows)) == times
    assert sizes.skew_words(np.array(rows)) == words


def test_what_is_far_above_the_mean_stands_out():
    drawn = sizes.trace(np.array([9, 1, 2]), ["a", "b", "c"])
    assert drawn["marker"]["color"] == [COLOURS[State.RETRYING], COLOURS[State.RUNNING], COLOURS[State.RUNNING]]
    assert drawn["x"] == [0, 1, 2]
    wide = sizes.trace(np.arange(400))
    assert (wide["x"][0], len(wide["width"])) == (0.5, 200)
    assert sizes.trace(np.array([], dtype=np.int64))["y"] == []


def test_ticks_are_whole_numbers():
    assert sizes.layout(np.array([4, 2]))["yaxis"]["dtick"] == 1
    assert sizes.layout(np.array([40, 2]))["yaxis"]["dtick"] is None


def test_the_mean_is_a_line():
    assert sizes.layout(np.array([4, 2]))["shapes"][0]["y0"] == 3
    assert sizes.layout(np.array([], dtype=np.int64))["shapes"][0]["y0"] == 0
    assert sizes.empty_layout()["height"] == sizes.HEIGHT


@pytest.mark.parametrize(
    "made",
    [
        launching.label(EVIL, EVIL),
        launching.label(EVIL, "", EVIL),
        launching.wrong(EVIL),
        launching.quiet(EVIL, ""),
        launching.advice([launching.Word(EVIL, True), launching.Word(EVIL, False)]),
        launching.code(EVIL, EVIL),
        launching.block(EVIL),
        launching.outcome(EVIL, [EVIL, ""], bad=True),
        launching.outcome(EVIL, []),
        launching.static(EVIL, EVIL),
    ],
)
def test_data_is_no_markup(made):
    assert "<img" not in made
    assert "&lt;img" in made


def test_nothing_is_said_of_nothing():
    assert launching.wrong("") == ""
    assert launching.advice([]) == ""
    assert "one; two" in launching.wrong("one\n  two\n")
