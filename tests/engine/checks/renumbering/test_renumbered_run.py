"""Specify what a run keeps of the offsets of new keys."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks.renumbering.key_texts import changed_offsets
from sqlite_consolidate.engine.run.stages import TRANSFER, VERIFY
from sqlite_consolidate.plan.model import Source
from sqlite_consolidate.report.evidence import KeyMapRecord
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

CREATE = """
CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE loan(id INTEGER PRIMARY KEY, site INT REFERENCES site(id));
INSERT INTO site VALUES (1, 'a'), (5, 'b');
INSERT INTO loan VALUES (1, 1), (2, 5), (3, 0);
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Lend a run whose renumbered rows are in the target, and are not verified."""
    root = tmp_path / "workspace"
    root.mkdir()
    for file in ("target.db", "b.db"):
        with closing(sqlite3.connect(root / file)) as con:
            con.executescript(CREATE)
    tables = [{"name": "loan"}, {"name": "site"}]
    run = run_of(root, [Source.model_validate({"name": "b", "file": "b.db", "keys": "renumber", "table": tables})])
    reach(run, TRANSFER)
    yield run
    run.end()


def test_ledger_states_offsets_before_the_first_row(run: Run) -> None:
    """A reader of the backup set can compute each new key."""
    loan, site = run.ledger.all("keys-shifted")

    assert loan["columns"] == {
        "b.db:loan": {
            "id": {"offset": 3, "is_key": True, "kept": None},
            "site": {"offset": 5, "is_key": False, "kept": None},
        }
    }
    assert site["columns"] == {"b.db:site": {"id": {"offset": 5, "is_key": True, "kept": None}}}


def test_only_the_row_that_differs_is_named(run: Run) -> None:
    """The backup is read with the offsets of the ledger."""
    run.target.connection.execute("UPDATE loan SET site = 7 WHERE id = 5")
    run.perform(VERIFY)

    (entry,) = (each for each in run.check("rows-exact").evidence if not each.holds)

    assert entry.rows is not None
    (row,) = entry.rows.first
    assert (row.kind, [key.value for key in row.key]) == (DifferenceKind.CHANGED, ["5"])


def test_other_offsets_than_in_the_rehearsal_are_noted(run: Run) -> None:
    """A key that the rehearsal did not have is not compared."""
    rehearsed = {("b", "loan", ""): 3, ("b", "site", ""): 4, ("c", "site", ""): 7}

    findings = list(changed_offsets(run.inspected.mappings, "20250101_000000-verify", rehearsed))

    assert [(finding.id, finding.subject) for finding in findings] == [("offsets-changed", "b.db:site")]


def test_history_row_has_the_offset_of_each_key(run: Run) -> None:
    """By source, and by table and column of the target."""
    con = run.target.connection
    (stamp,) = history.runs(con)

    assert history.keys_of_run(con, stamp) == {"offsets": {"b": {"loan.id": 3, "site.id": 5}}}


def test_evidence_has_the_offset_of_each_key(run: Run) -> None:
    """Columns that refer to keys are not among them."""
    record = build_record(run, RecordContext({}), exit_code=0)

    assert record.key_maps == (KeyMapRecord("b", "loan", 3), KeyMapRecord("b", "site", 5))
