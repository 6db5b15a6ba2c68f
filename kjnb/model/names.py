"""Names of runs: DNS labels that leave room for a retry's suffix and for the largest index's hostname."""

from __future__ import annotations

import re
import unicodedata

from kjnb.errors import UsageError

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_LENGTH = 63
MOST_RETRIES = 99
RETRY_SUFFIX = f"-r{MOST_RETRIES}"
DIGITS_OF_FINGERPRINT = 6


def room(completions: int) -> int:
    """How long a run's name may be, so that `<name>-r99-<largest index>` is still a DNS label."""
    return LABEL_LENGTH - len(RETRY_SUFFIX) - len(f"-{max(0, completions - 1)}")


def retry_name(run: str, number: int) -> str:
    """The name of a run's further Job, counted from 1; UsageError beyond what its name has room for."""
    if number > MOST_RETRIES:
        raise UsageError(
            f"{run} was retried {MOST_RETRIES} times already", fix="launch it again with fresh=True (--fresh)"
        )
    return f"{run}-r{number}"


def run_name(base: str, fingerprint: str, completions: int) -> str:
    """The name of a run that was not given one: `base`, made a DNS label, and six hex digits of its fingerprint."""
    suffix = f"-{fingerprint[:DIGITS_OF_FINGERPRINT]}"
    label = dns_label(base)[: room(completions) - len(suffix)].rstrip("-")
    return f"{label or 'run'}{suffix}"


def dns_label(text: str) -> str:
    """The nearest DNS label: "Flights_2013[x]" -> "flights-2013-x"; may be empty or too long."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def check_name(name: str, completions: int) -> str:
    """`name`, if a run of that many completions can have it; UsageError says what is wrong and a name that does."""
    most = room(completions)
    if not isinstance(name, str) or not LABEL.fullmatch(name):
        near = dns_label(str(name))[:most].rstrip("-") or "my-run"
        near = near if re.search("[a-z]", near) else f"run-{near}"[:most]
        raise UsageError(
            f"name {name!r} is not a DNS label: lower-case letters, digits and '-', a letter or digit at both ends",
            fix=f"say name={near!r}",
        )
    if not re.search("[a-z]", name):
        raise UsageError(
            f"name {name!r} has no letter, so it would be taken for an index", fix=f"say name='run-{name}'"
        )
    if len(name) > most:
        raise UsageError(
            f"name {name!r} has {len(name)} characters; with {completions:,} completions {most} are possible "
            f"(63 less a retry's suffix and the largest index)",
            fix=f"say name={name[:most].rstrip('-')!r}",
        )
    return name


def label_value(text: str) -> str:
    """The nearest value that a Kubernetes label can have; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain)[:LABEL_LENGTH].strip("-._")
