"""Specify the order of a run, and when it may COMMIT."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.results import Context
from sqlite_consolidate.engine.run.stages import (
    ARCHIVE,
    BACKUP,
    CHECK,
    COMMIT,
    PREFLIGHT,
    SCHEMA,
    TRANSFER,
    VERIFY,
    stages_of,
)
from sqlite_consolidate.engine.run.verdict import exit_code, verdict
from sqlite_consolidate.engine.verbs.consolidate import Run
from sqlite_consolidate.engine.verbs.plan_mistakes import PlanRun
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import ProblemError
from tests.support.history_rows import runs_of
from tests.support.observations import OBSERVATIONS, SEEN
from tests.support.thorough import sampled, thorough
from tests.support.workspaces.two_sources import (
    a_request,
    a_run,
    accept,
    build_two_sources,
    consolidated,
    reach,
    refusal,
    state,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.run.stages import Stage

MIGRATION = stages_of(Mode.MIGRATE)
MISSING = {"gone": "gone.db", "many": "parts/*.db"}
TWICE = {"all": "logs/*.db", "one": "logs/notes.db", "none": "absent/*.db"}
BEFORE_COMMIT = [id for stage in MIGRATION[: MIGRATION.index(COMMIT)] for id in criteria_in(stage)]


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Lend a run right before COMMIT of which every criterion holds.

    Its log is unchanged afterwards.
    """
    run = a_run(build_two_sources(tmp_path_factory.mktemp("verified") / "workspace"))
    reach(run, VERIFY)
    yield run
    assert COMMIT.id not in run.log.stages
    run.end()


def test_commit_is_refused_when_a_row_was_lost(root: Path) -> None:
    """A row that is deleted after the target was read fails its check.

    Nothing is committed, and the sources keep their names.
    """
    before = state(root)
    run = a_run(root)
    reach(run, TRANSFER)
    run.perform(VERIFY)
    run.target.connection.execute("DELETE FROM tasks WHERE id = 2")
    outcomes = {id: run.check(id).outcome for id in run.log.demanded(VERIFY)}

    error = refusal(run, COMMIT)
    run.end()

    assert error.id == "not-verified"
    assert [id for id, outcome in outcomes.items() if outcome is Outcome.FAILED] == ["rows-exact"]
    assert not run.ledger.has("committing", "committed", "finished")
    assert run.log.rolled_back is not None
    assert run.log.rolled_back.complete
    assert (verdict(run.log), exit_code(run.log, has_acted=run.has_acted)) == ("refused", ExitCode.FAILED)
    assert runs_of(root / "workspace.db") == []
    assert state(root) == before


@pytest.mark.parametrize(
    "statement",
    ["CREATE INDEX late ON tasks(title)", *thorough("DELETE FROM tasks WHERE id = 2", "PRAGMA user_version = 7")],
)
def test_write_after_the_checks_is_never_committed(root: Path, statement: str) -> None:
    """Rows, schema or header that changed after the history row were not verified."""
    before = state(root)
    run = a_run(root)
    reach(run, VERIFY)
    run.target.connection.execute(statement)

    with pytest.raises(ProblemError) as caught:
        run.perform(COMMIT)
    run.end()

    assert caught.value.ids[0] == "not-verified"
    assert verdict(run.log) == "refused"
    assert not run.ledger.has("committed")
    assert state(root) == before


@pytest.mark.parametrize("criterion", BEFORE_COMMIT)
def test_commit_waits_for_each_criterion_before_it(verified: Run, criterion: str) -> None:
    """One unchecked criterion of any stage is enough, and the refusal names it."""
    result = verified.log.results.pop(criterion)

    error = refusal(verified, COMMIT)

    verified.log.results[criterion] = result
    assert error.id == "not-verified"
    assert criterion in error.what
    assert not verified.ledger.has("committing")


@pytest.mark.parametrize("criterion", BEFORE_COMMIT)
@pytest.mark.parametrize("outcome", Outcome)
def test_only_passed_and_not_required_let_commit_go_on(verified: Run, criterion: str, outcome: Outcome) -> None:
    """A criterion of any stage that failed or was not examined prevents COMMIT."""
    log = replace(verified.log, results=dict(verified.log.results), stages=dict(verified.log.stages))
    stage = next(stage for stage in MIGRATION if criterion in criteria_in(stage))
    log.add(stage, criterion, [SEEN, OBSERVATIONS[outcome]])

    try:
        log.require_ready(COMMIT)
        refused = ""
    except ProblemError as error:
        refused = error.ids[0]

    assert refused == ("not-verified" if outcome in (Outcome.FAILED, Outcome.NOT_EXAMINED) else "")


def test_each_stage_requires_the_checks_of_the_previous_stage(root: Path) -> None:
    """The next stage is refused until the last check was made."""
    run = a_run(root)
    run.perform(PREFLIGHT)
    for stage, following in pairwise(MIGRATION):
        for criterion in run.log.demanded(stage):
            assert refusal(run, following).id == "not-verified", criterion
            run.check(criterion)
        run.perform(following)

    run.end()

    assert verdict(run.log) == "not shown"


@pytest.mark.parametrize("done", sampled(range(len(MIGRATION) + 1), 0, 5, 9))
def test_stage_out_of_order_is_refused(root: Path, done: int) -> None:
    """Only the next stage can be performed, and each stage only once."""
    run = a_run(root)
    for stage in MIGRATION[:done]:
        accept(run, stage)
    before = sorted(root.rglob("*"))
    others = [*MIGRATION[:done], *MIGRATION[done + 1 :], CHECK]

    ids = {refusal(run, stage).id for stage in others}

    assert ids == {"out-of-order"}
    assert sorted(root.rglob("*")) == before
    run.put_back()
    run.close()


@pytest.mark.parametrize("stage", MIGRATION, ids=lambda stage: stage.id)
def test_criterion_cannot_be_checked_before_its_stage(verified: Run, stage: Stage) -> None:
    """The results that the check needs do not exist yet.

    A criterion of a performed stage can be checked.
    """
    performed = stage.id in verified.log.stages
    for criterion in () if performed else criteria_in(stage):
        with pytest.raises(ProblemError) as caught:
            verified.check(criterion)
        assert caught.value.ids[0] == "out-of-order"
        assert criterion not in verified.log.results
    assert performed == (stage in MIGRATION[: MIGRATION.index(COMMIT)])


@pytest.mark.parametrize("criterion", ["archives-unchanged", "smoke:none", "restored-exact", "no such criterion"])
def test_criterion_of_another_run_is_refused(verified: Run, criterion: str) -> None:
    """The mode or the plan does not demand the criterion."""
    with pytest.raises(ProblemError) as caught:
        verified.check(criterion)

    assert caught.value.ids[0] == "out-of-order"


def test_nothing_writes_between_the_row_of_history_and_commit(root: Path) -> None:
    """The history row is written last.

    The state that is compared afterwards is the one that COMMIT keeps.
    """
    run = a_run(root)
    reach(run, SCHEMA)
    connection, statements = run.target.connection, list[str]()
    connection.set_trace_callback(statements.append)
    run.perform(TRANSFER)
    written = [statement for statement in statements if not reads(statement)]
    before = connection.total_changes, connection.execute("PRAGMA schema_version").fetchone()
    statements.clear()

    for criterion in run.log.demanded(TRANSFER):
        run.check(criterion)
    accept(run, VERIFY)

    after = connection.total_changes, connection.execute("PRAGMA schema_version").fetchone()
    run.perform(COMMIT)
    run.end()
    assert written[-1].startswith(f"INSERT INTO {history.TABLE}(")
    assert after == before
    assert [statement for statement in statements if not reads(statement)] == ["COMMIT"]


def reads(statement: str) -> bool:
    """Return whether a traced statement changes neither a row, nor the schema, nor the header."""
    word = statement.split(maxsplit=1)[0].upper()
    sets = "=" in statement and "cache_size" not in statement
    return word in ("SELECT", "WITH", "--", "EXPLAIN") or (word == "PRAGMA" and not sets)


class LostCommit:
    """A connection whose COMMIT returns although nothing was committed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Execute a statement, and a ROLLBACK instead of COMMIT."""
        return self._connection.execute("ROLLBACK" if statement == "COMMIT" else statement, values)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


def test_commit_without_history_row_is_refused(root: Path) -> None:
    """A new connection finds no history row although COMMIT returned.

    The ledger does not state that the run was committed.
    """
    before = state(root)
    run = a_run(root)
    reach(run, VERIFY)
    run.target.connection = cast("sqlite3.Connection", LostCommit(run.target.connection))

    with pytest.raises(ProblemError) as caught:
        run.perform(COMMIT)
    run.end()

    assert caught.value.ids[0] == "not-committed"
    assert [run.ledger.has(event) for event in ("committing", "committed")] == [True, False]
    assert state(root) == before


@pytest.mark.parametrize(
    ("words", "stage"), [("copying the", PREFLIGHT), ("backing up", BACKUP), ("archiving", ARCHIVE)]
)
def test_interrupted_stage_cannot_be_checked_or_passed(root: Path, words: str, stage: Stage) -> None:
    """Neither its criteria can be checked nor the next stage performed.

    The stage may be half done.
    """
    mode = Mode.REHEARSAL if stage == PREFLIGHT else Mode.MIGRATE
    before = state(root)

    def on_progress(text: str) -> None:
        if text.startswith(words):
            raise KeyboardInterrupt

    run = a_run(root, mode=mode, context=Context(on_progress=on_progress))
    stages = stages_of(mode)
    for earlier in stages[: stages.index(stage)]:
        accept(run, earlier)

    with pytest.raises(KeyboardInterrupt):
        run.perform(stage)

    assert run.log.stages[stage.id].outcome == "running"
    with pytest.raises(ProblemError) as caught:
        run.check(run.log.demanded(stage)[0])
    assert caught.value.ids[0] == "out-of-order"
    assert refusal(run, stages[stages.index(stage) + 1]).id == "not-verified"
    run.log.interrupted = ExitCode.INTERRUPTED
    run.end()
    assert (verdict(run.log), exit_code(run.log, has_acted=run.has_acted)) == ("not shown", ExitCode.INTERRUPTED)
    assert state(root) == before


def test_plan_with_mistakes_leaves_other_criteria_unexamined(root: Path) -> None:
    """Each mistake is evidence.

    Criteria that need a valid plan are not examined.
    """
    request = a_request(root)
    request.settings.plan.write_text('format = 1\nname = "x"\ntarget = "a.db"\nunknown = 1\nother = 2\n')
    with pytest.raises(ProblemError) as caught:
        load(request.settings.plan)
    run = PlanRun(replace(request, plan=None, plan_problems=caught.value.problems))

    run_stages(run)
    run.end()

    assert len(run.log.results["plan-valid"].evidence) == len(caught.value.problems) >= 2
    outcomes = {id: result.outcome for id, result in run.log.results.items()}
    assert outcomes.pop("plan-valid") is Outcome.FAILED
    assert set(outcomes.values()) == {Outcome.NOT_EXAMINED}
    assert exit_code(run.log, has_acted=run.has_acted) == ExitCode.REFUSED


def test_mistake_in_a_plan_hides_no_missing_file(root: Path) -> None:
    """All problems are reported together, as far as they can be seen without a valid plan."""
    request = a_request(root)
    sources = "".join(f'[[source]]\nname = "{name}"\nfile = "{file}"\n' for name, file in MISSING.items())
    request.settings.plan.write_text(
        f'format = 1\nname = "x"\ntarget = "{request.valid_plan.target}"\nother = 1\n{sources}'
    )
    run = PlanRun(replace(request, plan=None))

    run_stages(run)
    run.end()

    evidence = run.log.results["sources-readable"].evidence
    assert [entry.subject for entry in evidence if "[no-such-file]" in entry.todo] == [*MISSING.values()]
    assert exit_code(run.log, has_acted=run.has_acted) == ExitCode.REFUSED


def test_file_of_two_sources_is_no_missing_file(root: Path) -> None:
    """The pattern has files. Another one has none."""
    request = a_request(root)
    sources = "".join(f'[[source]]\nname = "{name}"\nfile = "{file}"\n' for name, file in TWICE.items())
    request.settings.plan.write_text(f'format = 1\nname = "x"\ntarget = "{request.valid_plan.target}"\n{sources}')
    run = PlanRun(replace(request, plan=None))

    run_stages(run)
    run.end()

    evidence = run.log.results["sources-readable"].evidence
    assert [entry.subject for entry in evidence if "[no-such-file]" in entry.todo] == ["absent/*.db"]


def test_mistake_after_a_consolidation_names_no_archived_source(root: Path) -> None:
    """Its sources have other names, as they should."""
    consolidated(root)
    request = a_request(root)
    text = request.settings.plan.read_text()
    request.settings.plan.write_text(text.replace("format = 1", "format = 1\nother = 1"))
    run = PlanRun(replace(request, plan=None))

    run_stages(run)
    run.end()

    assert run.log.results["sources-readable"].outcome is Outcome.NOT_EXAMINED


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.REHEARSAL])
def test_run_has_a_check_of_each_criterion(root: Path, mode: Mode) -> None:
    """A criterion without a check would never be examined.

    A check without a criterion would never be called.
    """
    run = Run(a_request(root, mode=mode))
    try:
        demanded = {id for stage in stages_of(mode) for id in run.log.demanded(stage)}

        assert demanded <= set(run.checks)
        assert set(run.checks) - demanded <= {"restored-exact"}  # which a rehearsal alone demands
    finally:
        run.end()
