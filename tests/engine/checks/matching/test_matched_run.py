"""Specify what a run keeps of the keys of matched rows."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks.aftercare import read_consolidated_target
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.merge.conflict_log import CONFLICT_LOG
from sqlite_consolidate.engine.merge.rows.key_map_file import KEY_MAP
from sqlite_consolidate.engine.run.stages import COMMIT, TRANSFER, VERIFY
from sqlite_consolidate.plan.model import Source
from sqlite_consolidate.report.evidence import KeyMapRecord
from sqlite_consolidate.report.records import RecordContext, build_record
from tests.support.exactness.random_run import run_of
from tests.support.workspaces.two_sources import accept, reach

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run
else:
    from sqlite_utils.utils import sqlite3

CREATE = "CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT, note); CREATE TABLE day(date PRIMARY KEY, note);"
ROWS = {
    "target.db": "INSERT INTO site VALUES (3, 'a', 1), (4, 'b', 1); INSERT INTO day VALUES ('mon', 1);",
    "b.db": "INSERT INTO site VALUES (1, 'b', 1), (2, 'a', 2), (3, 'c', 1); INSERT INTO day VALUES ('mon', 1);",
}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Lend a run whose rows are in the target, and are not verified."""
    root = tmp_path / "workspace"
    root.mkdir()
    for file, rows in ROWS.items():
        with closing(sqlite3.connect(root / file)) as con:
            con.executescript(CREATE + rows)
    site = {"name": "site", "keys": "renumber", "match": ["name"], "on_conflict": "prefer-target"}
    tables = [site, {"name": "day", "match": ["date"]}]
    run = run_of(root, [Source.model_validate({"name": "b", "file": "b.db", "table": tables})])
    reach(run, TRANSFER)
    yield run
    run.end()


def test_key_map_has_both_keys_of_each_row(run: Run) -> None:
    """It has the offset of the other rows as well, and only the operator can read it."""
    path = run.folder / KEY_MAP
    with closing(sqlite3.connect(path)) as con:
        lines = con.execute("SELECT target_table, old, new, identical FROM matched ORDER BY 1, 2").fetchall()
        offsets = con.execute("SELECT * FROM offsets").fetchall()

    assert lines == [("day", "mon", "mon", 1), ("site", 1, 4, 1), ("site", 2, 3, 0)]
    assert offsets == [("b", "site", "site", "id", 4)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_history_and_ledger_have_the_digest_of_the_map(run: Run) -> None:
    """A check of the target compares them later."""
    con, digest = run.target.connection, digest_file(run.folder / KEY_MAP)
    (stamp,) = history.runs(con)

    assert history.keys_of_run(con, stamp)["key_map_sha256"] == digest
    assert [event["sha256"] for event in run.ledger.all("keys-mapped")] == [digest]


@pytest.mark.parametrize(("content", "change"), [(None, "was deleted"), (b"", "was changed")])
def test_later_check_notices_another_key_map(run: Run, content: bytes | None, change: str) -> None:
    """The digest in the row of history tells it. A deleted backup set is no change."""
    for stage in (VERIFY, COMMIT):
        accept(run, stage)
    path = run.folder / KEY_MAP
    assert read_consolidated_target(run.root, run.sealed, folder=run.folder).object_changes == {}
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    changes = read_consolidated_target(run.root, run.sealed, folder=run.folder).object_changes

    assert changes == {f"{KEY_MAP} of the backup set": f"{change} since the migration"}
    assert read_consolidated_target(run.root, run.sealed, folder=run.folder / "deleted").object_changes == {}


def test_matched_rows_are_counted_apart(run: Run) -> None:
    """The log has the key of each row and of the row that stands."""
    record = build_record(run, RecordContext({}), exit_code=0)
    lines = [json.loads(line) for line in (run.folder / CONFLICT_LOG).read_text().splitlines()]

    assert record.key_maps == (KeyMapRecord("b", "site", 4, 2), KeyMapRecord("b", "day", 0, 1))
    assert [(move.rows, move.arrived, move.skipped, move.identical) for move in record.moves] == [
        (3, 1, 2, 1),
        (1, 0, 1, 1),
    ]
    assert [(line["key"], line["standing"], line["identical"]) for line in lines] == [
        (["1"], "4", True),
        (["2"], "3", False),
        (["'mon'"], "'mon'", True),
    ]
    assert [finding.id for finding in run.log.findings if finding.id.startswith("rows-")] == [
        "rows-not-moved",
        "rows-skipped",
    ]
