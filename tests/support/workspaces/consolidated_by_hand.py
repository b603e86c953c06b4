"""Make a consolidation by hand, and compare it with its originals."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.engine.run.stages import ORIGINALS
from sqlite_consolidate.engine.verbs.judge import OriginalsRun
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.loader import load

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.run.run_log import RunLog
    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_utils.utils import sqlite3

PLAN = """format = 1
name = "hand"
target = "target.db"

[[source]]
name = "a"
file = "a.db"
  [[source.table]]
  name = "people"
  [[source.table]]
  name = "pets"
  [[source.table]]
  name = "log"
  [[source.table]]
  name = "scores"

[[table]]
name = "runs"
create = "CREATE TABLE runs(n INTEGER CHECK(n > 0))"

[[reference]]
file = "app/store.py"
find = '"a.db"'
replace = '"target.db"'

[scan]
paths = ["app"]
"""

TARGET = """
CREATE TABLE own(id INTEGER PRIMARY KEY, v TEXT UNIQUE);
CREATE TRIGGER own_up AFTER UPDATE ON own BEGIN SELECT 1; END;
CREATE VIEW own_seen AS SELECT v FROM own;
INSERT INTO own VALUES(1, 'a'), (2, 'b');
PRAGMA user_version = 7;
PRAGMA application_id = 9;
"""

SOURCE = """
CREATE TABLE people(
    id INTEGER PRIMARY KEY AUTOINCREMENT, first TEXT, last TEXT, name TEXT COLLATE NOCASE NOT NULL DEFAULT 'x',
    email TEXT UNIQUE, age INT CHECK(age > 0), grown INT AS (age + 1)
);
CREATE INDEX people_age ON people(age) WHERE age > 18;
CREATE TRIGGER people_up AFTER UPDATE OF age ON people BEGIN SELECT 1; END;
CREATE TABLE pets(name TEXT PRIMARY KEY, owner INT REFERENCES people(id) ON DELETE CASCADE) WITHOUT ROWID;
CREATE TABLE log(msg, level);
CREATE TABLE scores(n INTEGER PRIMARY KEY, value REAL, UNIQUE(value, n) ON CONFLICT IGNORE) STRICT;
CREATE VIEW elders AS SELECT name FROM people WHERE age > 60;
INSERT INTO people(id, first, last, name, email, age) VALUES
    (1, 'Ada', 'Byron', 'ada', 'a@x', 36), (2, 'Alan', 'Turing', 'alan', 'b@x', 41), (900, 'gone', '', 'gone', NULL, 1);
DELETE FROM people WHERE id = 900;
INSERT INTO pets VALUES('rex', 1), ('tom', NULL);
INSERT INTO log(rowid, msg, level) VALUES(10, 'same', 1), (20, 'same', 1), (30, 'other', 2);
INSERT INTO scores VALUES(1, 0.5), (2, 2.0), (3, 7.0);
"""

HAND = """
create table "People" (
    "id" integer primary key autoincrement, [first] text, [last] text,
    "name" text default 'x' not null collate "nocase", email text, -- unique, below
    age int, grown int generated always as ( "age"+1 ) virtual, constraint "adult" check ( "age">0 ), unique ( "email" )
);
create index by_age on people("age") where "age">18;
create table "pets" (name text not null primary key, owner int, foreign key(owner) references people on delete cascade)
without rowid;
create table log (level, msg);
create table scores(n integer primary key, value real, unique ( value,n ) on conflict ignore) strict;
create table runs (n integer, check (n>0));
insert into people(id, first, last, name, email, age) select id, first, last, name, email, age from a.people;
update sqlite_sequence set seq = 900 where name = 'People';
insert into pets select * from a.pets;
insert into log(rowid, msg, level) select rowid, msg, level from a.log;
insert into scores select * from a.scores;
create trigger aged  after update of age on "people" begin select 1; end;
create view elders as select "name" from people where age>60;
"""


def judge_by_originals(settings: Settings, plan: Plan) -> RunLog:
    """Compare a target with its originals, and return the results."""
    run = OriginalsRun(RunRequest(Mode.ORIGINALS, settings, plan))
    try:
        run.perform(ORIGINALS)
        for criterion in run.log.demanded(ORIGINALS):
            run.check(criterion)
    finally:
        run.close()
    return run.log


@dataclass(frozen=True)
class ByHand:
    """Hold the folders of a consolidation that was made by hand.

    Attributes:
        originals: Target and source from before.
        workspace: The plan, and target and code as they are now.
    """

    originals: Path
    workspace: Path

    def judge(self, *, show_values: bool = False) -> RunLog:
        """Compare the target with the originals, as ``pytest -m verify --originals DIR`` does."""
        file = self.workspace / "consolidation.toml"
        settings = Settings(
            self.workspace,
            file,
            self.workspace / "reports",
            originals=self.originals,
            show_values=show_values,
        )
        return judge_by_originals(settings, load(file))

    def change(self, *statements: str) -> None:
        """Change the target through a connection that enforces no foreign key."""
        with closing(sqlite3.connect(self.workspace / "target.db", isolation_level=None)) as con:
            for statement in statements:
                con.execute(statement)


def consolidated(root: Path, hand: str = HAND) -> ByHand:
    """Create the originals, and consolidate them with the statements of ``hand``."""
    by_hand = ByHand(root / "originals", root / "workspace")
    for folder in (by_hand.originals, by_hand.workspace):
        folder.mkdir()
        _script(folder / "target.db", TARGET)
    _script(by_hand.originals / "a.db", SOURCE)
    (by_hand.workspace / "consolidation.toml").write_text(PLAN, "utf-8")
    (by_hand.workspace / "app").mkdir()
    (by_hand.workspace / "app/store.py").write_text('PATH = "target.db"\n', "utf-8")
    _script(by_hand.workspace / "target.db", f"ATTACH '{by_hand.originals / 'a.db'}' AS a;\n{hand}")
    return by_hand


def failed(log: RunLog) -> set[str]:
    """Return the criteria that failed. Every criterion must be examined or not required."""
    outcomes = {id: log.outcome(id) for id in log.demanded(ORIGINALS)}
    assert Outcome.NOT_EXAMINED not in outcomes.values(), outcomes
    return {id for id, outcome in outcomes.items() if outcome is Outcome.FAILED}


def _script(path: Path, statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.executescript(statements)
