"""Specify that the lines of a decision make one table of tables that are kept apart."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.inventory.plan_writer import render_plan
from tests.support.workspaces.inventory_folder import proposal_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

MEMBERS = (
    "CREATE TABLE users(id INTEGER PRIMARY KEY, email UNIQUE, name); INSERT INTO users VALUES (1, 'a@x', '{0}');"
    "CREATE TABLE teams(id INTEGER PRIMARY KEY, name UNIQUE, lead REFERENCES users(id));"
    "INSERT INTO teams VALUES ({1}, 'red', 1), (7, 'of {0}', 1);"
    "CREATE TABLE members(user REFERENCES users(id), team REFERENCES teams(id), since);"
    "INSERT INTO members VALUES (1, {1}, '{0}'), (1, 7, '{0}');"
)
UNCONNECTED = (
    "CREATE TABLE unit(id INTEGER PRIMARY KEY, name); INSERT INTO unit VALUES (1, 'kg');"
    "CREATE TABLE note(id INTEGER PRIMARY KEY, body); INSERT INTO note VALUES (1, '{0}');"
    "CREATE TABLE mark(id INTEGER PRIMARY KEY, word); INSERT INTO mark VALUES (1, '{0}');"
    "CREATE VIEW both AS SELECT body, word FROM note, mark;"
)
PEOPLE = (
    "CREATE TABLE person(id INTEGER PRIMARY KEY, name); INSERT INTO person VALUES (1, '{0} a'), (2, '{0} b');"
    "CREATE TABLE log(id INTEGER PRIMARY KEY, who REFERENCES person(id)); INSERT INTO log VALUES (1, 1), (2, 2);"
    "CREATE TABLE setting(name TEXT PRIMARY KEY, value); INSERT INTO setting VALUES ('home', '{0}');"
    "CREATE TABLE seat(who REFERENCES person(id), nr INT, note, PRIMARY KEY(who, nr));"
    "INSERT INTO seat VALUES (1, 1, '{0}');"
) + "".join(f"CREATE TABLE {{0}}_{number}(a); INSERT INTO {{0}}_{number} VALUES (1);" for number in range(9))

CUSTOMERS = "CREATE TABLE customer(id INTEGER PRIMARY KEY, code TEXT UNIQUE, name); INSERT INTO customer VALUES {};"
CARDS = CUSTOMERS.format("(1, 'K1', 'Al'), (2, 'K2', 'Bo')") + (
    "CREATE TABLE card(customer REFERENCES customer(id)); INSERT INTO card VALUES (1), (2);"
    "CREATE TABLE campaign(name); INSERT INTO campaign VALUES ('x')"
)
OUTLET = CUSTOMERS.format("(1, 'K2', 'Bo'), (2, 'K9', 'Zoe')") + (
    "CREATE TABLE sale(id INTEGER PRIMARY KEY, buyer INT, sku); INSERT INTO sale VALUES (1, 1, 'hat'), (2, 2, 'coat');"
    "CREATE TABLE clerk(name); INSERT INTO clerk VALUES ('x')"
)
SALES = "SELECT c.code, s.sku FROM customer c JOIN sale s ON s.buyer = c.id"
STORE = f"""\
import sqlite3
sqlite3.connect("cards.db")
sqlite3.connect("cards.db")
sqlite3.connect("outlet.db").execute("{SALES}")
"""


def united(plan: str, lines: dict[str, list[str]]) -> str:
    """Return a plan without ``into``, and with further lines for some tables."""
    plan = re.sub(r"(?m)^  into = .*\n", "", plan).replace("# decide: ", "# ")
    for table, further in lines.items():
        text = "".join(f"  {line}\n" for line in further)
        assert f'  name = "{table}"\n' in plan
        plan = plan.replace(f'  name = "{table}"\n', f'  name = "{table}"\n{text}')
    return plan


def rows_after(root: Path, plan: str, query: str) -> list[tuple[object, ...]]:
    """Run a migration and return the rows of a query."""
    (root / "plan.toml").write_text(plan, "utf-8")
    loaded = load_plan(root / "plan.toml")
    assert consolidate(loaded, root).accepted
    with closing(sqlite3.connect(root / loaded.target)) as con:
        return sorted(con.execute(query).fetchall())


def test_advice_names_the_lines_of_all_tables(tmp_path: Path) -> None:
    """Only the users differ, and no other table could be united without a line of its own."""
    refined = proposal_of(tmp_path, app=MEMBERS.format("x", 2), shop=MEMBERS.format("y", 3))
    [source] = refined.proposal.sources
    [decision] = source.decide

    named = re.findall(r"((?:`\w+ = [^`]+`(?: and )?)+) for (\w+)", decision)
    lines = {table: re.findall(r"`([^`]+)`", text) for text, table in named}

    assert {each.name for each in source.maps if each.into != each.name} == {"users", "teams", "members"}
    assert lines == {
        "users": ['match = ["email"]', 'on_conflict = "prefer-target"'],
        "teams": ['match = ["name"]'],
        "members": ['rowids = "renumber"'],
    }
    plan = united(render_plan(refined.proposal, "2026-11-29"), lines)
    query = "SELECT t.name, since FROM members m JOIN teams t ON t.id = m.team JOIN users u ON u.id = m.user"
    assert rows_after(tmp_path, plan, query) == [("of x", "x"), ("of y", "y"), ("red", "x"), ("red", "y")]


def test_advice_of_new_keys_names_the_keys_that_stay(tmp_path: Path) -> None:
    """A policy has no effect on rows with new keys, so that the run would be refused."""
    refined = proposal_of(tmp_path, app=UNCONNECTED.format("x"), shop=UNCONNECTED.format("y"))
    [source] = refined.proposal.sources
    [decision] = source.decide

    assert re.findall(r"`(keys = [^`]+)`(?: beside `on_conflict` of (\w+))?", decision) == [
        ('keys = "renumber"', ""),
        ('keys = "keep"', "unit"),
    ]
    plan = united(render_plan(refined.proposal, "2026-11-29"), {"unit": ['keys = "keep"']})
    plan = plan.replace(f'name = "{source.name}"\n', f'name = "{source.name}"\nkeys = "renumber"\n')
    assert rows_after(tmp_path, plan, "SELECT (SELECT count(*) FROM unit), count(*) FROM note") == [(1, 2)]


def test_rows_of_two_programs_can_be_the_same(tmp_path: Path) -> None:
    """The children refer to parents that differ, which a policy alone does not allow."""
    refined = proposal_of(tmp_path, app=PEOPLE.format("x"), shop=PEOPLE.format("y"))
    [source] = refined.proposal.sources
    [decision] = source.decide

    offers = re.findall(
        r"`(match = [^`]+)` and `(on_conflict = [^`]+)` for ((?:\w+(?:, | and )?)+?)(?=,? (?:and )?`|\.)", decision
    )
    lines = {name: [*offered] for *offered, names in offers for name in re.split(", | and ", names)}

    assert lines == {
        "person": ['match = ["id"]', 'on_conflict = "prefer-target"'],
        "log": ['match = ["id"]', 'on_conflict = "prefer-target"'],
        "setting": ['match = ["name"]', 'on_conflict = "prefer-target"'],
        "seat": ['match = ["who", "nr"]', 'on_conflict = "prefer-target"'],
    }
    plan = united(render_plan(refined.proposal, "2026-11-29"), lines)
    assert rows_after(tmp_path, plan, "SELECT name FROM person UNION SELECT note FROM seat") == [
        ("x",),
        ("x a",),
        ("x b",),
    ]


def test_rows_of_two_programs_can_be_different(tmp_path: Path) -> None:
    """New keys are offered, and a policy for the only table that cannot have them."""
    refined = proposal_of(tmp_path, app=PEOPLE.format("x"), shop=PEOPLE.format("y"))
    [source] = refined.proposal.sources
    [decision] = source.decide

    assert re.findall(r"`(keys = [^`]+)`", decision) == ['keys = "renumber"']
    [fixed] = re.findall(r"by `on_conflict` which of two rows of (\w+) stays", decision)
    assert fixed == "setting"
    plan = united(render_plan(refined.proposal, "2026-11-29"), {"setting": ['on_conflict = "prefer-target"']})
    plan = plan.replace(f'name = "{source.name}"\n', f'name = "{source.name}"\nkeys = "renumber"\n')
    query = "SELECT name FROM person JOIN seat ON who = person.id"
    assert rows_after(tmp_path, plan, query) == [("x a",), ("y a",)]


def test_joined_columns_follow_the_rows_they_mean(tmp_path: Path) -> None:
    """Code states to what a column refers, and equal codes mean the same customer."""
    (tmp_path / "store.py").write_text(STORE)
    refined = proposal_of(tmp_path, outlet=OUTLET, cards=CARDS)
    [source] = refined.proposal.sources
    [decision] = [text for text in source.decide if "outlet_customer" in text]

    [match] = re.findall(r"`(match = [^`]+)` for customer", decision)
    [(table, column, to)] = re.findall(r'(\w+)\.(\w+) \(to = "(.+?)"\)', decision)
    assert (source.keys, match, table, column, to) == ("", 'match = ["code"]', "sale", "buyer", "customer.id")
    plan = united(render_plan(refined.proposal, "2026-11-29"), {"customer": [match]})
    sale = (
        f'  [[source.table]]\n  name = "sale"\n    [[source.table.refers]]\n    column = "{column}"\n    to = "{to}"\n'
    )
    plan = plan.replace('tables = "*"\n', f'keys = "renumber"\ntables = "*"\n{sale}')
    assert rows_after(tmp_path, plan, SALES) == [("K2", "hat"), ("K9", "coat")]
