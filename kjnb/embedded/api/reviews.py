"""PURE: "may I?" and "who am I?": whoever holds the token is the owner of this cluster and may do everything."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api import answers, schema

Object = dict[str, Any]
OWNER = {"username": "kjnb:owner", "groups": ["system:masters", "system:authenticated"]}
EVERYTHING: Object = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}
ANSWERED: dict[str, tuple[str, str]] = {  # path → kind and version
    f"/apis/{version}/{kind.lower()}{'es' if kind.endswith('s') else 's'}": (kind, version)
    for kind, version in (
        ("SelfSubjectAccessReview", "authorization.k8s.io/v1"),
        ("SelfSubjectRulesReview", "authorization.k8s.io/v1"),
        ("SelfSubjectReview", "authentication.k8s.io/v1"),
    )
}


def review(path: str, body: Any) -> Object:
    """The answer to a review that was posted there. 400, 422."""
    kind, version = ANSWERED[path]
    spec = schema.posted(body, kind, (version,)).get("spec") or {}
    whole: Object = {"kind": kind, "apiVersion": version, "metadata": {}}
    if kind == "SelfSubjectReview":
        return {**whole, "status": {"userInfo": OWNER}}
    if kind == "SelfSubjectRulesReview":
        return {**whole, "spec": spec, "status": EVERYTHING}
    if ("resourceAttributes" in spec) == ("nonResourceAttributes" in spec):
        words = "Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        error = answers.FieldError("spec.resourceAttributes", "FieldValueInvalid", words)
        raise answers.invalid(kind, "authorization.k8s.io", "", [error])
    said = {"allowed": True, "reason": "the token's holder owns this cluster"}
    return {**whole, "spec": spec, "status": said}
