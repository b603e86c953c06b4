"""Hold the fleet file as frozen models of TOML format 1.

A fleet lists workspaces and the order in which they are run.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sqlite_consolidate.plan.values import Name, Part, Seconds

DEFAULT_SECONDS = 86_400.0
"""Time limit of the run in one workspace, which is a day."""
_SCHEMES = ("tcp://", "tls://")


def _address(value: str) -> str:
    if value and not value.startswith(_SCHEMES):
        raise ValueError("a scheduler's address begins with tcp:// or tls://")
    return value


def _whole(value: str) -> str:
    if "\0" in value:
        raise ValueError("a path cannot contain a NUL character")
    return value


Folder = Annotated[Name, AfterValidator(_whole)]


class Entry(Part):
    """Hold one ``[[workspace]]`` with its settings.

    Attributes:
        path: Folder or pattern (``*``, ``**``) on the host of the worker, relative to the fleet file's folder there.
        plan: Plan file; empty means the fleet's plan, or else ``consolidation.toml`` in the workspace.
        worker: Name of the Dask worker that holds the files; empty without a scheduler.
        canary: True if it is run before all others.
    """

    path: Folder
    plan: Annotated[str, AfterValidator(_whole)] = ""
    worker: str = ""
    canary: bool = False


class Fleet(Part):
    """Hold a whole fleet of format 1.

    Attributes:
        workspaces: Folders and patterns, as in :class:`Entry`, that need no other settings.
        entries: TOML key ``[[workspace]]``.
        plan: Plan of all workspaces that name no other.
        scheduler: Address of a Dask scheduler; empty means a cluster in this process.
        canary: Number of workspaces that are run first when no entry has ``canary = true``; 0 means none.
        batch: Number of workspaces in a round; the next round waits for its verdicts. None means all the rest.
        parallel: Number of workspaces that run at a time without a scheduler. None means the number of cores.
        timeout: Time limit of the run in one workspace, in seconds. It then gets a signal to roll back, and is ended if
            it does not.
        keep_going: True if the others are run after a failure.
        reports: Folder for the roll-up and the bundles, relative to the fleet file; empty means pytest's own.
    """

    format: Literal[1]
    workspaces: list[Folder] = Field(default=[])
    entries: list[Entry] = Field(default=[], alias="workspace")
    plan: Annotated[str, AfterValidator(_whole)] = ""
    scheduler: Annotated[str, AfterValidator(_address)] = ""
    canary: Annotated[int, Field(ge=0)] = 1
    batch: Annotated[int, Field(ge=1)] | None = None
    parallel: Annotated[int, Field(ge=1)] | None = None
    timeout: Annotated[Seconds, Field(gt=0)] = DEFAULT_SECONDS
    keep_going: bool = False
    reports: str = ""

    @property
    def listed(self) -> list[tuple[tuple[str | int, ...], Entry]]:
        """Return all entries in the order of the run, each with its key path in the file."""
        short = [(("workspaces", index), Entry(path=path)) for index, path in enumerate(self.workspaces)]
        return [*short, *((("workspace", index), entry) for index, entry in enumerate(self.entries))]
