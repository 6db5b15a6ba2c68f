"""The launcher's pieces of HTML. Names, frames, code and errors are data: each is escaped here, where it enters."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kjnb.model.state import State
from kjnb.view.theme import COLOURS, FONT, INK, WIDTH

WRONG = COLOURS[State.FAILED]
STYLE = f"""<style>
.kjnb-launcher {{ max-width: {WIDTH}px; font-family: {FONT}; }}
.kjnb-launcher .widget-html, .kjnb-launcher .widget-html-content {{ height: auto; min-width: 0; line-height: 1.4 }}
.kjnb-launcher .widget-html-content {{ flex: 1 1 auto; overflow: hidden; white-space: normal; width: 100% }}
.kjnb-launcher .kjnb-help {{ color: {INK}; font-size: 11px; line-height: 1.3 }}
.kjnb-launcher .kjnb-wrong {{ color: {WRONG}; font-size: 12px; line-height: 1.3 }}
.kjnb-launcher .kjnb-quiet {{ color: {INK} }}
.kjnb-launcher pre {{ background: rgba(128,136,148,0.13); border-radius: 4px; padding: 7px 10px; margin: 2px 0 6px;
  font-size: 12px; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; color: inherit }}
.kjnb-launcher ul {{ margin: 2px 0; padding-left: 20px }}
.kjnb-launcher .kjnb-outcome table {{ font-size: 12px }}
.jp-OutputArea:has(.kjnb-launcher) .kjnb-launcher-static {{ display: none }}
</style>"""
NO_ORPHAN = """<style>
.jp-OutputArea:has(.kjnb-launcher-static) > .jp-OutputArea-child > .lm-Panel:not(:has(*)) { display: none }
</style>"""


class Word(NamedTuple):
    """A sentence of advice, and whether it is a warning."""

    text: str
    warns: bool


def label(name: str, help_text: str, sentence: str = "") -> str:
    """A field's label, and what it means below it in small letters; instead what is wrong with it, if something is."""
    below = wrong(sentence) or f"<span class='kjnb-help'>{escaped(help_text)}</span>"
    return f"<b>{escaped(name)}</b><br>{below}"


def wrong(sentence: str) -> str:
    """What is wrong, in one line; nothing for nothing."""
    return f"<span class='kjnb-wrong'>{escaped(one_line(sentence))}</span>" if sentence else ""


def quiet(*sentences: str) -> str:
    """Sentences a line each, in the ink of what is only to be known."""
    return "<br>".join(f"<span class='kjnb-quiet'>{escaped(one)}</span>" for one in sentences if one)


def advice(words: Sequence[Word]) -> str:
    """What is unwise, a point each, warnings said as such; "" if there is nothing."""
    points = [f"<li>{'<b>warning:</b> ' if one.warns else ''}{escaped(one.text)}</li>" for one in words]
    return f"<b>Advice</b><ul>{''.join(points)}</ul>" if points else ""


def code(title: str, text: str) -> str:
    """Code under a title."""
    return f"<b>{escaped(title)}</b>{block(text)}"


def block(text: str) -> str:
    """Text as it is, line by line."""
    return f"<pre>{escaped(text)}</pre>"


def outcome(title: str, lines: Iterable[str], *, bad: bool = False) -> str:
    """What came of a button: a heading and its lines."""
    head = f"<b class='{'kjnb-wrong' if bad else ''}'>{escaped(title)}</b>"
    return "<br>".join([head, *(escaped(line) for line in lines if line)])


def static(line: str, cell: str) -> str:
    """What stands in a saved notebook: how to have the launcher again, and the cell that it wrote."""
    again = f"The launcher: <code>{escaped(line)}</code> shows it again. What it said:"
    return f"{NO_ORPHAN}<div class='kjnb-launcher-static'>{again}<pre>{escaped(cell)}</pre></div>"


def one_line(text: str) -> str:
    """Several lines as one."""
    return "; ".join(filter(None, (line.strip() for line in text.splitlines())))


def escaped(text: str) -> str:
    """Text for HTML, in any place of it."""
    return html.escape(text)
