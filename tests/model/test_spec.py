import argparse
import pathlib

import numpy as np
import pytest

from kjnb.errors import UsageError
from kjnb.grammar import Parser
from kjnb.model.names import check_name, label_value, run_name
from kjnb.model.options import add_arguments, arguments_of, spec_fields
from kjnb.model.spec import JobSpec, check_size

GIVEN = {
    "parallelism": "4", "cpu": 0.5, "memory": 2**30, "backoff_limit_per_index": np.int64(2), "max_failed_indexes": 3,
    "timeout": "10m", "active_deadline_seconds": "2h", "ttl_seconds_after_finished": 60, "seed": 7,
    "retry_on": [KeyError, "ns.Odd"], "env": {"B": 1, "A": "x=y"}, "image": " img:1 ",
    "files": pathlib.Path("data.csv"),
}  # fmt: skip


def test_a_spec_reads_what_people_give():
    spec = JobSpec.checked(**GIVEN)
    assert spec == JobSpec(
        parallelism=4, cpu="500m", memory="1Gi", backoff_limit_per_index=2, max_failed_indexes=3, timeout=600,
        active_deadline_seconds=7200, ttl_seconds_after_finished=60, seed=7, retry_on=("KeyError", "ns.Odd"),
        env=(("A", "x=y"), ("B", "1")), files=("data.csv",), image="img:1",
    )  # fmt: skip
    assert JobSpec.checked(**spec.as_dict()) == spec
    assert JobSpec.checked(cpu=None) == JobSpec()


def test_environment_variables_by_name_take_their_value_from_here():
    spec = JobSpec.checked(env=["TOKEN", "A=1", "A=2"], environ={"TOKEN": "t"})
    assert spec.env == (("A", "2"), ("TOKEN", "t"))
    assert JobSpec.checked(env="A=").env == (("A", ""),)


BAD = [
    ({"parallelism": 0}, "parallelism must be a whole number, 1 to 100,000, 0 was given"),
    ({"parallelism": -1}, "-1 was given"),
    ({"parallelism": 1.5}, "1.5 was given"),
    ({"parallelism": True}, "True was given"),
    ({"parallelism": "four"}, "'four' was given"),
    ({"seed": -1}, "0 or more"),
    ({"backoff_limit_per_index": 99}, "0 to 98"),
    ({"cpu": "lots"}, "cores, like 2, 0.5 or 500m"),
    ({"cpu": True}, "True was given"),
    ({"cpu": [1]}, "[1] was given"),
    ({"cpu": 0}, "cores"),
    ({"memory": 512}, "64Mi or more"),
    ({"memory": float("nan")}, "64Mi or more"),
    ({"timeout": 0}, "1 or more seconds"),
    ({"timeout": "soon"}, "90s, 10m, 2h"),
    ({"image": " "}, "image must be text"),
    ({"image": 3}, "3 was given"),
    ({"image": "a\nb"}, "text"),
    ({"retry_on": "Key Error"}, "names of error types"),
    ({"files": [1]}, "a path"),
    ({"env": ["NOPE"]}, "'NOPE' is not set here"),
    ({"env": [3]}, "NAME=VALUE"),
    ({"env": {"1A": "x"}}, "NAME=VALUE"),
    ({"env": {"KJNB_X": "x"}}, "set by kjnb itself"),
    ({"env": {"JOB_COMPLETION_INDEX": "x"}}, "set by kjnb itself"),
    ({"paralelism": 3}, "did you mean parallelism?"),
    ({"zzz": 3}, "the settings are parallelism"),
]


@pytest.mark.parametrize(("values", "words"), BAD, ids=[str(values) for values, _ in BAD])
def test_bad_values_name_field_given_and_fix(values, words):
    with pytest.raises(UsageError) as caught:
        JobSpec.checked(**values)
    assert words in str(caught.value)
    assert caught.value.fix
    assert "\n" not in caught.value.what


def parse(line):
    parser = Parser("kjnb")
    add_arguments(parser)
    return spec_fields(parser.read(line.split()))


def test_every_field_is_a_flag_and_back():
    spec = JobSpec.checked(**GIVEN)
    again = JobSpec.checked(**parse(" ".join(arguments_of(spec))))
    assert again == spec
    assert arguments_of(JobSpec()) == []
    assert parse("") == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--parallelism 0", "--parallelism must be a whole number, 1 to 100,000, '0' was given (say --parallelism 1)"),
        ("--memory 512", "--memory must be 64Mi or more, like 512Mi or 2Gi, '512' was given (say --memory 512Mi)"),
        ("--nope 3", "kjnb has no flag '--nope'"),
    ],
)
def test_a_bad_flag_is_one_line(line, words):
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert caught.value.what == words


def test_help_has_defaults_and_bounds(golden):
    parser = argparse.ArgumentParser(prog="kjnb", add_help=False, formatter_class=wide)
    add_arguments(parser)
    golden("flags.txt", parser.format_help())


def wide(prog):
    return argparse.HelpFormatter(prog, width=160, max_help_position=60)


def test_very_many_completions_need_a_limit():
    check_size(JobSpec(), 100_000)
    check_size(JobSpec(max_failed_indexes=100, parallelism=100), 200_000)
    for spec, completions, words in [
        (JobSpec(max_failed_indexes=11), 10, "more than the 10 completions"),
        (JobSpec(), 100_001, "max_failed_indexes must be given"),
        (JobSpec(max_failed_indexes=10_001), 100_001, "max_failed_indexes must be given"),
        (JobSpec(max_failed_indexes=1, parallelism=10_001), 100_001, "parallelism=10,001 is too much"),
    ]:
        with pytest.raises(UsageError, match=words):
            check_size(spec, completions)


def test_names_are_labels_with_room():
    assert run_name("flights", "1a2b3cffff", 8) == "flights-1a2b3c"
    assert run_name("Flights_2013[x == 1]", "1a2b3c", 8) == "flights-2013-x-1-1a2b3c"
    assert run_name("é", "1a2b3c", 8) == "e-1a2b3c"
    assert run_name("数", "1a2b3c", 8) == "run-1a2b3c"
    long = run_name("x" * 100, "1a2b3c", 20_000)
    assert len(f"{long}-r99-19999") == 63
    assert check_name(long, 20_000) == long


@pytest.mark.parametrize(
    ("name", "words", "fix"),
    [
        ("Flights", "not a DNS label", "name='flights'"),
        ("-", "not a DNS label", "name='my-run'"),
        (3, "not a DNS label", "name='run-3'"),
        ("12", "no letter", "name='run-12'"),
        ("x" * 60, "has 60 characters; with 1,000 completions 55 are possible", "name='" + "x" * 55),
    ],
)
def test_bad_names(name, words, fix):
    with pytest.raises(UsageError) as caught:
        check_name(name, 1000)
    assert words in caught.value.what
    assert fix in caught.value.fix


def test_label_values():
    assert label_value("Ada Lovelace <a@b>") == "Ada-Lovelace-a-b"
    assert label_value("数") == ""
