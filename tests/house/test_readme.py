"""The README's page on the embedded cluster says what is served, no more and no less, and the bounds that hold."""

from __future__ import annotations

import pathlib
import re

from kjnb.embedded import daemon, events, serve
from kjnb.embedded.api import asking, bounds, discovery, door, server, watching
from kjnb.embedded.api.resources import READ_VERBS, RESOURCES
from kjnb.embedded.controllers import backoff, pod_garbage
from kjnb.embedded.node import capacity, restarts
from kjnb.embedded.store import history

PAGE = (pathlib.Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ROWS = {row[0]: row[-1] for row in (line.strip("| ").split(" | ") for line in PAGE.splitlines() if line[:2] == "| ")}


def words(row: str) -> set[str]:
    return set(re.findall(r"`([a-z/]+)`", ROWS[row]))


def test_the_kinds_that_are_served():
    assert words("all verbs") == {one.plural for one in RESOURCES if one.verbs != READ_VERBS}
    assert words("to read") - {"kubernetes"} == {one.plural for one in RESOURCES if one.verbs == READ_VERBS}
    assert set(re.findall(r"\w+Review\b", ROWS["reviews"])) == {
        k for some in discovery.REVIEWS.values() for _, k in some
    }


def test_their_subresources():
    said = {}
    for part in ROWS["subresources"].split("; "):
        first, *others = re.findall(r"`([a-z/]+)`", part)
        plural, _, below = first.partition("/")
        said[plural] = {below, *others}
    assert said == {one.plural: set(one.subresources) for one in RESOURCES if one.subresources}


def test_the_paths_that_need_no_token():
    assert set(re.findall(r"`(/[a-z]+)`", ROWS["who may"])) == set(door.OPEN_PATHS)


def test_the_bounds():
    limits = door.Limits()
    assert f"{limits.connections:,} connections, {limits.streams:,} watches" in ROWS["who may"]
    assert f"{asking.BODY_LIMIT >> 20} MiB and {bounds.DEEPEST} levels at most" in ROWS["bodies"]
    assert f"lists from {server.COMPRESSED_FROM >> 10} KiB on" in ROWS["answers"]
    assert f"or {history.MOST_BYTES >> 20} MB of a kind" in ROWS["watches"]
    assert f"{watching.LAG:,} events behind" in ROWS["watches"]
    assert f"every {1000 * watching.GATHER:.0f} ms" in ROWS["watches"]
    assert f"{serve.GRACE_SECONDS:.0f} s at most" in PAGE


def test_the_differences_in_numbers():
    assert f"{daemon.BACKOFF_BASE:.0f} s, at most {backoff.CAP} times that" in ROWS["back-off of Jobs"]
    assert f"1 s, {restarts.MOST} s, {restarts.FORGOTTEN_AFTER // 60} min" in ROWS["CrashLoopBackOff"]
    assert f"{pod_garbage.THRESHOLD:,}" in PAGE
    assert f"{events.KEPT_EVENTS:,} at most" in ROWS["events"]
    assert f"{capacity.PODS} pods" in ROWS["nodes"]
    assert f"{capacity.RESERVE >> 20} MiB" in ROWS["nodes"]
