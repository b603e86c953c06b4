"""Specify that constants follow the rows of their own source to which they refer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.comparison.compare import rows_exact
from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from tests.support.databases import TARGET, Bench, failed_subjects, source, table

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Source
    from tests.support.databases import Copied

DEV = "CREATE TABLE dev(id INTEGER PRIMARY KEY, label TEXT)"
M = "CREATE TABLE m(id INTEGER PRIMARY KEY, v TEXT)"
KEYED_M = "CREATE TABLE m(id INTEGER PRIMARY KEY, v TEXT, dev INTEGER REFERENCES dev(id))"
OF_DEVICES = "SELECT v, label FROM m JOIN dev ON dev.id = m.dev ORDER BY 1"


def two_files(bench: Bench, *, target: str = "", second: str = "(1, 'b')") -> None:
    """Create two sources with one device each, and a target with rows if it has devices."""
    for name, devices in (("a", "(1, 'a')"), ("b", second)):
        rows = [f"INSERT INTO dev VALUES {devices}"] if devices else []
        bench.database(f"{name}.db", DEV, M, *rows, f"INSERT INTO m VALUES (1, '{name}m')")
    if target:
        bench.database(TARGET, DEV, KEYED_M, f"INSERT INTO dev VALUES {target}")


def sources(
    create: str = KEYED_M, dev: dict[str, Any] | None = None, m: dict[str, Any] | None = None, **keys: Any
) -> list[Source]:
    """Return both sources, each with a constant that refers to a device."""
    keys = {"keys": "renumber", "constants": {"dev": 1}} | keys
    tables = table("m", create=create, **(m or {})), table("dev", **(dev or {}))
    return [source(f"{name}.db", *tables, **keys) for name in "ab"]


def failed(copied: Copied) -> list[str]:
    """Return the subjects that fail a proof of rows, keys or references."""
    compared = copied.compared
    return failed_subjects([*rows_exact(compared), *keys_mapped(compared), *references_kept(compared)])


def outcome(bench: Bench, *moved: Source) -> list[tuple[str, str]]:
    """Return id and subject of each problem."""
    return [(problem.id, problem.subject) for problem in bench.survey(*moved).problems]


@pytest.mark.parametrize("target", ["", "(1, 't'), (2, 'u')"])
def test_constant_reaches_the_row_of_its_own_source(bench: Bench, target: str) -> None:
    """The row has the same number in each file, and a new one in the target."""
    two_files(bench, target=target)

    copied = bench.copied(*sources())

    assert copied.rows(OF_DEVICES) == [("am", "a"), ("bm", "b")]
    assert failed(copied) == []
    subjects = [(each.subject, each.examined) for each in references_kept(copied.compared)]
    assert subjects == [("a.db:m (dev) -> dev", 1), ("b.db:m (dev) -> dev", 1)]


def test_constant_at_another_row_is_noticed(bench: Bench) -> None:
    """The rows of both files are compared by content."""
    two_files(bench)
    copied = bench.copied(*sources())

    copied.con.execute("UPDATE dev SET label = iif(label = 'a', 'b', 'a')")

    assert failed_subjects(references_kept(copied.compared)) == ["a.db:m (dev) -> dev", "b.db:m (dev) -> dev"]


@pytest.mark.parametrize("match", [[], ["v"], ["dev", "v"]])
def test_constant_follows_a_matched_row(bench: Bench, match: list[str]) -> None:
    """It can be among the columns by which rows match."""
    two_files(bench, target="(7, 'b')")
    bench.execute(TARGET, "INSERT INTO m VALUES (5, 'bm', 7)")

    copied = bench.copied(*sources(dev={"match": ["label"]}, m={"match": match}))

    rows = [("am", "a"), ("bm", "b")] if match else [("am", "a"), ("bm", "b"), ("bm", "b")]
    assert copied.rows(OF_DEVICES) == rows
    assert failed(copied) == []


def test_constant_follows_the_constant_of_a_parent(bench: Bench) -> None:
    """That constant refers to the row."""
    info = "CREATE TABLE info(dev INTEGER PRIMARY KEY REFERENCES dev(id), note)"
    two_files(bench)
    for name in "ab":
        bench.execute(f"{name}.db", "CREATE TABLE info(note)", f"INSERT INTO info VALUES ('{name}i')")
    m = KEYED_M.replace("dev(id)", "info(dev)")
    moved = [
        source(
            f"{name}.db", table("m", create=m), table("info", create=info), "dev", keys="renumber", constants={"dev": 1}
        )
        for name in "ab"
    ]

    copied = bench.copied(*moved)

    joined = "SELECT v, note, label FROM m JOIN info USING (dev) JOIN dev ON dev.id = dev ORDER BY 1"
    assert copied.rows(joined) == [
        ("am", "ai", "a"),
        ("bm", "bi", "b"),
    ]
    assert failed(copied) == []


@pytest.mark.parametrize(
    ("target", "problems", "findings"),
    [
        ("(1, 't')", [], ["b.db:m"]),
        ("(2, 't')", [("parents-missing", "b.db:m")], []),
        ("", [("orphans-adopted", "b.db:m")], []),
    ],
    ids=["target has it", "no database has it", "another file has it"],
)
def test_file_without_the_row_is_named(
    bench: Bench, target: str, problems: list[tuple[str, str]], findings: list[str]
) -> None:
    """Its constant may refer to a row of the target only."""
    two_files(bench, target=target, second="(5, 'b')")

    inspected = bench.survey(*sources())

    assert [(each.id, each.subject) for each in inspected.problems] == problems
    assert [each.subject for each in inspected.findings if each.id == "parents-found"] == findings


def test_row_that_stays_behind_is_no_parent(bench: Bench) -> None:
    """The target has another row under its number."""
    two_files(bench, target="(1, 't')")

    left = {"where": "label <> 'b'", "reason": "not needed"}

    assert outcome(bench, *sources(dev=left)) == [("parents-left-out", "b.db:m")]


def test_row_that_a_policy_drops_is_refused(bench: Bench) -> None:
    """The constant would reach the row of the target, although no key changes."""
    two_files(bench, target="(1, 'a')")

    moved = sources(dev={"on_conflict": "prefer-target"}, keys="keep", m={"keys": "renumber"})

    assert outcome(bench, *moved) == [("parents-differ", "b.db:m")]


def test_constant_with_two_new_keys_is_refused(bench: Bench) -> None:
    """It refers to rows of two tables."""
    two_files(bench, target="(1, 't')")
    for name in "ab":
        bench.execute(f"{name}.db", "CREATE TABLE tag(id INTEGER PRIMARY KEY)", "INSERT INTO tag VALUES (1)")
    bench.execute(TARGET, "CREATE TABLE tag(id INTEGER PRIMARY KEY)", "INSERT INTO tag VALUES (9)")
    n = "CREATE TABLE n(v, dev INTEGER REFERENCES dev(id) REFERENCES tag(id))"
    keys: dict[str, Any] = {"keys": "renumber", "constants": {"dev": 1}}
    bench.execute("a.db", "CREATE TABLE n(v)", "INSERT INTO n VALUES (1)")

    moved = source("a.db", table("n", create=n), "dev", "tag", leave={"m": "not needed"}, **keys)

    assert ("two-maps", "a.db:n") in outcome(bench, moved)


def test_text_column_stores_the_new_key_as_a_text(bench: Bench) -> None:
    """The plan writes the constant as a text."""
    two_files(bench, target="")

    copied = bench.copied(*sources(KEYED_M.replace("dev INTEGER", "dev TEXT"), constants={"dev": "1"}))

    assert copied.rows("SELECT v, dev FROM m ORDER BY 1") == [("am", "1"), ("bm", "2")]
    assert failed(copied) == []
