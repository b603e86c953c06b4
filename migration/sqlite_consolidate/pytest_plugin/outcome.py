"""Let the engine's log decide which tests run, their outcomes, and the exit code."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.pytest_plugin import signals
from sqlite_consolidate.pytest_plugin.output.lossy_stream import LossyStream
from sqlite_consolidate.pytest_plugin.state import SESSION, stage_of
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlite_consolidate.engine.run.run_log import RunLog


_NOT_RUN = pytest.StashKey[bool]()


def failure_message(error: BaseException) -> str:
    """Return the reason of an expected failure, or an empty text for any other.

    Any other failure needs its traceback. Expected are problems of the engine, errors of SQLite and of the operating
    system, and ``pytest.fail`` without a traceback, as for a criterion that does not hold.
    """
    from sqlite_consolidate.engine.run.pipeline import failure_message as engine_failure_message

    if isinstance(error, pytest.fail.Exception):
        return "" if error.pytrace else printable(str(error.msg))
    return engine_failure_message(error)


@pytest.hookimpl(tryfirst=True)  # the gate would refuse an interrupted collection, because it is seldom whole
def pytest_collection_finish(session: pytest.Session) -> None:
    """End a run that was interrupted before its first test."""
    signals.exit_if_interrupted(session.config)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test after a failed stage, or if the workspace is already consolidated.

    The test is reported as "not run", not as skipped.
    """
    log, stage = _log(item), stage_of(item)
    if log is None or stage is None:
        return
    signals.exit_if_interrupted(item.config)
    failed = log.failed_stage()
    could_not_perform = failed == stage.id and stage.id not in log.performed
    if log.already_consolidated or (failed and failed != stage.id) or could_not_perform:
        item.stash[_NOT_RUN] = True
        pytest.skip(f"not run: {log.not_run_reason()}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let a signal end a test of a stage."""
    if _log(item) is None:
        return (yield)
    with signals.interruptible(item.config):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Ignore signals after the last test.

    The run is then kept or rolled back, and a signal must not interrupt that.
    """
    if nextitem is None and SESSION in item.config.stash:
        signals.ignore_signals()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a failure by its reason.

    A failure that the log does not contain yet is added to it.
    """
    made = yield
    log, stage = _log(item), stage_of(item)
    if log is None or stage is None:
        return made
    if made.failed and call.excinfo is not None:
        error = call.excinfo.value
        made.longrepr = failure_message(error) or made.longrepr
        if log.failed_stage() != stage.id:
            named = ": ".join(filter(None, (type(error).__name__, str(error))))
            log.fail(stage, failure_message(error) or printable(named))
    if made.skipped and call.excinfo is not None and isinstance(call.excinfo.value, pytest.skip.Exception):
        reason = str(call.excinfo.value.msg)
        made.longrepr = (str(item.path), item.location[1] or 0, reason)
        made.__dict__["not_run"] = is_not_run = item.stash.get(_NOT_RUN, False)
        if not is_not_run and not log.failed_stage():  # the test skipped itself, and checked nothing
            log.fail(stage, f"a test of the stage was left out: {reason}")
    return made


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, Any] | None:
    """Report "not run" instead of "skipped"."""
    is_not_run = getattr(report, "not_run", False)
    return ("not run", "-", ("NOT RUN", {"yellow": True})) if is_not_run else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, Any, Any]:
    """Keep or roll back the run, decide the verdict, and then let the reports be written.

    The exit code is that of the verdict.
    """
    run_session = session.config.stash.get(SESSION, None)
    if run_session is None:
        return (yield)
    from sqlite_consolidate.pytest_plugin.output import html_report as report

    signals.ignore_signals()
    if exitstatus == ExitCode.INTERRUPTED and run_session.run.log.interrupted is None:
        run_session.run.log.interrupted = ExitCode.INTERRUPTED
    refused = exitstatus == ExitCode.REFUSED  # the gate refused the selection
    session.exitstatus = run_session.end(internal=exitstatus == ExitCode.INTERNAL, refused=refused)
    report.finish(session.config)
    try:
        return (yield)
    finally:
        session.exitstatus = run_session.code
        error = report.unwritten(session.config)
        try:
            run_session.write()
        except OSError as unwritten:
            error = unwritten
        if error is not None:
            session.exitstatus = run_session.code or ExitCode.INTERNAL
            LossyStream(sys.stderr).write(printable(f"the report could not be written: {error}\n"))
        gc.freeze()  # pytest looks twice for unreachable cycles at its end, of which a run leaves few


def _log(item: pytest.Item) -> RunLog | None:
    session = item.config.stash.get(SESSION, None)
    return session.run.log if session else None
