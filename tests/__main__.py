"""Every check of the project in one command: `python -m tests [GROUP ...] [--long]`.

Prints the seconds of each group and closes with `N passed, N failed, N skipped`.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from xml.etree import ElementTree

from tests import coverage_of_pure, homes

ROOT = pathlib.Path(__file__).parents[1]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "tests.no_skips"]


UNIT = [f"tests/{name}" for name in ("house", "model", "view", "embedded")]
LONG_RUNS = [f"tests/embedded/test_{name}.py" for name in ("counted_operations", "memory_kept", "collected_run")]
TRACED = [f"--cov={name}" for name in coverage_of_pure.TRACED]
CORE = [f"tests/road/test_{name}.py" for name in ("cell", "failing", "results")] + ["tests/jupyter/test_kernel.py"]


def pytest(*args: str) -> list[str]:
    return [*PYTEST, *args]


def mode(*names: str, tests: list[str]) -> list[str]:
    """The road's core on another footing; root and bubblewrap, pods forked, is the footing of all other groups."""
    return [sys.executable, "-m", "tests.modes", *names, "--", *pytest("-p", "no:cacheprovider", *tests)]


# group -> (seconds it may take on two cores, commands)
GROUPS: dict[str, tuple[int, list[list[str]]]] = {
    "lint": (
        90,
        [
            ["ruff", "check", "."],
            ["ruff", "format", "--check", "."],
            ["mypy"],
            ["lint-imports"],
        ],
    ),
    "unit": (
        240,
        [
            pytest(*UNIT, *(f"--ignore={test}" for test in LONG_RUNS), *TRACED, "--cov-report="),
            [sys.executable, "-m", "tests.coverage_of_pure"],
            pytest(*LONG_RUNS),
        ],
    ),
    "road": (480, [pytest("tests/road", "tests/jupyter")]),
    "modes": (
        300,
        [
            mode("user", tests=[*CORE, "tests/embedded/test_box.py", "tests/embedded/test_kubelet.py"]),
            mode("user", "no-bwrap", tests=CORE),
            mode("no-bwrap", tests=CORE),
            mode("exec", tests=[test for test in CORE if "results" not in test]),  # a hundred pods import pandas there
        ],
    ),
    "conformance": (480, [pytest("tests/conformance")]),
    "clients": (420, [pytest("tests/clients")]),
    "fuzz": (180, [pytest("tests/fuzz", "-s")]),
    "chaos": (360, [pytest("tests/chaos")]),
    "notebooks": (
        360,
        [
            pytest("tests/notebooks"),
            pytest(
                "--nbval-lax", "--nbval-sanitize-with", "tests/notebooks/sanitize.cfg", "notebooks", "-W", "default"
            ),
        ],
    ),
    "browser": (360, [pytest("tests/browser")]),
}


def tool(command: list[str]) -> list[str]:
    """A console script of this very environment, wherever the shell's PATH points."""
    script = pathlib.Path(sys.executable).parent / command[0]
    return [str(script), *command[1:]] if script.exists() else command


def tally(report: pathlib.Path) -> tuple[int, int, int]:
    """passed, failed, skipped of a JUnit file; one failure when the file is missing or empty."""
    if not report.exists():
        return 0, 1, 0
    suites = ElementTree.parse(report).getroot().iter("testsuite")
    counts = [{k: int(s.get(k, 0)) for k in ("tests", "failures", "errors", "skipped")} for s in suites]
    bad = sum(c["failures"] + c["errors"] for c in counts)
    skipped = sum(c["skipped"] for c in counts)
    return sum(c["tests"] for c in counts) - bad - skipped, bad, skipped


def run(command: list[str], env: dict[str, str]) -> tuple[int, int, int]:
    print("$", " ".join(command[:1] + command[1:]).replace(sys.executable, "python"), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.xml")
        is_pytest = "pytest" in command
        extra = [f"--junit-xml={report}"] if is_pytest else []
        code = subprocess.run([*tool(command), *extra], cwd=ROOT, env=env).returncode
        if not is_pytest:
            return (1, 0, 0) if code == 0 else (0, 1, 0)
        passed, failed, skipped = tally(report)
        return passed, max(failed, int(code != 0)), skipped


def group(name: str, env: dict[str, str]) -> Iterator[tuple[int, int, int]]:
    """Run a group's commands with a KJNB_HOME of their own; a process they leave behind is ended, and is a failure."""
    with tempfile.TemporaryDirectory(prefix="kjnb-tests-") as folder:
        home = pathlib.Path(folder, "home")
        for command in GROUPS[name][1]:
            yield run(command, env | {"KJNB_HOME": str(home)})
        try:
            homes.stop_cluster(home)
        except AssertionError as left:
            print(left)
            yield 0, 1, 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], help="all of them unless named")
    parser.add_argument("--long", action="store_true", help="more rounds and more fuzz: about an hour")
    asked = parser.parse_args()
    env = os.environ | ({"KJNB_LONG_TESTS": "1"} if asked.long else {})
    total, seconds = (0, 0, 0), {}
    for name in asked.groups or GROUPS:
        begun = time.monotonic()
        for counts in group(name, env):
            total = tuple(a + b for a, b in zip(total, counts, strict=True))
        seconds[name] = time.monotonic() - begun
    print("\nseconds by group (and what it may take):")
    for name, spent in seconds.items():
        print(f"  {name:12} {spent:6.0f}  ({GROUPS[name][0]})")
    passed, failed, skipped = total
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
