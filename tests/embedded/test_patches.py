"""The three kinds of patch; what is given is never changed."""

import copy

import pytest

from kjnb.embedded.api import schema
from kjnb.embedded.api.patches import PatchError, json_patch, merge_patch, strategic_merge

JOB = {
    "metadata": {
        "name": "j",
        "labels": {"a": "1"},
        "finalizers": ["x", "y"],
        "ownerReferences": [{"uid": "1", "name": "one"}],
    },
    "spec": {
        "parallelism": 1,
        "template": {
            "spec": {
                "containers": [{"name": "a", "image": "i", "env": [{"name": "E", "value": "1"}]}, {"name": "b"}],
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "k"}],
            }
        },
    },
}


def strategic(patch, document=JOB):
    before = copy.deepcopy(document)
    try:
        return strategic_merge(document, patch, schema.shape, "Job")
    finally:
        assert document == before


def pod(patch):
    return strategic({"spec": {"template": {"spec": patch}}})["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": 1, "b": 2}, {"a": None, "c": 3}, {"b": 2, "c": 3}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({"a": 1}, 7, 7),
    ],
)
def test_merge_patch(document, patch, result):
    assert merge_patch(document, patch) == result


def test_json_patch():
    steps = [{"op": "replace", "path": "/a", "value": 2}, {"op": "add", "path": "/b/-", "value": 3}]
    assert json_patch({"a": 1, "b": []}, steps) == {"a": 2, "b": [3]}
    assert json_patch({"b": [1, 2]}, [{"op": "replace", "path": "/b/0", "value": 9}]) == {"b": [9, 2]}
    assert json_patch({"a": {}}, [{"op": "replace", "path": "/a/new", "value": 1}]) == {"a": {"new": 1}}
    assert json_patch({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 1}}]) == {"b": 1}


@pytest.mark.parametrize(
    ("steps", "malformed"),
    [
        ([{"op": "test", "path": "/a", "value": 7}], False),
        ([{"op": "remove", "path": "/nope"}], False),
        ([{"op": "replace", "path": "/x/y", "value": 1}], False),
        ([{"op": "explode", "path": "/a"}], True),
        ([{"path": "/a"}], True),
        (["nonsense"], True),
        (7, True),
    ],
)
def test_json_patches_that_do_not_apply(steps, malformed):
    with pytest.raises(PatchError) as caught:
        json_patch({"a": 1}, steps)
    assert caught.value.malformed is malformed


def test_strategic_merges_maps_and_scalars():
    assert strategic({"spec": {"parallelism": 3}})["spec"]["parallelism"] == 3
    assert strategic({"metadata": {"labels": {"a": None, "b": "2"}}})["metadata"]["labels"] == {"b": "2"}
    assert strategic({"status": {"active": 1}})["status"] == {"active": 1}


def test_strategic_merges_lists_by_key():
    got = pod({"containers": [{"name": "a", "env": [{"name": "F", "value": "2"}]}, {"name": "c", "image": "n"}]})[
        "containers"
    ]
    assert [one["name"] for one in got] == ["a", "b", "c"]
    assert got[0] == {"name": "a", "image": "i", "env": [{"name": "E", "value": "1"}, {"name": "F", "value": "2"}]}


def test_strategic_merges_owners_by_uid():
    got = strategic({"metadata": {"ownerReferences": [{"uid": "2", "name": "two"}]}})["metadata"]["ownerReferences"]
    assert [one["name"] for one in got] == ["one", "two"]


def test_strategic_lists_without_a_key_are_replaced():
    assert pod({"tolerations": [{"key": "n"}]})["tolerations"] == [{"key": "n"}]


def test_strategic_lists_of_plain_values_are_united():
    assert strategic({"metadata": {"finalizers": ["y", "z"]}})["metadata"]["finalizers"] == ["x", "y", "z"]
    assert strategic({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x"]}})["metadata"]["finalizers"] == ["y"]
    assert (
        strategic({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x"]}}, {"metadata": {}})["metadata"][
            "finalizers"
        ]
        == []
    )


def test_strategic_directives():
    assert pod({"containers": [{"$patch": "delete", "name": "a"}]})["containers"] == [{"name": "b"}]
    assert pod({"containers": [{"$patch": "replace"}, {"name": "z"}]})["containers"] == [{"name": "z"}]
    assert pod({"nodeSelector": {"$patch": "replace", "x": "y"}})["nodeSelector"] == {"x": "y"}
    assert pod({"nodeSelector": {"$patch": "delete"}})["nodeSelector"] == {}
    assert pod({"nodeSelector": {"$patch": "merge", "x": "y"}})["nodeSelector"] == {"disk": "ssd", "x": "y"}
    assert pod({"nodeSelector": {"$retainKeys": ["x"], "x": "y"}})["nodeSelector"] == {"x": "y"}


def test_strategic_order_of_elements():
    got = pod({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "c"}]})[
        "containers"
    ]
    assert [one["name"] for one in got] == ["b", "a", "c"]
    got = strategic({"metadata": {"$setElementOrder/finalizers": ["y", "x"]}})["metadata"]
    assert got["finalizers"] == ["y", "x"]
    assert "volumes" not in pod({"$setElementOrder/volumes": [{"name": "v"}]})


@pytest.mark.parametrize(
    "patch",
    [
        {"containers": [{"image": "x"}]},
        {"containers": ["x"]},
        {"nodeSelector": {"$patch": "explode"}},
        {"$retainKeys": 7},
        {"$setElementOrder/containers": "a"},
        {"$deleteFromPrimitiveList/args": None},
    ],
)
def test_strategic_patches_that_are_none(patch):
    with pytest.raises(PatchError) as caught:
        pod(patch)
    assert caught.value.malformed
