"""PURE: bytes of a request → a document: JSON, YAML or Kubernetes' protobuf, with the fields that are given twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from kjnb.embedded.api import answers, bounds, protobuf

Object = dict[str, Any]
JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"


class Twice(dict[str, Any]):
    """An object of a JSON text in which some names are given more than once."""

    names: tuple[str, ...] = ()


def decoded(body: bytes, kind: str) -> Any:
    """The document of a JSON text; `kind` is what it should be. 400."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unrecognized(kind, f"couldn't get version/kind; json parse error: {error}") from None
    if bounds.too_deep(body, document):
        raise _unrecognized(kind, "couldn't get version/kind; json parse error: exceeded max depth")
    return document


def from_yaml(body: bytes, kind: str) -> Any:
    """The document of a YAML text: as JSON has it, without anchors, which let a few lines stand for gigabytes. 400."""
    import yaml  # only here: clients send JSON

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    plain = type("Plain", (loader,), {"yaml_implicit_resolvers": _without_dates(loader.yaml_implicit_resolvers)})
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(body, Loader=loader)):
            raise _unrecognized(kind, "aliases are not taken")
        document = yaml.load(body, Loader=plain)  # noqa: S506 - a safe loader, less its dates
        return msgspec.json.decode(msgspec.json.encode(document))
    except (yaml.YAMLError, msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise _unrecognized(kind, f"error converting YAML to JSON: {error}") from None


def _without_dates(resolvers: dict[str, Any]) -> dict[str, Any]:
    dates = "tag:yaml.org,2002:timestamp"
    return {first: [one for one in some if one[0] != dates] for first, some in resolvers.items()}


def from_protobuf(body: bytes) -> Any:
    """The document of a protobuf body. 400."""
    try:
        return protobuf.decode(body)
    except protobuf.ProtobufError as error:
        raise answers.bad_request(str(error)) from None


def _unrecognized(kind: str, why: str) -> answers.Refused:
    return answers.bad_request(f"the object provided is unrecognized (must be of type {kind}): {why}")


def twice(body: bytes) -> list[str]:
    """The paths of fields that a JSON text gives more than once."""
    try:
        document = json.loads(body, object_pairs_hook=_noticed)
    except (ValueError, RecursionError):
        return []
    return list(_paths(document, ""))


def _noticed(pairs: list[tuple[str, Any]]) -> Object:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    noticed = Twice(found)
    noticed.names = tuple(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
    return noticed


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _paths(item, f"{path}[{place}]")
    elif isinstance(value, dict):
        for name in value.names if isinstance(value, Twice) else ():
            yield f"{path}.{name}" if path else name
        for name, inner in value.items():
            yield from _paths(inner, f"{path}.{name}" if path else name)
