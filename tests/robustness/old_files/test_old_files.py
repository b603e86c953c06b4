"""Databases of old releases, odd settings and odd schemas are moved exactly."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.sqlite.files import trailing_bytes
from tests.support.databases import TARGET, Bench, source, whole_source
from tests.support.old_files.formats import FORMATS, write_trailing
from tests.support.old_files.schemas import SCHEMAS, quoted_name
from tests.support.thorough import thorough

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

KINDS = FORMATS | SCHEMAS
LEFT_OF_SOURCE = "renamed-table"
"""A trigger and a view that already fail in their source stay in it."""
CASES = [(kind, role) for kind in KINDS for role in ("source", "target") if (kind, role) != (LEFT_OF_SOURCE, "source")]
TELLING = [("format-1", "target"), ("trailing-pages", "source"), ("quoted-texts", "source")]
OTHER = "CREATE TABLE other_things (id INTEGER PRIMARY KEY, x)", "INSERT INTO other_things VALUES (1, 'one'), (2, 2.5)"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return a folder of databases."""
    with ExitStack() as resources:
        yield Bench(tmp_path, resources)


def contents(con: sqlite3.Connection) -> dict[str, Any]:
    """Return the statement of each object, and the rows of each table."""
    objects = con.execute("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
    statements = {f"{kind} {name}": sql for kind, name, sql in objects.fetchall()}
    rows = {
        name: sorted(map(repr, con.execute(f"SELECT * FROM {quoted_name(name)}").fetchall()))
        for name in (entry.removeprefix("table ") for entry in statements if entry.startswith("table "))
    }
    return statements | rows


@pytest.mark.parametrize(("kind", "role"), [*TELLING, *thorough(*(case for case in CASES if case not in TELLING))])
def test_old_file_is_moved_exactly(bench: Bench, kind: str, role: str) -> None:
    """Each object and each row is there, beside those of the other database."""
    odd, other = ("a.db", TARGET) if role == "source" else (TARGET, "a.db")
    KINDS[kind](bench.root / odd)
    bench.database(other, *OTHER)
    expected: dict[str, Any] = {}
    for file in (odd, other):
        with closing(sqlite3.connect(bench.root / file)) as con:
            expected |= contents(con)

    copied = bench.copied(whole_source("a.db"))

    assert {name: value for name, value in contents(copied.con).items() if "_consolidation_" not in name} == expected


def test_trailing_bytes_are_reported_and_ignored(bench: Bench) -> None:
    """SQLite writes over those of the target, and no backup has them."""
    write_trailing(bench.root / "a.db", 4113)
    bench.database(TARGET, *OTHER)

    inspected = bench.survey(whole_source("a.db"))

    assert inspected.problems == []
    assert [(each.subject, each.count) for each in inspected.findings if each.id == "trailing-bytes"] == [
        ("a.db", 4113)
    ]
    assert trailing_bytes(bench.root / TARGET) == 0


def test_trigger_that_fails_in_its_source_is_left(bench: Bench) -> None:
    """A table was renamed as before SQLite 3.26, and its trigger has the old name."""
    KINDS[LEFT_OF_SOURCE](bench.root / "a.db")

    inspected = bench.survey(whole_source("a.db"))

    assert inspected.problems == []
    assert [finding.id for finding in inspected.findings] == ["view-left", "trigger-left"]


def test_trigger_that_fails_only_in_target_is_refused(bench: Bench) -> None:
    """The plan leaves what it uses, and another trigger of its table fails already."""
    bench.database(
        "a.db",
        "CREATE TABLE t (a)",
        "CREATE TABLE log (a)",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1); END",
        "CREATE TRIGGER y AFTER INSERT ON t BEGIN INSERT INTO gone VALUES (1); END",
    )

    inspected = bench.survey(source("a.db", "t"))

    assert [problem.id for problem in inspected.problems] == ["broken-trigger"]
    assert [finding.id for finding in inspected.findings if finding.id.startswith("trigger")] == ["trigger-left"]
