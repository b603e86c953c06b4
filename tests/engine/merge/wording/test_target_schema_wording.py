"""Hold the wording of messages about the schema of the target in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.reports.preflight_sentences import Case, sentences

if TYPE_CHECKING:
    from tests.support.databases import Bench

VIEW = "CREATE VIEW v AS SELECT * FROM u"
TRIGGER = "CREATE TRIGGER g INSERT ON t BEGIN DELETE FROM u; END"
INDEXED = ("CREATE TABLE u(a)", "CREATE INDEX ix ON u(a)")

CASES = {
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
                "a.db:t: the target has a table T, which differs only in case from t. Spell the name in the "
                'same way: into = "T". [name-taken]'
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
    "broken in its source": Case(
        (),
        ("CREATE TABLE t(a)", TRIGGER),
        [
            (
                "a.db:t: trigger g of t stays in the archive, because it fails in its source already "
                "(no such table: main.u)."
            )
        ],
    ),
    "broken-trigger": Case(
        (),
        ("CREATE TABLE t(a)", "CREATE TABLE u(a)", TRIGGER),
        [
            (
                "a.db:t: trigger g of t cannot work in the target: no such table: main.u. Every change "
                "that fires it would fail. Move what it uses as well, or leave that behind with a "
                "reason. Then the trigger stays in the archive too. [broken-trigger]"
            ),
            "a.db: 1 object stays in the archive (no row, and no reason in the plan): table u.",
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
    "broken-foreign-key of the target": Case(
        ("CREATE TABLE c(a REFERENCES t)",),
        ("CREATE TABLE t(a)",),
        [
            (
                "target.db:c: its foreign key would not work any more: the plan creates its parent without such a key. "
                "Give the parent a create text with that key, or move it under another name (into). "
                "[broken-foreign-key]"
            )
        ],
    ),
    "table-as-it-was": Case(
        ("CREATE TABLE r(b)",),
        ("CREATE TABLE t(a)",),
        ["the plan's table r: the target has this table already, with another declaration."],
        plan={"required": {"r": "CREATE TABLE r(a)"}},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_target_schema_sentences_are_worded(bench: Bench, case: Case) -> None:
    """Each case has the sentences of its problems and findings."""
    assert sentences(bench, case) == case.sentences
