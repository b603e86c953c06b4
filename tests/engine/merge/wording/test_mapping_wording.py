"""Hold the wording of messages about mapped tables and copied rows in one place."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.merge.conflict_log import conflict_findings, log_resolved_conflicts
from sqlite_consolidate.engine.merge.copy_rows import copy_rows, source_digest
from sqlite_consolidate.problem import ProblemError
from tests.support.databases import TARGET, Bench, source, table
from tests.support.reports.preflight_sentences import Case, sentences

VIEW = "CREATE VIEW v AS SELECT * FROM u"
KEYED = "CREATE TABLE t(k PRIMARY KEY, v)"

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
                'at one end only). Rename it (columns = { old = "new" }), declare it alike at both ends, or move '
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
    "default-refers": Case(
        ("CREATE TABLE p(id INTEGER PRIMARY KEY)", "CREATE TABLE t(a, p DEFAULT 1 REFERENCES p, q REFERENCES p)"),
        ("CREATE TABLE t(a)",),
        [
            "a.db:t: 1 further column gives each row a parent by default in target table t: p.",
            "a.db:t: 1 further column is filled by default in target table t: q.",
        ],
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
        ("CREATE VIRTUAL TABLE t USING fts4(a, content='')",),
        [
            (
                "a.db:t: is a virtual table (fts4) of a kind that cannot be copied row by row. Name it in a "
                "[[rebuild]] as well, and the run creates and fills it. Or leave it behind with a reason."
                " [virtual-table]"
            )
        ],
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
                'differ. Correct the rows, or choose "prefer-target" or '
                '"prefer-source". [rows-differ]'
            )
        ],
        keys={"on_conflict": "skip-identical"},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_table_mapping_sentences_are_worded(bench: Bench, case: Case) -> None:
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

    assert [finding.sentence for finding in conflict_findings([(mapping, counts)], "SET")] == [sentence]
    rehearsed = sentence.replace("the keys are in SET/", "a migration writes the keys to ")
    rehearsed = rehearsed.removesuffix(".") + " of its backup set."
    assert [finding.sentence for finding in conflict_findings([(mapping, counts)], "")] == [rehearsed]


REFUSED = {
    "ABORT": (
        "a.db:t: a row violates a constraint of t: UNIQUE constraint failed: t.k. Correct the "
        "rows, or move them under another name (into). No policy decides about this constraint. [row-refused]"
    ),
    "ROLLBACK": (
        "a.db:t: a row violates a constraint of t: UNIQUE constraint failed: t.k. Its ON "
        "CONFLICT ROLLBACK has rolled back the whole transaction. Correct the rows, or move "
        "them under another name (into). No policy decides about this constraint. [row-refused]"
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


@pytest.mark.parametrize(("key", "ending"), [("k UNIQUE", ", or have another rowid."), ("k PRIMARY KEY NOT NULL", ".")])
def test_different_row_has_this_sentence(bench: Bench, key: str, ending: str) -> None:
    """The rowid counts where the plan says so."""
    bench.database(TARGET, f"CREATE TABLE t({key}, v)", "INSERT INTO t VALUES('x', 1)")
    bench.database("a.db", f"CREATE TABLE t({key}, v)", "INSERT INTO t VALUES('x', 2)")
    keys = {} if ending == "." else {"rowids": "keep"}

    [problem] = bench.survey(source("a.db", table("t", on_conflict="skip-identical", **keys))).problems

    sentence = f'on_conflict = "skip-identical", but 1 of 1 rows under a key that t already has differ{ending}'
    assert problem.what == sentence
