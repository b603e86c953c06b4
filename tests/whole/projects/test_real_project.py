"""Consolidate a workspace like that of a real project, its code included."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanning.scanned_files import scan_scope
from sqlite_consolidate.engine.code.suggestions.suggest import propose_references
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.sample.build import build
from tests.support.workspaces.real_project import PLAN, REFERENCES, REST, real_project, run_git
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sqlite_consolidate.engine.code.suggestions.suggest import ProposedReference
    from tests.support.workspaces.whole_run import CompletedRun

CODE = ("src", "config", "scripts", ".env")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clone of the project's code before the run."""
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
        f"\n[[reference]]\nfile = {json.dumps(reference.file)}\nfind = {json.dumps(reference.find)}\n"
        f"replace = {json.dumps(reference.replace)}\n"
        for reference in made
    )


def code(root: Path) -> dict[str, tuple[str, bytes]]:
    """Return mode and bytes of every code file."""
    files = [path for name in CODE for path in (root / name, *(root / name).rglob("*")) if path.is_file()]
    return {
        path.relative_to(root).as_posix(): (stat.filemode(path.stat().st_mode), path.read_bytes())
        for path in files
        if "__pycache__" not in path.parts
    }


def test_real_project_is_consolidated(consolidated: CompletedRun) -> None:
    """The ORM, the command and the old code read orders and notes in one database."""
    assert consolidated.exit == 0, consolidated.text
    assert consolidated.evidence["verdict"] == "accepted"
    assert not consolidated.failed


def test_report_of_a_real_project_lists_findings(consolidated: CompletedRun) -> None:
    """It lists rows that refer to another database, a mention and an untracked file."""
    assert [(finding.id, finding.level, finding.subject) for finding in consolidated.findings] == [
        ("parents-found", "attention", "var/notes.db:notes"),
        ("object-left", "note", "var/orders.db"),
        ("object-left", "note", "var/notes.db"),
        ("untracked-file", "note", ".env"),
        ("mention-in-documentation", "note", "README.md:3"),
    ]


@pytest.mark.thorough
def test_real_project_is_rehearsed_with_uncommitted_edits(tmp_path: Path) -> None:
    """The copy is no repository, so git is asked in the workspace."""
    project = real_project(tmp_path)
    project.edit("config/settings.yaml", "debug: false", "debug: true")
    before = project.files()

    ran = project.run("verify")

    assert ran.exit == 0, ran.text
    assert ("uncommitted-edits", "config/settings.yaml") in [(finding.id, finding.subject) for finding in ran.findings]
    assert project.files() == before


def test_reference_in_an_f_string_is_noticed(tmp_path: Path) -> None:
    """The plan lacks the connection URL, so the run is refused with file and line."""
    _, _, *others = REFERENCES.split("[[reference]]")
    project = real_project(tmp_path, references="[[reference]]".join(["", *others]))
    before = project.contents()

    ran = project.run("migrate")

    assert ran.exit == 4, ran.text
    assert ran.failed == {"references-complete"}
    assert "references-complete: src/shop/store.py:9: engine = create_engine(f" in ran.text
    assert '\n    [[reference]]\n    file = "src/shop/store.py"\n    find = ' in ran.text
    assert project.contents() == before


@pytest.mark.thorough
def test_real_project_is_consolidated_with_proposed_references(tmp_path: Path) -> None:
    """There is no git. What ``.gitignore`` names is left out as well."""
    project = real_project(tmp_path, references="", git=False)

    made = propose_references(scan_scope(load(project.plan), project.root, project.root, excluded=[project.plan]))
    project.plan.write_text(PLAN + references_of(made) + REST)
    ran = project.run("migrate")

    assert [reference.file for reference in made if reference.understood] == [reference.file for reference in made]
    assert ran.exit == 0, ran.text
    assert {(finding.id, finding.subject) for finding in ran.findings} == {
        ("parents-found", "var/notes.db:notes"),
        ("object-left", "var/notes.db"),
        ("object-left", "var/orders.db"),
        ("mention-in-documentation", "README.md:3"),
    }


@pytest.mark.thorough
def test_sample_is_rehearsed_with_proposed_references(tmp_path: Path) -> None:
    """The references of its own plan lead to the same file."""
    sample = Workspace(build(tmp_path / "workspace"), tmp_path / "reports")
    head, *rest = sample.plan.read_text("utf-8").split("[[reference]]")
    after = rest[-1].partition("# The replacements above")[2]
    sample.plan.write_text(head + "#" + after, "utf-8")

    made = propose_references(scan_scope(load(sample.plan), sample.root, sample.root, excluded=[sample.plan]))
    sample.plan.write_text(head + references_of(made) + "#" + after, "utf-8")
    ran = sample.run("verify")

    assert (len(rest), len(made)) == (3, 3)
    assert ran.exit == 0, ran.text
    assert ran.evidence["verdict"] == "accepted"


def test_line_endings_encoding_and_mode_are_kept(project: Workspace, consolidated: CompletedRun, fresh: Path) -> None:
    """Windows line endings, Latin-1 and the executable bit stay. Only the references differ."""
    before, after = code(fresh), code(project.root)

    assert consolidated.exit == 0
    assert {name: mode for name, (mode, _) in after.items()} == {name: mode for name, (mode, _) in before.items()}
    assert after["scripts/archive.sh"][0] == "-rwxr-xr-x"
    legacy, labels = after["src/shop/legacy.py"][1], after["src/shop/labels.py"][1]
    assert legacy.count(b"\r\n") == legacy.count(b"\n") == before["src/shop/legacy.py"][1].count(b"\n")
    assert "Grüße".encode("latin-1") in labels
    assert not after["scripts/archive.sh"][1].endswith(b"\n")


@pytest.mark.parametrize("options", [[], ["--unidiff-zero"]], ids=["of the backup set", "of the report"])
def test_diff_applied_to_a_checkout_gives_the_same_code(
    project: Workspace, consolidated: CompletedRun, fresh: Path, tmp_path: Path, options: list[str]
) -> None:
    """The clone has no ``.env``, because that is not in the repository.

    The diff of the report has no context lines of configuration.
    """
    run_git(tmp_path, "clone", "-q", str(fresh), "clone")
    shutil.copy2(fresh / ".env", tmp_path / "clone/.env")
    assert consolidated.folder is not None
    folder = consolidated.folder if options else project.sets()[0]

    applied = subprocess.run(
        ["git", "apply", *options, str(folder / "code.diff")],
        cwd=tmp_path / "clone",
        capture_output=True,
        text=True,
        check=False,
    )

    assert applied.returncode == 0, applied.stderr
    assert code(tmp_path / "clone") == code(project.root)
