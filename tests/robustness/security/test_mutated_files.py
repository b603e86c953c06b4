"""Refuse files that were edited, with an id, and touch nothing outside.

Plans, manifests, ledgers, reports and fleet files travel with workspaces, and people edit them. What is edited is
refused or accepted rightly. It never ends in a traceback.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import ProblemError, consolidate, load_plan, rehearse
from sqlite_consolidate.engine.backup.backup_set import backup_sets
from sqlite_consolidate.engine.backup.rollback.rollback import roll_back
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.fleet.bundle_summary import read_new_bundle
from sqlite_consolidate.fleet.fleet_file import load_fleet
from sqlite_consolidate.fleet.members import Member
from sqlite_consolidate.fleet.rollup import row_from_run
from sqlite_consolidate.fleet.worker import WorkspaceRun
from sqlite_consolidate.plan.loader import sha256
from sqlite_consolidate.report.attempts import earlier_attempts
from sqlite_consolidate.report.rehearsals import last_rehearsal
from tests.support.database_files import bytes_below
from tests.support.security.mutations import mutated_bytes, mutated_json, mutated_toml
from tests.support.thorough import thorough
from tests.support.workspaces.one_source import build_one_source

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = [
    *range(8),
    *thorough(*range(8, 100)),
    *(pytest.param(seed, marks=pytest.mark.long) for seed in range(100, 250)),
]
FLEET = """\
format = 1
plan = "shop.toml"
workspaces = ["sites/*"]
canary = 1
batch = 10

[[workspace]]
path = "sites/a"
"""


@pytest.fixture(scope="module")
def consolidated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a consolidated workspace, its reports, and another file."""
    top = tmp_path_factory.mktemp("consolidated")
    root = build_one_source(top).root
    plan = load_plan(root / "consolidation.toml")
    assert rehearse(plan, workspace=root, reports=top / "reports").accepted
    assert consolidate(plan, workspace=root, reports=top / "reports").accepted
    (top / "victim.db").write_bytes(b"theirs")
    return top


@pytest.fixture
def top(consolidated: Path, tmp_path: Path) -> Path:
    """Return a private copy of the folder."""
    return shutil.copytree(consolidated, tmp_path / "top", symlinks=True)


def outside(top: Path) -> dict[str, object]:
    """Return the files that no run may change, to their modes and bytes."""
    files = [path for path in top.iterdir() if path.name not in ("workspace", "reports")]
    return {path.name: (path.stat().st_mode, path.read_bytes()) for path in files}


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_plan_is_refused_or_read(top: Path, seed: int) -> None:
    """A plan that is read is rehearsed without its commands.

    The workspace keeps every byte.
    """
    random = Random(seed)  # noqa: S311 -- for repeatable cases
    root = top / "workspace"
    shutil.rmtree(root / "backups")
    file = root / "consolidation.toml"
    text = file.read_text()
    plan_text = text[: text.index("[[smoke]]")]
    file.write_text(mutated_toml(plan_text, random), "utf-8", "surrogatepass")
    if random.random() < 0.2:
        file.write_bytes(mutated_bytes(file.read_bytes(), random))
    before, held = outside(top), bytes_below(root)

    with suppress(ProblemError):
        plan = load_plan(file)
        rehearse(plan, workspace=root, reports=top / "reports")

    assert outside(top) == before
    assert bytes_below(root) == held


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["manifest.json", "ledger.jsonl"])
def test_mutated_backup_set_is_refused_or_read(top: Path, name: str, seed: int) -> None:
    """A rollback from it ends with a problem, or changes files of the workspace alone."""
    random = Random(seed)  # noqa: S311 -- for repeatable cases
    root = top / "workspace"
    plan = load_plan(root / "consolidation.toml")
    [folder] = (root / "backups").glob("small-*")
    file = folder / name
    lines = file.read_bytes().splitlines(keepends=True) if name == "ledger.jsonl" else [file.read_bytes()]
    index = random.randrange(len(lines))
    change = mutated_bytes if random.random() < 0.2 else mutated_json
    lines[index] = change(lines[index].rstrip(b"\n"), random) + b"\n"
    file.write_bytes(b"".join(lines))
    before = outside(top)

    earlier_attempts(Settings(workspace=root, plan=root / "consolidation.toml", reports=top / "reports"), plan)
    with suppress(ProblemError):
        backup_sets(root, plan)
        roll_back(root, folder)

    assert outside(top) == before
    assert sorted(path.name for path in top.iterdir()) == ["reports", "victim.db", "workspace"]


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_evidence_is_no_rehearsal_or_is_sound(top: Path, seed: int) -> None:
    """A rehearsal with edited evidence does not count, because its digest differs."""
    random = Random(seed)  # noqa: S311 -- for repeatable cases
    [folder] = (top / "reports").glob("*-rehearsal")
    settings = Settings(workspace=top / "workspace", plan=top / "workspace/consolidation.toml", reports=top / "reports")
    for name in ("evidence.json", "manifest.json"):
        file = folder / name
        data = file.read_bytes()
        file.write_bytes((mutated_bytes if random.random() < 0.2 else mutated_json)(data, random))
    request = RunRequest(
        Mode.MIGRATE,
        settings,
        plan=load_plan(settings.plan),
        plan_sha256=sha256(settings.plan),
        started=datetime(2999, 1, 1, tzinfo=UTC),
    )

    earlier_attempts(settings, request.plan)

    assert last_rehearsal(request).passed is None


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_bundle_of_a_member_has_a_row(top: Path, seed: int) -> None:
    """The roll-up has what can be read, or the id of a problem."""
    random = Random(seed)  # noqa: S311 -- for repeatable cases
    reports = top / "reports"
    [folder] = reports.glob("*-migrate")
    file = folder / "evidence.json"
    file.write_bytes((mutated_bytes if random.random() < 0.2 else mutated_json)(file.read_bytes(), random))
    before = outside(top)

    run = WorkspaceRun("host", 0, 1.0, read_new_bundle(reports, set(reports.iterdir()) - {folder}))
    row = row_from_run(Member("bonn", "bonn-1", "/srv/bonn"), "migrate", run)

    assert row.standing in ("accepted", "unsettled")
    assert outside(top) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_fleet_file_is_refused_or_read(tmp_path: Path, seed: int) -> None:
    """Reading it writes nothing."""
    random = Random(seed)  # noqa: S311 -- for repeatable cases
    file = tmp_path / "fleet.toml"
    file.write_text(mutated_toml(FLEET, random), "utf-8", "surrogatepass")
    if random.random() < 0.3:
        file.write_bytes(mutated_bytes(file.read_bytes(), random))

    with suppress(ProblemError):
        load_fleet(file)

    assert [path.name for path in tmp_path.iterdir()] == ["fleet.toml"]
