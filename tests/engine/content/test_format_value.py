"""Specify how a report shows a value."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.content.literals import format_value
from sqlite_consolidate.row_differences import MASKED


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (7, "7"),
        ("O'Hara", "'O''Hara'"),
        (b"\x00\xff", "x'00ff'"),
        ("x" * 100, "'" + "x" * 38 + "…"),
    ],
)
def test_value_is_shown_short_as_literal(value: object, text: str) -> None:
    """At most 40 characters, however long it is."""
    assert format_value("title", value).lower() == text.lower()


def test_value_cannot_steer_terminal() -> None:
    """Its control characters are escapes."""
    assert "\x1b" not in format_value("title", "\x1b[2J\n")


@pytest.mark.parametrize(
    "column", ["password", "API_KEY", "accessToken", "client_secret", "ssn", "IBAN", "salt", "key"]
)
def test_column_that_sounds_like_secret_is_masked(column: str) -> None:
    """Whatever its value is."""
    assert format_value(column, "anything") == MASKED


@pytest.mark.parametrize("column", ["id", "name", "title", "panel", "keyword", "monkeys", "spinner"])
def test_other_columns_are_not(column: str) -> None:
    """A part of a word is no secret."""
    assert format_value(column, 7) == "7"
