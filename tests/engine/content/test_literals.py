"""Specify how values are written as literals and how reports show them."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.content.literals import format_value, literal
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.row_differences import MASKED


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1e22, "1e+22"),
        (-2.5e-7, "-2.5e-07"),
        (2.0**100, "(1.0*1048576.0*1048576.0*1048576.0*1048576.0*1048576.0)"),
        (2.0**81 * 5, "(5.0*1048576.0*1048576.0*1048576.0*1048576.0*2.0)"),
        (2.0**-41, "(1.0*0.00000095367431640625*0.00000095367431640625*0.5)"),
        ("\u2028\xa0", "'\u2028\xa0'"),
    ],
)
def test_literal_is_as_short_as_it_may_be(value: object, text: str) -> None:
    """Each factor and each product is exact."""
    assert literal(value) == text
    assert open_memory().execute(f"SELECT {text}").fetchone() == (value,)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(5.561517150857e17, id="half-way-after-64-bits"),
        pytest.param(3.327644189041e17, id="half-way-after-64-bits-too"),
        pytest.param(8.435830000000001e-21, id="half-way-below-one"),
        pytest.param(2.0274e-22, id="more-than-22-places"),
        pytest.param(90891276391.50192, id="more-digits-than-a-double-has"),
        pytest.param(0.00025278168350796024, id="more-digits-below-one"),
    ],
)
def test_real_that_old_sqlite_may_round_twice_is_product(value: float) -> None:
    """The sign makes no difference."""
    text = literal(value)

    assert text.startswith("(")
    assert literal(-value) == text.replace("(", "(-", 1)
    assert open_memory().execute(f"SELECT {text}, {literal(-value)}").fetchone() == (value, -value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (7, "7"),
        ("O'Hara", "'O''Hara'"),
        (b"\x00\xff", "x'00ff'"),
        ("x" * 38, "'" + "x" * 38 + "'"),
        ("x" * 39, "'" + "x" * 38 + "…"),
    ],
)
def test_format_value_returns_a_short_literal(value: object, text: str) -> None:
    """The literal has at most 40 characters."""
    assert format_value("title", value).lower() == text.lower()


def test_format_value_escapes_control_characters() -> None:
    """A value cannot control the terminal."""
    assert "\x1b" not in format_value("title", "\x1b[2J\n")


@pytest.mark.parametrize(
    "column", ["password", "API_KEY", "accessToken", "client_secret", "ssn", "IBAN", "salt", "key"]
)
def test_format_value_masks_columns_named_like_secrets(column: str) -> None:
    """The value does not matter."""
    assert format_value(column, "anything") == MASKED


def test_format_value_masks_secrets_within_values() -> None:
    """The name of the column does not tell that its values have one."""
    assert format_value("note", "password=abc") == "'password=***'"
    assert format_value("url", "https://app:abc@example.org") == "'https://app:***@example.org'"


@pytest.mark.parametrize("column", ["id", "name", "title", "panel", "keyword", "monkeys", "spinner"])
def test_format_value_shows_values_of_other_columns(column: str) -> None:
    """A part of a word is not a secret."""
    assert format_value(column, 7) == "7"
