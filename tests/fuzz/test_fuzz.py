"""Bad input of every kind: a Status of 4xx, no traceback, no hang, no changed object, and a store whose rules hold.

The seed is a new one each time and printed; KJNB_FUZZ_SEED=N plays it again.
"""

from __future__ import annotations

import os
import random
import secrets
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.fuzz import invariants, manifests, requests
from tests.fuzz.manifests import COLLECTION, GOOD, encoded
from tests.fuzz.served import Answer, Served
from tests.rounds import rounds

SEED = int(os.environ.get("KJNB_FUZZ_SEED") or secrets.randbits(32))
CASES = rounds(75, 1500)  # of each of the seven tests
fuzz = settings(
    max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)
pytestmark = pytest.mark.timeout(rounds(240, 5400))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    print(f"\nKJNB_FUZZ_SEED={SEED}, {CASES} cases of each kind", flush=True)  # also when the tests pass: `-s`
    random.seed(SEED)
    made = Served(tmp_path_factory.mktemp("fuzzed"))
    yield made
    made.close()


def honest(got: Answer) -> Answer:
    """Yes, or no in the API's own form."""
    if got.code >= 400 and got.body and got.body != b"404 page not found\n" and got.type.startswith("application/json"):
        said = got.document()
        assert (said["kind"], said["status"], said["code"]) == ("Status", "Failure", got.code), said
    assert got.code < 500 or of_kubernetes(got), got
    return got


def of_kubernetes(got: Answer) -> bool:
    """Two refusals that Kubernetes itself counts as its own: a version that is no number, or is yet to come."""
    words = got.document()["message"]
    return (got.code == 504 and words.startswith("Too large resource version")) or (
        got.code == 500 and words.startswith("resourceVersion: Invalid value")
    )


def whole(served: Served, before: dict[str, tuple[str, int]]) -> None:
    """Nothing in the log; the store's invariants hold; no version went back."""
    assert served.faults() == []
    broken, after = served.look(lambda store: (invariants.broken(store), invariants.versions(store)))
    assert broken == []
    assert invariants.went_back(before, after) == []


def clear(store: Any) -> None:
    """No objects but those that every cluster has."""
    for plural in (*GOOD, "namespaces"):
        for obj in store.list(plural):
            meta = obj["metadata"]
            if meta["name"] not in ("default", "kube-system", "kjnb-defaults") and "root-ca" not in meta["name"]:
                store.remove(plural, meta.get("namespace"), meta["name"])


def made(served: Served, plural: str) -> Any:
    """The good object of that kind, the only one of them."""
    emptied(served)
    got = served.call("POST", COLLECTION[plural], encoded(GOOD[plural]))
    assert got.code == 201, got
    return settled(served, plural)


def settled(served: Served, plural: str) -> Any:
    """The object once its controller has answered (a suspended Job gets its condition)."""
    while True:
        found = served.call("GET", f"{COLLECTION[plural]}/victim").document()
        if plural != "jobs" or found.get("status"):
            return found


def unchanged(served: Served, path: str) -> None:
    """What is read and written back is no write: same version, same words."""
    read = served.call("GET", path)
    if read.code != 200:
        return
    for _ in range(5):
        put = served.call("PUT", path, read.body)
        if put.code != 409:
            break
        read = served.call("GET", path)  # its controller was faster
    assert (put.code, put.document()) == (200, read.document())


def emptied(served: Served) -> None:
    """As it was before any case."""
    served.look(clear)
    served.faults()


def snapshot(served: Served) -> dict[str, tuple[str, int]]:
    """What is there, in which versions."""
    return served.look(invariants.versions)


@seeded(SEED)
@fuzz
@given(case=manifests.mistyped())
def test_a_value_of_the_wrong_type_is_refused(served, case):
    plural, document = case
    emptied(served)
    before = snapshot(served)
    got = honest(served.call("POST", COLLECTION[plural], encoded(document)))
    assert got.code in (400, 422), (got, document)
    assert got.document()["kind"] == "Status"
    assert snapshot(served) == before
    whole(served, before)


@seeded(SEED)
@fuzz
@given(case=manifests.wild(), query=st.sampled_from(["", "?fieldValidation=Strict", "?dryRun=All", "?pretty=true"]))
def test_a_wild_document_is_refused_or_whole(served, case, query):
    plural, document = case
    emptied(served)
    before = snapshot(served)
    got = honest(served.call("POST", COLLECTION[plural] + query, encoded(document)))
    if got.code == 201:
        name = got.document()["metadata"]["name"]
        if "dryRun" not in query:
            unchanged(served, f"{COLLECTION[plural]}/{name}")
    if got.code != 201 or "dryRun" in query:
        assert snapshot(served) == before
    whole(served, before)


@seeded(SEED)
@fuzz
@given(
    body=manifests.broken_json() | manifests.ODD_YAML | st.binary(max_size=200) | manifests.protobuf(),
    plural=st.sampled_from(sorted(GOOD)),
    method=st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]),
    headers=requests.HEADERS,
    packed=st.sampled_from([None, None, None, None, None, "whole", "cut", "bomb"]),
)
def test_bytes_that_are_no_document_are_refused(served, body, plural, method, headers, packed):
    there = made(served, plural)
    before = snapshot(served)
    path = COLLECTION[plural] + ("" if method == "POST" else "/victim")
    if body.startswith(b"k8s\x00"):
        headers = {**headers, "Content-Type": "application/vnd.kubernetes.protobuf"}
    if packed:
        body, headers = manifests.packed(body, packed), {**headers, "Content-Encoding": "gzip"}
    got = honest(served.call(method, path, body, headers))
    if got.code >= 400:
        assert served.call("GET", f"{COLLECTION[plural]}/victim").document() == there
    whole(served, before)


@seeded(SEED)
@fuzz
@given(
    query=requests.QUERIES,
    method=st.sampled_from(["GET", "GET", "POST", "PUT", "PATCH", "DELETE"]),
    plural=st.sampled_from(sorted(GOOD)),
    place=st.sampled_from(["", "/victim", "/victim/status", "/victim/log"]),
    accept=requests.ACCEPTS,
)
def test_any_query_is_answered(served, query, method, plural, place, accept):
    made(served, plural)
    before = snapshot(served)
    body = None if method == "GET" else b"{}"
    kind = requests.MERGE if method == "PATCH" else "application/json"
    answered(served, method, f"{COLLECTION[plural]}{place}?{query}", body, {"Accept": accept, "Content-Type": kind})
    whole(served, before)


def answered(served: Served, method: str, path: str, body: bytes | None, headers: Any) -> None:
    """The head of the answer comes, and its body, unless it is a stream, which is closed."""
    url = f"https://127.0.0.1:{served.port}{path}"
    sent = {**served.headers, **headers}
    got = served.http.request(method, url, body=body, headers=sent, preload_content=False)
    if got.status != 200 or not got.headers.get("Transfer-Encoding"):
        honest(Answer(got.status, got.read(), got.headers.get("Content-Type", "")))
        got.release_conn()
    else:
        got.close()


@seeded(SEED)
@fuzz
@given(case=requests.patches(), place=st.sampled_from(["", "", "/status"]))
def test_a_patch_is_refused_or_leaves_a_whole_object(served, case, place):
    plural, kind, patch = case
    there = made(served, plural)
    before = snapshot(served)
    path = f"{COLLECTION[plural]}/victim"
    query = "?fieldManager=fuzz&force=true" if kind == requests.APPLY else ""
    got = honest(served.call("PATCH", path + place + query, encoded(patch), {"Content-Type": kind}))
    if got.code >= 400:
        assert served.call("GET", path).document() == there
    elif not place:
        unchanged(served, path)
    whole(served, before)


@seeded(SEED)
@fuzz
@given(case=manifests.statuses())
def test_a_status_is_refused_or_kept_whole(served, case):
    plural, status = case
    there = made(served, plural)
    before = snapshot(served)
    path = f"{COLLECTION[plural]}/victim"
    got = honest(served.call("PUT", path + "/status", encoded({**there, "status": status})))
    if got.code >= 400:
        assert served.call("GET", path).document() == there
    whole(served, before)


@seeded(SEED)
@fuzz
@given(
    method=requests.METHODS, path=requests.paths(), headers=requests.HEADERS, body=st.none() | st.binary(max_size=40)
)
def test_any_request_is_answered(served, method, path, headers, body):
    emptied(served)
    before = snapshot(served)
    answered(served, method, path, body, headers)
    whole(served, before)
