"""`%kjob` and `%%kjob`: the notebook's door. It reads a line, calls what every door calls, and shows the answer."""

from __future__ import annotations

from typing import Any, NoReturn

from IPython.core.error import UsageError as OneLine
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display

from kjnb import bar, grammar, phrases, verbs
from kjnb.connect import SESSION, Session
from kjnb.errors import KjnbError, RunNotFound, UsageError
from kjnb.jupyter import cells, completion, frontend
from kjnb.jupyter.launcher import open_launcher
from kjnb.jupyter.monitor import monitor
from kjnb.view.page import AS_IT_STANDS


@magics_class
class KjobMagics(Magics):
    """The two magics, with the session they speak for."""

    def __init__(self, shell: Any, session: Session) -> None:
        super().__init__(shell)
        self.session = session

    @no_var_expand
    @line_magic("kjob")
    def line(self, line: str) -> Any:
        """Do a verb; the help text is put here when the extension is loaded."""
        __tracebackhide__ = True  # what `debug` raises is the task's: IPython leaves such frames out
        words = _told(grammar.verb_words, line)
        if not words or words[0] in ("-h", "--help"):
            print(grammar.verbs_help("%kjob"))  # noqa: T201 - help is for reading
            return None
        return _told(self._answer, words)

    @no_var_expand
    @cell_magic("kjob")
    def cell(self, line: str, cell: str) -> None:
        """Launch a cell; the help text is put here when the extension is loaded."""
        __tracebackhide__ = True
        _told(cells.run_cell, self.shell, self.session, line, cell)

    def _answer(self, words: list[str]) -> Any:
        __tracebackhide__ = True
        if words[0] not in grammar.VERBS and words[0] in self.shell.user_ns:
            raise UsageError(f"%kjob has no verb {words[0]!r}", fix=f"a cell over it begins with %%kjob {words[0]}")
        ask = grammar.read_verb(words, "%kjob")
        if ask.options.help:
            print(ask.parser.format_help())  # noqa: T201 - help is for reading
            return None
        answer = verbs.answer(ask, self.session)
        if answer.run is not None:
            self.shell.user_ns["_kjob"] = answer.run
        if answer.text:
            display(_Words(answer.text, answer.html))
        if answer.view and answer.run is not None:
            self._look(answer.run, ask.verb.name)
        if answer.form is not None:
            open_launcher(self.shell, self.session, answer.form)
        return answer.value

    def _look(self, run: Any, verb: str) -> None:
        """Show the live view; in a terminal `watch` is a bar until the run's end, as on the command line."""
        if frontend.kernel() is None and verb == "watch":
            bar.follow(run)
        else:
            monitor(run)


class _Words:
    """Text that may have an HTML form; without quotes, unlike a str that is displayed."""

    def __init__(self, text: str, html: str) -> None:
        self.text, self.html = text, html

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str | None:
        return f'<div class="{AS_IT_STANDS}">{self.html}</div>' if self.html else None


def _told(function: Any, *args: Any) -> Any:
    """Call it; an error of ours becomes one red line, or keeps its type but shows only its own words."""
    __tracebackhide__ = True
    try:
        return function(*args)
    except (UsageError, RunNotFound) as error:
        _one_line(error)
    except KjnbError as error:
        words = f"{type(error).__name__}: {phrases.paragraph(error, '%kjob')}"
        error._render_traceback_ = words.splitlines  # type: ignore[method-assign]  # IPython asks the exception
        raise
    except KeyboardInterrupt as error:  # the cell is not done, so Run All stops; where we waited is no news
        error._render_traceback_ = lambda: ["KeyboardInterrupt"]  # type: ignore[attr-defined]
        raise


def _one_line(error: KjnbError) -> NoReturn:
    raise OneLine(phrases.sentence(error, "%kjob")) from None


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext kjnb`: the magics and their completion."""
    magics = KjobMagics(shell, SESSION)
    KjobMagics.line.__doc__ = f"{LINE_HELP}\n\n{grammar.verbs_help('%kjob')}"
    KjobMagics.cell.__doc__ = f"{CELL_HELP}\n\n{grammar.cell_parser().format_help()}"
    shell.register_magics(magics)
    unload_completion(shell)
    shell.Completer.custom_matchers.append(completion.matcher(shell, verbs.known_names))


def unload_completion(shell: Any) -> None:
    """Take our matcher out, so that %reload_ext has one, not two."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != "kjnb"]


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext kjnb`: as if it had not been loaded; runs go on."""
    unload_completion(shell)
    shell.magics_manager.magics["line"].pop("kjob", None)
    shell.magics_manager.magics["cell"].pop("kjob", None)


LINE_HELP = """Look at and steer runs: `%kjob VERB [NAME] [options]`.

A bare whole number is a completion index; a run's name contains a letter. Without NAME a verb means the run that this
notebook launched or attached last, and the answer names it."""

CELL_HELP = """Run this cell once for each partition of a frame, as a Kubernetes Indexed Job: `%%kjob FRAME [options]`.

FRAME is any Python expression, unquoted: `%%kjob flights[flights.month == 1] --by carrier`. In the body `part` is the
partition, `index` its number and `completions` how many there are. The value of the last line is the result of the
partition; assignments do not come back. The cell is over at once: the Run is in `_kjob`, the view below moves on while
other cells run, and `--result NAME` waits and binds the whole result."""
