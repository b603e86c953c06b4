"""Build a workspace of one source that has work for every stage of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.workspaces.whole_run import Workspace, execute

if TYPE_CHECKING:
    from pathlib import Path

PLAN = """\
format = 1
name   = "small"
target = "main.db"

[[source]]
name = "old"
file = "old.db"

  [[source.table]]
  name = "tasks"
  rows = 3

  [[source.table]]
  name = "tags"

[[reference]]
file    = "app/store.py"
find    = 'ROOT / "old.db"'
replace = 'ROOT / "main.db"'

[scan]
paths = ["app"]

[[smoke]]
name   = "the store reads its tasks"
python = "from app.store import titles; print(len(titles()))"
path   = ["app/.."]
expect = { stdout = "^3$" }

[logs]
files = ["*.log"]
"""

_STORE = """\
import sqlite3
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def titles():
    con = sqlite3.connect(ROOT / "old.db")  # all of them
    try:
        return [title for (title,) in con.execute("SELECT title FROM tasks")]
    finally:
        con.close()
"""

_TARGET = """
CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK(length(name) > 0));
CREATE INDEX people_name ON people(name);
INSERT INTO people VALUES (1, 'Ada'), (2, 'Bob');
"""

_SOURCE = """
CREATE TABLE tasks(id TEXT PRIMARY KEY, title TEXT NOT NULL, hours REAL, raw BLOB);
CREATE INDEX tasks_title ON tasks(title);
CREATE TRIGGER tasks_kept BEFORE DELETE ON tasks WHEN old.id = 'kept' BEGIN SELECT RAISE(ABORT, 'kept'); END;
CREATE TABLE tags(task TEXT REFERENCES tasks(id), tag TEXT);
INSERT INTO tasks VALUES ('a', 'one', 1.5, x'00ff'), ('b', 'two', 2.5, NULL), ('c', 'three', -0.0, x'');
INSERT INTO tags VALUES ('a', 'red'), ('a', 'red'), ('b', 'blue');
"""


def build_one_source(folder: Path) -> Workspace:
    """Build the workspace with a target, a source, code, a log and a smoke test."""
    root = folder / "workspace"
    (root / "app").mkdir(parents=True)
    execute(root / "main.db", _TARGET)
    execute(root / "old.db", _SOURCE)
    (root / "app" / "store.py").write_text(_STORE)
    (root / "app.log").write_text("ERROR of long ago\n")
    (root / "consolidation.toml").write_text(PLAN)
    return Workspace(root, folder / "reports")


_OWNERS = """
CREATE TABLE owners(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
CREATE TABLE pets(id INTEGER PRIMARY KEY, owner INT REFERENCES owners(id), mother INT REFERENCES pets(id), name);
"""
_OF_TARGET = "INSERT INTO owners VALUES (1, 'Ada'), (2, 'Bob'); INSERT INTO pets VALUES (1, 2, NULL, 'Rex');"
_OF_SOURCE = """
INSERT INTO owners VALUES (1, 'Cid'), (2, 'Dan'), (9, 'gone'); DELETE FROM owners WHERE id = 9;
INSERT INTO pets VALUES (1, 1, NULL, 'Tom'), (2, 2, 1, 'Kit'), (3, -1, 2, 'Stray');
"""
_RENUMBERED = """
  [[source.table]]
  name = "owners"
  keys = "renumber"

  [[source.table]]
  name = "pets"
  keys = "renumber"
"""


def add_renumbered_tables(workspace: Workspace) -> None:
    """Add two tables with equal ids to target and source, and renumber them."""
    workspace.execute("main.db", _OWNERS + _OF_TARGET)
    workspace.execute("old.db", _OWNERS + _OF_SOURCE)
    workspace.edit("consolidation.toml", '  name = "tags"\n', f'  name = "tags"\n{_RENUMBERED}')


_CARDS = "CREATE TABLE cards(id INTEGER PRIMARY KEY, kind TEXT, subject INT, text);"
_CARD_ROWS = (
    "INSERT INTO cards VALUES (1, 'owner', 2, 'a'), (2, 'pet', 2, 'b'), (3, 'pet', -1, 'c'), (4, 'owner', -1, 'd');"
)
_STATED = (
    _RENUMBERED
    + """
  [[source.table]]
  name = "cards"
  keys = "renumber"

    [[source.table.refers]]
    column = "subject"
    to = "owners.id"
    when = "kind = 'owner'"

    [[source.table.refers]]
    column = "subject"
    to = "pets.id"
    when = "kind = 'pet'"
"""
)


def add_stated_references(workspace: Workspace) -> None:
    """Add renumbered tables, and one that refers to each of them by kind."""
    workspace.execute("main.db", _OWNERS + _OF_TARGET + _CARDS + _CARD_ROWS.replace("-1", "0"))
    workspace.execute("old.db", _OWNERS + _OF_SOURCE + _CARDS + _CARD_ROWS)
    workspace.edit("consolidation.toml", '  name = "tags"\n', f'  name = "tags"\n{_STATED}')


_SITES = """
CREATE TABLE sites(id INTEGER PRIMARY KEY, code TEXT UNIQUE, note TEXT UNIQUE);
CREATE TABLE visits(id INTEGER PRIMARY KEY, site INT REFERENCES sites(id), day TEXT);
"""
_SITES_OF_TARGET = (
    "INSERT INTO sites VALUES (1, 'RIDGE', 'a'), (2, 'LAKE', 'b'); INSERT INTO visits VALUES (1, 1, 'mon');"
    "CREATE TABLE signs(id INTEGER PRIMARY KEY, note TEXT REFERENCES sites(note)); INSERT INTO signs VALUES (1, 'a');"
)
_SITES_OF_SOURCE = """
INSERT INTO sites VALUES (1, 'LAKE', 'b'), (2, 'SWAMP', 'c');
INSERT INTO visits VALUES (1, 1, 'tue'), (2, 2, 'wed');
"""
_MATCHED = """
  [[source.table]]
  name = "sites"
  keys = "renumber"
  match = ["code"]
  on_conflict = "prefer-source"

  [[source.table]]
  name = "visits"
  keys = "renumber"
"""


def add_matched_tables(workspace: Workspace) -> None:
    """Add two tables with equal ids to target and source, and match the rows of one."""
    workspace.execute("main.db", _SITES + _SITES_OF_TARGET)
    workspace.execute("old.db", _SITES + _SITES_OF_SOURCE)
    workspace.edit("consolidation.toml", '  name = "tags"\n', f'  name = "tags"\n{_MATCHED}')


_EXTERNAL = "fts5(body, content=notes, content_rowid=id)"
_NOTES = f"""
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);
CREATE VIRTUAL TABLE notes_fts USING {_EXTERNAL};
CREATE TRIGGER notes_ai AFTER INSERT ON notes BEGIN INSERT INTO notes_fts(rowid, body) VALUES(new.id, new.body); END;
CREATE TABLE totals(name TEXT PRIMARY KEY, number INTEGER, note TEXT);
INSERT INTO totals VALUES ('notes', 0, 'counted by a trigger');
CREATE TRIGGER notes_an AFTER INSERT ON notes BEGIN UPDATE totals SET number = number + 1 WHERE name = 'notes'; END;
"""
_DERIVED = """
  [[source.table]]
  name = "notes"

  [[source.leave]]
  tables = ["notes_fts*", "totals"]
  reason = "the target has its own"

[[refresh]]
table = "totals"
columns = ["number"]
set = "number = (SELECT count(*) FROM notes)"
where = "name = 'notes'"
reason = "kept by the trigger notes_an"

[[rebuild]]
table = "notes_fts"
"""


def add_derived_data(workspace: Workspace, index: str = _EXTERNAL, query: str = "") -> None:
    """Add a table with a search index to target and source, and rebuild the index.

    Args:
        workspace: The workspace.
        index: Module of the index with its arguments.
        query: Query of its rows, if it has no external content.
    """
    notes = _NOTES.replace(_EXTERNAL, index)
    if "rtree" in index:
        notes = notes.replace(
            "notes_fts(rowid, body) VALUES(new.id, new.body)", "notes_fts VALUES(new.id, 0, 1, new.body)"
        )
    workspace.execute("main.db", f"{notes} INSERT INTO notes VALUES (1, 'held');")
    workspace.execute("old.db", f"{notes} INSERT INTO notes VALUES (2, 'moved'), (3, 'moved as well');")
    derived = f'{_DERIVED}from = "{query}"\n' if query else _DERIVED
    workspace.edit("consolidation.toml", '  name = "tags"\n', f'  name = "tags"\n{derived}')


def add_chosen_rows(workspace: Workspace) -> None:
    """Let two of the three tasks and the tags of these tasks move."""
    workspace.edit("consolidation.toml", "^3$", "^2$")
    chosen = '  rows = 3\n  where = "hours > 0"\n  reason = "without hours"\n'
    workspace.edit("consolidation.toml", "  rows = 3\n", chosen)
    workspace.execute("old.db", "INSERT INTO tags VALUES('c', 'green')")
    workspace.edit("consolidation.toml", '  name = "tags"\n', '  name = "tags"\n  follows = "tasks"\n')
