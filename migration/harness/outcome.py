"""Outcome: what each stage came to, what is put back after a failure, and the exit code that tells it."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from migration.audit.bundle import update_latest, write_bundle
from migration.audit.criteria import STAGES
from migration.audit.evidence import StageRecord
from migration.audit.index_page import write_index
from migration.engine import durable
from migration.harness import interruption, report
from migration.harness.last_words import RECORD, record
from migration.harness.state import STATE, RunState
from migration.plan.printable import printable

if TYPE_CHECKING:
    from collections.abc import Generator

    from migration.engine.run import Run
    from migration.plan.model import Plan

INTERNAL, REFUSED = 3, 4

_BEGAN = pytest.StashKey[dict[str, float]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Signals end a run in order."""
    state = session.config.stash.get(STATE, None)
    if state is not None:
        interruption.watch(session.config, state)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A stage is not run once an earlier one failed, nor when there is nothing to do; both are said, not skipped."""
    state = item.config.stash.get(STATE, None)
    stage = stage_of(item)
    if state is None or stage is None:
        return
    if state.already:
        pytest.skip("not run: already consolidated")
    if state.failed and (state.failed != stage or state.act_failed):
        pytest.skip(f"not run: {state.failed} failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A statement that was ended by a signal is an interruption, not a failure of the stage."""
    try:
        return (yield)
    except BaseException:
        state = item.config.stash.get(STATE, None)
        if state is not None and state.ended is not None:
            interruption.leave(state)
        raise


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last test the run is settled: undone or left standing, and nothing comes between."""
    state = item.config.stash.get(STATE, None)
    if nextitem is None and state is not None:
        interruption.ignore(state)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
    """A stage is running from its first test on, and has passed only after its last; its time is the clock's."""
    state = item.config.stash.get(STATE, None)
    stage = stage_of(item)
    if state is None or stage is None:
        return (yield)
    began = item.config.stash.setdefault(_BEGAN, {}).setdefault(stage, time.monotonic())
    state.stages.setdefault(stage, StageRecord(stage, "running", estimate=_estimate(stage, state.plan)))
    result = yield
    now = state.stages[stage]
    if now.outcome == "running" and (nextitem is None or stage_of(nextitem) != stage):
        now = replace(now, outcome="passed")
    state.stages[stage] = replace(now, seconds=0.0 if now.outcome == "not run" else time.monotonic() - began)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the outcome of each stage in our own state; what failed or is not run says why, in a sentence."""
    made = yield
    state = item.config.stash.get(STATE, None)
    stage = stage_of(item)
    if state is None or stage is None:
        return made
    if made.failed and call.excinfo is not None:
        made.longrepr = _fail(state, stage, item, call.excinfo.value) or made.longrepr
    if made.skipped and isinstance(made.longrepr, tuple):
        reason = str(made.longrepr[2]).removeprefix("Skipped: ")
        made.longrepr = (str(item.path), item.location[1] or 0, reason)
        _leave_out(state, stage, reason)
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
    interruption.ignore(state)
    _end(session, state, exitstatus)
    report.finish(session.config)
    try:
        return (yield)
    finally:
        session.exitstatus = state.exit_code
        try:
            _write(state)
        except OSError as error:
            session.exitstatus = INTERNAL
            print(printable(f"the report could not be written: {error}"), file=sys.stderr)  # noqa: T201 -- last words


def settle(state: RunState, run: Run) -> None:
    """Undo what a run did without being accepted, and give back its locks; the last word of the ``run`` fixture."""
    interruption.ignore(state)
    try:
        if state.touched and not (run.finished and _accepted(state)):
            _undo(state, run)
        elif not state.touched:
            run.close_target()
    finally:
        run.close()
    if not run.folder.exists():  # it was never sealed: no backup, and nothing to point at
        state.backup_set = ""


def stage_of(item: pytest.Item) -> str | None:
    """Return the id of the stage that a test belongs to, or None."""
    mark = item.get_closest_marker("stage")
    return str(mark.args[0]) if mark and mark.args else None


def _fail(state: RunState, stage: str, item: pytest.Item, error: BaseException) -> str:
    """The stage has failed; return why, in words if it was foreseen, and keep it where no evidence says it."""
    from migration.harness.failure import in_words

    said = in_words(error)
    if not state.failed:
        state.failed = stage
        # The first test of a stage performs it, and judges no criterion: when it fails, there is nothing to judge.
        state.act_failed = state.act_failed or item.get_closest_marker("criterion") is None
    state.stages[stage] = replace(state.stages[stage], outcome="failed")
    judged = {id_ for mark in item.iter_markers("criterion") for id_ in mark.args}
    if not any(one.criterion in judged and not one.holds for one in state.evidence):
        state.errors.append(f"{stage}: {said or printable(f'{type(error).__name__}: {error}')}")
    return said


def _undo(state: RunState, run: Run) -> None:
    run.say("putting everything back")
    try:
        done = run.put_back()
    except Exception as error:  # noqa: BLE001 -- whatever it is, the user must be told what is left
        state.put_back_failed = True
        state.put_back = printable(f"{error} The backup set is {state.backup_set}.")
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
    if exitstatus == interruption.INTERRUPTED and state.ended is None:
        state.ended = interruption.INTERRUPTED
    try:
        # Semi-private in pytest 9, and tested: the verdict must come after the undoing.
        session._setupstate.teardown_exact(None)  # noqa: SLF001 -- see above
    except BaseException as error:  # noqa: BLE001 -- a broken teardown is a failure of the run, not of the report
        state.failed = state.failed or "teardown"
        for last in list(state.stages)[-1:]:
            state.stages[last] = replace(state.stages[last], outcome="failed")
        state.errors.append(f"the end of the run failed: {error}")
    for stage in STAGES:
        if state.mode in stage.modes and stage.id not in state.stages:
            state.stages[stage.id] = StageRecord(
                stage.id, "not run", reason=_why_not(state), estimate=_estimate(stage.id, state.plan)
            )
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
    if state.mode in ("check", "originals", "bundle", "selftest") or state.touched:
        return 1
    return REFUSED


def _why_not(state: RunState) -> str:
    if state.already:
        return "already consolidated"
    return f"{state.failed} failed" if state.failed else "the run ended before"


def _leave_out(state: RunState, stage: str, reason: str) -> None:
    """A test of the stage was not run; one that skips itself has shown nothing, and fails its stage."""
    own = not reason.startswith("not run: ") and not state.failed
    state.failed = stage if own else state.failed
    now = state.stages[stage]
    if state.failed == stage:
        state.stages[stage] = replace(now, outcome="failed")
    else:
        state.stages[stage] = replace(now, outcome="not run", reason=reason.removeprefix("not run: "))


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


def _write(state: RunState) -> None:
    """Write the bundle beside the report, after pytest-html and junitxml have written theirs."""
    write_bundle(state.folder, state.record(), plan=state.plan_text)
    kept = state.settings.workspace / state.backup_set / RECORD
    if state.mode == "migrate" and state.backup_set and kept.is_file():
        durable.replace(kept, record(state), 0o600)  # stage 95 wrote it before there was a verdict
    update_latest(state.settings.reports, state.run_id)
    write_index(state.settings.reports)
