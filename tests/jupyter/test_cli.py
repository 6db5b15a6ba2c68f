"""The command line as a person uses it: words, exit codes, no traceback, and the same verbs as in a notebook."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from tests import homes
from tests.waiting import eventually

SCRIPT = """
import pandas as pd
import kjnb


def total(part, index):
    print("index", index, "has", len(part), "rows")
    if index == 3:
        raise ValueError("carier <b>")
    return {"rows": len(part), "sum": int(part.x.sum())}


frame = pd.DataFrame({"x": range(40)})
kjnb.launch(total, frame, partitions=4, name="totals", backoff_limit_per_index=0).wait()
"""


def command(home: pathlib.Path, *words: str, cwd: pathlib.Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "kjnb", *words],
        env=homes.environment(home),
        cwd=cwd or home.parent,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a cluster and a run of four indexes, of which the last failed."""
    folder = tmp_path_factory.mktemp("cli")
    with homes.own_home(folder / "home") as home:
        script = folder / "script.py"
        script.write_text(SCRIPT)
        subprocess.run([sys.executable, str(script)], env=homes.environment(home), check=True, timeout=100)
        yield home


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--version"], 0, "kjnb 0"),
        ([], 0, "kjnb status"),
        (["--help"], 0, "kjnb cluster start"),
        (["logs", "--help"], 0, "usage: kjnb logs"),
        (["cluster", "--help"], 0, "kjnb cluster kubeconfig"),
        (["cluster", "start", "--help"], 0, "--backoff-base"),
        (["statsu"], 2, "did you mean 'status'?"),
        (["retyr"], 2, "did you mean 'retry'?"),
        (["status", "--al"], 2, "kjnb status has no flag '--al'"),
        (["cluster", "strat"], 2, "did you mean 'start'?"),
        (["cluster", "status"], 1, "kjnb cluster start"),
        (["cluster", "kubeconfig"], 1, "kjnb cluster start"),
        (["cluster", "stop"], 0, "No embedded cluster runs here"),
        (["stop"], 2, "you have no run yet"),
        (["use", "nowhere-context"], 2, "kjnb use local"),
        (["cluster", "start", "--backoff-base", "-1"], 2, "more than 0, -1 was given"),
        (["cluster", "start", "--backoff-base", "soon"], 2, "'soon' is not a number"),
    ],
)
def test_without_a_cluster(tmp_path, words, code, says):
    done = command(tmp_path / "home", *words)
    assert (done.returncode, says in done.stdout + done.stderr) == (code, True), (done.stdout, done.stderr)
    if code == 2:
        assert len(done.stderr.splitlines()) == 1
        assert not done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["cluster", "status"], 0, ["The embedded cluster runs", "https://127.0.0.1"]),
        (["list"], 0, ["totals"]),
        (["status", "totals"], 0, ["3", "1 failed"]),
        (["status"], 0, ["totals"]),
        (["logs", "totals", "1"], 0, ["index 1 has 10 rows"]),
        (["logs", "totals"], 0, ["index 3 has 10 rows", "carier"]),
        (["logs", "totals", "9"], 2, ["no index 9"]),
        (["failures", "totals"], 0, ["ValueError", "index 3", "carier"]),
        (["diagnose", "totals"], 0, ["index 3", "the task failed with ValueError", "-> kjnb debug totals 3 shows it"]),
        (["status", "totals"], 0, ["1 failed", "ValueError"]),
        (["result", "totals", "--partial"], 0, ["rows", "145"]),
        (["result", "totals"], 1, ["totals failed: 1 of 4 indexes have no result", "kjnb debug totals 3"]),
        (["result", "totals", "-o", "/no/such/folder/r.csv"], 2, ["no folder"]),
        (["cluster", "start", "--backoff-base", "9"], 2, ["runs already", "kjnb cluster stop"]),
        (["debug", "totals", "1"], 0, ["index 1 ran here"]),
        (["status", "nothing-here"], 2, ["nothing-here"]),
        (["stop"], 2, ["does not guess"]),
        (["delete"], 2, ["does not guess"]),
        (["watch", "totals"], 1, ["failed"]),
        (
            ["scale", "totals", "8"],
            2,
            ["totals is over (it failed)", "nothing to scale", "kjnb retry totals"],
        ),
        (["scale", "totals"], 2, ["a number is missing", "kjnb scale totals 8"]),
        (["scale", "totals", "0"], 2, ["1 to 100,000", "kjnb suspend totals"]),
        (["suspend", "totals"], 2, ["is over"]),
        (["suspend"], 2, ["does not guess"]),
        (["retry", "totals", "--indexes", "0-2"], 2, ["indexes 0-2 of totals have their results", "--fresh"]),
        (["retry", "totals", "--memory", "much"], 2, ["--memory"]),
    ],
)
def test_verbs(home, words, code, says):
    done = command(home, *words)
    told = done.stdout + done.stderr
    assert done.returncode == code, told
    assert [word for word in says if word not in told] == []


def test_yaml_is_the_job(home):
    (job,) = yaml.safe_load_all(command(home, "yaml", "totals").stdout)
    assert (job["kind"], job["metadata"]["name"], job["spec"]["completions"]) == ("Job", "totals", 4)


def test_kubeconfig_elsewhere_is_readable_by_its_owner_only(home, tmp_path):
    target = tmp_path / "config"
    assert command(home, "cluster", "kubeconfig", "--kubeconfig", str(target)).stdout.strip() == str(target)
    assert target.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(target.read_text())["kind"] == "Config"


def test_result_is_written(home, tmp_path):
    done = command(home, "result", "totals", "--partial", "-o", str(tmp_path / "r.csv"))
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "r.csv")["rows"].tolist() == [10, 10, 10]
    assert command(home, "result", "totals", "--partial", "-o", str(tmp_path / "r.xyz")).returncode == 2


def test_ctrl_c_in_watch_only_looks_away(home, tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(
        "import pandas as pd, kjnb\n"
        "def slow(part):\n    import time\n    time.sleep(60)\n"
        "kjnb.launch(slow, pd.DataFrame({'x': range(2)}), partitions=2, name='slowly', cpu='100m')\n"
    )
    subprocess.run([sys.executable, str(script)], env=homes.environment(home), check=True, timeout=100)
    watching = subprocess.Popen(
        [sys.executable, "-u", "-m", "kjnb", "watch", "slowly"],
        env=homes.environment(home, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert "slowly" in watching.stdout.readline()
    os.kill(watching.pid, signal.SIGINT)
    _, said = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert "slowly goes on" in said
    assert "1 at a time from now on (it was 2)" in command(home, "scale", "slowly", "1").stdout
    assert "again from zero. kjnb resume slowly" in command(home, "suspend", "slowly").stdout
    assert "suspended" in command(home, "status", "slowly").stdout
    assert "slowly goes on" in command(home, "resume", "slowly").stdout
    assert "slowly" in command(home, "stop", "slowly").stdout
    eventually(lambda: "stopped" in command(home, "status", "slowly").stdout, within=40, every=0.5)
    assert "Deleted slowly" in command(home, "delete", "slowly", "--results").stdout
    assert command(home, "status", "slowly").returncode == 2


def test_debug_shows_the_task_s_own_traceback(home):
    done = subprocess.run(
        [sys.executable, "-m", "kjnb", "debug", "totals", "3"],
        env=homes.environment(home), cwd=home.parent, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert done.stderr.splitlines()[-1] == "ValueError: carier <b>"
    assert "in total" in done.stderr
    assert "/kjnb/" not in done.stderr


@pytest.mark.parametrize("words", [["list"], ["cluster", "start"]])
def test_a_home_that_cannot_be(tmp_path, words):
    (tmp_path / "file").touch()
    done = command(tmp_path / "file" / "home", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert "set KJNB_HOME to a folder" in done.stderr
