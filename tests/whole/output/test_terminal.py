"""Show on the terminal what a run does and how it ends."""

from __future__ import annotations

from collections import Counter
from typing import NoReturn

import pytest

from sqlite_consolidate.engine.run.stages import STAGES
from sqlite_consolidate.engine.sqlite.connections import sqlite_version_text
from sqlite_consolidate.pytest_plugin.output import heartbeat as life
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import Before, CompletedRun, Workspace

_COUNTED = "rows-counted"


def _fail(_run: object) -> NoReturn:
    raise ZeroDivisionError("unexpected failure")


class BrokenReporter:
    """Fail in another plugin's reporting after COMMIT."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Fail."""
        if "test_70_references" in report.nodeid:
            raise ConnectionError("the dashboard is down")


class Impatient:
    """A plugin that lets signs of life come as often as they can."""

    def pytest_configure(self) -> None:
        """Take the pause away."""
        life.LOG_SECONDS = 0


@pytest.mark.parametrize("styles", [("--color=no", "-q"), *thorough((("-v",),))])
def test_run_ends_with_verdict_report_and_next_command(workspace: Workspace, styles: tuple[str, ...]) -> None:
    """The usual style has a line for each stage, and ``-q`` the verdict and the report alone."""
    accepted, rolled_back = (
        "Accepted: consolidated, every required criterion passed.",
        "Rolled back: everything is as it was",
    )
    names = {"--color=no": [stage.id for stage in STAGES if "migrate" in stage.modes]}
    for (verb, verdict), style in zip((("migrate", accepted), ("rollback", rolled_back)), styles, strict=False):
        ran = workspace.forked(verb, style, "--durations=2")

        files = [
            f"  report:     {ran.folder}/audit.html",
            f"  bundle:     {ran.folder}.zip",
            f"  backup set: backups/{workspace.sets()[-1].name}",
            f"  next:       pytest -m verify --workspace={workspace.root} --reports={workspace.reports}",
        ]
        shown = files[:1] if style == "-q" else files
        ending, *last = ran.text.rstrip().splitlines()[-len(shown) - 2 : -1]
        assert ending.startswith(verdict)
        assert last == shown
        lines = [line.split()[:2] for line in ran.text.splitlines() if " checks passed     " in line]
        assert ["-".join(words) for words in lines] == names.get(style, [])
        assert "slowest 2 durations" in ran.text
        if verb == "migrate" and style != "-q":
            assert_header(ran, workspace, "migrate, for real")


def test_a_run_says_first_what_it_is(workspace: Workspace) -> None:
    """Mode, workspace, plan and library stand in the header, of a mere listing too."""
    ran = workspace.forked("verify", "--collect-only")

    assert ran.exit == 0, ran.text
    assert_header(ran, workspace, "rehearsal, on copies: the workspace is not written to")
    assert "slowest" not in ran.text


def assert_header(ran: CompletedRun, workspace: Workspace, mode: str) -> None:
    """Assert that the first lines name mode, workspace, plan and library."""
    header = ran.text.splitlines()[:8]
    assert f"mode: {mode}" in header
    assert f"workspace: {workspace.root}" in header
    assert f"plan: {workspace.plan}" in header
    assert f"SQLite: {sqlite_version_text()}" in header


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("environment", "option", "coloured"),
    [
        ({"FORCE_COLOR": "1"}, "-x", True),
        *thorough(
            ({"CI": "true"}, "-v", False),
            ({}, "--color=yes", True),
            ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "-q", False),
        ),
    ],
)
def test_output_is_coloured_only_on_request(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], option: str, *, coloured: bool
) -> None:
    """A file, a pipe and a CI log get plain lines, and every problem even with -x."""
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    workspace.edit("consolidation.toml", "format = 1", "format = 2\nfromat = 1")

    ran = workspace.forked("verify", option)

    assert ran.exit == 4, ran.text
    assert ("\x1b[" in ran.text) == coloured
    assert "[bad-value]" in ran.text
    assert "[unknown-key]" in ran.text


def test_long_step_shows_progress(workspace: Workspace) -> None:
    """The application ends only when it has read the progress line itself."""
    waits = f"while 'running the store' not in open({str(workspace.output)!r}).read(): pass"
    workspace.edit("consolidation.toml", '"from app.store', f'"""\n{waits}\nfrom app.store')
    workspace.edit("consolidation.toml", 'titles()))"', 'titles()))\n"""')

    ran = workspace.forked("migrate", plugin=Impatient())

    assert ran.exit == 0, ran.text
    assert "     running the store reads its tasks, " in ran.text


@pytest.mark.thorough
def test_unexpected_failure_keeps_its_traceback(workspace: Workspace) -> None:
    """The run is rolled back, and the last lines name the failure."""
    before = workspace.contents()

    ran = workspace.forked("migrate", plugin=Before(_COUNTED, _fail))

    assert ran.exit == 1, ran.text
    assert ran.shows_source
    assert "  40-transfer: ZeroDivisionError: unexpected failure" in ran.text
    assert "FAILED tests/stages/test_40_transfer.py" in ran.text
    assert ran.findings[0].text == "40-transfer: ZeroDivisionError: unexpected failure"
    assert workspace.contents() == before


@pytest.mark.thorough
def test_a_plugin_that_breaks_pytest_breaks_nothing_else(workspace: Workspace) -> None:
    """It exits with 3, is rolled back, and the report states it."""
    before = workspace.contents()

    ran = workspace.forked("migrate", plugin=BrokenReporter())

    assert ran.exit == 3, ran.text
    assert ran.evidence["verdict"] == "not shown"
    assert ran.evidence["headline"] == "Not shown. Everything was rolled back."  # what was restored is listed apart
    assert "Everything was rolled back" in ran.text
    assert workspace.contents() == before


def test_long_list_of_problems_is_cut(workspace: Workspace) -> None:
    """The report has the problems beyond fifty."""
    workspace.execute(
        "old.db", "".join(f"CREATE TABLE extra{n}(x); INSERT INTO extra{n} VALUES (1);" for n in range(60))
    )

    ran = workspace.run("migrate")

    assert ran.exit == 4, ran.text
    assert ran.text.count("1 row would be left behind") == 50
    assert "and 10 more: see the report" in ran.text
    assert len([entry for entry in ran.evidence["criteria"] if entry["outcome"] == "failed"]) == 60


@pytest.mark.thorough
def test_each_kind_of_finding_has_a_line(workspace: Workspace) -> None:
    """Twenty triggers do not bury the lost constraint, and one line has the kinds of notes."""
    triggers = "".join(
        f"CREATE TRIGGER left{n} AFTER INSERT ON extra WHEN new.x = {n} BEGIN SELECT 1; END;" for n in range(20)
    )
    left = "CREATE TABLE left(x); INSERT INTO left VALUES (1)"
    workspace.execute("old.db", f"CREATE TABLE extra(x NOT NULL); {triggers} {left}")
    extra = '[[source.table]]\n  name = "extra"\n  create = "CREATE TABLE extra(x)"'
    leave = '[[source.leave]]\n  tables = ["left"]\n  reason = "old"'
    workspace.edit("consolidation.toml", 'name = "tags"', f'name = "tags"\n\n  {extra}\n\n  {leave}')

    ran = workspace.run("verify")

    kinds = Counter(finding.id for finding in ran.findings if finding.level == "attention")
    lines = [line for line in ran.text.splitlines() if line.startswith("  to review: ")]
    assert kinds["trigger-left"] == 20
    assert len(kinds) > 1
    assert {id for id in kinds if any(line.endswith(f"[{id}]") for line in lines)} == set(kinds)
    further = 20 - sum(line.endswith("[trigger-left]") for line in lines)
    assert any(f"(and {further} more of this kind) [trigger-left]" in line for line in lines)
    assert "more to review: see the report" in ran.text
    notes = Counter(finding.id for finding in ran.findings if finding.level == "note")
    (kinds_of_notes,) = (line.rpartition(": ")[2] for line in ran.text.splitlines() if "note (see" in line)
    assert kinds_of_notes.split(", ") == list(notes) == ["rows-left"]


@pytest.mark.parametrize("style", ["-v", *thorough("--color=no")])
def test_hostile_names_are_escaped(workspace: Workspace, style: str) -> None:
    """A table's name can neither control the terminal nor forge a line."""
    name = "x\x1b[2J\nAccepted: everything\u202egood"
    workspace.execute("old.db", f'CREATE TABLE "{name}"(x); INSERT INTO "{name}" VALUES (1)')

    ran = workspace.forked("migrate", style)

    assert ran.exit == 4, ran.text
    assert r"old.db:x\x1b[2J\nAccepted: everything\u202egood: 1 row would" in ran.text
    assert {"\x1b", "\u202e"}.isdisjoint(ran.text)
    assert "\nAccepted" not in ran.text
