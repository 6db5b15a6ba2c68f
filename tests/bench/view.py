"""What a redraw of the live view costs the kernel: CPU by the number of indexes: `python -m tests.bench.view`."""

from __future__ import annotations

import time

from kjnb.jupyter import live, static
from kjnb.model.state import JobSeen, PodSeen, RunState, reduce
from kjnb.view.timeline import timeline

START = 1_700_000_000.0
DRAWS = 10


def pods(first: int, last: int) -> list[PodSeen]:
    """Pods that ended, fifty a second; one in a hundred failed."""
    return [
        PodSeen(
            "r",
            f"uid-{i}",
            f"r-{i}",
            i,
            "Failed" if i % 100 == 5 else "Succeeded",
            created=START + i // 50,
            started=START + i // 50,
            finished=START + i // 50 + 1,
            node="n",
            rv=1,
        )
        for i in range(first, last)
    ]


def main() -> None:
    """Print a line for each size."""
    for count in (105, 1_000, 5_000, 20_000):
        half = count // 2
        state = reduce(RunState.new("run", count, {"r": None}), [JobSeen("r", "u", started=START), *pods(0, half)])
        labels = [f"rows {i * 100:,} – {i * 100 + 99:,}" for i in range(count)]
        view = live.LiveView(state, timeline(state, START + half / 50), labels)
        spent = 0.0
        for draw in range(DRAWS):
            state = reduce(state, pods(half + draw * 5, half + draw * 5 + 5))
            begun = time.process_time()
            view.draw(state, timeline(state, START + half / 50 + draw))
            spent += time.process_time() - begun
        begun = time.process_time()
        page = static.bundle(state, timeline(state, START + half / 50), "14:02", labels)
        told = time.process_time() - begun
        print(
            f"{count:>6,} indexes: {spent / DRAWS * 1000:5.1f} ms CPU a redraw; "
            f"static output {told * 1000:4.1f} ms, {len(page['text/html']) / 1000:.0f} kB"
        )


if __name__ == "__main__":
    main()
