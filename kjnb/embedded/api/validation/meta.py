"""metadata: names, labels, annotations, and what of them an update may not touch."""

from __future__ import annotations

import re
from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation.errors import immutable, required, too_long, wrong

Object = dict[str, Any]
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
ANNOTATIONS_LIMIT = 256 * 1024
OWN_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
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


def dns_prefix(text: str) -> list[str]:
    """What keeps the text from being what a name begins with: a dash may be its end."""
    return dns_subdomain(text[:-2] + "a" if len(text) > 1 and text.endswith("-") else text)


def qualified_name(key: str) -> list[str]:
    """What keeps a key from being `[prefix/]name`."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return [f"a qualified name {KEY_WORDS} with an optional DNS subdomain prefix and '/'"]
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
    if sum(len(key.encode()) + len(value.encode()) for key, value in given.items()) > ANNOTATIONS_LIMIT:
        found.append(too_long(field, ANNOTATIONS_LIMIT))
    return found


def metadata(meta: Object, field: str = "metadata") -> list[FieldError]:
    """The metadata of a new object."""
    name = meta.get("name", "")
    found = [] if name else [required(f"{field}.name", "name or generateName is required")]
    if prefix := meta.get("generateName"):
        found += [wrong(f"{field}.generateName", prefix, words) for words in dns_prefix(prefix)]
    if name:
        found += [wrong(f"{field}.name", name, words) for words in dns_subdomain(name)]
    return found + contents(meta, field) + finalizers(meta, field) + known_finalizers(meta, field)


def contents(meta: Object, field: str) -> list[FieldError]:
    """Labels, annotations and owners: what of the metadata is checked in every way at every time."""
    found = labels(meta.get("labels") or {}, f"{field}.labels")
    found += annotation_keys(meta.get("annotations") or {}, f"{field}.annotations")
    return found + owners(meta.get("ownerReferences") or [], f"{field}.ownerReferences")


def finalizers(meta: Object, field: str) -> list[FieldError]:
    """The form of their names, and that dependents are not both left alone and waited for."""
    given, at = meta.get("finalizers") or [], f"{field}.finalizers"
    found = [wrong(at, one, words) for one in given for words in qualified_name(one)]
    if {"orphan", "foregroundDeletion"} <= set(given):
        found.append(wrong(at, given, "finalizer orphan and foregroundDeletion cannot be both set"))
    return found


def known_finalizers(meta: Object, field: str) -> list[FieldError]:
    """A finalizer without a domain is one of Kubernetes' own."""
    words = "name is neither a standard finalizer name nor is it fully qualified"
    pairs = enumerate(meta.get("finalizers") or [])
    odd = [(place, one) for place, one in pairs if "/" not in one and one not in OWN_FINALIZERS]
    return [wrong(f"{field}.finalizers[{place}]", one, words) for place, one in odd]


def owners(references: list[Object], field: str) -> list[FieldError]:
    """Every owner is named whole and can own; one of them at most is the controller."""
    found, controllers = [], 0
    for owner in references:
        version = owner.get("apiVersion", "")
        parts = {**owner, "apiVersion": version.rpartition("/")[2]}
        empty = [part for part in ("apiVersion", "kind", "name", "uid") if not parts.get(part)]
        found += [wrong(f"{field}.{part}", "", "must not be empty") for part in empty]
        if (version, owner.get("kind")) == ("v1", "Event"):
            found.append(wrong(field, owner, "/v1, Kind=Event is disallowed from being an owner"))
        controllers += bool(owner.get("controller"))
        if owner.get("controller") and controllers > 1:
            found.append(wrong(field, references, "Only one reference can have Controller set to true."))
    return found


def metadata_update(new: Object, old: Object, field: str = "metadata") -> list[FieldError]:
    """What a kind's own rules say of changed metadata."""
    return changed(new, old, field) + known_finalizers(new, field)


def changed(new: Object, old: Object, field: str) -> list[FieldError]:
    """What stays: the name, the uid, the time of creation; finalizers may only go while an object is being deleted."""
    found = []
    for part in ("name", "namespace", "uid", "creationTimestamp"):
        found += immutable(new.get(part), old.get(part), f"{field}.{part}")
    if old.get("deletionTimestamp"):
        added = sorted(set(new.get("finalizers") or []) - set(old.get("finalizers") or []))
        if added:
            words = f"no new finalizers can be added if the object is being deleted, found new finalizers {added}"
            found.append(FieldError(f"{field}.finalizers", "FieldValueForbidden", f"Forbidden: {words}"))
    return found + contents(new, field)


def of_every_kind(new: Object, old: Object, field: str = "metadata") -> list[FieldError]:
    """What the server checks of changed metadata before it asks the kind's own rules, which say some of it again."""
    return contents(new, field) + finalizers(new, field) + changed(new, old, field)
