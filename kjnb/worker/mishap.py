"""What went wrong in an attempt, in words: error, traceback, the user's line, the group it falls in, the exit code.

Loaded when something goes wrong: a pod that succeeds does not pay for it. This file is copied into the stage next to
the worker and imports nothing of kjnb.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any

FAILED = 1
FATAL = 88  # trying this index again would end the same way
NOT_RETRIED = (NameError, AttributeError, TypeError, KeyError, ImportError, SyntaxError)


def own_frames(error: BaseException | None, sources: Mapping[str, str], src: str) -> list[traceback.FrameSummary]:
    """The frames of the user's own code: the cell, the function, the shipped modules."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    return [f for f in frames if f.filename in sources or f.filename.startswith(src + os.sep)]


def hide_ours(error: BaseException, ours: Collection[str]) -> None:
    """Drop the worker's frames from the head of the traceback and of those it came from."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = _user_part(one.__traceback__, ours)
        waiting += [one.__cause__, one.__context__]


def _user_part(trace: TracebackType | None, ours: Collection[str]) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    return trace


def describe(error: BaseException, sources: Mapping[str, str], src: str, ours: Collection[str]) -> dict[str, Any]:
    """An error as it stands in the account, without the frames of the files `ours`.

    Its type, message and traceback, the user's line and the group it falls in.
    """
    hint = _hint(error)
    hide_ours(error, ours)
    own = own_frames(error, sources, src)
    line, text = (own[-1].lineno, own[-1].line) if own else (None, "")
    if isinstance(error, SyntaxError) and not own:
        line, text = error.lineno, (error.text or "").strip()
    message = _message(error)
    first = message.strip().partition("\n")[0][:100]
    if not isinstance(error, SystemExit | BaseExceptionGroup):  # theirs is a code or a count: it tells them apart
        first = re.sub(r"(?<!\[Errno )(?<!\d)(?:0x[0-9a-f]+|\d+)", "#", first)
    group = f"{type(error).__name__}: {first}" if first else type(error).__name__
    chain = own_frames(error.__cause__ or error.__context__, sources, src)  # how a library came to it is of no use
    shown = "".join(traceback.format_exception(error, chain=bool(chain))) + (f"-> {hint}\n" if hint else "")
    return {
        "type": type(error).__name__,
        "message": message,
        "traceback": shown,
        "line": line,
        "source": text or "",
        "group": group + (f", line {line}" if line else ""),
        "hint": hint,
    }


def _message(error: BaseException) -> str:
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()  # half a character cannot be written anywhere
    except Exception:  # noqa: BLE001 - the user's own __str__
        return "(its message cannot be shown)"


def _hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"install {error.name} where the pods run, or keep the module beside the notebook"
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, str):
        return f"if the notebook has this file, ship it: --file {error.filename}"
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, KeyError) and frames and frames[-1].filename in (os.__file__, "<frozen os>") and error.args:
        return f"if the notebook has this variable, pass it on: --env {error.args[0]}"
    return ""


def exit_code(error: BaseException, retry_on: tuple[str, ...], reserved: Collection[int]) -> int:
    """1 for what may be tried again, FATAL for what would end the same way, the user's own code after sys.exit.

    A code of the user's that is `reserved` would mean something else: it becomes 1.
    """
    if isinstance(error, SystemExit):
        code = error.code & 255 if isinstance(error.code, int) else FAILED
        return FAILED if code in reserved else code
    names = {name for kind in type(error).__mro__ for name in (kind.__name__, f"{kind.__module__}.{kind.__qualname__}")}
    retried = bool(names & set(retry_on))
    return FATAL if isinstance(error, NOT_RETRIED) and not retried else FAILED
