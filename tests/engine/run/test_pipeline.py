"""Specify how a run goes forward, when it may COMMIT, and what its end keeps or rolls back."""

from __future__ import annotations

import errno
import signal
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import psutil
import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.backup.backup_set import cut_short, last_finished, recover
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import go_through
from sqlite_consolidate.engine.run.results import Context
from sqlite_consolidate.engine.run.stages import (
    ARCHIVE,
    BACKUP,
    CHECK,
    COMMIT,
    FINAL,
    PREFLIGHT,
    REFERENCES,
    SCHEMA,
    SMOKE,
    TRANSFER,
    VERIFY,
    stages_of,
)
from sqlite_consolidate.engine.run.verdict import exit_code, verdict
from sqlite_consolidate.engine.verbs.consolidate import Run
from sqlite_consolidate.engine.verbs.judge import CheckRun
from sqlite_consolidate.engine.verbs.plan_mistakes import PlanRun
from sqlite_consolidate.engine.verbs.roll_back import RollbackRun
from sqlite_consolidate.observation import Observation, Outcome, not_examined, not_required
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import Problem, ProblemError
from tests.support.processes import in_a_child
from tests.support.small_workspace import (
    STAMP,
    DyingLedger,
    a_request,
    a_run,
    accept,
    build,
    consolidate,
    execute,
    plan_of,
    reach,
    state,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.run.criteria import Criterion
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.engine.run.stages import Stage
else:
    from sqlite_utils.utils import sqlite3

MIGRATION = stages_of(Mode.MIGRATE)
BEFORE_COMMIT = [id for stage in MIGRATION[: MIGRATION.index(COMMIT)] for id in criteria_in(stage)]
SEEN = Observation("subject", "expected", "observed", holds=True)
OBSERVATIONS = {
    Outcome.PASSED: SEEN,
    Outcome.FAILED: replace(SEEN, holds=False),
    Outcome.NOT_EXAMINED: not_examined("subject", "it is locked"),
    Outcome.NOT_REQUIRED: not_required("subject", "the plan demands none"),
}


class FullDisk(Ledger):
    """A ledger that cannot be written to when it comes to an event."""

    def __init__(self, folder: Path, event: str) -> None:
        super().__init__(folder)
        self._event = event

    def note(self, event: str, **facts: object) -> None:
        """Note the event, unless it is the one."""
        if event == self._event:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().note(event, **facts)


class BlindRun(Run):
    """A run whose checks state nothing."""

    def look(self, criterion: Criterion) -> Sequence[Observation]:  # noqa: ARG002 -- the pipeline's
        """See nothing."""
        return []


class BrokenRun(Run):
    """A run whose checks raise an error.

    Attributes:
        error: What they raise.
    """

    error: BaseException = OSError(errno.EIO, "Input/output error")

    def look(self, criterion: Criterion) -> Sequence[Observation]:  # noqa: ARG002 -- the pipeline's
        """Raise the error."""
        raise self.error


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The small workspace."""
    return build(tmp_path / "workspace")


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Lend a run right before COMMIT, of which every criterion holds; its log is left as it was found."""
    run = a_run(build(tmp_path_factory.mktemp("verified") / "workspace"))
    reach(run, VERIFY)
    yield run
    assert COMMIT.id not in run.log.stages
    run.end()


def refusal(run: Pipeline, stage: Stage) -> Problem:
    """Return why a stage cannot be performed; nothing of it was begun."""
    begun = dict(run.log.stages)
    with pytest.raises(ProblemError) as caught:
        run.perform(stage)
    assert run.log.stages == begun
    return caught.value.problems[0]


def test_commit_is_refused_when_a_row_is_lost_before_it(root: Path) -> None:
    """A row that was deleted after the target was read fails its check: nothing is committed, sources keep names."""
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
    assert history.read_file(root / "workspace.db") == []
    assert state(root) == before


@pytest.mark.parametrize(
    "statement", ["DELETE FROM tasks WHERE id = 2", "CREATE INDEX late ON tasks(title)", "PRAGMA user_version = 7"]
)
def test_a_write_after_the_checks_is_never_committed(root: Path, statement: str) -> None:
    """Rows, schema or header that changed after the row of history were not verified."""
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
    """One that was not checked is enough, whatever its stage, and the refusal names it."""
    result = verified.log.results.pop(criterion)

    error = refusal(verified, COMMIT)

    verified.log.results[criterion] = result
    assert error.id == "not-verified"
    assert criterion in error.what
    assert not verified.ledger.has("committing")


@pytest.mark.parametrize("criterion", BEFORE_COMMIT)
@pytest.mark.parametrize("outcome", Outcome)
def test_only_passed_and_not_required_let_commit_go_on(verified: Run, criterion: str, outcome: Outcome) -> None:
    """A criterion that failed, or that nobody could examine, holds it up, whatever its stage."""
    log = replace(verified.log, results=dict(verified.log.results), stages=dict(verified.log.stages))
    stage = next(stage for stage in MIGRATION if criterion in criteria_in(stage))
    log.add(stage, criterion, [SEEN, OBSERVATIONS[outcome]])

    try:
        log.require_ready(COMMIT)
        refused = ""
    except ProblemError as error:
        refused = error.ids[0]

    assert refused == ("not-verified" if outcome in (Outcome.FAILED, Outcome.NOT_EXAMINED) else "")


def test_each_stage_waits_for_the_checks_of_the_one_before(root: Path) -> None:
    """After every single check the next stage is refused, until the last."""
    run = a_run(root)
    run.perform(PREFLIGHT)
    for stage, following in pairwise(MIGRATION):
        for criterion in run.log.demanded(stage):
            assert refusal(run, following).id == "not-verified", criterion
            run.check(criterion)
        run.perform(following)

    run.end()

    assert verdict(run.log) == "not shown"


@pytest.mark.parametrize("done", range(len(MIGRATION) + 1))
def test_a_stage_out_of_order_is_refused(root: Path, done: int) -> None:
    """After any number of stages only the next one can be performed, and each only once."""
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
def test_a_criterion_cannot_be_checked_before_its_stage(verified: Run, stage: Stage) -> None:
    """Its check would look at what is not there; a stage that was performed can be checked."""
    performed = stage.id in verified.log.stages
    for criterion in () if performed else criteria_in(stage):
        with pytest.raises(ProblemError) as caught:
            verified.check(criterion)
        assert caught.value.ids[0] == "out-of-order"
        assert criterion not in verified.log.results
    assert performed == (stage in MIGRATION[: MIGRATION.index(COMMIT)])


@pytest.mark.parametrize("criterion", ["archives-unchanged", "smoke:none", "restored-exact", "no such criterion"])
def test_a_criterion_of_another_run_is_refused(verified: Run, criterion: str) -> None:
    """It is none that this mode, or this plan, demands."""
    with pytest.raises(ProblemError) as caught:
        verified.check(criterion)

    assert caught.value.ids[0] == "out-of-order"


def test_a_check_that_states_nothing_has_examined_nothing(root: Path) -> None:
    """It does not pass, and the next stage is refused."""
    run = BlindRun(a_request(root))
    run.perform(PREFLIGHT)

    results = [run.check(criterion) for criterion in run.log.demanded(PREFLIGHT)]

    assert {result.outcome for result in results} == {Outcome.NOT_EXAMINED}
    assert sum(result.examined for result in results) == 0
    assert refusal(run, BACKUP).id == "not-verified"
    run.end()
    assert verdict(run.log) != "accepted"


@pytest.mark.parametrize(
    "error",
    [
        ProblemError(Problem("in-use", "a.db", "is locked.", "Stop it.")),
        sqlite3.OperationalError("locked"),
        OSError(errno.EIO, "Broken"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_check_that_could_not_look_has_examined_nothing(root: Path, error: Exception) -> None:
    """Its reason is in the evidence."""
    run = BrokenRun(a_request(root))
    run.error = error
    run.perform(PREFLIGHT)

    result = run.check("plan-valid")

    run.end()
    assert (result.outcome, result.examined) == (Outcome.NOT_EXAMINED, 0)
    assert result.evidence[0].observed


def test_a_mistake_inside_a_check_is_raised_and_shows_nothing(root: Path) -> None:
    """It is no state of the workspace: its traceback is needed, and the criterion stays without a result."""
    run = BrokenRun(a_request(root))
    run.error = ZeroDivisionError()
    run.perform(PREFLIGHT)

    with pytest.raises(ZeroDivisionError):
        run.check("plan-valid")

    run.end()
    assert "plan-valid" not in run.log.results
    assert verdict(run.log) == "not shown"


def test_a_check_does_not_pass_without_what_it_requires(root: Path) -> None:
    """It has looked, and says so; but what it saw is worth nothing while its prerequisite is open."""
    run = a_run(root)
    run.perform(PREFLIGHT)

    early = run.check("space")
    run.check("plan-valid")
    late = run.check("space")

    run.end()
    assert [entry.outcome for entry in early.evidence][-2:] == [Outcome.PASSED, Outcome.NOT_EXAMINED]
    assert early.outcome is Outcome.NOT_EXAMINED
    assert late.outcome is Outcome.PASSED


def test_a_failed_check_is_not_made_up_for_by_another(root: Path) -> None:
    """Whatever a second look sees, the stage has failed."""
    run = a_run(root)
    run.perform(PREFLIGHT)
    run.log.add(PREFLIGHT, "plan-valid", [OBSERVATIONS[Outcome.FAILED]])

    for criterion in run.log.demanded(PREFLIGHT):
        assert run.check(criterion).outcome.holds

    assert refusal(run, BACKUP).id == "not-verified"
    run.end()
    assert verdict(run.log) == "refused"


def test_what_the_plan_does_not_require_holds_nothing_up(root: Path) -> None:
    """Without dumps, stated rows and a demanded rehearsal the run is accepted all the same."""
    file = root / "consolidation.toml"
    file.write_text(file.read_text().replace("format = 1\n", "format = 1\ndump = false\n"))

    run = consolidate(a_run(root))

    assert verdict(run.log) == "accepted"
    outcomes = {run.log.outcome(id) for id in ("dump-reloads", "rows-as-stated", "rows-expected", "rehearsed")}
    assert outcomes == {Outcome.NOT_REQUIRED}
    passed = [result for result in run.log.results.values() if result.outcome is Outcome.PASSED]
    assert all(result.examined for result in passed)


def test_nothing_writes_between_the_row_of_history_and_commit(root: Path) -> None:
    """The row is the last that is written, and what is compared afterwards is what COMMIT keeps."""
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
    assert written[-1].startswith(f"INSERT INTO {history.TABLE} ")
    assert after == before
    assert [statement for statement in statements if not reads(statement)] == ["COMMIT"]


def reads(statement: str) -> bool:
    """Tell whether a statement that SQLite traced changes neither a row nor the schema nor the header."""
    word = statement.split(maxsplit=1)[0].upper()
    sets = "=" in statement and "cache_size" not in statement
    return word in ("SELECT", "WITH", "--", "EXPLAIN") or (word == "PRAGMA" and not sets)


class LostCommit:
    """A connection whose COMMIT returns although nothing was committed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str) -> sqlite3.Cursor:
        """Execute a statement, and a ROLLBACK in the place of COMMIT."""
        return self._connection.execute("ROLLBACK" if statement == "COMMIT" else statement)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


def test_a_commit_that_leaves_no_row_of_history_is_none(root: Path) -> None:
    """COMMIT returned: the ledger does not say so, for a new connection finds no row."""
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


@pytest.mark.parametrize("event", ["committed", "finished"])
def test_a_row_of_history_alone_is_no_proof_after_a_crash(root: Path, event: str) -> None:
    """Killed between COMMIT and the verdict, the run is rolled back by the next although its row is in the target."""
    before = state(root)

    def run() -> None:
        mortal = a_run(root)
        mortal.ledger = DyingLedger(mortal.folder, event)
        consolidate(mortal)

    assert in_a_child(run) == -signal.SIGKILL
    assert [row.run for row in history.read_file(root / "workspace.db")] == [STAMP]
    assert last_finished(root, plan_of(root)) is None
    assert len(cut_short(root, plan_of(root))) == 1

    recover(root, plan_of(root))

    assert state(root) == before
    assert history.read_file(root / "workspace.db") == []


@pytest.mark.parametrize(
    ("event", "stage", "set_stays"),
    [
        ("started", BACKUP, False),
        ("sealed", BACKUP, True),
        ("committing", COMMIT, True),
        ("committed", COMMIT, True),
        ("rewriting", REFERENCES, True),
        ("archiving", ARCHIVE, True),
        ("archived", ARCHIVE, True),
        ("recorded", FINAL, True),
    ],
)
def test_a_stage_that_raises_is_rolled_back_as_the_ledger_says(
    root: Path, event: str, stage: Stage, set_stays: bool
) -> None:
    """Before the ledger says that the run has started there is nothing to undo, and no backup set is left."""
    before = state(root)
    run = a_run(root)
    run.ledger = FullDisk(run.folder, event)
    reach(run, MIGRATION[MIGRATION.index(stage) - 1])

    with pytest.raises(OSError, match="No space left"):
        run.perform(stage)
    run.end()

    assert state(root) == before
    assert run.folder.exists() is set_stays
    assert (run.log.rolled_back is not None) is set_stays
    assert run.log.rolled_back is None or run.log.rolled_back.complete
    assert verdict(run.log) == "refused"
    assert cut_short(root, plan_of(root)) == []


def test_a_run_whose_end_cannot_be_noted_is_rolled_back(root: Path) -> None:
    """It would be taken for one that was cut short: it is refused, and the reason is an error of its log."""
    before = state(root)
    run = a_run(root)
    run.ledger = FullDisk(run.folder, "finished")
    reach(run, FINAL)
    assert verdict(run.log) == "accepted"

    run.end()

    assert verdict(run.log) == "refused"
    assert len(run.log.errors) == 1
    assert state(root) == before


def test_a_refusal_by_the_preflight_leaves_no_backup_set(root: Path) -> None:
    """Nothing was begun, so nothing is rolled back."""
    (root / "logs/tasks.db").write_bytes(b"no database")
    before = state(root)
    run = a_run(root)

    go_through(run)
    run.end()

    assert (verdict(run.log), exit_code(run.log, has_acted=run.has_acted)) == ("refused", ExitCode.REFUSED)
    assert run.log.rolled_back is None
    assert state(root) == before
    assert not (root / "backups").exists()


@pytest.mark.parametrize("criterion", ["references-updated", "no-side-effects", "archived", "record-written"])
def test_a_criterion_that_fails_after_commit_rolls_everything_back(root: Path, criterion: str) -> None:
    """The data is committed, and is taken out again."""
    before = state(root)
    run = a_run(root)
    stage = next(stage for stage in MIGRATION if criterion in criteria_in(stage))
    reach(run, MIGRATION[MIGRATION.index(stage) - 1])
    run.perform(stage)
    for id in run.log.demanded(stage):
        run.check(id)
    run.log.add(stage, criterion, [OBSERVATIONS[Outcome.FAILED]])

    run.end()

    assert run.log.rolled_back is not None
    assert run.log.rolled_back.complete
    assert exit_code(run.log, has_acted=run.has_acted) == ExitCode.FAILED
    assert state(root) == before


@pytest.mark.parametrize(
    ("words", "stage"), [("copying what", PREFLIGHT), ("backing up", BACKUP), ("archiving", ARCHIVE)]
)
def test_an_interrupted_stage_cannot_be_checked_or_passed(root: Path, words: str, stage: Stage) -> None:
    """Neither its own criteria nor the next stage: what it was to do may be half done."""
    mode = Mode.REHEARSAL if stage == PREFLIGHT else Mode.MIGRATE
    before = state(root)

    def say(said: str) -> None:
        if said.startswith(words):
            raise KeyboardInterrupt

    run = a_run(root, mode=mode, context=Context(say=say))
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


def test_an_end_that_is_called_twice_does_nothing_more(root: Path) -> None:
    """Neither after a verdict that keeps the result, nor after one that does not."""
    refused = a_run(root)
    reach(refused, SMOKE)
    refused.end()
    rolled_back, before = refused.log.rolled_back, Ledger(refused.folder).events()
    refused.end()
    assert refused.log.rolled_back is rolled_back
    assert Ledger(refused.folder).events() == before

    accepted = consolidate(a_run(root, "20250131_130000"))
    standing = state(root)
    accepted.end()

    assert state(root) == standing
    assert len(accepted.ledger.all("finished")) == 1


def test_a_plan_with_mistakes_is_all_that_can_be_examined(root: Path) -> None:
    """Each of its mistakes is evidence; what could not be looked at without a plan is not examined."""
    request = a_request(root)
    request.settings.plan.write_text('format = 1\nname = "x"\ntarget = "a.db"\nunknown = 1\nother = 2\n')
    with pytest.raises(ProblemError) as caught:
        load(request.settings.plan)
    run = PlanRun(replace(request, plan=None, plan_problems=caught.value.problems))

    go_through(run)
    run.end()

    assert len(run.log.results["plan-valid"].evidence) == len(caught.value.problems) >= 2
    outcomes = {id: result.outcome for id, result in run.log.results.items()}
    assert outcomes.pop("plan-valid") is Outcome.FAILED
    assert set(outcomes.values()) == {Outcome.NOT_EXAMINED}
    assert exit_code(run.log, has_acted=run.has_acted) == ExitCode.REFUSED


def test_runs_follow_each_other_in_one_process(tmp_path: Path) -> None:
    """A rehearsal, migrations of two workspaces, a rollback, a migration again and its check; each gives back all."""
    root, other = build(tmp_path / "workspace"), build(tmp_path / "other")
    before = state(root)
    process = psutil.Process()
    descriptors = process.num_fds()

    run_through(a_run(root, mode=Mode.REHEARSAL))
    assert state(root) == before
    run_through(a_run(root))
    run_through(a_run(other))
    assert execute(other / "workspace.db", "SELECT count(*) FROM notes") == [(5,)]
    run_through(RollbackRun(a_request(root, mode=Mode.ROLLBACK)))
    assert state(root) == before
    run_through(a_run(root, "20250131_130000"))
    run_through(CheckRun(a_request(root, mode=Mode.CHECK)))

    assert execute(root / "workspace.db", "SELECT count(*) FROM tasks") == [(3,)]
    assert process.num_fds() == descriptors


def run_through(run: Pipeline) -> None:
    """Take a run to its end; it is accepted."""
    go_through(run)
    run.end()
    assert verdict(run.log) == "accepted", (run.log.errors, [result.text for result in run.log.results.values()])


def test_two_runs_at_once_in_one_process_are_apart(tmp_path: Path) -> None:
    """Stage by stage in turn, in two workspaces: one is accepted, and the other, which fails, is rolled back."""
    roots = build(tmp_path / "first"), build(tmp_path / "second")
    before = state(roots[1])
    first, second = (a_run(root) for root in roots)
    for stage in MIGRATION:
        accept(first, stage)
        if stage != FINAL:
            accept(second, stage)

    second.end()
    first.end()

    assert (verdict(first.log), verdict(second.log)) == ("accepted", "not shown")
    assert state(roots[1]) == before
    assert execute(roots[0] / "workspace.db", "SELECT count(*) FROM tasks") == [(3,)]


def test_a_backup_set_of_another_run_is_left_alone(root: Path) -> None:
    """A run that gets the name of a finished one is refused, and takes its ledger neither for its own nor back."""
    first = consolidate(a_run(root))
    after = state(root)

    second = a_run(root)
    second.perform(PREFLIGHT)
    second.end()

    assert (second.has_acted, second.log.rolled_back) == (False, None)
    assert first.is_sealed
    assert first.ledger.has("finished")
    assert state(root) == after


def test_words_that_raise_do_not_keep_a_run_from_being_rolled_back(root: Path) -> None:
    """The function that shows progress is the caller's, and may raise at any time."""
    before = state(root)
    run = a_run(root)
    reach(run, REFERENCES)

    def refuse(words: str) -> None:
        raise LookupError(words)

    run.say = refuse
    with pytest.raises(LookupError):
        run.end()

    assert run.log.rolled_back is not None
    assert run.log.rolled_back.complete
    assert state(root) == before


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.REHEARSAL])
def test_run_has_a_check_of_each_criterion(root: Path, mode: Mode) -> None:
    """A criterion without a check would never be examined, and a check without a criterion never be asked."""
    run = Run(a_request(root, mode=mode))
    try:
        demanded = {id for stage in stages_of(mode) for id in run.log.demanded(stage)}

        assert demanded <= set(run.checks)
        assert set(run.checks) - demanded <= {"restored-exact"}  # which a rehearsal alone demands
    finally:
        run.end()
