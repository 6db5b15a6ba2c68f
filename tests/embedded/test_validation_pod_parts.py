"""What the API server refuses of a pod's parts: probes, ports, volumes, environment, placement, security."""

from __future__ import annotations

import pytest

from kjnb.embedded.api.validation import pod_object
from tests.embedded.refusals import a_pod, changed, refused

POD = changed(a_pod(), "spec.volumes", [{"name": "v", "emptyDir": {}}])
MAIN, AT = "spec.containers.0", "spec.containers[0]"
V = "spec.volumes[0]"
R, P = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))
INVALID, REQUIRED, UNKNOWN, FORBIDDEN = "Invalid", "Required", "NotSupported", "Forbidden"
LONG = "a" * 16


def check(path, value, *expected):
    """(field below the container or the pod, reason) pairs are what is said of that value."""
    assert refused(pod_object.pod_object, POD, path, value) == list(expected)


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"exec": {"command": ["true"]}}, []),
        ({}, [("", REQUIRED)]),
        ({"exec": {}}, [(".exec.command", REQUIRED)]),
        ({"exec": {"command": ["x"]}, "tcpSocket": {"port": 1}}, [(".tcpSocket", FORBIDDEN)]),
        ({"httpGet": {"port": 80, "path": "/x", "httpHeaders": [{"name": "X-A"}]}}, []),
        ({"httpGet": {"port": "web", "path": "", "scheme": "FTP", "httpHeaders": [{"name": "a b"}]}},
         [(".httpGet.path", REQUIRED), (".httpGet.scheme", UNKNOWN), (".httpGet.httpHeaders", INVALID)]),
        ({"tcpSocket": {"port": 0}}, [(".tcpSocket.port", INVALID)]),
        ({"tcpSocket": {"port": "--9--" + LONG}}, [(".tcpSocket.port", INVALID)] * 3),
        ({"tcpSocket": {"port": "9_9"}}, [(".tcpSocket.port", INVALID)] * 2),
        ({"grpc": {"port": 70000}}, [(".grpc.port", INVALID)]),
        ({"exec": {"command": ["x"]}, "periodSeconds": -1}, [(".periodSeconds", INVALID)]),
        ({"exec": {"command": ["x"]}, "terminationGracePeriodSeconds": 0},
         [(".terminationGracePeriodSeconds", INVALID)]),
        ({"exec": {"command": ["x"]}, "successThreshold": 2}, [(".successThreshold", INVALID)]),
    ],
)  # fmt: skip
def test_probes(probe, expected):
    check(f"{MAIN}.livenessProbe", probe, *((f"{AT}.livenessProbe{below}", why) for below, why in expected))


def test_devices_are_the_pods():
    pod = changed(POD, "spec.resourceClaims", [{"name": "x", "resourceClaimName": "c"}])
    assert refused(pod_object.pod_object, pod, f"{MAIN}.resources", {"claims": [{"name": "x"}]}) == []


def test_readiness_has_rules_of_its_own():
    check(f"{MAIN}.readinessProbe", {"exec": {"command": ["x"]}, "successThreshold": 2})
    probe = {"exec": {"command": ["x"]}, "successThreshold": 2, "terminationGracePeriodSeconds": 5}
    check(f"{MAIN}.readinessProbe", probe, (f"{AT}.readinessProbe.terminationGracePeriodSeconds", INVALID))


def test_hooks():
    hooks = {"preStop": {"sleep": {"seconds": -1}}, "postStart": {"sleep": {"seconds": 1}}}
    check(f"{MAIN}.lifecycle", hooks, (f"{AT}.lifecycle.preStop.sleep", INVALID))
    late = {"preStop": {"sleep": {"seconds": 31}}}
    check(f"{MAIN}.lifecycle", late, (f"{AT}.lifecycle.preStop.sleep", INVALID))


def test_init_containers_have_none_unless_they_go_on():
    probe = {"exec": {}}
    one = {**POD["spec"]["containers"][0], "name": "first", "startupProbe": probe}
    at = "spec.initContainers[0].startupProbe"
    check("spec.initContainers", [one], (at, FORBIDDEN))
    check("spec.initContainers", [{**one, "restartPolicy": "Always"}], (f"{at}.exec.command", REQUIRED))


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([{"containerPort": 80, "name": "web"}, {"containerPort": 81, "name": "web"}], [("[1].name", "Duplicate")]),
        ([{"containerPort": 80, "name": "We"}], [("[0].name", INVALID)]),
        ([{}], [("[0].containerPort", REQUIRED)]),
        ([{"containerPort": 70000, "hostPort": -1, "protocol": "ICMP"}],
         [("[0].containerPort", INVALID), ("[0].hostPort", INVALID), ("[0].protocol", UNKNOWN)]),
        ([{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}],
         [("[1].hostPort", "Duplicate")]),
    ],
)  # fmt: skip
def test_ports(ports, expected):
    check(f"{MAIN}.ports", ports, *((f"{AT}.ports{below}", why) for below, why in expected))


def test_what_of_the_host_a_pod_may_not_change():
    host = changed(changed(POD, "spec.hostNetwork", True), "spec.hostIPC", True)
    names = [{"name": "net.core.somaxconn"}, {"name": "kernel/shm_rmid_forced"}, {"name": "kernel.other"}]
    said = [(f"spec.securityContext.sysctls[{place}].name", INVALID) for place in (0, 1)]
    assert refused(pod_object.pod_object, host, "spec.securityContext.sysctls", names) == said
    said = [("spec.hostNetwork", FORBIDDEN), ("spec.HostIPC", FORBIDDEN)]
    assert refused(pod_object.pod_object, host, "spec.hostUsers", False) == said


def test_a_gated_pod_has_no_node():
    gated = changed(POD, "spec.schedulingGates", [{"name": "g"}])
    assert refused(pod_object.pod_object, gated, "spec.nodeName", "n") == [("spec.nodeName", FORBIDDEN)]


def test_ports_on_the_hosts_network():
    on_host = changed(POD, "spec.hostNetwork", True)
    ports = [{"containerPort": 80, "hostPort": 81}]
    assert refused(pod_object.pod_object, on_host, f"{MAIN}.ports", ports) == [(f"{AT}.ports[0].hostPort", INVALID)]
    same = [{"containerPort": 80, "hostPort": 80}]
    assert refused(pod_object.pod_object, on_host, f"{MAIN}.ports", same) == []


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {"gpu": "1"}}, [("limits[gpu]", INVALID)] * 2),
        ({"limits": {"storage": "1"}}, [("limits[storage]", INVALID)]),
        ({"limits": {"kubernetes.io/x": "1"}}, []),
        ({"limits": {"requests.a.b/x": "1"}}, [("limits[requests.a.b/x]", INVALID)]),
        ({"limits": {"bad name": "1"}}, [("limits[bad name]", INVALID)] * 2),
        ({"limits": {"nvidia.com/gpu": "1"}}, []),
        ({"limits": {"nvidia.com/gpu": "0.5"}}, [("limits[nvidia.com/gpu]", INVALID)]),
        ({"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "1"}}, [("requests", INVALID)]),
        ({"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}}, []),
        ({"limits": {"cpu": "1"}, "requests": {"cpu": "500m"}}, []),
        ({"requests": {"nvidia.com/gpu": "1"}}, [("limits", REQUIRED)]),
        ({"limits": {"hugepages-2Mi": "2Mi"}}, [("", FORBIDDEN)]),
        ({"limits": {"hugepages-2Mi": "2Mi", "cpu": "1"}}, []),
        ({"claims": [{}, {"name": "x"}]}, [("claims[0]", REQUIRED), ("claims[1]", "NotFound")]),
        (
            {"claims": [{"name": "x"}, {"name": "x"}]},
            [("claims[0]", "NotFound"), ("claims[1]", "Duplicate"), ("claims[1]", "NotFound")],
        ),
    ],
)
def test_resources(resources, expected):
    wanted = [(f"{AT}.resources.{below}".rstrip("."), why) for below, why in expected]
    check(f"{MAIN}.resources", resources, *wanted)


@pytest.mark.parametrize(
    ("part", "value", "expected"),
    [
        ("restartPolicy", "Sometimes", [("restartPolicy", UNKNOWN)]),
        ("restartPolicyRules", [{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}],
         [("restartPolicy", REQUIRED)]),
        ("securityContext", {"runAsUser": -1, "runAsGroup": 2**31},
         [("securityContext.runAsUser", INVALID), ("securityContext.runAsGroup", INVALID)]),
        ("securityContext", {"allowPrivilegeEscalation": False, "privileged": True}, [("securityContext", INVALID)]),
        ("securityContext", {"allowPrivilegeEscalation": False, "capabilities": {"add": ["CAP_SYS_ADMIN"]}},
         [("securityContext", INVALID)]),
        ("securityContext", {"procMount": "Mine"}, [("securityContext.procMount", UNKNOWN)]),
        ("securityContext", {"procMount": "Unmasked"}, [("securityContext.procMount", INVALID)]),
        ("securityContext", {"seccompProfile": {"type": "Localhost", "localhostProfile": "/../a"}},
         [("securityContext.seccompProfile.localhostProfile", INVALID)] * 2),
        ("securityContext", {"seccompProfile": {"type": "Unconfined", "localhostProfile": "a"}},
         [("securityContext.seccompProfile.localhostProfile", INVALID)]),
        ("securityContext", {"appArmorProfile": {"type": "Localhost", "localhostProfile": ""}},
         [("securityContext.appArmorProfile.localhostProfile", REQUIRED)]),
        ("securityContext", {"appArmorProfile": {"type": "Localhost", "localhostProfile": " " + "a" * 4095}},
         [("securityContext.appArmorProfile.localhostProfile", INVALID),
          ("securityContext.appArmorProfile.localhostProfile", "TooLong")]),
        ("resizePolicy", [{"resourceName": "cpu", "restartPolicy": "NotRequired"}], []),
        ("resizePolicy", [{"resourceName": "cpu", "restartPolicy": "Perhaps"}, {"resourceName": "cpu"}],
         [("resizePolicy", UNKNOWN), ("resizePolicy[1]", "Duplicate"), ("resizePolicy", REQUIRED)]),
        ("volumeDevices", [{"name": "v", "devicePath": "/dev/x"}], [("volumeDevices[0].name", INVALID)]),
        ("volumeDevices", [{}, {"name": "w", "devicePath": "/../x"}],
         [("volumeDevices[0].name", REQUIRED), ("volumeDevices[0].name", "NotFound"),
          ("volumeDevices[0].devicePath", REQUIRED), ("volumeDevices[1].name", "NotFound"),
          ("volumeDevices[1].devicePath", INVALID)]),
        ("securityContext", {"seccompProfile": {}}, [("securityContext.seccompProfile.type", REQUIRED)]),
        ("securityContext", {"seccompProfile": {"type": "Mine"}}, [("securityContext.seccompProfile.type", UNKNOWN)]),
        ("securityContext", {"seccompProfile": {"type": "Localhost"}},
         [("securityContext.seccompProfile.localhostProfile", REQUIRED)]),
        ("securityContext", {"appArmorProfile": {"type": "Unconfined", "localhostProfile": "x"}},
         [("securityContext.appArmorProfile.localhostProfile", INVALID)]),
        ("env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}],
         [("env[0].valueFrom.fieldRef.fieldPath", UNKNOWN)]),
        ("env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a b']"}}}],
         [("env[0].valueFrom.fieldRef", INVALID)]),
        ("env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['A/b']"}}}], []),
        ("env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.x['a']"}}}],
         [("env[0].valueFrom.fieldRef.fieldPath", INVALID)]),
        ("env", [{"name": "A", "valueFrom": {"resourceFieldRef": {}}}],
         [("env[0].valueFrom.resourceFieldRef.resource", REQUIRED)]),
        ("env", [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.disk"}}}],
         [("env[0].valueFrom.resourceFieldRef.resource", UNKNOWN)]),
        ("env", [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}],
         [("env[0].valueFrom.resourceFieldRef.divisor", INVALID)]),
        ("env", [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}}],
         []),
        ("env", [{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "p"}}}],
         [("env[0].valueFrom.fileKeyRef.key", REQUIRED)]),
        ("env", [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "a b"}}}],
         [("env[0].valueFrom.secretKeyRef.name", INVALID), ("env[0].valueFrom.secretKeyRef.key", INVALID)]),
        ("envFrom", [{"prefix": "a="}], [("envFrom[0].prefix", INVALID), ("envFrom", INVALID)]),
        ("envFrom", [{"configMapRef": {}}], [("envFrom[0].configMapRef.name", REQUIRED)]),
        ("envFrom", [{"configMapRef": {"name": "A"}}], [("envFrom[0].configMapRef.name", INVALID)]),
        ("envFrom", [{"configMapRef": {"name": "a"}, "secretRef": {"name": "a"}}], [("envFrom", INVALID)]),
        ("volumeMounts", [{"name": "v", "mountPath": "/a", "mountPropagation": "Up"}],
         [("volumeMounts.mountPropagation", UNKNOWN)]),
        ("volumeMounts", [{"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}],
         [("volumeMounts.mountPropagation", FORBIDDEN)]),
    ],
)  # fmt: skip
def test_containers(part, value, expected):
    check(f"{MAIN}.{part}", value, *((f"{AT}.{below}", why) for below, why in expected))


def test_rules_of_restarts():
    one = changed(POD, f"{MAIN}.restartPolicy", "Never")
    at = f"{AT}.restartPolicyRules"
    rules = [
        {"action": "Stop", "exitCodes": {"operator": "Is", "values": list(range(256))}},
        {"action": "Restart"},
        *[{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}] * 19,
    ]
    assert refused(pod_object.pod_object, one, f"{MAIN}.restartPolicyRules", rules) == [
        (at, "TooLong"), (f"{at}[0].action", UNKNOWN), (f"{at}[0].exitCodes.operator", UNKNOWN),
        (f"{at}[0].exitCodes.values", "TooLong"), (f"{at}[1].exitCodes", REQUIRED),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, [("", REQUIRED)]),
        ({"hostPath": {"path": "/a"}, "emptyDir": {}}, [(".hostPath", FORBIDDEN)]),
        ({"downwardAPI": {}, "emptyDir": {}}, [(".downwarAPI", FORBIDDEN)]),
        ({"emptyDir": {"sizeLimit": "-1"}}, [(".emptyDir.sizeLimit", FORBIDDEN)]),
        ({"emptyDir": {"sizeLimit": "1Gi"}}, []),
        ({"hostPath": {}}, [(".hostPath.path", REQUIRED)]),
        ({"hostPath": {"path": "/a/../b"}}, [(".hostPath.path", INVALID)]),
        ({"hostPath": {"path": "/a", "type": "Pipe"}}, [(".hostPath.type", UNKNOWN)]),
        ({"secret": {}}, [(".secret.secretName", REQUIRED)]),
        ({"configMap": {"defaultMode": 0o1000}}, [(".configMap.name", REQUIRED), (".configMap.defaultMode", INVALID)]),
        ({"configMap": {"name": "a", "items": [{}, {"key": "k", "path": "../x", "mode": -1}]}},
         [(".configMap.items[0].key", REQUIRED), (".configMap.items[0].path", REQUIRED),
          (".configMap.items[1].path", INVALID), (".configMap.items[1].mode", INVALID)]),
        ({"configMap": {"name": "a", "items": [{"key": "k", "path": "..x"}, {"key": "k", "path": "/x"}]}},
         [(".configMap.items[0].path", INVALID), (".configMap.items[1].path", INVALID)]),
        ({"persistentVolumeClaim": {}}, [(".persistentVolumeClaim.claimName", REQUIRED)]),
        ({"nfs": {"server": "s", "path": "/p"}}, []),
        ({"nfs": {}}, [(".nfs.server", REQUIRED), (".nfs.path", REQUIRED), (".nfs.path", INVALID)]),
        ({"csi": {}}, [(".csi.driver", REQUIRED), (".csi.driver", INVALID)]),
        ({"csi": {"driver": "A" * 64}}, [(".csi.driver", "TooLong")]),
        ({"csi": {"driver": "a.b"}}, []),
        ({"ephemeral": {}}, [(".ephemeral.volumeClaimTemplate", REQUIRED)]),
        ({"configMap": {"name": "a", "items": [{"key": "k", "path": ".."}]}},
         [(".configMap.items[0].path", INVALID)] * 2),
        ({"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.labels"}}]}}, []),
        ({"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "status.podIP"}}]}},
         [(".downwardAPI.fieldRef.fieldPath", UNKNOWN)]),
        ({"downwardAPI": {"items": [{"path": "a"}]}}, [(".downwardAPI", REQUIRED)]),
        ({"downwardAPI": {"items": [{"path": "a", "resourceFieldRef": {"resource": "limits.cpu"}}]}},
         [(".downwardAPI.resourceFieldRef.containerName", REQUIRED)]),
        ({"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"},
                                     "resourceFieldRef": {"resource": "limits.cpu"}}]}},
         [(".downwardAPI", INVALID)]),
        ({"projected": {"sources": [{}, {"secret": {}}, {"configMap": {"name": "a"}, "secret": {"name": "b"}},
                                    {"clusterTrustBundle": {"path": "p"}}]}},
         [(".projected.sources[1].secret.name", REQUIRED), (".projected.sources[2]", FORBIDDEN)]),
        ({"projected": {"sources": [{"secret": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                                    {"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath":
                                                                                           "metadata.name"}}]}}]}},
         [(".projected", INVALID)]),
        ({"projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 5}},
                                    {"serviceAccountToken": {"expirationSeconds": 2**33, "path": "t"}}]}},
         [(".projected.sources[0].serviceAccountToken.expirationSeconds", INVALID),
          (".projected.path", REQUIRED),
          (".projected.sources[1].serviceAccountToken.expirationSeconds", INVALID)]),
    ],
)  # fmt: skip
def test_volumes(source, expected):
    check("spec.volumes", [{"name": "v", **source}], *((f"{V}{below}", why) for below, why in expected))


def test_what_is_wrong_with_a_volume_is_not_there_to_be_mounted():
    mounted = changed(POD, f"{MAIN}.volumeMounts", [{"name": "v", "mountPath": "/v"}])
    said = [(f"{V}.secret.secretName", REQUIRED), (f"{AT}.volumeMounts[0].name", "NotFound")]
    assert refused(pod_object.pod_object, mounted, "spec.volumes", [{"name": "v", "secret": {}}]) == said


def test_devices_are_claims_and_no_mounts():
    claim = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    pod = changed(changed(POD, "spec.volumes", [claim]), f"{MAIN}.volumeDevices", [{"name": "v", "devicePath": "/d"}])
    mounts = [{"name": "v", "mountPath": "/d"}]
    one, other = f"{AT}.volumeMounts[0]", f"{AT}.volumeDevices[0]"
    said = [(f"{one}.name", INVALID), (f"{one}.mountPath", INVALID), (f"{other}.name", INVALID),
            (f"{other}.devicePath", INVALID)]  # fmt: skip
    assert refused(pod_object.pod_object, pod, f"{MAIN}.volumeMounts", mounts) == said
    twice = [{"name": "v", "devicePath": "/d"}] * 2
    said = [(f"{AT}.volumeDevices[1].name", INVALID), (f"{AT}.volumeDevices[1].devicePath", INVALID)]
    assert refused(pod_object.pod_object, pod, f"{MAIN}.volumeDevices", twice) == said


def test_a_divisor_is_one_of_a_few_and_written_as_one():
    def said(resource, divisor):
        source = {"resourceFieldRef": {"resource": resource, "divisor": divisor}}
        env = [{"name": "A", "valueFrom": source}]
        return [why for _, why in refused(pod_object.pod_object, POD, f"{MAIN}.env", env)]

    assert said("limits.disk", "7") == [UNKNOWN]
    assert said("limits.memory", "1024") == [INVALID]
    assert said("requests.hugepages-2Mi", "1Mi") == []


def test_what_of_a_container_may_change_while_it_runs():
    never = changed(POD, "spec.restartPolicy", "Never")
    policy = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    assert refused(pod_object.pod_object, never, f"{MAIN}.resizePolicy", policy) == [(f"{AT}.resizePolicy", INVALID)]


def test_resources_of_a_whole_pod():
    check("spec.resources", {"limits": {"cpu": "1"}, "requests": {"cpu": "1", "memory": "1Gi", "hugepages-2Mi": "2Mi"}})


def test_names_of_containers_are_of_all_kinds():
    one = POD["spec"]["containers"][0]
    check("spec.initContainers", [one], ("spec.initContainers[0].name", "Duplicate"))
    nameless = [{**one, "name": ""}] * 2
    said = [("spec.containers[0].name", REQUIRED), ("spec.containers[1].name", REQUIRED),
            ("spec.containers[1].name", "Duplicate")]  # fmt: skip
    check("spec.containers", nameless, *said)
    check(f"{MAIN}.image", " busybox", (f"{AT}.image", INVALID))


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        ({"operator": "Exists"}, []),
        ({"key": "a", "value": "b", "effect": "NoExecute", "tolerationSeconds": 5}, []),
        ({"key": "a b", "value": "c d"}, [("key", INVALID), ("operator", INVALID)]),
        ({"value": "x"}, [("operator", INVALID)]),
        ({"key": "a", "operator": "Exists", "value": "x"}, [("operator", INVALID)]),
        ({"key": "a", "operator": "Like"}, [("operator", UNKNOWN)]),
        ({"key": "a", "effect": "Never", "tolerationSeconds": 5}, [("effect", INVALID), ("effect", UNKNOWN)]),
    ],
)
def test_tolerations(one, expected):
    check("spec.tolerations", [one], *((f"spec.tolerations[0].{below}", why) for below, why in expected))


@pytest.mark.parametrize(
    ("affinity", "expected"),
    [
        ({"nodeAffinity": {R: {}}}, [(f"nodeAffinity.{R}.nodeSelectorTerms", REQUIRED)]),
        ({"nodeAffinity": {R: {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "a", "operator": "In"}, {"key": "a", "operator": "Exists", "values": ["b"]},
            {"key": "a", "operator": "Gt", "values": ["1"]}, {"key": "a", "operator": "Lt"},
            {"key": "a b", "operator": "Near"}, {"key": "a", "operator": "In", "values": ["c d"]},
            {"key": "a", "operator": "DoesNotExist"}, {"key": "a", "operator": "NotIn", "values": ["x"]}]}]}}},
         [(f"nodeAffinity.{R}.nodeSelectorTerms[0].matchExpressions[{where}", why) for where, why in (
             ("0].values", REQUIRED), ("1].values", FORBIDDEN), ("3].values", REQUIRED), ("4].operator", INVALID),
             ("4].key", INVALID), ("5].values[0]", INVALID))]),
        ({"nodeAffinity": {R: {"nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["a"]}, {"key": "x", "operator": "In"},
            {"key": "metadata.name", "operator": "Is"}]}]}}},
         [(f"nodeAffinity.{R}.nodeSelectorTerms[0].matchFields[{where}", why) for where, why in (
             ("1].values", REQUIRED), ("1].key", INVALID), ("2].operator", INVALID))]),
        ({"nodeAffinity": {P: [{"weight": 0, "preference": {}}]}}, [(f"nodeAffinity.{P}[0].weight", INVALID)]),
        ({"podAffinity": {R: [{}]}},
         [(f"podAffinity.{R}[0].topologyKey", why) for why in (REQUIRED, INVALID, INVALID)]),
        ({"podAffinity": {R: [{"topologyKey": "a", "matchLabelKeys": ["b"]}]}},
         [(f"podAffinity.{R}[0].matchLabelKeys", FORBIDDEN)]),
        ({"podAffinity": {R: [{"topologyKey": "a", "matchLabelKeys": ["b", "c d"], "mismatchLabelKeys": ["b"],
                               "labelSelector": {"matchLabels": {"b": "c"}}}]}},
         [(f"podAffinity.{R}[0].{where}", INVALID) for where in (
             "matchLabelKeys[0]", "matchLabelKeys[1]", "mismatchLabelKeys[0]", "matchLabelKeys")]),
        ({"nodeAffinity": {P: [{"weight": 1, "preference": {"matchExpressions": [
            {"key": "a", "operator": "In", "values": ["c d"]}]}}]}}, []),
        ({"nodeAffinity": {R: {"nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["A"]}]}]}}},
         [(f"nodeAffinity.{R}.nodeSelectorTerms[0].matchFields[0].values[0]", INVALID)]),
        ({"podAntiAffinity": {P: [{"weight": 101, "podAffinityTerm": {
            "topologyKey": "a b", "namespaces": ["A"],
            "labelSelector": {"matchLabels": {"a": "b c"}, "matchExpressions": [{"key": "a", "operator": "Gt"}]}}}]}},
         [(f"podAntiAffinity.{P}[0].{where}", INVALID) for where in (
             "weight", "podAffinityTerm.labelSelector.matchLabels",
             "podAffinityTerm.labelSelector.matchExpressions[0].operator", "podAffinityTerm.namespace",
             "podAffinityTerm.topologyKey")]),
    ],
)  # fmt: skip
def test_affinity(affinity, expected):
    check("spec.affinity", affinity, *((f"spec.affinity.{below}", why) for below, why in expected))


def test_spreading():
    good = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    bad = {"whenUnsatisfiable": "Never", "minDomains": 0, "nodeTaintsPolicy": "Maybe"}
    at = "spec.topologySpreadConstraints"
    check(
        at,
        [good, good, bad],
        (f"{at}[0].{{topologyKey, whenUnsatisfiable}}", "Duplicate"),
        (f"{at}[2].maxSkew", INVALID),
        (f"{at}[2].whenUnsatisfiable", UNKNOWN),
        (f"{at}[2].minDomains", INVALID),
        (f"{at}[2].minDomains", INVALID),
        (f"{at}[2].nodeTaintsPolicy", UNKNOWN),
        (f"{at}[2].topologyKey", REQUIRED),
    )


@pytest.mark.parametrize(
    ("part", "value", "expected"),
    [
        ("serviceAccountName", "A", [("serviceAccountName", INVALID)]),
        ("preemptionPolicy", "Perhaps", [("preemptionPolicy", UNKNOWN)]),
        ("os", {}, [("os.name", REQUIRED)]),
        ("os", {"name": "plan9"}, [("os", UNKNOWN)]),
        ("os", {"name": "linux"}, []),
        ("imagePullSecrets", [{"name": "a"}, {}], []),
        ("runtimeClassName", "", [("runtimeClassName", INVALID)]),
        ("preemptionPolicy", "", [("preemptionPolicy", REQUIRED)]),
        ("restartPolicy", "Sometimes", [("restartPolicy", UNKNOWN)]),
        ("ephemeralContainers", [{}], [("ephemeralContainers", FORBIDDEN)]),
        ("overhead", {"cpu": "-1"}, [("overhead.limits[cpu]", INVALID)]),
        ("resources", {"limits": {"cpu": "1", "nvidia.com/gpu": "1"}, "requests": {"cpu": "2"}, "claims": [{}]},
         [("resources.claims", FORBIDDEN), ("resources.limits[nvidia.com/gpu]", UNKNOWN),
          ("resources.requests", INVALID)]),
        ("resourceClaims", [{}, {"name": "A_"}, {"name": "a", "resourceClaimName": "b"}, {"name": "a",
                                                                                      "resourceClaimName": "B"}],
         [("resourceClaims[0].name", REQUIRED), ("resourceClaims[0]", INVALID), ("resourceClaims[1].name", INVALID),
          ("resourceClaims[1]", INVALID), ("resourceClaims[3].name", "Duplicate"),
          ("resourceClaims[3].resourceClaimName", INVALID)]),
        ("schedulingGates", [{"name": "a"}, {"name": "a"}, {"name": "b c"}],
         [("schedulingGates[1]", "Duplicate"), ("schedulingGates[2]", INVALID)]),
        ("readinessGates", [{"conditionType": "a b"}], [("readinessGates[0].conditionType", INVALID)]),
        ("hostAliases", [{"ip": "x", "hostnames": ["A"]}],
         [("hostAliases[0].ip", INVALID), ("hostAliases[0].hostnames[0]", INVALID)]),
        ("dnsPolicy", "None", [("dnsConfig", REQUIRED)]),
        ("dnsConfig", {"nameservers": ["1.1.1.1"] * 3 + ["x"], "searches": ["a"] * 33, "options": [{}, {"name": "a"}]},
         [("dnsConfig.nameservers", INVALID), ("dnsConfig.nameservers[3]", INVALID), ("dnsConfig.options[0]", REQUIRED),
          ("dnsConfig.searches", INVALID)]),
        ("dnsConfig", {"searches": [".", "a_b.c.", "A", "a" * 2048]},
         [("dnsConfig.searches", INVALID), ("dnsConfig.searches[2]", INVALID), ("dnsConfig.searches[3]", INVALID)]),
        ("securityContext", {"fsGroup": -1, "supplementalGroups": [1, -1], "fsGroupChangePolicy": "Never",
                             "sysctls": [{}, {"name": "a"}, {"name": "a"}, {"name": "A"}]},
         [("securityContext.fsGroup", INVALID), ("securityContext.supplementalGroups[1]", INVALID),
          ("securityContext.fsGroupChangePolicy", UNKNOWN), ("securityContext.sysctls[0].name", REQUIRED),
          ("securityContext.sysctls[2].name", "Duplicate"), ("securityContext.sysctls[3].name", INVALID)]),
    ],
)  # fmt: skip
def test_the_rest_of_a_spec(part, value, expected):
    check(f"spec.{part}", value, *((f"spec.{below}", why) for below, why in expected))


def test_a_policy_of_no_dns_needs_a_server():
    none = changed(changed(POD, "spec.dnsConfig", {"nameservers": ["1.1.1.1"]}), "spec.dnsPolicy", "None")
    assert refused(pod_object.pod_object, none, "spec.dnsConfig", {}) == [("spec.dnsConfig.nameservers", REQUIRED)]


def test_processes_are_shared_with_the_pod_or_the_host():
    host = changed(POD, "spec.hostPID", True)
    said = [("spec.securityContext.shareProcessNamespace", INVALID)]
    assert refused(pod_object.pod_object, host, "spec.shareProcessNamespace", True) == said


@pytest.mark.parametrize(("prefix", "expected"), [("a-", []), ("Ab-", [("metadata.generateName", INVALID)])])
def test_the_beginning_of_a_name(prefix, expected):
    check("metadata.generateName", prefix, *expected)
