"""Sets of completion indexes as a Job's status keeps them: "0,2-5", increasing, pairs as "3,4", three or more as "3-5".

A run of a million indexes is a handful of intervals while it goes well, so nothing here costs more than the intervals
and the indexes that are new.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable
from functools import lru_cache

Intervals = tuple[tuple[int, int], ...]  # (first, last), increasing, with a gap between neighbours


@lru_cache(maxsize=256)
def parse(text: str, completions: int) -> Intervals:
    """The intervals of such a string; indexes from `completions` on are left out."""
    found: list[tuple[int, int]] = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        start, end = int(first), min(int(last or first), completions - 1)
        if start > end:
            continue
        if found and found[-1][1] >= start - 1:
            start, end = found.pop()[0], end
        found.append((start, end))
    return tuple(found)


def text(intervals: Intervals) -> str:
    """The string that `parse` reads."""
    return ",".join(_words(first, last) for first, last in intervals)


def _words(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"


def total(intervals: Intervals) -> int:
    """How many indexes there are."""
    return sum(last - first + 1 for first, last in intervals)


def contains(intervals: Intervals, index: int) -> bool:
    """Whether the index is one of them."""
    place = bisect_right(intervals, index, key=lambda pair: pair[0]) - 1
    return place >= 0 and intervals[place][1] >= index


def common(some: Intervals, others: Intervals) -> int:
    """How many indexes are in both."""
    count = left = right = 0
    while left < len(some) and right < len(others):
        first, last = max(some[left][0], others[right][0]), min(some[left][1], others[right][1])
        count += max(0, last - first + 1)
        if some[left][1] < others[right][1]:
            left += 1
        else:
            right += 1
    return count


def merged(intervals: Intervals, new: Iterable[int]) -> Intervals:
    """The union with some more indexes."""
    more = sorted(set(new))
    if not more:
        return intervals
    found: list[tuple[int, int]] = []
    for first, last in sorted([*intervals, *((index, index) for index in more)]):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def first_missing(intervals: Intervals, count: int, completions: int, busy: Collection[int]) -> list[int]:
    """The lowest `count` indexes below `completions` that are in neither."""
    found: list[int] = []
    start = 0
    for first, last in (*intervals, (completions, completions)):
        for index in range(start, min(first, completions)):
            if len(found) >= count:
                return found
            if index not in busy:
                found.append(index)
        start = last + 1
    return found
