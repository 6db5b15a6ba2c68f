"""Environment and command line as the kubelet resolves them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kjnb.embedded.container.pod_env import Unready, command, environment, expand, field

POD = {
    "metadata": {"name": "p", "namespace": "team", "uid": "u", "labels": {"a/b": "7"}, "annotations": {"x": "y"}},
    "spec": {"nodeName": "here"},
}
OBJECTS = {
    ("configmaps", "cm"): {"data": {"colour": "blue", "size": "7"}},
    ("secrets", "sec"): {"data": {"token": base64.b64encode(b"t0p").decode()}},
}


def env(container: dict[str, Any], base: dict[str, str] | None = None) -> dict[str, str]:
    lookup = lambda resource, name: OBJECTS.get((resource, name))  # noqa: E731
    return environment(POD, container, base or {}, lookup, {"cpu": "2", "memory": "1Gi"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "x"),
        ("$(NOPE)", "$(NOPE)"),
        ("$$(A)", "$(A)"),
        ("$$", "$"),
        ("$$$$", "$$"),
        ("a$b", "a$b"),
        ("$$$(A)", "$x"),
        ("$(A", "$(A"),
        ("$", "$"),
        ("", ""),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "x"}) == expected


def test_values_in_their_order_over_those_of_the_image() -> None:
    variables = [
        {"name": "A", "value": "x"},
        {"name": "B", "value": "$(A)$(C)$(PATH)"},
        {"name": "C", "value": "late"},
        {"name": "EMPTY"},
    ]
    assert env({"env": variables}, {"PATH": "p"}) == {
        "PATH": "p", "A": "x", "B": "x$(C)p", "C": "late", "EMPTY": "",
    }  # fmt: skip


def test_every_source() -> None:
    def source(**ref: Any) -> dict[str, Any]:
        return {"name": next(iter(ref)).upper(), "valueFrom": ref}

    resources = {"requests": {"memory": "64Mi"}, "limits": {"cpu": "1500m"}}
    container = {
        "resources": resources,
        "envFrom": [{"prefix": "CM_", "configMapRef": {"name": "cm"}}, {"secretRef": {"name": "sec"}}],
        "env": [
            source(configMapKeyRef={"name": "cm", "key": "colour"}),
            source(secretKeyRef={"name": "sec", "key": "token"}),
            source(fieldRef={"fieldPath": "metadata.namespace"}),
            source(resourceFieldRef={"resource": "limits.cpu"}),
            {"name": "OPTIONAL", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k", "optional": True}}},
            {"name": "MIB", "valueFrom": {"resourceFieldRef": {"resource": "requests.memory", "divisor": "1Mi"}}},
            {"name": "ALL", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
            {"name": "AS_LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
            {"name": "NO_KEY", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "no", "optional": True}}},
        ],
    }
    assert env(container) == {
        "CM_colour": "blue", "CM_size": "7", "token": "t0p", "CONFIGMAPKEYREF": "blue", "SECRETKEYREF": "t0p",
        "FIELDREF": "team", "RESOURCEFIELDREF": "2", "MIB": "64", "ALL": "1024", "AS_LIMIT": "1500",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "settings"}}]}, 'configmap "settings" not found'),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "k"}}}]},
            'secret "db" not found',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}]},
            "couldn't find key k in ConfigMap team/cm",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"fileKeyRef": {}}}]},
            "a variable's source is not known here: fileKeyRef",
        ),
    ],
)
def test_what_is_missing_is_named(container: dict[str, Any], message: str) -> None:
    with pytest.raises(Unready) as caught:
        env(container)
    assert (caught.value.reason, caught.value.message) == ("CreateContainerConfigError", message)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "p"),
        ("metadata.uid", "u"),
        ("metadata.labels['a/b']", "7"),
        ("metadata.annotations['none']", ""),
        ("metadata.annotations", 'x="y"'),
        ("spec.nodeName", "here"),
        ("spec.serviceAccountName", "default"),
        ("status.podIP", "127.0.0.1"),
        ("status.hostIPs", "127.0.0.1"),
    ],
)
def test_fields(path: str, value: str) -> None:
    assert field(POD, path) == value


def test_command_then_arguments() -> None:
    assert command({"command": ["sh", "$(A)"], "args": ["$$(A)"]}, {"A": "x"}) == ["sh", "x", "$(A)"]
    assert command({}, {}) == []


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({}, ["entry", "default"]),
        ({"args": ["$(A)"]}, ["entry", "x"]),
        ({"command": ["own"]}, ["own"]),
        ({"command": ["own"], "args": ["b"]}, ["own", "b"]),
    ],
)
def test_what_of_an_image_is_replaced(container: dict[str, Any], words: list[str]) -> None:
    assert command(container, {"A": "x"}, ["entry"], ["default"]) == words


def test_what_is_said_of_a_container_that_cannot_be_made() -> None:
    error = Unready("CreateContainerError", "no room")
    assert (error.waiting, error.about_pod) == ({"reason": "CreateContainerError", "message": "no room"}, False)
    assert error.events == [("Warning", "Failed", "Error: no room")]
    error = Unready.mount("v", "gone")
    assert (error.waiting, error.about_pod) == ({"reason": "ContainerCreating"}, True)
    assert error.events == [("Warning", "FailedMount", 'MountVolume.SetUp failed for volume "v" : gone')]
    told = [("Normal", "BackOff", "later")]
    assert Unready("ImagePullBackOff", "later", events=told).events == told


def test_a_value_that_no_process_can_have() -> None:
    objects = {("configmaps", "cm"): {"binaryData": {"a": base64.b64encode(b"x\0y").decode()}}}
    container = {"name": "c", "envFrom": [{"configMapRef": {"name": "cm"}}]}
    with pytest.raises(Unready, match='value of "a" holds a zero byte') as caught:
        environment(POD, container, {}, lambda resource, name: objects.get((resource, name)), {})
    assert caught.value.reason == "CreateContainerError"
