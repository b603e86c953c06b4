"""Specify which statements of a module only the target executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.tables.renamed_tables import find_old_table_names
from sqlite_consolidate.engine.code.tables.target_statements import statements_of_target
from tests.support.scanned_trees import write

if TYPE_CHECKING:
    from pathlib import Path

READ = "SELECT a FROM tag"
HEAD = "import sqlite3\nMAIN = HERE / 'main.db'\nNOTES = HERE / 'notes.db'\n"


def is_of_target(code: str, others: tuple[str, ...] = ("notes.db",)) -> bool:
    """Return whether only the target executes the statement of some code."""
    return READ in statements_of_target("a.py", HEAD + code.replace("READ", repr(READ)), "data/main.db", others)


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    return sqlite3.connect(MAIN).execute(READ)",
        "sqlite3.connect('main.db').cursor().execute(READ, (1,))",
        "def f():\n    con = sqlite3.connect(MAIN)\n    return con.execute(READ)",
        "with closing(sqlite3.connect(MAIN)) as con:\n    con.executemany(READ, rows)",
    ],
)
def test_statement_by_a_connection_to_the_target_is_known(code: str) -> None:
    """Its path is a constant, and the connection stays in the function."""
    assert is_of_target(code)
    assert not is_of_target(code, ("old/main.db",))


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    return sqlite3.connect(NOTES).execute(READ)",
        "def f(path=MAIN):\n    return sqlite3.connect(path).execute(READ)",
        "def f(MAIN):\n    return sqlite3.connect(MAIN).execute(READ)",
        "def f():\n    global MAIN\n    MAIN = g()\nsqlite3.connect(MAIN).execute(READ)",
        "sqlite3.connect(self.main).execute(READ)\nself.main = 'main.db'",
        "sqlite3.connect(HERE / name).execute(READ)",
        "def f():\n    con = sqlite3.connect(MAIN)\n    con.execute('ATTACH ? AS n', (NOTES,))\n    con.execute(READ)",
        "def f():\n    con = sqlite3.connect(MAIN)\n    attach(con)\n    con.execute(READ)",
        "def f():\n    con = sqlite3.connect(MAIN)\n    con = g()\n    con.execute(READ)",
        "def f(con):\n    con = con or sqlite3.connect(MAIN)\n    con.execute(READ)",
        "con = sqlite3.connect(MAIN)\ndef f():\n    con.execute(READ)",
        "sqlite3.connect(MAIN).execute(READ)\nother().execute(READ)",
        "Q = READ\nsqlite3.connect(MAIN).execute(Q)",
        "def (",
    ],
)
def test_statement_that_may_reach_another_database_is_not(code: str) -> None:
    """The path, the connection or the text can lead elsewhere."""
    assert not is_of_target(code)


def test_code_of_the_target_needs_no_new_name(tmp_path: Path) -> None:
    """The planned references let the other statement open the target as well."""
    text = HEAD.replace("HERE / ", "") + f"sqlite3.connect(MAIN).execute({READ!r})\n"
    text += f"sqlite3.connect(NOTES).execute({READ.replace('a ', 'b ')!r})\n"
    write(tmp_path, "a.py", text)
    scope = ScanScope(tmp_path, ["."], ["notes.db"], "main.db")
    after = {"a.py": text.replace("'notes.db'", "'main.db'").encode()}

    for planned in ({}, after):
        places = find_old_table_names(
            scope, {"a.py": ["main.db", "notes.db"]}, {"notes.db": {"tag": "notes_tag"}}, planned
        )

        assert [(place.line, place.table) for place in places] == [(5, "tag")]
