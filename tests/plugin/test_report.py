"""Specify the report of a run that pytest-html writes in a small project."""

from __future__ import annotations

import json
import re
import signal
import stat
import time
from html import unescape
from operator import methodcaller
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import pytest_html.plugin  # type: ignore[import-untyped]  # it has no types
from pytest_html.selfcontained_report import SelfContainedReport  # type: ignore[import-untyped]  # it has no types

from sqlite_consolidate.pytest_plugin.output.html_report import AuditReport, Following, finalise_html
from sqlite_consolidate.report.html.page_file import harden
from tests.support.reports import records

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record

_CONFTEST = """
import os
from datetime import UTC, datetime
import pytest
from sqlite_consolidate.report.records import RecordContext
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.verbs.plan_mistakes import PlanRun
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.engine.run.run_log import UndoResult
from sqlite_consolidate.engine.run.stages import PREFLIGHT
from sqlite_consolidate.pytest_plugin.output import html_report as report
from sqlite_consolidate.pytest_plugin.state import SESSION
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.session import Session

pytest_plugins = ["sqlite_consolidate.pytest_plugin.output.html_report"]
MISTAKE = Problem("some-mistake", "a:t", "0 rows", "Correct it.", criterion="plan-valid")

@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if not os.environ.get("WITH_RUN"):
        return
    here = config.rootpath
    settings = Settings(here / "workspace", here / "plan.toml", here / "reports")
    run = PlanRun(RunRequest(Mode.MIGRATE, settings, plan_problems=(MISTAKE,)))
    session = Session(run, RecordContext({"<b>python</b>": "<img src=x onerror=alert(1)>"}))
    config.stash[SESSION] = session
    session.request.folder.mkdir(mode=0o700, parents=True)
    report.prepare(config, session)

def pytest_sessionfinish(session):
    found = session.config.stash.get(SESSION, None)
    if found:
        found.run.perform(PREFLIGHT)
        found.run.check("plan-valid")
        found.run.log.rolled_back = UndoResult("Everything was rolled back.")
        found.run.log.finish(datetime.now(UTC))
        found.code = ExitCode.FAILED
    report.finish(session.config)
"""

_TESTS = """
import pytest

@pytest.mark.parametrize("name", ["<img src=x onerror=alert(2)>"])
def test_param(name):
    print("printed \\u202e by a test")

def test_subs(subtests):
    with subtests.test("first", table="good"):
        pass
    with subtests.test("second", table="<i>bad</i>"):
        assert 1 == 2, "lost text of the second"
    with subtests.test("third"):
        assert 3 == 4, "lost text of the third"
"""

_SETTINGS = """
[pytest]
generate_report_on_test = true
initial_sort = original
render_collapsed = none
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a project with a hostile test id and with subtests that fail."""
    monkeypatch.setenv("WITH_RUN", "yes")
    monkeypatch.setenv("GITLAB_USER_EMAIL", "someone@example.org")
    pytester.makeconftest(_CONFTEST)
    pytester.makepyfile(_TESTS)
    pytester.makefile(".ini", pytest=_SETTINGS)
    return pytester


_LIGHT = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")


def _run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*_LIGHT, *arguments)


def _report(project: pytest.Pytester) -> Path:
    return next((project.path / "reports").glob("*-migrate/audit.html"))


def _data(html: str) -> dict[str, Any]:
    """Return the data from which pytest-html's script draws its tables."""
    blob = re.search(r'data-jsonblob="([^"]*)"', html)
    assert blob
    data: dict[str, Any] = json.loads(unescape(blob.group(1)))
    return data


def test_report_has_verdict_without_script_and_escapes_every_text(project: pytest.Pytester) -> None:
    """The test examines one run completely, because a second run would add nothing."""
    _run(project)
    html = _report(project).read_text("utf-8")
    static = html[: html.index("data-jsonblob")]
    rows = [row for rows in _data(html)["tests"].values() for row in rows]

    # The verdict is there without a script, in the state that the run's end has left.
    assert '<h2 id="verdict">Failed and ' in static
    assert 'id="claim-failed"' in static
    assert re.search(r"<title[^>]*>sqlite-consolidate: migrate \d{8}_\d{6}-migrate</title>", static)

    # A test id is text.
    cells = [row["resultsTableRow"] for row in rows]
    assert all(len(row) == 3 for row in cells)
    assert "&lt;img src=x onerror=alert(2)&gt;" in cells[0][1]
    assert "<img" not in "".join("".join(row) for row in cells)

    # Subtests: one row, which failed, with all their texts.
    assert [row[0] for row in cells] == ['<td class="col-result">Passed</td>', '<td class="col-result">Failed</td>']
    log = rows[1]["log"]
    for expected in (
        "[passed] first table=&#x27;good&#x27;",
        "[failed] second table=&#x27;&lt;i&gt;bad&lt;/i&gt;&#x27;",
        "lost text of the second",
        "lost text of the third",
    ):
        assert expected in log, expected
    assert "\\u202e" in rows[0]["log"]

    # The environment holds our versions and nothing of the machine.
    assert _data(html)["environment"] == {"<b>python</b>": "&lt;img src=x onerror=alert(1)&gt;"}
    assert "someone@example.org" not in html
    assert "page.css" not in html

    # Hardened, private, and beside it the JUnit file.
    assert "onclick" not in static
    assert static.index("Content-Security-Policy") < static.index("<style")
    assert stat.S_IMODE(_report(project).stat().st_mode) == 0o600
    assert stat.S_IMODE(_report(project).parent.stat().st_mode) == 0o700
    assert ET.parse(_report(project).with_name("junit.xml")).getroot().tag == "testsuites"


def test_report_of_killed_run_states_that_it_is_unfinished(project: pytest.Pytester) -> None:
    """Nothing can be written after ``kill -9``.

    The file that was written before must not look finished.
    """
    project.makepyfile("""
        import os, signal
        def test_first(): pass
        def test_killed(): os.kill(os.getpid(), signal.SIGKILL)
    """)

    result = project.runpytest_subprocess(*_LIGHT)

    left = _report(project).read_text("utf-8")
    assert result.ret == -signal.SIGKILL
    assert '<h2 id="verdict">Unfinished</h2>' in left
    assert "Content-Security-Policy" in left
    assert len(_data(left)["tests"]) == 1


def test_paths_that_the_user_gives_are_kept(project: pytest.Pytester) -> None:
    """The options ``--html`` and ``--junitxml`` have priority, and the report has the page."""
    _run(project, "--html=mine.html", "--junitxml=mine.xml")

    assert '<h2 id="verdict">Failed and ' in (project.path / "mine.html").read_text("utf-8")
    assert (project.path / "mine.xml").exists()
    assert [path.name for path in (project.path / "reports").rglob("*.*")] == []


def test_without_a_run_nothing_is_touched(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ``pytest --html`` without a run is left to pytest-html."""
    monkeypatch.delenv("WITH_RUN")

    _run(project, "--html=plain.html", "--self-contained-html")

    html = (project.path / "plain.html").read_text("utf-8")
    assert 'id="verdict"' not in html
    assert "<html>" in html
    assert not (project.path / "reports").exists()


def test_run_without_pytest_html_writes_its_junit_file(project: pytest.Pytester) -> None:
    """A run without that plugin lacks only the report."""
    result = _run(project, "-p", "no:html")

    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert [path.name for path in (project.path / "reports").rglob("*.*")] == ["junit.xml"]


_PAGE = """<!DOCTYPE html>
<html>
  <head>
    <meta charset="utf-8"/>
    <style>
/******************************
 * CUSTOM CSS
 * /home/someone/secret/page.css
 ******************************/
body { color: red }
</style>
  </head>
  <body><div onclick="location.reload()">reload</div>
    <script>go()</script>
  </body>
</html>
"""


def test_hardened_page_runs_only_its_own_script() -> None:
    """The policy contains the hash of the script.

    The browser refuses an event handler or a second script.
    """
    html = harden(_PAGE)

    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert "default-src 'none'" in policy.group(1)
    assert "script-src 'sha256-5KYv+PUboo5h+0+YAtGRPbwv5d/QxzHslP4YGnUaxRw='" in policy.group(1)
    assert "onclick" not in html
    assert "/home/someone" not in html
    assert "body { color: red }" in html


def test_hardening_twice_is_hardening_once(tmp_path: Path) -> None:
    """Hardening follows every write, also if nothing was written in between."""
    path = tmp_path / "audit.html"
    path.write_text(_PAGE)

    finalise_html(path)
    once = path.read_text()
    finalise_html(path)

    assert path.read_text() == once != _PAGE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_hardening_a_file_that_is_not_there_leaves_none(tmp_path: Path) -> None:
    """A run that was refused before pytest-html wrote has no report."""
    finalise_html(tmp_path / "audit.html")

    assert list(tmp_path.iterdir()) == []


def test_page_of_a_running_stage_is_drawn_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short run draws it twice, however many stages it has. A long one keeps it up to date."""
    clock, drawn, stage = [0.0], list[float](), SimpleNamespace(id="10-preflight", outcome="running")

    def record() -> Record:
        drawn.append(clock[0])
        return records.accepted()

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    run = SimpleNamespace(log=SimpleNamespace(stages={stage.id: stage}))
    session = SimpleNamespace(run=run, record=record)
    report: Any = AuditReport(session, None, follows=True)  # type: ignore[arg-type]
    report.draw()

    for clock[0], stage.outcome in ((0.5, "passed"), (1.9, "failed"), (2.1, "not run"), (3.0, "not run")):
        report.pytest_runtest_logreport(SimpleNamespace(when="teardown"))

    assert drawn == [0.0, 2.1]


def test_unfinished_file_takes_a_small_part_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file takes 1 s here. The last one is always written."""
    clock, written = [0.0], list[float]()

    def write(_report: object) -> None:
        written.append(clock[0])
        clock[0] += 1

    html = object.__new__(SelfContainedReport)
    monkeypatch.setattr(SelfContainedReport, "_generate_report", write)
    manager = pytest.PytestPluginManager()
    manager.register(pytest_html.plugin, "html")
    manager.register(html)  # as pytest-html does, so it has no name
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    report: Any = AuditReport(SimpleNamespace(), tmp_path / "audit.html", follows=True)  # type: ignore[arg-type]
    start = report.pytest_sessionstart(SimpleNamespace(config=SimpleNamespace(pluginmanager=manager)))
    next(start)
    with pytest.raises(StopIteration):
        next(start)

    after_a_test = methodcaller("_generate_report")
    for clock[0] in (1.0, 2.0, 11.5, 12.5, 14.0):
        after_a_test(html)
    next(report.pytest_sessionfinish())
    after_a_test(html)

    assert written == [1.0, 12.5, 14.0]


def test_full_disk_below_the_report_gives_no_traceback(project: pytest.Pytester) -> None:
    """A device stands for the full disk."""
    full = project.path / "full.xml"
    full.symlink_to("/dev/full")

    ran = _run(project, f"--junitxml={full}")

    assert "Traceback" not in ran.stdout.str() + ran.stderr.str()


def _full_disk(module: str) -> OSError:
    """Return the error of a module that could not write."""
    with pytest.raises(OSError, match="No space left on device") as raised:
        exec("raise OSError(28, 'No space left on device')", {"__name__": module})  # noqa: S102 -- the text is above
    return raised.value


@pytest.mark.parametrize("hook", ["pytest_sessionfinish", "pytest_runtest_logreport"])
def test_reason_of_an_unwritten_file_is_kept(hook: str) -> None:
    """The next page that is written makes it void."""
    report: Any = AuditReport(SimpleNamespace(), None, follows=True)  # type: ignore[arg-type]
    hooks = report if hook == "pytest_sessionfinish" else Following(report)
    call = getattr(hooks, hook)()
    next(call)

    with pytest.raises(StopIteration):
        call.throw(_full_disk("pytest_html.basereport"))

    assert report.error.errno == 28
    last = report.pytest_sessionfinish()
    next(last)
    with pytest.raises(StopIteration):
        next(last)
    assert report.error is None


def test_error_of_another_plugin_is_not_kept() -> None:
    """It ends the run, as in any pytest."""
    report: Any = AuditReport(SimpleNamespace(), None, follows=True)  # type: ignore[arg-type]
    call = Following(report).pytest_runtest_logreport()
    next(call)

    with pytest.raises(OSError, match="No space left on device"):
        call.throw(_full_disk("dashboard"))

    assert report.error is None
