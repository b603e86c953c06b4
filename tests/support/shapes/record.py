"""Record what a release leaves behind in ``tests/shapes/NAME``.

Run it with ``python -m tests.support.shapes.record NAME``. A copy of the checkout, the workspace and the reports are at
neutral paths while it runs. Host, user, platform and interpreter are neutral words.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.shapes.contents import contents

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

SHAPES = Path(__file__).parents[2] / "shapes"
CHECKOUT = Path("/srv/checkout")
WORKSPACE = Path("/srv/shop")
REPORTS = Path("/srv/reports")
PYTEST = """\
import getpass, platform, sys
platform.node, platform.platform, getpass.getuser = (lambda: "host"), (lambda: "Linux"), (lambda: "user")
sys.executable = "/usr/bin/python3"  # for the application
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
PLAN = """\
format = 1
name   = "shop"
target = "main.db"
dump   = true

[[source]]
name = "orders"
file = "orders.db"
  [[source.table]]
  name = "orders"
  rows = 3

[[source]]
name = "notes"
file = "notes.db"
  [[source.table]]
  name = "notes"

[[reference]]
file    = "app/store.py"
find    = 'ROOT / "orders.db"'
replace = 'ROOT / "main.db"'

[scan]
paths = ["app"]

[[smoke]]
name   = "orders are read"
python = "from app.store import count; print(count())"
path   = ["app/.."]
expect = { stdout = "^3$" }
"""
STORE = """\
import sqlite3
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def count():
    con = sqlite3.connect(ROOT / "orders.db")
    try:
        return con.execute("SELECT count(*) FROM orders").fetchone()[0]
    finally:
        con.close()
"""
DATABASES = {
    "main.db": """
        PRAGMA journal_mode = WAL;
        CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE INDEX people_name ON people(name);
        INSERT INTO people VALUES (1, 'Ada'), (2, 'Bob');""",
    "orders.db": """
        CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, total REAL, raw BLOB);
        CREATE TRIGGER orders_kept BEFORE DELETE ON orders WHEN old.id = 1 BEGIN SELECT RAISE(ABORT, 'kept'); END;
        INSERT INTO orders VALUES (1, 1.5, x'00ff'), (2, -0.0, x''), (7, NULL, 'text');""",
    "notes.db": """
        CREATE TABLE notes(word TEXT);
        INSERT INTO notes VALUES ('twice'), ('twice'), (NULL);""",
}


def build() -> None:
    """Build the workspace again, with the smallest pages of SQLite."""
    shutil.rmtree(WORKSPACE, ignore_errors=True)
    (WORKSPACE / "app").mkdir(parents=True)
    for name, sql in DATABASES.items():
        with closing(sqlite3.connect(WORKSPACE / name, isolation_level=None)) as con:
            con.execute("PRAGMA page_size = 512")
            con.executescript(sql)
    (WORKSPACE / "app" / "store.py").write_text(STORE)
    (WORKSPACE / "consolidation.toml").write_text(PLAN)


def edit(old: str, new: str) -> None:
    """Replace a text that must be in the plan."""
    assert old in PLAN
    (WORKSPACE / "consolidation.toml").write_text(PLAN.replace(old, new))


def run(verb: str, exit_code: int, bundle: Path) -> None:
    """Run a verb, and keep its bundle."""
    before = set(REPORTS.glob("*.zip"))
    options = ["-m", verb, f"--workspace={WORKSPACE}", f"--reports={REPORTS}", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    ran = subprocess.run([sys.executable, "-c", PYTEST, *options], cwd=CHECKOUT, env=environment, check=False)
    assert ran.returncode == exit_code
    [made] = set(REPORTS.glob("*.zip")) - before
    shutil.copyfile(made, bundle)


def pack(file: Path) -> None:
    """Pack the workspace so that the same files always give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(WORKSPACE.rglob("*")):
            member = archive.gettarinfo(path, path.relative_to(WORKSPACE).as_posix())
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            archive.addfile(member, io.BytesIO(path.read_bytes()) if path.is_file() else None)
    file.write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def record(folder: Path) -> None:
    """Record every shape, and the contents of the workspace before and after its migration."""
    folder.mkdir()
    shutil.copytree(SHAPES.parents[1], CHECKOUT, ignore=shutil.ignore_patterns(".*", "__pycache__", "shapes"))
    build()
    run("verify", 0, folder / "rehearsal.zip")
    edit("rows = 3", "rows = 4")
    run("migrate", 4, folder / "refused.zip")
    edit("^3$", "^4$")
    run("migrate", 1, folder / "rolled-back.zip")
    build()  # without the backup set of that run
    before = contents(WORKSPACE)
    run("migrate", 0, folder / "accepted.zip")
    after = contents(WORKSPACE)
    pack(folder / "workspace.tar.gz")
    run("verify", 0, folder / "check.zip")
    run("rollback", 0, folder / "rollback.zip")
    assert contents(WORKSPACE) == before
    (folder / "contents.json").write_text(json.dumps({"before": before, "after": after}, indent=1) + "\n")


if __name__ == "__main__":
    neutral = [CHECKOUT, WORKSPACE, REPORTS]
    if taken := [str(path) for path in neutral if path.exists()]:
        sys.exit(f"{', '.join(taken)} must not exist.")
    try:
        record(SHAPES / sys.argv[1])
    finally:
        for path in neutral:
            shutil.rmtree(path, ignore_errors=True)
