"""Specify that an interruption of a run ends the statements of its proofs before COMMIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.chosen.rows_chosen import rows_chosen
from sqlite_consolidate.engine.checks.matching.kept_key_map import KeptKeyMap, compare_key_map
from sqlite_consolidate.engine.checks.references.references_kept import pairs_by_content
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from sqlite_consolidate.engine.checks.renumbering.references_in_order import RowOrder
from sqlite_consolidate.engine.checks.renumbering.staying_values import staying_values
from sqlite_consolidate.engine.merge.rows.key_map_file import KEY_MAP, write_key_map
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.sqlite_library import sqlite3
from tests.support.databases import TARGET, Bench, failed_subjects, source, table
from tests.support.thorough import sampled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison

PARENTS = "CREATE TABLE p(id INTEGER PRIMARY KEY, name)"
CHILDREN = "CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id), note)"
NUMBERS = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000)"
MANY = (f"{NUMBERS} INSERT INTO p SELECT i, 'x' FROM n", f"{NUMBERS} INSERT INTO c SELECT i, i, 'y' FROM n")


def _staying(compared: TargetComparison) -> object:
    children = [mapping for mapping in compared.inspected.mappings if mapping.into.name == "c"]
    return staying_values(
        compared, children, "p", lambda _rows, _mapping, name: f"s.{name} + 20000", lambda _mapping, _rows: "1"
    )


PROOFS: dict[str, Callable[[TargetComparison], object]] = {
    "numbers": lambda compared: list(keys_mapped(compared)),
    "policies": _staying,
    "by content": lambda compared: [pairs.of_target_before() for pairs in pairs_by_content(compared)],
    "by order": lambda compared: [RowOrder(compared).shows(pairs) for pairs in pairs_by_content(compared)],
}


@pytest.mark.parametrize("name", sampled(PROOFS, 0, 2))
def test_interruption_ends_a_proof_beside_the_target(bench: Bench, name: str) -> None:
    """The connection to the target itself is not interrupted here, so that another one is."""
    proof = PROOFS[name]
    bench.database(TARGET, PARENTS, CHILDREN, *MANY)
    bench.database("b.db", PARENTS, CHILDREN, "INSERT INTO p VALUES (1, 'x')", "INSERT INTO c VALUES (1, 1, 'y')")
    copied = bench.copied(source("b.db", "p", "c").model_copy(update={"keys_": "renumber"}))
    proof(copied.compared)

    limits_of(copied.con).interrupted.set()
    copied.con.set_progress_handler(None, 0)

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        proof(copied.compared)


def test_interruption_ends_the_proof_of_chosen_staged_rows(bench: Bench) -> None:
    """The connection to the source itself is not interrupted here."""
    bench.database(TARGET, PARENTS, "INSERT INTO p VALUES (1, 'old')")
    bench.database("b.db", PARENTS, f"{NUMBERS} INSERT INTO p SELECT i, 'x' || i FROM n")
    chosen = table("p", match=["name"], where="id > 1", reason="one is left")
    copied = bench.copied(source("b.db", chosen, keys="renumber"))
    original = copied.inspected.sources["b"]

    original.write_lock.limits.interrupted.set()
    original.write_lock.reader.set_progress_handler(None, 0)

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        rows_chosen(copied.compared)


@pytest.mark.thorough
def test_interruption_ends_the_comparison_of_a_key_map(bench: Bench) -> None:
    """It does not find that the key map cannot be read."""
    named = f"{NUMBERS} INSERT INTO p SELECT i, 'x' || i FROM n"
    bench.database(TARGET, PARENTS, named)
    bench.database("b.db", PARENTS, named)
    copied = bench.copied(source("b.db", table("p", match=["name"]), keys="renumber"))
    kept = KeptKeyMap(copied.key_map)
    assert failed_subjects(compare_key_map(copied.inspected, kept)) == []

    copied.inspected.sources["b"].write_lock.limits.interrupted.set()

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        compare_key_map(copied.inspected, kept)


def test_interruption_ends_the_writing_of_a_key_map(bench: Bench, tmp_path: Path) -> None:
    """It leaves no journal beside a file of no use."""
    named = f"{NUMBERS} INSERT INTO p SELECT i, 'x' || i FROM n"
    bench.database(TARGET, PARENTS, named)
    bench.database("b.db", PARENTS, named)
    copied = bench.copied(source("b.db", table("p", match=["name"]), keys="renumber"))
    folder = tmp_path / "interrupted"
    folder.mkdir()

    copied.inspected.sources["b"].write_lock.limits.interrupted.set()

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        write_key_map(copied.inspected, folder)
    assert [path.name for path in folder.iterdir()] == [KEY_MAP]
