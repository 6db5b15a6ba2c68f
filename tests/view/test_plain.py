"""What a program printed, as text: whatever bytes it wrote."""

import pytest

from kjnb.view.plain import LONGEST_LINE, log_text, one_line


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"", ""),
        (b"one\ntwo\n", "one\ntwo"),
        (b"one\r\ntwo\r\n", "one\ntwo"),
        (b"\x1b[1;31mred\x1b[0m and \x1b]8;;http://x\x1b\\a link\x1b]8;;\x1b\\", "red and a link"),
        (b"\x1b]0;title\x07text \x1b(Band\x1b=\x1bP1$r0m\x1b\\ more", "text and more"),
        (b" 10%|#   |\r 50%|##  |\r100%|####|\ndone", "100%|####|\ndone"),
        ("grüße \u202etxt.exe".encode(), "grüße \ufffdtxt.exe"),
        (b"a long line with one bell \x07 in it", "a long line with one bell \ufffd in it"),
        (b"<b>bold</b> & co", "<b>bold</b> & co"),
    ],
)
def test_a_log_is_lines_of_plain_text(written, shown):
    assert log_text(written) == shown


def test_a_log_that_is_no_text_is_said_to_be_none():
    assert log_text(bytes(range(256)) * 50) == "(not text: 12,800 bytes)"


def test_a_million_lines_are_their_last():
    text = log_text(b"".join(b"line %d\n" % i for i in range(1_000_000)), most=3)
    assert text == "… 999,997 more lines above\nline 999997\nline 999998\nline 999999"


def test_a_long_line_is_cut():
    assert len(log_text(b"x" * 1_000_000)) == LONGEST_LINE


def test_the_last_line_that_says_something():
    assert one_line("first\n  last \n\n") == "last"
    assert one_line("") == ""
    assert one_line("x" * 500) == "x" * 159 + "…"
    assert one_line("a\x00b") == "a\ufffdb"
