"""Open databases with the settings that this project needs."""

from __future__ import annotations

import contextlib
import itertools
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.application.connection_setup import current_setup, setup_problem
from sqlite_consolidate.engine.sqlite.errors import file_named, in_use_problem
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.engine.sqlite.sidecars import existing_sidecars, remove_created_sidecars
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

else:
    from sqlite_consolidate.sqlite_library import sqlite3


MIN_SQLITE_VERSION = (3, 37)
"""First SQLite with PRAGMA table_list, which lists tables and whether they are STRICT or shadow tables.

See https://sqlite.org/releaselog/3_37_0.html. An older SQLite returns no rows, as if there were no tables.
"""

BUSY_SECONDS = 5.0
"""Time to wait for a lock before the run reports which process holds it."""

_INSTRUCTIONS_PER_CHECK = 20_000  # virtual machine instructions between two checks of the limits, about a millisecond


class Connection(sqlite3.Connection):
    """Check the limits of the run while a statement runs on this connection.

    Attributes:
        is_in_memory: Whether it holds an empty database in memory, in which statements are tried.
        stand_ins: Folded name of each function and collation that was defined for it in place of the application's, to
            its description.
    """

    limits: Limits
    is_in_memory: bool = False
    stand_ins: dict[str, str]


def limits_of(con: sqlite3.Connection) -> Limits:
    """Return the limits of ``con``.

    A connection that was not opened by this module has no limits.
    """
    return con.limits if isinstance(con, Connection) else Limits()


def sqlite_version_text() -> str:
    """Return the version of SQLite and its Python module, such as ``3.53.4 (pysqlite3)``."""
    return f"{sqlite3.sqlite_version} ({sqlite3.__name__})"


def is_sqlite_too_old() -> bool:
    """Return whether the SQLite in use is older than this project needs."""
    return sqlite3.sqlite_version_info < MIN_SQLITE_VERSION


def database_uri(path: Path, mode: str) -> str:
    """Return the URI that opens exactly ``path``, which may have any characters.

    See https://sqlite.org/uri.html.
    """
    return f"{path.absolute().as_uri()}?mode={mode}"


def open_readonly(path: Path, limits: Limits | None = None) -> Connection:
    """Open an existing database on a connection that can never write to it."""
    return _open(path, "ro", limits)


def open_existing(path: Path, limits: Limits | None = None) -> Connection:
    """Open an existing database for writing.

    A missing file is an error and is not created.
    """
    return _open(path, "rw", limits)


def open_unlocked(path: Path, mode: str, limits: Limits | None = None) -> Connection:
    """Open an existing database without any lock of SQLite.

    This process must hold a lock that excludes writers, by other means than SQLite (https://sqlite.org/uri.html).

    Args:
        path: The database.
        mode: ``ro`` or ``rw``.
        limits: Limits of the connection.
    """
    return _open(path, f"{mode}&nolock=1", limits)


def open_unchanging(path: Path, limits: Limits | None = None) -> Connection:
    """Open a database that no process writes to, and read nothing but the file itself.

    SQLite takes no lock and reads no ``-wal`` (https://sqlite.org/uri.html).
    """
    return _open(path, "ro&immutable=1", limits)


def open_new(path: Path, limits: Limits | None = None) -> Connection:
    """Create a database file with mode 0600 and open it.

    An existing file is an error.
    """
    path.touch(mode=0o600, exist_ok=False)
    return _open(path, "rw", limits)


def open_memory(limits: Limits | None = None) -> Connection:
    """Open an empty database in memory."""
    con = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0, factory=Connection)
    con.is_in_memory, con.stand_ins = True, {}
    _harden(con, limits or Limits())
    return con


def attach(con: sqlite3.Connection, path: Path, alias: str) -> None:
    """Attach ``path`` read-only as ``alias``.

    The file name is a bound value and never part of the SQL text.
    """
    con.execute(f"ATTACH ? AS {quoted(alias)}", (database_uri(path, "ro"),))


@contextlib.contextmanager
def attached(con: sqlite3.Connection, path: Path, alias: str) -> Iterator[str]:
    """Attach a source while it is needed, and yield the name under which it is attached.

    SQLite cannot detach a database that the open transaction has read. It then stays attached until the connection is
    closed, and is used again under its name. SQLite does not tell these names apart by case, so a name that is taken
    gets a number.
    """
    databases = con.execute("PRAGMA database_list").fetchall()
    attached_names = [name for _, name, file in databases if file and name != "main" and path.samefile(file)]
    taken = {folded(name) for _, name, _ in databases}
    numbered = (f"{alias} {number}" if number else alias for number in itertools.count())
    used = attached_names[0] if attached_names else next(name for name in numbered if folded(name) not in taken)
    if not attached_names:
        attach(con, path, used)
    try:
        yield used
    finally:
        with contextlib.suppress(sqlite3.OperationalError):
            con.execute(f"DETACH {quoted(used)}")


def pragma(con: sqlite3.Connection, name: str, database: str = "main") -> object:
    """Return the single value of a pragma."""
    row = con.execute(f"PRAGMA {quoted(database)}.{name}").fetchone()
    return row[0] if row else None


def read_text_losslessly(con: sqlite3.Connection) -> None:
    """Read text as str from now on, even where it is not UTF-8.

    Bytes that cannot be decoded become lone surrogates. The mapping is one to one, so two texts are equal exactly when
    their bytes are equal.
    """
    con.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")


def leave_wal_mode(con: sqlite3.Connection, path: Path) -> str:
    """Leave WAL mode and return the journal mode before.

    SQLite refuses to leave WAL mode while another connection has the database open (https://sqlite.org/wal.html). So no
    other process has it open afterwards, and no ``-wal`` remains.

    Raises:
        ProblemError: Another process has the database open.
    """
    before = str(pragma(con, "journal_mode"))
    if before != "wal":
        return before
    try:
        after = str(con.execute("PRAGMA main.journal_mode=DELETE").fetchone()[0])
    except sqlite3.OperationalError as error:
        raise ProblemError(_open_elsewhere_problem(path, str(error))) from error
    if after != "delete":
        raise ProblemError(_open_elsewhere_problem(path, after))
    return before


def _open_elsewhere_problem(path: Path, reason: str) -> Problem:
    return in_use_problem(path.name, f"is open in another process ({reason}). Its rows were not changed.")


def _open(path: Path, mode: str, limits: Limits | None) -> Connection:
    if path.is_fifo():  # SQLite would wait until another process writes to it
        raise sqlite3.OperationalError("unable to open database file: it is a named pipe")
    con = sqlite3.connect(
        database_uri(path, mode),
        uri=True,
        isolation_level=None,
        cached_statements=0,
        timeout=BUSY_SECONDS,
        check_same_thread=True,
        factory=Connection,
    )
    _harden(con, limits or Limits())
    return con


def _harden(con: Connection, limits: Limits) -> None:
    """Prepare a connection, distrust the schema, and let long statements end.

    The settings come after the setup, whose extensions could have changed them.
    See https://sqlite.org/security.html, section 1.2.

    Raises:
        ProblemError: The setup fails, or a setting has no effect after it.
    """
    setup = current_setup()
    settings = {"trusted_schema": 0, "cell_size_check": 1}
    if setup is not None:
        # SQLite would call no function of the application in a CHECK, a generated column or an index.
        settings["trusted_schema"] = 1
        try:
            setup.prepare(con)
        except ProblemError:
            con.close()
            raise
        con.text_factory, con.row_factory, con.isolation_level = str, None, None
    for name, value in settings.items():
        con.execute(f"PRAGMA {name}={value}")
    con.execute("PRAGMA mmap_size=0")
    if setup is not None and any(pragma(con, name) != value for name, value in settings.items()):
        con.close()
        raise setup_problem(setup.file, "leaves a connection on which PRAGMA has no effect")
    con.limits = limits
    con.set_progress_handler(limits.must_stop, _INSTRUCTIONS_PER_CHECK)


@contextlib.contextmanager
def open_for_inspection(path: Path, limits: Limits | None = None) -> Iterator[Connection]:
    """Lend a read-only connection.

    Afterwards no sidecar file is left that did not exist before.
    """
    sidecars = existing_sidecars(path)
    with file_named(path):
        con = open_readonly(path, limits)
        try:
            yield con
        finally:
            con.close()
            remove_created_sidecars(path, sidecars)


@contextlib.contextmanager
def scratch_database(like: Path, limits: Limits | None = None) -> Iterator[sqlite3.Connection]:
    """Lend an empty database with the text encoding of ``like``.

    SQLite can attach only databases of the same encoding.
    """
    with scratch_folder("trial") as folder:
        con = open_new(folder / "trial.db", limits)
        try:
            con.execute(f"PRAGMA encoding='{encoding_of(like, limits)}'")
            con.execute("PRAGMA synchronous=OFF")  # no process needs this database after a crash
            yield con
        finally:
            con.close()


def encoding_of(path: Path, limits: Limits | None = None) -> str:
    """Return the text encoding of a database, ``UTF-8``, ``UTF-16le`` or ``UTF-16be``."""
    with open_for_inspection(path, limits) as con:
        return str(pragma(con, "encoding"))
