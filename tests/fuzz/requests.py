"""Strategies: queries, headers, paths, patches."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from tests.fuzz.manifests import ANYTHING, COLLECTION, GOOD, INTEGERS, KINDS, META, TEXTS, struct

NUMBERS = INTEGERS.map(str) | TEXTS
LABELS = TEXTS | st.sampled_from(
    ["a=b", "a in (b,c)", "a in (", "a notin b", "!a", "!", "a>1", "a>b", "a==", ",", "a=b,,c=d", "(a)", "a in ()",
     "=b", "a=b=c", "a!", "-a=b", "a=" + "b" * 64, "a in (b" + ",b" * 500 + ")"]
)  # fmt: skip
FIELDS = TEXTS | st.sampled_from(
    [
        "metadata.name=a",
        "metadata.name",
        "spec.nodeName!=",
        "nope=1",
        "metadata.name==a,metadata.name!=a",
        "=",
        "!=",
        ",",
    ]
)
MARKS = TEXTS | st.sampled_from(
    ["eyJ2IjoibWV0YSJ9", "W10=", "WzEsWzFdXQ==", "bnVsbA==", "W251bGwsW251bGwsbnVsbF1d", "="]
)
FLAGS = TEXTS | st.sampled_from(["true", "false", "1", "0", "True", "yes"])
QUERY: dict[str, st.SearchStrategy[str]] = {
    "limit": NUMBERS, "continue": MARKS, "resourceVersion": NUMBERS, "timeoutSeconds": NUMBERS, "labelSelector": LABELS,
    "resourceVersionMatch": TEXTS | st.sampled_from(["Exact", "NotOlderThan"]), "fieldSelector": FIELDS,
    "dryRun": TEXTS | st.just("All"), "fieldValidation": TEXTS | st.sampled_from(["Strict", "Warn", "Ignore"]),
    "pretty": FLAGS, "propagationPolicy": TEXTS | st.sampled_from(["Orphan", "Foreground", "Background"]),
    "watch": FLAGS, "allowWatchBookmarks": FLAGS, "sendInitialEvents": FLAGS, "gracePeriodSeconds": NUMBERS,
    "orphanDependents": FLAGS, "includeObject": TEXTS | st.sampled_from(["None", "Object", "Metadata"]),
    "fieldManager": TEXTS, "force": FLAGS, "tailLines": NUMBERS, "sinceSeconds": NUMBERS, "sinceTime": TEXTS,
    "limitBytes": NUMBERS, "follow": FLAGS, "previous": FLAGS, "timestamps": FLAGS, "container": TEXTS,
    "nonsense": TEXTS,
}  # fmt: skip


def pair(name: str) -> st.SearchStrategy[str]:
    """`name=value`, the value escaped as UTF-8, or as bytes that are none."""
    escaped = QUERY[name].map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe=""))
    return (escaped | st.sampled_from(["%FF", "%", "%zz", "%00"])).map(lambda value: f"{name}={value}")


QUERIES = st.lists(st.sampled_from(sorted(QUERY)).flatmap(pair), max_size=4).map("&".join)
SUBRESOURCES = ["status", "log", "eviction", "exec", "scale", "binding", "finalize", "ephemeralcontainers", "nope"]


@st.composite
def paths(draw: st.DrawFn) -> str:
    """Almost the path of something."""
    whole = draw(st.sampled_from(sorted(COLLECTION.values())) | st.sampled_from(
        ["/", "/api", "/apis", "/api/v1", "/apis/batch", "/apis/batch/v1", "/version", "/healthz", "/openapi/v2",
         "/openapi/v3", "/openapi/v3/apis/batch/v1", "/api/v1/nodes", "/api/v1/namespaces", "/metrics", "/api/v1/pods"]
    ))  # fmt: skip
    more = [quote(draw(TEXTS).encode("utf-8", "surrogatepass"), safe="/.%") for _ in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        more = ["victim", *draw(st.lists(st.sampled_from(SUBRESOURCES), max_size=2))]
    return "/".join([whole, *more]) + draw(st.sampled_from(["", "", "/", "//", "/.."]))


CONTENT_TYPES = st.sampled_from(
    ["application/json", "application/json; charset=utf-16", "application/json-patch+json", "text/plain", "", "*/*",
     ";", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml",
     "application/yaml", "application/vnd.kubernetes.protobuf", "application/x-www-form-urlencoded",
     "multipart/form-data; boundary=x", "multipart/form-data", "application/cbor", "a" * 500]
)  # fmt: skip
ACCEPTS = st.sampled_from(
    ["*/*", "application/json", "application/vnd.kubernetes.protobuf", "text/html", "", ",,,", "application/yaml",
     "application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=Table;v=v9;g=meta.k8s.io",
     "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "application/json;as=Nonsense;v=v1;g=meta.k8s.io",
     "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "application/cbor"]
)  # fmt: skip
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": CONTENT_TYPES,
        "Accept": ACCEPTS,
        "Content-Encoding": st.sampled_from(["gzip", "deflate", "identity", "br", "x"]),
        "Accept-Encoding": st.sampled_from(["gzip", "identity", "br;q=1, *;q=0", "x"]),
        "If-Match": st.just('"7"'),
        "Impersonate-User": st.just("system:admin"),
        "Upgrade": st.sampled_from(["websocket", "SPDY/3.1", "h2c"]),
        "X-HTTP-Method-Override": st.just("DELETE"),
        "Range": st.just("bytes=0-1"),
        "User-Agent": st.just("x" * 3000),
    },
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "NONSENSE"])

MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
STEPS, APPLY = "application/json-patch+json", "application/apply-patch+yaml"
POINTERS = st.sampled_from(
    ["/metadata/labels", "/metadata/name", "/metadata/uid", "/metadata/resourceVersion", "/metadata", "", "/", "/spec",
     "/metadata/finalizers", "/metadata/ownerReferences", "/spec/suspend", "/spec/template", "/data", "/data/key", "/-",
     "/spec/template/spec/containers/0", "/spec/containers/-", "/spec/containers/9", "/status", "/status/phase", "/~",
     "/metadata/labels/a~1b", "/kind", "/spec/parallelism", "metadata", "/spec/containers/x", "/spec/containers/-1"]
)  # fmt: skip
OPERATIONS = st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "nope", "", 7, None])
STEP = st.fixed_dictionaries({}, optional={"op": OPERATIONS, "path": POINTERS | ANYTHING, "value": ANYTHING,
                                           "from": POINTERS})  # fmt: skip
LIKELY = st.tuples(st.sampled_from(["add", "remove", "replace", "test"]), POINTERS, ANYTHING).map(
    lambda some: {"op": some[0], "path": some[1], "value": some[2]}
)
DIRECTIVES = st.fixed_dictionaries(
    {},
    optional={
        "$patch": st.sampled_from(["replace", "delete", "merge", "nope", 7, None]),
        "$retainKeys": st.sampled_from([["name"], [], "name", 7, None, [7]]),
        "$setElementOrder/containers": ANYTHING | st.just([{"name": "main"}]),
        "$deleteFromPrimitiveList/finalizers": ANYTHING | st.just(["a"]),
    },
)


@st.composite
def patches(draw: st.DrawFn) -> tuple[str, str, Any]:
    """(resource, content type, patch)."""
    plural = draw(st.sampled_from(sorted(GOOD)))
    how = draw(st.sampled_from([MERGE, STRATEGIC, STEPS, APPLY]))
    if how == STEPS:
        return plural, how, draw(st.lists(LIKELY | STEP, max_size=3) | ANYTHING)
    change = draw(struct(KINDS[plural], 4) | ANYTHING)
    if how == STRATEGIC and isinstance(change, dict):
        change = {**change, **draw(DIRECTIVES)}
        if draw(st.booleans()):
            change["spec"] = {"template": {"spec": draw(DIRECTIVES)}, **draw(DIRECTIVES)}
        if draw(st.booleans()):
            change["metadata"] = draw(DIRECTIVES)
    if how == APPLY and isinstance(change, dict) and draw(st.booleans()):
        change = {"apiVersion": GOOD[plural]["apiVersion"], "kind": KINDS[plural], "metadata": META, **change}
    return plural, how, change
