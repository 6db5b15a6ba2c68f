"""PURE: the answers of an API server that are no yes, as `Status` objects with Kubernetes' words and codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

Object = dict[str, Any]


class FieldError(NamedTuple):
    """One field that the server refuses: its path, the API's reason, the sentence."""

    field: str
    reason: str  # FieldValueInvalid, FieldValueRequired, FieldValueNotSupported, …
    message: str


class Refused(Exception):  # noqa: N818  (the word of the domain: a request that is refused, not a fault)
    """An answer with a code of 400 or more; `status` is the object to send."""

    def __init__(self, status: Object) -> None:
        super().__init__(status["message"])
        self.status = status
        self.code: int = status["code"]


def failure(code: int, reason: str | None, message: str, details: Object | None = None) -> Object:
    """A Status object that says no."""
    status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = details
    return {**status, "code": code}


def success(details: Object) -> Object:
    """A Status object that says yes: the answer to a delete."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def qualified(resource: str, group: str) -> str:
    """`jobs.batch`, `pods`: a resource as messages name it."""
    return f"{resource}.{group}" if group else resource


def details_of(resource: str, group: str, name: str) -> Object:
    """Whom a Status is about."""
    named = {"name": name, "group": group, "kind": resource}
    return {key: value for key, value in named.items() if value}


def not_found(resource: str, group: str, name: str) -> Refused:
    """404: no such object."""
    words = f'{qualified(resource, group)} "{name}" not found'
    return Refused(failure(404, "NotFound", words, details_of(resource, group, name)))


def no_such_path(why: str = "") -> Refused:
    """404: the server does not know this resource."""
    words = "the server could not find the requested resource"
    return Refused(failure(404, "NotFound", f"{words}: {why}" if why else words, {}))  # kubectl debug reads details


def already_exists(resource: str, group: str, name: str) -> Refused:
    """409: the name is taken."""
    words = f'{qualified(resource, group)} "{name}" already exists'
    return Refused(failure(409, "AlreadyExists", words, details_of(resource, group, name)))


def conflict(resource: str, group: str, name: str, why: str = "") -> Refused:
    """409: the object changed since it was read, or a precondition does not hold."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    words = f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}'
    return Refused(failure(409, "Conflict", words, details_of(resource, group, name)))


def bad_request(message: str) -> Refused:
    """400: what was sent cannot be understood."""
    return Refused(failure(400, "BadRequest", message))


def unauthorized() -> Refused:
    """401: no token, or not the right one."""
    return Refused(failure(401, "Unauthorized", "Unauthorized"))


def forbidden(message: str, details: Object | None = None) -> Refused:
    """403: understood, and not done."""
    return Refused(failure(403, "Forbidden", message, details))


def method_not_allowed() -> Refused:
    """405: the resource does not have this verb."""
    words = "the server does not allow this method on the requested resource"
    return Refused(failure(405, "MethodNotAllowed", words))


def expired(message: str) -> Refused:
    """410: the version is too old; list again."""
    return Refused(failure(410, "Expired", message))


def future_version(wanted: int, current: int) -> Refused:
    """504: a version that no object has yet; a replica that lags would say the same."""
    words = f"Too large resource version: {wanted}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return Refused(failure(504, "Timeout", words, {"causes": [cause], "retryAfterSeconds": 1}))


def too_large(limit: int) -> Refused:
    """413: the body is longer than the server reads."""
    words = f"Request entity too large: limit is {limit}"
    return Refused(failure(413, "RequestEntityTooLarge", words))


def unsupported_media_type(given: str, known: list[str], hint: str = "") -> Refused:
    """415: a body of a kind that the server does not read."""
    words = f"the body of the request was in an unknown format - {given}; accepted media types include: "
    words += ", ".join(known) + (f" ({hint})" if hint else "")
    return Refused(failure(415, "UnsupportedMediaType", words))


def unprocessable() -> Refused:
    """422 without causes: a patch that cannot be applied to this object."""
    return Refused(failure(422, "Invalid", "the server rejected our request due to an error in our request"))


def too_many() -> Refused:
    """429: as many hold the server as it serves at once."""
    return Refused(
        failure(429, "TooManyRequests", "Too many requests, please try again later.", {"retryAfterSeconds": 1})
    )


def internal(message: str) -> Refused:
    """500: the server could not do what it should."""
    return Refused(failure(500, "InternalError", f"Internal error occurred: {message}"))


def invalid(kind: str, group: str, name: str, errors: Sequence[FieldError]) -> Refused:
    """422: fields that do not hold, each with its cause."""
    said = list(dict.fromkeys(f"{error.field}: {error.message}" for error in errors))
    words = said[0] if len(said) == 1 else "[" + ", ".join(said) + "]"
    causes = [{"reason": e.reason, "message": e.message, "field": e.field} for e in errors]
    details = {**details_of(kind, group, name), "causes": causes}
    whom = f'{qualified(kind, group)} "{name}"' if kind else "the request"
    return Refused(failure(422, "Invalid", f"{whom} is invalid: {words}", details))
