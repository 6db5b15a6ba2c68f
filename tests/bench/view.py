"""What a redraw of the live view costs: CPU of the kernel, messages and bytes to a page: `python -m tests.bench.view`.

Between two redraws 500 indexes change (five in small runs), in order or all over the map; one in a hundred fails.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any, NamedTuple

import comm
from comm.base_comm import BaseComm

from kjnb.jupyter import live, static
from kjnb.model.state import JobSeen, PodSeen, RunState, reduce
from kjnb.view.timeline import timeline

START = 1_700_000_000.0
DRAWS = 20
MOST_BYTES, MOST_MESSAGES, MOST_MS = 16_000, 4, 10.0  # at 100,000 indexes


class Counting(BaseComm):
    """A comm that counts what it would send."""

    sent: list[int] = []  # noqa: RUF012 - one count for all widgets

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        size = len(json.dumps(data or {})) + sum(memoryview(one).nbytes for one in buffers or ())
        self.sent.append(size)


def pods(indexes: list[int]) -> list[PodSeen]:
    """Pods that ended, fifty a second; one in a hundred failed."""
    return [
        PodSeen(
            "r",
            f"uid-{i}",
            f"r-{i}",
            i,
            "Failed" if i % 100 == 5 else "Succeeded",
            exit_code=int(i % 100 == 5),
            created=START + i // 50,
            started=START + i // 50,
            finished=START + i // 50 + 1,
            node=f"node-{i % 7}",
            rv=1,
        )
        for i in indexes
    ]


class Cost(NamedTuple):
    """A redraw on average: milliseconds of CPU (and of the worst one), messages, bytes; then the static output's."""

    ms: float
    worst_ms: float
    messages: float
    size: float
    static_ms: float
    static_size: int


def redraws(count: int, *, scattered: bool) -> Cost:
    """Redraw a run of which half is done."""
    order = list(range(count))
    if scattered:
        random.Random(7).shuffle(order)
    half, step = count // 2, 500 if count > 10_000 else 5
    state = reduce(RunState.new("r", count, {"r": None}), [JobSeen("r", "u", started=START, parallelism=900)])
    state = reduce(state, pods(order[:half]))
    labels = [f"rows {i * 100:,} – {i * 100 + 99:,}" for i in range(count)]
    view = live.LiveView(state, timeline(state, START + half / 50), labels)
    Counting.sent.clear()
    spent = []
    for draw in range(DRAWS):
        state = reduce(state, pods(order[half + draw * step : half + (draw + 1) * step]))
        begun = time.process_time()
        view.draw(state, timeline(state, START + half / 50 + draw))
        spent.append(1000 * (time.process_time() - begun))
    messages, size = len(Counting.sent) / DRAWS, sum(Counting.sent) / DRAWS
    begun = time.process_time()
    page = static.bundle(state, timeline(state, START + half / 50), "14:02", labels)
    told = 1000 * (time.process_time() - begun)
    return Cost(sum(spent) / DRAWS, max(spent), messages, size, told, len(page["text/html"]))


def main() -> None:
    """Print a line for each size."""
    comm.create_comm = Counting
    for count in (105, 1_000, 4_000, 20_000, 100_000):
        for scattered in (False, True):
            cost = redraws(count, scattered=scattered)
            print(
                f"{count:>7,} indexes {'all over' if scattered else 'in order'}: {cost.ms:4.1f} ms CPU a redraw "
                f"(at most {cost.worst_ms:4.1f}), {cost.messages:.1f} messages, {cost.size / 1000:5.1f} kB; "
                f"static output {cost.static_ms:4.1f} ms, {cost.static_size / 1000:.0f} kB"
            )
    print(f"asked at 100,000: {MOST_MS:.0f} ms, {MOST_MESSAGES} messages, {MOST_BYTES / 1000:.0f} kB")


if __name__ == "__main__":
    main()
