"""Specify which rows of two files become one row only with a decision."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.inventory.plan_writer import render_plan
from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import proposal_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

PLACES = "CREATE TABLE {table}({columns}); INSERT INTO {table} VALUES {rows};"
LOTS = (
    "CREATE TABLE lot(id INTEGER PRIMARY KEY, place INTEGER REFERENCES {table}, sku TEXT);"
    "INSERT INTO lot VALUES ({{0}}, 1, '{{1}}');"
)
COLUMNS, ROWS = "id INTEGER PRIMARY KEY, code TEXT", "(1, 'A-01'), (2, 'A-02')"


def plan_of(root: Path, table: str, columns: str = COLUMNS, rows: str = ROWS, lots: tuple[int, int] = (1, 1)) -> str:
    """Return the proposed plan for two warehouses with the same rows in one table."""
    sql = PLACES.format(table=table, columns=columns, rows=rows) + LOTS.format(table=table)
    refined = proposal_of(root, north=sql.format(lots[0], "n", 10), south=sql.format(lots[1], "s", 11))
    assert refined.objections == ()
    return render_plan(refined.proposal, "2026-11-29")


@pytest.mark.parametrize(
    ("table", "columns", "rows", "decisions"),
    sampled(
        [
            ("bin", COLUMNS, ROWS, 1),
            ("status", COLUMNS, ROWS, 0),
            ("tblUnits", COLUMNS, ROWS, 0),
            ("status", COLUMNS, f"{ROWS}, ({{2}}, '{{1}}')", 1),
            ("bin", "id INTEGER PRIMARY KEY, code TEXT UNIQUE", ROWS, 0),
            ("gpkg_bin", COLUMNS, ROWS, 0),
        ],
        0,
        1,
    ),
    ids=["things", "lookup", "lookup in words", "lookup of other rows", "unique", "framework"],
)
def test_equal_rows_that_may_be_things_are_asked_about(
    tmp_path: Path, table: str, columns: str, rows: str, decisions: int
) -> None:
    """A number says nothing of what a row is.

    A program ships the same lookup in each file, and a unique column says which rows are the same.
    """
    plan = plan_of(tmp_path, table, columns, rows)

    assert plan.count("# decide: ") == decisions
    assert 'on_conflict = "skip-identical"' in plan


def test_one_decision_asks_about_all_equal_rows(tmp_path: Path) -> None:
    """Two tills with one price list have many such tables."""
    tables = ("product", "shelf", "room")
    sql = "".join(PLACES.format(table=table, columns=COLUMNS, rows=ROWS) for table in tables)
    sql += LOTS.format(table="product")
    refined = proposal_of(tmp_path, north=sql.format(1, "n"), south=sql.format(1, "s"))

    [source] = refined.proposal.sources
    [decision] = source.decide
    assert [table for table in tables if table in decision] == [*tables]


@pytest.mark.parametrize("lots", [(1, 1), (1, 2)], ids=["new keys", "keys stay"])
def test_lines_of_the_decision_keep_rows_apart(tmp_path: Path, lots: tuple[int, int]) -> None:
    """Each lot stays in the bin of its own warehouse."""
    plan = plan_of(tmp_path, "bin", lots=lots)
    entry = plan[plan.index("  [[source.table]]") :].split("\n\n")[0]
    lines = [line for line in entry.splitlines() if line.split()[0] not in ("keys", "on_conflict")]
    plan = plan.replace(entry, "\n".join(lines))
    if lots[0] != lots[1]:
        plan = plan.replace('\ntables = "*"', '\nkeys = "renumber"\ntables = "*"')
    (tmp_path / "plan.toml").write_text(plan.replace("# decide: ", "# "), "utf-8")
    loaded = load_plan(tmp_path / "plan.toml")

    assert consolidate(loaded, tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / loaded.target)) as con:
        bins = con.execute(
            "SELECT lot.sku, count(*) FROM bin JOIN lot ON lot.place = bin.id GROUP BY bin.id"
        ).fetchall()
    assert sorted(bins) == [("n", 1), ("s", 1)]


def test_lookup_keeps_its_keys_beside_new_ones(tmp_path: Path) -> None:
    """A policy has no effect on rows with new keys, so that the run would be refused."""
    sql = "".join(PLACES.format(table=table, columns=COLUMNS, rows=ROWS) for table in ("bin", "status"))
    sql += LOTS.format(table="bin")
    refined = proposal_of(tmp_path, north=sql.format(1, "n"), south=sql.format(2, "s"))
    [source] = refined.proposal.sources
    [decision] = source.decide

    [kept] = re.findall(r'`(keys = "keep")` beside `on_conflict` of status', decision)
    plan = render_plan(refined.proposal, "2026-11-29").replace("# decide: ", "# ")
    plan = re.sub(r'(name = "bin"\n)  on_conflict = .*\n', r"\1", plan)
    plan = plan.replace('name = "status"\n', f'name = "status"\n  {kept}\n')
    plan = plan.replace('\ntables = "*"', '\nkeys = "renumber"\ntables = "*"')
    (tmp_path / "plan.toml").write_text(plan, "utf-8")
    loaded = load_plan(tmp_path / "plan.toml")

    assert consolidate(loaded, tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / loaded.target)) as con:
        assert con.execute("SELECT (SELECT count(*) FROM bin), (SELECT count(*) FROM status)").fetchone() == (4, 2)
