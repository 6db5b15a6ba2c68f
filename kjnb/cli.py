"""The command line: `kjnb VERB …` with the verbs of %kjob, and `kjnb cluster …` for the embedded cluster.

Every outcome is a line and an exit code: 0 done, 1 it failed, 2 it was not understood, 130 looked away with Ctrl-C.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import kjnb
from kjnb import grammar, phrases
from kjnb.connect import SESSION, embedded_cluster, home, no_home
from kjnb.errors import KjnbError, RunNotFound, UsageError, without_ours

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Do one command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return command(words)
    except (UsageError, RunNotFound) as error:
        return _complain(error, MISUSED)
    except KjnbError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe went away
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _complain(error: KjnbError, code: int) -> int:
    print(f"error: {phrases.sentence(error, 'kjnb')}", file=sys.stderr)
    return code


def command(words: list[str]) -> int:
    """The program named by the first word, given the others."""
    first = words[0] if words else "--help"
    if first in ("-h", "--help", "help"):
        print(overview())
        return DONE
    if first in ("-V", "--version", "version"):
        print(f"kjnb {kjnb.__version__}")
        return DONE
    if first in PROGRAMS:
        return PROGRAMS[first](words[1:])
    if first not in grammar.VERBS:
        known = [*PROGRAMS, *grammar.VERBS]
        raise UsageError(f"kjnb has no verb {first!r}", fix=grammar.nearest(first, known, f"it has {', '.join(known)}"))
    return verb(words)


def overview() -> str:
    """What can be typed."""
    return "\n".join(
        [
            "kjnb: a DataFrame through a Kubernetes Indexed Job and back.",
            "",
            *(f"  {line}" for line in PROGRAM_HELP.values()),
            "",
            grammar.verbs_help("kjnb"),
        ]
    )


def verb(words: list[str]) -> int:
    """One of the verbs that notebooks have, too."""
    from kjnb import verbs

    ask = grammar.read_verb(words, "kjnb")
    if ask.options.help:
        print(ask.parser.format_help().rstrip())
        return DONE
    answer = debugged(ask) if ask.verb.name == "debug" else verbs.answer(ask, SESSION)
    if answer is None:
        return FAILED
    if answer.text:
        print(answer.text)
    if answer.value is not None:
        print(answer.value.to_string() if hasattr(answer.value, "to_string") else answer.value)
    if answer.view:
        from kjnb.bar import follow

        return follow(answer.run)
    if answer.form is not None:
        print("The launcher is a form in a notebook: %kjob launcher there. In a script: kjnb.launch(fn, frame).")
    if ask.verb.name == "use" and ask.name:
        print(f"For this shell: export KJNB_CLUSTER={ask.name}")
    return DONE


def debugged(ask: grammar.Ask) -> Any:
    """Answer `debug`; None when the task failed here, too: its traceback is shown from its own first line on."""
    from kjnb import verbs

    try:
        return verbs.answer(ask, SESSION)
    except KjnbError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's own task
        own = without_ours(error.__traceback__)
        shown = traceback.format_exception(type(error), error, own, chain=False)
        print("".join(shown).rstrip(), file=sys.stderr)
        return None


# ---------------------------------------------------------------- the embedded cluster


def cluster_parser(action: str) -> grammar.Parser:
    """The parser of `kjnb cluster ACTION`."""
    parser = grammar.Parser(
        f"kjnb cluster {action}", f"{CLUSTER[action][1]}. Its state lies under KJNB_HOME ({home()})."
    )
    if action == "start":
        parser.add_argument(
            "--backoff-base",
            type=float,
            metavar="S",
            help="seconds before an index is tried again; doubled each time",
        )
    if action in ("start", "kubeconfig"):
        parser.add_argument("--kubeconfig", metavar="FILE", help="write the kubeconfig to this file, too")
    return parser


def cluster(words: list[str]) -> int:
    """`kjnb cluster start | stop | status | kubeconfig`."""
    action = words[0] if words else "status"
    if action in ("-h", "--help"):
        print("\n".join(f"  kjnb cluster {name.ljust(10)}  {words}" for name, (_, words) in CLUSTER.items()))
        return DONE
    if action not in CLUSTER:
        fix = grammar.nearest(action, CLUSTER, f"it has {', '.join(CLUSTER)}")
        raise UsageError(f"kjnb cluster has no {action!r}", fix=fix)
    read = cluster_parser(action).read(words[1:])
    if read.help:
        print(cluster_parser(action).format_help().rstrip())
        return DONE
    return CLUSTER[action][0](read)


def cluster_start(said: Any) -> int:
    """Start it if it does not run."""
    embedded = embedded_cluster()
    more = {} if said.backoff_base is None else {"backoff_base": said.backoff_base}
    if more:
        check_backoff(said.backoff_base, running=embedded.status(home())["running"])
    try:
        path = embedded.start(home(), **more)
    except embedded.StartError as error:
        raise KjnbError(str(error), fix="its log says why") from None
    except OSError as error:
        raise no_home(error) from None
    _copy(path, said.kubeconfig)
    print(f"The embedded cluster runs.\n  export KUBECONFIG={said.kubeconfig or path}")
    return DONE


def check_backoff(seconds: float, *, running: bool) -> None:
    """Refuse a back-off that is no time, or that a running cluster would not take up."""
    if not 0 < seconds < math.inf:
        raise UsageError(f"--backoff-base must be seconds, more than 0, {seconds:g} was given", fix="--backoff-base 10")
    if running:
        what = "the embedded cluster runs already, with the back-off that it was started with"
        raise UsageError(what, fix=f"kjnb cluster stop, then kjnb cluster start --backoff-base {seconds:g}")


def cluster_stop(_: Any) -> int:
    """Stop it."""
    print("The embedded cluster is stopped." if embedded_cluster().stop(home()) else "No embedded cluster runs here.")
    return DONE


def cluster_status(_: Any) -> int:
    """Whether it runs: exit code 0 if so, else 1."""
    status = embedded_cluster().status(home())
    if not status["running"]:
        print("No embedded cluster runs here.  kjnb cluster start")
        return FAILED
    print("The embedded cluster runs.")
    print("\n".join(f"  {key.ljust(11)} {value}" for key, value in status.items() if key != "running"))
    return DONE


def cluster_kubeconfig(said: Any) -> int:
    """The path of its kubeconfig."""
    if not embedded_cluster().status(home())["running"]:
        raise KjnbError("no embedded cluster runs here", fix="kjnb cluster start")
    path = embedded_cluster().kubeconfig(home())
    _copy(path, said.kubeconfig)
    print(said.kubeconfig or path)
    return DONE


def _copy(path: Any, target: str | None) -> None:
    """The kubeconfig holds a credential: the copy is readable by its owner only from its first byte."""
    if not target:
        return
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            os.fchmod(out.fileno(), 0o600)
            out.write(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--kubeconfig {target}: {error.strerror}", fix="name a file that can be written") from None


CLUSTER: dict[str, tuple[Callable[[Any], int], str]] = {
    "start": (cluster_start, "Start the embedded cluster; it serves all notebooks and outlives them"),
    "stop": (cluster_stop, "Stop the embedded cluster and its pods"),
    "status": (cluster_status, "Whether it runs, and where"),
    "kubeconfig": (cluster_kubeconfig, "The path of its kubeconfig, for kubectl and other clients"),
}


def demo(words: list[str]) -> int:
    """`kjnb demo`: the quickstart in this terminal."""
    from kjnb import demo as quickstart

    return quickstart.main(words)


PROGRAMS: dict[str, Callable[[list[str]], int]] = {"demo": demo, "cluster": cluster}
PROGRAM_HELP = {
    "demo": f"{'kjnb demo'.ljust(53)}the quickstart from start to report, in this terminal",
    "cluster": f"{('kjnb cluster ' + ' | '.join(CLUSTER)).ljust(53)}the embedded cluster, no Kubernetes needed",
}
