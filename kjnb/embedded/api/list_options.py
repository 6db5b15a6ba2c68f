"""PURE: the query of a list or a watch, read and checked as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kjnb.embedded.api import answers
from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation.errors import forbidden, unsupported

Query = Callable[[str], str | None]
EXACT, NOT_OLDER = "Exact", "NotOlderThan"


class ListOptions(NamedTuple):
    """What is asked for; `initial` is sendInitialEvents, None when it is not said."""

    watch: bool = False
    labels: str = ""
    fields: str = ""
    limit: int = 0
    mark: str = ""  # the continue token
    version: str = ""
    match: str = ""
    initial: bool | None = None
    bookmarks: bool = False
    seconds: int = 0

    @property
    def at_version(self) -> bool:
        """The list is wanted as it was, not as it is."""
        if self.match:
            return self.match == EXACT
        return self.limit > 0 and self.version not in ("", "0")


def parse(query: Query, *, watch: bool = False) -> ListOptions:
    """The options of a request. 400 and 422."""
    options = ListOptions(
        watch or flag(query("watch")) or False,
        query("labelSelector") or "", query("fieldSelector") or "", number(query("limit")), query("continue") or "",
        query("resourceVersion") or "", query("resourceVersionMatch") or "", flag(query("sendInitialEvents")),
        flag(query("allowWatchBookmarks")) or False, number(query("timeoutSeconds")),
    )  # fmt: skip
    found = of_watch(options) if options.watch else of_list(options)
    if found:
        raise answers.invalid("ListOptions", "meta.k8s.io", "", found)
    if options.version and not options.version.isdecimal():
        text = options.version
        words = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise answers.Refused(answers.failure(500, None, words))
    if options.mark and options.version not in ("", "0"):
        raise answers.bad_request("specifying resource version is not allowed when using continue")
    return options


def flag(text: str | None) -> bool | None:
    """A yes or no of a query: a bare name is a yes; None when it is not there."""
    return None if text is None else text.lower() not in ("false", "0")


def number(text: str | None) -> int:
    """A number of a query, 0 when there is none. 400."""
    if not text:
        return 0
    if not text.removeprefix("-").isdecimal() or not text.isascii():
        raise answers.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if abs(int(text)) >= 2**63:
        raise answers.bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


def of_list(options: ListOptions) -> list[FieldError]:
    """What contradicts itself in the options of a list."""
    found, match, field = [], options.match, "resourceVersionMatch"
    if match and not options.version:
        found.append(forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if match and options.mark:
        found.append(forbidden(field, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in ("", EXACT, NOT_OLDER):
        found.append(unsupported(field, match, (EXACT, NOT_OLDER, "")))
    if match == EXACT and options.version == "0":
        found.append(forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if options.initial is not None:
        found.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return found


def of_watch(options: ListOptions) -> list[FieldError]:
    """What contradicts itself in the options of a watch."""
    found, match, field = [], options.match, "resourceVersionMatch"
    if options.initial is not None and match != NOT_OLDER:
        found.append(forbidden(field, f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER}"))
    if match and options.initial is None:
        words = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        found.append(forbidden(field, words))
    if match not in ("", NOT_OLDER):
        found.append(unsupported(field, match, (NOT_OLDER,)))
    if match and options.mark:
        found.append(forbidden(field, "resourceVersionMatch is forbidden when continue is provided"))
    return found
