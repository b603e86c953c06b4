"""Test which plan is proposed, and that it passes its own check or marks the decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory import propose
from sqlite_consolidate.inventory.inventory import Inventory, take_inventory
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.propose import propose_plan
from sqlite_consolidate.inventory.refinement import refine
from sqlite_consolidate.inventory.refinement.refine import RefinedProposal, refine_proposal
from sqlite_consolidate.inventory.session import InventorySession, inventory_data
from sqlite_consolidate.plan.loader import load
from tests.support.missing.kinds import INDEXES, TABLES, VIRTUAL_TABLES, Kind
from tests.support.thorough import thorough
from tests.support.workspaces.inventory_folder import objections_to, proposal_in, proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.proposal import ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap


@pytest.fixture(scope="module")
def refined(root: Path, inventory: Inventory) -> RefinedProposal:
    """Propose a plan for the folder with databases of every kind."""
    proposal = propose_plan(inventory)
    assert proposal is not None
    return refine_proposal(root, proposal, lambda _words: None)


def source(refined: RefinedProposal, file: str) -> ProposedSource:
    """Return one of the sources."""
    return next(source for source in refined.proposal.sources if source.file == file)


def table(refined: RefinedProposal, file: str, name: str) -> ProposedMap:
    """Return one of the table mappings."""
    return next(table_map for table_map in source(refined, file).maps if table_map.name == name)


def test_proposal_passes_the_preflight(root: Path, refined: RefinedProposal) -> None:
    """The plan check and the preflight run on copies."""
    assert refined.problems == ()
    assert objections_to(root, refined.proposal) == ()


def test_target_is_the_database_with_most_points(refined: RefinedProposal) -> None:
    """The plan gives the reason that fewest other databases have."""
    assert refined.proposal.target == "shop.db"
    assert len(refined.proposal.target_reasons) == 1


def test_source_of_an_open_pattern_is_a_question(tmp_path: Path) -> None:
    """The question names the place.

    A database whose name is computed for certain needs none.
    """
    code = 'A = f"{day}.db"\nB = f"lo{n}.db"\nC = "main.db"\n'
    (tmp_path / "store.py").write_text(code)
    sql = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1)"

    refined = proposal_of(tmp_path, main=sql.format("m"), logs=sql.format("l"), days=sql.format("d"))

    assert source(refined, "logs.db").questions == ()
    assert ["store.py:1" in question for question in source(refined, "days.db").questions] == [True]


def test_open_place_of_the_code_is_an_objection(tmp_path: Path) -> None:
    """A run refuses the computed name, and one of two names in a line that leads elsewhere."""
    sql = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1)"
    for name in ("main", "logs"):
        execute(tmp_path / f"{name}.db", sql.format(name))
    (tmp_path / "store.py").write_text('A = "main.db"\n' * 4 + 'B = f"lo{n}.db"\n')
    (tmp_path / "compose.yml").write_text("volumes:\n  - ./logs.db:/srv/logs.db\n")
    session = InventorySession(tmp_path, tmp_path / "consolidation.toml", lambda _words: None)
    session.inspect_workspace()
    session.write_plan()

    data = inventory_data(session)

    assert [objection.split()[0] for objection in data["objections"]] == ["compose.yml:2:", "store.py:5:"]
    assert data["untried"] == ["1 reference", "1 smoke test"]
    assert "/srv/logs.db" in data["objections"][0]


def test_reference_of_a_computed_name_is_a_comment(tmp_path: Path) -> None:
    """The plan is valid without the comment signs."""
    for name in ("main", "logs"):
        execute(tmp_path / f"{name}.db", f"CREATE TABLE {name}(a); INSERT INTO {name} VALUES (1)")
    (tmp_path / "store.py").write_text('A = "main.db"\n' * 3 + 'B = f"lo{n}.db"\n')

    proposal = propose_plan(take_inventory(tmp_path, lambda _words: None))

    assert proposal is not None
    before, mark, after = render_plan(proposal, "2026-11-28").partition("# [[reference]]\n")
    file = tmp_path / "plan.toml"
    file.write_text(f"{before}{mark[2:]}{after.replace('# ', '', 3)}", "utf-8")
    [reference] = load(file).references
    assert (reference.file, reference.find, reference.replace) == ("store.py", 'f"lo{n}.db"', '"main.db"')


def test_code_of_the_target_alone_gets_a_smoke_test(tmp_path: Path) -> None:
    """A script that would run when it is imported gets none, and is no question."""
    for name in ("main", "logs"):
        execute(tmp_path / f"{name}.db", f"CREATE TABLE {name}(a); INSERT INTO {name} VALUES (1)")
    (tmp_path / "summary.py").write_text('A = "main.db"\nB = "main.db"\n')
    (tmp_path / "nightly.py").write_text('print("main.db")\n')
    (tmp_path / "store.py").write_text('A = "logs.db"\n')

    proposal = propose_plan(take_inventory(tmp_path, lambda _words: None))

    assert proposal is not None
    assert (proposal.target, [test.module for test in proposal.smoke]) == ("main.db", ["store", "summary"])
    assert (proposal.decisions, proposal.untried) == (0, ())


def test_name_from_imported_constants_is_a_reference(tmp_path: Path) -> None:
    """No constant is the name itself, so that their module has no mention."""
    sql = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1)"
    (tmp_path / "names.py").write_text('STEM = "logs"\n')
    (tmp_path / "store.py").write_text(
        'from names import STEM\n\nA = "main.db"\nB = STEM + ".db"\n' + 'C = "main.db"\n' * 3
    )

    refined = proposal_of(tmp_path, main=sql.format("m"), logs=sql.format("l"))

    places = [(place.file, place.line) for place in refined.proposal.references]
    assert (refined.proposal.target, places) == ("main.db", [("store.py", 4)])


def test_name_main_is_a_point_for_a_target(tmp_path: Path) -> None:
    """All other points are equal."""
    sql = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1)"

    refined = proposal_of(tmp_path, a=sql.format("a"), main=sql.format("m"), z=sql.format("z"))

    assert refined.proposal.target == "main.db"
    assert "main.db" in refined.proposal.target_reasons[0]


def test_every_database_is_a_source_or_left_out(refined: RefinedProposal) -> None:
    """Every file of the inventory is in the plan."""
    sources = {source.file for source in refined.proposal.sources}
    left_out = {file.file: file.decide for file in refined.proposal.left_out}

    assert sources == {
        "billing.db",
        "live.db",
        "metrics",
        "north.db",
        "notes.db",
        "south.db",
        "west.db",
        "crm/crm.sqlite3",
    }
    assert left_out == {
        "Thumbs.db": False,
        "cache.db": False,
        "empty.db": False,
        "north_again.db": False,
        "vault.db": True,
        "backups/shop-2024.db": False,
        "templates/new_shop.db": False,
    }
    assert all(file.reason for file in refined.proposal.left_out)


def test_equal_tables_are_merged_when_keys_differ(refined: RefinedProposal) -> None:
    """The plan has the conflict policy as a comment."""
    assert table(refined, "south.db", "sales").into == "sales"
    assert table(refined, "south.db", "sales").shared == ("north.db",)
    assert table(refined, "south.db", "sales").decide == ()


def test_tables_with_equal_keys_get_new_ones(refined: RefinedProposal) -> None:
    """All rows stay, and nothing is left to decide about them."""
    west = source(refined, "west.db")

    assert (west.keys, table(refined, "west.db", "sales").into) == ("renumber", "sales")
    assert west.decide == west.questions


def test_source_that_no_code_opens_is_a_decision(refined: RefinedProposal) -> None:
    """The code opens the other one."""
    assert len(source(refined, "west.db").questions) == 1
    assert source(refined, "crm/crm.sqlite3").questions == ()


@pytest.mark.parametrize(("opened", "questions"), [("studio.db", 1), ("laptop/studio.db", 0)])
def test_mention_of_the_target_opens_no_namesake(tmp_path: Path, opened: str, questions: int) -> None:
    """The same name in another folder is another file."""
    (tmp_path / "laptop").mkdir()
    for name in ("studio.db", "laptop/studio.db"):
        execute(tmp_path / name, f'CREATE TABLE "{name}"(a); INSERT INTO "{name}" VALUES (1)')
    (tmp_path / "store.py").write_text(f'A = "studio.db"\nB = "{opened}"\n')

    refined = proposal_in(tmp_path)

    assert refined.proposal.target == "studio.db"
    assert len(source(refined, "laptop/studio.db").questions) == questions


def test_tables_declared_differently_are_kept_apart(refined: RefinedProposal) -> None:
    """The decision names the columns that only one table has."""
    users = table(refined, "crm/crm.sqlite3", "users")

    assert users.into == "crm_users"
    assert "shop.db" in users.apart
    assert "phone" in users.apart
    assert len(source(refined, "crm/crm.sqlite3").decide) == 1


def test_empty_table_is_copied_when_another_refers_to_it(refined: RefinedProposal) -> None:
    """A foreign key needs its parent table."""
    assert [table_map.name for table_map in source(refined, "crm/crm.sqlite3").maps] == ["users", "regions", "calls"]


def test_tables_without_rows_are_moved_as_well(tmp_path: Path) -> None:
    """A view or a first query finds them, and one line says so for all tables."""
    sql = "CREATE TABLE {0}(id INTEGER PRIMARY KEY); INSERT INTO {0} VALUES (1); CREATE TABLE empty_{0}(a)"

    refined = proposal_of(tmp_path, **{name: sql.format(f"t{name}") for name in ("a", "b")})

    [proposed] = refined.proposal.sources
    assert [table_map.name for table_map in proposed.maps] in (["ta", "empty_ta"], ["tb", "empty_tb"])
    assert render_plan(refined.proposal, "2026-11-27").count('tables = "*"') == 1
    assert refined.objections == ()


def test_table_without_rows_makes_room_for_another(tmp_path: Path) -> None:
    """It is left behind without a decision, because it has no rows."""
    sql = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1); CREATE TABLE t({1})"

    refined = proposal_of(tmp_path, a=sql.format("a", "x"), b=sql.format("b", "y"))

    [proposed] = refined.proposal.sources
    assert [leave.table for leave in proposed.leaves] == ["t"]
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


def test_index_over_another_table_is_rebuilt(refined: RefinedProposal) -> None:
    """Its declaration is moved, and no row is copied into it."""
    notes = source(refined, "notes.db")

    assert [(table_map.name, table_map.is_index) for table_map in notes.maps] == [
        ("notes", False),
        ("own", False),
        ("found", True),
    ]
    assert notes.leaves == ()
    assert [(rebuild.table, rebuild.query) for rebuild in refined.proposal.rebuilds] == [("found", "")]


def test_three_tables_with_one_key_get_new_keys(tmp_path: Path) -> None:
    """One problem names all of them."""
    sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, who); INSERT INTO t VALUES (1, '{0}')"

    refined = proposal_of(tmp_path, **{name: sql.format(name) for name in ("a", "b", "c")})

    assert [(source.keys, source.maps[0].into) for source in refined.proposal.sources] == [("renumber", "t")] * 2
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


def test_identical_rows_are_skipped_without_a_decision(tmp_path: Path) -> None:
    """The row that only one file has is added.

    A key that a person has chosen says what the row is.
    """
    sql = "CREATE TABLE t(id TEXT PRIMARY KEY, name); INSERT INTO t VALUES ('a', 'same'), ('{0}', '{0}')"

    refined = proposal_of(tmp_path, **{name: sql.format(key) for name, key in (("a", 10), ("b", 11))})

    maps = [source.maps[0] for source in refined.proposal.sources]
    assert [(table_map.into, table_map.on_conflict) for table_map in maps] == [("t", "skip-identical")]
    assert (refined.proposal.decisions, refined.problems) == (0, ())
    assert 'on_conflict = "skip-identical"' in render_plan(refined.proposal, "2026-11-27")


def test_only_the_source_that_differs_is_kept_apart(tmp_path: Path) -> None:
    """All three have the key, and two of them have the same row under it."""
    sql = "CREATE TABLE t(id TEXT PRIMARY KEY, name); INSERT INTO t VALUES (1, '{0}'), ({1}, 'own')"

    main = sql.format("x", 2) + "; CREATE TABLE further(a); INSERT INTO further VALUES (1)"
    refined = proposal_of(tmp_path, a=main, b=sql.format("y", 3), c=sql.format("x", 4))

    maps = [source.maps[0] for source in refined.proposal.sources]
    assert [(table_map.into, table_map.on_conflict) for table_map in maps] == [("b_t", ""), ("t", "skip-identical")]
    assert (refined.proposal.decisions, refined.problems) == (1, ())


def test_children_of_identical_parents_are_merged(tmp_path: Path) -> None:
    """Each child has the same parent as before."""
    sql = (
        "CREATE TABLE unit(id INTEGER PRIMARY KEY, name); INSERT INTO unit VALUES (1, 'same');"
        "CREATE TABLE c(id INTEGER PRIMARY KEY, unit_id INTEGER REFERENCES unit(id)); INSERT INTO c VALUES ({0}, 1)"
    )

    refined = proposal_of(tmp_path, a=sql.format(1), b=sql.format(2))

    maps = refined.proposal.sources[0].maps
    assert [(table_map.into, table_map.on_conflict) for table_map in maps] == [("unit", "skip-identical"), ("c", "")]
    assert refined.proposal.decisions == 0


def test_plan_without_room_leaves_files_to_a_second_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are a decision, and the plan is not larger than a plan can be."""
    monkeypatch.setattr(propose, "MAX_BYTES", 5_000)

    refined = proposal_of(
        tmp_path, **{name: f"CREATE TABLE {name}(a); INSERT INTO {name} VALUES (1)" for name in "abcde"}
    )

    assert [source.file for source in refined.proposal.sources] == ["b.db", "c.db"]
    [left] = refined.proposal.left_out
    assert (left.file, left.decide) == ("d.db and e.db", True)
    assert len(render_plan(refined.proposal, "2026-11-27")) < 5_000


def test_damaged_source_becomes_a_decision(tmp_path: Path) -> None:
    """Only the full integrity check finds the damage."""
    good = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1), (2)"
    bad = "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a NOT NULL)'"
    execute(tmp_path / "bad.db", f"CREATE TABLE t(a); INSERT INTO t VALUES (NULL); {bad}")

    refined = proposal_of(tmp_path, one=good.format("one"), two=good.format("two"))

    assert refined.problems == ()
    assert [source.file for source in refined.proposal.sources] == ["two.db"]
    [left] = refined.proposal.left_out
    assert (left.file, left.decide) == ("bad.db", True)
    assert "corrupt" in left.reason


def test_large_workspace_is_not_checked_and_marked(
    root: Path, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rehearsal copies the databases instead."""
    monkeypatch.setattr(refine, "MAX_TRIED_BYTES", 1000)
    proposal = propose_plan(inventory)
    assert proposal is not None

    refined = refine_proposal(root, proposal, lambda _words: None)

    assert refined.rounds == 0
    assert " MB" in refined.unrehearsed_reason
    assert refined.proposal.decide == (refined.unrehearsed_reason,)


def test_single_database_needs_no_plan(tmp_path: Path) -> None:
    """There is nothing to consolidate."""
    execute(tmp_path / "a.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1)")

    assert propose_plan(take_inventory(tmp_path, lambda _words: None)) is None


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        *thorough((TABLES[2], [("tables", "odd")])),
        (INDEXES[0], [("indexes", "odd_i")]),
        *thorough((VIRTUAL_TABLES[0], [("tables", "odd")])),
    ],
    ids=["table", "index", "module"],
)
def test_what_sqlite_lacks_is_proposed_to_be_left(kind: Kind, left: list[tuple[str, str]], tmp_path: Path) -> None:
    """The other tables of the file are moved, and each object is a decision."""
    kind.build(tmp_path / "a.db", 11)
    sql = "".join(f"CREATE TABLE {name}(x); INSERT INTO {name} VALUES(1);" for name in "xyz")

    refined = proposal_of(tmp_path, main=sql)

    leaves = source(refined, "a.db").leaves
    assert [(leave.kind, leave.table) for leave in leaves] == left
    assert all(leave.decide for leave in leaves)
    assert "plain" in [table_map.name for table_map in source(refined, "a.db").maps]
    assert refined.problems == ()
    assert objections_to(tmp_path, refined.proposal) == ()
