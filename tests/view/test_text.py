import xml.etree.ElementTree as ET

import pytest

from kjnb.model.state import ResultLost
from kjnb.view import text
from kjnb.view.theme import columns
from kjnb.view.timeline import timeline
from tests.model.facts import COMPLETE, FAILED, START, account, job, pod, pods, run

EVIL = "<script>alert('1')</script> & \"x\""


def in_the_middle():
    facts = [job(failed="7", parallelism=4), *pods(" ".join(f"{i}:Succeeded" for i in range(6)))]
    facts += pods("6:Failed 7:Failed 6:Running 8:Running 9:Pending 10:Failed")
    facts += [account(6), account(7, group=f"ValueError: {EVIL}, line 3"), account(10)]
    return run(40, *facts)


def at_the_end():
    facts = [job("0-17", "18-19", conditions=FAILED, ended=START + 60)]
    facts += pods(" ".join(f"{i}:{'Failed' if i > 17 else 'Succeeded'}" for i in range(20)))
    return run(24, *facts, account(18), account(19), ResultLost(3))


STATES = {"nothing": run(5), "middle": in_the_middle(), "end": at_the_end(), "one": run(1, *pods("0:Running"))}


@pytest.fixture(params=STATES, name="case")
def case_(request):
    state = STATES[request.param]
    return request.param, state, timeline(state, START + 20)


def test_plain_text(case, golden):
    name, state, line = case
    golden(f"{name}.txt", text.plain(state, line, "" if state.over else "14:02:11") + "\n")


def test_picture(case, golden):
    name, state, line = case
    picture = text.svg(state, line, [f"carrier {EVIL}"] * state.completions)
    golden(f"{name}.svg", picture + "\n")
    assert ET.fromstring(picture).tag.endswith("svg")
    assert "<script" not in picture


def test_page(case, golden):
    name, state, line = case
    page = text.html(state, line, "" if state.over else "14:02:11")
    golden(f"{name}.html", page + "\n")
    assert "<script" not in page
    assert ("%kjob watch" in page) == (not state.over)


def test_the_line():
    state = STATES["middle"]
    assert text.line(state, timeline(state, START + 10)) == (
        "6 of 40 done, 2 running, 1 starting, 1 retrying, 1 failed (ValueError) · 36.0/min · about 55 s left"
    )
    state = run(3, job("0-2", conditions=COMPLETE, ended=START + 4), *pods("0:Succeeded 1:Succeeded 2:Succeeded"))
    assert text.line(state, timeline(state, START + 9)) == "3 of 3 done · succeeded in 4.0 s · 45.0/min"
    state = run(3, job("0", rv=1), job("0", rv=2, gone=True))
    assert text.line(state, timeline(state, START + 9)) == "1 of 3 done, 2 not run · stopped after 9.0 s"
    state = run(3, job("0", suspended=True), *pods("0:Succeeded"))
    assert text.line(state, timeline(state, START + 9)) == "1 of 3 done · suspended"
    state = run(3, job("0", gone=True, started=None))
    assert text.line(state, timeline(state, START + 9)) == "1 of 3 done, 2 not run · stopped"
    assert text.line(state, timeline(state, START + 9), "no node has 64 CPU").endswith("stopped · no node has 64 CPU")
    assert text.static_line(state, timeline(state, START + 9)).startswith("flights-1a2b3c: 1 of 3")


def test_every_name_and_error_is_data():
    state = run(2, *pods("0:Failed"), account(0, group=EVIL, traceback=EVIL), name=EVIL)
    line = timeline(state, START + 3)
    for part in (text.html(state, line, EVIL), text.svg(state, line), text.failures_html(state, line)):
        assert "<script" not in part
        assert "&lt;script" in part
    assert "<script" not in text.line_html(state, line)


def test_many_groups_are_cut_and_counted():
    state = run(9, *pods(" ".join(f"{i}:Failed" for i in range(9))), *(account(i, group=f"E{i}") for i in range(9)))
    line = timeline(state, START + 9)
    assert "… and 4 more groups of failures" in text.failures_text(line.groups)
    assert "… and 4 more groups" in text.failures_html(state, line)


def test_a_long_traceback_keeps_its_ends():
    told = "\n".join(f"line {number} of it" for number in range(100))
    state = run(2, *pods("0:Failed"), account(0, traceback=told))
    page = text.failures_html(state, timeline(state, START + 3))
    assert "line 0 of it" in page
    assert "line 99 of it" in page
    assert "… 84 more lines …" in page
    assert "line 50 of it" not in page


LONG = """\
Traceback (most recent call last):
  File "<cell flights d8bc4d>", line 2, in <module>
    part["carier"]
    ~~~~^^^^^^^^^^
  File "/home/ada/venv/lib/python3.11/site-packages/pandas/core/frame.py", line 4330, in __getitem__
    open("/usr/lib/python3.11/site-packages/x")
  File "/usr/lib/python3.11/json/decoder.py", line 3, in decode
  File "/home/ada/helpers.py", line 9, in mean
KeyError: 'carier'"""


def test_frames_in_libraries_are_told_without_this_machine():
    told = LONG.replace("/home/ada/venv/lib/python3.11/site-packages/", "", 1).replace(
        "/usr/lib/python3.11/json", "json"
    )
    assert text.short_paths(LONG) == told
    state = run(2, *pods("0:Failed"), account(0, traceback=LONG))
    line = timeline(state, START + 3)
    page = text.failures_html(state, line)
    assert "&quot;pandas/core/frame.py&quot;" in page
    assert "white-space:pre;overflow-x:auto" in page
    assert told in text.failures_text(line.groups)


def test_a_failure_names_its_partition():
    state = run(9, *pods("0:Failed 5:Failed"), account(0), account(5))
    line = timeline(state, START + 3)
    names = ["LGA", EVIL, *["x"] * 7]
    assert text.failures_text(line.groups, names).startswith("KeyError: 'carier', line 2: indexes 0 (LGA), 5 (x)")
    for page in (text.html(state, line, "", [EVIL] * 9), text.failures_html(state, line, [EVIL] * 9)):
        assert "<script" not in page
        assert "0 (&lt;script" in page


def test_failures_without_a_traceback():
    state = run(2, *pods("0:Failed"))
    line = timeline(state, START + 3)
    assert text.failures_text(line.groups) == "exit code 1: index 0"
    assert "<pre" not in text.failures_html(state, line)
    assert text.failures_html(run(1), timeline(run(1), START)) == ""


@pytest.mark.parametrize("count", [1, 5, 120, 2000, 20_000, 100_000])
def test_pictures_of_any_size_are_small(count):
    state = run(count, *(pod(i, "Succeeded") for i in range(0, count, 50)))
    picture = text.svg(state, timeline(state, START + count))
    assert len(picture) < 250_000
    assert ET.fromstring(picture).get("viewBox").startswith("0 0 900 ")


def test_crosses_are_drawn_where_there_is_room():
    small, large = run(100, *pods("0:Failed")), run(4_000, *pods("0:Failed"))
    assert 'stroke="#fff"' in text.svg(small, timeline(small, START))
    assert 'stroke="#fff"' not in text.svg(large, timeline(large, START))


def test_the_bar_is_as_wide_as_its_map():
    for count, width in ((4, 4 * 26.0), (40, 900.0), (105, 900.0), (2000, 900.0)):
        state = run(count, *pods("0:Succeeded 1:Failed"))
        pieces = ET.fromstring(text.svg(state, timeline(state, START))).findall("./{*}rect")
        assert sum(float(piece.get("width")) for piece in pieces) == pytest.approx(width, abs=0.05)


def test_the_map_is_wider_than_high():
    assert [columns(n) for n in (1, 20, 120, 2000, 20_000, 100_000)] == [1, 20, 40, 100, 300, 500]


def test_durations_and_rates():
    said = [text.duration_text(s) for s in (0.04, 9.9, 42, 180, 9000, 3 * 86400)]
    assert said == ["0.0 s", "9.9 s", "42 s", "3 min", "2.5 h", "3.0 days"]
    assert [text.rate_text(r) for r in (1234.5, 12.1, 0.05, 0.001)] == ["1,234.5/s", "12.1/s", "3.0/min", "3.6/h"]


def test_tables_have_numbers_to_the_right():
    table = text.table(["index", "state"], [[7, "failed"], [11, None]])
    assert table == "index   state\n    7   failed\n   11"
    assert text.table(["a", "b"], []) == "a   b"


def test_the_line_says_what_failures_have_in_common():
    killed = [pod(i, "Failed", reason="OOMKilled", exit_code=137) for i in (0, 1)]
    assert text.line(run(9, job(failed="0-1"), *killed), timeline(run(9), START)).startswith(
        "0 of 9 done, 2 failed (OOMKilled)"
    )
    more = run(9, job(failed="0-3"), *killed, pod(2, "Failed"), pod(3, "Failed"), account(3))
    assert "4 failed (OOMKilled and 2 other kinds)" in text.line(more, timeline(more, START))
    two = run(9, job(failed="0-2"), *killed, pod(2, "Failed", reason="Error", exit_code=9))
    assert "3 failed (OOMKilled and 1 other kind)" in text.line(two, timeline(two, START))
    unseen = run(9, job(failed="0"))
    assert "1 failed" in text.line(unseen, timeline(unseen, START))
    assert "(" not in text.line(unseen, timeline(unseen, START))


def test_the_line_tells_of_stragglers():
    facts = [account(i, "succeeded", start=START, end=START + 9) for i in range(10)]
    late = run(40, job(), *facts, pod(20, "Running", created=START, started=START))
    assert "1 much slower than the others" in text.line(late, timeline(late, START + 100))


def test_a_picture_of_very_many_is_drawn_in_blocks():
    facts = [*(pod(i, "Succeeded") for i in range(0, 20_000, 3)), *pods("40:Failed 19990:Pending"), job(failed="40")]
    state = run(20_000, *facts)
    picture = text.svg(state, timeline(state, START + 9))
    assert "<title>indexes 25-49 · 8 of 25 done, 1 failed</title>" in picture
    assert 'fill="rgba(0,158,115,' in picture
    assert len(picture) < 90_000
    ET.fromstring(picture)
