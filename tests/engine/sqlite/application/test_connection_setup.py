"""Specify how the application adds collations and functions to every connection."""

from __future__ import annotations

import textwrap
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlite_utils import hookimpl
from sqlite_utils.plugins import pm

from sqlite_consolidate.engine.content.worker import ReadWorker
from sqlite_consolidate.engine.sqlite.application.connection_setup import (
    ConnectionSetup,
    ConnectionSetups,
    connections_of,
    current_setup,
)
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_memory, open_new, open_readonly, pragma
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
else:
    from sqlite_utils.utils import sqlite3

CODE = """
    from rules import key

    def register(db):
        db.create_collation("unicase", lambda a, b: (key(a) > key(b)) - (key(a) < key(b)))
        db.create_function("twice", 1, lambda value: value * 2, deterministic=True)
"""
TABLE = "CREATE TABLE t(name TEXT COLLATE unicase UNIQUE, n CHECK(twice(n) > 0))"


def written(root: Path, code: str = CODE) -> Path:
    """Write a file with a function, and a module from which it imports."""
    (root / "src").mkdir(exist_ok=True)
    (root / "src" / "rules.py").write_text("def key(text):\n    return text.casefold()\n")
    (root / "setup.py").write_text(textwrap.dedent(code))
    return root


@contextmanager
def prepared(root: Path, code: str = CODE) -> Iterator[None]:
    """Prepare each connection by the function of a file."""
    with connections_of(ConnectionSetups(ConnectionSetup.load(written(root, code), "setup.py:register", ("src",)))):
        yield


def test_each_kind_of_connection_is_prepared(tmp_path: Path) -> None:
    """A connection that is opened afterwards is not."""
    path = tmp_path / "a.db"
    with prepared(tmp_path):
        with closing(open_new(path)) as con:
            con.execute(TABLE)
            con.execute("INSERT INTO t VALUES('Ä', 1)")
        for opened in (open_readonly(path), open_existing(path), open_memory()):
            with closing(opened):
                assert opened.execute("SELECT twice(2), 'Ä' = 'ä' COLLATE unicase").fetchone() == (4, 1)
        with closing(open_existing(path)) as con, pytest.raises(sqlite3.IntegrityError):
            con.execute("INSERT INTO t VALUES('ä', 2)")
    with closing(open_memory()) as con, pytest.raises(sqlite3.OperationalError):
        con.execute("SELECT twice(2)")


def test_plugins_of_sqlite_utils_can_prepare_connections(tmp_path: Path) -> None:
    """The file is that of the documentation. A plugin calls what a connection has."""
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "sqlite-utils.md").read_text("utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]

    class Plugin:
        @hookimpl
        def prepare_connection(self, conn: sqlite3.Connection) -> None:
            conn.enable_load_extension(True)  # noqa: FBT003 -- SQLite's own name for it
            conn.create_function("twice", 1, lambda value: value * 2)
            conn.enable_load_extension(False)  # noqa: FBT003

    name = pm.register(Plugin())
    try:
        with prepared(tmp_path, code), closing(open_memory()) as con:
            assert con.execute("SELECT twice(2)").fetchone() == (4,)
    finally:
        pm.unregister(name=name)


def test_second_process_is_prepared(tmp_path: Path) -> None:
    """SQLite's integrity_check needs the collation of an index."""
    path = tmp_path / "a.db"
    with prepared(tmp_path):
        with closing(open_new(path)) as con:
            con.execute(TABLE)
            con.execute("INSERT INTO t VALUES('Ä', 1)")
        with ReadWorker("integrity", path) as worker:
            assert worker.result() == []


def test_output_of_the_code_is_no_answer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What it prints in the second process goes to the standard error."""
    code = """
        import os, sys

        def register(db):
            if "worker_main" in sys.argv[0]:
                print("printed")
                os.write(1, b"written")
    """
    open_new(tmp_path / "a.db").close()
    with prepared(tmp_path, code), ReadWorker("integrity", tmp_path / "a.db") as worker:
        assert worker.result() == []

    output = capfd.readouterr()
    assert output.out == ""
    assert all(text in output.err for text in ("printed", "written"))


def test_code_may_fail_in_the_second_process_only(tmp_path: Path) -> None:
    """The problem is that of the code, not of the process."""
    code = """
        import sys

        def register(db):
            if "worker_main" in sys.argv[0]:
                raise KeyError("x")
    """
    open_new(tmp_path / "a.db").close()
    with prepared(tmp_path, code), ReadWorker("integrity", tmp_path / "a.db") as worker:
        with pytest.raises(ProblemError) as caught:
            worker.result()

    (problem,) = caught.value.problems
    assert (problem.id, problem.subject, problem.criterion) == ("bad-setup", "setup.py", "sources-readable")


def test_settings_of_a_connection_come_last(tmp_path: Path) -> None:
    """The function gets no connection, so it cannot change them."""
    code = """
        def register(db):
            assert not hasattr(db, "execute") and not hasattr(db, "row_factory")
    """
    with prepared(tmp_path, code), closing(open_memory()) as con:
        assert (pragma(con, "cell_size_check"), con.text_factory, con.row_factory) == (1, str, None)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("def other(db): pass", id="no-function"),
        pytest.param("register = 7", id="not-callable"),
        pytest.param("def register(db: pass", id="syntax"),
        pytest.param("import missing_module", id="import"),
        pytest.param("def register(db): raise KeyError('x')", id="error"),
        pytest.param("def register(db): raise SystemExit(3)", id="exit"),
        pytest.param("def register(db): db.execute('SELECT 1')", id="statement"),
        pytest.param("import sqlite3\ndef register(db): sqlite3.connect(':memory:').close()", id="opens"),
        pytest.param("from sqlite3 import connect\ndef register(db): connect(':memory:')", id="opens-by-name"),
        pytest.param(
            "import sqlite3\ndef register(db):\n  try: sqlite3.connect(':memory:')\n  except Exception: pass",
            id="opens-unseen",
        ),
    ],
)
def test_code_that_fails_is_a_problem(tmp_path: Path, code: str) -> None:
    """It has an id and names the file."""
    with pytest.raises(ProblemError) as caught:
        ConnectionSetup.load(written(tmp_path, code), "setup.py:register")

    (problem,) = caught.value.problems
    assert (problem.id, problem.subject, problem.criterion) == ("bad-setup", "setup.py", "sources-readable")


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    """The path of this machine is not in the sentence."""
    with pytest.raises(ProblemError) as caught:
        ConnectionSetup.load(tmp_path, "setup.py:register")

    assert caught.value.ids == ("bad-setup",)
    assert str(tmp_path) not in str(caught.value)


def test_setup_of_an_inner_run_ends_with_it(tmp_path: Path) -> None:
    """The connections of the outer run are prepared as before."""
    with prepared(tmp_path):
        outer = current_setup()
        with connections_of(ConnectionSetups()):
            assert current_setup() is None
        assert current_setup() is outer
    assert current_setup() is None


def test_module_of_a_copy_is_not_kept(tmp_path: Path) -> None:
    """A later run in this process loads the file of the workspace again."""
    (tmp_path / "copy").mkdir()
    with prepared(tmp_path / "copy"):
        pass
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "rules.py").write_text("def key(text):\n    return ''\n")
    (tmp_path / "setup.py").write_text(textwrap.dedent(CODE))
    setups = ConnectionSetups(ConnectionSetup.load(tmp_path, "setup.py:register", ("src",)))

    with connections_of(setups), closing(open_memory()) as con:
        assert con.execute("SELECT 'a' = 'b' COLLATE unicase").fetchone() == (1,)
