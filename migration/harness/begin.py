"""Begin: from a verb to the state of a run: what the verb means here, and whether it may start at all."""

from __future__ import annotations

import platform
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import migration
from migration.audit.bundle import prime_bundle
from migration.audit.criteria import CRITERIA, JUDGED_BY_ORIGINALS, STAGES
from migration.audit.words import NOTHING_TO_UNDO
from migration.engine.errors import EngineError
from migration.harness import report
from migration.harness.attempts import earlier
from migration.harness.options import settings
from migration.harness.refusal import refusal
from migration.harness.state import RunState, Settings
from migration.harness.way_back import to_undo
from migration.plan.printable import one_line, printable
from migration.plan.problem import Refused

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from migration.audit.criteria import Mode
    from migration.plan.model import Plan
else:
    from sqlite_utils.utils import sqlite3


def begin(config: pytest.Config, verb: str) -> RunState:
    """Return the state of a run of ``verb``; a run that was cut short before has been put back first.

    A plan with mistakes begins a run too: its preflight shows them all, and the report with them.

    Raises:
        pytest.UsageError: Nothing can be begun here; nothing was touched.
    """
    said = settings(config)
    try:
        state = _begun(said, verb)
    except Refused as error:  # each of its lines has an id of its own
        raise pytest.UsageError(printable(f"refused; nothing was changed:\n{error}")) from None
    except OSError as error:
        todo = "See to that, and run again."
        raise refusal(f"refused; nothing was changed:\n{error}. {todo}", id="system") from None
    except EngineError as error:
        raise pytest.UsageError(str(error)) from None
    except sqlite3.Error as error:
        todo = "Nothing was changed. Look which program keeps it, or restore it, and run again."
        raise refusal(f"refused: a database cannot be read: {error}. {todo}", id="unreadable") from None
    config.add_cleanup(state.resources.close)
    config.option.maxfail = 0  # with -x the first problem would be the only one said; a run stops by itself
    while state.folder.exists():  # two runs in one second: each has its own names
        state.started += timedelta(seconds=1)
    report.prepare(config, state)
    prime_bundle(state.folder, state.record())
    return state


def _begun(said: Settings, verb: str) -> RunState:
    from migration.plan.file import load, sha256

    if said.bundle is not None:
        return _to_be_checked(said, said.bundle, verb)
    if said.sample and not said.workspace.exists() and verb != "rollback":
        from migration.sample.build import build

        build(said.workspace)
    if not said.workspace.is_dir():
        raise refusal(f"there is no workspace folder {said.workspace}. Name it: --workspace=DIR", id="no-workspace")
    state = RunState(verb=verb, mode=_LISTED[verb], settings=said, versions=_versions())
    if verb == "inventory":  # it needs no plan, and whatever a run has left does not concern it
        return state
    state.plan_text = said.plan.read_bytes() if said.plan.is_file() else b""
    try:
        state.plan = load(said.plan)
        state.plan_sha256 = sha256(said.plan)
    except Refused as refused:
        if verb in ("rollback", "selftest"):
            raise
        state.plan_problems = refused.problems
        state.attempts = earlier(said, None)
        return state
    try:
        state.attempts = earlier(said, state.plan)
        _look_around(state, state.plan)
    except BaseException:
        state.resources.close()
        raise
    return state


def _to_be_checked(said: Settings, bundle: Path, verb: str) -> RunState:
    """Read a bundle; what is none, or cannot be read safely, is refused. No workspace is looked at."""
    from migration.audit.bundle_reader import NoBundle, read_bundle
    from migration.audit.told import tell

    if verb != "verify" or said.originals is not None:
        raise refusal("--bundle goes with pytest -m verify, and without --originals.", id="option-elsewhere")
    state = RunState(verb=verb, mode="bundle", settings=said, versions=_versions())
    try:
        state.told = tell(read_bundle(bundle))
    except NoBundle as none:
        raise pytest.UsageError(f"refused; nothing was checked: {none}") from None
    about = state.told.about
    if about is not None:
        if not about.finished:
            what = f"refused; nothing was checked: run {one_line(about.run)} has no end, and no bundle."
            raise refusal(f"{what} Name the bundle of a run that has.", id="unfinished-run")
        state.findings.append(f"The bundle tells of run {about.run}: {about.headline}")
    return state


def _look_around(state: RunState, plan: Plan) -> None:
    """Take the lock, put back what was cut short, and see whether the workspace is consolidated already."""
    from migration.engine.runlock import RunLock
    from migration.engine.sets import already_consolidated, last_finished, recover

    root = state.settings.workspace
    if state.settings.originals is not None:
        _judge_by(state, state.settings.originals)
        return
    if state.verb == "verify":
        _refuse_between(root, plan)
        state.mode = "rehearsal" if last_finished(root, plan) is None else "check"
        return
    if state.verb == "selftest":
        _refuse_between(root, plan)
        if last_finished(root, plan) is not None:
            todo = "Plant faults in one that is still to be, or in a copy of this one that was rolled back."
            raise refusal(f"this workspace is consolidated already. {todo}", id="nothing-to-try")
        return
    state.resources.enter_context(RunLock(root / plan.backups))
    if state.verb == "migrate":
        state.findings += recover(root, plan)
        state.already = already_consolidated(root, plan) is not None
    elif to_undo(root, plan) is None:
        said = " ".join(recover(root, plan)) or "there is no consolidation of this plan to undo."
        raise refusal(f"{NOTHING_TO_UNDO}: {said}", id="nothing-to-undo")


def _judge_by(state: RunState, originals: Path) -> None:
    """Turn a verify into the judgement of a consolidation that was not ours."""
    if state.verb != "verify":
        raise refusal("--originals goes with pytest -m verify: it judges, and never writes.", id="option-elsewhere")
    if not originals.is_dir():
        what = f"there is no folder {originals} with the original databases."
        raise refusal(f"{what} Name theirs, or a backup set.", id="no-original")
    state.mode = "originals"
    run = [criterion.id for criterion in CRITERIA if "migrate" in _STAGE_MODES[criterion.stage]]
    why = "only the run that makes a consolidation can show it"
    state.unanswerable = {one: why for one in run if one not in JUDGED_BY_ORIGINALS}


def _refuse_between(root: Path, plan: Plan) -> None:
    """While a run goes on, or before what it left is put back, the workspace is neither old nor new."""
    from migration.engine.runlock import holder
    from migration.engine.sets import cut_short

    pid = holder(root / plan.backups)
    if pid is not None:
        raise refusal(f"a run is under way (process {pid}): wait for it to end, then verify.", id="under-way")
    if cut_short(root, plan):
        todo = "pytest -m migrate or pytest -m rollback puts it back first."
        raise refusal(f"a run was cut short here: {todo}", id="cut-short")


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("pytest", "pytest-order", "pytest-html", "sqlite-utils", "pydantic", "libcst")
    return {
        "sqlite-consolidate": migration.__version__,
        "SQLite": sqlite3.sqlite_version,
        "SQLite module": sqlite3.__name__,
        "Python": sys.version.split()[0],
        "platform": platform.platform(),
        **{name: version(name) for name in names},
    }


_STAGE_MODES = {stage.id: stage.modes for stage in STAGES}
_LISTED: dict[str, Mode] = {
    "migrate": "migrate",
    "verify": "rehearsal",
    "rollback": "rollback",
    "inventory": "inventory",
    "selftest": "selftest",
}
