"""The sentences of field errors, as Kubernetes words them."""

from __future__ import annotations

import json
from typing import Any

from kjnb.embedded.api.answers import FieldError


def wrong(field: str, value: Any, why: str) -> FieldError:
    """The value does not do."""
    said = (
        "null"
        if value is None
        else value
        if isinstance(value, int) and not isinstance(value, bool)
        else json.dumps(value)
    )
    return FieldError(field, "FieldValueInvalid", f"Invalid value: {said}: {why}")


def required(field: str, why: str = "") -> FieldError:
    """There is no value."""
    return FieldError(field, "FieldValueRequired", "Required value" + (f": {why}" if why else ""))


def unsupported(field: str, value: Any, known: tuple[str, ...]) -> FieldError:
    """The value is not one of the known ones."""
    listed = ", ".join(json.dumps(one) for one in known)
    return FieldError(
        field, "FieldValueNotSupported", f"Unsupported value: {json.dumps(value)}: supported values: {listed}"
    )


def duplicate(field: str, value: Any) -> FieldError:
    """The value is there already."""
    return FieldError(field, "FieldValueDuplicate", f"Duplicate value: {json.dumps(value)}")


def missing(field: str, value: Any) -> FieldError:
    """The value names something that is not there."""
    return FieldError(field, "FieldValueNotFound", f"Not found: {json.dumps(value)}")


def forbidden(field: str, why: str) -> FieldError:
    """The field may not be set here."""
    return FieldError(field, "FieldValueForbidden", f"Forbidden: {why}")


def too_long(field: str, most: int, what: str = "may not be more than {} bytes") -> FieldError:
    """There is too much of it."""
    return FieldError(field, "FieldValueTooLong", f"Too long: {what.format(most)}")


def at_least_zero(value: Any, field: str) -> list[FieldError]:
    """A number that may be missing, never negative."""
    if value is None or value >= 0:
        return []
    return [wrong(field, value, "must be greater than or equal to 0")]


def immutable(new: Any, old: Any, field: str) -> list[FieldError]:
    """The field must stay what it was."""
    return [] if new == old else [wrong(field, new, "field is immutable")]
