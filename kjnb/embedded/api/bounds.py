"""PURE: bounds of what is taken in and of what is sent besides: how deep a document may be, how long its warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DEEPEST = 200  # what is merged, compared and encoded level by level must stay within the stack
ALL_WARNINGS, ONE_WARNING = 4096, 256


def too_deep(body: bytes, document: Any) -> bool:
    """Whether objects and lists lie in each other more often than the server follows."""
    if body.count(b"{") + body.count(b"[") <= DEEPEST:
        return False
    level, depth = [document], 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [inner for one in level for inner in inside(one) if isinstance(inner, dict | list)]
    return depth > DEEPEST


def inside(one: Any) -> Sequence[Any]:
    """What lies one level below an object or a list."""
    return list(one.values()) if isinstance(one, dict) else one


def fitting(warnings: Sequence[str]) -> list[str]:
    """As many warnings as clients take in headers; when they are too long together, each is cut."""
    if sum(map(len, warnings)) > ALL_WARNINGS:
        warnings = [words[:ONE_WARNING] for words in warnings]
    kept, room = [], ALL_WARNINGS
    for words in warnings:
        room -= len(words)
        if room < 0:
            break
        kept.append(words)
    return kept
