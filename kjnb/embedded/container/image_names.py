"""PURE: an image's name taken apart as container runtimes do: registry, repository, tag, digest."""

from __future__ import annotations

import re
from typing import NamedTuple

HUB = "docker.io"
LEGACY_HUB = "index.docker.io"
HEX_64 = re.compile(r"[a-f0-9]{64}")
NAME_LIMIT = 255
LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
DOMAIN = rf"(?:\[[a-fA-F0-9:]+\]|{LABEL}(?:\.{LABEL})*)"
COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
REFERENCE = re.compile(
    rf"(?P<domain>{DOMAIN}(?::[0-9]+)?)/(?P<path>{COMPONENT}(?:/{COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)


class Reference(NamedTuple):
    """A whole name; `tag` is "latest" where neither a tag nor a digest was given."""

    domain: str
    path: str
    tag: str
    digest: str

    @property
    def repository(self) -> str:
        """Registry and path."""
        return f"{self.domain}/{self.path}"

    @property
    def last(self) -> str:
        """The path's last component: what the image is called in short."""
        return self.path.rpartition("/")[2]


def parse(name: str) -> Reference:
    """The name's parts. ValueError in the words of the runtimes' own parser."""
    if HEX_64.fullmatch(name):
        raise ValueError(f"invalid repository name ({name}), cannot specify 64-byte hexadecimal strings")
    domain, remainder = _split(name)
    path = remainder.partition(":")[0]
    if path.lower() != path:
        raise ValueError(f"invalid reference format: repository name ({path}) must be lowercase")
    found = REFERENCE.fullmatch(f"{domain}/{remainder}")
    if found is None:
        raise ValueError("invalid reference format")
    if len(found["domain"]) + 1 + len(found["path"]) > NAME_LIMIT:
        raise ValueError(f"repository name must not be more than {NAME_LIMIT} characters")
    tag, digest = found["tag"] or "", found["digest"] or ""
    return Reference(found["domain"], found["path"], tag or ("" if digest else "latest"), digest)


def _split(name: str) -> tuple[str, str]:
    """The registry, which is the first part if it looks like a host, and the rest."""
    first, slash, rest = name.partition("/")
    is_host = slash and (any(c in first for c in ".:") or first == "localhost" or first.lower() != first)
    domain, remainder = (first, rest) if is_host else (HUB, name)
    if domain == LEGACY_HUB:
        domain = HUB
    if domain == HUB and "/" not in remainder:
        remainder = f"library/{remainder}"
    return domain, remainder
