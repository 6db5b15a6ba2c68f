"""What can be typed: one grammar for `%kjob`, `%%kjob` and the command line.

A line is read here and nowhere else, so no option lives in one door only; what it then does is in `verbs`. Reading
raises UsageError in one sentence with the nearest thing that exists, and touches nothing.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from kjnb.errors import UsageError
from kjnb.model import options

Words = Sequence[str]


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are UsageErrors instead of the end of the process."""

    def __init__(self, prog: str, description: str = "") -> None:
        super().__init__(prog=prog, description=description, add_help=False, allow_abbrev=False)
        self.add_argument("-h", "--help", action="store_true", help="show this and do nothing")

    def error(self, message: str) -> NoReturn:
        """Say in our words what argparse found."""
        raise UsageError(_plain(message), fix=self.help_line)

    @property
    def help_line(self) -> str:
        """What shows the help; a cell magic with nothing below it is none, so there it is IPython's question mark."""
        return f"{self.prog}?" if self.prog.startswith("%%") else f"{self.prog} --help"

    def read(self, words: Words) -> argparse.Namespace:
        """The options of these words; what is no option of this parser is refused with the nearest one that is."""
        known, unknown = self.parse_known_args(list(words))
        odd = [word for word in unknown if word.startswith("-")] or unknown
        if odd and not known.help:
            flag = odd[0].split("=")[0]
            kind = "flag" if flag.startswith("-") else "argument"
            raise UsageError(f"{self.prog} has no {kind} {flag!r}", fix=nearest(flag, self.flags(), self.help_line))
        return known

    def flags(self) -> list[str]:
        """Every long flag, as typed."""
        return sorted(flag for action in self._actions for flag in action.option_strings if flag.startswith("--"))

    def awaits_value(self, word: str) -> bool:
        """Whether this word is a flag behind which its value must stand."""
        return any(word in action.option_strings and action.nargs != 0 for action in self._actions)


def _plain(message: str) -> str:
    message = re.sub(r"^argument (\S+?)(/\S+)?: ", r"\1: ", message)
    message = re.sub(r"invalid (?:int|integer|_?whole) value: (.*)", r"\1 is not a whole number", message)
    message = re.sub(r"invalid float value: (.*)", r"\1 is not a number", message)
    return message.replace("expected one argument", "a value is missing")


def nearest(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A suggestion: the known word nearest to this one, whatever the case, or those a letter stands for."""
    by_lower = {one.lower().lstrip("-"): one for one in known}
    if re.fullmatch("-[a-zA-Z]", word):
        close = [one for one in by_lower.values() if one.startswith(f"-{word.lower()}")]
        return f"did you mean {' or '.join(close)}?" if close else otherwise
    close = difflib.get_close_matches(word.lower().lstrip("-"), by_lower, n=1, cutoff=0.55)
    return f"did you mean {by_lower[close[0]]!r}?" if close else otherwise


def split(line: str) -> list[str]:
    """Words of a line as a shell would cut them; quotes keep blanks together."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"this line cannot be read: {error}".lower(), fix="close the quotes") from None


# ---------------------------------------------------------------- verbs


@dataclass(frozen=True)
class Verb:
    """A verb's name, what it does in a sentence, and what may follow it."""

    name: str
    help: str
    takes: str = "name"  # or a key of WORDS ("index", "number": a name, a whole number, or both), or "nothing"
    options: Callable[[Parser], None] | None = None


def _list_options(parser: Parser) -> None:
    parser.add_argument("--all", action="store_true", help="other people's runs too")


def _logs_options(parser: Parser) -> None:
    parser.add_argument("--attempt", type=int, default=-1, metavar="N", help="which try, from 0 (default: the last)")


def _delete_options(parser: Parser) -> None:
    parser.add_argument("--results", action="store_true", help="the stage too: task, parts, results, records")


def _result_options(parser: Parser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write it: .parquet, .csv, .json or .pkl")
    parser.add_argument("--partial", action="store_true", help="do not wait; what is there")
    parser.add_argument("--timeout", type=float, metavar="S", help="wait no longer than S seconds; the run goes on")
    parser.add_argument("--trust", action="store_true", help="unpickle results of a run that is not yours")


def _retry_options(parser: Parser) -> None:
    parser.add_argument("--indexes", metavar="LIST", help="these only: 3,5-9 (default: all without a result)")
    options.add_arguments(parser)


def _report_options(parser: Parser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the page (default: NAME.html); its notebook stands beside it"
    )


def _use_options(parser: Parser) -> None:
    parser.add_argument("--namespace", metavar="NS", help="the namespace of Jobs (default: the context's)")
    parser.add_argument("--stage", metavar="DIR", help="where runs keep their files (default: what the cluster says)")
    parser.add_argument("--image", metavar="IMG", help="the image of pods (default: what the cluster says)")


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("attach", "take up a run again by its name: after a restart, in another notebook"),
        Verb("debug", "run one index here, so that %debug works on its exception", "index"),
        Verb("delete", "remove a run's Jobs and pods; its results stay unless --results", options=_delete_options),
        Verb("diagnose", "why a run does not go on, or what failed, each with its fix"),
        Verb("failures", "which indexes failed, grouped, with the first traceback"),
        Verb("launcher", "a form that launches, with the cell and the call that do the same", "frame"),
        Verb("list", "your runs", "nothing", _list_options),
        Verb("logs", "what an index printed", "index", _logs_options),
        Verb("report", "a notebook and an HTML page of a run, from its stage alone", options=_report_options),
        Verb("result", "wait for the run and show its result", options=_result_options),
        Verb("resume", "let a suspended run go on"),
        Verb("retry", "run again what has no result, perhaps with other settings", "index", _retry_options),
        Verb("scale", "let so many indexes run at the same time from now on", "number"),
        Verb("status", "where a run stands"),
        Verb("stop", "end a run now; what is done stays"),
        Verb("suspend", "let nothing run until resumed; what runs now starts again from zero"),
        Verb("use", "set the cluster of this session: local, a context's name, in-cluster", "cluster", _use_options),
        Verb("watch", "show a run until it ends; Ctrl-C only looks away"),
        Verb("yaml", "the run's Job as Kubernetes has it"),
    )
}


WORDS = {
    "name": ("NAME", "the run (default: the last one)"),
    "index": ("NAME|INDEX", "the run (default: the last one), and a completion index"),
    "number": ("NAME|N", "the run (default: the last one), and how many indexes at the same time"),
    "frame": ("FRAME", "any expression, unquoted (default: chosen in the form)"),
    "cluster": ("CLUSTER", "local, a context's name, or in-cluster"),
}


@dataclass(frozen=True)
class Ask:
    """A line that was read: the verb, the run's name and the index (or number) if they were said, and the options."""

    verb: Verb
    name: str | None
    index: int | None
    options: argparse.Namespace
    parser: Parser

    @property
    def door(self) -> str:
        """How the door is called: `%kjob` or `kjnb`."""
        return self.parser.prog.partition(" ")[0]


def verb_words(line: str) -> list[str]:
    """The words of `%kjob VERB …`; a FRAME is one word, with its own quotes."""
    first, _, rest = line.strip().partition(" ")
    verb = VERBS.get(first)
    if verb is None or verb.takes != "frame":
        return split(line)
    frame, options = cut(rest)
    return [first, *([frame] if frame else []), *split(options)]


def verb_parser(verb: Verb, prog: str) -> Parser:
    """The parser of one verb; `prog` is how the door is called: `%kjob` or `kjnb`."""
    parser = Parser(f"{prog} {verb.name}", verb.help[0].upper() + verb.help[1:] + ".")
    if verb.takes != "nothing":
        metavar, meaning = WORDS[verb.takes]
        parser.add_argument("words", nargs="*", default=[], metavar=metavar, help=meaning)
        parser.usage = f"{parser.prog.replace('%', '%%')} [{metavar.replace('|', '] [')}] [options]"
    if verb.takes == "index":
        parser.add_argument("--index", type=int, metavar="I", help="the completion index")
    if verb.takes not in ("cluster", "frame"):
        parser.add_argument("--context", metavar="C", help="another cluster for this call: local, a context's name")
    if verb.options:
        verb.options(parser)
    return parser


def read_verb(words: Words, prog: str) -> Ask:
    """Words that begin with a verb."""
    verb = VERBS.get(words[0])
    if verb is None:
        known = ", ".join(VERBS)
        raise UsageError(f"{prog} has no verb {words[0]!r}", fix=nearest(words[0], VERBS, f"it has {known}"))
    parser = verb_parser(verb, prog)
    read = parser.read(words[1:])
    name, index = _name(verb, list(getattr(read, "words", [])), getattr(read, "index", None), parser.prog)
    return Ask(verb, name, index, read, parser)


def _name(verb: Verb, words: list[str], index: int | None, prog: str) -> tuple[str | None, int | None]:
    """A bare whole number is an index; a run's name contains a letter."""
    if verb.takes == "frame":
        return " ".join(words) or None, None
    numbers = [word for word in words if re.fullmatch(r"[+-]?\d+", word)]
    names = [word for word in words if word not in numbers]
    if len(names) > 1:
        raise UsageError(f"{prog}: one name, not {len(names)}: {', '.join(names)}", fix=f"{prog} {names[0]}")
    if numbers and verb.takes not in ("index", "number"):
        raise UsageError(f"{prog}: {numbers[0]} is an index, and this verb takes none", fix="a run's name has a letter")
    if len(numbers) + (index is not None) > 1:
        raise UsageError(f"{prog}: one {verb.takes}, not several", fix=f"{prog} {' '.join([*names, numbers[0]])}")
    return (names[0] if names else None), (int(numbers[0]) if numbers else index)


def read_indexes(text: str) -> list[int]:
    """ "3,5-9" as the indexes it names; UsageError for what is no such list."""
    found: list[int] = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", piece)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last - first > MOST_INDEXES:
            raise UsageError(f"--indexes: {piece!r} is no index and no range of them", fix="--indexes 3,5-9")
        found += range(first, last + 1)
    return found


MOST_INDEXES = 1_000_000


def verbs_help(prog: str) -> str:
    """The verbs, a line each."""
    width = max(map(len, VERBS))
    lines = [f"  {prog} {verb.name.ljust(width)}  {verb.help}" for verb in VERBS.values()]
    return "\n".join([*lines, "", f"  {prog} VERB --help shows its options; without NAME a verb means the last run."])


# ---------------------------------------------------------------- the cell


@dataclass(frozen=True)
class CellLine:
    """The first line of a cell that was read: FRAME's source, the cell's own options and the fields of the JobSpec."""

    frame: str
    options: argparse.Namespace
    spec: dict[str, Any]


@cache
def cell_parser() -> Parser:
    """The parser of what follows FRAME in `%%kjob FRAME …`."""
    parser = Parser("%%kjob")
    parts = parser.add_argument_group("how the frame is partitioned")
    parts.add_argument("--partitions", type=int, metavar="N", help="so many partitions (default: from the frame)")
    parts.add_argument("--by", action="append", metavar="COL[,COL]", help="by key: rows of one key stay together")
    parts.add_argument("--rows", type=int, metavar="N", help="so many rows a partition")
    cell = parser.add_argument_group("the cell")
    cell.add_argument("--out", metavar="NAME", help="bind the Run to this name at once")
    cell.add_argument("--result", metavar="NAME", help="wait, and bind the result to this name")
    cell.add_argument("--wait", action="store_true", help="wait; RunFailed if indexes failed, so Run All stops")
    cell.add_argument("--name", metavar="NAME", help="the run's name (default: the frame's name and a fingerprint)")
    cell.add_argument("--fresh", action="store_true", help="run again what ran already")
    cell.add_argument("--replace", action="store_true", help="stop the other run of this name, take its place")
    cell.add_argument("--dry-run", action="store_true", help="create nothing; the YAML and what the cluster says to it")
    cell.add_argument(
        "--trial",
        nargs="?",
        type=int,
        const=True,
        metavar="INDEX",
        help="run one index only (default: the largest) and show its result, duration and peak memory",
    )
    cell.add_argument("--share", action="append", metavar="FRAME", help="let the body use this whole frame, too")
    cell.add_argument("--no-result", action="store_true", help="the body is run for its effects and gives no value")
    cell.add_argument("--context", metavar="C", help="another cluster for this call: local, a context's name")
    cell.add_argument("--namespace", metavar="NS", help="another namespace for this call")
    options.add_arguments(parser)
    return parser


def read_cell(line: str) -> CellLine:
    """`FRAME [options]`: the expression up to the first option, unquoted, then the options."""
    frame, rest = cut(line)
    parser = cell_parser()
    read = parser.read(split(rest))
    if not frame and not read.help:
        raise UsageError("%%kjob needs a frame", fix="%%kjob FRAME --partitions 8, and the body below works on `part`")
    if read.dry_run and read.trial is not None:
        raise UsageError("--dry-run and --trial: one of them creates nothing, the other a run", fix="say one of them")
    if frame == "apply":
        raise UsageError("%%kjob has no verb 'apply'", fix="%%kjob FRAME [options], with the frame's name")
    return CellLine(frame, read, options.spec_fields(read))


def cut(line: str) -> tuple[str, str]:
    """The line at its first option: the first ` -x` before which stands a whole expression.

    `df[["a"]] -df[["b"]] --rows 5`: a single minus between two expressions is a minus.
    """
    text = " " + line.strip()
    whole = next((found.start() for found in re.finditer(r"\s(--[A-Za-z]|-h$)", text)), len(text))
    if text[:whole].strip() and is_expression(text[:whole]):
        return text[:whole].strip(), text[whole:].strip()
    places = [found.start() for found in re.finditer(r"\s--?[A-Za-z]", text)]
    for place in places:
        if not text[:place].strip() or is_expression(text[:place]):
            return text[:place].strip(), text[place:].strip()
    place = (
        next((p for p in places if text.startswith("--", p + 1)), len(text)) if not is_expression(text) else len(text)
    )
    return text[:place].strip(), text[place:].strip()


def is_expression(text: str) -> bool:
    """Whether this is one whole Python expression."""
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def columns(by: list[str] | None, known: Iterable[Any]) -> list[Any] | None:
    """`--by a,b --by c` as column names; a column whose name holds a comma is found first.

    A name that is no text, like 2013, is found by what it looks like.
    """
    if not by:
        return None
    known = list(known)
    names = {str(name): name for name in known} | {name: name for name in known if isinstance(name, str)}
    words = [piece for word in by for piece in ([word] if word in names else filter(None, word.split(",")))]
    return [names.get(word, word) for word in words]
