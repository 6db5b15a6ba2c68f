"""Tab in a `%kjob` or `%%kjob` line: verbs, flags, frames of the notebook, columns after --by, names of runs.

A matcher of IPython's second API, so that only what can stand there is offered; it asks no cluster, for a key press
must not wait.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from kjnb import grammar

LINE = re.compile(r"^\s*(?:[\w, ]+=\s*)?%kjob\s(?P<rest>.*)$", re.DOTALL)
CELL = re.compile(r"^%%kjob\s(?P<rest>.*)$", re.DOTALL)


def matcher(shell: Any, run_names: Callable[[], Iterable[str]]) -> Any:
    """The matcher to append to `shell.Completer.custom_matchers`; `run_names` gives the names known on this machine."""

    @context_matcher(identifier="kjnb")
    def kjob_matcher(context: CompletionContext) -> SimpleMatcherResult:
        text = context.text_until_cursor
        cell = CELL.match(text) if context.cursor_line == 0 else None
        line = LINE.match(text)
        if cell:
            found = in_cell(cell["rest"], shell.user_ns)
        elif line:
            found = in_line(line["rest"], run_names, shell.user_ns)
        else:
            found = []
        return answer(found, context.token)

    return kjob_matcher


def answer(found: Iterable[str], token: str) -> SimpleMatcherResult:
    """Those that go on from the token's end, and nothing else beside them."""
    fits = [SimpleCompletion(text=word, type="kjob") for word in found if word.startswith(token)]
    return {"completions": fits, "suppress": bool(fits), "ordered": True}


def in_line(rest: str, run_names: Callable[[], Iterable[str]], names: Mapping[str, Any]) -> list[str]:
    """What can stand at the end of `%kjob …`."""
    words = rest.split(" ")
    if len(words) == 1:
        return list(grammar.VERBS)
    verb = grammar.VERBS.get(words[0])
    if verb is None:
        return []
    parser = grammar.verb_parser(verb, "%kjob")
    if words[-1].startswith("-"):
        return parser.flags()
    if parser.awaits_value(words[-2]):
        return []
    if verb.takes == "frame":
        return frames(names)
    if verb.takes == "cluster":
        return ["local", "in-cluster"]
    return sorted(run_names()) if verb.takes != "nothing" else []


def in_cell(rest: str, names: Mapping[str, Any]) -> list[str]:
    """What can stand at the end of `%%kjob …`."""
    frame, options = grammar.cut(rest)
    words = re.split(r"\s+", rest)
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    parser = grammar.cell_parser()
    if last.startswith("-"):
        return parser.flags()
    if before in ("--by", "--share"):
        return columns(frame, names) if before == "--by" else frames(names)
    if parser.awaits_value(before):
        return []
    if not options and len(words) == 1:
        return frames(names)
    return []


def frames(names: Mapping[str, Any]) -> list[str]:
    """The notebook's frames by name."""
    return sorted(name for name, value in names.items() if isinstance(value, pd.DataFrame) and not name.startswith("_"))


def columns(frame: str, names: Mapping[str, Any]) -> list[str]:
    """Columns of the frame an expression begins with; the expression itself is not run for a key press."""
    found = re.match(r"\s*([A-Za-z_]\w*)", frame)
    value = names.get(found[1]) if found else None
    return [str(column) for column in value.columns] if isinstance(value, pd.DataFrame) else []
