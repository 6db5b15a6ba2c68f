"""A run in words, as a static picture and as HTML: everything that needs no JavaScript, under one name."""

from kjnb.view.page import failures_html, html, line_html
from kjnb.view.picture import svg
from kjnb.view.words import (
    duration_text,
    escaped,
    failures_text,
    line,
    plain,
    rate_text,
    short_paths,
    static_line,
    table,
    watch_line,
)

__all__ = [
    "duration_text",
    "escaped",
    "failures_html",
    "failures_text",
    "html",
    "line",
    "line_html",
    "plain",
    "rate_text",
    "short_paths",
    "static_line",
    "svg",
    "table",
    "watch_line",
]
