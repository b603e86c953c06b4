"""Use the five functions of the package without pytest, with the same results."""

from __future__ import annotations

import doctest
import inspect
import json
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import tomllib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import sqlite_consolidate
from sqlite_consolidate import Plan, ProblemError, consolidate, load_plan, rehearse, rollback, verify
from sqlite_consolidate.engine.backup.history import TABLE as HISTORY
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.run_lock import holder
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.sample.build import build
from tests.support.thorough import thorough
from tests.support.workspaces.one_source import build_one_source
from tests.support.workspaces.whole_run import DEADLINE, REPOSITORY, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate import Result

MASKED_KEYS = frozenset({"run", "started", "finished", "seconds", "read", "written"})
RUNS = ("consolidate", "verify", "Result", "rehearse", "rollback")  # their examples consolidate, as that of the package
FUNCTIONS = [name for name in sqlite_consolidate.__all__ if inspect.isfunction(getattr(sqlite_consolidate, name))]


@pytest.mark.parametrize("name", [*(name for name in sqlite_consolidate.__all__ if name not in RUNS), *thorough(*RUNS)])
def test_example_of_an_exported_name_has_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The example in the docstring, run on the sample workspace, shows what it says."""
    build(tmp_path / "shop")
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(getattr(sqlite_consolidate, name)) or ""
    example = doctest.DocTestParser().get_doctest(text.partition("Example:\n")[2], {}, name, None, None)
    printed: list[str] = []

    ran = doctest.DocTestRunner(verbose=False).run(example, out=printed.append)

    assert ran.failed == 0, "".join(printed)
    assert any(step.want for step in example.examples)
    assert {"from sqlite_consolidate import" in step.source for step in example.examples[:1]} == {True}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_of_an_exported_function_is_complete(name: str) -> None:
    """Each parameter, what is returned, and each error has its place in it."""
    function = getattr(sqlite_consolidate, name)
    sections = dict(re.findall(r"^(\w+):\n((?: {4}.*\n?|\n)+)", inspect.getdoc(function) or "", re.MULTILINE))

    assert list(sections) == ["Args", "Returns", "Raises", "Example"]
    assert re.findall(r"^ {4}(\w+): ", sections["Args"], re.MULTILINE) == list(inspect.signature(function).parameters)
    assert "ProblemError" in re.findall(r"^ {4}([\w.]+): ", sections["Raises"], re.MULTILINE)


def test_docstring_example_runs_without_pytest(workspace: Workspace) -> None:
    """The example consolidates a workspace, and pytest is never imported."""
    shop = Workspace(workspace.root.rename(workspace.root.with_name("shop")), workspace.reports)
    example = textwrap.dedent((sqlite_consolidate.__doc__ or "").partition("Example::")[2]).replace("orders", "tasks")
    end = "import sys\nprint(sorted(name for name in sys.modules if name.partition('.')[0] in ('pytest', '_pytest')))\n"

    done = subprocess.run(
        [sys.executable, "-c", f"{example}\n{end}"],
        cwd=shop.root.parent,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )

    assert done.returncode == 0, done.stderr
    (backup_set,) = shop.sets()
    printed, imported = done.stdout.splitlines()
    assert printed == f"accepted {backup_set.relative_to(shop.root)} 3"
    assert imported == "[]"


def test_consolidate_returns_what_it_did(workspace: Workspace) -> None:
    """Each field of the result agrees with workspace, backup set and report."""
    words: list[str] = []

    result = consolidate(load_plan(workspace.plan), workspace.root, reports=workspace.reports, on_progress=words.append)

    (backup_set,) = workspace.sets()
    assert (result.accepted, result.verdict, result.exit_code) == (True, "accepted", ExitCode.ACCEPTED)
    assert workspace.root / result.backup_set == backup_set
    assert result.counts == {"tasks": 3, "tags": 3}
    assert result.failures == ()
    assert {entry.outcome for entry in result.evidence} == {Outcome.PASSED, Outcome.NOT_REQUIRED}
    assert "rows-exact" in {entry.criterion for entry in result.evidence}
    assert result.folder is not None
    assert (result.folder / "evidence.json").is_file()
    assert not (result.folder / "audit.html").exists()
    assert not (workspace.root / "old.db").exists()
    assert "archiving old.db" in words


def test_evidence_equals_that_of_pytest(workspace: Workspace) -> None:
    """Only times, names made of times and free space differ on the same workspace."""
    pristine = shutil.copytree(workspace.root, workspace.root.with_name("pristine"))
    ran = workspace.forked("migrate")
    assert ran.exit == ExitCode.ACCEPTED, ran.text
    workspace.root.rename(workspace.root.with_name("by-pytest"))
    pristine.rename(workspace.root)

    result = consolidate(load_plan(workspace.plan), workspace.root, reports=workspace.reports.with_name("by-library"))

    evidence = evidence_of(result)
    assert masked(evidence) == masked(ran.evidence)
    assert evidence["criteria"] != []


def test_verify_and_rollback_follow_a_consolidation(workspace: Workspace) -> None:
    """The consolidation passes, is already done, and is rolled back to the byte."""
    before = workspace.contents()
    plan = load_plan(workspace.plan)
    made = consolidate(plan, workspace.root)
    after = workspace.contents()

    checked = verify(plan, workspace.root)
    again = consolidate(plan, workspace.root)

    assert (checked.accepted, again.accepted, again.record.already, again.counts) == (True, True, True, {})
    assert workspace.contents() == after

    undone = rollback(plan, workspace.root, reports=workspace.reports)

    assert (undone.accepted, undone.backup_set) == (True, made.backup_set)
    assert evidence_of(undone)["mode"] == "rollback"
    assert workspace.contents() == before
    with pytest.raises(ProblemError) as again_undone:
        rollback(plan, workspace.root)
    (problem,) = again_undone.value.problems
    assert (problem.id, made.backup_set.rpartition("/")[2] in problem.what) == ("nothing-to-undo", True)
    assert "migrate" in problem.hint


def test_rollback_keeps_a_changed_target(workspace: Workspace) -> None:
    """It is refused. If the caller discards the target, the backup set keeps it."""
    before = workspace.contents()
    plan = load_plan(workspace.plan)
    consolidate(plan, workspace.root)
    workspace.execute("main.db", "INSERT INTO tags VALUES ('c', 'green')")

    refused = rollback(plan, workspace.root)
    discarded = rollback(plan, workspace.root, discard_changes=True)

    assert (refused.accepted, refused.exit_code) == (False, ExitCode.REFUSED)
    assert [entry.outcome for entry in refused.failures] == [Outcome.NOT_EXAMINED]
    assert discarded.accepted
    assert workspace.contents() == before


@pytest.mark.thorough
def test_rehearsal_writes_nothing(workspace: Workspace) -> None:
    """Before a migration, rehearse and verify change no byte and leave no folder."""
    before = workspace.files()
    plan = load_plan(workspace.plan)

    rehearsed, verified = rehearse(plan, workspace.root), verify(plan, workspace.root)

    assert rehearsed.accepted
    assert verified.accepted
    assert (rehearsed.record.mode, verified.record.mode) == ("rehearsal", "rehearsal")
    assert (rehearsed.folder, rehearsed.backup_set) == (None, "")
    assert workspace.files() == before


def test_rehearsal_after_a_migration_is_refused(workspace: Workspace) -> None:
    """There is nothing to rehearse any more, and no report of it."""
    plan = load_plan(workspace.plan)
    consolidate(plan, workspace.root)
    before = workspace.files()

    with pytest.raises(ProblemError) as caught:
        rehearse(plan, workspace.root, reports=workspace.reports)

    assert caught.value.ids[0] == "nothing-to-rehearse"
    assert workspace.files() == before
    assert not workspace.reports.exists()


def test_edited_plan_is_refused(workspace: Workspace) -> None:
    """What the caller has loaded is not what the backup set would keep."""
    plan = load_plan(workspace.plan)
    workspace.edit("consolidation.toml", "rows = 3", "")
    before = workspace.files()

    with pytest.raises(ProblemError) as caught:
        consolidate(plan, workspace.root)

    assert caught.value.ids[0] == "plan-changed"
    assert workspace.files() == before


def test_plan_built_in_python_is_refused(workspace: Workspace) -> None:
    """A plan needs a file, which the backup set keeps."""
    plan = Plan.model_validate(tomllib.loads(workspace.plan.read_text("utf-8")))
    before = workspace.files()

    with pytest.raises(ProblemError) as caught:
        consolidate(plan, workspace.root)

    assert caught.value.ids[0] == "plan-without-file"
    assert workspace.files() == before


def test_mistakes_of_a_plan_are_named_at_once(workspace: Workspace) -> None:
    """Loading raises all of them, each with an id."""
    workspace.edit("consolidation.toml", "rows = 3", 'rows = "three"')
    workspace.edit("consolidation.toml", 'name = "tags"', 'nmae = "tags"')

    with pytest.raises(ProblemError) as caught:
        load_plan(workspace.plan)

    assert {problem.id for problem in caught.value.problems} >= {"wrong-type", "unknown-key"}


def test_failing_application_rolls_everything_back(workspace: Workspace) -> None:
    """A smoke test that fails after COMMIT gives a result, and no exception."""
    workspace.edit("consolidation.toml", 'stdout = "^3$"', 'stdout = "^4$"')
    before = workspace.contents()

    result = consolidate(load_plan(workspace.plan), workspace.root, reports=workspace.reports)

    assert (result.accepted, result.verdict, result.exit_code) == (False, "refused", ExitCode.FAILED)
    failed = [entry.criterion for entry in result.failures if entry.outcome is Outcome.FAILED]
    assert failed == ["smoke:the store reads its tasks"]
    assert evidence_of(result)["verdict"] == "refused"
    assert workspace.contents() == before
    assert not is_locked(workspace)


@pytest.mark.parametrize("error", [KeyboardInterrupt, LookupError])
@pytest.mark.parametrize(
    "part", ["archiving old.db", *thorough("reading databases, code and logs", "copying old.db:tags")]
)
def test_exception_of_the_caller_rolls_everything_back(
    workspace: Workspace, part: str, error: type[BaseException]
) -> None:
    """The exception of the callback reaches the caller after the rollback."""
    before = workspace.contents()
    callback = raising_from(part, error)

    with pytest.raises(error):
        consolidate(load_plan(workspace.plan), workspace.root, reports=workspace.reports, on_progress=callback)

    assert workspace.contents() == before
    assert not is_locked(workspace)
    (file,) = workspace.reports.glob("2*/evidence.json")
    evidence = json.loads(file.read_bytes())
    assert evidence["verdict"] == "not shown"
    assert (evidence["exit_code"] == ExitCode.INTERRUPTED) is (error is KeyboardInterrupt)


def test_second_run_is_refused_while_one_goes_on(workspace: Workspace) -> None:
    """Neither a run nor a check begins, and the first run ends normally."""
    plan = load_plan(workspace.plan)
    ids: list[str] = []

    def try_another(words: str) -> None:
        if words == "archiving old.db":
            with pytest.raises(ProblemError) as refused:
                consolidate(plan, workspace.root)
            with pytest.raises(ProblemError) as under_way:
                verify(plan, workspace.root)
            ids.extend([*(problem.id for problem in refused.value.problems), under_way.value.ids[0]])

    result = consolidate(plan, workspace.root, on_progress=try_another)

    assert ids == ["under-way", "under-way"]
    assert result.accepted
    assert not is_locked(workspace)


def test_one_process_consolidates_two_workspaces(tmp_path: Path) -> None:
    """Nothing of the first run is left for the second, not even where the first one failed."""
    first, second = build_one_source(tmp_path / "first"), build_one_source(tmp_path / "second")
    first.edit("consolidation.toml", 'stdout = "^3$"', 'stdout = "^4$"')
    second.execute("old.db", "INSERT INTO tags VALUES ('c', 'green')")

    results = [consolidate(load_plan(each.plan), each.root, reports=each.reports) for each in (first, second)]

    assert [result.accepted for result in results] == [False, True]
    assert results[1].counts == {"tasks": 3, "tags": 4}
    assert [len(each.sets()) for each in (first, second)] == [1, 1]


def test_signals_belong_to_the_caller(workspace: Workspace) -> None:
    """No handler is installed, neither during a run nor after it."""
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in watched]
    during: list[object] = []

    consolidate(
        load_plan(workspace.plan),
        workspace.root,
        on_progress=lambda _words: during.append([signal.getsignal(number) for number in watched]),
    )

    assert during
    assert all(handlers == before for handlers in during)
    assert [signal.getsignal(number) for number in watched] == before


def evidence_of(result: Result) -> dict[str, Any]:
    """Return the ``evidence.json`` of a run that was told where to keep it."""
    assert result.folder is not None
    evidence: dict[str, Any] = json.loads((result.folder / "evidence.json").read_bytes())
    return evidence


def masked(evidence: dict[str, Any]) -> dict[str, Any]:
    """Return evidence with every entry, but equal times, names and digests."""
    alike: dict[str, Any] = _masked(evidence)
    after = alike["target"]["contents"]["after"]
    alike["target"]["after"]["digest"] = after[HISTORY]["digest"] = "<digest of a row with the run's time>"
    return alike


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: f"<{key}>" if key in MASKED_KEYS else _masked(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_masked(member) for member in value]
    return _masked_text(value) if isinstance(value, str) else value


def _masked_text(text: str) -> str:
    for pattern, word in (
        (r"\d{8}_\d{6}", "<run>"),
        (r"--reports=\S+", "--reports=<folder>"),
        (r"\d+\.\d\d s\b", "<seconds>"),
        (r"\d+\.\d MB are free", "<free>"),
    ):
        text = re.sub(pattern, word, text)
    return text


def raising_from(part: str, error: type[BaseException]) -> Callable[[str], None]:
    """Return a callback that raises from one part of the run on."""
    words_so_far: list[str] = []

    def callback(words: str) -> None:
        words_so_far.append(words)
        if any(earlier.startswith(part) for earlier in words_so_far):
            raise error

    return callback


def is_locked(workspace: Workspace) -> bool:
    """Whether a process holds the lock of a workspace, or has left its file there."""
    backups = workspace.root / "backups"
    return holder(backups) is not None or (backups / "run.lock").exists()


@pytest.mark.thorough
def test_runs_of_one_second_have_separate_backup_sets(workspace: Workspace) -> None:
    """No folder of reports tells them apart, and each is accepted."""
    plan, sets = load_plan(workspace.plan), set()
    for _ in range(2):
        result = consolidate(plan, workspace.root)
        assert result.accepted, result.failures
        sets.add(result.backup_set)
        assert rollback(plan, workspace.root).accepted

    assert len(sets) == 2


def test_second_plan_takes_a_stamp_of_its_own(workspace: Workspace) -> None:
    """Each run of this minute has a backup set, and a run is a row of one history."""
    start = datetime.now(UTC)
    stamps = [(start + timedelta(seconds=second)).strftime("%Y%m%d_%H%M%S") for second in range(60)]
    for stamp in stamps:
        (workspace.root / f"backups/other-{stamp}").mkdir(parents=True)

    result = consolidate(load_plan(workspace.plan), workspace.root)

    assert result.accepted, result.failures
    assert result.record.run.partition("-")[0] not in stamps
