"""PURE: "may I?" and "who am I?": whoever holds the token is the owner of this cluster and may do everything."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
OWNER = {"username": "kjnb:owner", "groups": ["system:masters", "system:authenticated"]}


def review(path: str, body: Any) -> Object | None:
    """The answer to a review that was posted; None for other paths."""
    given = body if isinstance(body, dict) else {}
    if path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
        said: Object = {"allowed": True, "reason": "the token's holder owns this cluster"}
        return {**given, "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": said}
    if path == "/apis/authentication.k8s.io/v1/selfsubjectreviews":
        whole = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {}}
        return {**whole, "status": {"userInfo": OWNER}}
    return None
