"""Make an inventory of a folder, and get a plan that can be rehearsed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.verdict import PLAN_WRITTEN
from sqlite_consolidate.sample.build import build
from tests.support.processes import other_process
from tests.support.thorough import thorough
from tests.support.workspaces.inventory_folder import folder
from tests.support.workspaces.whole_run import Before, CompletedRun, Workspace, execute

if TYPE_CHECKING:
    from pathlib import Path

PLAN, SCHEMA = "consolidation.toml", "consolidation.schema.json"


@pytest.fixture
def mixed(tmp_path: Path) -> Workspace:
    """The folder of all kinds, without a plan."""
    return Workspace(folder(tmp_path / "workspace"), tmp_path / "reports")


@pytest.fixture
def two(tmp_path: Path) -> Workspace:
    """A folder of two databases, without a plan."""
    workspace = Workspace(tmp_path / "workspace", tmp_path / "reports")
    workspace.root.mkdir()
    for name, number in (("north", 1), ("south", 2)):
        rows = f"CREATE TABLE sales(id INTEGER PRIMARY KEY, shop); INSERT INTO sales VALUES ({number}, '{name}')"
        execute(workspace.root / f"{name}.db", rows)
    return workspace


def test_folder_of_all_kinds_gets_a_usable_plan(mixed: Workspace) -> None:
    """Nothing else is written, and open decisions are marked.

    Evidence and page have files, tables and overlaps. The bundle has the written plan.
    """
    before = mixed.files()

    ran = mixed.forked("inventory")

    assert ran.exit == 0, ran.text
    assert_inventory(ran, mixed)
    assert (ran.evidence["mode"], ran.evidence["verdict"]) == ("inventory", "accepted")
    after = mixed.files()
    assert after.keys() - before.keys() == {PLAN, SCHEMA}
    assert {file: after[file] for file in before} == before
    inventory = ran.evidence["inventory"]
    assert (inventory["written"], inventory["objections"], inventory["unrehearsed"]) == ([PLAN, SCHEMA], [], "")
    first = f"decide the {inventory['decisions']} places in {PLAN}, then run: "
    assert f"next:       {first}pytest -m verify --workspace={mixed.root}" in ran.text
    assert "shop.db                target            3          7" in ran.text


@pytest.mark.parametrize("kinds", ["two", *thorough("mixed")])
def test_proposed_plan_passes_its_rehearsal(request: pytest.FixtureRequest, kinds: str) -> None:
    """Nothing of the proposal has to be edited before."""
    workspace: Workspace = request.getfixturevalue(kinds)

    assert workspace.run("inventory").exit == 0

    rehearsal = workspace.run("verify")
    assert rehearsal.exit == 0, rehearsal.text


@pytest.mark.thorough
def test_proposed_plan_of_the_sample_passes_its_rehearsal(tmp_path: Path) -> None:
    """It has references and smoke tests, and nothing is left to decide."""
    workspace = Workspace(build(tmp_path / "workspace", decisions=True), tmp_path / "reports")
    workspace.plan.unlink()

    ran = workspace.run("inventory")
    rehearsal = workspace.run("verify")

    assert ran.exit == 0, ran.text
    assert ran.evidence["inventory"]["decisions"] == 0
    assert rehearsal.exit == 0, rehearsal.text
    assert "references-updated" in {entry["id"] for entry in rehearsal.evidence["criteria"]}


def assert_inventory(ran: CompletedRun, mixed: Workspace) -> None:
    """Assert that evidence and page have the inventory of the folder of all kinds."""
    assert ran.folder is not None
    inventory = ran.evidence["inventory"]
    assert {database["file"]: database["part"] for database in inventory["databases"] if database["part"]}[
        "shop.db"
    ] == "target"
    assert [overlap["table"] for overlap in inventory["overlaps"]] == ["sales", "users"]
    assert inventory["duplicates"] == [["north.db", "north_again.db"], ["shop.db", "backups/shop-2024.db"]]
    assert inventory["plan"] == PLAN
    assert ran.evidence["plan"]["sha256"] == hashlib.sha256(mixed.plan.read_bytes()).hexdigest()
    assert (ran.folder / "plan.toml").read_bytes() == mixed.plan.read_bytes()
    html = (ran.folder / "audit.html").read_text("utf-8")
    assert "Databases in the workspace" in html
    assert "Tables that are in several files" in html


def test_a_plan_that_is_there_stays(two: Workspace) -> None:
    """The proposal goes beside it, and is what the next command names."""
    two.plan.write_text("# mine\n")

    ran = two.run("inventory")

    assert ran.exit == 0, ran.text
    assert two.plan.read_text() == "# mine\n"
    assert (two.root / "consolidation.proposed.toml").is_file()
    assert f"--plan={two.root}/consolidation.proposed.toml" in ran.text


@pytest.mark.thorough
def test_unedited_plan_of_a_failed_inventory_is_replaced(two: Workspace) -> None:
    """A person has put nothing into it, and the next command names the usual file."""
    journal = two.root / "north.db-journal"
    failed = two.run("inventory", plugin=Before("only-looked", lambda _run: journal.write_bytes(b"left") and None))
    journal.unlink()
    mistyped = two.run("inventory", target="suoth.db")

    ran = two.run("inventory", target="south.db")

    assert (failed.exit, mistyped.exit, ran.exit) == (1, 4, 0), ran.text
    assert 'target = "south.db"' in two.plan.read_text("utf-8")
    assert not (two.root / "consolidation.proposed.toml").exists()
    assert [finding.subject for finding in ran.findings if finding.id == "plan-replaced"] == [PLAN]
    assert "--target" not in ran.evidence["next_command"]


@pytest.mark.thorough
def test_edited_plan_stays_and_keeps_its_target(two: Workspace) -> None:
    """The proposal stands beside it."""
    named = two.run("inventory", target="south.db")
    two.plan.write_text(f"{two.plan.read_text('utf-8')}# mine\n", "utf-8")

    again = two.run("inventory")

    assert (named.exit, again.exit) == (0, 0), again.text
    assert again.evidence["inventory"]["plan"] == "consolidation.proposed.toml"
    assert [target_of(named), target_of(again)] == ["south.db", "south.db"]
    reasons = [run.evidence["inventory"]["target_because"] for run in (named, again)]
    assert reasons == [["--target names it"], [f"{PLAN} names it"]]


@pytest.mark.thorough
def test_plan_that_a_run_has_used_stays(two: Workspace) -> None:
    """It is a plan of the operator by then, edited or not."""
    for verb in ("inventory", "verify", "inventory"):
        assert two.run(verb).exit == 0

    assert (two.root / "consolidation.proposed.toml").is_file()


def test_target_that_is_no_database_is_refused(two: Workspace) -> None:
    """No plan is written, and the next command has the option."""
    (two.root / "notes.db").write_text("no database")

    ran = two.run("inventory", target="notes.db")

    assert ran.exit == 4, ran.text
    assert "[no-such-target]" in ran.text
    assert not two.plan.exists()
    assert ran.evidence["next_command"].endswith(" --target=notes.db")


def target_of(ran: CompletedRun) -> str:
    """Return the target of the proposed plan."""
    files = {database["part"]: database["file"] for database in ran.evidence["inventory"]["databases"]}
    return str(files["target"])


def test_folder_without_a_database_is_refused(tmp_path: Path) -> None:
    """It exits with 4 and a hint. So does a path that is no folder."""
    workspace = Workspace(tmp_path / "workspace", tmp_path / "reports")
    absent = workspace.forked("inventory")
    workspace.root.mkdir()
    (workspace.root / "readme.txt").write_text("nothing here")

    ran = workspace.forked("inventory")

    assert ran.exit == 4, ran.text
    assert ran.failed == {"databases-found"}
    assert "Name the folder that holds the databases: --workspace=DIR." in ran.text
    assert list(workspace.files()) == ["readme.txt"]
    assert absent.exit == 4
    assert "there is no workspace folder" in absent.text


def test_one_database_alone_gets_no_plan(tmp_path: Path) -> None:
    """There is nothing to consolidate, and that is no failure."""
    workspace = Workspace(tmp_path / "workspace", tmp_path / "reports")
    workspace.root.mkdir()
    execute(workspace.root / "only.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1)")

    ran = workspace.run("inventory")

    assert ran.exit == 0, ran.text
    assert list(workspace.files()) == ["only.db"]
    assert "no plan: a consolidation needs two databases with rows, and only only.db has rows." in ran.text
    assert "next:" not in ran.text


def test_process_with_an_open_database_is_named(two: Workspace) -> None:
    """Terminal, evidence and plan name it, and the database is examined all the same."""
    with other_process(two.root / "south.db", "SELECT 1") as pid:
        ran = two.run("inventory")

    assert ran.exit == 0, ran.text
    assert f"open in process {pid} (" in ran.text
    [south] = [database for database in ran.evidence["inventory"]["databases"] if database["file"] == "south.db"]
    assert [who["pid"] for who in south["open_in"]] == [pid]
    assert f"# open in process {pid} now (" in two.plan.read_text("utf-8")


FAULTS = {
    "plan-proposed": ("plan-proposed", PLAN, b"format = 2\n"),
    "only-looked": ("only-looked", "north.db-journal", b"left behind"),
}


@pytest.mark.parametrize("criterion", [*list(FAULTS)[:1], *thorough(*list(FAULTS)[1:])])
def test_a_fault_turns_its_criterion_red(two: Workspace, criterion: str) -> None:
    """The run ends with 1 and names the criterion."""
    test, file, data = FAULTS[criterion]
    plant = Before(test, lambda _run: (two.root / file).write_bytes(data) and None)

    ran = two.run("inventory", plugin=plant)

    assert ran.exit == 1, ran.text
    assert ran.failed == {criterion}
    assert ran.evidence["verdict"] == "refused"
    assert ran.evidence["inventory"]["written"] == [PLAN, SCHEMA]
    assert ran.evidence["headline"].endswith(PLAN_WRITTEN)
