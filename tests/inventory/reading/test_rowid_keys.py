"""Specify which tables a search index belongs to, if its rowids are their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from tests.support.workspaces.inventory_folder import proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

PHOTOS = "CREATE TABLE photos(id INTEGER PRIMARY KEY, caption); INSERT INTO photos VALUES (1, '{0}1'), (2, '{0}2');"
FACES = "CREATE TABLE faces(id INTEGER PRIMARY KEY, box); INSERT INTO faces VALUES (1, '{0}'), (2, '{0}'), (3, '{0}');"
TWO_FACES = FACES + "DELETE FROM faces WHERE id = 3;"
SEARCH = (
    "CREATE VIRTUAL TABLE search USING fts5({1}); INSERT INTO search(rowid, {1}) VALUES (1, '{0}{2}1'), (2, '{0}{2}2');"
)
LOGS = "CREATE TABLE logs(c); INSERT INTO logs VALUES ('{0}'); CREATE VIEW v AS SELECT * FROM photos, logs;"
AREAS = "CREATE VIRTUAL TABLE {1} USING rtree(n, low, high); INSERT INTO {1} VALUES (1, 0, 1), (2, 0, 1);"


def among(tmp_path: Path, sql: str) -> list[tuple[str, ...]]:
    """Return the tables whose keys the rowids of each index are."""
    execute(tmp_path / "a.db", sql)
    [candidate] = discover(tmp_path).candidates
    unstated = inspect_file(tmp_path, candidate).unstated
    return [tuple(to[0] for to in (each.to, *each.among) if to) for each in unstated if each.column == "rowid"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (SEARCH.format("x", "caption", ""), [("photos",)]),
        (SEARCH.format("x", "words", ""), [("photos", "faces")]),
        (SEARCH.format("x", "words", "") + "INSERT INTO search VALUES ('4')", []),
        (AREAS.format("", "photo_area"), [("photos",)]),
        (AREAS.format("", "areas"), [("photos", "faces")]),
    ],
    ids=["values", "open", "no key", "name", "open area"],
)
def test_values_and_names_tell_whose_keys_rowids_are(tmp_path: Path, sql: str, expected: list[tuple[str, ...]]) -> None:
    """Several tables have the same numbers as keys."""
    if "'4'" in sql:
        sql = sql.replace("search VALUES", "search(rowid, words) VALUES").replace("('4')", "(4, '4')")

    assert among(tmp_path, PHOTOS.format("x") + TWO_FACES.format("x") + sql) == expected


def test_table_with_as_many_rows_has_the_rowids(tmp_path: Path) -> None:
    """The other table has a further row."""
    assert among(tmp_path, FACES.format("x") + PHOTOS.format("x") + AREAS.format("", "areas")) == [("photos",)]


def test_rowids_that_are_keys_follow_new_keys(tmp_path: Path) -> None:
    """A hit leads to the row that it led to before."""
    sql = PHOTOS + SEARCH.replace("{1}", "caption").replace("{2}", "")
    refined = proposal_of(tmp_path, app=sql.format("x"), shop=sql.format("y"))

    [source] = refined.proposal.sources
    stated = {table.name: [(each.column, each.to) for each in table.refers] for table in source.maps}
    assert (source.keys, stated) == ("renumber", {"photos": [], "search": [("rowid", "photos.id")]})
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


@pytest.mark.parametrize("others", [TWO_FACES, LOGS], ids=["open", "view"])
def test_rowids_stay_where_the_keys_stay(tmp_path: Path, others: str) -> None:
    """Nothing tells which table the index follows, or its photos get no new keys."""
    sql = PHOTOS + SEARCH.replace("{1}", "words").replace("{2}", "") + others
    refined = proposal_of(tmp_path, app=sql.format("x"), shop=sql.format("y"))

    [source] = refined.proposal.sources
    assert all(table.into != table.name and not table.rowids for table in source.maps)
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
