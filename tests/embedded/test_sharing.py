"""What is read is what was written, whatever it was, and equal parts of several objects are one."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from kjnb.embedded.store.sharing import Sharing

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(), inner, max_size=4),
    max_leaves=20,
)


@given(some.lists(some.dictionaries(some.text(), VALUES, max_size=5), max_size=5))
def test_objects_come_back_as_they_were(objects):
    sharing = Sharing()
    assert [sharing.decode(msgspec.json.encode(obj)) for obj in objects] == objects


def test_equal_parts_are_one():
    sharing = Sharing()
    spec = {"containers": [{"name": "worker"}], "volumes": [{"name": "a"}]}
    one, other = (
        sharing.decode(msgspec.json.encode({"metadata": {"name": name, "owners": [1]}, "spec": spec})) for name in "ab"
    )
    assert one["spec"]["containers"] is other["spec"]["containers"]
    assert one["metadata"]["owners"] is other["metadata"]["owners"]
    assert one["metadata"]["name"] != other["metadata"]["name"]


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'{"a"', b'{"a": nothing}', b'{"a": {"b": [}}'])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(msgspec.MsgspecError):
        Sharing().decode(body)
