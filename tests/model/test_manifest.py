import json

import pytest
import yaml
from kubernetes import client

from kjnb.errors import UsageError
from kjnb.model.manifest import Site, manifest
from kjnb.model.merge import strategic_merge
from kjnb.model.spec import JobSpec

NAMES = {"name": "flights-1a2b3c", "run": "flights-1a2b3c", "launch": "l-1", "owner": "ada", "completions": 16}
SPEC = JobSpec.checked(
    parallelism=4, cpu="500m", memory="512Mi", timeout="10m", env={"MODE": "$(x)", "HOME": "/data"},
    max_failed_indexes=3, ttl_seconds_after_finished=60,
)  # fmt: skip
SITE = Site(image="registry/py:3.12", python="python3")


def build(spec=SPEC, site=SITE, stage="/stage/flights-1a2b3c"):
    return manifest(spec, stage=stage, site=site, **NAMES)


def test_the_restricted_form(golden):
    golden("restricted.json", json.dumps(build(), indent=1) + "\n")


def test_yaml_of_it_has_no_references():
    """People read it, and apply it."""
    assert "&id" not in yaml.safe_dump(build())


def test_the_form_with_a_site_of_its_own(golden):
    patch = {
        "spec": {
            "securityContext": None,
            "tolerations": [{"key": "batch", "operator": "Exists"}],
            "volumes": [{"name": "tmp", "$patch": "delete"}],
            "containers": [
                {"name": "worker", "securityContext": None, "volumeMounts": [{"mountPath": "/tmp", "$patch": "delete"}]}
            ],
        }
    }
    data = {"image": "local://{executable}", "python": "{executable}", "stage": "/runs", "template": json.dumps(patch)}
    site = Site.read(data, "/venv/bin/python")
    assert site.stage == "/runs"
    golden("patched.json", json.dumps(build(JobSpec(), site), indent=1) + "\n")


def test_the_official_client_takes_it_whole():
    api = client.ApiClient()
    told = build()
    job = api._ApiClient__deserialize(told, "V1Job")
    assert api.sanitize_for_serialization(job) == told


def test_defaults_where_nothing_was_said():
    spec = build(JobSpec())["spec"]
    assert spec["parallelism"] == 4
    assert "maxFailedIndexes" not in spec
    assert "activeDeadlineSeconds" not in spec["template"]["spec"]
    assert spec["suspend"] is True


def test_the_users_variables_outrank_the_sites():
    patch = {"spec": {"containers": [{"name": "worker", "env": [{"name": "HOME", "$patch": "delete"}]}]}}
    site = Site(image="i", template=patch)
    names = [one["name"] for one in build(JobSpec(), site)["spec"]["template"]["spec"]["containers"][0]["env"]]
    assert names == ["KJNB_ATTEMPT", "KJNB_POD", "KJNB_NODE"]
    told = build(SPEC, site)["spec"]["template"]["spec"]["containers"][0]["env"][3:]
    assert told == [{"name": "HOME", "value": "/data"}, {"name": "MODE", "value": "$$(x)"}]


def test_an_image_is_needed():
    with pytest.raises(UsageError, match="names no default image"):
        build(site=Site.read(None, "/x"))


@pytest.mark.parametrize(("text", "words"), [("{", "Expecting"), ("[]", "not a JSON object")])
def test_an_unreadable_template_is_told(text, words):
    with pytest.raises(UsageError, match=words):
        Site.read({"template": text}, "/x")


MERGES = [
    ({"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}}, {"b": {"c": 2, "d": 3}}),
    ({"a": {"b": 1}}, {"a": {"$patch": "replace", "c": 2}}, {"a": {"c": 2}}),
    ({"a": {"b": 1}}, {"a": {"$patch": "delete"}}, {}),
    ({"a": 3}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ({"args": [1]}, {"args": [2]}, {"args": [2]}),
    ({}, {"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "1"}]}),
    (
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"env": [{"name": "B", "value": "3"}, {"name": "A", "$patch": "delete"}, {"name": "C", "value": "4"}]},
        {"env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]},
    ),
    ({"volumes": [{"name": "a"}]}, {"volumes": [{"$patch": "replace"}, {"name": "b"}]}, {"volumes": [{"name": "b"}]}),
]


@pytest.mark.parametrize(("base", "patch", "merged"), MERGES)
def test_strategic_merge(base, patch, merged):
    before = json.dumps(base)
    assert strategic_merge(base, patch) == merged
    assert json.dumps(base) == before
