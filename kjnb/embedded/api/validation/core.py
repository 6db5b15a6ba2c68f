"""The small kinds of core/v1: ConfigMap, Secret, Namespace, Event, Node."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.errors import forbidden, immutable, required, too_long, wrong

Object = dict[str, Any]
KEY = re.compile(r"[-._a-zA-Z0-9]+")
KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
MOST_BYTES = 1024 * 1024
ACCOUNT = "kubernetes.io/service-account.name"
DOCKER_KEYS = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}


def plain(obj: Object) -> list[FieldError]:
    """Nothing but the metadata is checked."""
    return meta.metadata(obj["metadata"])


def plain_update(new: Object, old: Object) -> list[FieldError]:
    """Nothing but the metadata is checked."""
    return meta.metadata_update(new["metadata"], old["metadata"])


def namespace(obj: Object) -> list[FieldError]:
    """A namespace's name is a DNS label: it becomes part of others' names."""
    name = obj["metadata"].get("name", "")
    found = plain(obj)
    if found or not name:
        return found
    return [wrong("metadata.name", name, words) for words in meta.dns_label(name)]


def account_update(new: Object, old: Object) -> list[FieldError]:
    """The metadata is checked as that of a new object, too."""
    return plain_update(new, old) + plain(new)


def event(obj: Object) -> list[FieldError]:
    """An event lies where what it is about lies; what lies nowhere has its events in `default`."""
    home, about = obj["metadata"].get("namespace"), (obj.get("involvedObject") or {}).get("namespace", "")
    if home == (about or "default"):
        return plain(obj)
    return [*plain(obj), wrong("involvedObject.namespace", about, "does not match event.namespace")]


def entries(obj: Object) -> list[FieldError]:
    """The keys of a ConfigMap, and its size."""
    found, data, binary = plain(obj), obj.get("data") or {}, obj.get("binaryData") or {}
    for part, given in (("data", data), ("binaryData", binary)):
        for key in given:
            found += entry_key(key, f"{part}[{key}]")
    found += [wrong(f"data[{key}]", key, "duplicate of key present in binaryData") for key in data if key in binary]
    size = sum(len(text.encode()) for text in data.values()) + sum(map(decoded_size, binary.values()))
    return [*found, too_long("", MOST_BYTES)] if size > MOST_BYTES else found


def secret(obj: Object) -> list[FieldError]:
    """The keys of a Secret, its size, and what its type asks for."""
    found, data = plain(obj), obj.get("data") or {}
    for key in data:
        found += entry_key(key, f"data[{key}]")
    if sum(map(decoded_size, data.values())) > MOST_BYTES:
        found.append(too_long("data", MOST_BYTES))
    return found + of_type(obj.get("type", ""), data, obj["metadata"].get("annotations") or {})


def of_type(kind: str, data: Object, annotations: Object) -> list[FieldError]:
    """What a Secret of that type must hold."""
    if kind == "kubernetes.io/service-account-token" and not annotations.get(ACCOUNT):
        return [required(f"metadata.annotations[{ACCOUNT}]")]
    if kind == "kubernetes.io/basic-auth":
        names = ("username", "password")
        return [] if data.keys() & set(names) else [required(f"data[{name}]") for name in names]
    if kind == "kubernetes.io/ssh-auth" and not data.get("ssh-privatekey"):
        return [required("data[ssh-privatekey]")]
    if kind == "kubernetes.io/tls":
        return [required(f"data[{name}]") for name in ("tls.crt", "tls.key") if name not in data]
    key = DOCKER_KEYS.get(kind)
    if key is None:
        return []
    if key not in data:
        return [required(f"data[{key}]")]
    return [] if is_object(data[key]) else [wrong(f"data[{key}]", "<secret contents redacted>", "invalid JSON")]


def is_object(text: str) -> bool:
    """Base64 of a JSON object."""
    try:
        return isinstance(msgspec.json.decode(base64.b64decode(text)), dict | None)
    except msgspec.DecodeError:
        return False


def decoded_size(text: str) -> int:
    """How many bytes a text of base64 stands for."""
    return len(text) // 4 * 3 - text.count("=")


def entry_key(key: str, field: str) -> list[FieldError]:
    """One key: it may become a file's name."""
    found = [wrong(field, key, "must be no more than 253 characters")] if len(key.encode()) > 253 else []
    if not KEY.fullmatch(key):
        found.append(wrong(field, key, KEY_WORDS))
    if key == "." or key.startswith(".."):
        found.append(wrong(field, key, f"must not be '{key}'" if key in (".", "..") else "must not start with '..'"))
    return found


def entries_update(new: Object, old: Object) -> list[FieldError]:
    """An immutable ConfigMap stays as it is."""
    return plain_update(new, old) + unchanged(new, old) + entries(new)


def secret_update(new: Object, old: Object) -> list[FieldError]:
    """An immutable Secret stays as it is, and every Secret's type."""
    found = plain_update(new, old) + immutable(new.get("type"), old.get("type"), "type")
    return found + unchanged(new, old) + secret(new)


def unchanged(new: Object, old: Object) -> list[FieldError]:
    """What nobody may change once it is immutable."""
    if not old.get("immutable"):
        return []
    parts = [part for part in ("data", "binaryData") if (new.get(part) or {}) != (old.get(part) or {})]
    parts += [] if new.get("immutable") else ["immutable"]
    return [forbidden(part, "field is immutable when `immutable` is set") for part in parts]
