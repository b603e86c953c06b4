"""Find the tables that a trigger or a view reads and writes by SQLite's compiler."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sqlite_consolidate.engine.sqlite.application.stand_ins import MOST_STAND_INS, define_stand_in
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.text import list_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
else:
    from sqlite_consolidate.sqlite_library import sqlite3

Result = TypeVar("Result")

_ACTIONS = {
    sqlite3.SQLITE_READ: "READ",
    sqlite3.SQLITE_INSERT: "INSERT",
    sqlite3.SQLITE_UPDATE: "UPDATE",
    sqlite3.SQLITE_DELETE: "DELETE",
}
# Errors that do not concern the schema. The application defines these functions, or the view has no such trigger.
_OTHER_ERRORS = re.compile(r"no such (function|collation|module)|unsafe use of|cannot modify|wrong number of arguments")
_UNWRITABLE = re.compile(r"cannot modify (?P<name>.+) because it is a view", re.DOTALL)
_MISSING = re.compile(r"no such table: (?:main\.)?(?P<name>.+)", re.DOTALL)


class Access(NamedTuple):
    """Hold one access of a statement to a table.

    Attributes:
        action: ``READ``, ``INSERT``, ``UPDATE`` or ``DELETE``.
        table: Name of the table or view.
        inside: Name of the trigger or view that contains it, or None.
        column: Column that is read or updated. ``ROWID`` for the implicit rowid. Empty for other actions.
    """

    action: str
    table: str
    inside: str | None
    column: str = ""


@dataclass(frozen=True)
class Dependencies:
    """Hold the tables that a trigger or a view needs.

    Attributes:
        tables: Folded names of the tables of the database that it reads or writes, without shadow tables.
        broken: Error of SQLite that prevents its use in this database. Empty without an error.
        own_tables: Names of the tables of SQLite's own that it reads or writes, such as ``sqlite_sequence``.
        appended: Those of the tables that receive new rows only, such as a log.
    """

    tables: frozenset[str]
    broken: str
    own_tables: frozenset[str] = frozenset()
    appended: frozenset[str] = frozenset()

    @property
    def whole_file(self) -> str:
        """Return why it would mean something else in another database, or an empty text."""
        own_tables = {*self.own_tables, *({self.missing} if is_own_table(self.missing) else ())}
        return f"it uses {list_names(sorted(own_tables))}, which SQLite keeps for the whole file" if own_tables else ""

    @property
    def missing(self) -> str:
        """Return the name of the missing table that it needs.

        It is empty when there is no such error.
        """
        match = _MISSING.match(self.broken)
        return match["name"] if match else ""


def is_own_table(name: str) -> bool:
    """Return whether SQLite alone makes tables of such a name."""
    return folded(name).startswith("sqlite_")


def view_dependencies(con: sqlite3.Connection, name: str) -> Dependencies:
    """Return the dependencies of a view of ``con``."""
    limits_of(con).deadline.start_step(f"view {name}")
    accesses, error = _compile(con, [reading_statement(name)], lambda _: True)
    names = _names(accesses)
    return Dependencies(_tables(con, names), error, frozenset(filter(is_own_table, names)))


def trigger_dependencies(con: sqlite3.Connection, name: str, table: str) -> Dependencies:
    """Return the dependencies of a trigger on ``table``, a table or a view of ``con``."""
    limits_of(con).deadline.start_step(f"trigger {name}")
    changes = firing_statements(con, table)
    accesses, error = _compile(con, changes, lambda inside: inside is not None and folded(inside) == folded(name))
    names = _names(accesses)
    broken, own_tables = "" if _OTHER_ERRORS.match(error) else error, frozenset(filter(is_own_table, names))
    views = _views_of(con, name, changes) - {folded(table)}
    viewed = frozenset().union(*(view_dependencies(con, view).tables for view in views))
    tables = _tables(con, names | viewed) - {folded(table)}
    return Dependencies(tables, broken, own_tables, (tables & appended_tables(accesses)) - viewed)


def appended_tables(accesses: Iterable[Access]) -> set[str]:
    """Return the folded names of the tables that receive new rows only."""
    accesses = list(accesses)
    appended = _names(access for access in accesses if access.action == "INSERT")
    return appended - _names(access for access in accesses if access.action != "INSERT")


def unwritable_view(con: sqlite3.Connection, table: str) -> str:
    """Return the name of a view that a trigger changes and that no trigger lets change.

    It is empty without such a view.
    """
    _, errors = compile_accesses(con, firing_statements(con, table))
    names = (match["name"] for error in errors if (match := _UNWRITABLE.match(error)))
    return next((name for name in names if folded(name) != folded(table)), "")


def is_view(con: sqlite3.Connection, name: str) -> bool:
    """Return whether a database has a view of this name."""
    return folded(name) in _views(con)


def has_object(con: sqlite3.Connection, name: str) -> bool:
    """Return whether a database has a table, a view or an index of this name."""
    query = "SELECT 1 FROM sqlite_schema WHERE type <> 'trigger' AND name = ? COLLATE NOCASE"
    return con.execute(query, (name,)).fetchone() is not None


def concerns_schema(error: str) -> bool:
    """Return whether an error of the compiler is about the schema.

    Other errors are about what the application defines, or about a view without such a trigger.
    """
    return bool(error) and not _OTHER_ERRORS.match(error)


def reading_statement(view: str) -> str:
    """Return a statement that reads every column of a view."""
    return f"SELECT * FROM {quoted(view)}"


def firing_statements(con: sqlite3.Connection, table: str) -> list[str]:
    """Return statements that together fire every trigger of a table or a view."""
    columns = con.execute(f"PRAGMA main.table_xinfo({quoted(table)})").fetchall()
    same = ", ".join(f"{quoted(column)} = {quoted(column)}" for _, column, *_, hidden in columns if hidden == 0)
    changes = [f"INSERT INTO {quoted(table)} DEFAULT VALUES", f"DELETE FROM {quoted(table)}"]
    return changes + ([f"UPDATE {quoted(table)} SET {same}"] if same else [])


def _compile(
    con: sqlite3.Connection, statements: list[str], counts: Callable[[str | None], bool]
) -> tuple[list[Access], str]:
    """Compile statements and collect the accesses for which SQLite asks the authorizer.

    Args:
        con: The connection.
        statements: Statements that are only compiled, never run.
        counts: Returns whether an access counts, by the trigger or view that contains it.

    Returns:
        The accesses, and the first error that describes the schema.
    """
    accesses, errors = compile_accesses(con, statements)
    counting = [access for access in accesses if counts(access.inside)]
    return counting, next((error for error in errors if not _OTHER_ERRORS.match(error)), errors[0] if errors else "")


def _names(accesses: Iterable[Access]) -> set[str]:
    return {folded(access.table) for access in accesses}


def compile_accesses(con: sqlite3.Connection, statements: list[str]) -> tuple[list[Access], list[str]]:
    """Compile statements without running them, and return their accesses and errors.

    A database in memory gets stand-ins for the functions and collations that only the application defines.
    """

    def compile_all() -> list[str]:
        return [error for error in (_error(con, statement) for statement in statements) if error]

    for _ in range(MOST_STAND_INS):
        accesses, errors = record_accesses(con, compile_all)
        defined = [error for error in errors if define_stand_in(con, error)]
        if not defined:
            return accesses, errors
    return record_accesses(con, compile_all)


def record_accesses(con: sqlite3.Connection, act: Callable[[], Result]) -> tuple[list[Access], Result]:
    """Return the accesses that SQLite authorizes while ``act`` runs, and its result."""
    accesses: list[Access] = []

    def record_access(action: int, table: str | None, column: str | None, _: str | None, inside: str | None) -> int:
        if action in _ACTIONS and table:
            accesses.append(Access(_ACTIONS[action], table, inside, column or ""))
        return sqlite3.SQLITE_OK

    con.set_authorizer(record_access)
    try:
        result = act()
    finally:
        con.set_authorizer(None)
    return accesses, result


def _error(con: sqlite3.Connection, statement: str) -> str:
    try:
        con.execute(f"EXPLAIN {statement}").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return ""


def _views_of(con: sqlite3.Connection, name: str, changes: list[str]) -> set[str]:
    """Return the folded names of the views that a trigger uses."""
    (sql,) = con.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?", (name,)).fetchone()
    views = _views(con) & set(words_of(sql))
    return views & mentioned_names(name, sql, compile_accesses(con, changes)[0]) if views else set()


def mentioned_names(name: str, sql: str, accesses: list[Access]) -> set[str]:
    """Return the folded names of the tables and views that a trigger itself mentions.

    SQLite may name no access to a view of which no column is needed, but each one inside of it.

    Args:
        name: Name of the trigger.
        sql: Its statement.
        accesses: Accesses of statements that fire it.
    """
    within = [access for access in accesses if access.inside is not None]
    direct = {folded(access.table) for access in within if folded(access.inside or "") == folded(name)}
    return direct | {folded(access.inside or "") for access in within} & set(words_of(sql))


def _views(con: sqlite3.Connection) -> set[str]:
    """Return the folded names of the views."""
    return {folded(name) for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall()}


def _tables(con: sqlite3.Connection, names: set[str]) -> frozenset[str]:
    """Return the names that are tables.

    The compiler also names the view itself and functions such as json_each that are read like tables.
    """
    kinds = {name: _kind(con, name) for name in names if not is_own_table(name)}
    return frozenset(name for name, kind in kinds.items() if kind in ("table", "virtual"))


def _kind(con: sqlite3.Connection, name: str) -> str:
    """Return the kind of a table or a view, or an empty text without one.

    SQLite looks for the name in memory. A list of thousands of tables for each trigger would take longer.
    """
    row = con.execute(f"PRAGMA main.table_list({quoted(name)})").fetchone()
    return str(row[2]) if row else ""
