"""Reads many objects so that equal parts are one part: a Job's pods are alike but for their names and their ends.

While a cluster runs, its pods share what their Job gave them; this gives that back after a restart, in half the memory.
"""

from __future__ import annotations

from typing import Any

import msgspec

FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
LONGEST = 16 * 1024  # bytes of a part that is worth remembering
DEPTH = 2  # an object's fields, and theirs


class Sharing:
    """See the module. What it reads must not be changed; drop it when everything is read."""

    def __init__(self) -> None:
        self._known: dict[bytes, Any] = {}

    def decode(self, body: bytes) -> dict[str, Any]:
        """One object. msgspec.MsgspecError if it is none."""
        return {name: self._part(bytes(raw), DEPTH - 1) for name, raw in FIELDS.decode(body).items()}

    def _part(self, data: bytes, deeper: int) -> Any:
        if data in self._known:
            return self._known[data]
        if deeper and data.startswith(b"{"):
            return {name: self._part(bytes(raw), deeper - 1) for name, raw in FIELDS.decode(data).items()}
        read = msgspec.json.decode(data)
        if len(data) <= LONGEST:
            self._known[data] = read
        return read
