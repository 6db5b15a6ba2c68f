"""Lists and watches in all their options: versions, pages, forms, ends; what makes no sense is refused."""

from __future__ import annotations

import gzip
import json

import pytest

from kjnb import embedded
from kjnb.embedded.api import answers, list_options, representation
from tests.embedded.live import MERGE, Client, Watching, configmap
from tests.waiting import eventually

MAPS = "/api/v1/namespaces/default/configmaps"
META = "g=meta.k8s.io"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    home = tmp_path_factory.mktemp("lists-home")
    made = Client(embedded.start(home, backoff_base=0.1))
    yield made
    made.close()
    embedded.stop(home)


@pytest.fixture
def three(client):
    """The version of a list of three ConfigMaps."""
    for name in "abc":
        client.call("POST", MAPS, configmap(name, t="1"))
    yield int(listed(client)["metadata"]["resourceVersion"])
    client.call("DELETE", MAPS + "?labelSelector=t")


def listed(client, query="", **headers):
    code, found = client.call("GET", f"{MAPS}?labelSelector=t{query}", **headers)
    assert code == 200, found
    return found


def names(found):
    return [one["metadata"]["name"] for one in found["items"]]


def relabel(client, name, value):
    patch = {"metadata": {"labels": {"t": value}}}
    assert client.call("PATCH", f"{MAPS}/{name}", patch, Content_Type=MERGE["Content-Type"])[0] == 200


def test_pages_are_of_one_moment(client, three):
    first = listed(client, "&limit=1")
    assert "remainingItemCount" not in first["metadata"]
    client.call("DELETE", f"{MAPS}/b")
    client.call("POST", MAPS, configmap("bb", t="1"))
    relabel(client, "c", None)
    rest = listed(client, f"&limit=5&continue={first['metadata']['continue']}")
    assert names(rest) == ["b", "c"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert names(listed(client)) == ["a", "bb"]
    relabel(client, "c", "1")


def test_what_is_left_is_counted_without_selectors(client, three):
    found = client.call("GET", f"{MAPS}?limit=1")[1]
    assert found["metadata"]["remainingItemCount"] >= 2


def test_a_list_as_it_was(client, three):
    client.call("DELETE", f"{MAPS}/a")
    exact = f"&resourceVersion={three}&resourceVersionMatch=Exact"
    assert names(listed(client, exact)) == ["a", "b", "c"]
    assert names(listed(client, f"&resourceVersion={three}")) == ["b", "c"]
    assert names(listed(client, f"&resourceVersion={three}&limit=9")) == ["a", "b", "c"]
    assert names(listed(client, "&resourceVersion=0&limit=9")) == ["b", "c"]
    assert names(listed(client, f"&resourceVersion={three}&resourceVersionMatch=NotOlderThan")) == ["b", "c"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=1&resourceVersionMatch=Nearly", 422),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422),
        ("resourceVersion=99999999", 504),
        ("resourceVersion=abc", 500),
        ("sendInitialEvents=true", 422),
        ("limit=many", 400),
        ("limit=99999999999999999999", 400),
        ("continue=nonsense", 400),
        ("watch=1&timeoutSeconds=soon", 400),
        ("watch=1&sendInitialEvents=true", 422),
        ("watch=1&sendInitialEvents=false", 422),
        ("watch=1&resourceVersionMatch=NotOlderThan", 422),
        ("watch=1&resourceVersionMatch=Exact&sendInitialEvents=true", 422),
        ("labelSelector=a in (", 400),
        ("fieldSelector=spec.x=y", 400),
    ],
)
def test_what_makes_no_sense_is_refused(client, query, code):
    got, said = client.call("GET", f"{MAPS}?{query}".replace(" ", "%20"))
    assert (got, said["kind"], said["code"]) == (code, "Status", code)


def test_what_a_server_before_this_one_knew_is_expired(tmp_path):
    home = tmp_path / "home"
    before = Client(embedded.start(home, backoff_base=0.1))
    for name in "ab":
        before.call("POST", MAPS, configmap(name, t="1"))
    mark = before.call("GET", f"{MAPS}?labelSelector=t&limit=1")[1]["metadata"]["continue"]
    before.call("POST", MAPS, configmap("later"))
    before.close()
    embedded.stop(home)
    after = Client(embedded.start(home, backoff_base=0.1))
    try:
        code, said = after.call("GET", f"{MAPS}?labelSelector=t&limit=5&continue={mark}")
        assert (code, said["reason"]) == (410, "Expired")
        assert names(listed(after, f"&limit=5&continue={said['metadata']['continue']}")) == ["b"]
        for query in ("watch=1&resourceVersion=1", "resourceVersion=1&resourceVersionMatch=Exact"):
            assert after.call("GET", f"{MAPS}?{query}")[1]["reason"] == "Expired"
        assert after.call("GET", f"{MAPS}?resourceVersion=5&limit=5&continue={mark}")[0] == 400
    finally:
        after.close()
        embedded.stop(home)


def test_a_streamed_list(client, three):
    query = "labelSelector=t&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    watching = Watching(client, f"{MAPS}?watch=1&{query}&timeoutSeconds=2")
    eventually(lambda: len(watching.events) >= 4)
    assert watching.seen()[:4] == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c"), ("BOOKMARK", "")]
    mark = watching.events[3]["object"]
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert (mark["kind"], int(mark["metadata"]["resourceVersion"])) == ("ConfigMap", three)
    watching.close()


def test_a_watch_without_initial_events_begins_with_now(client, three):
    query = "labelSelector=t&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&timeoutSeconds=2"
    watching = Watching(client, f"{MAPS}?watch=1&{query}")
    relabel(client, "a", "2")
    watching.close()
    assert watching.seen() in ([("MODIFIED", "a")], [])


def test_the_older_paths_of_watches(client, three):
    one = Watching(client, "/api/v1/watch/namespaces/default/configmaps/a?timeoutSeconds=1")
    every = Watching(client, "/api/v1/watch/configmaps?labelSelector=t&timeoutSeconds=1")
    for watching in (one, every):
        watching.close()
    assert one.seen() == [("ADDED", "a")]
    assert every.seen() == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]
    assert client.call("DELETE", "/api/v1/watch/namespaces/default/configmaps/a")[0] == 405


def test_watches_see_the_same_in_the_same_order(client, three):
    path = f"{MAPS}?watch=1&labelSelector=t&resourceVersion={three}&timeoutSeconds=3"
    all_of_them = [Watching(client, path) for _ in range(3)]
    for value in "23456":
        for name in "cab":
            relabel(client, name, value)
    for watching in all_of_them:
        watching.close()
    seen = [[one["object"]["metadata"]["resourceVersion"] for one in watching.events] for watching in all_of_them]
    assert len(seen[0]) == 15
    assert seen[0] == seen[1] == seen[2] == sorted(seen[0], key=int)


def test_metadata_only(client, three):
    told = f"application/json;as=PartialObjectMetadataList;v=v1;{META}"
    found = listed(client, Accept=told)
    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert [sorted(one) for one in found["items"]] == [["apiVersion", "kind", "metadata"]] * 3
    one = client.call("GET", f"{MAPS}/a", Accept=f"application/json;as=PartialObjectMetadata;v=v1;{META}")[1]
    assert (one["kind"], one["metadata"]["name"], "data" in one) == ("PartialObjectMetadata", "a", False)


def test_a_watch_of_metadata_only(client, three):
    told = f"application/json;as=PartialObjectMetadata;v=v1;{META},application/json"
    client.headers["Accept"] = told
    query = "labelSelector=t&timeoutSeconds=1&allowWatchBookmarks=1"
    try:
        watching = Watching(client, f"{MAPS}?watch&{query}")
        watching.close()
    finally:
        del client.headers["Accept"]
    assert {one["object"]["kind"] for one in watching.events} == {"PartialObjectMetadata"}
    assert watching.seen()[:3] == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


@pytest.mark.parametrize(("carried", "kind"), [("None", None), ("", "PartialObjectMetadata"), ("Object", "ConfigMap")])
def test_rows_carry_what_is_asked_for(client, three, carried, kind):
    accept = f"application/json;as=Table;v=v1;{META}"
    table = client.call("GET", f"{MAPS}?labelSelector=t&limit=2&includeObject={carried}", Accept=accept)[1]
    assert table["metadata"]["continue"]
    assert [(row["object"] or {}).get("kind") for row in table["rows"]] == [kind, kind]
    assert client.call("GET", f"{MAPS}?includeObject=Half", Accept=accept)[0] == 400


@pytest.mark.parametrize("accept", ["text/html", "application/cbor", "application/json;as=Picture;v=v1;g=meta.k8s.io"])
def test_a_form_that_nobody_has(client, accept):
    assert client.call("GET", MAPS, Accept=accept)[1]["reason"] == "NotAcceptable"


def test_large_answers_are_compressed_for_those_who_ask(client, three):
    big = configmap("big", t="1")
    big["data"] = {"k": "x" * 200_000}
    client.call("POST", MAPS, big)
    answer = client.http.request(
        "GET", f"{client.url}{MAPS}/big", headers={**client.headers, "Accept-Encoding": "gzip"}, decode_content=False
    )
    assert answer.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.data))["data"] == big["data"]
    assert "Content-Encoding" not in client.answer("GET", f"{MAPS}/big").headers
    assert "Content-Encoding" not in client.answer("GET", f"{MAPS}/a", Accept_Encoding="gzip").headers


def test_everything_that_is_served_in_one_document(client):
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    answer = client.answer("GET", "/apis", Accept=accept)
    assert "as=APIGroupDiscoveryList" in answer.headers["Content-Type"]
    assert answer.json()["kind"] == "APIGroupDiscoveryList"
    assert client.call("GET", "/apis")[1]["kind"] == "APIGroupList"


# -- the pure pieces, branch by branch


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", representation.WHOLE),
        ("*/*", representation.WHOLE),
        ("application/vnd.kubernetes.protobuf, application/json", representation.WHOLE),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", representation.Form("Table", "v1beta1")),
        ("application/json;as=Table;v=v2;g=meta.k8s.io,application/json", representation.WHOLE),
        ("application/json;as=Table;v=v1;g=other,*/*", representation.WHOLE),
    ],
)
def test_the_first_form_that_can_be_given(accept, expected):
    assert representation.form(accept, "") == expected


def test_the_version_of_the_whole_document():
    assert representation.aggregated("application/json") == ""
    assert representation.aggregated("application/json; g=apidiscovery.k8s.io; v=v2; as=APIGroupDiscoveryList") == "v2"
    assert representation.aggregated("application/json;v=v2beta1;as=APIGroupDiscoveryList") == ""


@pytest.mark.parametrize(("text", "expected"), [(None, None), ("", True), ("1", True), ("False", False), ("0", False)])
def test_flags(text, expected):
    assert list_options.flag(text) is expected


@pytest.mark.parametrize(("text", "expected"), [(None, 0), ("", 0), ("7", 7), ("-1", -1)])
def test_numbers(text, expected):
    assert list_options.number(text) == expected


@pytest.mark.parametrize("text", ["x", "1.5", "--1", "\u0663"])
def test_no_numbers(text):
    with pytest.raises(answers.Refused):
        list_options.number(text)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"resourceVersion": "1", "resourceVersionMatch": "Exact", "continue": "x"}, ["resourceVersionMatch"]),
        ({"watch": "1", "resourceVersionMatch": "NotOlderThan", "sendInitialEvents": "1", "continue": "x"}, None),
    ],
)
def test_versions_do_not_go_with_marks(query, fields):
    with pytest.raises(answers.Refused) as refused:
        list_options.parse(query.get)
    assert [one["field"] for one in refused.value.status["details"]["causes"]] == ["resourceVersionMatch"]
