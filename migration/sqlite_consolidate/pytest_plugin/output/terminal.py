"""Write one line for each stage, and adjust what pytest shows beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.pytest_plugin.output.lossy_stream import LossyStream
from sqlite_consolidate.pytest_plugin.output.summary import summary_lines
from sqlite_consolidate.pytest_plugin.state import SESSION, stage_of
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlite_consolidate.session import Session

_NAME = "sqlite-consolidate-progress"

_NO_RESULT = {"yellow": True}
_MARKUP = {"passed": {"green": True}, "failed": {"red": True}}
"""Markup of pytest's terminal for the outcome of a stage. Other outcomes are no result."""


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Show the stages of a run as progress, instead of the test files."""
    session = config.stash.get(SESSION, None)
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if session is None or terminal is None:
        return
    terminal._tw._file = LossyStream(terminal._tw._file)  # noqa: SLF001 -- tested: a run does not end with its reader
    if config.get_verbosity() <= 0:
        terminal.showfspath = False
        terminal._show_progress_info = False  # noqa: SLF001 -- semi-private, tested: "[100%]" after each test
    config.pluginmanager.register(StageLines(session, terminal, shown=config.get_verbosity() == 0), _NAME)


def progress_callback(config: pytest.Config) -> Callable[[str], None]:
    """Return the function that a run calls with a text before each part of a long step."""
    lines = config.pluginmanager.get_plugin(_NAME)
    return lines.heartbeat.start_step if isinstance(lines, StageLines) else lambda _words: None


class StageLines:
    """Write one line for each stage.

    The plugin is registered for a run only.
    """

    def __init__(self, session: Session, terminal: Any, *, shown: bool) -> None:
        self._session = session
        self._log = session.run.log
        self._terminal = terminal
        self._shown = shown
        self._stage = ""
        self._closed = False
        self._rehearsed: dict[str, float] | None = None
        self._width: int = terminal._tw.fullwidth  # noqa: SLF001 -- tested
        from sqlite_consolidate.pytest_plugin.output.heartbeat import Heartbeat

        self.heartbeat = Heartbeat(
            on_terminal=bool(terminal.isatty), width=self._width, progress=session.run.limits.progress
        )

    def pytest_sessionstart(self) -> None:
        """Start to show long steps."""
        if self._shown:
            self.heartbeat.expected = self._expected
            self.heartbeat.begin()

    def _expected(self) -> float | None:
        """Return the seconds that the stage took in the last rehearsal of this plan.

        Reports are read only if the run itself has not read them.
        """
        if self._rehearsed is None:
            from sqlite_consolidate.engine.run.results import RunResults
            from sqlite_consolidate.report.rehearsals import last_rehearsal

            run = self._session.run
            last = run.rehearsal if isinstance(run, RunResults) else last_rehearsal(run.request)
            self._rehearsed = last.passed.seconds if last.passed else {}
        return self._rehearsed.get(self._stage)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Close the line of the previous stage when a new one begins."""
        stage = stage_of(item)
        if stage is not None and stage.id != self._stage:
            self._close_line()
            self._stage = stage.id
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport, config: pytest.Config
    ) -> tuple[str, str, str] | None:
        """Write no letter for each test.

        The line of the stage counts the observations.
        """
        if config.get_verbosity() > 0 or not isinstance(report, pytest.TestReport):
            return None
        if report.skipped:
            return "not run", "", ""
        if report.failed:
            return ("failed", "", "FAILED") if report.when == "call" else ("error", "", "ERROR")
        return ("passed", "", "") if report.when == "call" else ("", "", "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Close the last line."""
        self.heartbeat.end()
        self._close_line()
        self._stage = ""

    def pytest_report_header(self) -> list[str]:
        """Report what was done before the first stage, such as rolling back an earlier run."""
        return [one_line(finding.sentence) for finding in self._log.findings]

    def pytest_keyboard_interrupt(self) -> None:
        """Let only the verdict report a signal that ends the run.

        pytest would write a line of exclamation marks with the name of its exception below the verdict.
        """
        if self._log.interrupted is not None:
            self._terminal._report_keyboardinterrupt = lambda: None  # noqa: SLF001 -- semi-private, tested

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # wraps pytest's own summary
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, Any, Any]:
        """Let pytest report unexpected failures with their tracebacks only.

        The last lines report all others.
        """
        stats = terminalreporter.stats
        kept = {name: stats[name] for name in ("failed", "error") if name in stats}
        interrupted = [record for record in self._log.all_stages() if record.outcome == "running"]
        for name, reports in kept.items():
            stats[name] = [report for report in reports if not isinstance(report.longrepr, str)]
        try:
            return (yield)
        finally:
            stats.update(kept)
            if interrupted:  # else pytest ends with the tests that passed, in green
                terminalreporter._add_stats("stage interrupted", interrupted)  # noqa: SLF001 -- semi-private, tested
            self._close()

    def pytest_unconfigure(self) -> None:
        """Write the last lines if pytest writes no summary.

        That happens after an internal error of pytest or of another plugin.
        """
        if self._log.finished and not self._closed:
            self._close()

    def _close(self) -> None:
        self._closed = True
        brief, width = self._terminal.config.get_verbosity() < 0, self._width if self._terminal.isatty else None
        for words, markup in summary_lines(self._session, brief=brief, width=width):
            self._terminal.line(words, **markup)

    def _close_line(self) -> None:
        if not self._stage or not self._shown:
            return
        self.heartbeat.clear_step()
        record = next(record for record in self._log.all_stages() if record.id == self._stage)
        if self._log.already_consolidated:
            return
        from sqlite_consolidate.report.formatting import duration

        criteria = self._log.criteria[self._stage]
        results = [self._log.results[id] for id in criteria if id in self._log.results]
        held = sum(entry.holds for result in results for entry in result.evidence)
        number_of_entries = sum(len(result.evidence) for result in results)
        number, _, name = self._stage.partition("-")
        estimate = f"  (estimate {duration(record.estimate)})" if record.estimate else ""
        outcome, words = "not run", f": {record.reason}"
        if record.outcome != "not run":
            outcome = f"{'interrupted' if record.outcome == 'running' else record.outcome:<8}"
            words = f"{held:>4} of {number_of_entries:>4} checks passed {record.seconds:8.2f} s{estimate}"
        self._terminal.write(f"  {number} {name:<12}")
        self._terminal.write(outcome, **_MARKUP.get(record.outcome, _NO_RESULT))
        self._terminal.line(words)
        space = self._log.results["space"].evidence if "space" in criteria and "space" in self._log.results else ()
        needs = next((entry.observed for entry in space if entry.holds), "")
        if needs:
            self._terminal.line(f"     disk: {needs}")
