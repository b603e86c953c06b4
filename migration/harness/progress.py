"""Progress: a line for each stage, a sign of life in long ones, and the last words on the terminal."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from migration.audit.criteria import STAGES
from migration.audit.words import duration
from migration.harness.outcome import stage_of
from migration.harness.state import STATE, RunState
from migration.plan.printable import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

TERMINAL_SECONDS, LOG_SECONDS = 2.0, 10.0
"""How often a long step shows that it lives: on a terminal, and in a log file."""

_MOST_PROBLEMS = 50
_NAME = "sqlite-consolidate-progress"


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """During a run the stages are the unit of progress, not the test files."""
    state = config.stash.get(STATE, None)
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if state is None or terminal is None:
        return
    if config.get_verbosity() <= 0:
        terminal.showfspath = False
        terminal._show_progress_info = False  # noqa: SLF001 -- semi-private, tested: "[100%]" after each test
    config.pluginmanager.register(StageLines(state, terminal, shown=config.get_verbosity() == 0), _NAME)


def teller(config: pytest.Config) -> Callable[[str], None]:
    """Return what a run calls with a few words before each part of a long step."""
    lines = config.pluginmanager.get_plugin(_NAME)
    return lines.say if isinstance(lines, StageLines) else lambda _words: None


class StageLines:
    """Writes one line a stage; registered for a run only."""

    def __init__(self, state: RunState, terminal: Any, *, shown: bool) -> None:
        self._state = state
        self._terminal = terminal
        self._shown = shown
        self._stage = ""
        self._words = ""
        self._since = time.monotonic()
        self._over = threading.Event()
        self._on_terminal = bool(terminal.isatty)
        self._thread = threading.Thread(target=self._show_life, daemon=True)

    def say(self, words: str) -> None:
        """Remember what is being done now; it is shown when it takes long."""
        self._words, self._since = one_line(words), time.monotonic()

    def pytest_sessionstart(self) -> None:
        """Begin to watch for long steps."""
        if self._shown:
            self._thread.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Close the line of the stage before when a new one begins."""
        stage = stage_of(item)
        if stage is not None and stage != self._stage:
            self._close_line()
            self._stage = stage
            self.say("")
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport, config: pytest.Config
    ) -> tuple[str, str, Any] | None:
        """Write no letter for each test; the stage's line counts them."""
        if config.get_verbosity() > 0 or not isinstance(report, pytest.TestReport):
            return None
        if report.skipped:
            return "not run", "", ""
        if report.when == "call" or report.failed:
            return ("error" if report.failed and report.when != "call" else report.outcome), "", ""
        return "", "", ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Close the last line."""
        self._over.set()
        self._close_line()
        self._stage = ""

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say how it ended, where the report is, and what to do next."""
        record = self._state.record()
        terminalreporter.section("sqlite-consolidate", sep="=")
        bad = [one for one in record.criteria if not one.holds]
        for one in bad[:_MOST_PROBLEMS]:
            terminalreporter.line(f"  {one.criterion}  {one_line(f'{one.subject}: {one.observed} {one.todo}')}")
        if len(bad) > _MOST_PROBLEMS:
            terminalreporter.line(f"  and {len(bad) - _MOST_PROBLEMS} more: see the report")
        if record.findings:
            terminalreporter.line(f"  {len(record.findings)} findings for a reader's eye are in the report")
        good = record.verdict == "accepted"
        terminalreporter.line(printable(record.headline), bold=True, green=good, red=not good)
        for label, words in (
            ("report", str(self._state.folder / "audit.html")),
            ("backup set", record.backup_set if record.mode != "rehearsal" else ""),
            ("next", self._next()),
        ):
            if words:
                terminalreporter.line(f"  {label + ':':<12}{one_line(words)}")

    def _next(self) -> str:
        state = self._state
        said = "" if state.settings.sample else f" --workspace {state.settings.workspace}"
        good = state.verdict() == "accepted"
        if state.mode == "rehearsal":
            verb = "migrate" if good else "verify"
        else:
            verb = {"migrate": "verify" if good else "migrate", "check": "verify", "rollback": "verify"}[state.mode]
        if good and state.mode == "check":
            return ""
        before = "" if good or state.put_back_failed else "settle what is listed above, then: "
        return f"{before}pytest -m {'rollback' if state.put_back_failed else verb}{said}"

    def _close_line(self) -> None:
        if not self._stage or not self._shown:
            return
        one = self._state.stages.get(self._stage)
        if one is None:
            return
        shown = [e for e in self._state.evidence if _stage_of_criterion(e.criterion) == self._stage]
        held = sum(e.holds for e in shown)
        number, _, name = self._stage.partition("-")
        estimate = f"  (estimate {duration(one.estimate)})" if one.estimate else ""
        if one.outcome == "not run":
            words = f"not run: {one.reason}"
        else:
            words = f"{one.outcome:<8}{held:>4} of {len(shown):>4} observations hold {one.seconds:8.2f} s{estimate}"
        self._erase()
        self._terminal.line(f"  {number} {name:<12}{words}", red=one.outcome == "failed")

    def _show_life(self) -> None:
        pause = TERMINAL_SECONDS if self._on_terminal else LOG_SECONDS
        while not self._over.wait(pause):
            passed = time.monotonic() - self._since
            if self._stage and self._words and passed >= pause / 2:
                text = f"  {self._stage}: {self._words}, {passed:.0f} s"
                self._terminal.rewrite(text, erase=True) if self._on_terminal else self._terminal.line(text)

    def _erase(self) -> None:
        if self._on_terminal:
            self._terminal.rewrite("", erase=True)


def _stage_of_criterion(criterion: str) -> str:
    from migration.audit.criteria import CRITERIA

    if criterion.startswith("smoke:"):
        return "80-smoke"
    return next((one.stage for one in CRITERIA if one.id == criterion), STAGES[0].id)
