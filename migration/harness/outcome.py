"""Outcome: what each stage came to, what is put back after a failure, and the exit code that tells it."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from migration.audit.bundle import update_latest, write_bundle
from migration.audit.criteria import STAGES
from migration.audit.evidence import StageRecord
from migration.harness import report
from migration.harness.state import STATE, RunState

if TYPE_CHECKING:
    from collections.abc import Generator

    from migration.engine.run import Run
    from migration.plan.model import Plan

INTERRUPTED, INTERNAL, REFUSED, TERMINATED = 2, 3, 4, 143

_BEGAN = pytest.StashKey[dict[str, float]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """SIGTERM and Ctrl-C end a run in order: pytest alone would die of the first without undoing anything."""
    state = session.config.stash.get(STATE, None)
    if state is None:
        return

    def _terminate(number: int, _frame: object) -> None:
        _interrupt()
        state.ended = TERMINATED
        pytest.exit(f"signal {signal.Signals(number).name}", returncode=TERMINATED)

    def _stop(_number: int, _frame: object) -> None:
        _interrupt()
        state.ended = INTERRUPTED
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, _stop)

    def _as_before() -> None:
        for number, old in before.items():
            signal.signal(number, old)

    session.config.add_cleanup(_as_before)


def _interrupt() -> None:
    from migration.engine.connections import INTERRUPTED as FLAG

    FLAG.set()  # a long SQL statement looks at it and ends


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A stage is not run once an earlier one failed, nor when there is nothing to do; both are said, not skipped."""
    state = item.config.stash.get(STATE, None)
    stage = stage_of(item)
    if state is None or stage is None:
        return
    if state.already:
        pytest.skip("not run: already consolidated")
    if state.failed and (state.failed != stage or _act_failed(state, stage)):
        pytest.skip(f"not run: {state.failed} failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A statement that was ended by a signal is an interruption, not a failure of the stage."""
    try:
        return (yield)
    except BaseException:
        state = item.config.stash.get(STATE, None)
        if state is not None and state.ended == INTERRUPTED:
            raise KeyboardInterrupt from None
        if state is not None and state.ended == TERMINATED:
            pytest.exit("signal SIGTERM", returncode=TERMINATED)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """The stage is running from its first test on; its time is the clock's, from there to its last."""
    state = item.config.stash.get(STATE, None)
    stage = stage_of(item)
    if state is not None and stage is not None and stage not in state.stages:
        _began(item.config)[stage] = time.monotonic()
        state.stages[stage] = StageRecord(stage, "running", estimate=_estimate(stage, state.plan))
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the outcome of each stage in our own state; what is not run says why, in its own place."""
    made = yield
    state = item.config.stash.get(STATE, None)
    stage = stage_of(item)
    if state is None or stage is None:
        return made
    if made.failed and not state.failed:
        state.failed = stage
        if _is_act(item):
            state.act_failed = True
    if made.skipped and isinstance(made.longrepr, tuple):
        reason = str(made.longrepr[2]).removeprefix("Skipped: ")
        made.longrepr = (str(item.path), item.location[1] or 0, reason)
        if not reason.startswith("not run: ") and not state.failed:
            state.failed = stage  # a stage that skips itself has shown nothing
    _note(state, stage, made, _began(item.config))
    return made


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, Any] | None:
    """Say "not run" where pytest would say "skipped"."""
    reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
    return ("not run", "-", ("NOT RUN", {"yellow": True})) if str(reason).startswith("not run: ") else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, Any, Any]:
    """Undo, judge, and only then let the reports be written; the exit code is the verdict's."""
    state = session.config.stash.get(STATE, None)
    if state is None:
        return (yield)
    _end(session, state, exitstatus)
    report.finish(session.config)
    try:
        return (yield)
    finally:
        session.exitstatus = state.exit_code
        _write(state)


def settle(state: RunState, run: Run) -> None:
    """Undo what a run did without being accepted, and give back its locks; the last word of the ``run`` fixture."""
    from migration.engine.connections import INTERRUPTED as FLAG

    FLAG.clear()  # putting back must not be ended by the signal that made it necessary
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    try:
        if state.touched and not (run.finished and _accepted(state)):
            _undo(state, run)
        elif not state.touched:
            run.close_target()
    finally:
        run.close()


def stage_of(item: pytest.Item) -> str | None:
    """Return the id of the stage that a test belongs to, or None."""
    mark = item.get_closest_marker("stage")
    return str(mark.args[0]) if mark and mark.args else None


def _undo(state: RunState, run: Run) -> None:
    try:
        done = run.put_back()
    except Exception as error:  # noqa: BLE001 -- whatever it is, the user must be told what is left
        state.put_back_failed = True
        state.put_back = f"{error} The backup set is {state.backup_set}; run pytest -m rollback again."
        return
    if state.mode == "rehearsal":
        state.put_back = "The workspace was not touched."
    elif done.holds:
        state.put_back = "Everything was put back: " + ("; ".join(done.steps) or "nothing had been changed") + "."
    else:
        state.put_back_failed = True
        wrong = "; ".join(f"{one.subject}: {one.observed}" for one in done.seen if not one.holds)
        state.put_back = f"{wrong}. The backup set is {state.backup_set}."


def _accepted(state: RunState) -> bool:
    return not state.failed and state.ended is None and state.verdict() == "accepted"


def _end(session: pytest.Session, state: RunState, exitstatus: int) -> None:
    if exitstatus == INTERRUPTED and state.ended is None:
        state.ended = INTERRUPTED
    try:
        # Semi-private in pytest 9, and tested: the verdict must come after the undoing.
        session._setupstate.teardown_exact(None)  # noqa: SLF001 -- see above
    except BaseException as error:  # noqa: BLE001 -- a broken teardown is a failure of the run, not of the report
        state.failed = state.failed or "teardown"
        state.findings.append(f"the end of the run failed: {error}")
    for stage in STAGES:
        if state.mode in stage.modes and stage.id not in state.stages:
            state.stages[stage.id] = StageRecord(stage.id, "not run", reason=_why_not(state))
    if not state.finished:
        state.finished = datetime.now(UTC).isoformat(timespec="seconds")
    state.exit_code = _exit_code(state, exitstatus)
    session.exitstatus = state.exit_code


def _exit_code(state: RunState, exitstatus: int) -> int:
    if state.put_back_failed or exitstatus == INTERNAL:
        return INTERNAL
    if state.ended is not None:
        return state.ended
    if exitstatus == REFUSED:  # the gate refused the selection
        return REFUSED
    if state.verdict() == "accepted":
        return 0
    if state.mode == "check" or state.touched:
        return 1
    return REFUSED


def _why_not(state: RunState) -> str:
    if state.already:
        return "already consolidated"
    return f"{state.failed} failed" if state.failed else "the run ended before"


def _note(state: RunState, stage: str, made: pytest.TestReport, began: dict[str, float]) -> None:
    now = state.stages.get(stage)
    if now is None:
        return
    reason = now.reason
    if made.skipped and isinstance(made.longrepr, tuple):
        reason = str(made.longrepr[2]).removeprefix("not run: ")
    ran = time.monotonic() - began.get(stage, time.monotonic())
    if state.failed == stage:
        outcome = StageRecord(stage, "failed", ran, now.estimate)
    elif reason:
        outcome = StageRecord(stage, "not run", 0.0, now.estimate, reason)
    elif made.when in {"teardown", "call"}:
        outcome = StageRecord(stage, "passed", ran, now.estimate)
    else:
        outcome = now
    state.stages[stage] = outcome


def _estimate(stage: str, plan: Plan | None) -> float | None:
    if plan is None:
        return None
    said = plan.estimates
    transfer = sum(source.estimate or 0.0 for source in plan.sources)
    by_stage = {
        "20-backup": said.backup,
        "30-schema": said.schema_,
        "40-transfer": transfer,
        "70-references": said.references,
        "80-smoke": said.smoke,
        "90-archive": said.archive,
    }
    return by_stage.get(stage) or None


def _is_act(item: pytest.Item) -> bool:
    """The first test of a stage performs it: it judges no criterion of its own."""
    return item.get_closest_marker("criterion") is None


def _act_failed(state: RunState, _stage: str) -> bool:
    return state.act_failed


def _began(config: pytest.Config) -> dict[str, float]:
    return config.stash.setdefault(_BEGAN, {})


def _write(state: RunState) -> None:
    """Write the bundle beside the report, after pytest-html and junitxml have written theirs."""
    plan_text = state.settings.plan.read_text("utf-8", errors="replace") if state.settings.plan.is_file() else ""
    write_bundle(state.folder, state.record(), plan_text=plan_text)
    update_latest(state.settings.reports, state.run_id)
