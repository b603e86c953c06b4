"""Build a workspace like a real project.

It has a ``src`` layout, models of an ORM, and configuration files of every kind. The shop keeps orders in one database
and notes in another. SQLAlchemy's ``create_all`` created both when the package was imported, so that each has the
tables of the other, empty. The plan moves both into ``shop.db``.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.support.workspaces.whole_run import Workspace, execute

if TYPE_CHECKING:
    from pathlib import Path

ORDERS, NOTES = 12, 4

PLAN = r"""
format = 1
name   = "shop"
target = "shop.db"

[[source]]
name = "orders"
file = "var/orders.db"
table = [{ name = "orders", rows = 12 }]

[[source]]
name = "notes"
file = "var/notes.db"
table = [{ name = "notes", rows = 4 }]
"""

REFERENCES = r"""
[[reference]] # an f-string of a connection URL
file    = "src/shop/store.py"
find    = "VAR / 'orders.db'"
replace = "get_project_root() / 'shop.db'"
import  = "from shop.paths import get_project_root"

[[reference]] # a default argument, in a file with Windows line endings
file    = "src/shop/legacy.py"
find    = 'os.path.join(str(VAR), "orders.db")'
replace = 'str(get_project_root() / "shop.db")'
import  = "from shop.paths import get_project_root"

[[reference]] # a constant, in a Latin-1 file
file    = "src/shop/labels.py"
find    = 'VAR / "notes.db"'
replace = 'get_project_root() / "shop.db"'
import  = "from shop.paths import get_project_root"

[[reference]]
file    = "config/settings.yaml"
find    = "var/notes.db"
replace = "shop.db"

[[reference]]
file    = "scripts/archive.sh"
find    = "var/orders.db"
replace = "shop.db"

[[reference]]
file    = ".env"
find    = "sqlite:///var/orders.db"
replace = "sqlite:///shop.db"
"""

REST = r'''
[[insert]]
file = "src/shop/paths.py"
code = """
def get_project_root() -> Path:
    return ROOT
"""

[scan]
paths = ["."]

[[smoke]]
name   = "the ORM counts the orders"
python = "from shop.store import count; print(count())"
path   = ["src"]
expect = { stdout = '\A12\n\Z' }

[[smoke]]
name   = "the command counts the notes"
run    = ["python", "-m", "shop", "notes"]
path   = ["src"]
expect = { stdout = '\A4\n\Z' }

[[smoke]]
name   = "old code reads the orders, and labels the notes"
python = "from shop import labels, legacy; print(len(legacy.numbers()), labels.first())"
path   = ["src"]
expect = { stdout = '\A12 Gr\S+e 1\n\Z' }
'''

FILES = {
    ".gitignore": "*.db*\n.env\n__pycache__/\n/backups/\n/build/\n",
    ".env": "SHOP_DEBUG=0\nSHOP_DATABASE_URL=sqlite:///var/orders.db\n",
    "README.md": "# Shop\n\nOrders are in `var/orders.db`.\n",
    "build/lib/shop/store.py": 'URL = "sqlite:///var/orders.db"  # built once, ignored by git\n',
    "config/settings.yaml": "debug: false\nnotes:\n  path: var/notes.db  # since 2019\n",
    "scripts/archive.sh": '#!/bin/sh\nset -e\ncp "$(dirname "$0")/../var/orders.db" "$1"',
    "src/shop/__init__.py": '"""A shop."""\n',
    "src/shop/__main__.py": """\
import sys

from shop.settings import notes_path
from shop.store import connect

if __name__ == "__main__":
    print(connect(notes_path()).execute(f"SELECT count(*) FROM {sys.argv[1]}").fetchone()[0])
""",
    "src/shop/paths.py": """\
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var"
""",
    "src/shop/settings.py": """\
from shop.paths import ROOT


def notes_path():
    lines = (ROOT / "config" / "settings.yaml").read_text().splitlines()
    return ROOT / next(line.split("path: ")[1].split("  #")[0] for line in lines if "path: " in line)
""",
    "src/shop/models.py": """\
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str] = mapped_column(String(80), index=True)
    total: Mapped[float]


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    text: Mapped[str] = mapped_column(String(200), default="")
""",
    "src/shop/store.py": """\
import sqlite3

from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from shop.models import Base, Order
from shop.paths import VAR

engine = create_engine(f"sqlite:///{VAR / 'orders.db'}?timeout=5", echo=False)  # one for all
Base.metadata.create_all(engine)


def connect(path):
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def count():
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Order))
""",
    "src/shop/legacy.py": """\
import os, sqlite3\r
from shop.paths import VAR\r
\r
def numbers( path=os.path.join(str(VAR), "orders.db") ):\r
    con = sqlite3.connect(path)\r
    try: return [row[0] for row in con.execute("SELECT id FROM orders")]\r
    finally: con.close()""",
}

LATIN_1 = """\
# -*- coding: latin-1 -*-
import sqlite3
from shop.paths import VAR

NOTES = VAR / "notes.db"
GREETING = "Grüße"

def first():
    con = sqlite3.connect(NOTES)
    try:
        return "%s %d" % (ascii(GREETING).strip("'"), con.execute("SELECT min(id) FROM notes").fetchone()[0])
    finally:
        con.close()
"""

# What SQLAlchemy makes of the models, in either database.
SCHEMA = """
CREATE TABLE orders (
    id INTEGER NOT NULL,
    customer VARCHAR(80) NOT NULL,
    total FLOAT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_orders_customer ON orders (customer);
CREATE TABLE notes (
    id INTEGER NOT NULL,
    order_id INTEGER NOT NULL,
    text VARCHAR(200) NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(order_id) REFERENCES orders (id)
);
"""


def real_project(tmp_path: Path, *, references: str = REFERENCES, rest: str = REST, git: bool = True) -> Workspace:
    """Build the project, and commit its files unless ``git`` is false.

    Args:
        tmp_path: Folder for the workspace and its reports.
        references: TOML of the plan's references.
        rest: TOML of the plan after them, with inserts, scan and smoke tests.
        git: Whether the workspace is a git repository.
    """
    root = tmp_path / "workspace"
    for file, text in FILES.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(text.encode())
    (root / "src/shop/labels.py").write_bytes(LATIN_1.encode("latin-1"))
    (root / "scripts/archive.sh").chmod(0o755)
    (root / "consolidation.toml").write_text(PLAN + references + rest, "utf-8")
    _databases(root)
    if git:
        commit(root)
    return Workspace(root, tmp_path / "reports")


def commit(root: Path) -> None:
    """Commit everything that git does not ignore."""
    run_git(root, "init", "-q")
    run_git(root, "add", ".")
    run_git(root, "-c", "user.name=A", "-c", "user.email=a@localhost", "commit", "-q", "-m", "All of it")


def run_git(folder: Path, *args: str) -> str:
    """Run git without the user's configuration, and return its output. It must succeed."""
    plain = ["-c", "core.autocrlf=false", "-c", "core.safecrlf=false", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *plain, *args], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _databases(root: Path) -> None:
    (root / "var").mkdir()
    execute(root / "shop.db", "CREATE TABLE customers (name TEXT PRIMARY KEY); INSERT INTO customers VALUES ('Ada');")
    orders = ", ".join(f"({number}, 'Ada', {number}.5)" for number in range(1, ORDERS + 1))
    notes = ", ".join(f"({number}, {number}, 'note {number}')" for number in range(1, NOTES + 1))
    execute(root / "var/orders.db", f"{SCHEMA} INSERT INTO orders VALUES {orders};")
    execute(root / "var/notes.db", f"{SCHEMA} INSERT INTO notes VALUES {notes};")
