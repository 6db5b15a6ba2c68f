"""The map of indexes as numbers: one cell an index, or one cell a block of them where a run has more than one can see.

A block is coloured by the worst state in it and by the share of it that is done; a click on one leads to its indexes.
Live chart, static picture and report are drawn from the same cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kjnb.model.state import RunState, State
from kjnb.view.theme import columns

MOST_CELLS = 4_000
MOST_BLOCKS = 800
ROUND = (5, 10, 20, 25, 50, 100, 125, 200, 250, 500)
LEVELS = 16  # shades of a state: the last is that of a cell which is all of one kind
WORST = (
    State.SUCCEEDED,
    State.QUEUED,
    State.STARTING,
    State.RUNNING,
    State.RETRYING,
    State.LOST,
    State.FAILED,
)


@dataclass(frozen=True)
class Window:
    """What a map shows: the indexes from `first` up to `last`, without it, `step` of them in a cell."""

    first: int
    last: int
    step: int = 1

    @property
    def cells(self) -> int:
        """How many cells that is; the last one may hold fewer indexes."""
        return -(-(self.last - self.first) // self.step)

    @property
    def width(self) -> int:
        """Cells in a row."""
        return columns(self.cells)

    @property
    def rows(self) -> int:
        """Rows of cells."""
        return -(-self.cells // self.width)

    def of(self, cell: int) -> range:
        """The indexes of a cell."""
        begin = self.first + cell * self.step
        return range(begin, min(begin + self.step, self.last))

    def cell(self, row: int, column: int) -> int | None:
        """The cell at a place of the map, None where there is none."""
        cell = row * self.width + column
        return cell if 0 <= column < self.width and 0 <= cell < self.cells else None

    def into(self, cell: int) -> Window:
        """The map of one cell's indexes."""
        inside = self.of(cell)
        return Window(inside.start, inside.stop)


def whole(completions: int) -> Window:
    """The map of a whole run: a cell an index up to MOST_CELLS, then blocks of a round number."""
    if completions <= MOST_CELLS:
        return Window(0, completions)
    least = completions / MOST_BLOCKS
    step = next((number for number in ROUND if number >= least), math.ceil(least))
    return Window(0, completions, step)


@dataclass(frozen=True, eq=False)
class Cells:
    """What a map's cells hold: the worst state of each, and how many of its indexes are in each state."""

    window: Window
    worst: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]  # cells x states

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """How many indexes each cell stands for."""
        total: npt.NDArray[np.int64] = self.counts.sum(axis=1)
        return total

    @property
    def codes(self) -> npt.NDArray[np.uint8]:
        """State and shade of each cell as one number: state * LEVELS + level; the level is the share that is done."""
        done = self.counts[:, State.SUCCEEDED] * (LEVELS - 2) // np.maximum(self.sizes, 1)
        alike = self.counts.max(axis=1) == self.sizes
        return (self.worst * LEVELS + np.where(alike, LEVELS - 1, done)).astype(np.uint8)


def cells(state: RunState, window: Window) -> Cells:
    """The cells of a map, in one pass over the states."""
    states = state.states[window.first : window.last]
    if window.step == 1:
        counts = np.zeros((window.cells, len(State)), dtype=np.int64)
        counts[np.arange(window.cells), states] = 1
        return Cells(window, states, counts)
    places = np.arange(len(states)) // window.step * len(State) + states
    counts = np.bincount(places, minlength=window.cells * len(State)).reshape(window.cells, len(State))
    worst = np.zeros(window.cells, dtype=np.uint8)
    for one in WORST:
        worst[counts[:, one] > 0] = one
    return Cells(window, worst, counts)
