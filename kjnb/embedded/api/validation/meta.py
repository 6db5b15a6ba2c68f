"""metadata: names, labels, annotations, and what of them an update may not touch."""

from __future__ import annotations

import re
from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation.errors import immutable, required, wrong

Object = dict[str, Any]
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
ANNOTATIONS_LIMIT = 256 * 1024
_ENDS = "must start and end with an alphanumeric character"
LABEL_WORDS = (
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and {_ENDS} "
    "(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_WORDS = (
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and {_ENDS} "
    "(e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_NAME_FORM = "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
KEY_WORDS = (
    f"name part must consist of alphanumeric characters, '-', '_' or '.', and {_ENDS} "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is {_NAME_FORM}"
)
VALUE_WORDS = (
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and {_ENDS} "
    "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def dns_label(text: str) -> list[str]:
    """What keeps the text from being a DNS label of 63 characters."""
    said = ["must be no more than 63 bytes"] if len(text) > 63 else []
    return said if LABEL.fullmatch(text) else [*said, LABEL_WORDS]


def dns_subdomain(text: str) -> list[str]:
    """What keeps the text from being a DNS subdomain of 253 characters."""
    said = ["must be no more than 253 bytes"] if len(text) > 253 else []
    return said if SUBDOMAIN.fullmatch(text) else [*said, SUBDOMAIN_WORDS]


def qualified_name(key: str) -> list[str]:
    """What keeps a key from being `[prefix/]name`."""
    prefix, slash, name = key.rpartition("/")
    said = []
    if slash:
        said += (
            [f"prefix part {words}" for words in dns_subdomain(prefix)] if prefix else ["prefix part must be non-empty"]
        )
    if not name:
        said.append("name part must be non-empty")
    if len(name) > 63:
        said.append("name part must be no more than 63 bytes")
    return said if QUALIFIED.fullmatch(name) else [*said, KEY_WORDS]


def label_value(value: str) -> list[str]:
    """What keeps a text from being a label's value."""
    said = ["must be no more than 63 bytes"] if len(value) > 63 else []
    return said if value == "" or QUALIFIED.fullmatch(value) else [*said, VALUE_WORDS]


def labels(given: dict[str, str], field: str) -> list[FieldError]:
    """Keys and values of labels."""
    found = []
    for key, value in given.items():
        found += [wrong(field, key, words) for words in qualified_name(key)]
        found += [wrong(field, value, words) for words in label_value(value)]
    return found


def annotation_keys(given: dict[str, str], field: str) -> list[FieldError]:
    """Keys of annotations, in any case of letters, and their size together."""
    found = [wrong(field, key, words) for key in given for words in qualified_name(key.lower())]
    if sum(len(key) + len(value) for key, value in given.items()) > ANNOTATIONS_LIMIT:
        found.append(
            FieldError(field, "FieldValueTooLong", f"Too long: may not be more than {ANNOTATIONS_LIMIT} bytes")
        )
    return found


def metadata(meta: Object, field: str = "metadata") -> list[FieldError]:
    """The metadata of a new object."""
    name = meta.get("name", "")
    found = [] if name else [required(f"{field}.name", "name or generateName is required")]
    if prefix := meta.get("generateName"):
        masked = prefix[:-1] + "a" if prefix.endswith("-") else prefix
        found += [wrong(f"{field}.generateName", prefix, words) for words in dns_subdomain(masked)]
    if name:
        found += [wrong(f"{field}.name", name, words) for words in dns_subdomain(name)]
    found += labels(meta.get("labels") or {}, f"{field}.labels")
    found += annotation_keys(meta.get("annotations") or {}, f"{field}.annotations")
    found += [
        wrong(f"{field}.finalizers", one, words)
        for one in meta.get("finalizers") or []
        for words in qualified_name(one)
    ]
    return found + owners(meta.get("ownerReferences") or [], f"{field}.ownerReferences")


def owners(references: list[Object], field: str) -> list[FieldError]:
    """Every owner is named whole, and one of them at most is the controller."""
    found = []
    for place, owner in enumerate(references):
        empty = [part for part in ("apiVersion", "kind", "name", "uid") if not owner.get(part)]
        found += [wrong(f"{field}[{place}].{part}", "", "must not be empty") for part in empty]
    if sum(bool(owner.get("controller")) for owner in references) > 1:
        found.append(wrong(field, references, "Only one reference can have Controller set to true."))
    return found


def metadata_update(new: Object, old: Object, field: str = "metadata") -> list[FieldError]:
    """What stays: the name, the uid, the time of creation; finalizers may only go while an object is being deleted."""
    found = []
    for part in ("name", "namespace", "uid", "creationTimestamp"):
        found += immutable(new.get(part), old.get(part), f"{field}.{part}")
    if old.get("deletionTimestamp"):
        added = sorted(set(new.get("finalizers") or []) - set(old.get("finalizers") or []))
        if added:
            words = f"no new finalizers can be added if the object is being deleted, found new finalizers {added}"
            found.append(FieldError(f"{field}.finalizers", "FieldValueForbidden", f"Forbidden: {words}"))
    found += labels(new.get("labels") or {}, f"{field}.labels")
    found += annotation_keys(new.get("annotations") or {}, f"{field}.annotations")
    return found + owners(new.get("ownerReferences") or [], f"{field}.ownerReferences")
