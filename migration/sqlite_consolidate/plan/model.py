"""The plan: what is to be consolidated, as frozen models that a TOML file of format 1 validates into."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path  # noqa: TC003 -- pydantic resolves the annotations of a model at run time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, StringConstraints

ConflictPolicy = Literal["refuse", "skip-identical", "prefer-target", "prefer-source"]

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
# The second argument of a ValueError is the hint of its problem.
_INSIDE = "Write a path inside the workspace, relative to it."


def _seconds(value: object) -> object:
    """Turn ``"1h30m"``, ``"15m"``, ``"30s"`` or a number of seconds into seconds."""
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if not found or not found.group(0):
        raise ValueError(
            'a duration is written like "30s", "15m" or "1h30m"',
            'Write hours, minutes and seconds in this order, such as "1h30m", or a number of seconds.',
        )
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _inside(value: str) -> str:
    """Refuse a path that is absolute or leaves the workspace; links are looked at later, on the file system."""
    if "\0" in value:
        raise ValueError("a path cannot contain a NUL character")
    if value.startswith("/"):
        raise ValueError("an absolute path lies outside the plan's reach: write it relative to the workspace", _INSIDE)
    clean = posixpath.normpath(value)
    if clean == ".." or clean.startswith("../"):
        raise ValueError('the path leads outside the workspace (".." goes above it)', _INSIDE)
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        hint = "Correct the pattern; a bracket, dot or star that stands for itself needs a backslash."
        raise ValueError(f"not a regular expression: {error}", hint) from None
    return value


# As the JSON Schema tells editors: a number, or text that the validator reads.
_Duration = Annotated[str, StringConstraints(pattern=rf"^(?=.){_DURATION.pattern}$")] | Annotated[float, Field(ge=0)]
Seconds = Annotated[
    float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_seconds, json_schema_input_type=_Duration)
]
PathInside = Annotated[str, StringConstraints(min_length=1), AfterValidator(_inside)]
Pattern = Annotated[str, AfterValidator(_pattern)]
FolderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Name = Annotated[str, StringConstraints(min_length=1)]


class Part(BaseModel):
    """Base of every part of a plan: frozen, strict about types, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Change(Part):
    """The change record's own fields; shown on page one of the report, empty ones as empty."""

    id: str = ""
    reason: str = ""
    requested_by: str = ""
    approved_by: str = ""


class TableMap(Part):
    """One source table to one target table; columns are matched by name.

    Attributes:
        name: Table in the source.
        target_name: TOML key ``into``; empty means the same name as in the source.
        rows: Count that the plan expects in the source, or None.
        on_conflict: What happens to a source row whose key the target already has.
        columns: Renames, source column to target column.
        create: DDL for the target; empty means the source's own schema, indexes and triggers.
        rowids: ``keep``: implicit rowids arrive unchanged or the run refuses; ``renumber``: they may change.
    """

    name: Name
    target_name: str = Field(default="", alias="into")
    rows: Annotated[int, Field(ge=0)] | None = None
    on_conflict: ConflictPolicy = "refuse"
    columns: dict[str, str] = {}
    create: str = ""
    rowids: Literal["keep", "renumber"] = "keep"

    @property
    def into(self) -> str:
        """Name of the table in the target."""
        return self.target_name or self.name


class Leave(Part):
    """Tables of a source that stay behind on purpose; patterns as in the shell (``agent_*``)."""

    tables: Annotated[
        tuple[Name, ...],
        BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v, json_schema_input_type=list[Name]),
    ]
    reason: Name


class Source(Part):
    """One database to move from.

    Attributes:
        file: Path inside the workspace.
        optional: True: absent is noted, not refused.
        priority: Order of transfer, small first; equal ones in the order of the file.
        estimate: Seconds that the plan expects its transfer to take, or None.
    """

    name: FolderName
    file: PathInside
    optional: bool = False
    priority: int = 0
    risk: str = ""
    reason: str = ""
    estimate: Seconds | None = None
    tables: list[TableMap] = Field(default=[], alias="table")
    leave: list[Leave] = []


class RequiredTable(Part):
    """A table that the target must have even if no source brings it."""

    name: Name
    create: Name


class Reference(Part):
    """An expression in a code file that names an old database, and what takes its place.

    Attributes:
        import_: TOML key ``import``: an import statement that the replacement needs, or empty.
    """

    file: PathInside
    find: Name
    replace: Name
    import_: str = Field(default="", alias="import")


class Insert(Part):
    """A function or other top-level definition that a module gets if it does not have it yet."""

    file: PathInside
    code: Name


class Exemption(Part):
    """A place that may go on naming an old database: a file, a folder, or a pattern as in the shell (``docs/*``)."""

    path: PathInside
    reason: Name


class Scan(Part):
    """Trees in which no reference to an old database may remain, and the places in them where one may."""

    paths: list[PathInside] = []
    exempt: list[Exemption] = []


class Expect(Part):
    """What a smoke test must show.

    Attributes:
        exit: Exit status.
        stdout: Regular expression that its standard output must contain; ``^`` and ``$`` are ends of lines.
        lines: Number of lines of its standard output that are not blank, or None.
    """

    exit: int = 0
    stdout: Pattern = ""
    lines: Annotated[int, Field(ge=0)] | None = None


class Smoke(Part):
    """One proof that an application still works: ``python`` source text or a ``run`` command, not both.

    Attributes:
        path: Folders for PYTHONPATH, inside the workspace.
        interpreter: Python to use, relative to the workspace; empty means that of the workspace's own ``.venv`` or
            ``venv``, and where there is none the one that runs pytest.
        timeout: Seconds until it and its children are ended.
        writes: True: it runs on a copy that is thrown away; changes of a database by it are listed, not a failure.
        answers: The success criterion that this test answers, in the report ("WMS CLI works"); empty: its own name.
    """

    name: Name
    python: str = ""
    run: list[str] = []
    path: list[PathInside] = []
    interpreter: str = ""
    timeout: Seconds = 30.0
    expect: Expect = Expect()
    writes: bool = False
    answers: str = ""

    def model_post_init(self, _context: Any, /) -> None:
        """Refuse a smoke test that says how to run it twice, or not at all."""
        if bool(self.python) == bool(self.run):
            hint = 'Keep one of the two: "python" for source text, "run" for a command.'
            raise ValueError('a smoke test needs either "python" or "run", and not both', hint)


class Logs(Part):
    """Log files, and what a new line in them must not match."""

    files: list[PathInside] = []
    errors: Pattern = "ERROR|CRITICAL|Traceback"


class Estimates(Part):
    """Seconds that the plan expects the stages to take, shown beside the measured times; 0 means not estimated."""

    backup: Seconds = 0.0
    schema_: Seconds = Field(default=0.0, alias="schema")
    references: Seconds = 0.0
    smoke: Seconds = 0.0
    archive: Seconds = 0.0


class Plan(Part):
    """A whole plan of format 1.

    Attributes:
        backups: Folder for backup sets, inside the workspace.
        index_clash: What to do when an index name is taken by another table of the target: ``rename`` creates the
            index as ``<table>_<name>`` and says so; ``refuse`` refuses.
        dump: Write and prove an SQL dump beside each database backup.
        deadline: Seconds that reading one database may take before the run, beside a second for each MB that it has;
            what takes longer is refused.
        require_rehearsal: Greatest age in seconds of the rehearsal, of this very plan on these very databases, without
            which a migration is refused; None demands none.
        record_copy: Rows may be copied as whole records while their new table has the source's DEFAULTs; false: such
            rows are copied by columns, and no statement of the run writes the schema directly.

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
    target: PathInside
    backups: PathInside = "backups"
    index_clash: Literal["rename", "refuse"] = "rename"
    dump: bool = True
    deadline: Seconds = 30.0
    require_rehearsal: Seconds | None = None
    record_copy: bool = True
    change: Change = Change()
    estimates: Estimates = Estimates()
    sources: Annotated[list[Source], Field(alias="source", min_length=1)]
    tables: list[RequiredTable] = Field(default=[], alias="table")
    references: list[Reference] = Field(default=[], alias="reference")
    inserts: list[Insert] = Field(default=[], alias="insert")
    scan: Scan = Scan()
    smoke: list[Smoke] = []
    logs: Logs = Logs()

    _file: Path | None = PrivateAttr(default=None)

    def loaded_from(self, path: Path) -> Plan:
        """Return this plan, which knows from now on the file that it was loaded from."""
        self._file = path
        return self

    @property
    def file(self) -> Path | None:
        """The file that the plan was loaded from, or None."""
        return self._file

    @property
    def in_order(self) -> list[Source]:
        """The sources in the order of transfer."""
        return sorted(self.sources, key=lambda source: source.priority)
