"""What is chosen when the user says nothing."""

import pytest

from kjnb.model import sizing
from kjnb.model.sizing import MIB, Room

TWO = Room(2.0, 8 * 1024 * MIB)


@pytest.mark.parametrize(
    ("rows", "room", "parallelism", "chosen"),
    [
        (1_000, TWO, None, 8),
        (1_000, TWO, 5, 20),
        (1_000, None, None, 16),
        (3, TWO, None, 3),
        (1_000, Room(0.5, 0), None, 4),
    ],
)
def test_some_partitions_for_each_slot_never_more_than_rows(rows, room, parallelism, chosen):
    assert sizing.partitions(rows, room, parallelism) == chosen


@pytest.mark.parametrize(
    ("room", "chosen"), [(None, 0.5), (Room(0, 0), 0.5), (TWO, 0.5), (Room(1.8, 0), 0.45), (Room(0.5, 0), 0.25)]
)
def test_two_pods_share_a_core(room, chosen):
    assert sizing.cpu(room) == chosen


@pytest.mark.parametrize(
    ("part", "room", "chosen"),
    [
        (1_000, None, 512),
        (100 * MIB, None, 768),
        (100 * MIB, Room(2, 600 * MIB), 480),
        (100 * MIB, Room(2, 0), 768),
        (1_000, Room(2, 10 * MIB), 64),
    ],
)
def test_memory_holds_the_part_some_times_over_but_fits_the_cluster(part, room, chosen):
    assert sizing.memory(part, room) == chosen * MIB


@pytest.mark.parametrize(
    ("completions", "room", "cpu", "memory", "chosen"),
    [
        (100, None, 0.5, MIB, 10),
        (3, None, 0.5, MIB, 3),
        (100, TWO, 0.5, 512 * MIB, 4),
        (100, TWO, 0.1, 1024 * MIB, 8),
        (100, TWO, 0.0, 0, 100),
        (100, TWO, 16.0, MIB, 1),
    ],
)
def test_as_many_at_a_time_as_fit(completions, room, cpu, memory, chosen):
    assert sizing.parallelism(completions, room, cpu, memory) == chosen
