"""A workspace of a real project's shape is consolidated from end to end, its code included."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanned_files import scan_scope
from sqlite_consolidate.engine.code.suggest import propose_references
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.sample.build import build
from tests.support.workspaces.real_project import PLAN, REFERENCES, REST, real_project, run_git
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sqlite_consolidate.engine.code.suggest import ProposedReference
    from tests.support.workspaces.whole_run import CompletedRun

CODE = ("src", "config", "scripts", ".env")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's code as it was before the run, as somebody else has it."""
    return real_project(tmp_path_factory.mktemp("fresh")).root


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The project, to be consolidated."""
    return real_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def consolidated(project: Workspace) -> CompletedRun:
    """Its consolidation."""
    return project.forked("migrate")


def references_of(made: Iterable[ProposedReference]) -> str:
    """Return what is proposed as the plan's own text."""
    return "".join(
        f"\n[[reference]]\nfile = {json.dumps(one.file)}\nfind = {json.dumps(one.find)}\n"
        f"replace = {json.dumps(one.replace)}\n"
        for one in made
    )


def code(root: Path) -> dict[str, tuple[str, bytes]]:
    """Return mode and bytes of every code file."""
    files = [path for name in CODE for path in (root / name, *(root / name).rglob("*")) if path.is_file()]
    return {
        path.relative_to(root).as_posix(): (stat.filemode(path.stat().st_mode), path.read_bytes())
        for path in files
        if "__pycache__" not in path.parts
    }


def test_a_real_project_is_consolidated(consolidated: CompletedRun) -> None:
    """Orders and notes are in one database, and the ORM, the command and the old code read them there."""
    assert consolidated.exit == 0, consolidated.text
    assert consolidated.evidence["verdict"] == "accepted"
    assert not consolidated.failed


def test_its_report_lists_what_is_no_failure(consolidated: CompletedRun) -> None:
    """Documentation that names an old database, and a file that git does not track; what git ignores is not read."""
    assert [(finding.id, finding.level, finding.subject) for finding in consolidated.findings] == [
        ("untracked-file", "note", ".env"),
        ("mention-in-documentation", "note", "README.md:3"),
    ]


def test_a_real_project_is_rehearsed_with_edits_under_way(tmp_path: Path) -> None:
    """The copy is no repository: what git ignores, and what is uncommitted, is asked of the workspace's own."""
    project = real_project(tmp_path)
    project.edit("config/settings.yaml", "debug: false", "debug: true")
    before = project.files()

    ran = project.run("verify")

    assert ran.exit == 0, ran.text
    assert (ran.findings[0].id, ran.findings[0].subject) == ("uncommitted-edits", "config/settings.yaml")
    assert project.files() == before


def test_a_reference_in_an_f_string_is_noticed(tmp_path: Path) -> None:
    """The plan forgets the connection URL: the run refuses with file and line, and every file is as it was."""
    _, _, *others = REFERENCES.split("[[reference]]")
    project = real_project(tmp_path, references="[[reference]]".join(["", *others]))
    before = project.contents()

    ran = project.run("migrate")

    assert ran.exit == 1, ran.text
    assert ran.failed == {"no-stale-references"}
    assert "no-stale-references: src/shop/store.py:9: engine = create_engine(f" in ran.text
    assert project.contents() == before


@pytest.mark.thorough
def test_a_real_project_is_consolidated_without_git_and_with_the_references_that_are_proposed(tmp_path: Path) -> None:
    """Every mention is understood, and the applications work with it; what ``.gitignore`` names is left out as well."""
    project = real_project(tmp_path, references="", git=False)

    made = propose_references(scan_scope(load(project.plan), project.root, project.root, own=[project.plan]))
    project.plan.write_text(PLAN + references_of(made) + REST)
    ran = project.run("migrate")

    assert [one.file for one in made if one.understood] == [one.file for one in made]
    assert ran.exit == 0, ran.text
    assert [(finding.id, finding.subject) for finding in ran.findings] == [("mention-in-documentation", "README.md:3")]


@pytest.mark.thorough
def test_the_sample_is_rehearsed_with_the_references_that_are_proposed(tmp_path: Path) -> None:
    """Its plan has three others, with a function of their own; the proposed ones lead to the same file."""
    sample = Workspace(build(tmp_path / "workspace"), tmp_path / "reports")
    head, *rest = sample.plan.read_text("utf-8").split("[[reference]]")
    after = rest[-1].partition("# The replacements above")[2]
    sample.plan.write_text(head + "#" + after, "utf-8")

    made = propose_references(scan_scope(load(sample.plan), sample.root, sample.root, own=[sample.plan]))
    sample.plan.write_text(head + references_of(made) + "#" + after, "utf-8")
    ran = sample.run("verify")

    assert (len(rest), len(made)) == (3, 3)
    assert ran.exit == 0, ran.text
    assert ran.evidence["verdict"] == "accepted"


def test_line_endings_encoding_and_mode_are_kept(project: Workspace, consolidated: CompletedRun, fresh: Path) -> None:
    """Windows line endings, Latin-1 and the executable bit are as they were; only the meant places differ."""
    before, after = code(fresh), code(project.root)

    assert consolidated.exit == 0
    assert {name: mode for name, (mode, _) in after.items()} == {name: mode for name, (mode, _) in before.items()}
    assert after["scripts/archive.sh"][0] == "-rwxr-xr-x"
    legacy, labels = after["src/shop/legacy.py"][1], after["src/shop/labels.py"][1]
    assert legacy.count(b"\r\n") == legacy.count(b"\n") == before["src/shop/legacy.py"][1].count(b"\n")
    assert "Grüße".encode("latin-1") in labels
    assert not after["scripts/archive.sh"][1].endswith(b"\n")


def test_its_diff_applied_to_a_fresh_checkout_gives_the_same_files(
    project: Workspace, consolidated: CompletedRun, fresh: Path, tmp_path: Path
) -> None:
    """``git apply`` on a clone, whose ``.env`` is no part of the repository, makes the code what the run made it."""
    run_git(tmp_path, "clone", "-q", str(fresh), "clone")
    shutil.copy2(fresh / ".env", tmp_path / "clone/.env")
    assert consolidated.folder is not None

    applied = subprocess.run(
        ["git", "apply", str(consolidated.folder / "code.diff")],
        cwd=tmp_path / "clone",
        capture_output=True,
        text=True,
        check=False,
    )

    assert applied.returncode == 0, applied.stderr
    assert code(tmp_path / "clone") == code(project.root)
