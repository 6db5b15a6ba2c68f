"""Runs a command as the road must work, too: as an ordinary user, without bubblewrap, with every pod exec'd.

`python -m tests.modes [user] [no-bwrap] [exec] -- COMMAND`. Root becomes an ordinary user by setpriv, in a mount
namespace in which that user can reach this environment and nothing else of root's folders; who is an ordinary user
already stays what they are.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
USER = 64_321  # nobody's
SWITCHES = {"no-bwrap": {"KJNB_NO_BWRAP": "1"}, "exec": {"KJNB_EXEC_PODS": "1"}, "user": {}}


def as_user(home: pathlib.Path) -> list[str]:
    """The beginning of a command line that runs the rest as an ordinary user whose home that is."""
    if os.geteuid() != 0:
        return []
    os.chown(home, USER, USER)
    words = ["bwrap", "--dev-bind", "/", "/"]
    for folder in (ROOT, pathlib.Path(sys.prefix), pathlib.Path(sys.base_prefix)):
        above = [*folder.parents][::-1]
        closed = next((place for place, it in enumerate(above) if not it.stat().st_mode & 0o001), None)
        if closed is None:
            continue
        if str(above[closed]) not in words:
            words += ["--perms", "0755", "--tmpfs", str(above[closed])]
        for between in above[closed + 1 :]:
            words += ["--perms", "0755", "--dir", str(between)]
        words += ["--bind", str(folder), str(folder)]
    identity = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"]
    return [*words, "--", *identity]


def environment(modes: list[str], home: pathlib.Path) -> dict[str, str]:
    """This environment with the switches, and folders of the user's own."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    for mode in modes:
        env |= SWITCHES[mode]
    if "user" in modes:
        env |= {"HOME": str(home), "TMPDIR": str(home), "USER": "kjnb", "LOGNAME": "kjnb", "KJNB_HOME": f"{home}/kjnb"}
    return env


def main(words: list[str]) -> int:
    """Run it; its exit status."""
    cut = words.index("--")
    modes, command = words[:cut], words[cut + 1 :]
    print("mode:", ", ".join(modes), flush=True)
    with tempfile.TemporaryDirectory(prefix="kjnb-mode-", dir="/tmp") as folder:
        home = pathlib.Path(folder)
        before = as_user(home) if "user" in modes else []
        report = [word.partition("=")[2] for word in command if word.startswith("--junit-xml=")]
        inside = [f"--junit-xml={home / 'report.xml'}" if w.startswith("--junit-xml=") else w for w in command]
        code = subprocess.run([*before, *inside], cwd=ROOT, env=environment(modes, home)).returncode
        if report and (home / "report.xml").exists():
            pathlib.Path(report[0]).write_bytes((home / "report.xml").read_bytes())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
