import json

import pytest

from kjnb.model.state import State
from kjnb.view import chart
from kjnb.view.chart_map import colour_scale
from kjnb.view.mosaic import LEVELS, whole
from kjnb.view.theme import COLOURS
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
    assert len(drawn(state).data) == 14


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
    said = [f"{grid.text[i]} · {grid.customdata[i]}" for i in range(7)]
    assert said[0] == "index 0 · carrier A · succeeded"
    assert said[1] == "index 1 · carrier B · failed · attempt 2 · KeyError: &lt;b&gt;"
    assert said[4] == "index 4 · carrier E · retrying · KeyError: 'carier', line 2"
    assert said[6] == "index 6 · carrier &lt; · queued"
    assert drawn(run(3, *pods("0:Failed 0:Succeeded"))).data[0].customdata[0] == "succeeded · attempt 2"


def test_the_map_holds_one_cell_an_index():
    grid = drawn(busy()).data[0]
    assert [code // LEVELS for code in grid.z] == [4, 5, 2, 1, 3, 0, 0]
    assert (grid.x.tolist(), set(grid.y.tolist())) == ([*range(7)], {0})
    assert grid.xgap == 2
    last = drawn(run(90)).data[0]
    assert (last.x[-1], last.y[-1], len(last.z), last.text[-1]) == (9, 2, 90, "index 89")


def test_the_colour_of_a_whole_cell_does_not_blend():
    scale = colour_scale()
    assert (scale[0][0], scale[-1][0]) == (0, 1)
    assert [edge for edge, _ in scale] == sorted(edge for edge, _ in scale)
    for one in State:
        place = (one * LEVELS + LEVELS - 0.5) / (len(State) * LEVELS)
        below = max(i for i, (edge, _) in enumerate(scale) if edge <= place)
        assert scale[below][1] == scale[below + 1][1] == COLOURS[one]


@pytest.mark.parametrize("count", [1, 5, 120, 2000, 20_000])
def test_any_number_of_indexes_fits(count):
    state = run(count, *(pod(i, "Succeeded") for i in range(0, count, 9)))
    figure = drawn(state, START + count)
    assert 250 < figure.layout.height < 600
    rows, width = int(figure.data[0].y[-1]) + 1, whole(count).width
    assert len(figure.data[0].z) == len(figure.data[0].text) == whole(count).cells
    assert whole(count).cells <= rows * width < whole(count).cells + width
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


def trace(figure, name):
    return next(one for one in figure.data if one.name and one.name.startswith(name))


def even(done, completions, **more):
    """A run of which `done` indexes took 1, 2, 3, 1, 2, 3 … seconds, two at a time."""
    facts = [account(i, "succeeded", start=START + i, end=START + i + 1 + i % 3) for i in range(done)]
    return run(completions, job(parallelism=2), *facts, **more)


def test_the_expected_end_is_a_fan_from_now():
    state = even(12, 40)
    line = timeline(state, START + 15)
    fan = trace(chart.figure(state, line), "end expected in ")
    assert fan.name == "end expected in 26 s to 37 s"
    assert fan.x.tolist() == [15, pytest.approx(15 + line.band[0]), pytest.approx(15 + line.band[1]), 15]
    assert fan.y.tolist() == [12, 40, 40, 12]
    assert chart.figure(state, line).layout.xaxis2.range[1] == pytest.approx(2 * 15 * 1.01), (
        "no more than what has been"
    )
    alike = run(40, job(parallelism=2), *(account(i, "succeeded", start=START, end=START + 9) for i in range(9)))
    assert trace(drawn(alike), "end expected").name.count(" to ") == 0
    assert not any(one.name.startswith("end expected") for one in drawn(run(9)).data if one.name)


def test_long_times_are_told_in_their_unit():
    done = trace(drawn(even(5, 40), START + 7200), "completed")
    assert done.hovertemplate == "%{y:,} completed after %{x:.3~g} min<extra></extra>"
    assert done.x[-1] == 120


def test_attempts_are_bars_beside_the_names_of_several_nodes():
    facts = [
        pod(i, "Succeeded", node=node, started=START) for i, node in enumerate(("n1", "n1", "a-very-long-node-name<"))
    ]
    figure = drawn(run(9, job(), *facts))
    bars = trace(figure, "attempts")
    assert (bars.y.tolist(), bars.marker.color.tolist()) == ([0, 1, 2], [4, 4, 4])
    assert figure.layout.yaxis3.ticktext == ("…e-name&lt;", "n1")
    assert figure.layout.xaxis3.title.text == "since the start"
    assert not figure.layout.xaxis2.showticklabels
    assert drawn(run(9, job(), *facts[:1])).layout.yaxis3.title.text == "pods"
    nothing = drawn(run(9))
    assert not nothing.layout.yaxis3.visible
    assert nothing.layout.xaxis2.title.text == "since the start"


def test_a_straggler_has_a_line_around_its_bar_and_a_ring_on_the_map():
    state = even(12, 40)
    quick = [account(i, "succeeded", start=START + i, end=START + i + 1) for i in range(12)]
    late = run(40, job(parallelism=2), *quick, pod(20, "Running", created=START, started=START))
    figure = drawn(late, START + 60)
    assert (figure.data[2].x.tolist(), figure.data[2].y.tolist()) == ([20], [0])
    bars = trace(figure, "attempts")
    assert sum(bars.marker.line.width) == 2
    assert not len(drawn(state, START + 15).data[2].x)


def test_failed_cells_are_crossed_where_there_is_room():
    assert drawn(run(90, *pods("41:Failed"), job(failed="41"))).data[1].x.tolist() == [1]
    assert not len(drawn(run(4_000, *pods("41:Failed"), job(failed="41"))).data[1].x)


def test_a_block_says_what_is_in_it():
    facts = [*(pod(i, "Succeeded") for i in range(7)), *pods("7:Running 8:Failed"), job(failed="8")]
    grid = drawn(run(10_000, *facts), labels=[f"<{i}>" for i in range(10_000)]).data[0]
    assert grid.text[0] == "indexes 0-19 · &lt;0&gt; … &lt;19&gt;"
    assert grid.customdata[0] == "7, 1, 1"
    assert grid.hovertemplate.startswith("%{text} · of 20 done, running, failed: %{customdata}")
    assert drawn(run(10_000)).data[0].text[0] == "indexes 0-19"


def test_the_map_of_one_block_shows_its_indexes():
    state = run(10_000, *pods("4321:Failed 7:Failed"), account(4321), job(failed="7,4321"))
    window = whole(10_000).into(216)
    shown = chart.draw(state, timeline(state, START + 3), window, chart.names(window, None))
    grid = shown.traces[0]
    assert grid["text"].tolist() == [f"index {i}" for i in range(4320, 4340)]
    assert grid["customdata"][1] == "failed · KeyError: 'carier', line 2"
    assert shown.traces[1]["x"].tolist() == [1]
    assert shown.layout["yaxis"]["ticktext"] == ["4,320"]
