"""Two attempts of one index race to commit, 1,000 times: one winner each, nothing torn."""

import subprocess
import sys
from pathlib import Path

import pytest

from kjnb.worker.layout import Layout, TornError, commit, link, read_commit, read_result
from tests.rounds import rounds

RACES = rounds(1_000, 10_000)
RACER = Path(__file__).with_name("racer.py")


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path)
    for folder in layout.folders():
        folder.mkdir()
    return layout


def racer(layout, name):
    command = [sys.executable, str(RACER), str(layout.root), name, str(RACES)]
    env = {"PYTHONPATH": str(RACER.parents[2])}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


def test_one_winner_each_and_nothing_torn(layout):
    with racer(layout, "one") as one, racer(layout, "two") as two:
        wins = []
        for _ in range(RACES):
            for process in (one, two):
                process.stdin.write("\n")
                process.stdin.flush()
            wins.append((int(one.stdout.readline()), int(two.stdout.readline())))
    assert {sum(pair) for pair in wins} == {1}
    for index, (first, _) in enumerate(wins):
        claim = read_commit(layout, index)
        assert claim["attempt"] == ("one" if first else "two")
        assert read_result(layout, claim).startswith(f"{claim['attempt']} {index} ".encode())
    assert len(list(layout.results.iterdir())) == RACES
    assert len(list(layout.commits.iterdir())) == RACES


def test_a_lost_answer_of_the_file_system_is_still_a_win(layout):
    """A network file system may link and then say that the name exists."""
    assert commit(layout, 0, "one", "json", b"1")
    claim = layout.result(0, "one", "json").with_suffix(".claim")
    layout.commit(0).rename(claim)
    layout.commit(0).hardlink_to(claim)
    assert link(claim, layout.commit(0))


def test_a_damaged_commit_is_noticed(layout):
    commit(layout, 0, "one", "json", b"1")
    for content in ("", "{}", '{"result": "x"'):
        layout.commit(0).unlink()
        layout.commit(0).write_text(content)
        with pytest.raises(TornError, match="commits/00000 is damaged"):
            read_commit(layout, 0)


def test_a_commit_cannot_name_a_file_elsewhere(layout, tmp_path):
    commit(layout, 0, "one", "json", b"1")
    claim = read_commit(layout, 0)
    with pytest.raises(TornError, match="is gone"):
        read_result(layout, claim | {"result": "../../etc/passwd"})
