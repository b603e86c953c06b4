"""Hold the wording of a merge's messages in one place.

The other tests of this folder compare ids, subjects and the names of objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from sqlite_consolidate.engine.merge.conflict_log import conflict_finding, log_resolved_conflicts
from sqlite_consolidate.engine.merge.copy_rows import copy_rows, source_digest
from sqlite_consolidate.problem import ProblemError
from tests.support.databases import TARGET, Bench, source, table

VIEW = "CREATE VIEW v AS SELECT * FROM u"
TRIGGER = "CREATE TRIGGER g INSERT ON t BEGIN DELETE FROM u; END"
INDEXED = ("CREATE TABLE u(a)", "CREATE INDEX ix ON u(a)")
KEYED = "CREATE TABLE t(k PRIMARY KEY, v)"


@dataclass(frozen=True)
class Case:
    """Hold the statements of the target and of the source, and the sentences of the preflight.

    Attributes:
        target: Statements of the target. There is no target if there are none.
        source: Statements of the source.
        sentences: Problems, then findings.
        name: The table that the plan moves.
        keys: Further keys of its table map.
        plan: Further keys of the plan.
        leave: Tables of the source that the plan leaves behind, to the reason.
    """

    target: tuple[str, ...]
    source: tuple[str, ...]
    sentences: list[str]
    name: str = "t"
    keys: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    leave: dict[str, str] | None = None


def sentences(bench: Bench, case: Case) -> list[str]:
    """Return the sentences of the preflight of one case."""
    bench.database("a.db", *case.source)
    if case.target:
        bench.database(TARGET, *case.target)
    inspected = bench.survey(source("a.db", table(case.name, **case.keys), leave=case.leave), **case.plan)
    return [*map(str, inspected.problems), *(finding.sentence for finding in inspected.findings)]


CASES = {
    "no-place-for-column": Case(
        ("CREATE TABLE t(a)",),
        ("CREATE TABLE t(a, b)",),
        [
            (
                "a.db:t: column b has no counterpart: t in the target has no such column. Rename it "
                '(columns = { old = "new" }), add it to the target, or move the table as another (into = '
                '"..."). [no-place-for-column]'
            )
        ],
    ),
    "generated-in-one-table": Case(
        ("CREATE TABLE t(a, b)",),
        ("CREATE TABLE t(a, b AS (a))",),
        [
            (
                "a.db:t: column b has no counterpart: t in the target declares it differently (generated "
                'at one end only). Rename it (columns = { old = "new" }), add it to the target, or move '
                'the table as another (into = "..."). [no-place-for-column]'
            )
        ],
    ),
    "no-such-column": Case(
        ("CREATE TABLE t(a)",),
        ("CREATE TABLE t(a)",),
        ["a.db:t: has no column x, which the plan renames. Correct columns = {...}. [no-such-column]"],
        keys={"columns": {"x": "y"}},
    ),
    "two-columns-in-one": Case(
        ("CREATE TABLE t(b)",),
        ("CREATE TABLE t(a, b)",),
        [
            (
                "a.db:t: its columns a and b would both become b of t. Give each column a name of its "
                "own: columns = {...}. [two-columns-in-one]"
            )
        ],
        keys={"columns": {"a": "b"}, "create": "CREATE TABLE t(b)"},
    ),
    "value-not-null": Case(
        ("CREATE TABLE t(a, n NOT NULL)",),
        ("CREATE TABLE t(a)",),
        [
            (
                "a.db:t: has no value for column n of t, which must not be NULL and has no default. Give "
                "the column a constant default in the target, or move the table under another name. "
                "[no-value-for-column]"
            )
        ],
    ),
    "value-not-constant": Case(
        ("CREATE TABLE t(a, n DEFAULT CURRENT_TIME)",),
        ("CREATE TABLE t(a)",),
        [
            (
                "a.db:t: has no value for column n of t, and its default CURRENT_TIME is not constant. "
                "Give the column a constant default in the target, or move the table under another name. "
                "[no-value-for-column]"
            )
        ],
    ),
    "value-of-key": Case(
        ("CREATE TABLE t(a, n INTEGER PRIMARY KEY)",),
        ("CREATE TABLE t(a)",),
        [
            (
                "a.db:t: has no value for column n of t, which is its key: rows would get keys that they "
                "do not have in the source. Give the column a constant default in the target, or move "
                "the table under another name. [no-value-for-column]"
            )
        ],
    ),
    "not-null-lost": Case(
        ("CREATE TABLE t(a)",),
        ("CREATE TABLE t(a NOT NULL)",),
        ["a.db:t: 1 column is NOT NULL in the source, but not in target table t: a."],
    ),
    "default-lost": Case(
        ("CREATE TABLE t(a, b)",),
        ("CREATE TABLE t(a DEFAULT 1, b DEFAULT 2)",),
        [
            (
                "a.db:t: 2 columns have a default in the source, but another one or none in target table t: a "
                "(default was 1, is none), b (default was 2, is none)."
            )
        ],
    ),
    "index-lost": Case(
        ("CREATE TABLE t(a)",),
        ("CREATE TABLE t(a)", "CREATE INDEX ix ON t(a)"),
        ["a.db:t: 1 index has no counterpart in target table t: ix."],
        keys={"create": "CREATE TABLE t(a)"},
    ),
    "column-differs": Case(
        ("CREATE TABLE t(a TEXT)",),
        ("CREATE TABLE t(a INT)",),
        ["a.db:t: 1 column is declared differently in target table t: a (type was INT, is TEXT)."],
    ),
    "further-column": Case(
        ("CREATE TABLE t(a, more)",),
        ("CREATE TABLE t(a)",),
        ["a.db:t: 1 further column is filled by default in target table t: more."],
    ),
    "view-named": Case(
        (),
        ("CREATE TABLE u(a)", VIEW),
        [
            (
                "a.db:v: is a view, not a table. The tables that it reads would be left behind. Move the "
                "tables it reads. The run then creates the view as well. [view-named]"
            ),
            "a.db: view v stays in the archive: it reads an object that is not moved (no such table: main.u).",
            "a.db: 1 object stays in the archive (no row, and no reason in the plan): table u.",
        ],
        name="v",
    ),
    "no-such-table": Case(
        (),
        ("CREATE TABLE t(a)",),
        [
            "a.db:u: no such table. The database has: t. [no-such-table]",
            "a.db: 1 object stays in the archive (no row, and no reason in the plan): table t.",
        ],
        name="u",
    ),
    "inner-table": Case(
        (),
        ("CREATE VIRTUAL TABLE t USING fts5(a)",),
        [
            (
                "a.db:t_data: belongs to a virtual table and holds its inner state, not rows. Move the "
                "virtual table instead. [inner-table]"
            ),
            "a.db: 1 object stays in the archive (no row, and no reason in the plan): table t.",
        ],
        name="t_data",
    ),
    "virtual-table": Case(
        (),
        ("CREATE VIRTUAL TABLE t USING fts4(a)",),
        [
            (
                "a.db:t: is a virtual table (fts4) of a kind that cannot be copied row by row. Leave it "
                "behind with a reason and create it again in the target. [virtual-table]"
            )
        ],
    ),
    "view-left": Case(
        (),
        ("CREATE TABLE t(a)", "CREATE TABLE u(a)", VIEW),
        [
            "a.db: view v stays in the archive: it reads an object that is not moved (no such table: main.u).",
            "a.db:u: left behind: old.",
        ],
        leave={"u": "old"},
    ),
    "view-taken": Case(
        ("CREATE TABLE v(a)",),
        ("CREATE TABLE t(a)", "CREATE VIEW v AS SELECT a FROM t"),
        ["a.db: view v stays in the archive: the target has another object of that name."],
    ),
    "view-of-another-table": Case(
        ("CREATE TABLE u(a)",),
        ("CREATE TABLE t(a)", "CREATE TABLE u(a)", VIEW),
        [
            "a.db: view v stays in the archive: it reads u, which is not moved from this source as it is.",
            "a.db:u: left behind: old.",
        ],
        leave={"u": "old"},
    ),
    "name-taken": Case(
        ("CREATE VIEW t AS SELECT 1",),
        ("CREATE TABLE t(a)",),
        [
            (
                "a.db:t: the target has a view named t. Give the table another name in the target: into "
                '= "...". [name-taken]'
            )
        ],
    ),
    "name-in-other-case": Case(
        ("CREATE TABLE T(a)",),
        ("CREATE TABLE t(a)",),
        [
            (
                "a.db:t: the target has a table T, which differs only in case from t. Give the table "
                'another name in the target: into = "...". [name-taken]'
            )
        ],
    ),
    "name-changed": Case(
        INDEXED,
        ("CREATE TABLE t(a)", "CREATE INDEX ix ON t(a)"),
        ["a.db:t: the index name ix belongs to u in the target; for t it is created as t_ix."],
    ),
    "index-clash-refused": Case(
        INDEXED,
        ("CREATE TABLE t(a)", "CREATE INDEX ix ON t(a)"),
        [
            (
                "a.db:t: the index name ix belongs to u in the target. Rename it, or set index_clash = "
                '"rename" in the plan. [name-taken]'
            ),
            "a.db:t: 1 index has no counterpart in target table t: ix.",
        ],
        plan={"index_clash": "refuse"},
    ),
    "both-names-taken": Case(
        (*INDEXED, "CREATE TABLE t_ix(a)"),
        ("CREATE TABLE t(a)", "CREATE INDEX ix ON t(a)"),
        [
            (
                "a.db:t: the index name ix belongs to u in the target, and t_ix is taken as well. Rename "
                'it, or set index_clash = "rename" in the plan. [name-taken]'
            ),
            "a.db:t: 1 index has no counterpart in target table t: ix.",
        ],
    ),
    "trigger-taken": Case(
        ("CREATE TABLE t(a)", "CREATE TABLE u(a)", "CREATE TRIGGER g INSERT ON t BEGIN SELECT 1; END"),
        ("CREATE TABLE t(a)", "CREATE TABLE u(a)", TRIGGER),
        [
            (
                "a.db:t: t has a trigger g in the target that does something else. Choose one of the "
                "two: give the table a create text in the plan. [trigger-taken]"
            ),
            "a.db:u: left behind: old.",
        ],
        leave={"u": "old"},
    ),
    "broken-trigger": Case(
        (),
        ("CREATE TABLE t(a)", TRIGGER),
        [
            (
                "a.db:t: trigger g of t cannot work in the target: no such table: main.u. Every change "
                "that fires it would fail. Move what it uses as well; or leave that behind with a "
                "reason, and the trigger stays in the archive with it. [broken-trigger]"
            )
        ],
    ),
    "trigger-left-with-table": Case(
        (),
        ("CREATE TABLE t(a)", "CREATE TABLE u(a)", TRIGGER),
        [
            "a.db:t: trigger g of t stays in the archive: it uses u, which the plan leaves behind (old).",
            "a.db:u: left behind: old.",
        ],
        leave={"u": "old"},
    ),
    "trigger-uses-target": Case(
        ("CREATE TABLE u(a)",),
        ("CREATE TABLE t(a)", TRIGGER),
        ["a.db:t: trigger g of t now uses u of the target, which is not moved from this source."],
    ),
    "trigger-left": Case(
        (),
        ("CREATE TABLE t(a)", "CREATE TRIGGER g INSERT ON t BEGIN SELECT 1; END"),
        ["a.db:t: trigger g stays in the archive: the plan's create text does not have it."],
        keys={"create": "CREATE TABLE t(a)"},
    ),
    "parent-left": Case(
        (),
        ("CREATE TABLE t(a REFERENCES u)", "CREATE TABLE u(id INTEGER PRIMARY KEY)"),
        [
            (
                "a.db:t: its foreign key refers to u, which is not moved: no row could be inserted any "
                "more. Move that table as well, or give this table a create text without the foreign key. "
                "[parent-left]"
            ),
            "a.db:u: left behind: old.",
        ],
        leave={"u": "old"},
    ),
    "parent-absent": Case(
        (),
        ("CREATE TABLE t(a REFERENCES u)",),
        ["a.db:t: its foreign key refers to u, which the source does not have either."],
    ),
    "broken-foreign-key": Case(
        ("CREATE TABLE u(id)",),
        ("CREATE TABLE t(a REFERENCES u)",),
        [
            (
                'a.db:t: its foreign key would not work in the target: foreign key mismatch - "t" '
                'referencing "u". Give the table a create text whose foreign key refers to a key of its '
                "parent, or a text without that foreign key. [broken-foreign-key]"
            )
        ],
    ),
    "table-as-it-was": Case(
        ("CREATE TABLE r(b)",),
        ("CREATE TABLE t(a)",),
        ["the plan's table r: the target has this table already, with another declaration."],
        plan={"required": {"r": "CREATE TABLE r(a)"}},
    ),
    "invalid-text": Case(
        ("PRAGMA encoding='UTF-16le'", "CREATE TABLE t(a)"),
        ("CREATE TABLE t(a)", "INSERT INTO t VALUES(CAST(x'ff' AS TEXT))"),
        [
            (
                "a.db: its table t has text that is not valid in its encoding, so the copy would change "
                "it. Correct that text, or leave the table behind with a reason. [invalid-text]"
            ),
            "a.db: its text is UTF-8, in the target UTF-16le; each code point stays.",
        ],
    ),
    "rows-differ": Case(
        (KEYED, "INSERT INTO t VALUES(1, 2)"),
        (KEYED, "INSERT INTO t VALUES(1, 3), (2, 4)"),
        [
            (
                'a.db:t: on_conflict = "skip-identical", but 1 of 1 rows under a key that t already has '
                'differ. A key collision. Correct the rows, or choose "prefer-target" or '
                '"prefer-source". [rows-differ]'
            )
        ],
        keys={"on_conflict": "skip-identical"},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_preflight_sentences_are_worded(bench: Bench, case: Case) -> None:
    """Each case has the sentences of its problems and findings."""
    assert sentences(bench, case) == case.sentences


POLICIES = {
    "skip-identical": (
        "a.db:t: 1 row was not moved (skip-identical): 1 is identical to the row that stays, 0 differ and are nowhere "
        "in the target now; the keys are in SET/settled-conflicts.jsonl."
    ),
    "prefer-target": (
        "a.db:t: 1 row was not moved (prefer-target): 1 is identical to the row that stays, 0 differ and are nowhere "
        "in the target now; the keys are in SET/settled-conflicts.jsonl."
    ),
    "prefer-source": (
        "a.db:t: 1 row of the target was replaced (prefer-source): 1 is identical to the row that replaces it, 0 "
        "differ and are nowhere in the target now; the keys are in SET/settled-conflicts.jsonl."
    ),
}


@pytest.mark.parametrize(("policy", "sentence"), POLICIES.items())
def test_findings_of_policies_are_worded(bench: Bench, policy: str, sentence: str) -> None:
    """The text counts identical rows and different rows apart."""
    bench.database("a.db", KEYED, "INSERT INTO t VALUES(1, 2)")
    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))
    mapping, alias = copied.copied_tables[0].mapping, copied.rows("PRAGMA database_list")[-1][1]

    counts = log_resolved_conflicts(copied.con, mapping, alias, bench.root)

    assert conflict_finding(mapping, counts, "SET").sentence == sentence


REFUSED = {
    "ABORT": (
        "a.db:t: a row violates a constraint of t: UNIQUE constraint failed: t.k. Correct the "
        "rows, or choose another table or policy. [row-refused]"
    ),
    "ROLLBACK": (
        "a.db:t: a row violates a constraint of t: UNIQUE constraint failed: t.k. Its ON "
        "CONFLICT ROLLBACK has rolled back the whole transaction. Correct the rows, or choose "
        "another table or policy. [row-refused]"
    ),
}


@pytest.mark.parametrize(("clause", "sentence"), REFUSED.items())
def test_refused_row_is_worded(bench: Bench, clause: str, sentence: str) -> None:
    """The row of the target has come after the preflight."""
    bench.database("a.db", f"CREATE TABLE t(k UNIQUE ON CONFLICT {clause})", "INSERT INTO t VALUES(1)")
    copied = bench.copied(source("a.db", "t"))
    mapping, alias = copied.copied_tables[0].mapping, copied.rows("PRAGMA database_list")[-1][1]
    digest = source_digest(copied.con, mapping, alias)

    with pytest.raises(ProblemError) as caught:
        copy_rows(copied.con, mapping, digest, alias)

    assert str(caught.value) == sentence
