"""What can be typed is read as meant, and what cannot is refused in one line with a next step."""

import pytest

from kjnb import grammar, phrases
from kjnb.errors import UsageError


@pytest.mark.parametrize(
    ("line", "frame", "rest"),
    [
        ("flights --partitions 8", "flights", "--partitions 8"),
        ("flights[flights.month == 1] --by carrier", "flights[flights.month == 1]", "--by carrier"),
        ("flights[flights.a - flights.b > 0] --rows 5", "flights[flights.a - flights.b > 0]", "--rows 5"),
        ("flights[a -b] --rows 5", "flights[a -b]", "--rows 5"),
        ("flights.query('a -b > 0') --rows 5", "flights.query('a -b > 0')", "--rows 5"),
        ("{'a': df}['a'] --wait", "{'a': df}['a']", "--wait"),
        ("df", "df", ""),
        ("", "", ""),
        ("--partitions 8", "", "--partitions 8"),
        ("df[ --partitions 8", "df[", "--partitions 8"),
        ("pd.concat([a, b]) -h", "pd.concat([a, b])", "-h"),
        ('df[["a"]] -df[["b"]].values --rows 5', 'df[["a"]] -df[["b"]].values', "--rows 5"),
        ("df -p 5", "df", "-p 5"),
        ("df[df.x > -1] --rows 5", "df[df.x > -1]", "--rows 5"),
    ],
)
def test_frame_is_what_stands_before_the_first_option(line, frame, rest):
    assert grammar.cut(line) == (frame, rest)


def test_a_cell_line_is_read():
    read = grammar.read_cell(
        "df --partitions 8 --by a,b --out run --parallelism 4 --memory 512Mi --timeout 90 --file x.csv --env A=1"
    )
    assert read.frame == "df"
    assert (read.options.partitions, read.options.by, read.options.out) == (8, ["a,b"], "run")
    assert set(read.spec) >= {"parallelism", "memory", "timeout", "files", "env"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("df --partition 8", "--partitions"),
        ("df --trial x", "--trial: 'x' is not a whole number"),
        ("df --trial --dry-run", "say one of them"),
        ("df --partitions", "--partitions: a value is missing"),
        ("df --partitions many", "--partitions: 'many' is not a whole number"),
        ("df --parallelism many", "--parallelism"),
        ("df --out 'run", "close the quotes"),
        ("df -p 8", "did you mean --parallelism or --partitions?"),
        ("df --Wait", "did you mean '--wait'?"),
        ("df --bogus 8", "-> %%kjob?"),
        ("df --wait now", "no argument 'now'"),
        ("--partitions 8", "needs a frame"),
        ("apply", "apply"),
    ],
)
def test_a_cell_line_that_cannot_be_read(line, says):
    with pytest.raises(UsageError) as caught:
        grammar.read_cell(line)
    told = phrases.sentence(caught.value)
    assert says in told
    assert "\n" not in told


def test_a_trial_is_of_the_largest_index_or_of_one():
    read = [grammar.read_cell(line).options.trial for line in ("df", "df --trial", "df --trial 0", "df --trial 17")]
    assert read[0] is None
    assert read[1] is True
    assert (read[2], read[3]) == (0, 17)


def test_every_field_of_the_spec_is_a_flag():
    from dataclasses import fields

    from kjnb.model.options import flag_of
    from kjnb.model.spec import JobSpec

    assert {flag_of(field.name) for field in fields(JobSpec)} <= set(grammar.cell_parser().flags())


def test_a_retry_names_indexes_and_settings():
    ask = grammar.read_verb(["retry", "r", "--indexes", "3,5-9", "--memory", "2Gi", "--env", "A=1"], "kjnb")
    assert grammar.read_indexes(ask.options.indexes) == [3, 5, 6, 7, 8, 9]
    assert (ask.name, ask.options.memory, ask.options.env) == ("r", "2Gi", ["A=1"])
    for wrong in ("x", "5-3", "1-", "-1", "1-99999999999"):
        with pytest.raises(UsageError, match="--indexes"):
            grammar.read_indexes(wrong)


@pytest.mark.parametrize(
    ("words", "name", "index"),
    [
        ("logs", None, None),
        ("logs 17", None, 17),
        ("logs flights-1a2b3c 17", "flights-1a2b3c", 17),
        ("logs 17 flights-1a2b3c", "flights-1a2b3c", 17),
        ("logs flights-1a2b3c --index 17", "flights-1a2b3c", 17),
        ("status 1a2b3c", "1a2b3c", None),
        ("scale 8", None, 8),
        ("scale flights-1a2b3c 8", "flights-1a2b3c", 8),
    ],
)
def test_a_bare_whole_number_is_an_index(words, name, index):
    ask = grammar.read_verb(words.split(), "%kjob")
    assert (ask.name, ask.index) == (name, index)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("statsu", "did you mean 'status'?"),
        ("apply", "no verb 'apply'"),
        ("frobnicate", "attach, debug, delete"),
        ("status 17", "17 is an index"),
        ("status a b", "one name"),
        ("logs 1 2", "one index"),
        ("logs 1 --index 2", "one index"),
        ("scale 1 2", "one number"),
        ("scale 8 --index 2", "no flag '--index'"),
        ("suspend 8", "8 is an index"),
        ("delete --result", "did you mean '--results'?"),
        ("logs --attempt x", "'x' is not a whole number"),
        ("result --timeout soon", "'soon' is not a number"),
        ("STATUS", "did you mean 'status'?"),
    ],
)
def test_a_verb_line_that_cannot_be_read(words, says):
    with pytest.raises(UsageError) as caught:
        grammar.read_verb(words.split(), "%kjob")
    assert says in phrases.sentence(caught.value)


@pytest.mark.parametrize("verb", grammar.VERBS.values(), ids=lambda verb: verb.name)
def test_every_verb_has_help(verb):
    text = grammar.verb_parser(verb, "kjnb").format_help()
    assert text.startswith(f"usage: kjnb {verb.name}")
    assert verb.help[1:] in text


def test_columns_may_hold_a_comma():
    assert grammar.columns(["a,b", "c"], ["a", "b", "c"]) == ["a", "b", "c"]
    assert grammar.columns(["a,b"], ["a,b"]) == ["a,b"]
    assert grammar.columns([",a,"], ["a"]) == ["a"]
    assert grammar.columns(None, ["a"]) is None
