"""What a form says, read back: which fields are wrong, and the same launch as a cell and as a call."""

import pytest

from kjnb import grammar
from kjnb.model import form as forms
from kjnb.model.form import Body, Form
from kjnb.model.options import GROUPS, MORE, form_fields
from kjnb.model.spec import JobSpec

LATE = Body("late()", "late(part)", "late")
FULL = Form("flights", LATE)


def said(**settings):
    return Form("flights", LATE, settings=settings)


def test_every_field_of_a_spec_has_one_in_the_form():
    fields = {one.name: one for one in form_fields()}
    assert list(fields) == list(JobSpec.__dataclass_fields__)
    assert fields["memory"].placeholder == "from the largest partition"
    assert fields["active_deadline_seconds"].placeholder == "7 days"
    assert fields["backoff_limit_per_index"].help == "further attempts that a failed index has (0 to 98)"
    assert fields["env"].lines
    assert "a line each" in fields["env"].help
    assert (fields["cpu"].group, fields["image"].group) == (GROUPS["cpu"], MORE)
    assert set(GROUPS) <= set(fields)


@pytest.mark.parametrize(
    ("form", "field", "says"),
    [
        (Form(), "frame", "choose a frame"),
        (Form("flights"), "body", "choose a function"),
        (Form("flights", LATE, how="count"), "partitions", "a whole number is missing"),
        (Form("flights", LATE, how="rows", rows=" "), "rows", "a whole number is missing"),
        (Form("flights", LATE, how="rows", rows="0"), "rows", "rows must be a whole number of at least 1, 0 was given"),
        (Form("flights", LATE, how="count", partitions="many"), "partitions", "'many' was given"),
        (Form("flights", LATE, how="by"), "by", "choose one column"),
        (Form("flights", LATE, how="by", by=("x",), partitions="8.5"), "partitions", "'8.5' was given"),
        (Form("flights", LATE, name="Late"), "name", "say name='late'"),
        (said(cpu="a lot"), "cpu", "cpu must be cores, like 2, 0.5 or 500m, 'a lot' was given"),
        (said(parallelism="0"), "parallelism", "1 to 100,000"),
        (said(timeout="soon"), "timeout", "like 90s, 10m, 2h"),
        (said(env="A=1\nHERE"), "env", "'HERE' is not set here; say HERE=VALUE"),
        (said(env="1A=1"), "env", "NAME=VALUE"),
    ],
)
def test_what_cannot_be_read_is_a_line_beside_its_field(form, field, says):
    found = forms.problems(form, {})
    assert list(found) == [field, *(["body"] if form == Form() else [])]
    assert says in found[field]
    assert "\n" not in found[field]


def test_a_form_that_can_be_launched():
    assert forms.problems(FULL, {}) == {}
    assert forms.problems(said(env="HERE\n\n A=1 ", files="x.csv", memory=" "), {"HERE": "1"}) == {}
    assert forms.problems(Form("flights", LATE, how="rows", rows="5", partitions="many", name=" late "), {}) == {}


def test_complaints_name_their_field():
    assert forms.complaints({"rows": "a whole number is missing", "cpu": "cpu must be cores"}) == [
        "rows: a whole number is missing",
        "cpu must be cores",
    ]


@pytest.mark.parametrize(
    ("form", "line", "call"),
    [
        (Form(), "%%kjob ", "kjnb.launch(..., ...)"),
        (FULL, "%%kjob flights", "kjnb.launch(late, flights)"),
        (
            Form("flights", LATE, how="by", by=("carrier",), partitions="8", name="x", context="c", namespace="n"),
            "%%kjob flights --by carrier --partitions 8 --name x --context c --namespace n",
            (
                'kjnb.launch(\n    late,\n    flights,\n    by="carrier",\n    partitions=8,\n    name="x",\n'
                '    cluster=kjnb.connect("c", namespace="n"),\n)'
            ),
        ),
        (
            Form("f", LATE, how="by", by=("a b", 2013)),
            "%%kjob f --by 'a b' --by 2013",
            'kjnb.launch(late, f, by=["a b", 2013])',
        ),
        (Form("f", LATE, how="by"), "%%kjob f", "kjnb.launch(late, f)"),
        (Form("f", LATE, how="rows", rows="10", partitions="7"), "%%kjob f --rows 10", "kjnb.launch(late, f, rows=10)"),
        (Form("f", LATE, how="auto", rows="10", by=("x",)), "%%kjob f", "kjnb.launch(late, f)"),
        (
            Form("f", LATE, namespace="n"),
            "%%kjob f --namespace n",
            'kjnb.launch(late, f, cluster=kjnb.connect(namespace="n"))',
        ),
        (Form("f", LATE, context="c"), "%%kjob f --context c", 'kjnb.launch(late, f, cluster="c")'),
        (
            Form("f", LATE, settings={"memory": "2Gi", "seed": "7", "env": "A=1\nB", "retry_on": "KeyError"}),
            "%%kjob f --memory 2Gi --seed 7 --retry-on KeyError --env A=1 --env B",
            'kjnb.launch(late, f, memory="2Gi", seed=7, retry_on="KeyError", env=["A=1", "B"])',
        ),
        (Form("f", LATE, how="by", by=("-x",)), "%%kjob f --by=-x", 'kjnb.launch(late, f, by="-x")'),
        (Form("f", Body("", "a\nb", "In[3]")), "%%kjob f", "kjnb.launch(In[3], f)"),
    ],
)
def test_the_same_as_a_cell_or_as_a_call(form, line, call):
    assert forms.cell_line(form) == line
    assert forms.cell(form) == f"{line}\n{form.body.source if form.body else ''}"
    assert forms.call(form) == call


@pytest.mark.parametrize("column", ["a,b", "it's", 'say "x"', "--by", "-x", "päx", " x ", "$HOME", "`x`", "a\\b"])
def test_whatever_a_column_is_called_the_line_says_it(column):
    line = forms.cell_line(Form("f", LATE, how="by", by=(column,))).removeprefix("%%kjob ")
    read = grammar.read_cell(line)
    assert grammar.columns(read.options.by, [column, "a", "b", "x"]) == [column]
    call = forms.call(Form("f", LATE, how="by", by=(column,)))
    assert eval(call.partition("by=")[2].removesuffix(")")) == column


@pytest.mark.parametrize("column", [2013, 1.5, True, ("a", 1)])
def test_a_column_that_is_no_text_is_found(column):
    line = forms.cell_line(Form("f", LATE, how="by", by=(column,))).removeprefix("%%kjob ")
    assert grammar.columns(grammar.read_cell(line).options.by, ["x", column]) == [column]


@pytest.mark.parametrize(
    ("column", "can"), [("a", True), ("", False), ("a\nb", False), (None, False), (("a", 1), True)]
)
def test_which_columns_a_line_can_name(column, can):
    assert forms.can_be_said(column) is can


@pytest.mark.parametrize("text", ["a", 'a"b', "a\nb", "a\n'''\"\"\"b", "\\", "a\tb\x00", 7, "a\nb\tc"])
def test_quoted_is_the_value(text):
    assert eval(forms.quoted(text)) == text


def test_what_cannot_be_read_is_left_out_of_a_look():
    form = Form("f", None, name="X", settings={"cpu": "a lot", "memory": "1Gi"})
    seen = forms.readable(form, {"cpu": "…", "name": "…", "body": "…"})
    assert seen == Form("f", forms.STAND_IN, settings={"memory": "1Gi"})
    assert forms.readable(form, {"rows": "…"}) is None
    assert forms.readable(FULL, {}) == FULL
