"""Specify that each criterion finds what a consolidation by hand has lost.

Permitted differences and later use fail nothing.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.criteria import CRITERIA
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.problem import ProblemError
from tests.support.thorough import sampled
from tests.support.workspaces.consolidated_by_hand import HAND, consolidated, failed

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.run.run_log import RunLog
else:
    from sqlite_utils.utils import sqlite3

MARK = "update sqlite_sequence set seq = 900 where name = 'People';"
VIEW = 'create view elders as select "name" from people where age>60;'
TRIGGER = 'create trigger aged  after update of age on "people" begin select 1; end;'


@dataclass(frozen=True)
class Planted:
    """One fault of a consolidation by hand.

    Attributes:
        id: What is wrong.
        by: The criteria that fail by it, and no other does.
        edits: Text of the hand's statements to what stands there instead.
        after: What is done to the target in the end.
        subject: Begins the subject of each observation that does not hold.
    """

    id: str
    by: set[str]
    subject: str
    edits: dict[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()


STRUCTURE = {"schema-as-planned"}
SHAPE = {"tables-created"}
CODE = {"references-updated", "no-stale-references"}
PLAN = "plan-valid"
BESIDE = {"neighbours-unchanged"}
IN_PLACE = {"triggers-in-place"}

PLANTED = (
    Planted("row lost", {"rows-counted", "rows-exact"}, "a.db:pets", after=("DELETE FROM pets WHERE name = 'tom'",)),
    Planted("equal row lost", {"rows-counted", "rows-exact"}, "a.db:log", after=("DELETE FROM log WHERE rowid = 20",)),
    Planted("every row changed", {"rows-exact"}, "a.db:scores", after=("UPDATE scores SET value = value + 1",)),
    Planted("values retyped", {"rows-exact"}, "a.db:log", after=("UPDATE log SET level = 1.0 WHERE rowid = 20",)),
    Planted("text made a blob", {"rows-exact"}, "a.db:log", after=("UPDATE log SET msg = CAST(msg AS BLOB)",)),
    Planted(
        "row without a key changed after rowids were renumbered",
        {"rows-exact"},
        "a.db:log",
        {"into log(rowid, msg, level) select rowid,": "into log(msg, level) select"},
        after=("UPDATE log SET msg = 'new' WHERE msg = 'other'",),
    ),
    Planted("rows doubled", {"no-duplicates"}, "a.db:log", after=("INSERT INTO log SELECT * FROM log",)),
    Planted("columns swapped", {"rows-exact"}, "a.db:people", {"select id, first, last,": "select id, last, first,"}),
    Planted("column retyped", SHAPE | {"rows-exact"}, "", {"value real, unique": "value text, unique"}),
    Planted("column lost", SHAPE, "people", {"[last] text,": "", "first, last, name": "first, name"}),
    Planted(
        "unique column lost",
        SHAPE,
        "people",
        {"email text,": "", ', unique ( "email" )': "", "name, email, age": "name, age"},
    ),
    Planted("generated column stored", STRUCTURE, "people: generated", {" ) virtual": " ) stored"}),
    Planted(
        "key of text lost",
        SHAPE,
        "pets",
        {"name text not null primary key": "name text not null", ")\nwithout rowid": ")"},
    ),
    Planted("NOT NULL lost", SHAPE, "people", {"'x' not null": "'x'"}),
    Planted("default lost", SHAPE, "people", {"default 'x'": ""}),
    Planted("primary key lost", SHAPE, "scores", {"n integer primary key": "n integer"}),
    Planted("STRICT lost", SHAPE, "scores", {"on conflict ignore) strict": "on conflict ignore)"}),
    Planted("WITHOUT ROWID lost", SHAPE, "pets", {")\nwithout rowid": ")"}),
    Planted(
        "index lost",
        {"indexes-created"},
        "people",
        {'create index by_age on people("age") where "age">18;': ""},
    ),
    Planted(
        "index with another condition",
        {"indexes-created"},
        "people",
        {'where "age">18': 'where "age">81'},
    ),
    Planted(
        "index in another order",
        {"indexes-created"},
        "people",
        {'people("age") where': 'people("age" desc) where'},
    ),
    Planted(
        "INTEGER PRIMARY KEY made another column than the rowid",
        SHAPE,
        "scores",
        {"key, value real": "key desc, value real"},
    ),
    Planted("unique index added", STRUCTURE, "people: once", after=("CREATE UNIQUE INDEX once ON people(last)",)),
    Planted("UNIQUE added", STRUCTURE, "runs: UNIQUE(n)", {"check (n>0)": "check (n>0), unique(n)"}),
    Planted(
        "trigger added",
        IN_PLACE,
        "trigger more",
        after=("CREATE TRIGGER more AFTER INSERT ON log BEGIN SELECT 1; END",),
    ),
    Planted("trigger twice", IN_PLACE, "trigger again", after=(TRIGGER.replace("aged", "again"),)),
    Planted(
        "trigger added to a neighbour",
        IN_PLACE,
        "trigger more",
        after=("CREATE TRIGGER more AFTER INSERT ON own BEGIN SELECT 1; END",),
    ),
    Planted(
        "unique index added to a neighbour",
        BESIDE,
        "own",
        after=(
            "CREATE UNIQUE INDEX once ON own(id, v COLLATE NOCASE)",
            "CREATE UNIQUE INDEX twice ON own(v COLLATE NOCASE)",
        ),
    ),
    Planted("UNIQUE lost", STRUCTURE, "people", {', unique ( "email" )': ""}),
    Planted("CHECK lost", STRUCTURE, "people", {', constraint "adult" check ( "age">0 )': ""}),
    Planted("CHECK of a required table lost", STRUCTURE, "runs", {", check (n>0)": ""}),
    Planted("other CHECK", STRUCTURE, "people", {'check ( "age">0 )': 'check ( "age">=0 )'}),
    Planted(
        "FOREIGN KEY lost",
        STRUCTURE,
        "pets",
        {", foreign key(owner) references people on delete cascade": ""},
    ),
    Planted("ON DELETE lost", STRUCTURE, "pets", {" on delete cascade": ""}),
    Planted(
        "FOREIGN KEY made deferred",
        STRUCTURE,
        "pets",
        {"on delete cascade": "on delete cascade deferrable initially deferred"},
    ),
    Planted("ON CONFLICT lost", STRUCTURE, "scores", {" on conflict ignore": ""}),
    Planted("COLLATE lost", STRUCTURE, "people", {' collate "nocase"': ""}),
    Planted("other generated expression", STRUCTURE, "people", {'as ( "age"+1 )': "as (age+2)"}),
    Planted(
        "generated column made an ordinary one", STRUCTURE, "people", {'generated always as ( "age"+1 ) virtual': ""}
    ),
    Planted(
        "AUTOINCREMENT lost",
        STRUCTURE | {"rows-exact"},
        "people",
        {"primary key autoincrement": "primary key", MARK: ""},
    ),
    Planted("mark lost", {"rows-exact"}, "people: AUTOINCREMENT", {MARK: ""}),
    Planted(
        "rowids renumbered",
        {"rows-exact"},
        "a.db:log",
        {"into log(rowid, msg, level) select rowid,": "into log(msg, level) select"},
    ),
    Planted("view lost", {"triggers-in-place"}, "view elders", {VIEW: ""}),
    Planted("other view", {"triggers-in-place"}, "view elders", {"where age>60": "where age>16"}),
    Planted("trigger lost", {"triggers-in-place"}, "trigger people_up", {TRIGGER: ""}),
    Planted(
        "trigger on another table",
        {"triggers-in-place"},
        "trigger ",
        {'update of age on "people"': "update of v on own"},
    ),
    Planted("neighbour lost", BESIDE | {"triggers-in-place"}, "", after=("DROP VIEW own_seen", "DROP TABLE own")),
    Planted(
        "neighbour without its UNIQUE",
        BESIDE,
        "own",
        after=(
            "DROP VIEW own_seen",
            "CREATE TABLE other(id INTEGER PRIMARY KEY, v TEXT)",
            "INSERT INTO other SELECT * FROM own",
            "DROP TABLE own",
            "ALTER TABLE other RENAME TO own",
            "CREATE TRIGGER own_up AFTER UPDATE ON own BEGIN SELECT 1; END",
            "CREATE VIEW own_seen AS SELECT v FROM own",
        ),
    ),
    Planted("neighbour's trigger lost", {"triggers-in-place"}, "trigger own_up", after=("DROP TRIGGER own_up",)),
    Planted("neighbour's view lost", {"triggers-in-place"}, "view own_seen", after=("DROP VIEW own_seen",)),
    Planted("user_version lost", {"neighbours-unchanged"}, "target: user_version", after=("PRAGMA user_version=0",)),
    Planted(
        "application_id lost", {"neighbours-unchanged"}, "target: application_id", after=("PRAGMA application_id=0",)
    ),
    Planted("unplanned table", STRUCTURE, "stray", after=("CREATE TABLE stray(x)",)),
    Planted("required table lost", SHAPE, "runs", after=("DROP TABLE runs",)),
    Planted(
        "moved table lost",
        SHAPE | {"rows-counted", "rows-exact"},
        "",
        after=("DROP TABLE scores",),
    ),
    Planted(
        "row against its CHECK",
        {"integrity"},
        "target: integrity_check",
        after=("PRAGMA ignore_check_constraints=ON", "INSERT INTO runs VALUES(-1)"),
    ),
    Planted("orphan", {"foreign-keys"}, "pets -> people", after=("INSERT INTO pets VALUES('lost', 77)",)),
)
ONE_A_CRITERION = {frozenset(planted.by): place for place, planted in enumerate(PLANTED)}.values()


@pytest.mark.parametrize("planted", sampled(PLANTED, *ONE_A_CRITERION), ids=lambda planted: planted.id)
def test_seeded_fault_fails_only_its_criterion(tmp_path: Path, planted: Planted) -> None:
    """No other criterion fails, so that the report leads to the fault."""
    hand = HAND
    for text, instead in planted.edits.items():
        assert text in hand
        hand = hand.replace(text, instead)
    by_hand = consolidated(tmp_path, hand)
    by_hand.change(*planted.after)

    log = by_hand.judge()

    assert failed(log) == planted.by
    subjects = [evidence.subject for evidence in log.evidence() if evidence.outcome is Outcome.FAILED]
    assert all(subject.startswith(planted.subject) for subject in subjects), subjects


@dataclass(frozen=True)
class Told:
    """A loss and the only evidence of it.

    Attributes:
        edits: Text of the hand's statements to what stands there instead.
        evidence: Criterion, subject, what was expected and what is there.
    """

    edits: dict[str, str]
    evidence: tuple[str, str, str, str]


@pytest.mark.parametrize(
    "told",
    [
        Told(
            {"'x' not null": "'x'"},
            ("tables-created", "people", "column name: NOT NULL", "column name: NULL allowed"),
        ),
        Told(
            {"default 'x'": ""},
            ("tables-created", "people", "column name: default 'x'", "column name: no default"),
        ),
        Told(
            {"on conflict ignore) strict": "on conflict ignore)"}, ("tables-created", "scores", "STRICT", "not STRICT")
        ),
        Told({', constraint "adult" check ( "age">0 )': ""}, ("schema-as-planned", "people: CHECK", "age > 0", "none")),
        Told(
            {'check ( "age">0 )': 'check ( "age">=0 )'},
            ("schema-as-planned", "people: CHECK", "age > 0", '"age">=0'),
        ),
        Told(
            {" ) virtual": " ) stored"},
            ("schema-as-planned", "people: generated", "grown as (age + 1) virtual", 'grown as ("age"+1) stored'),
        ),
    ],
    ids=lambda told: told.evidence[2],
)
def test_loss_is_reported_once_with_its_difference(tmp_path: Path, told: Told) -> None:
    """No column and no clause is named that is as it was to be."""
    hand = HAND
    for text, instead in told.edits.items():
        assert text in hand
        hand = hand.replace(text, instead)

    entries = [entry for entry in consolidated(tmp_path, hand).judge().evidence() if entry.outcome is Outcome.FAILED]

    assert [(entry.criterion, entry.subject, entry.expected, entry.observed) for entry in entries] == [told.evidence]


def test_other_condition_of_index_is_reported(tmp_path: Path) -> None:
    """The index is there, so its statement is what tells the difference."""
    by_hand = consolidated(tmp_path, HAND.replace('where "age">18', 'where "age">81'))

    (entry,) = (entry for entry in by_hand.judge().results["indexes-created"].evidence if not entry.holds)

    assert entry.observed == 'CREATE INDEX by_age on people("age") where "age">81'


def test_code_that_names_an_original_is_found(tmp_path: Path) -> None:
    """By both criteria of the code, and by no other."""
    by_hand = consolidated(tmp_path)
    (by_hand.workspace / "app/store.py").write_text('PATH = "a.db"\n', "utf-8")

    assert failed(by_hand.judge()) == CODE


def test_original_that_differs_from_plan_is_found(tmp_path: Path) -> None:
    """What that original does not tell is not examined, and nothing is blamed for it."""
    by_hand = consolidated(tmp_path)
    trigger = "CREATE TRIGGER logs AFTER INSERT ON pets BEGIN INSERT INTO log VALUES('pet', 1); END"
    by_hand.change(trigger)
    with closing(sqlite3.connect(by_hand.originals / "a.db", isolation_level=None)) as con:
        con.execute(trigger)
        con.execute("DROP TABLE log")

    log = by_hand.judge()

    assert problems_of(log) == [("plan-valid", "a.db:log")]
    assert log.outcome("rows-exact") is Outcome.NOT_EXAMINED
    assert any(entry.holds for entry in log.results["rows-exact"].evidence)


@pytest.mark.parametrize("content", [b"", b"no database" * 50, None], ids=["empty", "other", "truncated"])
def test_damaged_original_is_one_problem(tmp_path: Path, content: bytes | None) -> None:
    """All that depends on it is not examined."""
    by_hand = consolidated(tmp_path)
    original = by_hand.originals / "a.db"
    original.write_bytes(original.read_bytes()[:5000] if content is None else content)

    log = by_hand.judge()

    assert problems_of(log) == [("plan-valid", "a.db")]
    unseen = {id for id, result in log.results.items() if result.outcome is Outcome.NOT_EXAMINED}
    assert unseen == STRUCTURE | SHAPE | IN_PLACE | {
        "indexes-created",
        "rows-counted",
        "rows-exact",
        "no-duplicates",
        "foreign-keys",
    }
    assert log.findings == ()


def test_damaged_original_of_the_target_is_one_problem(tmp_path: Path) -> None:
    """The sources show what was expected, but not the other tables of the target."""
    by_hand = consolidated(tmp_path)
    (by_hand.originals / "target.db").write_bytes(b"no database" * 50)

    log = by_hand.judge()

    assert problems_of(log) == [("plan-valid", "target.db")]
    assert log.outcome("rows-exact") is Outcome.PASSED
    assert log.outcome("neighbours-unchanged") is Outcome.NOT_EXAMINED


@pytest.mark.parametrize(("content", "id"), [(b"no database" * 50, "not-a-database"), (None, "damaged")])
def test_target_that_cannot_be_read_is_a_problem(tmp_path: Path, content: bytes | None, id: str) -> None:
    """The problem names the file and has a hint."""
    by_hand = consolidated(tmp_path)
    target = by_hand.workspace / "target.db"
    target.write_bytes(target.read_bytes()[:5000] if content is None else content)

    with pytest.raises(ProblemError) as raised:
        by_hand.judge()

    assert [(problem.id, problem.subject) for problem in raised.value.problems] == [(id, "target.db")]
    assert raised.value.problems[0].hint


def test_damaged_page_of_the_target_fails_its_integrity(tmp_path: Path) -> None:
    """Other criteria that read the page are not examined, and name the same problem."""
    by_hand = consolidated(tmp_path)
    target = by_hand.workspace / "target.db"
    content = bytearray(target.read_bytes())
    content[4096:8192] = b"U" * 4096  # the page of a table of the target's own
    target.write_bytes(content)

    log = by_hand.judge()

    assert problems_of(log) == [("integrity", "target.db")]
    assert {log.results[id].outcome for id in BESIDE} == {Outcome.NOT_EXAMINED}
    assert all("[damaged]" in entry.observed + entry.todo for id in BESIDE for entry in log.results[id].evidence)


def problems_of(log: RunLog) -> list[tuple[str, str]]:
    """Return criterion and subject of all that failed."""
    return [(entry.criterion, entry.subject) for entry in log.evidence() if entry.outcome is Outcome.FAILED]


def test_every_criterion_of_originals_has_a_fault() -> None:
    """One without might be unable to fail. Other modules have the other two."""
    criteria = set().union(*(planted.by for planted in PLANTED)) | CODE | {PLAN, "derived-right", "keys-mapped"}

    assert criteria == {criterion.id for criterion in CRITERIA.values() if criterion.by_originals}
