import pytest

from kjnb.embedded.controllers.indexes import parse
from kjnb.embedded.controllers.success_policy import met


@pytest.mark.parametrize(
    ("rule", "done", "is_met"),
    [
        ({"succeededIndexes": "0,2"}, "0-2", True),
        ({"succeededIndexes": "0,2"}, "0,1", False),
        ({"succeededIndexes": "0-2", "succeededCount": 2}, "0,1", True),
        ({"succeededIndexes": "0-2", "succeededCount": 2}, "0,5", False),
        ({"succeededCount": 2}, "4,5", True),
        ({"succeededCount": 3}, "4,5", False),
        ({"succeededIndexes": "0-2,12", "succeededCount": 4}, "0-2", True),
        ({"succeededIndexes": "12-14", "succeededCount": 2}, "0-8", False),
        ({"succeededCount": 0}, "", False),
    ],
)
def test_rules(rule, done, is_met):
    policy = {"rules": [{"succeededIndexes": "9"}, rule]}
    assert met(policy, parse(done, 10), 10) == ("Matched rules at index 1" if is_met else "")


def test_without_a_policy_nothing_is_met():
    assert met(None, parse("0-9", 10), 10) == ""
