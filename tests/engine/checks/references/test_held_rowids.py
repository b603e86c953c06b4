"""Specify that rowids which an object or the plan relies on are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.model import Leave
from tests.support.databases import TARGET, Bench, source, table
from tests.support.rows.copied_rows import rows_are_exact

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Source

X = "CREATE TABLE x(k TEXT PRIMARY KEY, v)"
Y = "CREATE TABLE y(id INTEGER PRIMARY KEY, xr INT)"
VIEW = "CREATE VIEW j AS SELECT y.id, x.v FROM y JOIN x ON x.rowid = y.xr"
TRIGGER = "CREATE TRIGGER j AFTER DELETE ON x BEGIN DELETE FROM y WHERE xr = old.rowid; END"
USERS = pytest.mark.parametrize("create", [VIEW, TRIGGER], ids=["view", "trigger"])


def shop(bench: Bench, file: str, first: int, *objects: str, keys: str = "") -> None:
    """Create a database with two rows of x, and two rows of y that hold their rowids."""
    named = keys or file[0]
    rows = [f"INSERT INTO x(rowid, k, v) VALUES({first + n}, '{named}{n}', 'v{n}')" for n in range(2)]
    referring = [f"INSERT INTO y VALUES({ord(file[0]) * 10 + n}, {first + n})" for n in range(2)]
    bench.database(file, X, Y, *objects, *rows, *referring)


def both(**keys: str) -> tuple[Source, Source]:
    """Return sources a and b that move both tables, with keys of the plan for x."""
    return source("a.db", table("x", **keys), "y"), source("b.db", table("x", **keys), "y")


def problems(bench: Bench, *sources: Source) -> list[tuple[str, str]]:
    """Return id and subject of each problem."""
    return [(problem.id, problem.subject) for problem in bench.survey(*sources).problems]


def findings(bench: Bench, *sources: Source) -> list[tuple[str, str, int]]:
    """Return level, subject and count of each finding about changed rowids."""
    inspected = bench.survey(*sources)
    changed = [finding for finding in inspected.findings if finding.id == "rowids-changed"]
    return [(finding.level, finding.subject, finding.count) for finding in changed]


@USERS
def test_used_rowids_of_two_sources_collide(bench: Bench, create: str) -> None:
    """Rows of y would refer to rows of the other source."""
    shop(bench, "a.db", 7, create)
    shop(bench, "b.db", 8, create)

    assert problems(bench, *both()) == [("rowid-collision", "b.db:x")]
    assert "1 rowid is" in bench.survey(*both()).problems[0].what


@USERS
def test_used_rowids_are_kept_if_free(bench: Bench, create: str) -> None:
    """SQLite would number the rows of the second source anew."""
    shop(bench, "a.db", 7, create)
    shop(bench, "b.db", 70, create)
    copied = bench.copied(*both())

    assert copied.rows("SELECT rowid FROM x ORDER BY 1") == [(7,), (8,), (70,), (71,)]
    assert rows_are_exact(copied)


@USERS
def test_object_of_the_target_holds_rowids_too(bench: Bench, create: str) -> None:
    """It would find rows of the source under rowids that meant other rows there."""
    shop(bench, TARGET, 7, create)
    shop(bench, "b.db", 8)

    assert problems(bench, source("b.db", "x", "y")) == [("rowid-collision", "b.db:x")]


@USERS
def test_plan_accepts_new_rowids_by_renumber(bench: Bench, create: str) -> None:
    """The reader learns how many rows the object may find under other rowids."""
    shop(bench, "a.db", 7, create)
    shop(bench, "b.db", 8, create)
    sources = both(rowids="renumber")

    assert problems(bench, *sources) == []
    assert findings(bench, *sources) == [("attention", "a.db:x", 2), ("attention", "b.db:x", 2)]


def test_object_that_stays_behind_holds_no_rowid(bench: Bench) -> None:
    """The keys of the rows tell them apart."""
    shop(bench, "a.db", 7, VIEW)
    shop(bench, "b.db", 7)
    leave = [Leave(views=("j",), reason="not used")]
    left = source("a.db", "x", "y").model_copy(update={"leave": leave})

    assert problems(bench, left, source("b.db", "x", "y")) == []


def test_explicit_keep_holds_rowids_of_rows_with_a_key(bench: Bench) -> None:
    """Something outside of the databases may use them, so the plan can demand it."""
    shop(bench, "a.db", 7)
    shop(bench, "b.db", 7)

    assert problems(bench, *both()) == []
    assert problems(bench, *both(rowids="keep")) == [("rowid-collision", "b.db:x")]


def test_one_explicit_keep_holds_rowids_of_the_whole_table(bench: Bench) -> None:
    """Rows of the other source would otherwise take the rowids that are to be kept."""
    shop(bench, "a.db", 7)
    shop(bench, "b.db", 70)
    copied = bench.copied(source("a.db", "x", "y"), source("b.db", table("x", rowids="keep"), "y"))

    assert copied.rows("SELECT rowid FROM x ORDER BY 1") == [(7,), (8,), (70,), (71,)]
    assert rows_are_exact(copied)


def test_identical_rows_under_the_same_rowid_are_skipped(bench: Bench) -> None:
    """The object finds the same row under the rowid of either."""
    shop(bench, "a.db", 7, VIEW, keys="k")
    shop(bench, "b.db", 7, VIEW, keys="k")
    copied = bench.copied(source("a.db", "x", "y"), source("b.db", table("x", on_conflict="skip-identical"), "y"))

    assert copied.rows("SELECT count(*) FROM j") == [(4,)]
    assert rows_are_exact(copied)


def test_rowid_of_another_row_collides_under_a_policy(bench: Bench) -> None:
    """No policy decides which of two rows with different keys has the rowid."""
    shop(bench, "a.db", 7, VIEW)
    shop(bench, "b.db", 8, VIEW)
    sources = both(on_conflict="prefer-target")

    assert problems(bench, *sources) == [("rowid-collision", "b.db:x")]
    assert "1 rowid is" in bench.survey(*sources).problems[0].what


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ("skip-identical", ("rows-differ", "b.db:x")),
        ("prefer-target", ("rowid-collision", "b.db:x")),
        ("prefer-source", ("rowid-collision", "a.db:x")),
    ],
)
def test_policy_must_not_lead_an_object_to_another_rowid(bench: Bench, policy: str, problem: tuple[str, str]) -> None:
    """Of two rows with one key one stays, and rows of y refer to the rowid of the other."""
    shop(bench, "a.db", 7, VIEW, keys="k")
    shop(bench, "b.db", 70, VIEW, keys="k")
    sources = source("a.db", "x", "y"), source("b.db", table("x", on_conflict=policy), "y")

    assert problems(bench, *sources) == [problem]


def test_own_index_trigger_does_not_hold_rowids(bench: Bench) -> None:
    """The search index is built again from the rows, under the rowids that they have then."""
    index = "CREATE VIRTUAL TABLE f USING fts5(k, content='x')"
    added = "CREATE TRIGGER ai AFTER INSERT ON x BEGIN INSERT INTO f(rowid, k) VALUES(new.rowid, new.k); END"
    shop(bench, TARGET, 7, index, added)
    shop(bench, "b.db", 7)

    assert [id for id, _ in problems(bench, source("b.db", "x", "y"))] == ["derived-undeclared"]


@USERS
def test_rows_that_mean_rowids_of_another_table_are_refused(bench: Bench, create: str) -> None:
    """Rows of y go to the target's, where the object joins them with the target's x."""
    shop(bench, TARGET, 7, create)
    shop(bench, "b.db", 7, create)
    apart = table("x", into="b_x")

    assert problems(bench, source("b.db", apart, "y")) == [("rowids-apart", "b.db:y")]
    assert problems(bench, source("b.db", apart, table("y", into="b_y"))) == []


def test_rows_that_mean_no_known_rowid_are_moved(bench: Bench) -> None:
    """Nothing says that their numbers are rowids."""
    shop(bench, TARGET, 7, VIEW)
    shop(bench, "b.db", 7)

    assert problems(bench, source("b.db", table("x", into="b_x"), "y")) == []


@pytest.mark.parametrize(("rows", "ids"), [("(7, 1, 'A'), (1, 7, 'B')", ["rowids-apart"]), ("(7, 7, 'A')", [])])
def test_key_of_the_target_takes_the_place_of_rowids(bench: Bench, rows: str, ids: list[str]) -> None:
    """The view reads the INTEGER PRIMARY KEY of the target, which was no rowid in the source."""
    bench.database(TARGET, "CREATE TABLE x(id INTEGER PRIMARY KEY, v)", Y)
    create = "CREATE TABLE x(id INT PRIMARY KEY, v)"
    bench.database("b.db", create, Y, VIEW, f"INSERT INTO x(rowid, id, v) VALUES {rows}")

    assert problems(bench, source("b.db", "x", "y")) == [(id, "b.db:x") for id in ids]


def test_view_of_a_key_stays_behind_without_that_key(bench: Bench) -> None:
    """It read the INTEGER PRIMARY KEY, and would read the implicit rowid in the target."""
    bench.database(TARGET, "CREATE TABLE x(id INT PRIMARY KEY, v)", Y)
    bench.database("b.db", "CREATE TABLE x(id INTEGER PRIMARY KEY, v)", Y, VIEW, "INSERT INTO x VALUES (7, 'A')")
    copied = bench.copied(source("b.db", "x", "y"))

    assert [finding.subject for finding in copied.inspected.findings if finding.id == "view-left"] == ["b.db"]
    assert copied.schema.views == ()
    assert rows_are_exact(copied)
