"""Count a rehearsal only if its report confirms its verdict for this plan."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.engine.run.stages import ROLLBACK
from sqlite_consolidate.plan.loader import load, sha256
from sqlite_consolidate.pytest_plugin.output.terminal import StageLines
from sqlite_consolidate.report import rehearsals
from sqlite_consolidate.report.rehearsals import last_rehearsal
from sqlite_consolidate.session import open_session
from tests.support.reports.forgery import entry_of, forge, read, shift_earlier, update_digests, write
from tests.support.thorough import thorough
from tests.support.workspaces.one_source import build_one_source
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose plan demands a rehearsal, and that was rehearsed."""
    workspace = build_one_source(tmp_path_factory.mktemp("rehearsed"))
    workspace.edit("consolidation.toml", "format = 1", 'format = 1\nrequire_rehearsal = "24h"')
    ran = workspace.run("verify")
    assert ran.exit == 0, ran.text
    return workspace


@pytest.fixture
def reports(rehearsed: Workspace, tmp_path: Path) -> Path:
    """A copy of its reports, to be forged."""
    return shutil.copytree(rehearsed.reports, tmp_path / "reports", symlinks=True)


def asked(workspace: Workspace, reports: Path) -> RunRequest:
    """Ask for a migration of the workspace."""
    plan = workspace.root / "consolidation.toml"
    settings = Settings(workspace=workspace.root, plan=plan, reports=reports)
    return RunRequest(Mode.MIGRATE, settings, plan=load(plan), plan_sha256=sha256(plan))


def report(reports: Path) -> Path:
    """Return the folder of the one rehearsal."""
    [folder] = reports.glob("*-rehearsal")
    return folder


def _failed(document: Any) -> None:
    entry_of(document, "foreign-keys").update(outcome="failed", observed="1 rows without a parent")


def _unexamined(document: Any) -> None:
    entry_of(document, "integrity").update(outcome="not examined", examined=0)


def _contradicted(document: Any) -> None:
    entry_of(document, "integrity")["observed"] = "row 5 missing from index x"


def _worded(document: Any) -> None:
    entry_of(document, "integrity").update(observed="row 5 missing from index x", relation="stated")


def _table_unmentioned(document: Any) -> None:
    document["criteria"].remove(entry_of(document, "rows-exact"))


def _without_rollback(document: Any) -> None:
    document["criteria"] = [entry for entry in document["criteria"] if entry["id"] != "restored-exact"]


def _other_database(document: Any) -> None:
    document["sources"][0]["before"]["digest"] = "0" * 64


def _other_name(document: Any) -> None:
    document["sources"][0]["file"] = "OLD.db"


def _rows_lost(document: Any) -> None:
    document["target"]["after"]["rows"]["tasks"] -= 1


def _other_version(document: Any) -> None:
    document["versions"]["sqlite-consolidate"] = "0.0.9"


def _other_workspace(document: Any) -> None:
    document["workspace"]["id"] = "0123456789abcdef"


def _other_plan(document: Any) -> None:
    document["plan"]["sha256"] = "0" * 64


def _of_tomorrow(document: Any) -> None:
    shift_earlier(document, timedelta(days=-1))


def _backwards(document: Any) -> None:
    document["started"] = datetime.now(UTC).isoformat(timespec="seconds")
    shift_earlier(document, timedelta())
    document["finished"] = "2020-01-01T00:00:00+00:00"


def _not_accepted(document: Any) -> None:
    document["verdict"] = "refused"


@pytest.mark.thorough
def test_honest_rehearsal_counts_also_when_sealed_anew(rehearsed: Workspace, reports: Path) -> None:
    """What forging leaves as it was is no contradiction."""
    forge(report(reports), lambda _document: None)

    last = last_rehearsal(asked(rehearsed, reports))

    assert last.passed is not None
    assert (last.passed.run, last.refusal) == (report(reports).name, "")
    assert set(last.passed.states) == {"main.db", "old.db"}


def test_progress_reads_no_report_a_second_time(rehearsed: Workspace, reports: Path) -> None:
    """Reading it takes as much memory as the run, which has begun by then."""
    session = open_session(asked(rehearsed, reports).settings, "migrate")
    try:
        shutil.rmtree(report(reports))
        terminal = SimpleNamespace(_tw=SimpleNamespace(fullwidth=80), isatty=False)
        lines = StageLines(session, terminal, shown=True)
        lines._stage = ROLLBACK.id  # noqa: SLF001 -- pytest would set it when the stage begins

        assert lines._expected() is not None  # noqa: SLF001 -- a thread asks for it after seconds
    finally:
        session.end()


@pytest.mark.parametrize("change", [None, _rows_lost])
def test_second_process_finds_the_same(
    rehearsed: Workspace, reports: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None] | None
) -> None:
    """It reads the large reports, so that this process needs no memory for them."""
    if change:
        forge(report(reports), change)
    request = asked(rehearsed, reports)
    expected = last_rehearsal(request)
    monkeypatch.setattr(rehearsals, "MOST_BYTES_HERE", 0)

    last = last_rehearsal(request)

    assert last == expected
    assert (last.passed is None, last.unmet) == ((True, "counts-add-up") if change else (False, ""))


def test_killed_second_process_is_a_refusal(
    rehearsed: Workspace, reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that demands a rehearsal does not begin without an answer."""
    monkeypatch.setattr(rehearsals, "MOST_BYTES_HERE", 0)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))

    last = last_rehearsal(asked(rehearsed, reports))

    assert (last.passed, last.unmet) == (None, "reader")
    assert last.refusal


def test_rehearsal_of_another_workspace_is_no_candidate(rehearsed: Workspace, reports: Path) -> None:
    """Workspaces can share a folder of reports, so its plan is no reason for a refusal."""
    forge(report(reports), _other_workspace)
    forge(report(reports), _other_plan)

    last = last_rehearsal(asked(rehearsed, reports))

    assert (last.passed, last.unmet, last.refusal) == (None, "", "")


@pytest.mark.parametrize(
    ("change", "unmet"),
    [
        (_other_plan, "plan"),
        (_other_version, "version"),
        (_not_accepted, "verdict"),
        (_of_tomorrow, "time"),
        (_failed, "verdict-follows"),
        (_contradicted, "evidence-consistent"),
        (_rows_lost, "counts-add-up"),
        *thorough(
            (_backwards, "time"),
            (_unexamined, "verdict-follows"),
            (_without_rollback, "verdict-follows"),
            (_worded, "evidence-consistent"),
            (_table_unmentioned, "evidence-consistent"),
            (_other_database, "evidence-consistent"),
            (_other_name, "evidence-consistent"),
        ),
    ],
)
def test_forged_rehearsal_does_not_count(
    rehearsed: Workspace, reports: Path, change: Callable[[Any], None], unmet: str
) -> None:
    """All its digests were computed again. The unmet demand and the run are named."""
    forge(report(reports), change)

    last = last_rehearsal(asked(rehearsed, reports))

    assert (last.passed, last.unmet) == (None, unmet), last.refusal
    assert last.refusal.startswith(report(reports).name)
    assert "(expected" not in last.refusal  # which the entry itself says of what the plan demands


def test_rehearsal_whose_page_was_edited_does_not_count(tmp_path: Path) -> None:
    """The page is drawn again as in a bundle check. Without a page the report counts."""
    workspace = build_one_source(tmp_path)
    ran = workspace.forked("verify")
    assert ran.exit == 0, ran.text
    folder = report(workspace.reports)
    files = read(folder)
    edited = {**files, "audit.html": b"<script>alert(1)</script>"}
    update_digests(edited)
    write(folder, edited)

    assert last_rehearsal(asked(workspace, workspace.reports)).unmet == "files-agree"

    forge(folder, lambda _document: None)
    assert last_rehearsal(asked(workspace, workspace.reports)).passed is not None


@pytest.mark.thorough
def test_exchanged_digest_does_not_hide_a_changed_source(tmp_path: Path) -> None:
    """The report has the new digest everywhere, but the old contents of tables."""
    workspace = build_one_source(tmp_path)
    workspace.edit("consolidation.toml", "format = 1", 'format = 1\nrequire_rehearsal = "24h"')
    workspace.edit("consolidation.toml", "  rows = 3\n", "")
    assert workspace.run("verify").exit == 0
    before = read_contents(workspace.root / "old.db").digest
    workspace.execute("old.db", "INSERT INTO tasks VALUES ('d', 'four', 4.5, NULL)")
    after = read_contents(workspace.root / "old.db").digest

    forge(
        report(workspace.reports),
        lambda document: document.update(json.loads(json.dumps(document).replace(before, after))),
    )

    assert last_rehearsal(asked(workspace, workspace.reports)).passed is not None
    ran = workspace.run("migrate")

    assert (ran.exit, ran.failed) == (4, {"rehearsed"}), ran.text


@pytest.mark.parametrize(
    ("evidence", "unmet"),
    [
        (lambda document: {key: document[key] for key in ("run", "verdict", "plan", "sources", "target")}, "evidence"),
        (lambda document: document, "bundle-whole"),
        (lambda _document: [], "evidence"),
    ],
    ids=["few keys", "no other file", "a list"],
)
def test_evidence_alone_is_no_rehearsal(
    rehearsed: Workspace, reports: Path, evidence: Callable[[Any], Any], unmet: str
) -> None:
    """A hand-made file without the report that each run leaves."""
    folder = report(reports)
    made = evidence(json.loads((folder / "evidence.json").read_bytes()))
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "evidence.json").write_text(json.dumps(made))

    last = last_rehearsal(asked(rehearsed, reports))

    assert (last.passed, last.unmet) == (None, unmet), last.refusal


def test_best_refused_candidate_is_named(rehearsed: Workspace, reports: Path) -> None:
    """Another version tells the operator more than another plan, whichever is later."""
    better, worse = report(reports), reports / "29991231_235959-rehearsal"
    shutil.copytree(better, worse)
    forge(worse, lambda document: document.update(run=worse.name))
    forge(worse, _other_plan)
    forge(better, _other_version)

    last = last_rehearsal(asked(rehearsed, reports))

    assert last.unmet == "version"
    assert last.refusal.startswith(better.name)


def test_later_forged_rehearsal_does_not_hide_an_honest_one(rehearsed: Workspace, reports: Path) -> None:
    """The honest one is found behind it."""
    honest, forged = report(reports), reports / "29991231_235959-rehearsal"
    shutil.copytree(honest, forged)
    forge(forged, lambda document: document.update(run=forged.name))
    forge(forged, _failed)

    last = last_rehearsal(asked(rehearsed, reports))

    assert last.passed is not None
    assert last.passed.run == honest.name


@pytest.mark.thorough
def test_migration_is_refused_after_a_forged_rehearsal(rehearsed: Workspace, reports: Path) -> None:
    """It exits with 4 and changes nothing. The honest report passes the preflight."""
    forge(report(reports), _failed)
    before = rehearsed.files()
    forged = Workspace(rehearsed.root, reports).forked("migrate")

    assert (forged.exit, forged.failed) == (4, {"rehearsed"}), forged.text
    assert rehearsed.files() == before
    honest = rehearsed.run("migrate")
    assert (honest.exit, honest.failed) == (0, set()), honest.text
