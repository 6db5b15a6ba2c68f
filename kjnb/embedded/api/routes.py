"""PURE: paths of the Kubernetes API → what they mean."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote


class Route(NamedTuple):
    """An object (`name` set) or a collection; namespace None means all of them, or a cluster-scoped resource."""

    group: str
    version: str
    resource: str
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None
    watch: bool = False  # asked for by the path, as old clients do


def parse(path: str) -> Route | None:
    """`/apis/batch/v1/namespaces/default/jobs/a/status` → Route; None when the path names no resource."""
    parts = [unquote(part) for part in path.split("/")[1:]]
    if parts and parts[-1] == "":
        parts.pop()
    if parts[:1] == ["api"] and len(parts) > 2:
        return _resource("", parts[1], parts[2:])
    if parts[:1] == ["apis"] and len(parts) > 3:
        return _resource(parts[1], parts[2], parts[3:])
    return None


def _resource(group: str, version: str, rest: list[str]) -> Route | None:
    if "" in rest:
        return None
    namespace = None
    if rest[0] == "watch" and 1 < len(rest) < 6:
        found = _resource(group, version, rest[1:])
        return found._replace(watch=True) if found and not found.subresource else None
    if rest[0] == "namespaces" and group == "" and len(rest) == 3 and rest[2] in ("status", "finalize"):
        return Route(group, version, "namespaces", None, rest[1], rest[2])
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    name, subresource = [*rest[1:], None, None][:2]
    return Route(group, version, str(rest[0]), namespace, name, subresource)
