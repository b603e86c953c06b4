"""Specify that originals judge the offsets that the history of a target states."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.matching.kept_key_map import KeptKeyMap, compare_key_map
from sqlite_consolidate.engine.checks.renumbering.key_texts import NO_NEW_KEY, UNSTATED_KEYS
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.engine.run.stages import ORIGINALS, stages_of
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.model import Source
from tests.support.databases import TARGET, Bench, source
from tests.support.exactness.random_run import run_of
from tests.support.workspaces.consolidated_by_hand import judge_by_originals
from tests.support.workspaces.two_sources import reach

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.run.run_log import RunLog
    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_utils.utils import sqlite3

CREATE = """
CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO site VALUES (1, 'a'), (2, 'b');
"""


@pytest.fixture(scope="module")
def consolidated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan]:
    """Return a workspace in which two sources got new keys, and its plan."""
    root = tmp_path_factory.mktemp("stated") / "workspace"
    root.mkdir()
    for file in ("target.db", "b.db", "c.db"):
        with closing(sqlite3.connect(root / file)) as con:
            con.executescript(CREATE)
    tables = [{"name": "site", "keys": "renumber"}]
    sources = [Source.model_validate({"name": name, "file": f"{name}.db", "table": tables}) for name in "bc"]
    run = run_of(root, sources)
    try:
        reach(run, stages_of(Mode.MIGRATE)[-1])
    finally:
        run.end()
    return root, run.plan


def judge(consolidated: tuple[Path, Plan], root: Path, statement: str = "SELECT 1") -> RunLog:
    """Judge a copy of the workspace by its backup set, after a change of its target."""
    workspace = shutil.copytree(consolidated[0], root / "workspace")
    with closing(sqlite3.connect(workspace / "target.db", isolation_level=None)) as con:
        con.execute(statement)
    (backup_set,) = (workspace / "backups").glob("random-*[0-9]")
    settings = Settings(workspace, workspace / "plan.toml", workspace / "reports", originals=backup_set)
    return judge_by_originals(settings, consolidated[1])


def test_each_offset_is_computed_again(consolidated: tuple[Path, Plan], tmp_path: Path) -> None:
    """There is one entry for each key, and nothing fails."""
    log = judge(consolidated, tmp_path)

    entries = [(each.subject, each.outcome, each.observed) for each in log.results["keys-mapped"].evidence]
    assert entries == [
        ("b: site.id", Outcome.PASSED, "plus 2"),
        ("c: site.id", Outcome.PASSED, "plus 4"),
    ]
    assert [id for id in log.demanded(ORIGINALS) if not log.outcome(id).holds] == []


@pytest.mark.parametrize(
    ("old", "new", "subjects"),
    [
        (": 4", ": 5", ["c: site.id"]),
        ('"site.id": 4', '"site.id": 4, "x.id": 9', ["c: x.id"]),
        ('"c":', '"d":', ["c: site.id"]),
        ('{"site.id": 2}', "7", ["b: site.id"]),
    ],
)
def test_offset_that_originals_do_not_give_fails(
    consolidated: tuple[Path, Plan], tmp_path: Path, old: str, new: str, subjects: list[str]
) -> None:
    """The rows are judged apart."""
    log = judge(consolidated, tmp_path, f"UPDATE _consolidation_history SET keys = replace(keys, '{old}', '{new}')")

    failed = [each.subject for each in log.results["keys-mapped"].evidence if each.outcome is Outcome.FAILED]
    assert failed == subjects
    assert log.outcome("rows-exact") is Outcome.PASSED


def test_target_without_history_states_no_offset(consolidated: tuple[Path, Plan], tmp_path: Path) -> None:
    """Another tool has made it, and its rows are compared under the keys of this one."""
    log = judge(consolidated, tmp_path, "DROP TABLE _consolidation_history")

    assert log.outcome("keys-mapped") is Outcome.NOT_EXAMINED
    assert log.unanswerable["keys-mapped"] == UNSTATED_KEYS


@pytest.mark.parametrize("reason", [UNSTATED_KEYS, ""])
def test_entry_without_offsets_has_a_true_reason(bench: Bench, reason: str) -> None:
    """A plan without new keys has another one."""
    for file in (TARGET, "b.db"):
        bench.database(file, CREATE.strip().split(";")[0])

    (entry,) = compare_key_map(bench.survey(source("b.db", "site")), KeptKeyMap(unknown=reason))

    assert (entry.outcome, entry.observed) == (Outcome.NOT_REQUIRED, reason or NO_NEW_KEY)
