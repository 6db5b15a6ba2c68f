"""A trial: one partition on the cluster, as a small run of its own, and what it tells about the whole.

Its task sees the index and the number of completions that it would have in the whole run.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import numpy as np

from kjnb.errors import UsageError
from kjnb.model.partition import Partitions, Plan
from kjnb.model.quantity import MIB, memory_quantity, parse_quantity
from kjnb.model.spec import JobSpec
from kjnb.model.values import whole as whole_number
from kjnb.run.handle import Run
from kjnb.view.words import duration_text

HEADROOM, STEP = 1.5, 64 * MIB


@dataclass(frozen=True)
class Trial:
    """What came of one partition: `value` is its result, `seconds` and `peak` (bytes, None if unknown) what it took.

    `whole` says what that means for the run as a whole, in a sentence.
    """

    run: Run
    index: int
    value: Any
    seconds: float
    peak: int | None
    whole: str

    @property
    def text(self) -> str:
        """Duration, peak memory and the scaled estimate, in two lines."""
        peak = "" if self.peak is None else f", peak memory {self.peak / MIB:,.0f} MiB"
        return f"index {self.index}: {took(self.seconds)}{peak}\n{self.whole}"

    def __repr__(self) -> str:
        return f"{self.text}\n{self.value!r}"

    def _repr_html_(self) -> str:
        shown = getattr(self.value, "_repr_html_", lambda: None)() or f"<pre>{html.escape(repr(self.value))}</pre>"
        return f"<div>{'<br>'.join(map(html.escape, self.text.splitlines()))}</div>{shown}"


def chosen_index(planned: Partitions, asked: Any) -> int:
    """The partition to try: the one that was named, or with True the one with the most rows."""
    if asked is True:
        return int(np.argmax(planned.plan.sizes))
    number = whole_number(asked)
    if number is None or not 0 <= number < len(planned):
        raise UsageError(f"trial: there is no index {asked!r}", fix=f"the indexes are 0 to {len(planned) - 1}")
    return number


def one_part(planned: Partitions, index: int) -> Partitions:
    """The plan of this partition alone, with its key."""
    plan, part = planned.plan, planned[index]
    keys = None if plan.keys is None else (plan.keys[index],)
    members = None if plan.members is None else (plan.members[index],)
    alone = Plan(1, plan.kind, plan.by, None, np.array([0, len(part)], dtype=np.int64), keys, members)
    return Partitions(part, alone, planned.name)


def outcome(run: Run, planned: Partitions, spec: JobSpec) -> Trial:
    """Wait for a trial and say what it tells about `planned` with `spec`. RunFailed if it failed."""
    value = run.wait().results()
    account = next(a for a in reversed(run.stage.attempts()) if a["outcome"] == "succeeded")
    seconds, index = account["end"] - account["start"], int(run.facts["trial"]["index"])
    peak = (account.get("usage") or {}).get("max_rss_bytes")
    sentences = [time_text(planned, index, seconds, spec.parallelism or 1)]
    if peak and spec.memory:
        sentences.append(memory_text(peak, spec.memory))
    return Trial(run, index, value[0], seconds, peak, "; ".join(sentences))


def time_text(planned: Partitions, index: int, seconds: float, parallelism: int) -> str:
    """How long the whole may take, if the time of an index goes with its rows."""
    sizes = planned.plan.sizes
    a_row = seconds / max(1, int(sizes[index]))
    about = max(a_row * float(sizes.sum()) / min(parallelism, len(planned)), a_row * float(sizes.max()))
    word = "index" if len(planned) == 1 else "indexes"
    scaled = "less than a second" if about < 1 else f"about {duration_text(about)}"
    return f"{len(planned):,} {word} at parallelism {parallelism:,}: {scaled} by the rows, and what pods take to start"


def took(seconds: float) -> str:
    """A time that may be very short."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration_text(seconds)


def memory_text(peak: int, memory: str) -> str:
    """Whether the memory that is asked for is too little or more than enough."""
    enough = memory_quantity(-(-peak * HEADROOM // STEP) * STEP)
    if peak * HEADROOM > parse_quantity(memory):
        return f"memory={enough!r} would be safer than {memory}: peak {peak / MIB:,.0f} MiB"
    return f"memory={enough!r} would be enough, {memory} are asked for: peak {peak / MIB:,.0f} MiB"
