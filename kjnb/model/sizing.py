"""What is chosen when the user says nothing: how many partitions, how many at a time, how much memory each.

Pure: from the frame's size and what the cluster can give. Everything chosen is said in a line, with why.
"""

from __future__ import annotations

import math
from typing import NamedTuple

MIB = 2**20
ROUNDS = 4  # indexes for each slot: late ones even out, and the map under the cell moves
INTERPRETER = 256 * MIB  # Python with pandas and pyarrow, with room
COPIES = 6  # of a part: as read, as the function's intermediate results, as the result
SHARE = 0.5  # of a core, for a pod
LEAST, MOST_OF_ALL = 512 * MIB, 0.8


class Room(NamedTuple):
    """What a cluster gives to pods in all: cores and bytes."""

    cores: float
    memory: int


def partitions(rows: int, room: Room | None, parallelism: int | None) -> int:
    """Choose a number of partitions: some for each slot, never more than rows."""
    slots = parallelism or (max(1, int(room.cores)) if room else 4)
    return max(1, min(rows, ROUNDS * slots))


def cpu(room: Room | None) -> float:
    """Choose a pod's cores: half a core or a little less, so that two pods fill one: while one starts or commits,
    the other computes (2 cores: 4 pods of 0.5; 1.8 cores: 4 of 0.45)."""
    if room is None or room.cores <= 0:
        return SHARE
    slots = max(1, math.ceil(room.cores - 0.25)) / SHARE
    return min(SHARE, math.floor(room.cores / slots * 100) / 100)


def memory(largest_part: int, room: Room | None) -> int:
    """Choose the memory of a pod in bytes, in steps of 128 MiB, at most what the cluster has."""
    wanted = max(LEAST, INTERPRETER + COPIES * largest_part)
    if room and room.memory:
        wanted = min(wanted, max(64 * MIB, int(room.memory * MOST_OF_ALL)))
    step = 128 * MIB if wanted >= LEAST else 16 * MIB
    return max(step, wanted // step * step)


def parallelism(completions: int, room: Room | None, cpu: float, bytes_each: int) -> int:
    """Choose how many indexes run at a time: what fits, by cores and by memory."""
    if room is None:
        return min(completions, 10)
    by_cores = int(room.cores / cpu) if cpu > 0 else completions
    by_memory = room.memory // bytes_each if bytes_each else completions
    return max(1, min(completions, by_cores, by_memory))
