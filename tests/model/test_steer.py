"""A parallelism divided among a run's Jobs."""

import pytest

from kjnb.run.steer import shares


@pytest.mark.parametrize(
    ("total", "left", "each"),
    [
        (8, [40], [8]),
        (8, [30, 10], [6, 2]),
        (2, [100, 1], [1, 1]),
        (1, [3, 3], [1, 1]),
        (9, [1, 1, 1], [3, 3, 3]),
        (100, [1000, 1], [99, 1]),
    ],
)
def test_a_parallelism_is_divided_by_what_is_left(total, left, each):
    assert shares(total, left) == each
