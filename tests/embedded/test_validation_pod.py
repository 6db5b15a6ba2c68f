"""What the API server refuses of a pod's spec and of metadata, field by field."""

from __future__ import annotations

import pytest

from kjnb.embedded.api.validation import core, meta, pod_object
from tests.embedded.refusals import GONE, a_pod, changed, refused, said

POD = a_pod()
MAIN = "spec.containers.0"
AT = "spec.containers[0]"
VOLUMES = [{"name": "v", "emptyDir": {}}]
MOUNTED = changed(changed(POD, "spec.volumes", VOLUMES), f"{MAIN}.volumeMounts", [{"name": "v", "mountPath": "/v"}])
FROM = "valueFrom"


def from_source(**sources):
    return [{"name": "A", FROM: sources}]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec.restartPolicy", "Sometimes", [("spec.restartPolicy", "NotSupported")]),
        ("spec.containers", [], [("spec.containers", "Required")]),
        ("spec.dnsPolicy", "Mine", [("spec.dnsPolicy", "NotSupported")]),
        ("spec.activeDeadlineSeconds", 0, [("spec.activeDeadlineSeconds", "Invalid")]),
        ("spec.hostname", "a.b", [("spec.hostname", "Invalid")]),
        ("spec.nodeSelector", {"a": "b c"}, [("spec.nodeSelector", "Invalid")]),
        ("spec.volumes", [*VOLUMES, *VOLUMES], [("spec.volumes[1].name", "Duplicate")]),
        ("spec.volumes", [{"emptyDir": {}}], [("spec.volumes[0].name", "Required")]),
        (f"{MAIN}.name", "Main", [(f"{AT}.name", "Invalid")]),
        (f"{MAIN}.name", GONE, [(f"{AT}.name", "Required")]),
        ("spec.initContainers", POD["spec"]["containers"], [("spec.initContainers[0].name", "Duplicate")]),
        (f"{MAIN}.image", GONE, [(f"{AT}.image", "Required")]),
        (f"{MAIN}.image", " busybox", [(f"{AT}.image", "Invalid")]),
        (f"{MAIN}.imagePullPolicy", "Often", [(f"{AT}.imagePullPolicy", "NotSupported")]),
        (f"{MAIN}.terminationMessagePolicy", "Mail", [(f"{AT}.terminationMessagePolicy", "NotSupported")]),
        (f"{MAIN}.env", [{"value": "x"}], [(f"{AT}.env[0].name", "Required")]),
        (f"{MAIN}.env", [{"name": "A=B"}], [(f"{AT}.env[0].name", "Invalid")]),
        (f"{MAIN}.env", [{"name": "A", "value": "x"}], []),
        (f"{MAIN}.env", from_source(), [(f"{AT}.env[0].{FROM}", "Invalid")]),
        (f"{MAIN}.env", from_source(fieldRef={"fieldPath": "metadata.name"}), []),
        (f"{MAIN}.env", from_source(fieldRef={"fieldPath": "metadata.labels['a']"}), []),
        (f"{MAIN}.env", from_source(fieldRef={}), [(f"{AT}.env[0].{FROM}.fieldRef.fieldPath", "Required")]),
        (
            f"{MAIN}.env",
            from_source(fieldRef={"fieldPath": "x"}),
            [(f"{AT}.env[0].{FROM}.fieldRef.fieldPath", "Invalid")],
        ),
        (
            f"{MAIN}.env",
            from_source(secretKeyRef={"name": "s"}),
            [(f"{AT}.env[0].{FROM}.secretKeyRef.key", "Required")],
        ),
        (
            f"{MAIN}.env",
            [{"name": "A", "value": "x", FROM: {"configMapKeyRef": {"name": "c", "key": "k"}}}],
            [(f"{AT}.env[0].{FROM}", "Invalid")],
        ),
        (
            f"{MAIN}.env",
            from_source(configMapKeyRef={"name": "c", "key": "k"}, secretKeyRef={"name": "s", "key": "k"}),
            [(f"{AT}.env[0].{FROM}", "Invalid")],
        ),
        (f"{MAIN}.resources", {"limits": {"cpu": "-1"}}, [(f"{AT}.resources.limits[cpu]", "Invalid")]),
        (
            f"{MAIN}.resources",
            {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}},
            [(f"{AT}.resources.requests", "Invalid")],
        ),
        (f"{MAIN}.resources", {"limits": {"cpu": "1"}, "requests": {"memory": "2"}}, []),
    ],
)
def test_a_pod_is_refused(path, value, expected):
    assert refused(pod_object.pod_object, POD, path, value) == expected


MOUNTS, M1 = f"{AT}.volumeMounts", f"{AT}.volumeMounts[1]"


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ({"mountPath": "/w"}, [(f"{M1}.name", "Required"), (f"{M1}.name", "NotFound")]),
        ({"name": "other", "mountPath": "/w"}, [(f"{M1}.name", "NotFound")]),
        ({"name": "v"}, [(f"{M1}.mountPath", "Required")]),
        ({"name": "v", "mountPath": "/v"}, [(f"{M1}.mountPath", "Invalid")]),
        ({"name": "v", "mountPath": "/w", "subPath": "/abs"}, [(f"{MOUNTS}.subPath", "Invalid")]),
        ({"name": "v", "mountPath": "/w", "subPath": "a/../b"}, [(f"{MOUNTS}.subPath", "Invalid")]),
        ({"name": "v", "mountPath": "/w", "subPath": "a", "subPathExpr": "b"}, [(f"{M1}.subPathExpr", "Invalid")]),
        ({"name": "v", "mountPath": "/w", "subPath": "a..b"}, []),
        (
            {"name": "v", "mountPath": "/w", "recursiveReadOnly": "Always"},
            [(f"{MOUNTS}.recursiveReadOnly", "NotSupported")],
        ),
        (
            {"name": "v", "mountPath": "/w", "recursiveReadOnly": "Enabled", "mountPropagation": "HostToContainer"},
            [(f"{MOUNTS}.recursiveReadOnly", "Forbidden")] * 2,
        ),
        ({"name": "v", "mountPath": "/w", "recursiveReadOnly": "Enabled", "readOnly": True}, []),
    ],
)
def test_a_mount_is_refused(mount, expected):
    both = [MOUNTED["spec"]["containers"][0]["volumeMounts"][0], mount]
    assert refused(pod_object.pod_object, MOUNTED, f"{MAIN}.volumeMounts", both) == expected


def test_what_of_a_pod_may_change():
    assert pod_object.pod_update(changed(POD, f"{MAIN}.image", "other:2"), POD) == []
    assert pod_object.pod_update(changed(POD, "spec.activeDeadlineSeconds", 5), POD) == []
    assert said(pod_object.pod_update(changed(POD, f"{MAIN}.command", ["sh"]), POD)) == [("spec", "Forbidden")]
    with_init = changed(POD, "spec.initContainers", [{**POD["spec"]["containers"][0], "name": "first"}])
    assert pod_object.pod_update(changed(with_init, "spec.initContainers.0.image", "other:2"), with_init) == []


TOLERATED = [*POD["spec"]["tolerations"], {"key": "a", "operator": "Exists"}]
GATED = changed(changed(POD, "spec.schedulingGates", [{"name": "g"}]), "spec.nodeSelector", {"a": "b"})
BOUNDED = changed(POD, "spec.activeDeadlineSeconds", 9)
NEGATIVE = changed(POD, "spec.terminationGracePeriodSeconds", -1)


@pytest.mark.parametrize(
    ("old", "path", "value", "expected"),
    [
        (POD, "spec.tolerations", TOLERATED, []),
        (POD, "spec.tolerations", [], [("spec.tolerations", "Forbidden")]),
        (POD, "spec.tolerations.0.tolerationSeconds", 5, []),
        (
            POD,
            "spec.containers",
            POD["spec"]["containers"] * 2,
            [("spec.containers[1].name", "Duplicate"), ("spec.containers", "Forbidden")],
        ),
        (POD, "spec.nodeSelector", {"a": "b"}, [("spec", "Forbidden")]),
        (POD, "spec.terminationGracePeriodSeconds", 1, [("spec", "Forbidden")]),
        (NEGATIVE, "spec.terminationGracePeriodSeconds", 1, []),
        (BOUNDED, "spec.activeDeadlineSeconds", 5, []),
        (BOUNDED, "spec.activeDeadlineSeconds", 10, [("spec.activeDeadlineSeconds", "Invalid")]),
        (BOUNDED, "spec.activeDeadlineSeconds", GONE, [("spec.activeDeadlineSeconds", "Invalid")]),
        (GATED, "spec.schedulingGates", [], []),
        (GATED, "spec.schedulingGates", [{"name": "h"}], [("spec.schedulingGates[0].name", "Forbidden")]),
        (GATED, "spec.nodeSelector", {"a": "b", "c": "d"}, []),
        (GATED, "spec.nodeSelector", {"a": "x"}, [("spec.nodeSelector", "Invalid")]),
    ],
)
def test_what_may_change_in_one_direction(old, path, value, expected):
    assert said(pod_object.pod_update(changed(old, path, value), old)) == expected


OWNER = {"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "u", "controller": True}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "a.b-c"}, []),
        ({}, [("metadata.name", "Required")]),
        ({"name": "a" * 254}, [("metadata.name", "Invalid")]),
        ({"name": "a", "labels": {"": "x"}}, [("metadata.labels", "Invalid")] * 2),
        ({"name": "a", "labels": {"/x": "x"}}, [("metadata.labels", "Invalid")]),
        ({"name": "a", "labels": {"UP/x": "x"}}, [("metadata.labels", "Invalid")]),
        ({"name": "a", "labels": {"a.b/X_y": ""}}, []),
        ({"name": "a", "labels": {"k" * 64: "v" * 64}}, [("metadata.labels", "Invalid")] * 2),
        ({"name": "a", "annotations": {"Upper": "any thing"}}, []),
        ({"name": "a", "annotations": {"k": "v" * 262_144}}, [("metadata.annotations", "TooLong")]),
        (
            {"name": "a", "finalizers": ["a b"]},
            [("metadata.finalizers", "Invalid"), ("metadata.finalizers[0]", "Invalid")],
        ),
        ({"name": "a", "finalizers": ["kubernetes", "a.b/c", "orphan"]}, []),
        ({"name": "a", "finalizers": ["orphan", "foregroundDeletion"]}, [("metadata.finalizers", "Invalid")]),
        ({"name": "a", "finalizers": ["mine"]}, [("metadata.finalizers[0]", "Invalid")]),
        ({"name": "a", "labels": {"a/b/c": "d"}}, [("metadata.labels", "Invalid")]),
        ({"name": "a", "ownerReferences": [{**OWNER, "kind": "Event"}]}, [("metadata.ownerReferences", "Invalid")]),
        ({"name": "a", "ownerReferences": [OWNER]}, []),
        ({"name": "a", "ownerReferences": [{**OWNER, "uid": ""}]}, [("metadata.ownerReferences.uid", "Invalid")]),
        ({"name": "a", "ownerReferences": [OWNER, OWNER]}, [("metadata.ownerReferences", "Invalid")]),
    ],
)
def test_metadata_is_refused(given, expected):
    assert said(core.plain({"metadata": given})) == expected


def test_what_of_metadata_stays():
    old = {"name": "a", "uid": "u", "finalizers": ["a/b"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert said(meta.metadata_update({**old, "uid": "v"}, old)) == [("metadata.uid", "Invalid")]
    assert said(meta.metadata_update({**old, "finalizers": ["a/b", "c/d"]}, old)) == [
        ("metadata.finalizers", "Forbidden")
    ]
    assert meta.metadata_update({**old, "finalizers": []}, old) == []
    labelled = {**old, "labels": {"a b": "c"}}
    assert said(meta.of_every_kind(labelled, old)) == [("metadata.labels", "Invalid")] * 2
    assert said(core.plain_update({"metadata": {"name": "b"}}, {"metadata": {"name": "a"}})) == [
        ("metadata.name", "Invalid")
    ]


CONFIGMAP = {"kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"key": "value"}}
SECRET = {"kind": "Secret", "type": "Opaque", "metadata": {"name": "s"}, "data": {"key": "dmFsdWU="}}


@pytest.mark.parametrize(
    ("obj", "path", "value", "expected"),
    [
        (CONFIGMAP, "data", {"a b": "x"}, [("data[a b]", "Invalid")]),
        (CONFIGMAP, "data", {".": "x"}, [("data[.]", "Invalid")]),
        (CONFIGMAP, "data", {"..x": "x"}, [("data[..x]", "Invalid")]),
        (CONFIGMAP, "data", {"k" * 254: "x"}, [(f"data[{'k' * 254}]", "Invalid")]),
        (CONFIGMAP, "data", {"k": "x" * 1_048_577}, [("", "TooLong")]),
        (CONFIGMAP, "binaryData", {"key": "eA=="}, [("data[key]", "Invalid")]),
        (CONFIGMAP, "binaryData", {"a b": "eA=="}, [("binaryData[a b]", "Invalid")]),
        (CONFIGMAP, "binaryData", {"k": "AAAA" * 349_523}, []),
        (CONFIGMAP, "binaryData", {"k": "AAAA" * 349_526}, [("", "TooLong")]),
    ],
)
def test_entries_are_refused(obj, path, value, expected):
    assert refused(core.entries, obj, path, value) == expected


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("Opaque", {"a b": ""}, ["data[a b]: Invalid"]),
        ("Opaque", {"a": "AAAA" * 349_526}, ["data: TooLong"]),
        ("mine.org/kind", {}, []),
        ("kubernetes.io/tls", {}, ["data[tls.crt]: Required", "data[tls.key]: Required"]),
        ("kubernetes.io/tls", {"tls.crt": "", "tls.key": ""}, []),
        ("kubernetes.io/basic-auth", {}, ["data[username]: Required", "data[password]: Required"]),
        ("kubernetes.io/basic-auth", {"password": ""}, []),
        ("kubernetes.io/ssh-auth", {"ssh-privatekey": ""}, ["data[ssh-privatekey]: Required"]),
        ("kubernetes.io/ssh-auth", {"ssh-privatekey": "eA=="}, []),
        ("kubernetes.io/dockercfg", {}, ["data[.dockercfg]: Required"]),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "eA=="}, ["data[.dockerconfigjson]: Invalid"]),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "e30="}, []),
        (
            "kubernetes.io/service-account-token",
            {},
            ["metadata.annotations[kubernetes.io/service-account.name]: Required"],
        ),
    ],
)
def test_secrets_hold_what_their_type_asks_for(kind, data, expected):
    found = said(core.secret({**SECRET, "type": kind, "data": data}))
    assert [f"{field}: {why}" for field, why in found] == expected


def test_an_event_lies_where_what_it_is_about_lies():
    def found(home, about):
        involved = {"namespace": about} if about else {}
        return said(core.event({"metadata": {"name": "e", "namespace": home}, "involvedObject": involved}))

    assert found("a", "a") == found("default", "") == []
    assert found("a", "b") == found("a", "") == [("involvedObject.namespace", "Invalid")]


def test_a_service_account_is_checked_as_a_new_one_too():
    account = {"metadata": {"name": "a"}}
    bad = {"metadata": {"name": "a", "labels": {"a b": "c"}}}
    assert said(core.account_update(bad, account)) == [("metadata.labels", "Invalid")] * 2


def test_what_is_immutable_of_entries():
    fixed = {**CONFIGMAP, "immutable": True}
    assert said(core.entries_update(CONFIGMAP, fixed)) == [("immutable", "Forbidden")]
    assert said(core.entries_update({**fixed, "data": {}}, fixed)) == [("data", "Forbidden")]
    assert said(core.secret_update({**SECRET, "type": "other"}, SECRET)) == [("type", "Invalid")]
    assert core.entries_update({**CONFIGMAP, "data": {}}, CONFIGMAP) == []


def test_a_namespace_is_a_dns_label():
    assert core.namespace({"metadata": {"name": "team-a"}}) == []
    assert said(core.namespace({"metadata": {"name": "a.b"}})) == [("metadata.name", "Invalid")]
    assert said(core.namespace({"metadata": {}})) == [("metadata.name", "Required")]
    assert meta.dns_label("a" * 64) == ["must be no more than 63 bytes"]
