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


def test_pages_hold_everything_once():
    first, told = paging.page(NAMED, "3", "", "7")
    assert [one["metadata"]["name"] for one in first] == ["a", "b", "c"]
    assert told["remainingItemCount"] == 1
    rest, told = paging.page(NAMED, "3", told["continue"], "9")
    assert [one["metadata"]["name"] for one in rest] == ["d"]
    assert told == {"resourceVersion": "7"}
    assert paging.page(NAMED, "", "", "7") == (NAMED, {"resourceVersion": "7"})


@pytest.mark.parametrize(("limit", "mark"), [("many", ""), ("1", "%%%"), ("1", base64.b64encode(b"[1]").decode())])
def test_a_page_that_cannot_be_is_refused(limit, mark):
    with pytest.raises(answers.Refused):
        paging.page(NAMED, limit, mark, "7")


def test_who_holds_the_token_may_do_everything():
    may = reviews.review("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {"x": 1}})
    assert may["status"]["allowed"]
    assert may["spec"] == {"x": 1}
    me = reviews.review("/apis/authentication.k8s.io/v1/selfsubjectreviews", None)
    assert me["status"]["userInfo"]["username"] == "kjnb:owner"
    assert reviews.review("/apis/batch/v1/jobs", {}) is None
