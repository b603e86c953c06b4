"""Reading: digests of the target's tables inside the transaction, each made once for each state of the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migration.engine.connections import pragma
from migration.engine.digest import TableDigest, digest_table

if TYPE_CHECKING:
    import sqlite3

    from migration.engine.schema import Table


@dataclass
class Reading:
    """Digests a table, and not again until a statement of the connection has changed a row or the schema.

    The connection holds the database exclusively, so nobody else can change it; and once the rows are in it takes back
    no part of its transaction, which SQLite would not count as a change.
    """

    _state: tuple[object, ...] = ()
    _known: dict[tuple[str, bool | None], TableDigest] = field(default_factory=dict)

    def __call__(self, con: sqlite3.Connection, table: Table, *, with_rowid: bool | None = None) -> TableDigest:
        """Return what :func:`migration.engine.digest.digest_table` does."""
        state = (id(con), con.total_changes, pragma(con, "schema_version"))
        if state != self._state:
            self._state, self._known = state, {}
        counts = table.counts_rowid if with_rowid is None else with_rowid
        if (table.name, counts) not in self._known:
            self._known[table.name, counts] = digest_table(con, table, with_rowid=counts)
        return self._known[table.name, counts]
