"""Write the record of a run into pytest-html's report, and correct that report.

The page is put above pytest-html's own table. It is drawn at the begin and at the end, and between them at most every
two seconds, so that the file of a killed run shows how far the run was. pytest-html 4.2 does not escape test ids and
environment values, and loses the texts of failing subtests. Its public hooks are used to correct both. It writes its
file after each test, which is done less often here.
"""

from __future__ import annotations

import time
import traceback
from collections import defaultdict
from html import escape
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.atomic_files import write_private
from sqlite_consolidate.report.file_names import JUNIT, PAGE
from sqlite_consolidate.report.html.page import STYLES, render_page
from sqlite_consolidate.report.html.page_file import environment, harden, title
from sqlite_consolidate.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from sqlite_consolidate.session import Session

_NAME = "sqlite-consolidate-report"

_LEAST = 2.0  # seconds between two drawings of the page of an unfinished run
_PAUSES = 10  # an unfinished page, or its file, takes at most this part of the time


def prepare(config: pytest.Config, session: Session) -> None:
    """Let pytest-html and junitxml write into the run's folder, with the run's page on top.

    Call it before pytest-html is configured, from ``pytest_cmdline_main`` or a first ``pytest_configure``. A path that
    was given with ``--html`` or ``--junitxml`` is kept.
    """
    option = config.option
    ours = None
    if not getattr(option, "htmlpath", None):
        ours = session.request.folder / PAGE
        option.htmlpath = str(ours)
        option.self_contained_html = True
    option.css = [*getattr(option, "css", []), *map(str, STYLES)]
    if not getattr(option, "xmlpath", None):
        option.xmlpath = str(session.request.folder / JUNIT)
    follows = config.pluginmanager.hasplugin("html") and bool(config.getini("generate_report_on_test"))
    report = AuditReport(session, ours, follows=follows)
    config.pluginmanager.register(report, _NAME)
    config.pluginmanager.register(Following(report), f"{_NAME}-following")


def finish(config: pytest.Config) -> None:
    """Draw the page from the current state of the run, or do nothing without a run.

    Call it when the verdict is known and before pytest-html writes, from a ``pytest_sessionfinish`` that is not the
    last.
    """
    report = config.pluginmanager.get_plugin(_NAME)
    if isinstance(report, AuditReport):
        report.draw()


def unwritten(config: pytest.Config) -> OSError | None:
    """Return why a file of pytest could not be written, or None."""
    report = config.pluginmanager.get_plugin(_NAME)
    return report.error if isinstance(report, AuditReport) else None


def finalise_html(path: Path, *, sync: bool = True) -> None:
    """Harden the file that pytest-html has written, if there is one, and set its mode to 0600.

    The function is idempotent. Pass ``sync=False`` for a file that is written again after the next test.
    """
    if path.is_file():
        text = path.read_text("utf-8")
        write_private(path, harden(text).encode("utf-8"), sync=sync)


class AuditReport:
    """Provide the hooks of one run's report.

    :func:`prepare` registers them, so that without a run there are none.

    Attributes:
        path: File that is hardened after each write. It is None if the user has it written to another path.
        follows: Whether pytest-html writes the file after each test, and not at the end alone.
        error: Why a last file of pytest could not be written, or None.
    """

    error: OSError | None = None

    def __init__(self, session: Session, path: Path | None, *, follows: bool) -> None:
        self._session = session
        self.path = path
        self.follows = follows
        self._drawn: tuple[object, ...] = ()
        self._next = 0.0
        self._next_file = 0.0
        self._is_written = True
        self._is_last = False
        self._above: list[str] = []
        self._environment: dict[str, Any] = {}
        self._subtests: dict[str, list[pytest.SubtestReport]] = defaultdict(list)

    def draw(self) -> None:
        """Update page and environment table to the current state.

        pytest-html holds both by reference.
        """
        self._drawn, start = self._now(), time.monotonic()
        record = self._session.record()
        self._above[:] = [render_page(record)]
        self._environment.clear()
        self._environment.update(environment(record))
        seconds = time.monotonic() - start
        self._next = time.monotonic() + max(_LEAST, _PAUSES * seconds)

    def _now(self) -> tuple[object, ...]:
        """Return the state that decides whether the page is drawn again.

        Drawing the page for each test would take longer than the run.
        """
        return tuple((record.id, record.outcome) for record in self._session.run.log.stages.values())

    def _is_due(self) -> bool:
        """Return whether a stage has changed, and drawing takes a small part of the run."""
        return self._now() != self._drawn and time.monotonic() >= self._next

    @pytest.hookimpl(optionalhook=True, trylast=True)
    def pytest_metadata(self, metadata: dict[str, Any]) -> None:
        """Replace the environment table by ours.

        The table of pytest-metadata contains paths, users and mail addresses of a CI system.
        """
        self._environment = metadata
        metadata.clear()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        """Set the title of the report, and draw the page of the unfinished run."""
        report.title = title(self._session.request.run_id, self._session.request.mode)
        self._above = report.additional_summary["prefix"]
        self.draw()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> Generator[None, object, object]:
        """Harden the first file, and let pytest-html write the next ones less often."""
        result = self._hardening((yield))
        if self.path and self.follows:
            self._space_writes(session.config.pluginmanager)
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Harden the file if it was written after a test."""
        result = yield
        if not self._is_written:
            return result
        start = time.monotonic()
        result = self._hardening(result, sync=False)
        self._next_file += _PAUSES * (time.monotonic() - start)
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Harden the last file, before other wrappers of this hook see it.

        A file of pytest that cannot be written, as on a full disk, does not keep the others from their work.
        """
        self._is_last = True
        try:
            return self._hardening((yield))
        except OSError as error:
            self.error = error
            return None

    def _space_writes(self, manager: pytest.PytestPluginManager) -> None:
        """Let pytest-html write unfinished files for a small part of the time.

        It has no setting for that. A version that writes by another method writes after each test. The plugin that
        writes has no name: ``html`` is its module.
        """
        plugin: Any = next((plugin for plugin in manager.get_plugins() if hasattr(plugin, "_generate_report")), None)
        if plugin is None:
            return
        write = plugin._generate_report  # noqa: SLF001 -- see the docstring

        def write_if_due(*arguments: Any, **keywords: Any) -> None:
            start = time.monotonic()
            self._is_written = self._is_last or start >= self._next_file
            if self._is_written:
                write(*arguments, **keywords)
                now = time.monotonic()
                self._next_file = now + _PAUSES * (now - start)

        plugin._generate_report = write_if_due  # noqa: SLF001 -- see the docstring

    def _hardening(self, result: object, *, sync: bool = True) -> object:
        try:
            if self.path:
                finalise_html(self.path, sync=sync)
        except OSError as error:  # as on a full disk, where the last page may fit again
            self.error = error
        else:
            self.error = None
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Draw the page after other plugins have noted the report, before pytest-html writes."""
        if isinstance(report, pytest.SubtestReport):
            self._subtests[report.nodeid].append(report)
        elif self.follows and report.when == "teardown" and self._is_due():
            self.draw()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Remove the column of links.

        A run has no links, and pytest-html would not escape them.
        """
        del cells[3:]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """Escape the test id, and keep one row per test.

        Rows of subtests overwrite each other.
        """
        if isinstance(report, pytest.SubtestReport):
            cells.clear()
            return
        test = report.nodeid if report.when == "call" else f"{report.nodeid}::{report.when}"
        cells[1] = f'<td class="col-testId">{escape(one_line(test))}</td>'
        del cells[3:]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, report: pytest.TestReport, data: list[str]) -> None:
        """Make the log printable, and put the texts of the test's subtests before it.

        Subtests have no row of their own.
        """
        data[:] = [printable(part) for part in data]
        if report.when == "call":
            data[:0] = [escape(printable(_subtest_text(subtest))) for subtest in self._subtests.pop(report.nodeid, [])]


class Following:
    """Let the tests go on if a report that follows them cannot be written, as on a full disk."""

    def __init__(self, report: AuditReport) -> None:
        self._report = report

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_logreport(self) -> Generator[None, object, object]:
        """Keep the reason. The last page may fit again.

        The error of another plugin is its own.
        """
        try:
            return (yield)
        except OSError as error:
            if not _is_of_report(error):
                raise
            self._report.error = error
            return []


def _is_of_report(error: OSError) -> bool:
    """Return whether pytest-html could not write its file."""
    modules = {str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)}
    return any(module.partition(".")[0] == "pytest_html" for module in modules)


def _subtest_text(subtest: pytest.SubtestReport) -> str:
    values = ", ".join(f"{name}={value}" for name, value in subtest.context.kwargs.items())
    named = " ".join(part for part in (subtest.context.msg, values) if part)
    return f"[{subtest.outcome}] {named}\n{subtest.longreprtext}"
