"""PURE: the three kinds of patch, each a function (document, patch) → new document; nothing given is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
# (type, field) → (type of the field or of its elements, merge key; "" for a list of plain values; None: it is replaced)
Shape = Callable[[str, str], tuple[str, str | None]]
DIRECTIVES = ("$patch", "$retainKeys")
ORDER, DELETE = "$setElementOrder/", "$deleteFromPrimitiveList/"


class PatchError(ValueError):
    """A patch that cannot be applied to this document; `malformed` when it is no patch at all."""

    def __init__(self, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.malformed = malformed


def merge_patch(document: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(document: Object, patch: Any) -> Any:
    """RFC 6902, but `replace` of a member that is not there adds it, as the API server has it.

    PatchError when a step does not apply, malformed when it is none.
    """
    import jsonpatch  # only here: few clients send one

    try:
        for step in patch:
            document = jsonpatch.apply_patch(document, [_forgiving(document, step)])
    except jsonpatch.InvalidJsonPatch as error:
        raise PatchError(str(error), malformed=True) from error
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise PatchError(str(error)) from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise PatchError(f"not a JSON patch: {error}", malformed=True) from error
    return document


def _forgiving(document: Object, step: Any) -> Any:
    """A `replace` in an object as an `add`, which is the same where the member is there."""
    if not isinstance(step, dict) or step.get("op") != "replace" or "value" not in step:
        return step
    from jsonpatch import JsonPointer

    pointer = JsonPointer(step["path"])
    parent = pointer.to_last(document)[0] if pointer.parts else None
    return {**step, "op": "add"} if isinstance(parent, dict) else step


def strategic_merge(document: Object, patch: Object, shape: Shape, kind: str) -> Object:
    """Kubernetes' own: like a merge patch, but lists that have a merge key are merged by it."""
    directive = patch.get("$patch")
    if directive in ("replace", "delete"):
        return {} if directive == "delete" else {k: v for k, v in patch.items() if k not in DIRECTIVES}
    if directive not in (None, "merge"):
        raise PatchError(f"unknown patch type: {directive}", malformed=True)
    merged = dict(document)
    if "$retainKeys" in patch:
        retained = listed(patch, "$retainKeys")
        merged = {name: value for name, value in merged.items() if name in retained}
    for name, value in patch.items():
        if name in DIRECTIVES or name.startswith(ORDER):
            continue
        if name.startswith(DELETE):
            field = name.removeprefix(DELETE)
            unwanted = listed(patch, name)
            merged[field] = [item for item in merged.get(field) or [] if item not in unwanted]
        elif value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged_field(merged.get(name), value, shape, shape(kind, name))
    return _ordered(merged, patch, shape, kind)


def listed(patch: Object, directive: str) -> list[Any]:
    """What a directive lists. PatchError."""
    value = patch[directive]
    if not isinstance(value, list):
        raise PatchError(f"{directive} is a list", malformed=True)
    return value


def _merged_field(current: Any, value: Any, shape: Shape, what: tuple[str, str | None]) -> Any:
    kind, key = what
    if isinstance(value, dict):
        return strategic_merge(current if isinstance(current, dict) else {}, value, shape, kind)
    if isinstance(value, list) and key is not None:
        items = current if isinstance(current, list) else []
        if key == "":
            return items + [item for item in value if item not in items]
        return _merged_list(items, value, shape, kind, key)
    return value


def _merged_list(items: list[Any], patch: list[Any], shape: Shape, kind: str, key: str) -> list[Any]:
    if {"$patch": "replace"} in patch:
        return [item for item in patch if item != {"$patch": "replace"}]
    merged = list(items)
    for change in patch:
        if not isinstance(change, dict) or key not in change:
            raise PatchError(f"map: {change} does not contain declared merge key: {key}", malformed=True)
        place = next((i for i, item in enumerate(merged) if item.get(key) == change[key]), None)
        if change.get("$patch") == "delete":
            merged = [item for item in merged if item.get(key) != change[key]]
        elif place is None:
            merged.append(strategic_merge({}, change, shape, kind))
        else:
            merged[place] = strategic_merge(merged[place], change, shape, kind)
    return merged


def _ordered(merged: Object, patch: Object, shape: Shape, kind: str) -> Object:
    """`$setElementOrder/list` names the wanted order; what it does not name stays behind."""
    for name in patch:
        if not name.startswith(ORDER) or not isinstance(merged.get(name.removeprefix(ORDER)), list):
            continue
        field = name.removeprefix(ORDER)
        key = shape(kind, field)[1]
        wanted = [item.get(key) if isinstance(item, dict) else item for item in listed(patch, name)]

        def place(item: Any, wanted: list[Any] = wanted, key: str | None = key) -> int:
            mark = item.get(key) if isinstance(item, dict) else item
            return wanted.index(mark) if mark in wanted else len(wanted)

        merged[field] = sorted(merged[field], key=place)
    return merged
