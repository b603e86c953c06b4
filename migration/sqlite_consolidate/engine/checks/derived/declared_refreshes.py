"""Check the columns that the plan wants to have set again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.merge.derived.refresh import Refresh
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import join_names, toml_string

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.sqlite.schema.derivations import DerivationReader
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.plan.parts.derived import Refresh as Entry
else:
    from sqlite_consolidate.sqlite_library import sqlite3

CRITERION = "derived-declared"

_CHANGING = {"changes", "last_insert_rowid", "load_extension", "random", "randomblob", "total_changes"}
_CHANGING |= {"current_date", "current_time", "current_timestamp"}
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)
_NOW = re.compile(r"'now'", re.IGNORECASE)
_READS = (sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE)


def plan_refreshes(reader: DerivationReader, entries: Sequence[Entry]) -> tuple[list[Refresh], list[Problem]]:
    """Return each refresh that can be performed, and a problem for each other entry.

    Args:
        reader: Reads the schema that the target will have.
        entries: Each [[refresh]] of the plan.
    """
    refreshes, problems = [], []
    for entry in entries:
        table = reader.schema.table(entry.table)
        fact, hint = _unfit(entry, table)
        if table is not None and not fact:
            columns = tuple(column.name for name in entry.columns if (column := table.column(name)))
            refresh = Refresh(table, columns, entry.set_, entry.where.strip(), entry.reason)
            fact, hint = _Statement(refresh).refusal(reader), "Correct columns, set or where."
        if table is None or fact:
            problems.append(Problem("bad-refresh", f"[[refresh]] {entry.table}", fact, hint, criterion=CRITERION))
        else:
            refreshes.append(refresh)
    return refreshes, problems


def refresh_lines(table: str, columns: Sequence[str], triggers: Sequence[str]) -> str:
    """Return the lines of a plan that set columns again, with a gap for each query."""
    keys = {
        "table": toml_string(table),
        "columns": f"[{', '.join(map(toml_string, columns))}]",
        "set": toml_string(", ".join(f"{_in_sql(column)} = (SELECT ...)" for column in columns)),
        "reason": toml_string(f"kept by {'trigger' if len(triggers) == 1 else 'triggers'} {join_names(triggers)}"),
    }
    return "\n".join(["[[refresh]]", *(f"{key} = {value}" for key, value in keys.items())])


def _in_sql(name: str) -> str:
    """Return a name as a person writes it in SQL."""
    return name if _PLAIN.fullmatch(name) else quoted(name)


def _unfit(entry: Entry, table: Table | None) -> tuple[str, str]:
    """Return why the columns of a table cannot be set as the plan states it, and what to do."""
    if table is None or history.is_reserved(table.name):
        return "the target will have no such table.", "Correct the name, or remove the [[refresh]]."
    if table.kind != "table":
        return "is no ordinary table.", "Name a table with rows of its own, or use [[rebuild]] for a search index."
    columns = {name: table.column(name) for name in entry.columns}
    if missing := [name for name, column in columns.items() if column is None]:
        return f"the target will have no column {join_names(missing)} in it.", "Correct columns."
    computed = [name for name, column in columns.items() if column and column.generated]
    keys = [name for name, column in columns.items() if column and column.key]
    if computed:
        return f"SQLite computes {join_names(computed)} itself.", "Leave it out of columns and set."
    if keys:
        return f"{join_names(keys)} belongs to the primary key, which identifies the row.", "Leave it out of columns."
    return "", ""


@dataclass
class _Statement:
    """Record what the UPDATE of a refresh reads, sets and calls."""

    refresh: Refresh
    reason: str = ""
    _columns: set[str] = field(default_factory=set)

    def refusal(self, reader: DerivationReader) -> str:
        """Return why the UPDATE cannot be the one of the plan, or an empty text.

        It is compiled on an empty copy without the triggers of the table, which do not fire.
        """
        triggers = [each for each in reader.schema.triggers if folded(each.table) == folded(self.refresh.name)]
        reader.con.execute("SAVEPOINT refresh")
        try:
            for trigger in triggers:
                reader.con.execute(f"DROP TRIGGER IF EXISTS {quoted(trigger.name)}")
            reader.con.set_authorizer(self._judge)
            reader.con.execute(f"EXPLAIN {self.refresh.statement()}").close()
            if self.refresh.where:  # one whole expression needs no parentheses around it
                query = f"SELECT 1 FROM main.{quoted(self.refresh.name)} WHERE {self.refresh.where}"
                reader.con.execute(f"EXPLAIN {query}").close()
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            return self.reason or f"SQLite refuses the UPDATE: {error}."
        finally:
            reader.con.set_authorizer(None)
            reader.con.execute("ROLLBACK TO refresh")
            reader.con.execute("RELEASE refresh")
        if not self.reason and _NOW.search(f"{self.refresh.assignments} {self.refresh.where}"):
            return "it reads a clock ('now'), which gives another value each time."
        unset = [name for name in self.refresh.columns if folded(name) not in self._columns]
        return self.reason or (f"set has no value for {join_names(unset)}." if unset else "")

    def _judge(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        name, reason = second or "", ""
        if action == sqlite3.SQLITE_UPDATE:
            self._columns.add(folded(name))
            if folded(first or "") != folded(self.refresh.name) or folded(name) not in map(
                folded, self.refresh.columns
            ):
                reason = f"it sets {name} of {first}, which columns does not name."
        elif action == sqlite3.SQLITE_FUNCTION:
            if folded(name) in _CHANGING:
                reason = f"it calls {folded(name)}(), which gives another value each time."
        elif action == sqlite3.SQLITE_READ and folded(first or "").startswith("pragma_"):
            reason = f"it reads {first}, which is no table of the target."
        elif action not in _READS:
            reason = "it does more than read the target and set columns."
        self.reason = self.reason or reason
        return sqlite3.SQLITE_OK
