"""Read backup sets, archives and bundles that earlier releases left in ``tests/shapes``."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.reports.tampering import edited, zipped
from tests.support.shapes.contents import contents
from tests.support.thorough import sampled, thorough
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPES = sorted(path.parent for path in (Path(__file__).parents[1] / "shapes").glob("*/contents.json"))
ENDS = {
    "accepted": ("migrate", "accepted", 0),
    "rehearsal": ("rehearsal", "accepted", 0),
    "refused": ("migrate", "refused", 4),
    "rolled-back": ("migrate", "refused", 1),
    "check": ("check", "accepted", 0),
    "rollback": ("rollback", "accepted", 0),
}


@dataclass(frozen=True)
class Old:
    """Hold a workspace that an earlier release consolidated, and its contents."""

    workspace: Workspace
    before: dict[str, str]
    after: dict[str, str]

    @property
    def now(self) -> dict[str, str]:
        """The contents that it has now."""
        return contents(self.workspace.root)


@pytest.fixture(params=SHAPES, ids=lambda path: path.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    """Unpack it, with the permissions that its backup set had."""
    root = tmp_path / "workspace"
    with tarfile.open(request.param / "workspace.tar.gz") as archive:
        archive.extractall(root, filter="tar")
    return Old(Workspace(root, tmp_path / "reports"), **json.loads((request.param / "contents.json").read_bytes()))


def test_old_backup_set_rolls_back(old: Old) -> None:
    """Databases, code and names are those of before, by criteria and by separate reading."""
    assert old.now == old.after

    ran = old.workspace.run("rollback")

    assert (ran.exit, ran.failed, ran.evidence["verdict"]) == (0, set(), "accepted"), ran.text
    assert ran.outcomes == {"97-rollback": "passed"}
    assert old.now == old.before


def test_old_consolidation_is_accepted(old: Old) -> None:
    """Archives, target and code agree with the old record, and no byte changes."""
    files = old.workspace.files()

    ran = old.workspace.run("verify")

    assert (ran.exit, ran.failed, ran.evidence["verdict"]) == (0, set(), "accepted"), ran.text
    assert ran.outcomes == {"98-check": "passed"}
    assert old.workspace.files() == files


def test_an_old_consolidation_whose_archive_was_changed_is_found(old: Old) -> None:
    """A row is added to what the old backup set says is archived."""
    [archive] = old.workspace.root.glob("notes.db.archived_*")
    old.workspace.execute(archive.name, "INSERT INTO notes VALUES ('late')")

    ran = old.workspace.run("verify")

    assert (ran.exit, ran.failed) == (1, {"archives-unchanged"}), ran.text


def test_an_old_consolidation_is_not_done_again(old: Old) -> None:
    """A migration by the same plan has nothing to do."""
    ran = old.workspace.run("migrate")

    assert (ran.exit, ran.evidence["already"]) == (0, True), ran.text
    assert old.now == old.after


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.name)
@pytest.mark.parametrize("name", sampled(ENDS, 0, 2))
def test_an_old_bundle_is_whole_and_follows(shape: Path, name: str, tmp_path: Path) -> None:
    """Its verdict is the one that its run came to, whatever that was."""
    document = json.loads(read_bundle(shape / f"{name}.zip").files["evidence.json"])

    ran = Workspace(tmp_path / "nowhere", tmp_path / "reports").run("verify", bundle=shape / f"{name}.zip")

    assert (document["mode"], document["verdict"], document["exit_code"]) == ENDS[name]
    assert (ran.exit, ran.failed, ran.evidence["verdict"]) == (0, set(), "accepted"), ran.text
    assert ran.outcomes == {"96-bundle": "passed"}


def _fewer_rows(document: Any) -> None:
    document["target"]["after"]["rows"]["orders"] -= 1


def _accepted(document: Any) -> None:
    document.update(verdict="accepted", exit_code=0)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("name", "change", "criterion"),
    [
        ("accepted", _fewer_rows, "counts-add-up"),
        *thorough(("rolled-back", _accepted, "verdict-follows"), ("refused", _accepted, "verdict-follows")),
    ],
    ids=["count", "rolled back", "refused"],
)
def test_a_forged_old_bundle_is_refused(
    shape: Path, name: str, change: Callable[[Any], None], criterion: str, tmp_path: Path
) -> None:
    """Its evidence was changed, and every digest brought in line with that."""
    files = dict(read_bundle(shape / f"{name}.zip").files)
    edited(files, change)
    forged = zipped(tmp_path / "forged.zip", files)

    ran = Workspace(tmp_path / "nowhere", tmp_path / "reports").run("verify", bundle=forged)

    assert ran.exit == 1, ran.text
    assert criterion in ran.failed
