"""Define the plan as frozen models, into which a TOML file of format 1 validates."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from sqlite_consolidate.plan.constants import Constant, fill_in
from sqlite_consolidate.plan.parts.derived import Rebuild, Refresh, Stale
from sqlite_consolidate.plan.parts.programs import Insert, Logs, Reference, Scan, Smoke
from sqlite_consolidate.plan.parts.run import Change, ConnectionPart, Estimates, Rehearsal
from sqlite_consolidate.plan.values import (
    FileInside,
    FolderName,
    KeyName,
    Name,
    Names,
    Part,
    PathInside,
    Patterns,
    Seconds,
    none_of_parts,
)
from sqlite_consolidate.text import fits_name, lower_ascii

if TYPE_CHECKING:
    from collections.abc import Iterable

ConflictPolicy = Literal["refuse", "skip-identical", "prefer-target", "prefer-source", "prefer-newer"]
Keys = Literal["keep", "renumber"]


class Refers(Part):
    """State a reference between tables of a source that its schema does not declare.

    Attributes:
        column: Column of the table, which may be its own key.
        to: The key column that it refers to, as ``table.column``.
        when: SQL condition on the rows that refer to it. Empty for all rows.
    """

    column: Name
    to: KeyName
    when: str = ""


class TableMap(Part):
    """Map one source table to one target table, with columns matched by name.

    Attributes:
        name: Name of the table in the source.
        target_name: TOML key ``into``. If it is empty, the table has the same name as in the source.
        rows: Number of rows that the plan expects in the source, or None.
        on_conflict: What happens to a source row whose key already exists in the target.
        newer: Column of the target that tells which of two rows is newer. ``prefer-newer`` needs it.
        where: SQL condition on the columns of a row. Only the rows for which it holds are moved. It needs a ``reason``.
        reason: Why the other rows are left behind.
        follows: Tables of the same source. A row is moved only if each of its references to them that is not NULL leads
            to a row that is moved.
        columns: Renamed columns, from the name in the source to the name in the target.
        create: DDL of the target table. If it is empty, the schema, indexes and triggers of the source are used.
        rowids: With ``keep`` implicit rowids arrive unchanged, or the run refuses. With ``renumber`` they may change.
            Without either, those of a table with a key may change unless a view or a trigger uses them.
        keys_: TOML key ``keys``. With ``renumber`` the integer primary key gets new values, and references follow.
            None takes the value of the source.
        renumber: Further integer columns of unique numbers that get new values, as the primary key does by ``keys``.
        refers: References of its rows that the schema does not declare.
        none: Numbers that stand for no row where its columns refer to one, beside those up to 0.
        match: Columns of the target by which a row is the same row under another key. ``*`` alone means the whole row.
    """

    name: Name
    target_name: str = Field(default="", alias="into")
    rows: Annotated[int, Field(ge=0)] | None = None
    on_conflict: ConflictPolicy = "refuse"
    newer: str = ""
    where: str = ""
    reason: str = ""
    follows: Names = ()
    columns: dict[str, str] = {}
    create: str = ""
    rowids: Literal["keep", "renumber"] = "keep"
    keys_: Keys | None = Field(default=None, alias="keys")
    renumber: list[Name] = []
    refers: list[Refers] = []
    none: list[Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]] = []
    match: list[Name] = []

    @property
    def into(self) -> str:
        """Return the name of the table in the target."""
        return self.target_name or self.name

    @property
    def moves_some_rows(self) -> bool:
        """Return whether rows may be left behind, by ``where`` or ``follows``."""
        return bool(self.where or self.follows)


LeftKind = Literal["tables", "views", "triggers", "indexes"]


class Leave(Part):
    """Name objects of a source that are not moved, by shell patterns such as ``agent_*``.

    Attributes:
        tables: Tables that stay in the archive, with their rows.
        views: Views that stay in the archive.
        triggers: Triggers that stay in the archive.
        indexes: Indexes that stay in the archive.
        files: Files that the pattern of the source matches and that are no sources of it. These are patterns of paths.
        reason: Why they are not moved.
    """

    tables: Patterns = ()
    views: Patterns = ()
    triggers: Patterns = ()
    indexes: Patterns = ()
    files: Patterns = ()
    reason: Name

    def names(self, kind: LeftKind, name: str) -> bool:
        """Return whether a pattern fits an object, as SQLite compares names."""
        return any(fits_name(pattern, name) for pattern in getattr(self, kind))


class Source(Part):
    """Describe one source database.

    Attributes:
        name: Name of the source. That of one file of a pattern is the name of the pattern, a colon, and the path.
        file: Path inside the workspace, or a pattern of paths with ``*`` and ``?``. Each file of a pattern is a source.
        optional: True if the file may be absent. Its absence is then a note, not a refusal.
        priority: Order of transfer, small numbers first. Sources of equal priority keep the order of the file.
        risk: Risk of moving it, in words that the report shows.
        reason: Why it has this priority and risk, in words that the report shows.
        estimate: Seconds that the plan expects its transfer to take, or None.
        constants: Columns of the target that have one value in every row of this source. A table whose source has such
            a column keeps the values of the source. In a text, ``{stem}``, ``{name}`` and ``{file}`` stand for the name
            of the file without its ending, the name of the source, and the path.
        keys_: TOML key ``keys``. What happens to the integer primary keys of its tables, unless a table states it.
        all_tables: TOML key ``tables``. With ``*`` every table is moved, also one without rows, except those of
            ``leave``. A table that is listed as well has the keys of its entry.
    """

    name: FolderName
    file: FileInside
    optional: bool = False
    priority: int = 0
    risk: str = ""
    reason: str = ""
    estimate: Seconds | None = None
    constants: dict[Name, Constant] = {}
    keys_: Keys = Field(default="keep", alias="keys")
    all_tables: Annotated[Literal["*"] | None, BeforeValidator(none_of_parts)] = Field(default=None, alias="tables")
    tables: list[TableMap] = Field(default=[], alias="table")
    leave: list[Leave] = []

    _entry: Source | None = PrivateAttr(default=None)

    def of_files(self, files: Iterable[str]) -> list[Source]:
        """Return the source of each file of this pattern, which share all that is equal.

        The number of rows that the plan states is that of all files together, so no single file has it.
        """
        tables = [table.model_copy(update={"rows": None}) if table.rows is not None else table for table in self.tables]
        private = {"_entry": self}
        return [self._copy(private, name=f"{self.name}:{file}", file=file, tables=tables) for file in files]

    def all_maps(self, names: Iterable[str]) -> list[TableMap]:
        """Return a table mapping for each table, the listed ones first.

        Args:
            names: Names of all tables that the database has.
        """
        listed = {lower_ascii(table.name) for table in self.tables}
        added = [
            TableMap.model_construct(name=name)
            for name in names
            if lower_ascii(name) not in listed and self.leave_reason("tables", name) is None
        ]
        return [*self.tables, *added]

    def with_tables(self, tables: list[TableMap]) -> Source:
        """Return this source with other table mappings."""
        return self._copy(self.__pydantic_private__ if self._entry else {"_entry": self}, tables=tables)

    def _copy(self, private: dict[str, Any] | None, **values: object) -> Source:
        """Return a copy that shares all other values, because there may be very many copies.

        Each value is set by itself, because Python then keeps the names of the fields once for all copies.
        """
        fields_set = self.model_fields_set
        state = {"__pydantic_fields_set__": fields_set, "__pydantic_private__": private, "__pydantic_extra__": None}
        source = Source.__new__(Source)
        for name, value in {**vars(self), **values, **state}.items():
            object.__setattr__(source, name, value)
        return source

    @property
    def entry(self) -> Source:
        """Return the source as the plan states it, which is the pattern of a file."""
        return self._entry or self

    @property
    def is_of_pattern(self) -> bool:
        """Return whether this is the source of one file of a pattern."""
        return self.name != self.entry.name

    @property
    def constant_values(self) -> dict[str, int | float | str]:
        """Return each column of ``constants`` to its value for this file."""
        name = self.entry.name
        return {column: fill_in(constant, name=name, file=self.file) for column, constant in self.constants.items()}

    def keys_of(self, table: TableMap) -> Keys:
        """Return what happens to the primary keys of a table."""
        return table.keys_ or self.keys_

    def leave_reason(self, kind: LeftKind, name: str) -> str | None:
        """Return the reason of the first entry that leaves an object behind, or None."""
        return next((entry.reason for entry in self.leave if entry.names(kind, name)), None)


class RequiredTable(Part):
    """Name a table that the target must have even if no source contains it.

    Attributes:
        name: Name of the table.
        create: CREATE TABLE statement by which the run creates it if the target lacks it.
    """

    name: Name
    create: Name


class Plan(Part):
    """Describe a whole consolidation in format 1.

    Attributes:
        format: Number of the format in which the plan is written.
        name: Name of the consolidation, which begins the name of each backup set.
        target: Database that receives the tables. The run creates it if it is absent.
        backups: Folder for backup sets, inside the workspace.
        index_clash: What happens if another table of the target has an index of the same name. With ``rename`` the
            index is created as ``<table>_<name>`` and reported. With ``refuse`` the run refuses.
        dump: Write and verify an SQL dump beside each database backup.
        deadline: Seconds that reading one database may take before the run, plus one second for each MB of the
            database. A database that takes longer is refused.
        require_rehearsal: Maximum age in seconds of a rehearsal of the same plan on the same databases. Without it a
            migration is refused. None demands no rehearsal.
        integrity: What proves that a large database is intact, before the run and COMMIT: the page reader, or SQLite.
        record_copy: Rows may be copied as whole records while their new table has the DEFAULTs of the source. With
            false such rows are copied by columns, and no statement of the run writes the schema directly.

    Example:
        >>> from sqlite_consolidate import load_plan
        >>> plan = load_plan("shop/consolidation.toml")
        >>> plan.name, plan.deadline, plan.record_copy
        ('db-consolidation', 30.0, True)
        >>> {source.name: [table.into for table in source.tables] for source in plan.in_order}["task_queue"]
        ['tasks', 'task_queue_metadata']
    """

    format: Literal[1]
    name: FolderName
    target: FileInside
    backups: PathInside = "backups"
    index_clash: Literal["rename", "refuse"] = "rename"
    dump: bool = True
    deadline: Seconds = 30.0
    require_rehearsal: Seconds | None = None
    record_copy: bool = True
    integrity: Literal["pages", "sqlite"] = "pages"
    change: Change = Change()
    estimates: Estimates = Estimates()
    sources: Annotated[list[Source], Field(alias="source", min_length=1)]
    tables: list[RequiredTable] = Field(default=[], alias="table")
    references: list[Reference] = Field(default=[], alias="reference")
    inserts: list[Insert] = Field(default=[], alias="insert")
    connection: ConnectionPart = ConnectionPart()
    rehearsal: Rehearsal = Rehearsal()
    refreshes: list[Refresh] = Field(default=[], alias="refresh")
    rebuilds: list[Rebuild] = Field(default=[], alias="rebuild")
    stale: list[Stale] = []
    scan: Scan = Scan()
    smoke: list[Smoke] = []
    logs: Logs = Logs()

    _file: Path | None = PrivateAttr(default=None)
    _stated: Plan | None = PrivateAttr(default=None)

    def loaded_from(self, path: Path) -> Plan:
        """Return this plan with the file from which it was loaded."""
        self._file = path
        return self

    @property
    def file(self) -> Path | None:
        """Return the file from which the plan was loaded, or None."""
        return self._file

    def with_sources(self, sources: list[Source]) -> Plan:
        """Return this plan with the sources of a run, such as one for each file of its patterns."""
        plan = self.model_copy(update={"sources": sources})
        plan._stated = self.stated  # noqa: SLF001 -- of the same class
        return plan

    def source_named(self, name: str) -> Source | None:
        """Return the source of a name, or None."""
        sources, by_name = self._sources_by_name
        if sources is not self.sources:  # of the plan of which this one is a copy
            del self._sources_by_name
            by_name = self._sources_by_name[1]
        return by_name.get(name)

    @cached_property
    def _sources_by_name(self) -> tuple[list[Source], dict[str, Source]]:
        return self.sources, {source.name: source for source in reversed(self.sources)}

    @property
    def stated(self) -> Plan:
        """Return the plan as its file states it, with patterns."""
        return self._stated or self

    @property
    def has_writing_test(self) -> bool:
        """Return whether a smoke test runs on a copy of its own, because it may write."""
        return any(test.writes for test in self.smoke)

    @property
    def in_order(self) -> list[Source]:
        """Return the sources in the order of transfer."""
        return sorted(self.sources, key=lambda source: source.priority)
