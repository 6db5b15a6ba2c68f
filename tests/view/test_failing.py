"""Failures as a page lists them."""

from kjnb.view import failing
from kjnb.view.timeline import timeline
from tests.model.facts import START, account, job, pod, pods, run

EVIL = "<script>alert(1)</script>"


def failed():
    facts = [*pods("0:Failed 1:Failed 2:Failed 3:Running"), pod(4, "Failed", exit_code=9, reason="OOMKilled")]
    facts += [account(0), account(1), pod(5, "Failed", exit_code=None, message="the node is gone")]
    return run(9, job(failed="0-2,4-5"), *facts)


def test_groups_say_what_and_which():
    line = timeline(failed(), START + 9)
    assert (
        failing.groups(line, ["LGA", "JFK", *"cdefghi"])
        == [
            {"group": "KeyError: 'carier', line 2", "where": "indexes 0 (LGA), 1 (JFK)", "count": 2},
            {"group": "OOMKilled, exit code 9", "where": "index 4 (e)", "count": 1},
            {"group": "exit code 1", "where": "index 2 (c)", "count": 1},
            {"group": "failed without a reason", "where": "index 5 (f)", "count": 1},
        ]
        or failing.groups(line, None)[0]["count"] == 2
    )
    assert failing.more_groups(line) == 0
    assert failing.first_traceback(line) == "Traceback\nKeyError"
    assert failing.first_traceback(timeline(run(3), START)) == ""


def test_very_many_groups_are_cut_and_counted():
    many = run(60, *pods(" ".join(f"{i}:Failed" for i in range(60))), *(account(i, group=f"E{i}") for i in range(60)))
    line = timeline(many, START + 9)
    assert (len(failing.groups(line, None)), failing.more_groups(line)) == (20, 40)


def test_rows_of_a_group():
    state = failed()
    (first, _) = failing.rows(state, "KeyError: 'carier', line 2", ["LGA", *"bcdefghi"], {}, 9)
    assert first == {
        "index": 0, "label": "LGA", "attempts": 1, "exit": "1", "rows": "42", "last": "KeyError: 'carier'",
    }  # fmt: skip
    (plain,) = failing.rows(state, "exit code 1", None, {"r-2-1": "one\nthe last line\n"}, 9)
    assert (plain["label"], plain["rows"], plain["last"]) == ("", "", "the last line")
    (gone,) = failing.rows(state, "failed without a reason", None, {}, 9)
    assert (gone["exit"], gone["last"]) == ("", "the node is gone")
    assert len(failing.rows(state, "KeyError: 'carier', line 2", None, {}, 1)) == 1
    nameless = run(3, *pods("0:Failed"), account(0, message=""))
    assert failing.rows(nameless, "KeyError: 'carier', line 2", None, {}, 9)[0]["last"] == "KeyError"


def test_a_long_group_is_found_by_its_cut_name():
    state = run(3, *pods("0:Failed"), account(0, group="E" * 900))
    (told,) = failing.groups(timeline(state, START), None)
    assert len(told["group"]) == failing.LONGEST_NAME
    assert [one.index for one in failing.members(state, told["group"])] == [0]


def test_one_index_and_its_attempts():
    facts = [*pods("0:Failed 0:Failed 0:Running"), pod(1, "Pending", node=""), pod(2, "Running", gone=True)]
    state = run(9, job(), *facts, account(0), pod(3, "Failed", exit_code=137, reason="OOMKilled"))
    state = run(9, job(), *facts, account(0), pod(3, "Failed", exit_code=137, reason="OOMKilled"), pod(4, "Succeeded"))
    assert failing.title(state, 0, [EVIL, *"bcdefghi"]) == f"index 0 · {EVIL} · running"
    assert failing.title(state, 1, None) == "index 1 · queued"
    told = [failing.attempts(state, index, START + 100) for index in range(6)]
    assert told == [
        [
            "attempt 1: failed, exit code 1 after 0.5 s on n1",
            "attempt 2: failed, exit code 1 after 1.0 s on n1",
            "attempt 3: running after 79 s on n1",
        ],
        ["attempt 1: queued"],
        ["attempt 1: stopped on n1"],
        ["attempt 1: failed, OOMKilled, exit code 137 after 1.0 s on n1"],
        ["attempt 1: succeeded after 1.0 s on n1"],
        [],
    ]


def test_very_many_attempts_are_the_last_ones():
    state = run(1, *pods(" ".join(["0:Failed"] * 30)))
    told = failing.attempts(state, 0, START)
    assert len(told) == failing.MOST_ATTEMPTS
    assert told[-1].startswith("attempt 30: failed")
