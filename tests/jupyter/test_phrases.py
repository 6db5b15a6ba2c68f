"""What the Python interface says is said in a cell and in a terminal with what can be typed there."""

import inspect
import pathlib
import re
import shlex

import pytest

import kjnb
from kjnb import grammar, phrases
from kjnb.errors import KjnbError, RunFailed, UsageError


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("say partitions=8", "say --partitions 8"),
        (
            "pack whole groups together: partitions=100, by='key'",
            "pack whole groups together: --partitions 100 --by key",
        ),
        ("partitions=100, by=['a', 'b c']", "--partitions 100 --by 'a,b c'"),
        ("rows=10_000 is one", "--rows 10_000 is one"),
        ("say name='my-run'", "say --name my-run"),
        ("say env={'NAME': 'value'}", "say --env NAME=value"),
        ("say files=['data.csv']", "say --file data.csv"),
        ("say max_failed_indexes=2 or fewer", "say --max-failed-indexes 2 or fewer"),
        ("fresh=True (--fresh) runs it again", "--fresh runs it again"),
        ("kjnb.attach('a/b/c') comes back to it", "%kjob attach a/b/c comes back to it"),
        ("kjnb.use('local') needs no kubeconfig", "%kjob use local needs no kubeconfig"),
        ("kjnb.use('x', stage='/a')", "%kjob use x --stage /a"),
        ("kjnb.runs(all=True) lists them", "%kjob list --all lists them"),
        ("run.debug(3), run.logs(3), run.failures", "%kjob debug r 3, %kjob logs r 3, %kjob failures r"),
        ("or run.result(partial=True)", "or %kjob result r --partial"),
        ("run.stop(), then run.retry(image='r/n:1')", "%kjob stop r, then %kjob retry r --image r/n:1"),
        ("run.retry(cpu='1', memory='2Gi'), or less", "%kjob retry r --cpu 1 --memory 2Gi, or less"),
        ("run.retry() goes on; run.resume()", "%kjob retry r goes on; %kjob resume r"),
        ("run.scale(3)", "%kjob scale r 3"),
        ("kjnb.use(CONTEXT, namespace='NAME')", "%kjob use CONTEXT --namespace NAME"),
        ("run.retry() runs what failed again", "%kjob retry r runs what failed again"),
        ("run.retry(memory='1Gi') runs it", "%kjob retry r --memory 1Gi runs it"),
        ("run.retry(timeout=120) gives it", "%kjob retry r --timeout 120 gives it"),
        ("run.retry([7]) makes it", "%kjob retry r --indexes 7 makes it"),
        ("run.suspend() lets nothing run", "%kjob suspend r lets nothing run"),
        ("by: the frame has no column 'x'", "--by: the frame has no column 'x'"),
        ("files: there is no 'x'", "--file: there is no 'x'"),
        ("the value=3 and args={'z': 1} are no flags", "the value=3 and args={'z': 1} are no flags"),
    ],
)
def test_python_becomes_what_can_be_typed(said, typed):
    assert phrases.spoken(said, "%kjob", "r") == typed


def test_the_users_own_line_stays_as_it_is():
    error = UsageError("line 1: the name 'f' is not defined\n    f(by=3, rows=2)", fix="say rows=3")
    assert "f(by=3, rows=2) -> say --rows 3" in phrases.sentence(error, "%kjob")


def test_a_failed_run_is_named_to_the_command_line():
    error = RunFailed("r failed", fix="run.debug(2), or run.result(partial=True)", run="r")
    assert phrases.sentence(error, "kjnb") == "r failed -> kjnb debug r 2, or kjnb result r --partial"
    assert phrases.paragraph(error, "kjnb").splitlines()[1] == "  -> kjnb debug r 2, or kjnb result r --partial"
    assert phrases.sentence(error) == "r failed -> run.debug(2), or run.result(partial=True)"


def test_what_is_typed_instead_can_be_read():
    """Every `kjnb.call(...)` that a fix in the package speaks of becomes a line that the grammar reads."""
    sources = pathlib.Path(inspect.getfile(kjnb)).parent.rglob("*.py")
    fixes = {call for path in sources for call in re.findall(r"kjnb\.(?:attach|runs|use)\([^()]*\)", path.read_text())}
    assert fixes
    for call in fixes:
        quoted = re.sub(r"\{[^}]*\}", "'x'", call).replace('"', "'")
        typed = phrases.spoken(quoted, "kjnb")
        if typed != quoted:
            grammar.read_verb(shlex.split(typed)[1:], "kjnb")


def test_every_fix_of_a_diagnosis_can_be_typed():
    told = (pathlib.Path(__file__).parents[1] / "model" / "golden" / "diagnosis.txt").read_text()
    fixes = [line for line in told.splitlines() if line.startswith("  -> ")]
    assert len(fixes) > 34
    for fix in fixes:
        typed = phrases.spoken(fix, "%kjob", "r")
        assert not re.search(r"\brun\.\w+|\bkjnb\.\w+\(", typed), typed


@pytest.mark.parametrize("error", [KjnbError("a\n  b", fix="c"), UsageError("a; b.", fix="c")])
def test_an_error_is_one_line(error):
    assert phrases.sentence(error, "%kjob") == "a; b -> c"
