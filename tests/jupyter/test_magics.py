"""%kjob and %%kjob in a real shell, against a real cluster: what a line does, what it says, what it leaves behind."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from IPython.core.error import UsageError

import kjnb
from kjnb.connect import SESSION
from tests.waiting import eventually

BODY = "{'carrier': part.carrier.iloc[0], 'delay': int(part.delay.sum())}"


def refused(shell, line, body=BODY):
    """The one line that a cell is refused with."""
    with pytest.raises(UsageError) as caught:
        shell.run_cell_magic("kjob", line, body)
    return one_line(caught)


def refused_line(shell, line):
    with pytest.raises(UsageError) as caught:
        shell.run_line_magic("kjob", line)
    return one_line(caught)


def one_line(caught):
    told = str(caught.value)
    assert "\n" not in told
    return told


def test_a_cell_gives_its_result(shell, capsys):
    value = shell.run_cell_magic("kjob", "flights --by carrier --result delays --out run --cpu 100m", BODY)
    assert value is None
    run, delays = shell.user_ns["run"], shell.user_ns["delays"]
    assert shell.user_ns["_kjob"] is run
    assert delays["delay"].tolist() == [1, 5, 9, 13]
    said = capsys.readouterr().out
    assert run.name.startswith("flights-")
    assert "4 of 4 done" in said


def test_the_same_cell_attaches(shell, capsys):
    for _ in range(2):
        shell.run_cell_magic("kjob", "flights --by carrier --wait --cpu 100m", BODY + "  # again")
    assert "attached to flights-" in capsys.readouterr().out


def test_frame_is_any_expression(shell):
    line = "flights[flights.delay - flights.delay.min() > 3] --partitions 2 --result big --cpu 100m"
    shell.run_cell_magic("kjob", line, "part.delay * 10")
    assert shell.user_ns["big"].tolist() == [40, 50, 60, 70]


def test_partitions_may_be_given(shell):
    shell.user_ns["parts"] = kjnb.partition(shell.user_ns["flights"], 2)
    shell.run_cell_magic("kjob", "parts --result sizes --cpu 100m", "len(part)")
    assert list(shell.user_ns["sizes"]) == [4, 4]
    assert "leave" in refused(shell, "parts --rows 3")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("flihgts --partitions 2", "did you mean 'flights'?"),
        ("numbers --partitions 2", "'numbers' is a list, not a DataFrame"),
        ("flights.delay --partitions 2", "flights.delay.to_frame()"),
        ("flights[ --partitions 2", "no Python expression"),
        ("flights.nothing --partitions 2", "AttributeError"),
        ("len --partitions 2", "not a DataFrame"),
        ("flights --partitions 9", "9"),
        ("flights --partitions 0", "say --partitions"),
        ("flights --name up_2", "say --name up-2"),
        ("status flights", "%kjob status flights"),
        ("flights --context nowhere", "%kjob use local"),
        ("flights --partitions -1", "partitions"),
        ("flights --by carier", "carier"),
        ("flights --parallelism 0", "--parallelism"),
        ("flights --frehs", "did you mean '--fresh'?"),
        ("flights --by carrier --trial 99", "--trial: there is no index 99"),
        ("flights --out not-a-name", "--out"),
        ("flights --name Not_A_Label", "Not_A_Label"),
        ("flights --file nowhere.csv", "nowhere.csv"),
    ],
)
def test_a_line_that_cannot_be_launched_creates_nothing(shell, line, says):
    before = len(kjnb.runs())
    assert says in refused(shell, line)
    assert len(kjnb.runs()) == before


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("part.delay.sum(", "line 1"),
        ("x = 1\nunknown_name + 1", "unknown_name"),
        ("len(flights)", "--share flights"),
        ("for row in part.delay:\n    pass", "--no-result"),
        ("!ls", "magic"),
    ],
)
def test_a_body_that_cannot_run(shell, body, says):
    assert says in refused(shell, "flights --partitions 2", body)


def test_a_failed_launch_leaves_no_old_value(shell):
    shell.user_ns |= {"run": "old", "delays": "old"}
    refused(shell, "flights --by carier --out run --result delays")
    assert not {"run", "delays"} & set(shell.user_ns)


@pytest.mark.parametrize(
    ("line", "body", "says"),
    [
        ("flights --partitions 2 --result flights", "len(part)", "--result flights_result"),
        ("flights[flights.delay > numbers[0]] --partitions 2 --out numbers", "len(part)", "--out numbers_out"),
        ("flights --partitions 2 --result numbers", "len(part) + len(numbers)", "--result numbers_result"),
        ("flights --partitions 2 --out same --result same", "len(part)", "both name 'same'"),
        ("flights --partitions 2 --out for", "len(part)", "--out for_"),
        ("flights --partitions 2 --out 1st", "len(part)", "--out _1st"),
        ("flights --partitions 2 --result 'a b'", "len(part)", "--result a_b"),
    ],
)
def test_a_target_never_takes_what_the_cell_needs(shell, line, body, says):
    shell.user_ns["same"] = 1
    assert says in refused(shell, line, body)
    assert {"flights", "numbers", "same"} <= set(shell.user_ns)


def test_wait_raises_and_the_verbs_tell_why(shell, capsys):
    body = "if part.carrier.iloc[0] == 'C':\n    print('so far')\n    part.carier\npart.delay.sum()"
    with pytest.raises(kjnb.RunFailed) as caught:
        shell.run_cell_magic("kjob", "flights --by carrier --wait --cpu 100m --out broken", body)
    assert caught.value.indexes == (2,)
    name = shell.user_ns["broken"].name
    for line, words in {
        "status": [name, "3 of 4 done", "1 failed"],
        "failures": [name, "AttributeError", "index 2", "part.carier"],
        "logs": ["index 2", "so far"],
        "logs 1": ["nothing printed"],
        "yaml": ["kind: Job", "completionMode: Indexed"],
        "list": [name],
    }.items():
        capsys.readouterr()
        shell.run_line_magic("kjob", line)
        said = capsys.readouterr().out
        assert [word for word in words if word not in said] == [], (line, said)
    with pytest.raises(AttributeError, match="carier"):
        shell.run_line_magic("kjob", "debug 2")
    partial = shell.run_line_magic("kjob", "result --partial")
    assert list(partial) == [1, 5, 13]


def test_watch_in_a_terminal_ends_with_the_run(shell, capsys):
    shell.run_cell_magic("kjob", "flights --partitions 2 --cpu 100m", "import time\ntime.sleep(0.5)\nlen(part) * 2")
    capsys.readouterr()
    shell.run_line_magic("kjob", "watch")
    assert "2 of 2 done" in capsys.readouterr().out
    assert shell.user_ns["_kjob"].state.over


def test_stop_does_not_guess_after_a_restart(shell):
    shell.run_cell_magic("kjob", "flights --partitions 2 --wait --cpu 100m", "len(part) + 0")
    SESSION.last_run = None
    assert "does not guess" in refused_line(shell, "stop")
    assert "does not guess" in refused_line(shell, "suspend")
    assert "does not guess" in refused_line(shell, "delete")
    shell.run_line_magic("kjob", "status")
    assert "does not guess" in refused_line(shell, "stop")  # what status showed was a guess, too


def test_a_run_is_steered(shell, capsys, tmp_path):
    gate = tmp_path / "gate"
    body = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)\nlen(part)"
    shell.run_cell_magic(
        "kjob", "flights --partitions 4 --parallelism 1 --cpu 100m --memory 128Mi --name steered", body
    )
    capsys.readouterr()
    shell.run_line_magic("kjob", "scale 2")
    assert "steered: 2 at a time from now on (it was 1)." in capsys.readouterr().out
    shell.run_line_magic("kjob", "suspend")
    assert "%kjob resume steered lets it go on" in capsys.readouterr().out
    eventually(lambda: shell.user_ns["_kjob"].state.suspended)
    gate.touch()
    shell.run_line_magic("kjob", "resume steered")
    assert "steered goes on." in capsys.readouterr().out
    assert list(shell.user_ns["_kjob"].result(timeout=60)) == [2, 2, 2, 2]
    assert "is over (it succeeded)" in refused_line(shell, "scale 3")


def test_what_failed_is_retried(shell, capsys, tmp_path):
    gate = str(tmp_path / "gate")
    body = f"import os\nif index and not os.path.exists({gate!r}): raise OSError('no')\nlen(part)"
    line = "flights --partitions 2 --wait --cpu 100m --backoff-limit-per-index 0 --name more-than-once"
    with pytest.raises(kjnb.RunFailed) as caught:
        shell.run_cell_magic("kjob", line, body)
    assert "%kjob retry more-than-once runs what failed again" in "\n".join(caught.value._render_traceback_())
    capsys.readouterr()
    shell.run_line_magic("kjob", "retry --indexes 1 --memory 256Mi")
    assert "Retrying index 1 of more-than-once as more-than-once-r1." in capsys.readouterr().out
    shell.user_ns["_kjob"].wait(60)
    open(gate, "w").close()
    shell.run_line_magic("kjob", "retry more-than-once 1")
    assert "Retrying index 1 of more-than-once as more-than-once-r2." in capsys.readouterr().out
    assert list(shell.user_ns["_kjob"].result(timeout=60)) == [4, 4]
    shell.run_line_magic("kjob", "retry")
    assert "has all 2 results: there is nothing to retry." in capsys.readouterr().out
    assert "no index and no range" in refused_line(shell, "retry --indexes x")
    assert "index 1 of more-than-once has its result" in refused_line(shell, "retry 1")


def test_a_dry_run_shows_what_would_be(shell, capsys):
    shell.user_ns.pop("_kjob", None)
    shell.run_cell_magic("kjob", "flights --partitions 2 --dry-run --name never", "len(part)")
    said = capsys.readouterr().out
    assert "dry run: nothing was created" in said
    assert "name: never" in said
    assert "_kjob" not in shell.user_ns
    assert "never" in refused_line(shell, "status never")


def test_a_trial_shows_one_result_and_binds_it(shell, capsys):
    shell.run_cell_magic(
        "kjob", "flights --by carrier --trial 2 --cpu 100m --out tried --result one", "len(part)+index"
    )
    said = capsys.readouterr().out
    assert "index 2: " in said
    assert "4 indexes at parallelism" in said
    assert shell.user_ns["one"] == 4
    assert shell.user_ns["_kjob"] is shell.user_ns["tried"]
    assert "-trial-2-" in shell.user_ns["tried"].name


def test_delete_then_attach_from_the_stage(shell, capsys):
    shell.run_cell_magic("kjob", "flights --partitions 2 --name gone-soon --wait --cpu 100m", "len(part) + 1")
    shell.run_line_magic("kjob", "delete gone-soon")
    shell.run_line_magic("kjob", "attach gone-soon")
    assert "results stay" in capsys.readouterr().out
    assert list(shell.user_ns["_kjob"].result()) == [5, 5]
    shell.run_line_magic("kjob", "delete gone-soon --results")
    assert "gone-soon" in refused_line(shell, "attach gone-soon")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("statsu", "did you mean 'status'?"),
        ("retyr", "did you mean 'retry'?"),
        ("flights --partitions 2", "%%kjob flights"),
        ("status --al", "no flag"),
        ("logs 99", "99"),
        ("status no-such-run", "%kjob list --all"),
        ("result -o /no/such/folder/r.csv", "no folder '/no/such/folder'"),
        ("result -o r.xlsx", ".parquet, .csv"),
        ("result -o r", "r.parquet"),
        ("use nowhere-at-all", "nowhere-at-all"),
    ],
)
def test_a_verb_that_cannot_be_done(shell, line, says):
    assert says in refused_line(shell, line)


def test_help(shell, capsys):
    shell.run_line_magic("kjob", "")
    assert "%kjob status" in capsys.readouterr().out
    shell.run_line_magic("kjob", "logs --help")
    assert "--attempt" in capsys.readouterr().out
    shell.run_cell_magic("kjob", "--help", "x")
    assert "--backoff-limit-per-index" in capsys.readouterr().out
    assert "%kjob VERB" in shell.find_line_magic("kjob").__doc__
    assert "--partitions" in shell.find_cell_magic("kjob").__doc__


def test_braces_and_dollars_are_the_users(shell):
    shell.user_ns["delay"] = "expanded"
    shell.run_cell_magic(
        "kjob", 'flights.query("delay > 3") --partitions 1 --result kept --cpu 100m', "f'{len(part)}$delay'"
    )
    assert kjnb is not None
    assert list(pd.Series(shell.user_ns["kept"])) == ["4$delay"]


def test_loading_twice_completes_once_and_unloading_takes_it_away(shell):
    shell.extension_manager.reload_extension("kjnb")
    named = [m for m in shell.Completer.custom_matchers if getattr(m, "matcher_identifier", "") == "kjnb"]
    assert len(named) == 1
    from kjnb.jupyter import magics

    magics.unload_ipython_extension(shell)
    assert shell.find_line_magic("kjob") is None


def test_what_failed_is_answered_in_the_words_of_the_cell(shell):
    with pytest.raises(kjnb.RunFailed) as caught:
        shell.run_cell_magic(
            "kjob", "flights --partitions 2 --wait --cpu 100m --name divided", "part.delay // 0 + 1 / 0"
        )
    told = "\n".join(caught.value._render_traceback_())
    assert told.startswith("RunFailed: divided failed: 2 of 2 indexes have no result")
    assert "%kjob debug divided 0" in told
    assert "%kjob result divided --partial" in told
    assert "run.debug(0)" in str(caught.value)


def test_a_run_that_is_over_is_not_stopped_again(shell, capsys):
    shell.run_cell_magic("kjob", "flights --partitions 2 --wait --cpu 100m --name all-done", "len(part) + 2")
    shell.run_line_magic("kjob", "stop all-done")
    assert "all-done is over already: it succeeded. 2 of 2 results are kept." in capsys.readouterr().out


def test_a_run_without_results_says_so(shell, capsys, tmp_path):
    shell.run_cell_magic("kjob", "flights --partitions 2 --cpu 100m --name none-yet", "raise OSError('no')\nlen(part)")
    shell.user_ns["_kjob"].wait(60)
    for more in ("", f" -o {tmp_path}/r.csv"):
        capsys.readouterr()
        assert shell.run_line_magic("kjob", f"result none-yet --partial{more}") is None
        assert "none-yet: none of 2 results yet" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_is_replaced_by_a_whole_one_only(shell, tmp_path):
    body = "pd.DataFrame({'a': [1, 'x', object]})"
    shell.run_cell_magic(
        "kjob", "flights --partitions 1 --wait --cpu 100m --name mixed-up", "import pandas as pd\n" + body
    )
    kept = tmp_path / "r.parquet"
    kept.write_text("old")
    assert "try a .pkl file" in refused_line(shell, f"result mixed-up -o {kept}")
    assert [path.name for path in tmp_path.iterdir()] == ["r.parquet"]
    assert kept.read_text() == "old"
    shell.run_line_magic("kjob", f"result mixed-up -o {tmp_path}/r.pkl")
    assert (tmp_path / "r.pkl").stat().st_size


def calling(shell, code):
    """What IPython shows of the exception that some code ends with."""
    ended = shell.run_cell(code).error_in_exec
    return "\n".join(ended._render_traceback_())


def test_an_error_of_a_call_shows_the_callers_lines_and_no_others(shell, capsys):
    shell.run_cell("import kjnb\ndef mine():\n    return kjnb.launch(len, flights, partitions=0)")
    told = calling(shell, "mine()")
    assert "kjnb.launch(len, flights, partitions=0)" in told
    assert "partitions must be a whole number" in told
    assert "kjnb/run" not in told
    told = calling(shell, "kjnb.use('nowhere')")
    assert "UsageError" in told
    assert "ConfigException" not in told


def test_debug_shows_the_tasks_frames(shell, capsys):
    shell.run_cell_magic("kjob", "flights --partitions 1 --cpu 100m --name shown", "part['nothing'] + 1")
    shell.user_ns["_kjob"].wait(60)
    capsys.readouterr()
    shell.run_cell("%kjob debug shown 0")
    said = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert "part['nothing'] + 1" in said
    assert "skipping hidden" in said
    assert "call_locally" not in said


def test_a_run_that_cannot_start_says_why_and_what_to_type(shell, capsys):
    shell.run_cell_magic("kjob", "flights --partitions 2 --cpu 4000 --out stuck --name stuck-run", BODY)
    try:
        assert "no pod can start: the cluster has no room for 4000 CPU" in capsys.readouterr().out
        eventually(lambda: shell.user_ns["stuck"].diagnose().findings)
        shell.run_line_magic("kjob", "diagnose stuck-run")
        said = capsys.readouterr().out
        assert "no node of the cluster has 4000 CPU" in said
        assert "-> ask for less: %kjob stop stuck-run, then %kjob retry stuck-run --cpu " in said
    finally:
        shell.run_line_magic("kjob", "delete stuck-run --results")


def test_a_launch_says_only_what_matters_of_what_is_unwise(shell, capsys):
    shell.run_cell_magic("kjob", "flights --partitions 2 --cpu 100m --timeout 8d --wait", BODY + "  # advised")
    said = capsys.readouterr().out
    assert "an attempt may take 691,200 s, the whole run only 604,800 s; say --active-deadline-seconds" in said
    assert "fails once" not in said
