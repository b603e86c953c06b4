"""Specify that no object finds rows of others where a constant tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import TARGET, Bench, source

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases

P, C = "CREATE TABLE p(id INTEGER PRIMARY KEY, v)", "CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER)"
KEYED = {
    "p": "CREATE TABLE p(device TEXT, id INTEGER, v, PRIMARY KEY (device, id))",
    "c": "CREATE TABLE c(device TEXT, id INTEGER, p INTEGER, PRIMARY KEY (device, id))",
}
PLAIN = {"p": f"{P[:-1]}, device)", "c": f"{C[:-1]}, device)"}
JOIN = "CREATE VIEW o AS SELECT c.id, p.v FROM c JOIN p ON p.id = c.p"
SELF = "CREATE VIEW o AS SELECT a.v FROM p a, p b WHERE a.id = b.v"
COUNT = "CREATE VIEW o AS SELECT id, count(*) FROM p GROUP BY id"
LIST = "CREATE VIEW o AS SELECT id, v FROM p WHERE v > 0"
DELETES = "CREATE TRIGGER o AFTER DELETE ON p BEGIN DELETE FROM c WHERE p = old.id; END"
STAMPS = "CREATE TRIGGER o AFTER UPDATE ON p BEGIN UPDATE p SET v = 1 WHERE id = new.id; END"
LOGS = "CREATE TRIGGER o AFTER DELETE ON p BEGIN INSERT INTO c(p) VALUES (old.v); END"


def surveyed(bench: Bench, *sql: str, files: str = "ab", creates: dict[str, str] = KEYED) -> InspectedDatabases:
    """Move the tables of several databases with objects, and a constant for each."""
    for number, file in enumerate(files):
        rows = f"INSERT INTO p VALUES({number if creates is PLAIN else 1}, 0)", f"INSERT INTO c VALUES({number}, 1)"
        bench.database(f"{file}.db", P, C, *sql, *rows)
    bench.database(TARGET, *creates.values())
    return bench.survey(*(source(f"{file}.db", "p", "c", constants={"device": "{stem}"}) for file in files))


def kept(inspected: InspectedDatabases) -> bool:
    """Return whether the target gets the object, which stays with findings otherwise."""
    assert inspected.problems == []
    schema = inspected.target_schema.schema
    arrived = bool(schema.views or schema.triggers)
    stays = [finding.level for finding in inspected.findings if finding.id in ("view-left", "trigger-left")]
    assert stays == ([] if arrived else ["attention"] * 2)
    return arrived


@pytest.mark.parametrize(("sql", "expected"), [(JOIN, False), (SELF, False), (COUNT, False), (LIST, True)])
def test_view_that_pairs_rows_by_id_stays(bench: Bench, sql: str, expected: bool) -> None:
    """Two devices have a row 1, and the view does not know the device."""
    assert kept(surveyed(bench, sql)) is expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT c.id, p.v FROM c JOIN p ON p.v = c.p", True),
        ('SELECT main."p".id AS nr, * FROM c JOIN p ON p.v = c.p', True),
        ("SELECT p.id nr, (c.p + 1) FROM c JOIN p ON v = c.p ORDER BY v", True),
        ("SELECT p.id AS nr FROM c JOIN p ON p.v = c.p WHERE nr = c.p", False),
        ("SELECT p.id + 1 AS nr FROM c JOIN p ON p.v = c.p", False),
        ("SELECT c.p FROM c JOIN p USING (id)", False),
        ("SELECT c.p FROM c NATURAL JOIN p", False),
        ("SELECT c.p FROM c JOIN p ON p.rowid = c.p", False),
        ("SELECT DISTINCT c.id FROM c JOIN p ON p.v = c.p", False),
        ("SELECT v FROM (SELECT p.id AS nr, v FROM p) JOIN c ON nr = c.p", False),
        ("SELECT c.p FROM c JOIN named ON named.nr = c.p", False),
    ],
)
def test_view_that_only_returns_an_id_is_moved(bench: Bench, sql: str, expected: bool) -> None:
    """It finds each row by another column."""
    inspected = surveyed(bench, "CREATE VIEW named AS SELECT id AS nr FROM p", f"CREATE VIEW o AS {sql}")

    assert inspected.problems == []
    assert ("o" in {view.name for view in inspected.target_schema.schema.views}) is expected


@pytest.mark.parametrize(("sql", "expected"), [(DELETES, False), (STAMPS, False), (LOGS, True)])
def test_trigger_that_finds_rows_by_id_stays(bench: Bench, sql: str, expected: bool) -> None:
    """It would change the rows of both devices."""
    assert kept(surveyed(bench, sql)) is expected


def test_view_of_one_device_is_moved(bench: Bench) -> None:
    """Each id is there once."""
    assert kept(surveyed(bench, JOIN, files="a"))


def test_view_is_moved_where_id_stays_the_key(bench: Bench) -> None:
    """The constant is an ordinary column."""
    assert kept(surveyed(bench, JOIN, creates=PLAIN))
