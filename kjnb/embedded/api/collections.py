"""PURE: stored objects as the answer to a request: one or a list, whole, as metadata only, or as a Table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kjnb.embedded.api import representation, tables
from kjnb.embedded.api.representation import Form
from kjnb.embedded.api.resources import Resource

Object = dict[str, Any]


def single(resource: Resource, stored: Object, form: Form, now: datetime) -> Object:
    """One object in that form."""
    if form.table:
        version = stored["metadata"].get("resourceVersion", "")
        return table(resource, [stored], {"resourceVersion": version}, form, now)
    return representation.partial(stored, form.version) if form.kind else resource.view(stored)


def collection(resource: Resource, stored: list[Object], meta: Object, form: Form, now: datetime) -> Object:
    """A list in that form."""
    if form.table:
        return table(resource, stored, meta, form, now)
    if form.kind:
        items = [representation.partial(obj, form.version) for obj in stored]
        version = f"{representation.META}/{form.version}"
        return {"kind": "PartialObjectMetadataList", "apiVersion": version, "metadata": meta, "items": items}
    bare = [{name: value for name, value in resource.view(obj).items() if name not in HEAD} for obj in stored]
    return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": meta, "items": bare}


HEAD = ("kind", "apiVersion")


def table(
    resource: Resource, stored: list[Object], meta: Object, form: Form, now: datetime, *, head: bool = True
) -> Object:
    """Rows of objects; the columns are named where the `head` is wanted."""
    made = tables.table(resource.plural, stored, now, include=form.carried, version="", columns=head)
    if resource.shown and form.carried == "Object":
        for row, obj in zip(made["rows"], stored, strict=True):
            row["object"] = resource.view(obj)
    return {**made, "apiVersion": f"{representation.META}/{form.version}", "metadata": meta}
