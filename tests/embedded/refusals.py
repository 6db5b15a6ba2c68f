"""Whole objects as they pass every check, and what is said when one field of them is changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from kjnb.embedded.api import defaults
from kjnb.embedded.api.answers import FieldError

Object = dict[str, Any]
GONE = object()  # as a value: the field is not there


def a_job(**spec: Any) -> Object:
    """An Indexed Job of three, defaults filled in, with a selector that selects everything; of `spec`, too."""
    return a_new_job(manualSelector=True, selector={}, **spec)


def a_new_job(**spec: Any) -> Object:
    """The same without a selector, as it comes."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1"}]}
    given = {"completions": 3, "completionMode": "Indexed", "template": {"spec": pod}, **spec}
    return defaults.job({"kind": "Job", "metadata": {"name": "a"}, "spec": given})


def a_pod() -> Object:
    """A pod, defaults filled in."""
    return defaults.pod({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "busybox:1"}]}})


def changed(obj: Object, path: str, value: Any) -> Object:
    """A copy with another value at `spec.containers.0.name`."""
    whole = copy.deepcopy(obj)
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    inner: Any = whole
    for step in way:
        inner = inner[step] if isinstance(step, int) else inner.setdefault(step, {})
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    return whole


def said(errors: list[FieldError]) -> list[tuple[str, str]]:
    """(field, the reason's last word) of each refusal, in order."""
    return [(error.field, error.reason.removeprefix("FieldValue")) for error in errors]


def refused(check: Callable[[Object], list[FieldError]], obj: Object, path: str, value: Any) -> list[tuple[str, str]]:
    """What is said of the changed object; the object itself passes."""
    assert check(obj) == []
    return said(check(changed(obj, path, value)))
