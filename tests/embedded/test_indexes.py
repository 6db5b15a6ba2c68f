from hypothesis import given
from hypothesis import strategies as st

from kjnb.embedded.controllers import indexes

SETS = st.sets(st.integers(0, 60))


def test_pairs_are_listed_longer_runs_are_ranges():
    assert indexes.text(indexes.merged((), [1, 3, 4, 5, 7])) == "1,3-5,7"
    assert indexes.text(indexes.merged((), [1, 2])) == "1,2"
    assert indexes.text(()) == ""


def test_parse_leaves_out_what_is_beyond_completions():
    assert indexes.parse("0,2-5,9", 4) == ((0, 0), (2, 3))
    assert indexes.parse("", 4) == ()
    assert indexes.parse("3,4", 9) == ((3, 4),)


@given(SETS, SETS)
def test_strings_and_sets_agree(some, others):
    intervals = indexes.merged((), some)
    assert indexes.parse(indexes.text(intervals), 61) == intervals
    assert indexes.total(intervals) == len(some)
    assert [i for i in range(62) if indexes.contains(intervals, i)] == sorted(some)
    both = indexes.merged(intervals, others)
    assert both == indexes.merged((), some | others)
    assert indexes.common(intervals, indexes.merged((), others)) == len(some & others)


@given(SETS, SETS, st.integers(0, 70), st.integers(0, 70))
def test_the_first_missing_are_the_lowest_that_are_in_neither(some, busy, count, completions):
    wanted = [i for i in range(completions) if i not in some and i not in busy][:count]
    assert indexes.first_missing(indexes.merged((), some), count, completions, busy) == wanted
