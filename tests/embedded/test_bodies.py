"""Bytes of a request as documents: JSON, YAML, and what is given twice."""

from __future__ import annotations

import pytest

from kjnb.embedded.api import answers, bodies


def test_fields_that_are_given_twice():
    body = b'{"a": 1, "a": 2, "b": {"c": [{"d": 1, "d": 2, "e": 0, "e": 1}, {"d": 1}]}, "f": {}}'
    assert bodies.twice(body) == ["a", "b.c[0].d", "b.c[0].e"]
    assert bodies.twice(b'{"a": 1}') == []
    assert bodies.twice(b"{") == []


def test_yaml_is_read_as_json_has_it():
    body = b"metadata: {name: a}\ndata:\n  k: 2026-01-01\n  n: '1'\n"
    assert bodies.from_yaml(body, "ConfigMap") == {"metadata": {"name": "a"}, "data": {"k": "2026-01-01", "n": "1"}}


@pytest.mark.parametrize("body", [b"a: [", b"a: &x {}\nb: *x", b"{1: 2}: 3", b"\xff\xfe\x00"])
def test_yaml_that_is_none(body):
    with pytest.raises(answers.Refused) as refused:
        bodies.from_yaml(body, "ConfigMap")
    assert refused.value.code == 400


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 5000, b"[" * 250 + b"]" * 250])
def test_json_that_is_none(body):
    with pytest.raises(answers.Refused) as refused:
        bodies.decoded(body, "ConfigMap")
    assert refused.value.code == 400


def test_protobuf_that_is_none():
    with pytest.raises(answers.Refused):
        bodies.from_protobuf(b"k8s")
