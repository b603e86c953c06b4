"""Specify that originals judge the key map that a run has kept."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.merge.rows.key_map_file import KEY_MAP
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.engine.run.stages import ORIGINALS, stages_of
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.model import Source
from tests.support.exactness.random_run import run_of
from tests.support.workspaces.consolidated_by_hand import judge_by_originals
from tests.support.workspaces.two_sources import reach

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.run.run_log import RunLog
    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_utils.utils import sqlite3

CREATE = "CREATE TABLE site(id INTEGER PRIMARY KEY, oid INT UNIQUE, name TEXT);"
ROWS = {
    "target.db": "INSERT INTO site VALUES (3, 30, 'a'), (4, 40, 'b');",
    "b.db": "INSERT INTO site VALUES (1, 10, 'b'), (2, 20, 'a'), (3, 30, 'c');",
}
SITE = {"name": "site", "keys": "renumber", "renumber": ["oid"], "match": ["name"]}


@pytest.fixture(scope="module")
def consolidated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan]:
    """Return a folder with a workspace that was consolidated with ``match``, and its plan."""
    folder = tmp_path_factory.mktemp("kept")
    root = folder / "workspace"
    root.mkdir()
    for file, rows in ROWS.items():
        with closing(sqlite3.connect(root / file)) as con:
            con.executescript(CREATE + rows)
    run = run_of(root, [Source.model_validate({"name": "b", "file": "b.db", "table": [SITE]})])
    try:
        reach(run, stages_of(Mode.MIGRATE)[-1])
    finally:
        run.end()
    return folder, run.plan


@pytest.fixture
def workspace(consolidated: tuple[Path, Plan], tmp_path: Path) -> Path:
    """Return a copy of the consolidated workspace."""
    return shutil.copytree(consolidated[0] / "workspace", tmp_path / "workspace")


def judge(workspace: Path, plan: Plan) -> RunLog:
    """Judge the target by its backup set."""
    (backup_set,) = (workspace / "backups").glob("random-*[0-9]")
    settings = Settings(workspace, workspace / "plan.toml", workspace / "reports", originals=backup_set)
    return judge_by_originals(settings, plan)


def edit(workspace: Path, statement: str, *, is_stated: bool = True, damage: Callable[[bytes], bytes] = bytes) -> None:
    """Change the key map, and the digest that the history of the target states."""
    (path,) = (workspace / "backups").glob(f"*/{KEY_MAP}")
    before = digest_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute(statement)
    path.write_bytes(damage(path.read_bytes()))
    with closing(sqlite3.connect(workspace / "target.db", isolation_level=None)) as con:
        update = "UPDATE _consolidation_history SET keys = replace(keys, ?, ?)"
        con.execute(update, (before, digest_file(path) if is_stated else before))


def observed(log: RunLog) -> list[tuple[str, Outcome, str]]:
    """Return subject, outcome and text of each entry about the key map."""
    return [(each.subject, each.outcome, each.observed + each.todo) for each in log.results["keys-mapped"].evidence]


def test_each_line_is_compared_with_the_originals(consolidated: tuple[Path, Plan], workspace: Path) -> None:
    """There is one entry for the table and one for all lines, and nothing else fails."""
    log = judge(workspace, consolidated[1])

    assert observed(log) == [
        (f"{KEY_MAP}: b.db:site -> site", Outcome.PASSED, "2 rows"),
        (KEY_MAP, Outcome.PASSED, "2 rows, 2 numbers"),
        (f"{KEY_MAP}: offsets", Outcome.PASSED, "2 offsets"),
    ]
    assert [id for id in log.demanded(ORIGINALS) if log.outcome(id) is Outcome.FAILED] == []


@pytest.mark.parametrize(
    ("statement", "passed"),
    [
        ("UPDATE matched SET new = iif(new = 3, 4, 3)", [False, True, True]),
        ("UPDATE matched SET new = new + 0.0", [False, True, True]),
        ("UPDATE matched SET identical = 0 WHERE old = 1", [False, True, True]),
        ("UPDATE matched SET target_table = 'other'", [False, True, True]),
        ("UPDATE numbers SET new = 99 WHERE old = 10", [False, True, True]),
        ("DELETE FROM matched WHERE old = 1", [False, False, True]),
        ("INSERT INTO matched VALUES ('c', 'site', 'site', 1, 2, 1, 0)", [True, False, True]),
        ("INSERT INTO numbers SELECT * FROM numbers", [True, False, True]),
        ("UPDATE offsets SET number = 7", [True, True, False]),
        ("DELETE FROM offsets", [True, True, False]),
        ("INSERT INTO offsets SELECT * FROM offsets", [True, True, False]),
        ("DROP TABLE offsets", [False]),
        ("CREATE VIEW other AS SELECT 1", [False]),
    ],
    ids=str,
)
def test_line_that_originals_do_not_give_fails(
    consolidated: tuple[Path, Plan], workspace: Path, statement: str, passed: list[bool]
) -> None:
    """The digest in the history is that of the changed map, so only the content tells it."""
    edit(workspace, statement)

    entries = observed(judge(workspace, consolidated[1]))

    assert [outcome is Outcome.PASSED for _, outcome, _ in entries] == passed


def test_key_map_that_is_no_database_fails(consolidated: tuple[Path, Plan], workspace: Path) -> None:
    """The digest in the history is that of the damaged file."""
    edit(workspace, "PRAGMA user_version = 1", damage=lambda data: data[:100] + b"x" * (len(data) - 100))

    ((subject, outcome, _text),) = observed(judge(workspace, consolidated[1]))

    assert (subject, outcome) == (KEY_MAP, Outcome.FAILED)


def test_changed_key_map_is_a_problem(consolidated: tuple[Path, Plan], workspace: Path) -> None:
    """The history states another digest."""
    edit(workspace, "UPDATE matched SET identical = 0", is_stated=False)

    ((subject, outcome, text),) = observed(judge(workspace, consolidated[1]))

    assert (subject, outcome) == (KEY_MAP, Outcome.FAILED)
    assert "[key-map-changed]" in text


def test_missing_key_map_is_a_problem(consolidated: tuple[Path, Plan], workspace: Path) -> None:
    """The rows are judged by matches that are computed again, and all are right."""
    (path,) = (workspace / "backups").glob(f"*/{KEY_MAP}")
    path.unlink()

    log = judge(workspace, consolidated[1])

    assert ["[no-key-map]" in text for _, _, text in observed(log)] == [True]
    assert [id for id in log.demanded(ORIGINALS) if log.outcome(id) is Outcome.FAILED] == ["keys-mapped"]


def test_consolidation_without_history_has_no_key_map(consolidated: tuple[Path, Plan], workspace: Path) -> None:
    """Another tool has made it, and its map is not known."""
    with closing(sqlite3.connect(workspace / "target.db", isolation_level=None)) as con:
        con.execute("DROP TABLE _consolidation_history")

    log = judge(workspace, consolidated[1])

    assert log.outcome("keys-mapped") is Outcome.NOT_EXAMINED
