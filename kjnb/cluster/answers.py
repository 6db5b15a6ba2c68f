"""What an API server's refusal becomes: one of our errors, in Kubernetes' words, with the next step.

Apart from the requests themselves so that every refusal of a real cluster can be read through without one.
"""

from __future__ import annotations

import json
from typing import Any

from kjnb.errors import ClusterError, Conflict, Expired, Forbidden, NotFound, Unreachable

KINDS: dict[int, type[ClusterError]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Expired}


def status_object(body: bytes) -> dict[str, Any]:
    """Read the Status that came with a refusal; a proxy's page or nothing at all becomes its text."""
    try:
        read = json.loads(body)
    except ValueError:
        return {"message": body[:300].decode("utf-8", "replace").strip()}
    return read if isinstance(read, dict) else {"message": str(read)}


def refusal(code: int, body: bytes, *, asked: str, context: str) -> ClusterError:
    """Turn an answer that was not a yes into the error to raise; `asked` is what was asked: "GET jobs/x"."""
    status = status_object(body)
    reason = str(status.get("reason") or "")
    message = str(status.get("message") or "no reason given")
    details = status.get("details")
    kind = KINDS.get(code, ClusterError)
    return kind(
        f"{context} answered {code} {reason or 'error'} to {asked}: {message}",
        fix=advice(code, reason, context, details if isinstance(details, dict) else {}),
        status=code,
        reason=reason,
        details=details if isinstance(details, dict) else {},
    )


def advice(code: int, reason: str, context: str, details: dict[str, Any]) -> str:
    """Say what to do about a refusal; empty where the message says all."""
    if code == 401:
        return f"the credentials of context {context} are not valid (any more): log in to the cluster again"
    if code == 403:
        kind = details.get("kind", "it")
        return f"ask for a Role that allows this on {kind}, or use another namespace: kjnb.use(context, namespace=...)"
    if reason == "AlreadyExists":
        return "choose another name"
    if code == 409:
        return "it was changed meanwhile: read it again, then try again"
    if code == 422:
        return "the field named above is not accepted by this cluster"
    if code == 429 or code >= 500:
        return "the API server is busy or in trouble: try again in a moment"
    return ""


def no_answer(error: Exception, *, server: str, context: str, local: bool) -> Unreachable:
    """Build the error for a server that did not answer at all."""
    fix = (
        "the embedded cluster is not running: `kjnb cluster start`, or kjnb.use('local') once more"
        if local
        else "is the network (VPN) there, and is it the cluster you mean? kjnb.use(...) chooses another"
    )
    return Unreachable(f"no answer from {server} (context {context}): {cause(error)}", fix=fix)


def cause(error: Exception) -> str:
    """Name the innermost reason of a chain of wrapped network errors."""
    reason = getattr(error, "reason", None)
    while isinstance(reason, Exception):
        error, reason = reason, getattr(reason, "reason", None)
    text = str(error).rsplit(">: ", 1)[-1].rsplit("object at 0x", 1)[-1]
    return text or type(error).__name__
