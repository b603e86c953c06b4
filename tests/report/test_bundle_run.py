"""Check a bundle as a run of the engine, and find every tampering in its files."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.backup.history import TABLE as HISTORY
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.engine.run.run_log import NO_TABLE_MOVED
from sqlite_consolidate.engine.run.stages import BUNDLE
from sqlite_consolidate.engine.run.verdict import headline, verdict
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.bundle import begin_bundle, write_bundle
from sqlite_consolidate.report.bundle_check.bundle_run import BundleRun
from sqlite_consolidate.report.bundle_check.pytest_files.stage_tests import stage_tests_of
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from sqlite_consolidate.report.evidence import DatabaseRecord
from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.session import open_session
from tests.report.test_evidence_file import of_schema_1
from tests.support.reports.scripted_run import APPLICATION, ended, record_of_run
from tests.support.reports.tampering import edited, update_digests, zipped
from tests.support.thorough import thorough
from tests.support.workspaces.two_sources import build_two_sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record

Files = dict[str, bytes]
_SMOKE = f"""
[[smoke]]
name = "{APPLICATION}"
python = "print(1)"
"""


def junit_of(mode: Mode, applications: int) -> str:
    """Return the ``junit.xml`` of a run whose tests all passed."""
    cases = [
        f'<testcase classname="stages.test_{stage.replace("-", "_")}" name="{name}"/>'
        for stage, name in stage_tests_of(mode, applications)
    ]
    counts = f'errors="0" failures="0" skipped="0" tests="{len(cases)}"'
    return f'<testsuites><testsuite name="pytest" {counts}>{"".join(cases)}</testsuite></testsuites>'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``.zip`` of a migration that was accepted."""
    top = tmp_path_factory.mktemp("made")
    root = build_two_sources(top / "workspace")
    plan = root / "consolidation.toml"
    plan.write_text(plan.read_text() + _SMOKE)
    session = open_session(Settings(workspace=root, plan=plan, reports=top / "reports"), "migrate")
    session.prepare()
    run_stages(session.run)
    session.end()
    folder = session.request.folder
    (folder / "audit.html").write_text(render_page(session.record()), "utf-8")
    (folder / "junit.xml").write_text(junit_of(Mode.MIGRATE, 1), "utf-8")
    session.write()
    assert session.record().verdict == "accepted", session.record().criteria
    return folder.with_suffix(".zip")


@pytest.fixture
def files(made: Path) -> Files:
    """Its files, to be tampered with."""
    return dict(read_bundle(made).files)


def checked(bundle: Path) -> BundleRun:
    """Check every criterion of a bundle, even after a failed one."""
    settings = Settings(workspace=bundle.parent / "nowhere", plan=bundle.parent / "none.toml", reports=bundle.parent)
    run = BundleRun(RunRequest(Mode.BUNDLE, settings), bundle)
    run_stages(run)
    run.end()
    return run


def failing(folder: Path, files: Files) -> set[str]:
    """Return the ids of the criteria that do not hold for a bundle of these files."""
    log = checked(zipped(folder / "some.zip", files)).log
    assert (verdict(log) == "accepted") == all(result.outcome.holds for result in log.results.values())
    return {criterion for criterion, result in log.results.items() if not result.outcome.holds}


def entry_of(document: Any, criterion: str) -> Any:
    """Return the first evidence of a criterion."""
    return next(entry for entry in document["criteria"] if entry["id"] == criterion)


def test_unchanged_bundle_is_accepted(made: Path, files: Files, tmp_path: Path) -> None:
    """The headline ends with the run of the bundle. With new digests it still passes."""
    run = checked(made)
    run.log.finished = "2026-11-22T12:06:09+00:00"

    assert verdict(run.log) == "accepted"
    about = f"Its run {made.stem} states: Accepted: consolidated, every required criterion passed."
    assert headline(run.log, ExitCode.ACCEPTED) == f"{Mode.BUNDLE.accepted} {about}"
    assert [(finding.id, finding.level) for finding in run.log.findings] == [("bundle-of-run", "note")]
    not_passed = {id: result.outcome for id, result in run.log.results.items() if result.outcome is not Outcome.PASSED}
    assert not_passed == {"bundle-signed": Outcome.NOT_REQUIRED}
    assert not run.has_acted
    edited(files, lambda _document: None)
    assert failing(tmp_path, files) == set()


def test_unzipped_folder_is_a_bundle(made: Path, tmp_path: Path) -> None:
    """The name of the folder does not matter."""
    with zipfile.ZipFile(made) as archive:
        archive.extractall(tmp_path / "unzipped")

    assert verdict(checked(tmp_path / "unzipped").log) == "accepted"


def test_files_missing_changed_or_added_are_found(files: Files, tmp_path: Path) -> None:
    """A file that is missing in the manifest as well is found all the same."""
    without = {name: data for name, data in files.items() if name != "sql.log"}
    unlike = {"bundle-whole", "files-agree", "evidence-consistent"}  # page and entries tell what ran

    assert failing(tmp_path, without) == unlike
    assert failing(tmp_path, {**files, "sql.log": b"-- other"}) == unlike
    assert failing(tmp_path, {**files, "note.txt": b"all good"}) == {"bundle-whole"}
    update_digests(without)
    assert failing(tmp_path, without) == unlike


def _unexamined(document: Any) -> None:
    entry_of(document, "rows-exact").update(outcome="not examined", examined=0)


def _removed(document: Any) -> None:
    document["criteria"] = [entry for entry in document["criteria"] if entry["id"] != "foreign-keys"]


def _application_removed(document: Any) -> None:
    document["criteria"] = [entry for entry in document["criteria"] if not entry["id"].startswith("smoke:")]


def _excused(document: Any) -> None:
    document["unanswerable"]["foreign-keys"] = "later"


def _already(document: Any) -> None:
    document |= {"already": True, "criteria": []}


@pytest.mark.parametrize(
    "change",
    [
        _unexamined,
        _removed,
        lambda document: entry_of(document, "rows-exact").update(outcome="failed"),
        lambda document: document.update(exit_code=1),
        *thorough(
            _application_removed,
            _excused,
            _already,
            lambda document: document["stages"][4].update(outcome="failed"),
            lambda document: document["stages"].pop(4),
            lambda document: document["not_shown"].append("foreign-keys"),
            lambda document: document.update(verdict="refused"),
            lambda document: document.update(finished=""),
            lambda document: document["findings"].append(
                {"id": "stage-error", "level": "attention", "subject": "", "count": 1, "text": "40-transfer: no room"}
            ),
        ),
    ],
)
def test_verdict_that_does_not_follow_is_found(files: Files, tmp_path: Path, change: Callable[[Any], None]) -> None:
    """A criterion failed or is missing, the verdict is changed, or a stage is missing."""
    edited(files, change)

    assert "verdict-follows" in failing(tmp_path, files)


def test_passed_criterion_that_examined_nothing_is_refused(files: Files, tmp_path: Path) -> None:
    """Such evidence is not of its schema, and is not judged further."""
    edited(files, lambda document: entry_of(document, "rows-exact").update(examined=0))

    run = checked(zipped(tmp_path / "some.zip", files))

    [entry] = run.log.results["evidence-valid"].evidence
    assert entry.subject.startswith("evidence.json: criteria/")
    assert run.log.outcome("evidence-valid") is Outcome.FAILED
    for criterion in ("verdict-follows", "evidence-consistent", "counts-add-up", "files-agree"):
        assert run.log.outcome(criterion) is Outcome.NOT_EXAMINED
    assert verdict(run.log) == "refused"


def _count_after(document: Any) -> None:
    document["target"]["after"]["rows"]["tasks"] -= 1


def _count_moved(document: Any) -> None:
    document["moves"][0]["rows"] = document["moves"][0]["arrived"] = 2


@pytest.mark.parametrize(
    "change",
    [
        _count_after,
        lambda document: document["target"]["after"]["rows"].pop("projects"),
        *thorough(
            _count_moved,
            lambda document: document["sources"][0]["before"]["rows"].update(tasks=2),
            lambda document: document["moves"].pop(0),
        ),
    ],
)
def test_counts_that_do_not_add_up_are_found(files: Files, tmp_path: Path, change: Callable[[Any], None]) -> None:
    """They are found even if every digest was computed again."""
    edited(files, change)

    assert "counts-add-up" in failing(tmp_path, files)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("audit.html", b">Accepted<", b">Interrupted<"),
        ("junit.xml", b'failures="0"', b'failures="1"'),
        *thorough(
            ("summary.txt", b" 0 failed", b" 7 failed"),
            ("plan.toml", b'"small"', b'"large"'),
            ("manifest.json", b"every required criterion passed", b"all of it"),
        ),
    ],
)
def test_files_that_contradict_the_evidence_are_found(
    files: Files, tmp_path: Path, name: str, old: bytes, new: bytes
) -> None:
    """A page, summary, plan, test file or manifest of another run has new digests."""
    assert old in files[name]
    files[name] = files[name].replace(old, new)

    update_digests(files)

    others = {"evidence-consistent"} if name == "plan.toml" else set()
    assert failing(tmp_path, files) == {"files-agree"} | others


@pytest.mark.parametrize(
    "text", [b"[]", b'{"files": {"a": {}}, "about": []}', *thorough(b"", b'{"files": 7}', b"[" * 9999)]
)
def test_manifest_of_any_shape_fails_a_criterion(files: Files, tmp_path: Path, text: bytes) -> None:
    """No shape of it raises an exception."""
    assert "files-agree" in failing(tmp_path, {**files, "manifest.json": text})


def test_bundle_of_another_release_is_checked_in_part(files: Files, tmp_path: Path) -> None:
    """Its entries must still agree, and an observation states whose criteria are taken."""
    edited(files, _removed)
    edited(files, lambda document: document["versions"].update({"sqlite-consolidate": "0.0.9"}))

    run = checked(zipped(tmp_path / "some.zip", files))

    assert run.log.outcome("verdict-follows") is Outcome.PASSED
    last = run.log.results["verdict-follows"].evidence[-1]
    assert last.subject == "criteria"
    assert "made by release 0.0.9" in last.observed
    edited(files, _count_after)
    assert failing(tmp_path, files) == {"counts-add-up", "files-agree"}  # the summary counts one criterion more


@pytest.mark.parametrize("mode", Mode)
def test_bundle_of_every_mode_is_accepted(tmp_path: Path, mode: Mode) -> None:
    """Bundles of schema 1 have the criteria and the words of their time."""
    run = ended(tmp_path, mode)
    run.log.headline_suffix = NO_TABLE_MOVED if mode.is_consolidation else ""
    target = DatabaseRecord("target", "workspace.db", rows_after={HISTORY: 1}) if mode.is_consolidation else None
    record = replace(record_of_run(run), target=target)
    folder = tmp_path / record.run
    approval = b"its criterion passed" if mode.is_consolidation else b""
    write_bundle(folder, record, plan=run.request.plan_text, approval=approval)
    files = read_bundle(folder).files
    acts = mode.is_consolidation or mode in (Mode.CHECK, Mode.ORIGINALS)
    incomplete = {"evidence-consistent"} if acts else set()  # it moved no planned table, and ran no application

    assert failing(tmp_path, files) == incomplete
    as_schema_1(files, record)
    assert failing(tmp_path, files) == set()
    files["summary.txt"] = files["summary.txt"].replace(b" 0 failed", b" 1 failed")
    update_digests(files)
    assert failing(tmp_path, files) == {"files-agree"}


def as_schema_1(files: Files, record: Record) -> None:
    """Turn a bundle into one of a release before schema 2.

    A criterion that those releases did not have is removed.
    """
    document = of_schema_1(record)
    first = document["criteria"][0]["id"]
    document["criteria"] = [entry for entry in document["criteria"] if entry["id"] != first] or document["criteria"]
    files["evidence.json"] = json.dumps(document).encode()
    shown = len({entry["id"] for entry in document["criteria"]})
    lines = files["summary.txt"].decode().splitlines()
    line = f"Criteria:  {shown} shown, 0 failed, 0 not shown"
    files["summary.txt"] = "\n".join(line if old.startswith("Criteria:") else old for old in lines).encode()
    update_digests(files)


def test_run_without_an_end_has_no_bundle(unfinished: Record, tmp_path: Path) -> None:
    """What a killed run left is refused, by name."""
    folder = tmp_path / unfinished.run
    folder.mkdir()
    begin_bundle(folder, unfinished)

    with pytest.raises(ProblemError, match=unfinished.run) as refusal:
        checked(folder)

    assert refusal.value.ids[0] == "unfinished-run"


@pytest.mark.parametrize(
    ("files", "id"),
    [
        ({"readme.txt": b"hello"}, "no-bundle"),
        ({"manifest.json": b"{}", "../outside.txt": b"x"}, "unsafe-bundle"),
        ({"manifest.json": b"{}", **{f"{number}.txt": b"" for number in range(100)}}, "unsafe-bundle"),
    ],
)
def test_zip_that_is_no_bundle_is_refused(tmp_path: Path, files: Files, id: str) -> None:
    """With the id of its message, before anything is performed."""
    path = zipped(tmp_path / "some.zip", files)

    with pytest.raises(ProblemError) as refusal:
        checked(path)

    assert refusal.value.ids[0] == id


def test_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    """So is one that is not there."""
    (tmp_path / "some.zip").write_bytes(b"%PDF-1.7")
    for name, id in (("some.zip", "damaged-bundle"), ("missing.zip", "no-bundle")):
        with pytest.raises(ProblemError) as refusal:
            checked(tmp_path / name)

        assert refusal.value.ids[0] == id


def test_nothing_is_checked_before_the_bundle_was_read(made: Path) -> None:
    """The pipeline refuses a check whose stage was not performed."""
    settings = Settings(workspace=made.parent, plan=made, reports=made.parent)
    run = BundleRun(RunRequest(Mode.BUNDLE, settings), made)

    for act in (lambda: run.check("verdict-follows"), lambda: run.contents):
        with pytest.raises(ProblemError) as refusal:
            act()

        assert refusal.value.ids[0] == "out-of-order"
    run.perform(BUNDLE)
    assert run.check("verdict-follows").outcome is Outcome.PASSED
