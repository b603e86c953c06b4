"""Define the parts of a plan about the run as a whole."""

from __future__ import annotations

from pydantic import Field

from sqlite_consolidate.plan.values import Part, PathInside, Patterns, Seconds, SetupFunction


class Change(Part):
    """Hold the fields of the change record, which page one of the report shows.

    Attributes:
        id: Number or name of the change, as a ticket has it.
        reason: Why the databases are consolidated.
        requested_by: Who asked for the change.
        approved_by: Who approved the change.
    """

    id: str = ""
    reason: str = ""
    requested_by: str = ""
    approved_by: str = ""


class Rehearsal(Part):
    """Name files that a rehearsal does not copy, by patterns such as ``media/*``.

    A file that the plan names elsewhere is copied all the same.

    Attributes:
        exclude: Paths relative to the workspace, or patterns of them. ``*`` matches ``/`` too.
    """

    exclude: Patterns = ()


class Estimates(Part):
    """State the seconds that the plan expects the stages to take.

    The report shows them beside the measured times. 0 means that there is no estimate.

    Attributes:
        backup: Seconds for the stage that backs up databases and code.
        schema_: TOML key ``schema``. Seconds for the stage that creates the tables in the target.
        references: Seconds for the stage that rewrites the code.
        smoke: Seconds for the stage that runs the smoke tests.
        archive: Seconds for the stage that renames the sources.
    """

    backup: Seconds = 0.0
    schema_: Seconds = Field(default=0.0, alias="schema")
    references: Seconds = 0.0
    smoke: Seconds = 0.0
    archive: Seconds = 0.0


class ConnectionPart(Part):
    """Name the function of the application that prepares each connection of a run.

    Attributes:
        setup: A Python file inside the workspace and a function in it, such as ``tools/setup.py:register``. It is
            called with an object that adds collations, functions and extensions to a connection.
        path: Folders inside the workspace from which the file imports.
    """

    setup: SetupFunction = ""
    path: list[PathInside] = []
