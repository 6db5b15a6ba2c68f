"""Quantities in the form the API server keeps."""

from fractions import Fraction

import pytest

from kjnb.embedded.api.quantity import canonical, parse


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1000", "1k"),
        ("0.5", "500m"),
        (1, "1"),
        (0.25, "250m"),
        ("500m", "500m"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("512Mi", "512Mi"),
        ("0", "0"),
        ("0.5Ki", "512"),
        ("1e3", "1e3"),
        ("129E6", "129e6"),
        ("5e-1", "500e-3"),
        (1e30, "9223372036854775807"),
        ("1.0001Ki", "1025"),
        ("12E2", "1200"),
        ("1Ei", "1Ei"),
        ("100M", "100M"),
        ("-1", "-1"),
        (".5", "500m"),
        ("0.0000000001", "1n"),
    ],
)
def test_canonical(given, kept):
    assert canonical(given) == kept


@pytest.mark.parametrize("text", ["lots", "", "1x", "1 Gi", "Gi", "1.2.3"])
def test_refused(text):
    with pytest.raises(ValueError, match="quantities must match"):
        parse(text)


def test_exact():
    assert parse("100m") * 10 == 1
    assert parse("1n") == Fraction(1, 10**9)


def test_what_is_too_large_is_the_largest_and_what_is_too_small_a_nano():
    assert canonical("1e999999999999") == canonical("9" * 40) == str(2**63 - 1)
    assert canonical("-1e99999999") == str(-(2**63) + 1)
    assert canonical("1e-999999999") == "1e-9"
    assert canonical("0e999999999") == "0"
