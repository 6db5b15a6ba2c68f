"""How clients find out what is served, page by page, and who they are."""

from __future__ import annotations

import base64
import json

import pytest

from kjnb.embedded.api import answers, discovery, paging, reviews

ADDRESS = "127.0.0.1:6443"
NAMED = [{"metadata": {"name": name}} for name in "cabd"]


def rows(path):
    return {row["name"]: row for row in discovery.document(path, ADDRESS)["resources"]}


def test_groups():
    assert discovery.document("/api", ADDRESS)["serverAddressByClientCIDRs"][0]["serverAddress"] == ADDRESS
    groups = discovery.document("/apis", ADDRESS)["groups"]
    assert "batch" in [group["name"] for group in groups]
    assert discovery.document("/apis/batch", ADDRESS)["preferredVersion"] == {
        "groupVersion": "batch/v1",
        "version": "v1",
    }
    assert discovery.document("/apis/apps", ADDRESS) is None


def test_resources_and_their_subresources():
    core = rows("/api/v1/")
    assert core["pods"]["shortNames"] == ["po"]
    assert core["pods/log"]["verbs"] == ["get"]
    assert not core["nodes"]["namespaced"]
    assert set(rows("/apis/batch/v1")) == {"jobs", "jobs/status"}
    assert core["services"]["verbs"] == ["get", "list", "watch"]
    assert rows("/apis/authorization.k8s.io/v1")["selfsubjectaccessreviews"]["verbs"] == ["create"]


def test_every_reference_of_the_openapi_documents_leads_somewhere():
    paths = discovery.document("/openapi/v3", ADDRESS)["paths"]
    assert "apis/batch/v1" in paths
    for path in paths:
        told = discovery.document(f"/openapi/v3/{path}", ADDRESS)
        schemas = told["components"]["schemas"]
        references = [part.split('"')[0] for part in json.dumps(schemas).split('"#/components/schemas/')[1:]]
        assert references
        assert set(references) <= set(schemas)
    assert discovery.document("/openapi/v3/apis/apps/v1", ADDRESS) is None
    assert discovery.document("/openapi/v2", ADDRESS) is None


def test_lists_say_how_they_are_merged():
    schemas = discovery.document("/openapi/v3/api/v1", ADDRESS)["components"]["schemas"]
    containers = schemas["io.k8s.api.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert "x-kubernetes-patch-merge-key" not in schemas["io.k8s.api.Container"]["properties"]["args"]


def test_the_version_names_both():
    assert discovery.version("1.2")["gitVersion"] == f"{discovery.KUBERNETES}+kjnb.1.2"


def test_everything_in_one_document():
    (core,) = discovery.aggregated("/api", "v2")["items"]
    found = {one["resource"]: one for one in core["versions"][0]["resources"]}
    assert found["pods"]["scope"] == "Namespaced"
    assert found["namespaces"]["scope"] == "Cluster"
    below = {one["subresource"]: one["responseKind"] for one in found["pods"]["subresources"]}
    assert below["eviction"] == {"group": "policy", "version": "v1", "kind": "Eviction"}
    assert below["status"] == {"group": "", "version": "v1", "kind": "Pod"}
    names = [one["metadata"]["name"] for one in discovery.aggregated("/apis", "v2")["items"]]
    assert {"batch", "events.k8s.io"} <= set(names)
    assert discovery.aggregated("/api/v1", "v2") is None


def test_pages_hold_everything_once():
    first, told = paging.page(NAMED, 3, None, 7, counted=True)
    assert [one["metadata"]["name"] for one in first] == ["a", "b", "c"]
    assert told["remainingItemCount"] == 1
    mark = paging.opened(told["continue"])
    assert mark.version == 7
    rest, told = paging.page(NAMED, 3, mark, 7, counted=True)
    assert [one["metadata"]["name"] for one in rest] == ["d"]
    assert told == {"resourceVersion": "7"}
    assert paging.page(NAMED, 0, None, 7, counted=True) == (NAMED, {"resourceVersion": "7"})
    assert "remainingItemCount" not in paging.page(NAMED, 3, None, 7, counted=False)[1]


@pytest.mark.parametrize(
    "token", ["%%%", "\xe9", base64.b64encode(b"[1]").decode(), base64.b64encode(b"[1, [2]]").decode()]
)
def test_a_mark_that_is_none_is_refused(token):
    with pytest.raises(answers.Refused) as refused:
        paging.opened(token)
    assert refused.value.code == 400


def test_a_mark_that_is_too_old_comes_with_one_that_is_not():
    refused = paging.too_old(paging.Mark(7, ["n", "b"]))
    assert refused.code == 410
    assert paging.opened(refused.status["metadata"]["continue"]) == (None, ["n", "b"])


RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ME = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def test_who_holds_the_token_may_do_everything():
    may = reviews.review(ACCESS, {"spec": {"resourceAttributes": {"verb": "list"}}})
    assert may["status"]["allowed"]
    assert may["spec"] == {"resourceAttributes": {"verb": "list"}}
    assert reviews.review(ME, {})["status"]["userInfo"]["username"] == "kjnb:owner"
    assert reviews.review(RULES, {"spec": {"namespace": "default"}})["status"]["incomplete"] is False


@pytest.mark.parametrize(
    ("body", "code"), [(None, 400), ({"kind": "Job"}, 400), ({"spec": 7}, 400), ({}, 422), ({"spec": {}}, 422)]
)
def test_a_review_of_nothing_is_refused(body, code):
    with pytest.raises(answers.Refused) as refused:
        reviews.review(ACCESS, body)
    assert refused.value.code == code
