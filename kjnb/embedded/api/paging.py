"""PURE: `limit` and `continue` of lists: a page, and the mark where the next one begins."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NamedTuple

from kjnb.embedded.api import answers

Object = dict[str, Any]
TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


class Mark(NamedTuple):
    """Where a page ended, and the version of its list; version None: of whatever is there now."""

    version: int | None
    after: list[str]

    def sealed(self) -> str:
        """The continue token."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode()


def opened(token: str) -> Mark:
    """A continue token, read. 400."""
    try:
        version, (namespace, name) = json.loads(base64.urlsafe_b64decode(token))
        return Mark(None if version is None else int(version), [str(namespace), str(name)])
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError):
        raise answers.bad_request("continue key is not valid") from None


def too_old(mark: Mark) -> answers.Refused:
    """410, with the mark by which the list can be gone on with as it is now."""
    refused = answers.expired(TOO_OLD)
    refused.status["metadata"] = {"continue": Mark(None, mark.after).sealed()}
    return refused


def page(
    found: list[Object], limit: int, mark: Mark | None, version: int, counted: bool
) -> tuple[list[Object], Object]:
    """(the page, the list's metadata). What is left is `counted` only in a list without selectors."""
    if mark is not None:
        found = sorted((obj for obj in found if place(obj) > mark.after), key=place)
    meta: Object = {"resourceVersion": str(version)}
    if limit <= 0 or len(found) <= limit:
        return found, meta
    found, left = sorted(found, key=place), len(found) - limit
    meta["continue"] = Mark(version, place(found[limit - 1])).sealed()
    return found[:limit], {**meta, "remainingItemCount": left} if counted else meta


def place(obj: Object) -> list[str]:
    """Where an object stands in a list."""
    return [obj["metadata"].get("namespace") or "", obj["metadata"]["name"]]
