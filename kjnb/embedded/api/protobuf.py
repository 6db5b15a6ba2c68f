"""PURE: Kubernetes' protobuf bodies → the documents they stand for: `kubectl create job` sends nothing else.

Only what those commands write is known here; a field without a number below is refused, never lost. Answers are JSON,
which every client takes.
"""

from __future__ import annotations

import base64
from typing import Any

from kjnb.embedded.api import schema
from kjnb.embedded.api.timestamps import stamp

Object = dict[str, Any]
MAGIC = b"k8s\x00"
# the names of the fields from number 1 on; `17=` jumps
NUMBERS: dict[str, str] = {
    "ObjectMeta": "name generateName namespace selfLink uid resourceVersion generation creationTimestamp"
    " deletionTimestamp deletionGracePeriodSeconds labels annotations ownerReferences finalizers 17=managedFields",
    "Job": "metadata spec status",
    "JobSpec": "parallelism completions activeDeadlineSeconds selector manualSelector template backoffLimit"
    " ttlSecondsAfterFinished completionMode suspend podFailurePolicy backoffLimitPerIndex maxFailedIndexes"
    " podReplacementPolicy managedBy successPolicy",
    "JobStatus": "",
    "PodTemplateSpec": "metadata spec",
    "PodSpec": "volumes containers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy"
    " nodeSelector serviceAccountName serviceAccount nodeName hostNetwork hostPID hostIPC securityContext"
    " imagePullSecrets hostname subdomain affinity schedulerName initContainers automountServiceAccountToken"
    " 24=priorityClassName priority 27=shareProcessNamespace 29=runtimeClassName enableServiceLinks",
    "Container": "name image command args workingDir ports env resources volumeMounts 13=terminationMessagePath"
    " imagePullPolicy 16=stdin stdinOnce tty 20=terminationMessagePolicy",
    "EnvVar": "name value",
    "ResourceRequirements": "limits requests",
    "VolumeMount": "name readOnly mountPath subPath",
    "ConfigMap": "metadata data binaryData immutable",
    "Secret": "metadata data type stringData immutable",
    "Namespace": "metadata spec status",
    "NamespaceSpec": "finalizers",
    "NamespaceStatus": "phase",
    "ServiceAccount": "metadata secrets imagePullSecrets automountServiceAccountToken",
    "LocalReference": "name",
    "SelfSubjectAccessReview": "metadata spec status",
    "AccessReviewSpec": "resourceAttributes nonResourceAttributes",
    "ResourceAttributes": "namespace verb group version resource subresource name",
    "PathAttributes": "path verb",
    "SelfSubjectRulesReview": "metadata spec status",
    "RulesReviewSpec": "namespace",
    "SelfSubjectReview": "metadata status",
    "Eviction": "metadata deleteOptions",
    "DeleteOptions": "gracePeriodSeconds preconditions orphanDependents propagationPolicy dryRun",
    "Preconditions": "uid resourceVersion",
}


class ProtobufError(ValueError):
    """A body that is no protobuf of ours, or holds a field that is not known here."""


def decode(body: bytes) -> Object:
    """The document of an encoded object. ProtobufError."""
    if not body.startswith(MAGIC):
        raise ProtobufError("the body does not begin as Kubernetes' protobuf does")
    try:
        envelope = dict(wire_fields(body[len(MAGIC) :]))
        about = dict(wire_fields(envelope[1]))
        kind = about[2].decode()
        document = message(kind, envelope.get(2, b"")) if kind in NUMBERS else {}
    except (KeyError, IndexError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ProtobufError(f"the body is not whole: {error}") from None
    return {"apiVersion": about[1].decode(), "kind": kind, **document}


def wire_fields(data: bytes) -> list[tuple[int, Any]]:
    """(number, bytes or integer) of every field of a message, in order."""
    found: list[tuple[int, Any]] = []
    place = 0
    while place < len(data):
        tag, place = varint(data, place)
        if tag & 7 == 0:
            value, place = varint(data, place)
            found.append((tag >> 3, value))
        elif tag & 7 == 2:
            size, place = varint(data, place)
            found.append((tag >> 3, data[place : place + size]))
            place += size
        else:
            raise ProtobufError(f"wire type {tag & 7} is not used by Kubernetes")
    if place > len(data):
        raise ProtobufError("the body is not whole")
    return found


def varint(data: bytes, place: int) -> tuple[int, int]:
    """(the number, the place after it)."""
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


def names(kind: str) -> dict[int, str]:
    """The fields of a kind by number."""
    found, number = {}, 0
    for word in NUMBERS.get(kind, "").split():
        jump, _, name = word.rpartition("=")
        number = int(jump) if jump else number + 1
        found[number] = name
    return found


def message(kind: str, data: bytes) -> Object:
    """One struct."""
    known, types = names(kind), schema.fields(kind)
    document: Object = {}
    for number, raw in wire_fields(data):
        name = known.get(number, "")
        if name not in types and raw in (b"", 0):
            continue  # Go writes plain fields that were not set, too
        if name not in types:
            raise ProtobufError(f"field {number} of {kind} is not read from protobuf here; send the object as JSON")
        field = types[name]
        if field.type in ("map", "bytes", "qtys"):
            document.setdefault(name, {}).update([entry(field.type, raw)])
        elif field.many:
            document.setdefault(name, []).append(single(field.type, raw))
        else:
            document[name] = single(field.type, raw)
    return document


def entry(kind: str, raw: bytes) -> tuple[str, str]:
    """One key and value of a map; bytes are base64 in JSON."""
    parts = dict(wire_fields(raw))
    value = parts.get(2, b"")
    if kind == "qtys":
        value = dict(wire_fields(value)).get(1, b"")
    return parts.get(1, b"").decode(), base64.b64encode(value).decode() if kind == "bytes" else value.decode()


def single(kind: str, raw: Any) -> Any:
    """One value that is no map and no list."""
    if kind == "any":
        return None  # only the empty struct that Go writes for one that was not set comes here
    if kind == "bool":
        return bool(raw)
    if kind in ("int", "long"):
        return raw - (1 << 64) if raw >> 63 else raw
    if kind == "time":
        parts = dict(wire_fields(raw))
        return stamp(parts[1]) if 1 in parts else None
    return raw.decode() if kind == "str" else message(kind, raw)
