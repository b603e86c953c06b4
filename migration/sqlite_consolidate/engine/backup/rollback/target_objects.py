"""Find the objects of a target that differ from those that a run has committed.

Tables, indexes, views and triggers are compared by their statements. AUTOINCREMENT marks and the versions in the header
are compared by their values. The ledger of a run has the committed objects. Ledgers of earlier releases do not.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.schema.statements import schema_statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from sqlite_consolidate.engine.backup.ledger import Ledger

_MARK = "AUTOINCREMENT mark of"
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_VERSIONS = ("user_version", "application_id")


def objects_of(con: sqlite3.Connection) -> dict[str, str]:
    """Return each object of a database, such as ``view paid``, to its digest or value."""
    schema = read_schema(con)
    statements = {
        f"{statement.kind} {statement.name}": hashlib.sha256(statement.sql.encode("utf-8", "surrogatepass")).hexdigest()
        for statement in schema_statements(schema)
    }
    values = {f"{_MARK} {table}": str(mark) for table, mark in read_autoincrement_marks(con).items()}
    return statements | values | {name: str(schema.header[name]) for name in _VERSIONS}


def committed_objects(ledger: Ledger) -> dict[str, str]:
    """Return the objects that a run committed, or none if its ledger lacks them."""
    events = ledger.all("committing")
    return dict(events[-1].get("objects", {})) if events else {}


def _mark(value: str | None) -> int:
    return int(value) if value and _NUMBER.fullmatch(value) else 0


def object_changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return each object that differs, to a text about the change.

    A change that the rows of a table explain is omitted. A table that was created or dropped has other rows, and a
    higher AUTOINCREMENT mark had new rows.

    Args:
        before: Objects that a run committed. If they are unknown, it is empty and nothing differs.
        now: Objects that the target has now.
    """
    changes = {}
    for name in sorted(before.keys() | now.keys()) if before else ():
        was, value = before.get(name), now.get(name)
        if was == value or (name.startswith("table ") and None in (was, value)):
            continue
        if name.startswith(_MARK):
            if was is not None and _mark(value) < _mark(was):
                changes[name] = f"was {was} at the migration and is {value or 'gone'} now"
        elif was is None:
            changes[name] = "was created since the migration"
        else:
            changes[name] = "was dropped since the migration" if value is None else "was changed since the migration"
    return changes
