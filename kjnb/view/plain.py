"""What a program printed, as text that can be shown: bounded, without colours and control characters.

A log is whatever bytes a program wrote. Here it becomes lines of a page: escape sequences are left out, a progress bar
is its last picture, and what is no text is said to be none.
"""

from __future__ import annotations

import re

MOST_LINES = 200
LONGEST_LINE = 2_000
MOST_ODD = 0.1  # of characters that are no text: beyond it the whole is none
ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)
# control characters, and those that turn the direction of what follows them
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffd]")


def log_text(data: bytes, *, most: int = MOST_LINES) -> str:
    """The last lines of a log as plain text; a line that says so if it is not text."""
    text = ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n")
    odd = len(ODD.findall(text.replace("\r", "")))
    if odd > MOST_ODD * len(text):
        return f"(not text: {len(data):,} bytes)"
    lines = [shown(line) for line in text.rstrip().split("\n")]
    left_out = len(lines) - most
    return "\n".join([f"… {left_out:,} more lines above", *lines[-most:]] if left_out > 0 else lines)


def shown(line: str) -> str:
    """One line: what stands after the last return to its beginning, cut where it is long."""
    last = next((piece for piece in reversed(line.split("\r")) if piece), "")
    clean = ODD.sub("\ufffd", last)
    return clean if len(clean) <= LONGEST_LINE else f"{clean[: LONGEST_LINE - 1]}…"


def one_line(text: str, longest: int = 160) -> str:
    """The last line of a text that says something, cut."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = ODD.sub("\ufffd", lines[-1]) if lines else ""
    return last if len(last) <= longest else f"{last[: longest - 1]}…"
