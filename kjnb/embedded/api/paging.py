"""PURE: `limit` and `continue` of lists: a page and the mark where the next one begins."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from kjnb.embedded.api import answers

Object = dict[str, Any]


def page(found: list[Object], limit: str, mark: str, version: str) -> tuple[list[Object], Object]:
    """(the page, the list's metadata). The mark is where the last page ended and the version of the first one. 400."""
    if mark:
        version, after = _opened(mark)
        found = sorted((obj for obj in found if place(obj) > after), key=place)
    if limit and not limit.lstrip("-").isdecimal():
        raise answers.bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax')
    most = int(limit or 0)
    if most <= 0 or len(found) <= most:
        return found, {"resourceVersion": version}
    found, left = sorted(found, key=place), len(found) - most
    sealed = base64.urlsafe_b64encode(json.dumps([version, place(found[most - 1])]).encode()).decode()
    return found[:most], {"resourceVersion": version, "continue": sealed, "remainingItemCount": left}


def place(obj: Object) -> list[str]:
    """Where an object stands in a list."""
    return [obj["metadata"].get("namespace") or "", obj["metadata"]["name"]]


def _opened(mark: str) -> tuple[str, list[str]]:
    try:
        version, after = json.loads(base64.urlsafe_b64decode(mark))
        return str(version), [str(after[0]), str(after[1])]
    except (binascii.Error, ValueError, TypeError, IndexError):
        raise answers.bad_request("invalid continue token: continue key is not valid") from None
