"""Specify what a run keeps of constants that follow a new key."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import TRANSFER, VERIFY
from sqlite_consolidate.plan.model import Source
from sqlite_consolidate.report.records import RecordContext, build_record
from sqlite_consolidate.row_differences import DifferenceKind
from tests.support.exactness.random_run import run_of
from tests.support.workspaces.two_sources import reach

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run
else:
    from sqlite_utils.utils import sqlite3

DEV = "CREATE TABLE dev(id INTEGER PRIMARY KEY, label TEXT); INSERT INTO dev VALUES (1, 'd');"
LOG = "CREATE TABLE log(id INTEGER PRIMARY KEY{column});"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Lend a run of which a constant follows a key, and whose rows are not verified."""
    root = tmp_path / "workspace"
    root.mkdir()
    files = {"target.db": LOG.format(column=", dev INTEGER REFERENCES dev(id)"), "b.db": LOG.format(column="")}
    for file, log in files.items():
        with closing(sqlite3.connect(root / file)) as con:
            con.executescript(DEV + log)
    with closing(sqlite3.connect(root / "b.db")) as con, con:
        con.execute("INSERT INTO log VALUES (1), (2)")
    tables = [{"name": "log"}, {"name": "dev", "keys": "renumber"}]
    run = run_of(root, [Source.model_validate({"name": "b", "file": "b.db", "constants": {"dev": 1}, "table": tables})])
    reach(run, TRANSFER)
    yield run
    run.end()


def test_ledger_states_the_key_that_a_constant_follows(run: Run) -> None:
    """The columns of its table are not shifted."""
    log, dev = run.ledger.all("keys-shifted")

    assert (log["columns"], log["constants"]) == ({"b.db:log": {}}, {"b.db:log": {"dev": "2"}})
    assert "constants" not in dev


def test_only_the_row_that_differs_is_named(run: Run) -> None:
    """The backup is read with the constants of the ledger."""
    run.target.connection.execute("UPDATE log SET dev = 1 WHERE id = 2")
    run.perform(VERIFY)

    (entry,) = (each for each in run.check("rows-exact").evidence if not each.holds)

    assert entry.rows is not None
    assert [(row.kind, row.key[0].value) for row in entry.rows.first] == [(DifferenceKind.CHANGED, "2")]


def test_evidence_has_the_constant_and_the_key(run: Run) -> None:
    """The constant is that of the plan."""
    record = build_record(run, RecordContext({}), exit_code=0)

    assert [(move.table, move.constants, move.followed) for move in record.moves] == [
        ("log", {"dev": "1"}, {"dev": "2"}),
        ("dev", {}, {}),
    ]
