"""Tab offers what can stand there, in IPython's own completer, and nothing else beside it."""

import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter

from kjnb.jupyter import completion
from tests.shells import own_shell


@pytest.fixture
def complete():
    with own_shell() as shell:
        flights = pd.DataFrame({"carrier": ["AA"], "month": [1], "origin": ["JFK"]})
        shell.user_ns |= {"flights": flights, "fleet": flights, "number": 7, "_hidden": flights}
        names = ["flights-1a2b3c", "sweep-4d5e6f"]
        shell.Completer.custom_matchers.append(completion.matcher(shell, lambda: names))

        def texts(text: str, cursor: int | None = None) -> list[str]:
            with provisionalcompleter():
                found = shell.Completer.completions(text, len(text) if cursor is None else cursor)
                return [one.text for one in found]

        yield texts


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("%kjob sta", ["status"]),
        ("%kjob st", ["status", "stop"]),
        ("value = %kjob res", ["result", "resume"]),
        ("%kjob sc", ["scale"]),
        ("%kjob status f", ["flights-1a2b3c"]),
        ("%kjob logs sweep-4d5e6f --at", ["--attempt"]),
        ("%kjob use lo", ["local"]),
        ("%kjob launcher fl", ["fleet", "flights"]),
        ("%%kjob fl", ["fleet", "flights"]),
        ("%%kjob flights --pa", ["--parallelism", "--partitions"]),
        ("%%kjob flights --by c", ["carrier"]),
        ("%%kjob flights --by carrier,o", ["origin"]),
        ("%%kjob flights[flights.month == 1] --by m", ["month"]),
        ("%%kjob flights --memory 1Gi --fr", ["--fresh"]),
        ("%%kjob flights --tr", ["--trial"]),
        ("%%kjob flights --share fle", ["fleet"]),
    ],
)
def test_tab(complete, text, offered):
    assert complete(text) == offered


def test_tab_in_the_first_line_of_a_cell_with_a_body(complete):
    first = "%%kjob flights --partiti"
    assert complete(f"{first}\npart.describe()", len(first)) == ["--partitions"]


def test_all_verbs_are_offered(complete):
    from kjnb import grammar

    assert complete("%kjob ") == list(grammar.VERBS)


def test_python_is_completed_as_ever_inside_the_frame_expression(complete):
    assert any("month" in text for text in complete("%%kjob flights[flights.mon"))


def test_other_lines_are_left_alone(complete):
    assert "status" not in complete("sta")
    assert "--partitions" not in complete("x = 1\n%%kjob flights --part")
