"""Create small databases, inspect them, and copy them inside one transaction."""

from __future__ import annotations

import struct
from collections import Counter
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.snapshot import snapshot
from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.merge.source_ddl import planned_statements
from sqlite_consolidate.engine.merge.target_schema import TargetSchemaBuilder
from sqlite_consolidate.engine.merge.transaction import TargetTransaction
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.plan.model import Leave, Plan, RequiredTable, Source, TableMap

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from contextlib import ExitStack
    from pathlib import Path

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.merge.copy_rows import CopiedTable
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.target_schema import TargetSchema
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema
    from sqlite_consolidate.observation import Observation
else:
    from sqlite_utils.utils import sqlite3

TARGET = "target.db"


def table(name: str, **keys: Any) -> TableMap:
    """Return a [[source.table]]."""
    return TableMap(name=name, **keys)


def source(file: str, *tables: str | TableMap, leave: dict[str, str] | None = None, **keys: Any) -> Source:
    """Return a [[source]] that moves ``tables``, with further keys.

    ``leave`` has patterns of tables to leave, with reasons.
    """
    maps = [table(name) if isinstance(name, str) else name for name in tables]
    left = [Leave(tables=(pattern,), reason=reason) for pattern, reason in (leave or {}).items()]
    return Source(name=file.removesuffix(".db"), file=file, tables=maps, leave=left, **keys)


def whole_source(file: str, *tables: str | TableMap, leave: dict[str, str] | None = None, **keys: Any) -> Source:
    """Return a [[source]] that moves all of its tables, and lists some of them."""
    return source(file, *tables, leave=leave, **keys).model_copy(update={"all_tables": "*"})


@dataclass
class Copied:
    """Hold the result of a copy whose transaction is still open.

    Attributes:
        con: Connection to the target.
        inspected: The result of the preflight.
        digests_before: Digests of the rows that receiving tables had before.
        copied_tables: The copied tables.
        sql: The statements of ``sql.log``.
        target_before: Copy of the target from before. None if there was none.
        transaction: The open transaction.
        key_map: Database of the keys of matched rows, or None.
    """

    con: sqlite3.Connection
    plan: Plan
    inspected: InspectedDatabases
    digests_before: dict[str, TableDigest] = field(default_factory=dict)
    copied_tables: list[CopiedTable] = field(default_factory=list)
    sql: list[str] = field(default_factory=list)
    target_before: Path | None = None
    transaction: TargetTransaction | None = None
    key_map: Path | None = None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the target."""
        return self.con.execute(query).fetchall()

    @property
    def schema(self) -> Schema:
        """Return the schema of the target as it is now."""
        return read_schema(self.con)

    @property
    def compared(self) -> TargetComparison:
        """Return the comparison of the target with what it has to be."""
        return TargetComparison(
            schema=self.schema,
            inspected=self.inspected,
            con=self.con,
            digests_before=self.digests_before,
            copied=self.copied_tables,
            target_before=self.target_before,
            refreshed=self.transaction.refreshed_tables if self.transaction else {},
            undone=self.transaction.undone if self.transaction else nullcontext,
            key_map=self.key_map,
        )


@dataclass
class Bench:
    """Hold a folder of databases, in which ``target.db`` is the target."""

    root: Path
    resources: ExitStack

    def database(self, file: str, *statements: str, rows: tuple[str, list[tuple[Any, ...]]] | None = None) -> Path:
        """Create a database with statements, and insert ``rows``."""
        path = self.root / file
        with closing(sqlite3.connect(path, isolation_level=None)) as con:
            con.execute("PRAGMA synchronous=OFF")
            for statement in statements:
                con.execute(statement)
            if rows:
                con.executemany(*rows)
        return path

    def execute(self, file: str, *statements: str) -> None:
        """Execute statements in a database."""
        self.database(file, *statements)

    def schema(self, file: str) -> Schema:
        """Return the schema of a database."""
        with closing(open_readonly(self.root / file)) as con:
            return read_schema(con)

    def plan(self, *sources: Source, required: dict[str, str] | None = None, **keys: Any) -> Plan:
        """Return a plan of these sources, and of [[table]]s by name and create text."""
        tables = [RequiredTable(name=name, create=create) for name, create in (required or {}).items()]
        return Plan(format=1, name="bench", target=TARGET, sources=list(sources), tables=tables, **keys)

    def target_schema(self, *sources: Source, **keys: Any) -> TargetSchema:
        """Plan the schema of the target, as the preflight does."""
        plan = self.plan(*sources, **keys)
        target = self.schema(TARGET) if (self.root / TARGET).exists() else None
        builder = TargetSchemaBuilder(plan, target)
        for source in plan.in_order:
            schema = self.schema(source.file)
            for table_map in source.tables:
                builder.add_table(source, table_map, planned_statements(table_map, schema, source.tables), schema)
        for required in plan.tables:
            builder.require_table(required.name, required.create)
        for source in plan.in_order:
            builder.add_views(source, self.schema(source.file))
        return builder.build()

    def survey(self, *sources: Source, **keys: Any) -> InspectedDatabases:
        """Inspect every database. The locks of an earlier inspection are released first."""
        return self.survey_of(self.plan(*sources, **keys))

    def survey_of(self, plan: Plan) -> InspectedDatabases:
        """Inspect every database of a plan. The locks of an earlier inspection are released first."""
        self.resources.close()
        return inspect_databases(plan, self.root, self.resources)

    def problems(self, *sources: Source, **keys: Any) -> list[str]:
        """Return each problem with its criterion and subject."""
        return [f"{problem.criterion}: {problem}" for problem in self.survey(*sources, **keys).problems]

    def copied(self, *sources: Source, **keys: Any) -> Copied:
        """Consolidate inside a transaction that is not committed. There must be no problem."""
        before = self._copy_of_target(*sources)
        plan, preflight = self.plan(*sources, **keys), self.survey(*sources, **keys)
        assert preflight.problems == []
        target = TargetTransaction.begin(
            self.root / TARGET,
            preflight,
            self.root,
            Ledger(self.root),
            lambda _words: None,
            (statements := list[str]()).append,
        )
        self.resources.callback(target.close)
        target.create_schema()
        for name in dict.fromkeys(mapping.source.name for mapping in preflight.mappings):
            target.copy_source(preflight.sources[name], preflight.path_of_source(name))
        target.derive_again()
        target.create_triggers()
        target.write_key_map()
        return Copied(
            target.connection,
            plan,
            preflight,
            target.digests_before,
            target.copied_tables,
            statements,
            before,
            target,
            target.key_map,
        )

    def _copy_of_target(self, *sources: Source) -> Path | None:
        """Copy the target for a plan that renumbers keys, as the backup of a run would."""
        is_renumbered = any(
            "renumber" in (source.keys_, *(t.keys_ for t in source.tables))
            or any(t.renumber or t.match for t in source.tables)
            for source in sources
        )
        if not is_renumbered or not (self.root / TARGET).exists():
            return None
        snapshot(self.root / TARGET, self.root / "before.db")
        return self.root / "before.db"


def failed_subjects(observations: Iterable[Observation]) -> list[str]:
    """Return the subjects of the observations that failed.

    Every observation must have been examined.
    """
    observations = list(observations)
    assert {type(observation.holds) for observation in observations} == {bool}
    return [observation.subject for observation in observations if not observation.holds]


def content(con: sqlite3.Connection, name: str, columns: list[str], rowid: str = "") -> Counter[tuple[Any, ...]]:
    """Count the rows of a table as storage classes and bytes.

    It shares no code with the engine.
    """
    types = ", ".join(f'typeof("{column}")' for column in columns)
    values = ", ".join(f'"{column}"' for column in [*([rowid] if rowid else []), *columns])
    before, con.text_factory = con.text_factory, bytes
    try:
        rows = con.execute(f"SELECT {types}, {values} FROM {name} NOT INDEXED").fetchall()
    finally:
        con.text_factory = before
    return Counter(tuple(struct.pack("<d", v) if isinstance(v, float) else v for v in row) for row in rows)
