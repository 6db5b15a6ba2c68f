"""What the buttons of a view do: one call of the API each, and what came of it in one line.

Called in a thread of its own; the picture changes when the events come back, not because a button was pressed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kjnb import phrases
from kjnb.errors import ClusterError, Forbidden, KjnbError
from kjnb.jupyter.panel import Asked
from kjnb.model import sizing
from kjnb.model.quantity import parse_quantity
from kjnb.run.handle import Run, retried


class Done(NamedTuple):
    """What came of a press; `refused` when the cluster does not let this user do it."""

    do: str
    said: str
    refused: bool = False


def suspend(run: Run, _: Asked) -> str:
    """Pause."""
    return f"{run.suspend()!r}"


def resume(run: Run, _: Asked) -> str:
    """Go on."""
    run.resume()
    return "it goes on"


def scale(run: Run, asked: Asked) -> str:
    """So many at a time."""
    number = asked.get("number")
    run.scale(number)  # type: ignore[arg-type]  # what a page says is checked there
    return f"{number:,} at a time from now on"


def retry(run: Run, _: Asked) -> str:
    """Run again what has no result."""
    return retried(run)


def stop(run: Run, _: Asked) -> str:
    """End it."""
    run.stop()
    return "it is being stopped; what is done stays"


def delete(run: Run, _: Asked) -> str:
    """Remove it."""
    return f"{run.delete()!r}"


DO: dict[str, Callable[[Run, Asked], str]] = {
    "suspend": suspend,
    "resume": resume,
    "scale": scale,
    "retry": retry,
    "stop": stop,
    "delete": delete,
}


def done(run: Run, asked: Asked) -> Done:
    """Do it; an error is its sentence."""
    do = str(asked["do"])
    try:
        return Done(do, DO[do](run, asked))
    except Forbidden as error:
        return Done(do, phrases.sentence(error, "%kjob"), refused=True)
    except KjnbError as error:
        return Done(do, phrases.sentence(error, "%kjob"))


def room(run: Run) -> int | None:
    """How many of the run's pods its cluster has room for; None where that may not be looked at."""
    try:
        found = run.cluster.allocatable() if run.cluster else None
    except ClusterError:
        return None
    if found is None:
        return None
    cores, each = quantity(run.spec.cpu), int(quantity(run.spec.memory))
    return sizing.parallelism(run.completions, sizing.Room(*found), cores, each)


def quantity(value: Any) -> float:
    """A quantity of the spec as a number, 0 where none is set."""
    return float(parse_quantity(str(value))) if value else 0.0
