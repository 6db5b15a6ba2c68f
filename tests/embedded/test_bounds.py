"""How deep a document may be, how much room its warnings have."""

import json

import pytest

from kjnb.embedded.api import bounds


def nested(levels: int, wide: int = 0) -> object:
    document: object = "end"
    for level in range(levels):
        document = {"a": document, "b": [1] * wide} if level % 2 else [document]
    return document


@pytest.mark.parametrize(
    ("document", "deep"),
    [
        (["text"], False),
        ([1] * 500, False),
        (nested(bounds.DEEPEST), False),
        (nested(bounds.DEEPEST + 1), True),
        ([{}] * 500, False),
        ([nested(10, wide=3)] * 100, False),
    ],
)
def test_depth_counts_not_size(document, deep):
    assert bounds.too_deep(json.dumps(document).encode(), document) is deep


def test_warnings_that_fit_are_sent_whole():
    assert bounds.fitting([]) == []
    assert bounds.fitting(["a" * 3000, "b"]) == ["a" * 3000, "b"]


def test_too_many_warnings_are_cut_and_end():
    kept = bounds.fitting(["x" * 5000] * 100)
    assert set(kept) == {"x" * bounds.ONE_WARNING}
    assert len(kept) == bounds.ALL_WARNINGS // bounds.ONE_WARNING
