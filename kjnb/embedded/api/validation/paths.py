"""Paths that objects name: of files in volumes, below a folder that is not theirs to leave."""

from __future__ import annotations

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation.errors import wrong


def no_way_up(path: str, field: str) -> list[FieldError]:
    """No step of the path is `..`."""
    return [wrong(field, path, "must not contain '..'")] if ".." in path.split("/") else []


def inside(path: str, field: str) -> list[FieldError]:
    """A path below its volume: relative, and never upwards."""
    absolute = [wrong(field, path, "must be a relative path")] if path.startswith("/") else []
    return absolute + no_way_up(path, field)


def file_path(path: str, field: str) -> list[FieldError]:
    """A file's place in its volume; the names that begin with `..` are the kubelet's."""
    found = inside(path, field)
    if path.startswith("..") and not path.startswith("../"):
        found.append(wrong(field, path, "must not start with '..'"))
    return found
