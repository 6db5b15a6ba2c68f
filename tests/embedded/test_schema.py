"""Documents held against the kinds: what is unknown, what is empty, what is of another type."""

from __future__ import annotations

import pytest

from kjnb.embedded.api import schema


def read_job(**spec):
    return schema.read("Job", {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": spec})


def pod(**more):
    return {"template": {"spec": {"containers": [{"name": "c", **more}]}}}


def test_unknown_fields_are_dropped_and_named():
    document, unknown = read_job(completions=2, colour="blue", **pod(imge="x"))
    assert unknown == ["spec.colour", "spec.template.spec.containers[0].imge"]
    assert document["spec"] == {"completions": 2, **pod()}


def test_null_and_empty_values_are_dropped_as_go_drops_them():
    document, unknown = read_job(
        completions=None, manualSelector=None, **pod(args=[], env=None, workingDir="", stdin=False, command=["x"])
    )
    assert unknown == []
    assert document["spec"]["template"] == pod(command=["x"])["template"]
    assert set(document["spec"]) == {"template"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"completions": "3"}, "cannot unmarshal string into Go struct field JobSpec.spec.completions of type int32"),
        ({"completions": True}, "cannot unmarshal bool into"),
        ({"completions": 2**31}, "cannot unmarshal number 2147483648 into"),
        ({"suspend": "yes"}, "cannot unmarshal string into Go struct field JobSpec.spec.suspend of type bool"),
        ({"completionMode": 1}, "cannot unmarshal number 1 into"),
        ({"template": []}, "cannot unmarshal array into"),
        ({"template": {"spec": {"containers": {}}}}, "cannot unmarshal object into"),
        ({"template": {"metadata": {"labels": []}}}, "cannot unmarshal array into"),
        ({"template": {"metadata": {"labels": {"a": 1}}}}, "cannot unmarshal number 1 into"),
        (pod(resources={"limits": []}), "of type v1.ResourceList"),
        (pod(resources={"limits": {"cpu": True}}), "of type resource.Quantity"),
        (pod(resources={"limits": {"cpu": "much"}}), "quantities must match"),
    ],
)
def test_a_value_of_another_type_is_refused_in_gos_words(spec, words):
    with pytest.raises(schema.Mismatch) as refused:
        read_job(**spec)
    assert words in str(refused.value)


def test_amounts_are_kept_in_their_canonical_form():
    document, _ = read_job(**pod(resources={"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {}}))
    limits = document["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert limits == {"limits": {"cpu": "500m", "memory": "1Gi"}}


def test_labels_without_a_value_are_empty():
    document, _ = read_job(template={"metadata": {"labels": {"a": None}, "annotations": {}}})
    assert document["spec"]["template"]["metadata"] == {"labels": {"a": ""}}


def test_how_lists_are_merged():
    assert schema.shape("PodSpec", "containers") == ("Container", "name")
    assert schema.shape("Container", "args") == ("str", None)
    assert schema.shape("Container", "colour") == ("any", None)
    assert schema.fields("str") == {}


def test_times_are_kept_in_utc_and_refused_when_they_are_none():
    def read_time(text):
        return schema.read("Event", {"lastTimestamp": text, "eventTime": text})[0]

    assert read_time("2026-01-31T12:00:00+01:00") == {
        "lastTimestamp": "2026-01-31T11:00:00Z",
        "eventTime": "2026-01-31T11:00:00.000000Z",
    }
    assert read_time("") == {}
    with pytest.raises(schema.Mismatch, match="parsing time"):
        read_time("yesterday")


def test_a_number_or_text():
    assert schema.read("TCPSocketAction", {"port": 80})[0] == {"port": 80}
    assert schema.read("TCPSocketAction", {"port": "http"})[0] == {"port": "http"}
    with pytest.raises(schema.Mismatch, match="cannot unmarshal bool into"):
        schema.read("TCPSocketAction", {"port": True})


def test_what_go_always_writes_is_always_there():
    assert schema.read("JobCondition", {"status": "True"})[0] == {"type": "", "status": "True"}
    assert schema.read("Terminated", {})[0] == {"exitCode": 0}


def test_a_number_that_go_leaves_out_when_it_is_zero():
    probe = {"exec": {"command": ["true"]}, "timeoutSeconds": 0, "periodSeconds": 5}
    one = {"name": "a", "image": "b", "livenessProbe": probe, "ports": [{"containerPort": 1, "hostPort": 0}]}
    kept = schema.read("Pod", {"metadata": {"generation": 0}, "spec": {"priority": 0, "containers": [one]}})[0]
    assert (kept["metadata"], kept["spec"]["priority"]) == ({}, 0)
    assert kept["spec"]["containers"][0]["livenessProbe"] == {"exec": {"command": ["true"]}, "periodSeconds": 5}
    assert kept["spec"]["containers"][0]["ports"] == [{"containerPort": 1}]


@pytest.mark.parametrize("data", [{"k": "no!"}, {"k": "abc"}, ["k"], {"k": 7}])
def test_bytes_are_a_map_of_base64(data):
    with pytest.raises(schema.Mismatch):
        schema.read("Secret", {"data": data})
    kept = {"data": {"k": "YQ==", "empty": ""}}
    assert schema.read("Secret", kept)[0]["data"] == kept["data"]
