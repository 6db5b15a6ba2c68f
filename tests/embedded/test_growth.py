"""When a log grew: noted for as long as its container runs, and read back as the time of each line."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from kjnb.embedded import log_bounds, log_times
from kjnb.embedded.log_times import LogTimes
from kjnb.embedded.supervisor import growth
from kjnb.embedded.supervisor.growth import Growth


def write(log: Path, text: str, at: float) -> None:
    with log.open("a") as file:
        file.write(text)
    os.utime(log, (at, at))


def times(log: Path, *places: int, changed: float = 900.0) -> list[float]:
    found = LogTimes(log)
    found.refresh()
    return [found.of(place, changed) for place in places]


def test_growth_is_noted_with_the_time_of_the_change(tmp_path: Path) -> None:
    log, watched = tmp_path / "0.log", Growth()
    write(log, "one\n", 100.0)
    watched.follow("c", str(log), now=0.0)
    assert watched.patience(0.0) == growth.LOOK_EVERY
    watched.look(0.01)
    assert not log.with_suffix(".times").exists()
    watched.look(0.06)
    write(log, "two\n", 101.5)
    watched.look(0.2)
    watched.look(0.3)  # nothing new
    write(log, "three\n", 103.0)
    assert times(log, 0, 3, 4, 8) == [100.0, 100.0, 101.5, 900.0]
    assert log.with_suffix(".times").stat().st_mode & 0o777 == 0o600
    assert log.with_suffix(".times").stat().st_size == 2 * log_times.RECORD.size


def test_a_quiet_log_is_looked_at_ever_more_seldom_and_many_logs_more_seldom_than_few(tmp_path: Path) -> None:
    log, watched = tmp_path / "0.log", Growth()
    write(log, "one\n", 100.0)
    watched.follow("c", str(log), now=0.0)
    now, pauses = 0.05, []
    for _ in range(40):
        watched.look(now)
        pauses.append(watched.patience(now))
        now += pauses[-1] + 1e-6
    assert pauses[0] == pytest.approx(growth.LOOK_EVERY)
    assert all(earlier <= later + 0.001 for earlier, later in itertools.pairwise(pauses))
    assert pauses[-1] == pytest.approx(growth.LOOK_AT_LEAST_EVERY)
    write(log, "two\n", 101.0)
    watched.look(now)
    assert watched.patience(now) == pytest.approx(growth.LOOK_EVERY)
    for number in range(399):
        watched.follow(f"other{number}", str(log), now)
    watched.look(now + 0.06)
    assert watched.patience(now + 0.06) == pytest.approx(0.2)


def test_a_log_with_very_many_notes_is_noted_once_a_second(tmp_path: Path) -> None:
    log, watched = tmp_path / "0.log", Growth(many=1)
    watched.follow("c", str(log), now=0.0)
    for number in range(2):
        write(log, "x\n", 100.0)
        watched.look(now=1.0 + number)
    assert watched.patience(2.0) == 1.0


def test_what_has_ended_or_gone_is_not_looked_at(tmp_path: Path) -> None:
    watched = Growth()
    watched.follow("gone", str(tmp_path / "gone.log"), now=0.0)
    watched.look(1.0)
    assert watched.patience(1.0) == growth.NEVER
    watched.follow("ended", str(tmp_path / "ended.log"), now=0.0)
    watched.forget("ended")
    watched.forget("never seen")
    assert watched.patience(1.0) == growth.NEVER


def test_where_begins_what_was_written_since(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    known = LogTimes(log)
    known.refresh()
    assert known.place_since(50.0, changed=60.0, size=9) == 0
    assert known.place_since(70.0, changed=60.0, size=9) == 9
    log_times.note(log, 4, 10.0)
    log_times.note(log, 8, 20.0)
    with log.with_suffix(".times").open("ab") as file:
        file.write(b"cut")
    known.refresh()
    known.refresh()
    assert [known.place_since(moment, 30.0, 12) for moment in (5, 10, 15, 20, 25, 30, 31)] == [0, 0, 4, 4, 8, 8, 12]


def test_a_chatty_log_loses_its_beginning_and_keeps_its_places(tmp_path: Path) -> None:
    log, watched = tmp_path / "0.log", Growth()
    mebibyte = b"x" * (1 << 20)
    watched.follow("c", str(log), now=0.0)
    with log.open("ab") as file:
        for number in range(50):
            file.write(mebibyte)
            file.flush()
            watched.look(1.0 + number)
            assert log.stat().st_blocks * 512 <= 2 * log_bounds.KEPT
    assert log.stat().st_size == 50 << 20
    with log.open("rb", buffering=0) as file:
        first = log_bounds.after_hole(file, 0)
        assert log_bounds.KEPT <= (50 << 20) - first <= 2 * log_bounds.KEPT
        file.seek(first)
        assert set(file.read()) == {ord("x")}
        assert log_bounds.after_hole(file, first + 5) == first + 5
        assert log_bounds.after_hole(file, 60 << 20) == 60 << 20
