"""The launcher: a form that writes a `%%kjob` cell and runs it. It does nothing that the cell does not.

One thread looks at what the form says, a moment after it says something else, and shows what would come of it; each
button works in a thread of its own. So no click waits for a frame to be planned, and none for a cell that computes
where the page has subshells. All of them touch the widgets in the widgets' own context, one at a time.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle

from kjnb import grammar, phrases
from kjnb.connect import SESSION, Session, targets
from kjnb.errors import DataError, KjnbError, TaskError
from kjnb.jupyter import cells, frontend
from kjnb.jupyter.monitor import monitor
from kjnb.model import form as forms
from kjnb.model.advice import Level
from kjnb.model.form import Form
from kjnb.model.partition import Partitions, describe
from kjnb.run.dryrun import rehearsed
from kjnb.run.handle import Run
from kjnb.run.launch import submit, tried
from kjnb.run.preview import Preview, previewed
from kjnb.run.wanted import decide
from kjnb.task import notebook
from kjnb.view import labels, launching, sizes

PAUSE = 0.3  # seconds without a change before the form is looked at
NO_PAGE = "the launcher needs a page that runs widgets, like JupyterLab or Notebook 7; here write the cell yourself: "
NO_PAGE += "%%kjob {frame} --partitions 8, and below it what is done with `part` (%%kjob? lists the options)"


@dataclass
class Seen:
    """What came of a look at a form: what is wrong with it, by field; the plan; what a launch would choose."""

    wrong: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    parts: Partitions | None = None
    preview: Preview | None = None


def look(form: Form, names: dict[str, Any], session: Session) -> Seen:
    """Look at a form without touching anything: what cannot be read is left out, so that the rest is seen."""
    seen = Seen(forms.problems(form, os.environ))
    if form.frame.isidentifier() and form.frame not in names:
        seen.wrong["frame"] = f"{form.frame} is not in this notebook any more: choose a frame"
    shown = forms.readable(form, seen.wrong)
    if shown is None:
        return seen
    try:
        cell = planned(shown, names, session)
    except TaskError as error:
        seen.wrong["body"] = phrases.sentence(error, "%kjob")
        cell = planned(replace(shown, body=forms.STAND_IN), names, session)
    seen.parts = cell.parts
    seen.preview = previewed(*cell, shown.name.strip() or None)
    return seen


def planned(form: Form, names: dict[str, Any], session: Session) -> cells.Cell:
    """The launch that the form's cell would make; nothing is created."""
    assert form.body is not None
    line = forms.cell_line(form).removeprefix("%%kjob ")
    return cells.planned_cell(grammar.read_cell(line), form.body.source, names, session)


class Launcher:
    """A shown launcher. `form` is what it says; `close()` ends it."""

    def __init__(self, shell: Any, session: Session, frame: str = "") -> None:
        self._shell, self._session, self._frame = shell, session, frame
        self._wake, self._over, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self._cell = contextvars.copy_context()  # where the monitor goes: under this cell
        self._context = frontend.widget_context()
        self._static: Any = None
        self._said = ""
        self._refused = False
        self._thread = threading.Thread(target=self._follow, name="kjnb-launcher", daemon=True)
        self.fields: Any = None

    def _ipython_display_(self) -> None:
        """It is shown already; standing last in a cell it is not shown twice."""

    @property
    def form(self) -> Form:
        """What the fields say now."""
        said: Form = self.fields.form()
        return said

    def show(self) -> Launcher:
        """Display it under the current cell, and look at what it says from now on."""
        from kjnb.jupyter.fields import Fields

        self.fields = self._context.copy().run(Fields, self._frame, self._session.target, targets())
        self._offer()
        self.fields.observe(self._changed)
        for name, press in (("trial", self._trial), ("dry_run", self._dry_run), ("launch", self._launch)):
            self.fields.buttons[name].on_click(lambda _, name=name, press=press: self._press(name, press))
        DisplayHandle().display(self.fields.bundle(), raw=True)
        self._write(self.form)
        self._shell.events.register("post_run_cell", self._ran)
        self._wake.set()
        self._thread.start()
        return self

    def close(self) -> None:
        """Look no more, and take the widgets away."""
        self._over.set()
        self._wake.set()
        self._shell.events.unregister("post_run_cell", self._ran)
        self._in_page(self.fields.box.close)

    # ---- one thread that looks

    def _changed(self, _: Any) -> None:
        if threading.current_thread() is not self._thread:
            self._wake.set()

    def _ran(self, *_: Any) -> None:
        """A cell ran: frames, functions and the history may be others."""
        self._wake.set()

    def _follow(self) -> None:
        while not self._over.is_set():
            self._wake.wait()
            while self._wake.is_set():
                self._wake.clear()
                self._wake.wait(PAUSE)
            if not self._over.is_set() and not self.fields.hidden:
                self._look()

    def _look(self) -> None:
        """Look at the form and show what is seen; whatever goes wrong is a line, and the next look is another."""
        self._offer()
        form = self.form
        try:
            seen = look(form, self._shell.user_ns, self._session)
        except KjnbError as error:
            seen = Seen(forms.problems(form, os.environ), phrases.sentence(error, "%kjob"))
        except Exception as error:  # noqa: BLE001 - the notebook's own frame, in whatever state
            seen = Seen(forms.problems(form, os.environ), f"{type(error).__name__}: {error}")
        self._in_page(self._show, form, seen)
        self._write(form)

    def _offer(self) -> None:
        names = self._shell.user_ns
        columns = getattr(names.get(self.form.frame), "columns", ())
        offered = notebook.frames(names), notebook.bodies(names), [one for one in columns if forms.can_be_said(one)]
        self._in_page(self.fields.offer, *offered)

    def _show(self, form: Form, seen: Seen) -> None:
        fields = self.fields
        fields.arrange()
        fields.complain(seen.wrong)
        fields.say(code=written(form))
        if self._refused and not seen.wrong:
            self._refused = False
            fields.tell("")
        if seen.trouble:
            fields.say(plan=launching.wrong(seen.trouble))
        if seen.parts is not None and seen.preview is not None:
            plan, preview = seen.parts.plan, seen.preview
            named = labels.labels(seen.parts.table()) if len(seen.parts) <= sizes.MOST_BARS else None
            words = f"{describe(seen.parts)}; {sizes.skew_words(plan.sizes)}"
            fields.draw(plan.sizes, named, launching.quiet(words, preview.chosen, *plan.notes))
            told = [(phrases.spoken(str(one), "%kjob"), one.level == Level.WARNING) for one in preview.advice]
            advice = launching.advice([launching.Word(*word) for word in told])
            fields.say(advice=advice, yaml=launching.block(preview.yaml))

    def _write(self, form: Form) -> None:
        """Keep what a saved notebook shows of it true."""
        text, line = forms.cell(form), f"%kjob launcher {form.frame}".strip()
        if text == self._said:
            return
        self._said = text
        data = {"text/plain": f"{line}\n\n{text}", "text/html": launching.static(line, text)}
        if self._static is None:
            self._static = DisplayHandle()
            self._static.display(data, raw=True)
        else:
            self._static.update(data, raw=True)

    def _in_page(self, function: Callable[..., Any], *args: Any) -> None:
        """Do something with the widgets: in their context, one thread at a time."""
        with self._lock:
            self._context.copy().run(function, *args)

    # ---- the buttons, each in a thread of its own

    def _press(self, name: str, press: Callable[[cells.Cell, Form], None]) -> None:
        button = self.fields.buttons[name]
        self._in_page(setattr, button, "disabled", True)

        def work() -> None:
            try:
                self._act(press)
            finally:
                self._in_page(setattr, button, "disabled", False)

        threading.Thread(target=work, name=f"kjnb-launcher-{name}", daemon=True).start()

    def _act(self, press: Callable[[cells.Cell, Form], None]) -> None:
        form = self.form
        wrong = forms.problems(form, os.environ)
        if wrong:
            self._refused = True
            self._tell("not yet:", forms.complaints(wrong), bad=True)
            return
        try:
            press(planned(form, self._shell.user_ns, self._session), form)
        except KjnbError as error:
            self._tell(type(error).__name__, phrases.paragraph(error, "%kjob").splitlines(), bad=True)
        except Exception as error:  # noqa: BLE001 - the notebook's own frame, or anything else: said, and on it goes
            self._tell(type(error).__name__, str(error).splitlines(), bad=True)

    def _tell(self, title: str, lines: Any = (), *, bad: bool = False) -> None:
        self._in_page(self.fields.tell, launching.outcome(title, lines, bad=bad))

    def _bind(self, run: Run) -> None:
        self._shell.user_ns["_kjob"] = run
        self._session.last_run = run.name

    def _launch(self, cell: cells.Cell, form: Form) -> None:
        self._tell("launching …")
        run = submit(*cell, name=form.name.strip() or None)
        self._bind(run)
        notes = [phrases.spoken(note, "%kjob", run.name) for note in run.notes]
        self._tell(f"{run.name} is in `_kjob`; %kjob watch {run.name} shows it", notes)
        self._cell.copy().run(monitor, run)

    def _trial(self, cell: cells.Cell, form: Form) -> None:
        def say(run: Run) -> None:
            self._bind(run)
            self._tell(f"trial: {run.name} runs; %kjob watch {run.name} shows it")

        trial = tried(*cell, True, name=form.name.strip() or None, fresh=False, say=say)
        value = repr(trial.value)
        shown = value if len(value) <= 2_000 else f"{value[:2_000]} …"
        told = launching.outcome(f"trial: {trial.run.name}", trial.text.splitlines())
        self._in_page(self.fields.tell, told + launching.block(shown))

    def _dry_run(self, cell: cells.Cell, form: Form) -> None:
        self._tell("asking the cluster …")
        answer = rehearsed(decide(*cell, form.name.strip() or None))
        lines = [phrases.spoken(line, "%kjob", answer.name) for line in answer.sentences[1:]]
        self._tell("dry run: nothing was created", lines, bad=not answer.accepted)


def written(form: Form) -> str:
    """The form as a cell and as a call."""
    return launching.code("The same as a cell", forms.cell(form)) + launching.code("as a call", forms.call(form))


def launcher(df: Any = None) -> Launcher | None:
    """Show a form that launches: `df` is a frame or Partitions of the notebook, or chosen there.

    It shows the `%%kjob` cell and the call that do the same. Where no page runs widgets it prints what to type
    instead, and gives None. Raises DataError for a frame that the notebook has no name for.
    """
    shell = get_ipython()
    frame = ""
    if df is not None:
        frame = notebook.name_of(df, notebook.names())
        if not frame:
            fix = "small = flights[…]; kjnb.launcher(small), or %kjob launcher flights[…]"
            raise DataError("the launcher names its frame in a cell, and this one has no name here", fix=fix)
    return open_launcher(shell, SESSION, frame)


def open_launcher(shell: Any, session: Session, frame: str) -> Launcher | None:
    """Show a launcher over FRAME, any expression, or "" to choose one."""
    if not frontend.runs_widgets():
        print(NO_PAGE.format(frame=frame or "FRAME"))  # noqa: T201 - a terminal has only text
        return None
    return Launcher(shell, session, frame).show()
