"""PURE: the documents by which clients find out what is served: groups, resources, OpenAPI."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api import schema
from kjnb.embedded.api.fields import FIELDS
from kjnb.embedded.api.resources import RESOURCES, Resource

Object = dict[str, Any]
GROUPS = (("batch", "v1"), ("events.k8s.io", "v1"), ("authorization.k8s.io", "v1"), ("authentication.k8s.io", "v1"))
REVIEWS = {
    "authorization.k8s.io": (
        ("selfsubjectaccessreviews", "SelfSubjectAccessReview"), ("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ),
    "authentication.k8s.io": (("selfsubjectreviews", "SelfSubjectReview"),),
}  # fmt: skip
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SUBRESOURCES: dict[str, tuple[tuple[str, ...], Object]] = {  # verbs, and what their kind is where it is another
    "status": (("get", "patch", "update"), {}),
    "log": (("get",), {}),
    "finalize": (("update",), {}),
    "eviction": (("create",), {"group": "policy", "version": "v1", "kind": "Eviction"}),
    "binding": (("create",), {"kind": "Binding"}),
}
KUBERNETES = "v1.36.2"
JSON_TYPES: dict[str, Object] = {
    "bool": {"type": "boolean"},
    "int": {"type": "integer", "format": "int32"},
    "long": {"type": "integer", "format": "int64"},
    "intstr": {"type": "string", "format": "int-or-string"},
    "time": {"type": "string", "format": "date-time"},
    "micro": {"type": "string", "format": "date-time"},
    "map": {"type": "object", "additionalProperties": {"type": "string"}},
    "bytes": {"type": "object", "additionalProperties": {"type": "string", "format": "byte"}},
    "qtys": {"type": "object", "additionalProperties": {"type": "string"}},
    "any": {"type": "object"},
}


def version(kjnb: str) -> Object:
    """/version: a Kubernetes of the version whose behaviour this one follows, marked as kjnb's."""
    return {
        "major": "1", "minor": "36", "gitVersion": f"{KUBERNETES}+kjnb.{kjnb}", "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "python",
        "platform": "linux/amd64",        "kjnbVersion": kjnb,
    }  # fmt: skip


def document(path: str, address: str) -> Object | None:
    """The discovery document at a path; None when there is none."""
    path = path.rstrip("/")
    if path == "/api":
        return {
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
        }  # fmt: skip
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(*one) for one in GROUPS]}
    if path == "/api/v1":
        return resource_list("", "v1")
    for name, number in GROUPS:
        if path == f"/apis/{name}":
            return {"kind": "APIGroup", "apiVersion": "v1", **group(name, number)}
        if path == f"/apis/{name}/{number}":
            return resource_list(name, number)
    return openapi(path)


def group(name: str, number: str) -> Object:
    """One API group with its one version."""
    one = {"groupVersion": f"{name}/{number}", "version": number}
    return {"name": name, "versions": [one], "preferredVersion": one}


def resource_list(name: str, number: str) -> Object:
    """The resources of a group and version, with their subresources."""
    rows = [row for one in RESOURCES if (one.group, one.version) == (name, number) for row in resource_rows(one)]
    rows += [
        {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
        for plural, kind in REVIEWS.get(name, ())
    ]
    said = f"{name}/{number}" if name else number
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": said, "resources": rows}


def resource_rows(one: Resource) -> list[Object]:
    """A resource and its subresources, as discovery lists them."""
    row: Object = {
        "name": one.plural, "singularName": one.kind.lower(), "namespaced": one.namespaced, "kind": one.kind,
        "verbs": list(one.verbs),
    }  # fmt: skip
    if one.short:
        row["shortNames"] = list(one.short)
    if one.categories:
        row["categories"] = list(one.categories)
    below = [
        {
            "name": f"{one.plural}/{sub}", "singularName": "", "namespaced": one.namespaced, "kind": one.kind,
            **SUBRESOURCES[sub][1], "verbs": list(SUBRESOURCES[sub][0]),
        }
        for sub in one.subresources
    ]  # fmt: skip
    return [row, *below]


def aggregated(path: str, version: str) -> Object | None:
    """All groups with all their resources in one document; None for other paths."""
    if path not in ("/api", "/apis"):
        return None
    served = GROUPS if path == "/apis" else (("", "v1"),)
    items = [
        {
            "metadata": {"name": name},
            "versions": [{"version": number, "resources": discovered(name, number), "freshness": "Current"}],
        }
        for name, number in served
    ]
    return {
        "kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{version}", "metadata": {}, "items": items,
    }  # fmt: skip


def discovered(name: str, number: str) -> list[Object]:
    """The resources of one group as the whole document has them: subresources below their resource."""
    found: dict[str, Object] = {}
    for row in resource_list(name, number)["resources"]:
        plural, _, sub = row["name"].partition("/")
        kind = {"group": row.get("group", name), "version": row.get("version", number), "kind": row["kind"]}
        if sub:
            below = {"subresource": sub, "responseKind": kind, "verbs": row["verbs"]}
            found[plural].setdefault("subresources", []).append(below)
            continue
        more = {key: row[key] for key in ("shortNames", "categories") if key in row}
        found[plural] = {
            "resource": plural, "responseKind": kind, "scope": "Namespaced" if row["namespaced"] else "Cluster",
            "singularResource": row["singularName"], "verbs": row["verbs"], **more,
        }  # fmt: skip
    return list(found.values())


# -- OpenAPI v3, as far as kubectl needs it to leave validation to the server, and for `kubectl explain`


def openapi(path: str) -> Object | None:
    """/openapi/v3 and its documents."""
    served = ["api/v1", *(f"apis/{name}/{number}" for name, number in GROUPS)]
    if path == "/openapi/v3":
        return {"paths": {one: {"serverRelativeURL": f"/openapi/v3/{one}?hash=kjnb"} for one in served}}
    one = path.removeprefix("/openapi/v3/")
    if one == path or one not in served:
        return None
    name = "" if one == "api/v1" else one.split("/")[1]
    return {
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": KUBERNETES}, "paths": operations(name),
        "components": {"schemas": schemas(name)},
    }  # fmt: skip


def operations(name: str) -> Object:
    """One path a resource with its patch: kubectl looks there whether the server checks fields itself."""
    asked = ("dryRun", "fieldManager", "fieldValidation", "force")
    parameters = [{"name": one, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for one in asked]
    paths = {}
    for one in RESOURCES:
        if one.group != name:
            continue
        what = {"group": one.group, "kind": one.kind, "version": one.version}
        base = f"/apis/{name}/v1" if name else "/api/v1"
        place = f"{base}/namespaces/{{namespace}}/{one.plural}" if one.namespaced else f"{base}/{one.plural}"
        verbs = {
            verb: {"x-kubernetes-action": verb, "x-kubernetes-group-version-kind": what, "parameters": parameters}
            for verb in ("patch", "put")
        }
        paths[f"{place}/{{name}}"] = verbs
        paths[place] = {"post": {**verbs["put"], "x-kubernetes-action": "post"}}
    return paths


def schemas(name: str) -> Object:
    """Every type as a JSON schema; kinds of this group say which."""
    found = {_named(kind): type_schema(kind) for kind in FIELDS}
    for one in RESOURCES:
        if one.group == name:
            what = {"group": one.group, "kind": one.kind, "version": one.version}
            found[_named(one.type)]["x-kubernetes-group-version-kind"] = [what]
    return found


def _named(kind: str) -> str:
    return f"io.k8s.api.{kind}"


def type_schema(kind: str) -> Object:
    """One type with its fields."""
    return {"type": "object", "properties": {name: field_schema(found) for name, found in schema.fields(kind).items()}}


def field_schema(found: schema.Field) -> Object:
    """One field; lists say how a strategic merge patch merges them."""
    inner = (
        {"$ref": f"#/components/schemas/{_named(found.type)}"}
        if found.type in FIELDS
        else JSON_TYPES.get(found.type, {"type": "string"})
    )
    if not found.many:
        return dict(inner)
    merged = {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": found.key} if found.key else {}
    return {"type": "array", "items": inner, **merged}
