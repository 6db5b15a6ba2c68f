"""Names of runs and of their retries: every Job of a run has a name of its own that a pod's hostname can begin with."""

from __future__ import annotations

import pytest

from kjnb.errors import UsageError
from kjnb.model.names import LABEL, LABEL_LENGTH, MOST_RETRIES, retry_name, room, run_name


@pytest.mark.parametrize("completions", [1, 10, 100_000])
def test_the_longest_name_leaves_room_for_the_last_retry_and_the_largest_index(completions):
    run = run_name("x" * 100, "0123456789ab", completions)
    assert len(run) == room(completions)
    hostname = f"{retry_name(run, MOST_RETRIES)}-{completions - 1}"
    assert len(hostname) == LABEL_LENGTH
    assert LABEL.fullmatch(hostname)


def test_retries_are_counted_and_end():
    assert [retry_name("flights-1a2b3c", number) for number in (1, 2)] == ["flights-1a2b3c-r1", "flights-1a2b3c-r2"]
    with pytest.raises(UsageError, match="99 times already") as refused:
        retry_name("flights-1a2b3c", MOST_RETRIES + 1)
    assert "--fresh" in refused.value.fix
