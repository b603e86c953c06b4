"""Specify which columns that code compares with a renumbered key are findings."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
from sqlite_consolidate.engine.checks.renumbering.joined_columns import attached_column_findings, joined_column_findings
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import way_to_keep
from sqlite_consolidate.engine.code.tables.compared_columns import comparisons_in
from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
from sqlite_consolidate.engine.run.stages import PREFLIGHT
from sqlite_consolidate.plan.model import Refers
from tests.support.databases import TARGET, Bench, source, table
from tests.support.workspaces.two_sources import a_run, build_renumbered_tasks

if TYPE_CHECKING:
    from pathlib import Path

LEDGER = (
    "CREATE TABLE account(id INTEGER PRIMARY KEY)",
    "CREATE TABLE entry(memo TEXT PRIMARY KEY, debit INTEGER, account_id INTEGER)",
    "INSERT INTO account VALUES (1), (2), (3)",
)
STATED = Refers(column="debit", to="account.id")


@pytest.mark.parametrize(
    ("column", "row", "refers", "keys", "expected"),
    [
        ("debit", "2, NULL", [], "renumber", [("b.db:entry", "debit", 1)]),
        ("debit", "2, NULL", [STATED], "renumber", []),
        ("debit", "2, NULL", [], "keep", []),
        ("debit", "7, NULL", [], "renumber", []),
        ("account_id", "NULL, 2", [], "renumber", []),
    ],
    ids=["loose", "stated", "kept keys", "no keys", "reported"],
)
def test_compared_column_that_stays_is_a_finding(
    bench: Bench, column: str, row: str, refers: list[Refers], keys: str, expected: list[tuple[str, str, int]]
) -> None:
    """Its numbers would be those of rows of the target.

    A column that is named after the table has a finding already.
    """
    bench.database(TARGET, *LEDGER)
    bench.database("b.db", *LEDGER, f"INSERT INTO entry VALUES ('b', {row})")
    if keys == "keep":
        bench.execute(TARGET, "DELETE FROM account")
    inspected = bench.survey(source("b.db", table("account", keys=keys), table("entry", refers=refers)))
    sql = f"SELECT 1 FROM entry e JOIN account a ON a.id = e.{column}"

    joins = CodeJoins([("a.py:7", each) for each in comparisons_in(sql)])
    findings = list(joined_column_findings(inspected, joins, FollowedKeys.of(inspected)))

    assert [(each.subject, each.column, each.count) for each in findings] == expected
    assert all("a.py:7" in each.text for each in findings)


@pytest.mark.parametrize(("value", "count"), [("'2', 'x'", 1), ("'x', 3.0", 1), ("'7', 0.5", 0)])
def test_compared_text_of_a_key_is_a_finding(bench: Bench, value: str, count: int) -> None:
    """SQLite finds the row of a text or of a REAL value as well."""
    for file in (TARGET, "b.db"):
        bench.database(file, *LEDGER, "CREATE TABLE visit(name TEXT PRIMARY KEY, payer TEXT, share REAL)")
    bench.execute("b.db", f"INSERT INTO visit VALUES ('b', {value})")
    inspected = bench.survey(source("b.db", table("account", keys="renumber"), table("entry"), table("visit")))
    sql = "SELECT 1 FROM visit v JOIN account a ON a.id = v.payer OR a.id = v.share"

    joins = CodeJoins([("a.py:7", each) for each in comparisons_in(sql)])
    findings = joined_column_findings(inspected, joins, FollowedKeys.of(inspected))

    assert [(each.subject, each.count) for each in findings] == [("b.db:visit", 1)] * count


def test_way_to_keep_names_each_table_once(bench: Bench) -> None:
    """Two columns can mean the rows of one table."""
    for file in (TARGET, "b.db"):
        bench.database(file, *LEDGER)
    inspected = bench.survey(source("b.db", table("account", keys="renumber"), table("entry")))
    [account] = [each for each in inspected.mappings if each.table_map.name == "account"]

    way = way_to_keep(FollowedKeys.of(inspected), [account, account])

    assert way.count("account") == 2  # the table whose keys stay, and the one with another name


@pytest.mark.parametrize(("number", "expected"), [(9, ["b.db:detail"]), (3, [])])
def test_compared_keys_need_equal_new_numbers(bench: Bench, number: int, expected: list[str]) -> None:
    """Two tables whose keys get one offset remain together."""
    detail = "CREATE TABLE detail(n INTEGER PRIMARY KEY)"
    for file in (TARGET, "b.db"):
        bench.database(file, *LEDGER, detail, f"INSERT INTO detail VALUES ({number if file == TARGET else 2})")
    inspected = bench.survey(source("b.db", table("account", keys="renumber"), table("detail", keys="renumber")))
    sql = "SELECT 1 FROM detail d JOIN account a ON a.id = d.n"

    joins = CodeJoins([("a.py:7", each) for each in comparisons_in(sql)])
    findings = joined_column_findings(inspected, joins, FollowedKeys.of(inspected))

    assert [each.subject for each in findings] == expected


@pytest.mark.parametrize(
    ("join", "attached", "home", "expected"),
    [
        ("entry e JOIN b.account a ON a.id = e.debit", "", "c.db", ["c.db:entry"]),
        ("c.entry e, account a WHERE e.debit = a.id", "", "c.db", []),
        ("target.entry e, account a WHERE e.debit = a.id", "", "target.db", ["target.db:entry"]),
        ("entry e JOIN shop.account a ON a.id = e.debit", "b.db", "c.db", ["c.db:entry"]),
        ("entry e JOIN shop.account a ON a.id = e.debit", "target.db", "c.db", []),
        ("entry e JOIN shop.account a ON a.id = e.debit", "", "c.db", []),
        ("entry e JOIN shop.account a ON a.id = e.debit", "", "target.db", ["target.db:entry"]),
        ("entry e JOIN temp.account a ON a.id = e.debit", "", "c.db", []),
        ("entry e JOIN b.account a ON a.id = e.note", "", "c.db", []),
        ("entry e JOIN b.account a ON a.id = e.debit", "", "target.db", ["target.db:entry"]),
    ],
    ids=[
        "named like the file",
        "two main databases",
        "attached child",
        "attached by a statement",
        "target",
        "two possible",
        "only one",
        "temporary",
        "no key",
        "rows of the target",
    ],
)
def test_key_of_an_attached_database_is_a_finding(
    bench: Bench, join: str, attached: str, home: str, expected: list[str]
) -> None:
    """The name of the database leads to a file, or only one other database has the table."""
    entry = (
        "CREATE TABLE entry(memo TEXT PRIMARY KEY, debit INTEGER, note INTEGER)",
        "INSERT INTO entry VALUES ('x', 2, 9)",
    )
    for file in (TARGET, "b.db"):
        bench.database(file, "CREATE TABLE account(id INTEGER PRIMARY KEY)", "INSERT INTO account VALUES (1), (2)")
    bench.database(home, *entry)
    of_b = source("b.db", table("account", keys="renumber"))
    inspected = bench.survey(of_b, *([] if home == TARGET else [source("c.db", table("entry"))]))
    comparisons = [("a.py:7", each) for each in comparisons_in(f"SELECT 1 FROM {join}")]
    joins = CodeJoins(comparisons, attached={("a.py", "shop"): attached} if attached else {})

    findings = [*attached_column_findings(inspected, joins, FollowedKeys.of(inspected), [])]

    assert [each.subject for each in findings] == expected
    assert [*attached_column_findings(inspected, joins, FollowedKeys.of(inspected), [("c.db:entry", "debit")])] == [
        each for each in findings if each.subject != "c.db:entry"
    ]


def test_run_reads_the_sql_of_scanned_code(tmp_path: Path) -> None:
    """The finding names the line, also of a file that the plan rewrites."""
    root = build_renumbered_tasks(
        tmp_path / "workspace",
        create="CREATE TABLE tasks(id INTEGER PRIMARY KEY, title, step INT)",
        insert="INSERT INTO tasks VALUES (1, 'a', 1)",
        sql="SELECT t.title FROM tasks t JOIN tasks s ON s.id = t.step",
    )

    with closing(a_run(root)) as run:
        run.perform(PREFLIGHT)
        findings = [each for each in run.log.findings if each.id == "id-unfollowed"]

    assert [(each.subject, "app/tasks.py:2" in each.text) for each in findings] == [("logs/tasks.db:tasks", True)]
