import json

import pytest

from kjnb.view import chart
from kjnb.view.timeline import timeline
from tests.model.facts import START, account, job, pod, pods, run


def drawn(state, now=START + 20, labels=None):
    return chart.figure(state, timeline(state, now), labels)


def busy():
    facts = pods("0:Succeeded 1:Failed 1:Failed 2:Running 3:Pending 4:Failed")
    return run(7, job(failed="1"), *facts, account(1, attempt=2, group="KeyError: <b>"), account(4))


def shape(figure):
    return [(trace.type, trace.xaxis, trace.legend) for trace in figure.data]


@pytest.mark.parametrize("state", [run(1), busy(), run(300, *pods("7:Succeeded"))], ids=["nothing", "busy", "more"])
def test_the_traces_are_the_same_whatever_the_state(state):
    assert shape(drawn(state)) == shape(drawn(run(5)))
    assert len(drawn(state).data) == 10


def test_a_shown_figure_is_brought_up_to_date_in_place():
    shown, fresh = drawn(run(7)), drawn(busy())
    for old, new in zip(shown.data, fresh.data, strict=True):
        old.update(new.to_plotly_json(), overwrite=True)
    shown.update_layout(fresh.layout.to_plotly_json(), overwrite=True)
    assert json.loads(shown.to_json())["data"] == json.loads(fresh.to_json())["data"]


def test_the_legend_says_the_counts_of_states_that_occur():
    shown = [trace.name for trace in drawn(busy()).data if trace.showlegend]
    assert shown == ["1 succeeded", "1 running", "1 starting", "1 retrying", "1 failed", "2 queued"]


def test_the_mouse_finds_index_key_state_attempt_and_error():
    grid = drawn(busy(), labels=[f"carrier {c}" for c in "ABCDEF<"]).data[0]
    said = [f"{grid.customdata[0][i]} · {grid.text[0][i]}" for i in range(7)]
    assert said[0] == "index 0 · carrier A · succeeded"
    assert said[1] == "index 1 · carrier B · failed · attempt 2 · KeyError: &lt;b&gt;"
    assert said[4] == "index 4 · carrier E · retrying · KeyError: 'carier', line 2"
    assert said[6] == "index 6 · carrier &lt; · queued"
    assert drawn(run(3, *pods("0:Failed 0:Succeeded"))).data[0].text[0][0] == "succeeded · attempt 2"


def test_the_map_holds_one_cell_an_index():
    grid = drawn(busy()).data[0]
    assert [list(row) for row in grid.z] == [[4, 5, 2, 1, 3, 0, 0]]
    assert grid.xgap == 2
    last = drawn(run(90)).data[0].z[-1]
    assert list(last) == [0] * 10 + [None] * 30


def test_colours_do_not_blend():
    scale = chart.colour_scale()
    assert (scale[0][0], scale[-1][0]) == (0, 1)
    assert all(scale[i][1] == scale[i + 1][1] for i in range(0, len(scale), 2))


@pytest.mark.parametrize("count", [1, 5, 120, 2000, 20_000])
def test_any_number_of_indexes_fits(count):
    state = run(count, *(pod(i, "Succeeded") for i in range(0, count, 9)))
    figure = drawn(state, START + count)
    assert 250 < figure.layout.height < 600
    rows, width = len(figure.data[0].z), len(figure.data[0].z[0])
    assert count <= rows * width < count + width
    left, bottom = figure.layout.yaxis.domain[1] - figure.layout.yaxis.domain[0], chart.TOP + chart.BOTTOM
    cell = left * (figure.layout.height - bottom) / rows
    assert cell * width <= 900 - chart.LEFT - chart.RIGHT + 4  # a pixel of the whole height is rounded
    assert (figure.layout.xaxis.scaleanchor, figure.layout.xaxis.constrain) == ("y", "domain")
    assert len(figure.to_json()) < 60 * count + 60_000


@pytest.mark.parametrize(
    ("elapsed", "last"),
    [
        (0.1, "0.5 s"),
        (0.54, "0.5 s"),
        (1.3, "1.2 s"),
        (7, "7 s"),
        (75, "70 s"),
        (700, "10 min"),
        (7000, "105 min"),
        (100_000, "24 h"),
        (90 * 86400, "84 d"),
    ],
)
def test_the_time_axis_has_round_numbers(elapsed, last):
    axis = drawn(run(9, job()), START + elapsed).layout.xaxis2
    assert 1 <= len(axis.ticktext) <= 13
    assert axis.ticktext[-1] == last


def test_the_figure_of_a_run_in_the_middle(golden):
    golden("figure.json", json.dumps(json.loads(drawn(busy()).to_json()), indent=1, sort_keys=True) + "\n")
