"""Kubernetes' protobuf bodies, as `kubectl create job` sends them, written here by hand."""

from __future__ import annotations

import pytest

from kjnb.embedded.api import protobuf
from kjnb.embedded.api.protobuf import MAGIC, ProtobufError


def varint(number: int) -> bytes:
    out = b""
    while number >= 128:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def text(number: int, value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value & (1 << 64) - 1)


def body(version: str, kind: str, *parts: bytes) -> bytes:
    return MAGIC + text(1, text(1, version) + text(2, kind)) + text(2, b"".join(parts))


NAME = text(1, "a")


def test_a_job_of_one_command():
    limits = text(1, text(1, "cpu") + text(2, text(1, "500m")))
    container = text(1, "main") + text(2, "busybox") + text(3, "sh") + text(3, "-c") + text(8, limits)
    variable = text(7, text(1, "A") + text(2, "x"))
    pod = text(2, container + variable) + text(3, "Never") + whole(5, 9) + whole(11, 0)
    spec = whole(1, 2) + whole(7, -1) + text(6, text(2, pod)) + whole(10, 1)
    meta = NAME + text(11, text(1, "k") + text(2, "v")) + text(11, text(1, "l")) + text(8, whole(1, 0)) + text(16, "")
    assert protobuf.decode(body("batch/v1", "Job", text(1, meta), text(2, spec))) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a", "labels": {"k": "v", "l": ""}, "creationTimestamp": "1970-01-01T00:00:00Z"},
        "spec": {
            "parallelism": 2,
            "backoffLimit": -1,
            "suspend": True,
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "main",
                            "image": "busybox",
                            "command": ["sh", "-c"],
                            "resources": {"limits": {"cpu": "500m"}},
                            "env": [{"name": "A", "value": "x"}],
                        }
                    ],
                    "restartPolicy": "Never",
                    "activeDeadlineSeconds": 9,
                    "hostNetwork": False,
                }
            },
        },
    }


def test_bytes_become_base64():
    data = text(2, text(1, "key") + text(2, b"\xff\x00"))
    secret = protobuf.decode(body("v1", "Secret", text(1, NAME), data, text(4, text(1, "k") + text(2, "plain"))))
    assert secret["data"] == {"key": "/wA="}
    assert secret["stringData"] == {"k": "plain"}


def test_a_time_that_was_not_set_is_none():
    assert protobuf.decode(body("v1", "ConfigMap", text(1, NAME + text(8, b""))))["metadata"] == {
        "name": "a",
        "creationTimestamp": None,
    }


def test_a_kind_that_is_not_known_has_nothing_but_its_name():
    assert protobuf.decode(body("v1", "Pod", b"anything")) == {"apiVersion": "v1", "kind": "Pod"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{}", "does not begin"),
        (MAGIC, "not whole"),
        (MAGIC + b"\x0a\xff", "not whole"),
        (body("v1", "ConfigMap", b"\x0a\x05ab"), "not whole"),
        (body("v1", "ConfigMap", varint(1 << 3 | 5) + b"1234"), "wire type 5"),
        (body("v1", "ConfigMap", text(9, "x")), "field 9 of ConfigMap is not read"),
        (body("v1", "ConfigMap", text(1, text(1, b"\xff"))), "not whole"),
        (body("v1", "ConfigMap", whole(1, 7)), "not whole"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(data, words):
    with pytest.raises(ProtobufError, match=words):
        protobuf.decode(data)


def test_an_empty_struct_is_nothing():
    assert protobuf.single("any", b"") is None
