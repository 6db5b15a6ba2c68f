"""Times that clients write, as the API server keeps them."""

import pytest

from kjnb.embedded.api import timestamps


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.987654321Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_kept_to_the_second_in_utc(given, kept):
    assert timestamps.canonical(given, micro=False) == kept


def test_a_micro_time_keeps_six_digits():
    assert timestamps.canonical("2026-01-31T12:00:00Z", micro=True) == "2026-01-31T12:00:00.000000Z"
    assert timestamps.canonical("2026-01-31T12:00:00.9876543-01:00", micro=True) == "2026-01-31T13:00:00.987654Z"


@pytest.mark.parametrize(
    "given",
    ["", "yesterday", "2026-01-31", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00", "2026-13-01T00:00:00Z",
     "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "2026-01-31T12:00:00Z\n", "٢٠٢٦-01-31T12:00:00Z"],
)  # fmt: skip
def test_what_is_no_time(given):
    with pytest.raises(ValueError, match="parsing time"):
        timestamps.canonical(given, micro=False)
