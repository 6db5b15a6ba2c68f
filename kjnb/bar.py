"""A run in a terminal: one bar that moves until the run is over; Ctrl-C only looks away."""

from __future__ import annotations

import sys
import threading
from typing import Any

from tqdm import tqdm

from kjnb.model.state import RunState, State
from kjnb.run.handle import Run

LOOK = 0.25  # seconds between looks at the state
LOOKED_AWAY = 130  # the exit code after Ctrl-C


def follow(run: Run) -> int:
    """Show `run` until it ends. Returns 0 if it succeeded, 1 if not, 130 after Ctrl-C (the run goes on)."""
    pause = threading.Event()
    try:
        print(f"{run.name}: {run.completions} indexes.  Ctrl-C looks away, the run goes on.", flush=True)
        with tqdm(total=run.completions, desc=run.name, unit="index", dynamic_ncols=True, disable=None) as bar:
            while not move(bar, run.state).over:
                pause.wait(LOOK)
    except KeyboardInterrupt:
        print(f"Looked away; {run.name} goes on.  kjnb watch {run.name}", file=sys.stderr)
        return LOOKED_AWAY
    print(f"{run.name}: {run.status_text()}")
    return 0 if run.state.outcome == "succeeded" else 1


def move(bar: Any, state: RunState) -> RunState:
    """Set the bar to what `state` says, and give it back."""
    bar.set_postfix({word: state.counts[kind] for kind, word in SHOWN.items() if state.counts.get(kind)}, refresh=False)
    bar.update(state.counts.get(State.SUCCEEDED, 0) - bar.n)
    bar.refresh()
    return state


SHOWN = {State.RUNNING: "running", State.RETRYING: "retrying", State.FAILED: "failed"}
