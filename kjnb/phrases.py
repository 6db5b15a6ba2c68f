"""What the Python interface says, said in the words of another door: of `%kjob`, `%%kjob` or the command line.

An error is raised once, where it is found, and speaks Python: `partitions=8`, `kjnb.attach('x')`, `run.debug(3)`. In a
cell or a terminal none of these can be typed, so the doors have them put as what can: `--partitions 8`,
`%kjob attach x`, `kjnb debug x 3`.
"""

from __future__ import annotations

import re
from dataclasses import fields

from kjnb.errors import KjnbError
from kjnb.model.options import flag_of
from kjnb.model.spec import JobSpec

FLAGS = {name: f"--{name}" for name in ("partitions", "rows", "by", "name", "fresh", "replace")}
FLAGS |= {"dry_run": "--dry-run", "trial": "--trial"}
FLAGS |= {item.name: flag_of(item.name) for item in fields(JobSpec)}
NAMES = "|".join(sorted(FLAGS, key=len, reverse=True))

QUOTED = r"""['"]([^'"]*)['"]"""
CALLS = (  # what Python says, and what is typed instead; {0} is the door, {1} the run
    (rf"kjnb\.attach\({QUOTED}\)", r"{0} attach \1"),
    (r"kjnb\.runs\(all=True\)", "{0} list --all"),
    (r"kjnb\.runs\(\)", "{0} list"),
    (rf"kjnb\.use\({QUOTED}, stage={QUOTED}\)", r"{0} use \1 --stage \2"),
    (rf"kjnb\.use\({QUOTED}\)", r"{0} use \1"),
    (r"kjnb\.use\(CONTEXT\)", "{0} use CONTEXT"),
    (r"run\.(debug|logs)\((\d+)\)", r"{0} \1 {1} \2"),
    (r"run\.result\(partial=True\)", "{0} result {1} --partial"),
    (r"run\.failures", "{0} failures {1}"),
    (r"run\.scale\((\d+)\)", r"{0} scale {1} \1"),
    (r"run\.retry\(\)", "{0} retry {1}"),
    (r"run\.retry\(\[([\d,]+)\]\)", r"{0} retry {1} --indexes \1"),
    (r"run\.retry\(((?:[^()']|'[^']*')+)\)", r"{0} retry {1} \1"),
    (rf"kjnb\.use\(CONTEXT, (namespace|stage)={QUOTED}\)", r"{0} use CONTEXT --\1 \2"),
    (r"run\.(diagnose|suspend|resume|stop|result)\(\)", r"{0} \1 {1}"),
    (r"\w+=True \((--[\w-]+)\)", r"\1"),
)
VALUE = r"""True\b|'[^']*'|"[^"]*"|\[[^\]]*\]|\{[^}]*\}|[\w.]+(?:,\d+)*"""
SETTING = re.compile(rf"\b({NAMES})=({VALUE})(, (?=(?:{NAMES})=))?")
HEAD = re.compile(rf"^({NAMES}): ")


def spoken(text: str, door: str, run: str = "") -> str:
    """A sentence of the Python interface in the words of `door` (%kjob or kjnb), about `run` where it says run."""
    for said, typed in CALLS:
        text = re.sub(said, typed.format(door, run), text)
    text = HEAD.sub(lambda found: f"{FLAGS[found[1]]}: ", text)
    return SETTING.sub(_flag, re.sub(" +", " ", text))


def _flag(found: re.Match[str]) -> str:
    flag, value, more = FLAGS[found[1]], found[2], " " if found[3] else ""
    if value == "True":
        return f"{flag}{more}"
    if value[0] == "{":  # a variable of the pods: {'NAME': 'value'}
        return f"{flag} {'='.join(re.findall(QUOTED, value))}{more}"
    items = re.findall(QUOTED, value) if value[0] == "[" else [value.strip("'\"")]
    text = ",".join(items)
    return f"{flag} {text if re.fullmatch(r'[^ ]+', text) else repr(text)}{more}"


def said(error: KjnbError, door: str = "") -> tuple[str, str]:
    """What happened and what to do, as `door` has them; without a door, as Python has them."""
    if not door:
        return error.what, error.fix
    what = (
        spoken(error.what, door, error.run) if re.match(rf"({NAMES})\b", error.what) else error.what
    )  # not in quoted code
    return what, spoken(error.fix, door, error.run)


def sentence(error: KjnbError, door: str = "") -> str:
    """An error in one line."""
    what, fix = said(error, door)
    what = re.sub(r"\s*\n\s*", "; ", what).rstrip(". ")
    return f"{what} -> {fix}" if fix else what


def paragraph(error: KjnbError, door: str = "") -> str:
    """An error with its fix on a line of its own, as `str` has it."""
    what, fix = said(error, door)
    return f"{what}\n  -> {fix}" if fix else what
