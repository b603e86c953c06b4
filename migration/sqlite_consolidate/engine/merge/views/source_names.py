"""Compare the names in objects of each source with the growing schema of the target."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.views.resolved_names import ResolvedNames
from sqlite_consolidate.engine.sqlite.connections import limits_of, open_memory
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, read_schema
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlite_consolidate.engine.sqlite.connections import Connection
    from sqlite_consolidate.engine.sqlite.schema.statements import Statement
    from sqlite_consolidate.plan.model import Source


class SourceNames:
    """Compare the objects of each source with the target, whose schema grows meanwhile."""

    def __init__(self, con: Connection, written: Collection[str]) -> None:
        """Begin with the target's schema in memory.

        Args:
            con: Database in memory with the schema of the target.
            written: Folded names of the tables with a ``create`` text, whose objects are meant for the target as it is.
        """
        self._con, self._written = con, written
        self._renamed: dict[str, Mapping[str, str]] = {}
        self._opened: list[ResolvedNames] = []
        self._finished: dict[str, ResolvedNames] = {}

    def of_views(self, source: Source, schema: Schema, renamed: Mapping[str, str]) -> ResolvedNames:
        """Return the comparison for the views of a source.

        Args:
            source: As the plan has it.
            schema: Its schema.
            renamed: Its views that have other names in the target, to which others are added later.
        """
        self._renamed[source.name] = renamed
        return self._open(source, schema)

    def of_object(
        self, source: Source | None, schema: Schema | None, statement: Statement, subject: str
    ) -> tuple[bool, list[Finding]]:
        """Return whether an index or a trigger has to stay, and the findings about it.

        Args:
            source: As the plan has it, or None for a table of the plan.
            schema: Its schema.
            statement: The object as the target would have it, under the name that it has in the source.
            subject: Subject of the finding.
        """
        if source is None or schema is None or folded(statement.table) in self._written:
            return False, []
        is_index = statement.kind == "index"
        compare = self._of_index if is_index else self._of_trigger
        reason, difference = compare(source, schema, statement)
        label = f"{statement.kind} {statement.name} of {statement.table}"
        if reason:
            text = f"{label} stays in the archive, because {reason}."
            return True, [Finding.of("index-lost" if is_index else "trigger-left", subject, text)]
        return False, [Finding.of("meaning-differs", subject, f"{label} {difference}.")] if difference else []

    def _of_trigger(self, source: Source, schema: Schema, statement: Statement) -> tuple[str, str]:
        """Return why a trigger means something else, and what it compares otherwise.

        All tables and views of the target exist now.
        """
        trigger = next((each for each in schema.triggers if folded(each.name) == folded(statement.name)), None)
        if trigger is None:
            return "", ""
        if source.name not in self._finished:
            self._finished[source.name] = self._open(source, schema)
        return self._finished[source.name].trigger_reason(trigger, statement)

    def _of_index(self, source: Source, schema: Schema, statement: Statement) -> tuple[str, str]:
        """Return why an index with an expression means something else, or empty texts."""
        pair = schema.index(statement.name)
        if pair is None or not (pair[1].partial or any(column is None for column, *_ in pair[1].terms)):
            return "", ""
        table, index = pair
        maps = [each for each in source.tables if folded(each.name) == folded(table.name)]
        alone = source.model_copy(update={"tables": maps}), Schema({table.name: table}, (), ())
        if self._are_alike(*alone):
            return "", ""
        names = ResolvedNames(*alone, self._table(statement.table), limits_of(self._con))
        try:
            return names.index_reason(index.sql, statement), ""
        finally:
            names.close()

    def _table(self, name: str) -> Schema:
        """Return the schema of a database with one table of the target only."""
        query = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE"
        with contextlib.closing(open_memory(limits_of(self._con))) as con:
            for (sql,) in self._con.execute(query, (name,)).fetchall():
                con.execute(sql)
            return read_schema(con)

    def close(self) -> None:
        """Close the databases in memory."""
        for names in self._opened:
            names.close()

    def _open(self, source: Source, schema: Schema) -> ResolvedNames:
        target = Schema({}, (), ()) if self._are_alike(source, schema) else read_schema(self._con)
        names = ResolvedNames(source, schema, target, limits_of(self._con), self._renamed.get(source.name))
        self._opened.append(names)
        return names

    def _are_alike(self, source: Source, schema: Schema) -> bool:
        """Return whether the target declares each table of a source in the same words.

        Nothing can differ then.
        """
        rows = self._con.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
        texts = {folded(name): sql for name, sql in rows}
        tables = [(table_map, schema.table(table_map.name)) for table_map in source.tables]
        return all(
            table is None or (not table_map.columns and texts.get(folded(table_map.into)) == table.sql)
            for table_map, table in tables
        )
