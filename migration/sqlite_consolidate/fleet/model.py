"""The fleet: which workspaces there are and in what order they are run, as frozen models of a TOML file of format 1."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sqlite_consolidate.plan.model import Name, Part

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
    """Workspaces that something is to be said about.

    Attributes:
        path: Folder or pattern (``*``, ``**``) on the host of the worker, relative to the fleet file's folder there.
        plan: Plan file; empty means the fleet's, and without one ``consolidation.toml`` in the workspace.
        worker: Name of the Dask worker that holds the files; empty without a scheduler.
        canary: True: run before all others.
    """

    path: Folder
    plan: Annotated[str, AfterValidator(_whole)] = ""
    worker: str = ""
    canary: bool = False


class Fleet(Part):
    """A whole fleet of format 1.

    Attributes:
        workspaces: Folders and patterns, as in :class:`Entry`, for those about which nothing else is to be said.
        entries: TOML key ``[[workspace]]``.
        plan: One plan for all that name no other.
        scheduler: Address of a Dask scheduler; empty means a cluster of this process alone.
        canary: How many go first, alone, when no entry says ``canary = true``; 0 means none.
        batch: How many are begun together; the next batch waits for the verdicts of this one. None means all the rest.
        parallel: How many are run at a time without a scheduler; None means one a core.
        keep_going: True: a failure does not keep the others from being run.
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
    keep_going: bool = False
    reports: str = ""

    @property
    def listed(self) -> list[tuple[tuple[str | int, ...], Entry]]:
        """Everything that is listed, in the order in which it is run, each with its key path in the file."""
        short = [(("workspaces", index), Entry(path=path)) for index, path in enumerate(self.workspaces)]
        return [*short, *((("workspace", index), entry) for index, entry in enumerate(self.entries))]
