"""Specify how rows that differ are masked, counted and reported in one line."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.expected_rows import Rows, row_shape
from sqlite_consolidate.engine.content.row_comparison import compare_rows
from sqlite_consolidate.observation import Observation, with_differences
from sqlite_consolidate.row_differences import (
    MASKED,
    MAX_DIFFERENCES,
    ColumnDifference,
    DifferenceKind,
    Disclosure,
    KeyValue,
    RowDifference,
    RowDifferences,
    row_differences_from,
)
from sqlite_consolidate.secret_masking import MASK
from tests.support.rows.compared_rows import BY_NUMBER, BY_TEXT, compared, numbers

if TYPE_CHECKING:
    import sqlite3


def test_masked_difference_keeps_integer_keys_only() -> None:
    """An operator finds the row by them. Any other value needs an explicit option."""
    row = RowDifference(
        DifferenceKind.CHANGED,
        "tasks",
        (KeyValue("id", "17"), KeyValue("name", "'ada'"), KeyValue("at", "1.5")),
        columns=(ColumnDifference("title", "'old'", "'new'"),),
    )

    masked = row.masked()

    assert [part.value for part in masked.key] == ["17", MASKED, MASKED]
    assert masked.columns == (ColumnDifference("title", MASKED, MASKED),)
    assert masked.values == ""
    assert row.values == "title: 'old' -> 'new'"


def test_column_named_like_a_secret_is_masked(con: sqlite3.Connection) -> None:
    """It is masked where values are shown as well, even an integer key."""
    con.execute("CREATE TABLE was(pin INTEGER PRIMARY KEY, token)")
    con.execute("INSERT INTO was VALUES (4711, 'a')")
    shape = row_shape("was", ["pin", "token"], [(("pin", "BINARY"),)])

    comparison = compare_rows(shape, [Rows(con, "SELECT * FROM was")], Rows(con, "SELECT pin, 'b' FROM was"))

    row = comparison.differences().first[0]
    assert row.key == (KeyValue("pin", MASKED),)
    assert row.columns == (ColumnDifference("token", MASKED, MASKED),)


def test_text_is_one_line_that_stays_bounded() -> None:
    """Whatever the names are, and however many columns differ."""
    columns = tuple(ColumnDifference(f"column\x1b[2J\n{'x' * 1000}{at}", MASKED, MASKED) for at in range(300))
    row = RowDifference(
        DifferenceKind.CHANGED, "t" * 1000, tuple(KeyValue("k" * 1000, MASKED) for _ in range(3)), 1, columns
    )
    differences = RowDifferences(changed=1_000_000, first=(row,) * MAX_DIFFERENCES, note="n" * 10_000)

    assert len(differences.text) < 2000
    assert differences.text.isprintable()


def test_text_names_rows_by_key_and_column(con: sqlite3.Connection) -> None:
    """The words of the terminal."""
    comparison = compared(con, BY_NUMBER, "(17, 'x', 'y'), (18, 0, 0), (19, 0, 0)", "(17, 'z', 'z')")

    assert comparison.differences().text == (
        "2 rows missing, 1 row changed; row id 18 of now: missing; row id 19 of now: missing;"
        " row id 17 of now: columns a, b changed"
    )


def test_sum_of_two_tables_names_rows_of_both() -> None:
    """Numbers are added, and neither table takes all the places."""
    first, second = (
        RowDifferences(
            missing=30,
            first=tuple(RowDifference(DifferenceKind.MISSING, table) for _ in range(MAX_DIFFERENCES)),
            note="note.",
        )
        for table in ("a", "b")
    )

    both = first + second

    assert (both.missing, both.rest, both.note) == (60, 60 - MAX_DIFFERENCES, "note.")
    assert {row.table for row in both.first} == {"a", "b"}


def test_sum_adds_each_number_and_keeps_both_notes() -> None:
    """A note that both have stands there once, as above."""
    both = RowDifferences(1, 20, 300, note="One.") + RowDifferences(4, 50, 600, note="Two.")

    assert (numbers(both), both.note) == ((5, 70, 900), "One. Two.")


@pytest.mark.parametrize(("length", "name"), [(40, "t" * 40), (41, "t" * 39 + "…")])
def test_long_name_is_cut_in_line_of_text(length: int, name: str) -> None:
    """It has forty characters then, the last of which says that more follow."""
    assert RowDifference(DifferenceKind.EXTRA, "t" * length).text == f"row without a key of {name}: extra"


def test_record_of_rows_keeps_how_often_and_why() -> None:
    """Equal rows are counted, and a note says what could not be compared."""
    written = RowDifferences(missing=3, first=(RowDifference(DifferenceKind.MISSING, "t", count=3),), note="Not all.")

    assert row_differences_from({**asdict(written), "rest": written.rest}) == written


def test_record_of_evidence_is_read_as_it_was_written(con: sqlite3.Connection) -> None:
    """Writing and reading keep every field."""
    differences = compared(con, BY_TEXT, "('a', 1, 2), ('b', 1, 2)", "('a', 1, 3), ('c', 0, 0)").differences()

    assert row_differences_from({**asdict(differences), "rest": differences.rest}) == differences


def test_observation_that_holds_is_not_explained() -> None:
    """A passing run pays nothing."""

    def explain() -> RowDifferences:
        pytest.fail("rows were compared")

    observation = Observation("subject", "expected", "observed", holds=True)

    assert with_differences(observation, explain) is observation


def test_observation_that_fails_gets_its_rows() -> None:
    """It fails all the same."""
    observation = Observation("subject", "expected", "observed", holds=False)

    explanation = with_differences(observation, lambda: RowDifferences(missing=1))

    assert (explanation.holds, explanation.rows) == (False, RowDifferences(missing=1))


def test_secrets_of_the_plan_are_masked_in_texts_only() -> None:
    """Numbers and kinds stay what they are. Without secrets nothing is copied."""
    row = RowDifference(DifferenceKind.CHANGED, "ada and eve", (), 7, count=3)
    disclosure = Disclosure(hidden=("ada", "eve", "chan"))

    masked = disclosure.of_texts(row)

    assert disclosure.of_text("eve, ada") == f"{MASK}, {MASK}"
    assert (masked.kind, masked.table, masked.rowid, masked.count) == (
        DifferenceKind.CHANGED, f"{MASK} and {MASK}", 7, 3,
    )  # fmt: skip
    assert Disclosure().of_texts(row) is row
