"""Members: which workspaces a fleet's paths and patterns amount to, and the rounds in which they are run."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.request import DEFAULT_PLAN
from sqlite_consolidate.plan.loader import load as load_plan
from sqlite_consolidate.plan.mistakes import in_quotes, mistake_at
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlite_consolidate.fleet.fleet_file import FleetFile
    from sqlite_consolidate.fleet.model import Entry, Fleet
    from sqlite_consolidate.problem import Loc, Problem

    # (worker, pattern) -> what is there; the worker is empty without a scheduler
    FindWorkspaces = Callable[[str, str], "WorkspaceMatch"]


@dataclass(frozen=True)
class WorkspaceMatch:
    """What a path or a pattern leads to on the host that was asked.

    Attributes:
        folders: Absolute, sorted.
        without_plan: Those of them that have no plan file of their own.
        is_pattern: They were found by a pattern, not named.
        error: Why nobody could look, or empty.
    """

    folders: tuple[str, ...] = ()
    without_plan: tuple[str, ...] = ()
    is_pattern: bool = False
    error: str = ""


@dataclass(frozen=True)
class Member:
    """One workspace of a fleet.

    Attributes:
        name: For people: its path, relative to the fleet file where it lies below it, after ``worker:`` if it has one.
        key: The folder of its reports: stable as long as path and worker are, of no other member, safe as a name.
        path: Absolute, on the worker's host.
        plan: Absolute, there too; empty means the workspace's own.
        worker: Name of the Dask worker that holds the files, or empty.
    """

    name: str
    key: str
    path: str
    plan: str = ""
    worker: str = ""
    canary: bool = False


def find_workspaces(_worker: str, pattern: str) -> WorkspaceMatch:
    """Return what an absolute path or pattern leads to on this host: folders, but no hidden ones for a pattern."""
    import glob

    named = Path(pattern).is_dir()
    paths = [pattern] if named else glob.glob(pattern, recursive=True)  # noqa: PTH207 -- Path takes no absolute pattern
    folders = sorted({str(Path(path).resolve()) for path in paths if Path(path).is_dir()})
    without_plan = tuple(path for path in folders if not (Path(path) / DEFAULT_PLAN).is_file())
    return WorkspaceMatch(tuple(folders), without_plan, is_pattern=not named)


def resolve_members(file: FleetFile, find: FindWorkspaces) -> tuple[Member, ...]:
    """Return the workspaces of a fleet, in the order of the file, those of a pattern by name.

    A folder that is named and found by a pattern too is what its own entry says. With ``keep_going``, what lies on a
    host that is not there is a member as it is written, and its row is going to say so.

    Raises:
        ProblemError: A path leads nowhere, a workspace is listed twice or has no plan, or a named plan has mistakes;
            every mistake is a problem of its own.
    """
    fleet, base = file.fleet, file.path.parent
    matches = [
        (loc, entry, find(entry.worker, str(base / Path(entry.path).expanduser()))) for loc, entry in fleet.listed
    ]
    named = {(entry.worker, path) for _, entry, match in matches if not match.is_pattern for path in match.folders}
    located, mistakes = list[tuple["Loc", Member]](), list["Problem"]()
    for loc, entry, match in matches:
        if match.error and fleet.keep_going:
            located.append((loc, _member(base, fleet, entry, str(base / entry.path))))
            continue
        folders = [path for path in match.folders if not (match.is_pattern and (entry.worker, path) in named)]
        located += [(loc, _member(base, fleet, entry, path)) for path in folders]
        without_plan = [] if entry.plan or fleet.plan else [path for path in folders if path in match.without_plan]
        mistakes += _mistakes(loc, entry, match, without_plan)
    mistakes += _listed_twice(located)
    plans = {member.plan for _, member in located if member.plan and not member.worker}
    problems = (*file.located(mistakes), *_plan_problems(plans))
    if problems:
        raise ProblemError(*problems)
    return tuple(member for _, member in located)


def plan_rounds(fleet: Fleet, fleet_members: tuple[Member, ...]) -> list[tuple[Member, ...]]:
    """Return who is run together: the canaries, then the batches; each member is in one round."""
    if not any(member.canary for member in fleet_members):
        numbered = enumerate(fleet_members)
        fleet_members = tuple(replace(member, canary=index < fleet.canary) for index, member in numbered)
    canaries = tuple(member for member in fleet_members if member.canary)
    rest = tuple(member for member in fleet_members if not member.canary)
    size = fleet.batch or max(len(rest), 1)
    batches = [rest[start : start + size] for start in range(0, len(rest), size)]
    return [canaries, *batches] if canaries else batches


def _member(base: Path, fleet: Fleet, entry: Entry, path: str) -> Member:
    plan = entry.plan or fleet.plan
    identity = f"{entry.worker}:{path}"
    digest = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    name = Path(path).relative_to(base).as_posix() if Path(path).is_relative_to(base) else path
    return Member(
        name=f"{entry.worker}:{name}" if entry.worker else name,
        key=f"{re.sub(r'[^A-Za-z0-9._-]', '_', Path(path).name)[:60]}-{digest}",
        path=path,
        plan=str(base / Path(plan).expanduser()) if plan else "",
        worker=entry.worker,
        canary=entry.canary,
    )


def _mistakes(loc: Loc, entry: Entry, match: WorkspaceMatch, without_plan: list[str]) -> list[Problem]:
    if match.error:
        return [
            mistake_at(
                loc,
                "member-unseen",
                f"{in_quotes(entry.path)} could not be looked for: {match.error}.",
                "Settle that first.",
            )
        ]
    if not match.folders:
        return [
            mistake_at(
                loc,
                "no-workspace",
                f"{in_quotes(entry.path)} leads to no folder.",
                "Correct it; it counts from this file.",
            )
        ]
    hint = 'Run "pytest -m inventory --workspace DIR" to have one proposed, or name one with plan = "...".'
    return [
        mistake_at(loc, "no-plan-file", f"the workspace {in_quotes(path)} has no {DEFAULT_PLAN}.", hint)
        for path in without_plan
    ]


def _listed_twice(located: list[tuple[Loc, Member]]) -> list[Problem]:
    """Two runs on one workspace would only keep each other out; one inside another could see it half done."""
    first_locs: dict[str, Loc] = {}
    mistakes = []
    for loc, member in located:
        if first_locs.setdefault(member.key, loc) != loc:
            mistakes.append(
                mistake_at(
                    loc, "listed-twice", f"{in_quotes(member.name)} is listed before already.", "Keep one of the two."
                )
            )
    return mistakes


def _plan_problems(plans: Iterable[str]) -> list[Problem]:
    """Judge the plans that several workspaces share, once: each would refuse to run with a plan that has mistakes."""
    problems: list[Problem] = []
    for plan in sorted(plans):
        try:
            load_plan(Path(plan))
        except ProblemError as refused:
            problems += refused.problems
    return problems
