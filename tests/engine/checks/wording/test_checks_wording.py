"""Hold the sentences of the checks before and after a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.checks import aftercare
from sqlite_consolidate.engine.checks.comparison import by_originals
from sqlite_consolidate.engine.checks.comparison.explain import OriginalRows
from sqlite_consolidate.engine.checks.disk_space import DiskSpaceNeeded
from sqlite_consolidate.engine.content.table_differences import differences_or_note
from sqlite_consolidate.plan.model import Leave, Source, TableMap
from sqlite_consolidate.plan.patterns import expand
from sqlite_consolidate.problem import Problem, ProblemError
from tests.support.databases import TARGET, Bench, source, table, whole_source
from tests.support.workspaces.consolidated_by_hand import consolidated
from tests.support.workspaces.two_sources import STAMP, execute, plan_of, plan_with

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.row_differences import RowDifferences


@pytest.mark.parametrize(
    ("column", "declared", "values", "sentences"),
    [
        (
            "v TEXT",
            "v INTEGER",
            "('01'), ('x')",
            (
                "a.db:t: values of column v would change: the target's type is INTEGER (2 text values would"
                " become 1 integer value, 1 text value). Declare the column in the target as the source does, or"
                " move the table under another name. [value-changes]"
            ),
        ),
        (
            "v TEXT",
            "v TEXT NOT NULL",
            "(NULL)",
            (
                "a.db:t: its rows do not fit t as the target declares it: NOT NULL constraint failed: t.v."
                " Declare the column in the target as the source does, or move the table under another name."
                " [row-refused]"
            ),
        ),
        (
            "v TEXT",
            "v TEXT NOT NULL ON CONFLICT IGNORE",
            "('a'), (NULL)",
            (
                "a.db:t: 1 row would be dropped silently: t has a clause ON CONFLICT. Take the clause from the"
                " target's table, or mend the rows. [rows-dropped]"
            ),
        ),
        (
            "v, g AS (v * 2)",
            "v, g AS (v * 3)",
            "(1)",
            (
                "a.db:t: values of column g would change: it is generated, and the target would compute others."
                " Mend them in the source (an UPDATE computes them anew), or declare the column as an ordinary"
                " one. [computed-value-changes]"
            ),
        ),
    ],
    ids=["type", "constraint", "dropped", "generated"],
)
def test_value_that_does_not_fit_has_these_sentences(
    bench: Bench, column: str, declared: str, values: str, sentences: str
) -> None:
    """The problem names the column, and counts values by their type."""
    bench.database(TARGET, f"CREATE TABLE t({declared})")
    bench.database("a.db", f"CREATE TABLE t({column})", f"INSERT INTO t(v) VALUES{values}")

    assert [str(problem) for problem in bench.survey(source("a.db", "t")).problems] == [sentences]


def test_rows_left_behind_have_these_sentences(bench: Bench) -> None:
    """A table that the plan does not name is a problem, one that it leaves is a finding."""
    bench.database(
        "a.db", "CREATE TABLE t(v)", "CREATE TABLE u(v)", "INSERT INTO t VALUES(1)", "INSERT INTO u VALUES(1)"
    )

    forgotten = bench.survey(source("a.db"))
    left = bench.survey(source("a.db", leave={"*": "made by tool X"}))

    assert [str(problem) for problem in forgotten.problems] == [
        (
            "a.db:t: 1 row would be left behind, because the plan neither moves nor leaves this table. Add a"
            " [[source.table]] for the table, or a [[source.leave]] with a reason. [left-behind]"
        ),
        (
            "a.db:u: 1 row would be left behind, because the plan neither moves nor leaves this table. Add a"
            " [[source.table]] for the table, or a [[source.leave]] with a reason. [left-behind]"
        ),
    ]
    assert [finding.text for finding in left.findings] == [
        "left behind: made by tool X.",
        "left behind: made by tool X.",
    ]


def test_objects_that_stay_have_these_sentences(bench: Bench) -> None:
    """Objects are grouped by the reason of the plan."""
    bench.database("a.db", "CREATE TABLE t(a)", "CREATE TABLE cfg(v)", "CREATE VIEW both AS SELECT * FROM t, cfg")
    reasons = [Leave(views=("both",), reason="for cfg"), Leave(tables=("cfg",), reason="unused")]

    unstated = bench.survey(source("a.db", "t")).findings
    stated = bench.survey(Source(name="a", file="a.db", tables=[TableMap(name="t")], leave=reasons)).findings

    assert [finding.text for finding in unstated] == [
        "view both stays in the archive: it reads an object that is not moved (no such table: main.cfg).",
        "1 object stays in the archive (no row, and no reason in the plan): table cfg.",
    ]
    assert [finding.text for finding in stated] == [
        "left behind: unused.",
        "1 object stays in the archive (for cfg): view both.",
    ]


def test_child_with_another_parent_has_these_sentences(bench: Bench) -> None:
    """Rows with another parent and rows without a parent are counted apart."""
    parent, child = (
        "CREATE TABLE p(id INTEGER PRIMARY KEY, n)",
        "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p(id))",
    )
    bench.database(TARGET, parent, child, "INSERT INTO p VALUES(1, 'target')")
    bench.database(
        "a.db",
        parent,
        child,
        "INSERT INTO p VALUES(1, 'source'), (2, 'source')",
        "INSERT INTO c VALUES(1, 1), (2, 1), (3, 2)",
    )

    plans = [
        source("a.db", "c", leave={"p": "not needed"}),
        source("a.db", "c", table("p", into="q")),
        source("a.db", "c", table("p", on_conflict="prefer-target")),
    ]

    assert [str(problem) for plan in plans for problem in bench.survey(plan).problems] == [
        (
            "a.db:c: 3 rows refer by p to rows of p, which is not moved, and the target does not have the"
            " same rows: 2 would reach another row of p, 1 would reach no row of p. Move p into p as well, or"
            " move c under another name (into), with a create text without this FOREIGN KEY. [parents-left-behind]"
        ),
        (
            "a.db:c: 3 rows refer by p to rows of p, which the plan moves to q, but the foreign key of c in"
            " the target refers to p. Move p into p, or keep c apart too (into). [parents-elsewhere]"
        ),
        (
            "a.db:c: 2 rows refer by p to rows of p that the target does not have or has under another key: 2"
            ' would reach another row of p. Say that rows with equal id are one row (match = ["id"]), or make these'
            " rows of p equal in both databases, or move c and p under names of their own (into). [parents-differ]"
        ),
    ]


def test_hint_for_another_key_has_these_sentences(bench: Bench) -> None:
    """It names the columns of the plan, or the key of the target."""
    parent = "CREATE TABLE p(a INT, b INT, v, PRIMARY KEY(a, b))"
    child = "CREATE TABLE c(x INT, y INT, FOREIGN KEY(x, y) REFERENCES p(a, b))"
    keyed, of_text = "CREATE TABLE q(k {} UNIQUE)", "CREATE TABLE d(id INTEGER PRIMARY KEY, q TEXT REFERENCES q(k))"
    bench.database(TARGET, parent, child, keyed.format(""), of_text)
    bench.database(
        "a.db", parent, child, "INSERT INTO p VALUES (1, 2, '1'), (2, 1, '2')", "INSERT INTO c VALUES (1, 2)"
    )
    bench.database(
        "b.db", keyed.format("INTEGER"), of_text, "INSERT INTO q VALUES (1)", "INSERT INTO d VALUES (1, '1')"
    )
    plans = [source("a.db", table("p", columns={"a": "b", "b": "a"}), "c"), source("b.db", "q", "d")]

    assert [problem.hint for plan in plans for problem in bench.survey(plan).problems] == [
        (
            "Correct columns in the plan (a, b of p have to become a, b of p), or move c and p under names of"
            " their own (into)."
        ),
        (
            "Declare type and collation of k in q of the target as the source does, or move d and q under"
            " names of their own (into)."
        ),
    ]


@pytest.mark.parametrize(
    ("statement", "note"),
    [
        ("DROP TABLE tasks", "logs/tasks.db: its backup has no table tasks."),
        (
            "ALTER TABLE tasks RENAME COLUMN title TO gone",
            "logs/tasks.db:tasks: its rows do not fit tasks as it is now.",
        ),
    ],
)
def test_unknown_rows_of_a_source_have_this_note(consolidated_copy: Path, statement: str, note: str) -> None:
    """The differing rows are computed from the backup set."""
    folder = consolidated_copy / f"backups/small-{STAMP}"
    sealed = manifest.read(folder)
    assert sealed is not None
    copy = sealed.database("logs/tasks.db")
    assert copy is not None
    execute(folder / copy.copy, statement)
    rows = OriginalRows(plan_of(consolidated_copy), sealed, folder, consolidated_copy)

    assert rows.differences_in_file(consolidated_copy / "workspace.db", "tasks").note == note


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        ({"match": ["id"]}, "The plan lets rows match, and such rows are not compared one by one."),
        (
            {"follows": ["projects"]},
            "logs/tasks.db:tasks: which of its rows move depends on rows of other tables.",
        ),
        ({"where": '"x" = 1'}, "logs/tasks.db:tasks: where cannot choose its rows: tasks has no column x."),
    ],
)
def test_rows_that_depend_on_others_have_this_note(consolidated_copy: Path, keys: dict[str, object], note: str) -> None:
    """A backup alone does not say which rows they are."""
    folder = consolidated_copy / f"backups/small-{STAMP}"
    sealed = manifest.read(folder)
    assert sealed is not None
    rows = OriginalRows(plan_with(consolidated_copy, **keys), sealed, folder, consolidated_copy)

    assert rows.differences_in_file(consolidated_copy / "workspace.db", "tasks").note == note


def test_table_that_is_gone_has_this_note(consolidated_copy: Path) -> None:
    """There are no rows to compare."""
    folder = consolidated_copy / f"backups/small-{STAMP}"
    sealed = manifest.read(folder)
    assert sealed is not None
    execute(consolidated_copy / "workspace.db", "DROP TABLE tasks")
    rows = OriginalRows(plan_of(consolidated_copy), sealed, folder, consolidated_copy)

    assert (
        rows.differences_in_file(consolidated_copy / "workspace.db", "tasks").note == "The target has no table tasks."
    )


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (ValueError("/home"), "The differing rows are not known, because the comparison failed (ValueError)."),
        (ProblemError(Problem("rows-unavailable", "a.db", "has no rows.", "Wait.")), "a.db: has no rows."),
    ],
)
def test_failed_explanation_has_this_note(error: Exception, note: str) -> None:
    """An error has its name, a problem its sentences."""

    def explain() -> RowDifferences:
        raise error

    assert differences_or_note(explain).note == note


def test_changes_since_the_run_have_these_sentences(consolidated_copy: Path) -> None:
    """Rows are counted then and now."""
    execute(consolidated_copy / "workspace.db", "INSERT INTO tasks(title) VALUES('new')")
    sealed = manifest.read(consolidated_copy / f"backups/small-{STAMP}")
    assert sealed is not None

    target = aftercare.read_consolidated_target(consolidated_copy, sealed)

    assert [finding.text for finding in target.changes_since_commit("workspace.db")] == [
        "changed since the migration: 3 rows then, 4 rows now.",
    ]


def test_failed_aftercare_has_these_sentences(consolidated_copy: Path) -> None:
    """The observed state needs no other context."""
    sealed = manifest.read(consolidated_copy / f"backups/small-{STAMP}")
    assert sealed is not None
    execute(consolidated_copy / "workspace.db", "DROP TABLE tasks")
    execute(consolidated_copy / "logs/tasks.db", "CREATE TABLE tasks(id)")
    (consolidated_copy / sealed.archive["logs/tasks.db"]).unlink()

    observations = [
        *aftercare.archives_unchanged(consolidated_copy, sealed),
        *aftercare.target_right(aftercare.read_consolidated_target(consolidated_copy, sealed), sealed),
        *aftercare.no_new_source_files(consolidated_copy, sealed),
    ]

    assert [f"{failed.subject} | {failed.observed} | {failed.todo}" for failed in observations if not failed.holds] == [
        (
            "logs/tasks.db.archived_20250131_120000 | the archive is gone | "
            "Copy databases/tasks.db of the backup set to this name. "
            "If you deleted it on purpose, this check fails until the backup set is deleted as well."
        ),
        (
            "workspace.db: tasks | the migration left this table, and it is missing | "
            "Find out which program dropped it. The backup set of the migration should have its rows. "
            "This check did not examine the backup set."
        ),
        (
            "logs/tasks.db | created again | "
            "Find the program that still opens this path, correct it, and move its rows into the target."
        ),
    ]


def test_missing_original_has_these_sentences(root: Path, tmp_path: Path) -> None:
    """The problem names the file and the folder of the originals."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "scratch").mkdir()

    with pytest.raises(ProblemError) as refused:
        by_originals.copy_originals(plan_of(root), tmp_path / "kept", root, tmp_path / "scratch")

    assert str(refused.value.problems[0]) == (
        "logs/tasks.db, logs/notes.db: are not in kept. Nothing was written. Put the originals, or their"
        " backups, there under the plan's file names. [no-original]"
    )


def test_missing_original_target_has_this_reason(tmp_path: Path) -> None:
    """The other tables of the target cannot be judged without it."""
    by_hand = consolidated(tmp_path)
    (by_hand.originals / "target.db").unlink()

    assert by_hand.judge().unanswerable["neighbours-unchanged"] == "the original target is not among the originals"


def test_disk_space_has_these_words() -> None:
    """The sum names its parts."""
    assert (
        str(DiskSpaceNeeded(backups=3_000_000, dumps=2_000_000, growth=1_000_000, scratch=500_000, rollback=200_000))
        == "6.0 MB are needed (backups 3.0 MB, dumps 2.0 MB, growth 1.0 MB), and 0.7 MB temporarily"
    )


def test_source_without_table_to_move_has_this_sentence(bench: Bench) -> None:
    """The file is hardly the right one."""
    bench.database("a.db", "PRAGMA user_version = 1")

    [problem] = bench.problems(whole_source("a.db"))
    assert problem == (
        'sources-readable: a.db: tables = "*" moves no table, because there is none, or the plan leaves every one'
        " behind. Correct the file, or remove the [[source]]. [no-such-table]"
    )


def test_absent_source_has_this_sentence(bench: Bench) -> None:
    """The plan lets it be absent."""
    bench.database("a.db", "CREATE TABLE t(n)")

    [finding] = bench.survey(source("a.db", "t"), source("b.db", "t", optional=True)).findings
    assert finding.text == "absent, and optional in the plan; nothing is moved from it."


@pytest.mark.parametrize(
    ("files", "pattern", "sentence"),
    [
        (1, "0.db", "0.db:t: the plan expects 3 rows, the source has 1."),
        (2, "*.db", "*.db:t: the plan expects 3 rows, its 2 files have 2."),
    ],
)
def test_other_number_of_rows_has_this_sentence(bench: Bench, files: int, pattern: str, sentence: str) -> None:
    """The rows of all files of a pattern are counted together."""
    names = [bench.database(f"{n}.db", "CREATE TABLE t(n)", f"INSERT INTO t VALUES({n})").name for n in range(files)]
    plan = expand(
        bench.plan(Source(name="s", file=pattern, tables=[TableMap(name="t", rows=3)])), lambda _pattern: names
    )

    [problem] = [each for each in bench.survey_of(plan).problems if each.id == "other-count"]
    assert f"{problem.criterion}: {problem}" == (
        f"rows-as-stated: {sentence} Find out why, and correct the key rows in the plan. [other-count]"
    )


def test_create_that_sqlite_refuses_has_this_sentence(bench: Bench) -> None:
    """The plan declares a column twice."""
    bench.database("a.db", "CREATE TABLE t(n)")

    [problem] = bench.problems(source("a.db", TableMap(name="t", create="CREATE TABLE t(n, n)")))
    assert problem == (
        "sources-readable: a.db:t: cannot be read (duplicate column name: n). Correct the plan, or repair the file."
        " [unreadable]"
    )
