"""PURE: in which form an answer is wanted, as the Accept header says: whole objects, their metadata, or a Table."""

from __future__ import annotations

from typing import Any, NamedTuple

from kjnb.embedded.api import answers

Object = dict[str, Any]
META = "meta.k8s.io"
READ = ("application/json", "application/*", "*/*")
CARRIED = ("None", "Metadata", "Object")


class Form(NamedTuple):
    """`kind` is empty for whole objects, else Table or PartialObjectMetadata, of a `version` of meta.k8s.io."""

    kind: str = ""
    version: str = "v1"
    carried: str = "Metadata"  # what a Table's row holds of its object

    @property
    def table(self) -> bool:
        """Rows and columns are wanted."""
        return self.kind == "Table"


WHOLE = Form()


def form(accept: str, carried: str) -> Form:
    """The first form of the header that can be given. 406 when there is none, 400 for unknown contents of rows."""
    if not accept.strip():
        return WHOLE
    for clause in accept.split(","):
        media, *rest = [part.strip() for part in clause.split(";")]
        told = dict(part.partition("=")[::2] for part in rest)
        if media in READ and (found := _wanted(told, carried)) is not None:
            return found
    words = "only the following media types are accepted: application/json, application/json;stream=watch"
    raise answers.Refused(answers.failure(406, "NotAcceptable", words))


def _wanted(told: dict[str, str], carried: str) -> Form | None:
    kind = told.get("as", "")
    if not kind:
        return WHOLE
    known = kind.removesuffix("List") in ("Table", "PartialObjectMetadata")
    if not known or told.get("g") != META or told.get("v") not in ("v1", "v1beta1"):
        return None
    if kind == "Table" and carried not in ("", *CARRIED):
        words = f'Unsupported value: "{carried}": supported values: "", "Metadata", "None", "Object"'
        raise answers.bad_request(f"Unable to convert to Table as requested: includeObject: {words}")
    return Form(kind.removesuffix("List"), told["v"], carried or "Metadata")


def aggregated(accept: str) -> str:
    """The version of the whole discovery document in one that is asked for; empty when none is."""
    for clause in accept.replace(" ", "").split(","):
        if "as=APIGroupDiscoveryList" in clause and "v=v2" in clause.split(";"):
            return "v2"
    return ""


def partial(obj: Object, version: str) -> Object:
    """Nothing of an object but its metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": f"{META}/{version}", "metadata": obj["metadata"]}
