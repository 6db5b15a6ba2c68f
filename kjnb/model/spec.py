"""JobSpec: what a user can ask of a run beside its data and its function.

Every field carries its help, its kind and its bounds, so that the call, the magic, the command line and a form
offer the same fields with the same words.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any

from kjnb.errors import UsageError
from kjnb.model.names import check_name as check_name
from kjnb.model.names import run_name as run_name
from kjnb.model.values import READERS, Asked

WEEK = 7 * 24 * 3600
INT32 = 2**31 - 1
MANY_COMPLETIONS = 100_000
MOST_FAILED_OF_MANY = 10_000


def option(help_text: str, kind: str, *, default: Any = None, low: int = 0, high: int = INT32, unset: str = "") -> Any:
    """A field of JobSpec: `kind` is a reader in values.py, `unset` says what holds when nothing is given."""
    return field(default=default, metadata={"help": help_text, "kind": kind, "low": low, "high": high, "unset": unset})


@dataclass(frozen=True)
class JobSpec:
    """A run's settings, named as the API's fields in snake_case; None means unset."""

    parallelism: int | None = option(
        "pods that run at the same time", "count", low=1, high=100_000, unset="what the cluster has room for"
    )
    cpu: str | None = option("CPU of each pod, request and limit: 2, 0.5 or 500m", "cpu", unset="half a core")
    memory: str | None = option(
        "memory of each pod, request and limit: 512Mi, 2Gi", "memory", unset="from the largest partition"
    )
    backoff_limit_per_index: int = option("further attempts that a failed index has", "count", default=1, high=98)
    max_failed_indexes: int | None = option(
        "failed indexes that end the whole run once exceeded", "count", high=100_000, unset="no limit"
    )
    timeout: int | None = option(
        "longest time of one attempt: seconds, or 90s, 10m, 2h", "duration", low=1, unset="no limit"
    )
    active_deadline_seconds: int = option(
        "longest time of the whole run, waiting included: seconds, or 10m, 2h, 7d", "duration", default=WEEK, low=1
    )
    ttl_seconds_after_finished: int | None = option(
        "when the cluster removes the finished Job and its pods: seconds, or 10m, 2h", "duration", unset="never"
    )
    seed: int | None = option(
        "seed of random and numpy.random, used with the index", "count", unset="from the fingerprint"
    )
    retry_on: tuple[str, ...] = option(
        "error types to retry that are otherwise not: KeyError,TypeError", "names", default=(), unset="none"
    )
    env: tuple[tuple[str, str], ...] = option(
        "variable of the pods: NAME=VALUE, or NAME for its value here; repeatable",
        "env",
        default=(),
        unset="none",
    )
    files: tuple[str, ...] = option(
        "file or folder to put in the pods' working directory; repeatable", "paths", default=(), unset="none"
    )
    image: str | None = option("container image of the pods", "text", unset="the cluster's default")

    @classmethod
    def checked(cls, *, environ: Mapping[str, str] | None = None, **values: Any) -> JobSpec:
        """The spec of these values, each read and checked; None is unset.

        `environ` is where `env=["NAME"]` takes its value from. UsageError names field, what was given, and the fix.
        """
        known = {f.name: f for f in fields(cls)}
        read: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise unknown_field(name, list(known))
            if value is not None:
                read[name] = read_value(known[name], name, value, environ or {})
        return cls(**read)

    def as_dict(self) -> dict[str, Any]:
        """All fields as JSON holds them; `JobSpec.checked(**that)` is the same spec."""
        return {name: jsonable(value) for name, value in asdict(self).items()}


def read_value(item: Field[Any], name: str, value: Any, environ: Mapping[str, str]) -> Any:
    """One field's value, read and checked; `name` is how the error calls it."""
    meta = item.metadata
    return READERS[meta["kind"]](Asked(name, value, meta["low"], meta["high"], environ))


def jsonable(value: Any) -> Any:
    """Tuples as lists, inside and out."""
    return [jsonable(item) for item in value] if isinstance(value, tuple | list) else value


def unknown_field(name: str, known: list[str]) -> UsageError:
    """The error for a setting that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name, known, n=1)
    fix = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(known)}"
    return UsageError(f"there is no setting {name!r}", fix=fix)


def check_size(spec: JobSpec, completions: int) -> None:
    """What the API server asks of a Job with very many completions; UsageError names the field."""
    if spec.max_failed_indexes is not None and spec.max_failed_indexes > completions:
        raise UsageError(
            f"max_failed_indexes={spec.max_failed_indexes:,} is more than the {completions:,} completions",
            fix=f"say max_failed_indexes={completions} or fewer, or leave it out",
        )
    if completions <= MANY_COMPLETIONS:
        return
    if spec.max_failed_indexes is None or spec.max_failed_indexes > MOST_FAILED_OF_MANY:
        raise UsageError(
            f"max_failed_indexes must be given, and at most {MOST_FAILED_OF_MANY:,}, with {completions:,} completions "
            f"({MANY_COMPLETIONS:,} are possible without)",
            fix="say max_failed_indexes=1000, or make fewer partitions",
        )
    if (spec.parallelism or 1) > MOST_FAILED_OF_MANY:
        raise UsageError(
            f"parallelism={spec.parallelism:,} is too much with {completions:,} completions",
            fix=f"say parallelism={MOST_FAILED_OF_MANY}, or make fewer partitions",
        )
