"""What stands in a report: words, tables and charts from the workers' accounts, and everything escaped."""

from kjnb.view import sections

EVIL = "<script>alert('x')</script>"


def account(index, seconds=1.0, outcome="succeeded", **more):
    return {"index": index, "attempt": f"u{index}", "start": 100.0, "end": 100.0 + seconds, "outcome": outcome, **more}


def test_how_long_an_attempt_took():
    assert sections.took_text(0.0304) == "30 ms"
    assert sections.took_text(12.2) == "12 s"


def test_what_a_person_wrote_is_escaped():
    assert EVIL not in sections.facts_table([(EVIL, EVIL)])
    assert EVIL not in sections.table([EVIL], [[EVIL]])
    assert EVIL not in sections.code(EVIL)
    row = {"index": EVIL, "traceback": EVIL, "log_tail": f"{EVIL} more", "error": EVIL}
    assert EVIL not in sections.failures([(EVIL, EVIL, row)])
    assert EVIL not in sections.slowest([account(0, node=EVIL)], [EVIL])


def test_facts_without_a_value_are_left_out():
    assert sections.facts_table([("a", 1), ("b", ""), ("c", None)]) == sections.facts_table([("a", 1)])


def test_durations_are_drawn_by_outcome_and_none_is_lost():
    attempts = [*(account(i, 1 + i / 10) for i in range(30)), account(30, 9, "failed"), {**account(31), "end": None}]
    figure = sections.durations(attempts)
    assert {trace.name: int(trace.y.sum()) for trace in figure.data} == {"succeeded": 30, "failed": 1}
    assert figure.layout.showlegend
    assert len(sections.durations([]).data) == 0
    assert [trace.name for trace in sections.durations([account(0, 1.0)]).data] == ["succeeded"]


def test_durations_in_words():
    assert sections.durations_text([]) == "No attempt has succeeded."
    words = sections.durations_text([account(i, i + 1) for i in range(20)])
    assert "less than 10 s" in words
    assert "longest 20 s" in words


def test_slowest_first_with_what_it_used():
    attempts = [account(0, 1), account(1, 5, rows=1234, usage={"max_rss_bytes": 2 * 1024**2}), account(2, 3)]
    shown = sections.slowest(attempts, ["", "AA", ""], most=2)
    assert shown.index(">1</td>") < shown.index(">2</td>")
    assert ">0</td>" not in shown
    assert all(word in shown for word in ("AA", "1,234", "2", "5.0 s"))
    assert "No attempt" in sections.slowest([], [])


def test_failures_show_the_first_traceback_then_the_log():
    assert sections.failures([]) == "<p>None.</p>"
    both = {"index": 3, "traceback": "Trace", "log_tail": "said this", "error": "E"}
    shown = sections.failures([("KeyError: x, line 2", "indexes 3-5", both)])
    assert all(word in shown for word in ("KeyError: x, line 2", "indexes 3-5", "Trace", "said this", "<details>"))
    assert "<details>" not in sections.failures([("g", "i", {"index": 1, "log_tail": "only"})])
    assert "<pre>" not in sections.failures([("g", "i", {"index": 1})])
    assert sections.failures([("g", "i", {"index": 1, "error": "exit code 9"})]).count("exit code 9") == 1


def test_only_the_tail_of_a_log():
    assert sections.tail("\n".join(map(str, range(100))), 3) == "97\n98\n99"
