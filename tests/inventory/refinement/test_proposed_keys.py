"""Test that colliding integer keys get new values, and that references follow them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import rehearse
from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.plan.loader import load
from tests.support.thorough import sampled, thorough
from tests.support.workspaces.inventory_folder import proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal
    from sqlite_consolidate.plan.model import Source

CUSTOMERS = "CREATE TABLE customers(id INTEGER PRIMARY KEY, name);"
NOTES = "CREATE TABLE notes(id INTEGER PRIMARY KEY, {} INTEGER{});"
ROWS = "INSERT INTO customers VALUES (1, '{0}a'), (2, '{0}b'); INSERT INTO notes VALUES (1, 2), (2, 1);"
USERS = "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE, name);"


def written(tmp_path: Path, refined: RefinedProposal) -> Source:
    """Return the only source of the plan that is written."""
    file = tmp_path / "written.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-27"), "utf-8")
    [source] = load(file).sources
    return source


def both(tmp_path: Path, sql: str, rows: str = ROWS) -> RefinedProposal:
    """Return the proposal for two databases of one schema with other rows under equal keys."""
    return proposal_of(tmp_path, app=sql + rows.format("x"), shop=sql + rows.format("y"))


@pytest.mark.parametrize(
    ("column", "declared"),
    sampled(
        [("customer", " REFERENCES customers(id)"), ("customer_id", ""), ("from_customer_id", "")],
        0,
        1,
    ),
)
def test_children_follow_the_new_keys_of_parents(tmp_path: Path, column: str, declared: str) -> None:
    """A reference that no FOREIGN KEY declares is stated in the plan."""
    refined = both(tmp_path, CUSTOMERS + NOTES.format(column, declared))

    source = written(tmp_path, refined)
    stated = [(each.column, each.to) for table in source.tables for each in table.refers]
    assert (source.keys_, source.all_tables) == ("renumber", "*")
    assert [table.into for table in refined.proposal.sources[0].maps] == ["customers", "notes"]
    assert stated == ([] if declared else [(column, "customers.id")])
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


@pytest.mark.parametrize("column", ["customers", *thorough("customer", "note")])
def test_number_named_like_a_table_is_a_decision(tmp_path: Path, column: str) -> None:
    """Each number is a key there, and may be one by chance, as the position of a track is."""
    refined = both(tmp_path, CUSTOMERS + NOTES.format(column, ""))

    [proposed] = refined.proposal.sources
    assert [each.column for table in proposed.maps for each in table.refers] == []
    assert refined.proposal.decisions == len(proposed.decide)
    assert [bool(re.search(rf"\b{column}\b", each)) for each in proposed.decide].count(True) == 1


@pytest.mark.parametrize(("largest", "expected"), [(12, ("customers", "id")), (11, None)])
def test_numbers_that_end_with_the_keys_refer_to_them(
    tmp_path: Path, largest: int, expected: tuple[str, str] | None
) -> None:
    """The name is that of the table, and positions rarely end where its keys end."""
    rows = ", ".join(f"({number})" for number in range(1, 13))
    ids = f"INSERT INTO customers(id) VALUES {rows}; INSERT INTO notes VALUES (1, 3), (2, {largest})"
    execute(tmp_path / "a.db", CUSTOMERS + NOTES.format("customer", "") + ids)
    [candidate] = discover(tmp_path).candidates

    [reference] = inspect_file(tmp_path, candidate).unstated

    assert (reference.column, reference.to) == ("customer", expected)


def test_column_that_no_key_explains_is_a_decision(tmp_path: Path) -> None:
    """Its numbers are no keys of the table that it is named after."""
    refined = both(tmp_path, CUSTOMERS + NOTES.format("customer_id", ""), ROWS.replace("(1, 2)", "(1, 77)"))

    [proposed] = refined.proposal.sources
    assert proposed.keys == "renumber"
    assert refined.proposal.decisions == len(proposed.decide) == 1
    assert "customer_id" in proposed.decide[0]


def test_tables_that_only_a_view_connects_keep_their_keys(tmp_path: Path) -> None:
    """The column in the view may hold keys, and nothing says of which table."""
    view = "CREATE VIEW v AS SELECT name FROM notes JOIN customers ON customers.id = c;"
    refined = both(tmp_path, CUSTOMERS + NOTES.format("c", "") + view)

    [proposed] = refined.proposal.sources
    assert (proposed.keys, [table.into for table in proposed.maps]) == ("", ["shop_customers", "shop_notes"])
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


def test_rows_with_a_unique_column_are_matched(tmp_path: Path) -> None:
    """The same user has another number in the other file."""
    rows = "INSERT INTO users VALUES (1, 'ada@x', 'Ada'), (2, 'bob@x', 'Bob')"
    other = "INSERT INTO users VALUES (1, 'cleo@x', 'Cleo'), (2, 'ada@x', 'Ada')"
    refined = proposal_of(tmp_path, app=USERS + rows, shop=USERS + other)

    assert written(tmp_path, refined).tables[0].match == ["email"]
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


def test_matched_rows_that_differ_are_a_decision(tmp_path: Path) -> None:
    """Only a person knows which name is right."""
    rows = "INSERT INTO users VALUES (1, 'ada@x', 'Ada'), (2, 'bob@x', 'Bob')"
    refined = proposal_of(tmp_path, app=USERS + rows, shop=USERS + rows.replace("'Bob'", "'Rob'").replace("2", "3"))

    [proposed] = refined.proposal.sources
    assert [table.into for table in proposed.maps] == ["shop_users"]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


def test_separate_rows_with_new_keys_name_their_match(tmp_path: Path) -> None:
    """A plan with the lines of the decision passes, because the keys are new already."""
    rows = "INSERT INTO users VALUES (1, 'ada@x', 'Ada'), (2, 'bob@x', 'Bob')"
    other = "INSERT INTO users VALUES (1, 'cleo@x', 'Cleo'), (2, 'ada@x', 'Ida')"
    refined = proposal_of(tmp_path, app=USERS + rows, shop=USERS + other)

    [proposed] = refined.proposal.sources
    [question] = proposed.decide
    assert (proposed.keys, proposed.maps[0].into) == ("renumber", "shop_users")
    lines = re.findall("`(.+?)`", question)[1:3]
    assert lines == ['match = ["email"]', 'on_conflict = "prefer-target"']
    plan = render_plan(refined.proposal, "2026-11-27")
    assert '# match = ["email"]' in plan
    (tmp_path / "united.toml").write_text(plan.replace('into = "shop_users"', "\n".join(lines)), "utf-8")
    assert rehearse(load(tmp_path / "united.toml"), tmp_path).accepted


def test_lookup_table_keeps_its_keys_beside_new_ones(tmp_path: Path) -> None:
    """All its rows are identical, and new keys would double them."""
    kinds = "CREATE TABLE kinds(id INTEGER PRIMARY KEY, word); INSERT INTO kinds VALUES (1, 'a'), (2, 'b');"
    kinds += "CREATE TABLE notes(id INTEGER PRIMARY KEY, kind REFERENCES kinds(id), body); "
    refined = both(tmp_path, kinds + CUSTOMERS, ROWS.replace("(1, 2), (2, 1)", "(1, 2, '{0}'), (2, 1, '{0}')"))

    tables = {table.name: (table.keys_, table.on_conflict) for table in written(tmp_path, refined).tables}
    assert tables["kinds"] == ("keep", "skip-identical")
    assert "customers" not in tables
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


TAGGINGS = (
    "CREATE TABLE people(id INTEGER PRIMARY KEY, name); INSERT INTO people VALUES (1, '{0}1'), (2, '{0}2');"
    "CREATE TABLE tags(id INTEGER PRIMARY KEY, name UNIQUE); INSERT INTO tags VALUES (1, '{1}'), (2, 'b');"
    "CREATE TABLE taggings(id INTEGER PRIMARY KEY, tag_id REFERENCES tags(id), person_key TEXT,"
    " UNIQUE(tag_id, person_key)); INSERT INTO taggings VALUES (1, 1, '1'), (2, 2, '2');"
)


@pytest.mark.parametrize("tag", ["a", *thorough("c")])
def test_rows_are_not_the_same_by_unfollowed_ids(tmp_path: Path, tag: str) -> None:
    """They are tags of two people, who have one number.

    The tags are the same in both files, or have other numbers.
    """
    refined = proposal_of(tmp_path, app=TAGGINGS.format("x", "a"), shop=TAGGINGS.format("y", tag))

    [taggings] = [each for each in refined.proposal.sources[0].maps if each.name == "taggings"]
    assert (taggings.match, taggings.on_conflict, taggings.into) == ((), "", "shop_taggings")
    assert (refined.objections, refined.proposal.decisions) == ((), 2)


def test_two_versions_of_one_file_are_a_decision(tmp_path: Path) -> None:
    """Most of the rows are identical, so that new keys would double them."""
    rows = "INSERT INTO customers VALUES (1, 'a'), (2, 'b'), (3, '{}')"
    refined = proposal_of(tmp_path, app=CUSTOMERS + rows.format("c"), shop=CUSTOMERS + rows.format("d"))

    [proposed] = refined.proposal.sources
    assert (proposed.keys, proposed.maps[0].into) == ("", "shop_customers")
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


def test_keys_that_are_no_integers_stay(tmp_path: Path) -> None:
    """The declared type says INTEGER, and one value is a text."""
    sql = "CREATE TABLE t(id INT PRIMARY KEY, a); INSERT INTO t VALUES (1, '{0}'), ('x{0}', 1);"
    refined = proposal_of(tmp_path, app=sql.format(1), shop=sql.format(2))

    [proposed] = refined.proposal.sources
    assert (proposed.keys, proposed.maps[0].into) == ("", "shop_t")
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("parent_id", "(1, NULL), (2, 1)", ("t", "id")),
        ("t_id", "(1, 2), (2, 1)", ("t", "id")),
        ("from_t", "(1, 0), (2, 1)", ("t", "id")),
        ("t_id", "(1, 2), (2, 7)", None),
        ("chat_id", "(1, 2), (2, 7)", None),
    ],
)
def test_reference_needs_values_that_are_keys(
    tmp_path: Path, column: str, values: str, expected: tuple[str, str] | None
) -> None:
    """The name alone is no evidence."""
    execute(
        tmp_path / "a.db", f"CREATE TABLE t(id INTEGER PRIMARY KEY, {column} INTEGER); INSERT INTO t VALUES {values}"
    )
    [candidate] = discover(tmp_path).candidates

    [reference] = inspect_file(tmp_path, candidate).unstated

    assert (reference.column, reference.to) == (column, expected)


def test_amounts_and_texts_are_no_references(tmp_path: Path) -> None:
    """Neither a number without the name of an id counts, nor a text with it."""
    sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, total INTEGER, t_id TEXT); INSERT INTO t VALUES (1, 1, '1')"
    execute(tmp_path / "a.db", sql)
    [candidate] = discover(tmp_path).candidates

    assert inspect_file(tmp_path, candidate).unstated == ()


def test_order_of_rows_is_no_reference(tmp_path: Path) -> None:
    """The name ends with that of its table, and its numbers are keys by chance."""
    sql = "CREATE TABLE orders(id INTEGER PRIMARY KEY, sort_order INTEGER); INSERT INTO orders VALUES (1, 2), (2, 1)"
    execute(tmp_path / "a.db", sql)
    [candidate] = discover(tmp_path).candidates

    assert inspect_file(tmp_path, candidate).unstated == ()


VISITS = "CREATE TABLE visits(id INTEGER PRIMARY KEY, at); INSERT INTO visits VALUES (1, '{0}1'), (2, '{0}2'), (5, 5);"


def test_rows_with_the_keys_of_another_table_follow_it(tmp_path: Path) -> None:
    """Browsers keep ``visit_source`` in this way, and no FOREIGN KEY says so."""
    sql = VISITS + "CREATE TABLE visit_source(id INTEGER PRIMARY KEY, kind); INSERT INTO visit_source VALUES (2, 3);"

    refined = proposal_of(tmp_path, app=sql.format("x"), shop=sql.format("y"))

    stated = [
        (table.name, each.column, each.to) for table in written(tmp_path, refined).tables for each in table.refers
    ]
    assert stated == [("visit_source", "id", "visits.id")]
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


@pytest.mark.parametrize(
    "declared",
    [
        "id INTEGER PRIMARY KEY, visit_id INTEGER REFERENCES visits(id)); INSERT INTO visit_source VALUES (2, 1)",
        "id INTEGER PRIMARY KEY AUTOINCREMENT, kind); INSERT INTO visit_source VALUES (2, 1)",
        "id INTEGER PRIMARY KEY, kind); INSERT INTO visit_source VALUES (3, 1)",
    ],
)
def test_rows_with_keys_of_their_own_follow_no_table(tmp_path: Path, declared: str) -> None:
    """Their keys have another meaning."""
    execute(tmp_path / "a.db", f"{VISITS}CREATE TABLE visit_source({declared}")
    [candidate] = discover(tmp_path).candidates

    assert [each for each in inspect_file(tmp_path, candidate).unstated if each.column == "id"] == []


def test_rowids_of_all_sources_change_together(tmp_path: Path) -> None:
    """Rows without a key go into one table, those of the first source as well."""
    main = "CREATE TABLE other(a); INSERT INTO other VALUES (1); CREATE TABLE more(a); INSERT INTO more VALUES (1)"
    log = "CREATE TABLE log(message TEXT); INSERT INTO log VALUES ('{0}')"
    refined = proposal_of(tmp_path, main=main, app=log.format("started"), shop=log.format("stopped"))

    maps = [each for source in refined.proposal.sources for each in source.maps]
    assert [(each.into, each.rowids) for each in maps] == [("log", "renumber"), ("log", "renumber")]
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


def test_key_with_another_spelling_is_a_decision(tmp_path: Path) -> None:
    """One row can stand under a unique key that ignores case, so a person says which spelling."""
    tags = "CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE NOCASE);"
    rows = "INSERT INTO tags VALUES (1, '{0}'), (2, 'art'), (3, 'music');"

    refined = proposal_of(tmp_path, app=tags + rows.format("news"), shop=tags + rows.format("NEWS"))

    assert [table.match for table in refined.proposal.sources[0].maps] == [()]
    assert (refined.proposal.decisions, refined.problems) == (1, ())


@pytest.mark.parametrize(("declared", "name", "other"), [("TEXT COLLATE NOCASE", "'a'", "'A'"), ("", "1", "1.0")])
def test_rows_of_other_bytes_are_not_counted_as_identical(tmp_path: Path, declared: str, name: str, other: str) -> None:
    """Three of four rows with equal keys are identical, and the share is part of the decision."""
    tags = f"CREATE TABLE tags(id INTEGER PRIMARY KEY, name {declared});"
    rows = "INSERT INTO tags VALUES (1, {0}), (2, 'b'), (3, 'c'), (4, 'd');"

    refined = proposal_of(tmp_path, app=tags + rows.format(name), shop=tags + rows.format(other))

    (table,) = refined.proposal.sources[0].maps
    assert (table.common, table.identical) == (4, 3)


@pytest.mark.parametrize(
    ("key", "further", "target", "into"),
    [
        ("smallint PRIMARY KEY", "", CUSTOMERS, ["customers", "shop_state"]),
        ("smallint PRIMARY KEY", "", "", ["shop_state"]),
        ("INTEGER PRIMARY KEY", "", CUSTOMERS, ["customers", "state"]),
        ("smallint PRIMARY KEY", "INSERT INTO state VALUES (2, 'more');", CUSTOMERS, ["customers", "state"]),
    ],
)
def test_single_row_of_a_program_keeps_its_key(
    tmp_path: Path, key: str, further: str, target: str, into: list[str]
) -> None:
    """It is the state of a program, which reads the row under that key."""
    state = f"CREATE TABLE state(ident {key}, at);" + further + target
    rows = "INSERT INTO state VALUES (1, '{0}');"
    rows += "INSERT INTO customers VALUES (1, '{0}a'), (2, '{0}b');" if target else ""

    refined = proposal_of(tmp_path, app=state + rows.format("x"), shop=state + rows.format("y"))

    [source] = refined.proposal.sources
    assert sorted(each.into for each in source.maps) == into
    assert (refined.objections, len(source.decide)) == ((), "shop_state" in into)
