"""The map's cells: an index each, or blocks of them with their worst state and the share that is done."""

import itertools

import pytest

from kjnb.model.state import State
from kjnb.view.mosaic import LEVELS, MOST_BLOCKS, MOST_CELLS, Window, cells, whole
from tests.model.facts import pod, pods, run


@pytest.mark.parametrize("completions", [1, 40, 105, MOST_CELLS, MOST_CELLS + 1, 20_000, 99_999, 100_000, 3_000_000])
def test_every_index_stands_in_one_cell(completions):
    window = whole(completions)
    assert window.cells <= (MOST_CELLS if window.step == 1 else MOST_BLOCKS)
    held = [window.of(cell) for cell in range(window.cells)]
    assert (held[0].start, held[-1].stop) == (0, completions)
    assert all(one.stop == other.start for one, other in itertools.pairwise(held))
    assert (window.step == 1) == (completions <= MOST_CELLS)
    assert window.rows * window.width >= window.cells


def test_a_click_leads_into_a_block():
    window = whole(100_000)
    cell = window.cell(1, 2)
    assert (window.step, cell) == (125, window.width + 2)
    inside = window.into(cell)
    assert inside == Window(cell * 125, cell * 125 + 125)
    assert inside.of(7) == range(cell * 125 + 7, cell * 125 + 8)
    assert whole(4_012).into(401) == Window(4_010, 4_012)


def test_beside_the_map_is_no_cell():
    window = Window(0, 90)
    assert [window.cell(*at) for at in ((2, 9), (2, 10), (3, 0), (0, window.width), (0, -1))] == [
        89,
        None,
        None,
        None,
        None,
    ]


def test_a_block_has_its_worst_state_and_the_share_that_is_done():
    facts = [pod(i, "Succeeded") for i in (*range(95), *range(100, 200), *range(200, 250))]
    facts += [*pods("96:Running 300:Running 400:Failed"), pod(401, "Pending", node="")]
    shown = cells(run(5_000, *facts), Window(0, 5_000, 100))
    assert shown.worst[:6].tolist() == [2, 4, 0, 2, 3, 0]
    assert shown.sizes.tolist() == [100] * 50
    assert shown.counts[0, [State.SUCCEEDED, State.RUNNING, State.QUEUED]].tolist() == [95, 1, 4]
    levels = [code % LEVELS for code in shown.codes[:4]]
    assert levels == [95 * 14 // 100, LEVELS - 1, 7, 0]
    assert shown.codes[5] == LEVELS - 1, "a block of one state is as a cell of one index"


def test_cells_of_single_indexes_say_their_state():
    state = run(200, *pods("0:Succeeded 150:Running"))
    shown = cells(state, Window(100, 200))
    assert shown.worst.tolist() == state.states[100:].tolist()
    assert (shown.codes // LEVELS).tolist() == shown.worst.tolist()
    assert shown.sizes.tolist() == [1] * 100
