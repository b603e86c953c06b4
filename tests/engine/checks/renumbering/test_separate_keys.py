"""Specify when the keys of several databases are known to be apart without a look at each."""

from __future__ import annotations

from contextlib import closing

import pytest

from sqlite_consolidate.engine.checks.renumbering.separate_keys import are_separate
from sqlite_consolidate.engine.sqlite.connections import attach, open_memory
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from tests.support.databases import TARGET, Bench, source

KEYED = "CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE)"
DISTINCT = {
    "one after the other": (KEYED, (1, 5), (6, 9), "", True),
    "the second before": (KEYED, (6, 9), (-1, 5), "", True),
    "none in one": (KEYED, (), (1, 2), "", True),
    "between others": (KEYED, (1, 5), (3, 4), "", False),
    "renumbered": (KEYED, (1, 5), (1, 5), "renumber", True),
    "another integer key": (KEYED.replace("INTEGER", "BIGINT"), (1, 5), (6, 9), "", False),
    "no rowid": (f"{KEYED} WITHOUT ROWID", (1, 5), (6, 9), "", False),
}


def separate(bench: Bench, keys: str) -> list[bool]:
    """Return for each unique key of the table whether the keys of both sources are apart."""
    surveyed = bench.survey(*(source(f"{name}.db", "t").model_copy(update={"keys_": keys or None}) for name in "ab"))
    with closing(open_memory()) as con:
        for mapping in surveyed.mappings:
            attach(con, surveyed.path_of(mapping), mapping.source.name)
        parties = [(mapping, mapping.source.name) for mapping in surveyed.mappings]
        into = surveyed.mappings[0].into
        return [are_separate(con, into, key, parties) for key in keys_of(into)]


@pytest.mark.parametrize(("create", "first", "second", "keys", "expected"), DISTINCT.values(), ids=DISTINCT)
def test_rowids_of_separate_ranges_do_not_repeat(
    bench: Bench, create: str, first: tuple[int, ...], second: tuple[int, ...], keys: str, *, expected: bool
) -> None:
    """Other keys are looked at, and so are rowids whose ranges overlap."""
    for name, rows in (("a", first), ("b", second)):
        inserts = [f"INSERT INTO t VALUES ({number}, '{name}{number}')" for number in rows]
        bench.database(f"{name}.db", create, *inserts)

    assert sorted(separate(bench, keys)) == sorted([expected, False])


@pytest.mark.parametrize(("shared", "count"), [(5, 1), (6, 0)])
def test_key_at_both_ends_is_a_collision(bench: Bench, shared: int, count: int) -> None:
    """Ranges that share one number are not apart."""
    bench.database(TARGET, KEYED, "INSERT INTO t VALUES (1, 'a'), (5, 'b')")
    bench.database("b.db", KEYED, f"INSERT INTO t VALUES ({shared}, 'c'), (9, 'd')")

    assert len(bench.problems(source("b.db", "t"))) == count
