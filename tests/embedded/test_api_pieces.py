"""The pure pieces between a request and the store, directly: forms, namespaces on their way out, newer Events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kjnb.embedded.api import answers, collections, defaults, list_options, namespaces, newer_events, representation
from kjnb.embedded.api.representation import Form
from kjnb.embedded.api.resources import BY_PATH, BY_PLURAL
from kjnb.embedded.api.strategy import new_object, new_state

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MAPS, SPACES = BY_PLURAL["configmaps"], BY_PLURAL["namespaces"]
EVENTS = BY_PATH[("events.k8s.io", "v1", "events")]
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "5"}, "data": {}}
EVENT = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "e"},
    "message": "m",
    "involvedObject": {"name": "p"},
}


@pytest.mark.parametrize(
    ("resource", "obj", "form", "expected"),
    [
        (MAPS, MAP, Form(), ("ConfigMap", "v1")),
        (MAPS, MAP, Form("Table", "v1beta1"), ("Table", "meta.k8s.io/v1beta1")),
        (MAPS, MAP, Form("PartialObjectMetadata"), ("PartialObjectMetadata", "meta.k8s.io/v1")),
        (EVENTS, EVENT, Form(), ("Event", "events.k8s.io/v1")),
    ],
)
def test_one_object_in_every_form(resource, obj, form, expected):
    told = collections.single(resource, obj, form, NOW)
    assert (told["kind"], told["apiVersion"]) == expected


@pytest.mark.parametrize(
    ("form", "kind", "inside"),
    [(Form(), "EventList", "items"), (Form("Table"), "Table", "rows"),
     (Form("PartialObjectMetadata"), "PartialObjectMetadataList", "items")],
)  # fmt: skip
def test_a_list_in_every_form(form, kind, inside):
    told = collections.collection(EVENTS, [EVENT], {"resourceVersion": "9"}, form, NOW)
    assert (told["kind"], told["metadata"], len(told[inside])) == (kind, {"resourceVersion": "9"}, 1)


def test_rows_carry_the_view_that_was_asked_for():
    table = collections.table(EVENTS, [EVENT], {}, Form("Table", carried="Object"), NOW, head=False)
    assert (table["columnDefinitions"], table["rows"][0]["object"]["note"]) == ([], "m")


def test_newer_events_are_the_older_ones():
    newer = newer_events.shown(EVENT)
    assert (newer["note"], newer["regarding"], newer["apiVersion"]) == ("m", {"name": "p"}, "events.k8s.io/v1")
    assert newer_events.kept(newer) == EVENT
    assert newer_events.kept({"metadata": {}})["involvedObject"] == {}


def test_what_may_be_made_in_a_namespace():
    here = {"metadata": {"name": "n"}}
    namespaces.refuse_content(here, "n", "pods", "", "p")
    for home, code in ((None, 404), (namespaces.terminating(here, 0), 403)):
        with pytest.raises(answers.Refused) as refused:
            namespaces.refuse_content(home, "n", "pods", "", "p")
        assert refused.value.code == code


def test_who_holds_a_namespace():
    assert not namespaces.held({"metadata": {}})
    assert namespaces.held({"metadata": {}, "spec": {"finalizers": ["kubernetes"]}})
    assert namespaces.held({"metadata": {"finalizers": ["mine"]}})
    leaving = namespaces.terminating({"metadata": {}}, 0)
    assert leaving["status"] == {"phase": "Terminating"}
    assert namespaces.terminating(leaving, 60)["metadata"] == leaving["metadata"]


def test_how_far_a_namespace_has_come():
    told = namespaces.conditions({"pods.": 2}, {"mine": 1}, [], "t0")
    assert [one["type"] for one in told if one["status"] == "True"] == [
        "NamespaceContentRemaining", "NamespaceFinalizersRemaining",
    ]  # fmt: skip
    assert told[3]["message"] == "Some resources are remaining: pods. has 2 resource instances"
    later = namespaces.conditions({}, {"mine": 1}, told, "t1")
    assert [one["lastTransitionTime"] for one in later] == ["t0", "t0", "t0", "t1", "t0"]
    assert namespaces.conditions({}, {}, later, "t2")[4]["reason"] == "ContentHasNoFinalizers"


def test_a_namespace_keeps_what_is_the_servers():
    made = new_object(SPACES, {"metadata": {"name": "n"}, "spec": {}, "status": {"phase": "Odd"}}, "u")
    assert (made["spec"], made["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})
    given = {"metadata": {"name": "n"}, "spec": {"finalizers": []}, "status": {"phase": "Odd"}}
    assert new_state(SPACES, given, made, None)["spec"] == made["spec"]
    assert new_state(SPACES, given, made, "finalize")["spec"] == {"finalizers": []}
    assert new_state(SPACES, given, made, "status")["status"] == {"phase": "Odd"}


def test_a_pods_owners_stay_when_its_status_changes():
    old = {"metadata": {"name": "p", "ownerReferences": [1]}, "spec": {}, "status": {}}
    new = {"metadata": {"name": "p", "labels": {"a": "b"}}, "status": {"phase": "Failed"}}
    made = new_state(BY_PLURAL["pods"], new, old, "status")
    assert made["metadata"] == {"name": "p", "labels": {"a": "b"}, "ownerReferences": [1]}


def test_refusals_with_a_reason():
    assert answers.too_large(5).code == 413
    assert answers.future_version(9, 5).code == 504
    assert answers.no_such_path("really").status["message"].endswith(": really")
    assert answers.unsupported_media_type("a/b", ["c/d"], "hint").status["message"].endswith("c/d (hint)")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "0", "resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "1", "resourceVersionMatch": "Nearly"}, 422),
        ({"sendInitialEvents": "1"}, 422),
        ({"watch": "1", "sendInitialEvents": "1"}, 422),
        ({"watch": "1", "resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "x"}, 500),
        ({"resourceVersion": "7", "continue": "x"}, 400),
        ({"limit": "9" * 20}, 400),
    ],
)
def test_options_that_contradict_themselves(query, code):
    with pytest.raises(answers.Refused) as refused:
        list_options.parse(query.get)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, False),
        ({"resourceVersion": "7"}, False),
        ({"resourceVersion": "7", "limit": "1"}, True),
        ({"resourceVersion": "0", "limit": "1"}, False),
        ({"resourceVersion": "7", "resourceVersionMatch": "Exact"}, True),
        ({"resourceVersion": "7", "limit": "1", "resourceVersionMatch": "NotOlderThan"}, False),
        ({"resourceVersion": "0", "continue": "x"}, False),
    ],
)
def test_lists_as_they_were(query, expected):
    assert list_options.parse(query.get).at_version is expected


def test_forms_that_nobody_has():
    for accept, carried, code in (
        ("text/html", "", 406),
        ("application/json;as=Table;v=v1;g=meta.k8s.io", "Half", 400),
    ):
        with pytest.raises(answers.Refused) as refused:
            representation.form(accept, carried)
        assert refused.value.code == code
    assert representation.form("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "").kind == (
        "PartialObjectMetadata"
    )


def test_defaults_of_probes_and_hooks():
    one = {
        "livenessProbe": {"httpGet": {"port": 1}}, "readinessProbe": {"grpc": {"port": 1}},
        "startupProbe": {"exec": {"command": ["x"]}},
        "lifecycle": {"preStop": {"httpGet": {"port": 1, "path": "/x"}}, "stopSignal": "SIGUSR1"},
    }  # fmt: skip
    filled = defaults.container(one)
    assert filled["livenessProbe"]["httpGet"] == {"path": "/", "scheme": "HTTP", "port": 1}
    assert filled["readinessProbe"]["grpc"] == {"port": 1, "service": ""}
    assert filled["startupProbe"]["periodSeconds"] == 10
    assert filled["lifecycle"]["preStop"]["httpGet"] == {"path": "/x", "scheme": "HTTP", "port": 1}
    assert filled["lifecycle"]["stopSignal"] == "SIGUSR1"


def test_defaults_of_ports_on_the_hosts_network():
    ports = [{"containerPort": 1}, {"containerPort": 2, "hostPort": 3}, {}]
    given = {"hostNetwork": True, "containers": [{"name": "a", "ports": ports}, {"name": "b"}]}
    spec = defaults.pod({"metadata": {"name": "p"}, "spec": given})["spec"]
    template = defaults.pod_spec(given)["containers"][0]["ports"]
    assert [port.get("hostPort") for port in template] == [None, 3, None], "a template is filled in by its pods"
    assert [port.get("hostPort") for port in spec["containers"][0]["ports"]] == [1, 3, None]
    assert "ports" not in spec["containers"][1]


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({"downwardAPI": {}}, {"downwardAPI": {"defaultMode": 420}}),
        ({"downwardAPI": {"items": [{"fieldRef": {}}, {"resourceFieldRef": {}}, {}]}},
         {"downwardAPI": {"defaultMode": 420, "items": [
             {"fieldRef": {"apiVersion": "v1"}}, {"resourceFieldRef": {"divisor": "0"}}, {}]}}),
        ({"projected": {}}, {"projected": {"defaultMode": 420}}),
        ({"projected": {"sources": [{"serviceAccountToken": {}}, {"downwardAPI": {"items": [{"fieldRef": {}}]}},
                                    {"secret": {}}]}},
         {"projected": {"defaultMode": 420, "sources": [
             {"serviceAccountToken": {"expirationSeconds": 3600}},
             {"downwardAPI": {"items": [{"fieldRef": {"apiVersion": "v1"}}]}}, {"secret": {}}]}}),
    ],
)  # fmt: skip
def test_defaults_of_files(given, filled):
    assert defaults.volume({"name": "v", **given}) == {"name": "v", **filled}
