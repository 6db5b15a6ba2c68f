"""PURE: what a request for a log asks for: PodLogOptions from a query, refused as the API server refuses them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from kjnb.embedded.api import answers, timestamps

INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
LONGEST = 2**63
NEGATIVE = "must be greater than or equal to 0"
NOT_POSITIVE = "must be greater than 0"
Query = Callable[[str], str]  # a parameter's value, "" if it is not given


class LogOptions(NamedTuple):
    """PodLogOptions, but for those that concern a kubelet's certificate."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    limit: int | None = None
    since_seconds: int | None = None
    since_time: float | None = None

    def since(self, now: float) -> float | None:
        """From when on lines are wanted, in seconds since the epoch."""
        return self.since_time if self.since_seconds is None else now - self.since_seconds

    @classmethod
    def parse(cls, query: Query, name: str) -> LogOptions:
        """From the query; 400 for what cannot be read, 422 for what does not hold."""
        options = cls(
            container=query("container"),
            follow=_flag(query("follow")),
            previous=_flag(query("previous")),
            timestamps=_flag(query("timestamps")),
            tail=_whole(query("tailLines")),
            limit=_whole(query("limitBytes")),
            since_seconds=_whole(query("sinceSeconds")),
            since_time=_moment(query("sinceTime")),
        )
        errors = options.errors(query("stream"))
        if errors:
            raise answers.invalid("PodLogOptions", "", name, errors)
        return options

    def errors(self, stream: str) -> list[answers.FieldError]:
        """The fields that do not hold. Both streams are one file here, so neither can be had alone."""
        found = []
        if self.tail is not None and self.tail < 0:
            found.append(_invalid("tailLines", self.tail, NEGATIVE))
        if self.limit is not None and self.limit < 1:
            found.append(_invalid("limitBytes", self.limit, NOT_POSITIVE))
        if self.since_seconds is not None and self.since_time is not None:
            words = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
            found.append(answers.FieldError("", "FieldValueForbidden", words))
        elif self.since_seconds is not None and self.since_seconds < 1:
            found.append(_invalid("sinceSeconds", self.since_seconds, NOT_POSITIVE))
        if stream not in ("", "All"):
            found.append(answers.FieldError("stream", "FieldValueForbidden", "Forbidden: may not be specified"))
        return found


def _invalid(field: str, value: int, why: str) -> answers.FieldError:
    return answers.FieldError(field, "FieldValueInvalid", f"Invalid value: {value}: {why}")


def _flag(text: str) -> bool:
    return text.lower() not in ("", "0", "false")


def _whole(text: str) -> int | None:
    if not text:
        return None
    if not INTEGER.fullmatch(text):
        raise answers.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if len(text) > 20 or not -LONGEST <= int(text) < LONGEST:
        raise answers.bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


def _moment(text: str) -> float | None:
    if text in ("", "null"):
        return None
    try:
        return timestamps.seconds(timestamps.canonical(text, micro=True))
    except ValueError as error:
        raise answers.bad_request(str(error)) from None
