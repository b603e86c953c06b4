"""Build a folder with fourteen files that are or look like databases, and some code."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from typing import TYPE_CHECKING

from sqlite_consolidate.inventory.choose_proposal import choose_proposal
from sqlite_consolidate.inventory.inventory import take_inventory
from sqlite_consolidate.inventory.propose import propose_plan
from sqlite_consolidate.inventory.refinement.rehearsal import rehearsal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.inventory.proposal import Proposal
    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal
else:
    from sqlite_utils.utils import sqlite3

_SALES = "CREATE TABLE sales(id INTEGER PRIMARY KEY, shop TEXT NOT NULL, total REAL);"

_DATABASES = {
    "shop.db": (
        "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, user INTEGER REFERENCES users(id), total REAL);"
        "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob'); INSERT INTO orders VALUES (1, 1, 9.5), (2, 2, 1.0);"
        "INSERT INTO items VALUES (1, 'hat'), (2, 'coat'), (3, 'shoe');"
    ),
    # Another table of the same name, a parent table without rows for a child, and a view.
    "crm/crm.sqlite3": (
        "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, phone TEXT);"
        "CREATE TABLE regions(id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE calls(id INTEGER PRIMARY KEY, region INTEGER REFERENCES regions(id), said TEXT);"
        "INSERT INTO users VALUES (1, 'Cleo', '1'), (7, 'Dan', '2'); INSERT INTO calls VALUES (1, NULL, 'hello');"
        "CREATE VIEW callers AS SELECT name FROM users;"
    ),
    "north.db": f"{_SALES} INSERT INTO sales VALUES (1, 'north', 1.5), (2, 'north', 2.5);",
    "south.db": f"{_SALES} INSERT INTO sales VALUES (11, 'south', 1.5);",
    "west.db": f"{_SALES} INSERT INTO sales VALUES (1, 'west', 7.0), (21, 'west', 8.0);",
    "metrics": (  # it has no suffix and is found by its header
        "CREATE TABLE points(at INTEGER NOT NULL, name TEXT NOT NULL, value REAL, PRIMARY KEY(at, name))"
        " STRICT, WITHOUT ROWID; INSERT INTO points VALUES (1, 'cpu', 0.5), (1, 'ram', 0.25);"
    ),
    "notes.db": (
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT); CREATE VIRTUAL TABLE own USING fts5(body);"
        "CREATE VIRTUAL TABLE found USING fts5(body, content='notes', content_rowid='id');"
        "CREATE TRIGGER notes_ai AFTER INSERT ON notes BEGIN"
        " INSERT INTO found(rowid, body) VALUES (new.id, new.body); END;"
        "INSERT INTO notes VALUES (1, 'remember the milk'); INSERT INTO own VALUES ('a text of its own');"
    ),
    "billing.db": (
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE invoices(id INTEGER PRIMARY KEY, text TEXT);"
        "INSERT INTO invoices VALUES (1, 'Müller');"
    ),
    "templates/new_shop.db": "CREATE TABLE users(id INTEGER PRIMARY KEY, name); INSERT INTO users VALUES (0, '?');",
    "cache.db": "CREATE TABLE entries(key TEXT PRIMARY KEY, value TEXT);",
    ".venv/lib/inside.db": "CREATE TABLE x(a); INSERT INTO x VALUES (1);",
}

MAIN = "CREATE TABLE plan(code TEXT); CREATE TABLE job(a); CREATE TABLE region(a); INSERT INTO plan VALUES ('basic');"
MAIN += "INSERT INTO job VALUES (1); INSERT INTO region VALUES (1);"
COMMENT = "CREATE TABLE comment(id INTEGER PRIMARY KEY, note_id INTEGER REFERENCES notes(id), body TEXT);"
COMMENT += "INSERT INTO comment VALUES (1, 1, 'of {0}');"
LABEL = "CREATE TABLE label(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO label VALUES (1, 'of {0}');"

_STORE = """\
from pathlib import Path
import sqlite3

CRM = Path(__file__).resolve().parents[1] / "crm" / "crm.sqlite3"


class Customers:
    def __init__(self, path=CRM):
        self.con = sqlite3.connect(path)
"""


def folder(root: Path) -> Path:
    """Build the folder in ``root``, which must not exist, and return it."""
    for file, sql in _DATABASES.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        execute(root / file, sql)
    _with_a_wal(root / "live.db")
    (root / "backups").mkdir()
    shutil.copy(root / "shop.db", root / "backups" / "shop-2024.db")
    shutil.copy(root / "north.db", root / "north_again.db")
    (root / "vault.db").write_bytes(hashlib.shake_256(b"key").digest(8192))
    (root / "empty.db").touch()
    (root / "Thumbs.db").write_bytes(b"no database of ours\n" * 100)
    (root / ".venv" / "pyvenv.cfg").touch()
    (root / "app").mkdir()
    (root / "app" / "__init__.py").touch()
    (root / "app" / "customers.py").write_text(_STORE)
    return root


def proposal_of(root: Path, **databases: str) -> RefinedProposal:
    """Build a folder with these databases, take its inventory, and refine its proposal."""
    for name, sql in databases.items():
        execute(root / f"{name}.db", sql)
    return proposal_in(root)


def proposal_in(root: Path) -> RefinedProposal:
    """Take the inventory of a folder, and refine its proposal."""
    inventory = take_inventory(root, lambda _words: None)
    proposal = propose_plan(inventory)
    assert proposal is not None
    return choose_proposal(inventory, proposal, lambda _words: None)


def objections_to(root: Path, proposal: Proposal) -> tuple[str, ...]:
    """Rehearse a proposal, and return what is against it."""
    with rehearsal_of(root, proposal, lambda _words: None) as rehearsal:
        problems = tuple(map(str, rehearsal.check().problems))
        return problems or rehearsal.perform().failures


def _with_a_wal(path: Path) -> None:
    """Create a database whose only row is in its ``-wal``, as a crash leaves it."""
    growing = path.with_name("growing.db")
    with contextlib.closing(sqlite3.connect(growing, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("CREATE TABLE events(id INTEGER PRIMARY KEY, what TEXT)")
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.execute("INSERT INTO events VALUES (1, 'crashed')")
        for suffix in ("", "-wal"):  # renamed while open, so that SQLite leaves the -wal on close
            growing.with_name(growing.name + suffix).rename(path.with_name(path.name + suffix))
    growing.with_name("growing.db-shm").unlink()
