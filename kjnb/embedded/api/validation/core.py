"""The small kinds of core/v1: ConfigMap, Secret, Namespace, Event, Node."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.errors import duplicate, forbidden, immutable, wrong

Object = dict[str, Any]
KEY = re.compile(r"[-._a-zA-Z0-9]+")
KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
MOST_BYTES = 1024 * 1024


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


def entries(obj: Object) -> list[FieldError]:
    """The keys of a ConfigMap or a Secret, and its size."""
    found = plain(obj)
    size = 0
    for part in ("data", "binaryData"):
        for key, value in (obj.get(part) or {}).items():
            size += len(value.encode())
            found += entry_key(key, f"{part}[{key}]")
            encoded = part == "binaryData" or obj.get("kind") == "Secret"
            if encoded and not is_base64(value):
                found.append(wrong(f"{part}[{key}]", "<secret contents redacted>", "must be base64"))
    both = sorted((obj.get("data") or {}).keys() & (obj.get("binaryData") or {}).keys())
    found += [duplicate(f"data[{key}]", key) for key in both]
    if size > MOST_BYTES:
        found.append(FieldError("", "FieldValueTooLong", f"Too long: may not be more than {MOST_BYTES} bytes"))
    return found


def entry_key(key: str, field: str) -> list[FieldError]:
    """One key: it may become a file's name."""
    if not KEY.fullmatch(key):
        return [wrong(field, key, KEY_WORDS)]
    if key == "." or key.startswith(".."):
        return [wrong(field, key, f"must not be '{key}'" if key in (".", "..") else "must not start with '..'")]
    return [wrong(field, key, "must be no more than 253 characters")] if len(key) > 253 else []


def is_base64(text: str) -> bool:
    """The text stands for bytes."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def entries_update(new: Object, old: Object) -> list[FieldError]:
    """An immutable ConfigMap or Secret stays as it is."""
    found = plain_update(new, old) + [error for error in entries(new) if not error.field.startswith("metadata")]
    if old.get("kind") == "Secret":
        found += immutable(new.get("type"), old.get("type"), "type")
    if old.get("immutable"):
        for part in ("data", "binaryData"):
            if new.get(part) != old.get(part):
                found.append(forbidden(part, "field is immutable when `immutable` is set"))
        if not new.get("immutable"):
            found.append(forbidden("immutable", "field is immutable when `immutable` is set"))
    return found
