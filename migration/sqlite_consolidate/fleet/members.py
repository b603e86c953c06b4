"""Resolve the paths and patterns of a fleet to workspaces, and plan the rounds."""

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

    # (worker, pattern) -> match; the worker is empty without a scheduler
    FindWorkspaces = Callable[[str, str], "WorkspaceMatch"]


@dataclass(frozen=True)
class WorkspaceMatch:
    """Hold the folders of a path or pattern on one host.

    Attributes:
        folders: Absolute, sorted.
        without_plan: Those folders that have no plan file.
        is_pattern: True if a pattern matched them, and they were not named.
        outside: Those folders that a link leads to, out of the folder that the pattern begins with.
        error: Why the host could not be asked; else empty.
    """

    folders: tuple[str, ...] = ()
    without_plan: tuple[str, ...] = ()
    is_pattern: bool = False
    error: str = ""
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """Hold one workspace of a fleet.

    Attributes:
        name: Path for people, relative to the fleet file where it is below it, after ``worker:`` if it has a worker.
        key: Name of the folder of its reports. It depends only on path and worker, is unique, and is a safe file name.
        path: Absolute, on the host of the worker.
        plan: Absolute, on that host as well; empty means the plan of the workspace.
        worker: Name of the Dask worker that holds the files, or empty.
    """

    name: str
    key: str
    path: str
    plan: str = ""
    worker: str = ""
    canary: bool = False


def find_workspaces(_worker: str, pattern: str) -> WorkspaceMatch:
    """Return the folders of an absolute path or pattern on this host.

    A pattern does not match hidden folders.
    """
    import glob

    named = Path(pattern).is_dir()
    paths = [pattern] if named else glob.glob(pattern, recursive=True)  # noqa: PTH207 -- Path takes no absolute pattern
    folders = sorted({str(Path(path).resolve()) for path in paths if Path(path).is_dir()})
    without_plan = tuple(path for path in folders if not (Path(path) / DEFAULT_PLAN).is_file())
    if named:
        return WorkspaceMatch(tuple(folders), without_plan)
    begin = _beginning(Path(pattern)).resolve()
    outside = tuple(path for path in folders if not Path(path).is_relative_to(begin))
    return WorkspaceMatch(tuple(folders), without_plan, is_pattern=True, outside=outside)


def _beginning(pattern: Path) -> Path:
    """Return the folder that a pattern begins with."""
    import glob

    return next(parent for parent in pattern.parents if not glob.has_magic(str(parent)))


def resolve_members(file: FleetFile, find: FindWorkspaces) -> tuple[Member, ...]:
    """Return the workspaces of a fleet in the order of the file, those of a pattern by name.

    A folder that is named and matched by a pattern belongs to its named entry.
    With ``keep_going``, an entry on a host that does not answer is a member with its path as written, so that the
    roll-up
    has a row for it.

    Raises:
        ProblemError: A path leads nowhere, a workspace is listed twice or has no plan, or a named plan has mistakes.
            Every mistake is a separate problem.
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
    """Return the members of each round, first the canaries and then the batches.

    Each member is in exactly one round.
    """
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
                f"{in_quotes(entry.path)} could not be searched: {match.error}.",
                "Fix that first.",
            )
        ]
    if not match.folders:
        return [
            mistake_at(
                loc,
                "no-workspace",
                f"{in_quotes(entry.path)} leads to no folder.",
                "Correct it. It is relative to this file.",
            )
        ]
    outside = [
        mistake_at(
            loc,
            "outside",
            f"{in_quotes(entry.path)} matches a link that leads to {in_quotes(path)}.",
            "Remove the link, or name that workspace without a pattern.",
        )
        for path in match.outside
    ]
    hint = 'Run the verb "inventory" on it to propose one, or name one with plan = "...".'
    return outside + [
        mistake_at(loc, "no-plan-file", f"the workspace {in_quotes(path)} has no {DEFAULT_PLAN}.", hint)
        for path in without_plan
    ]


def _listed_twice(located: list[tuple[Loc, Member]]) -> list[Problem]:
    """Return a mistake for each workspace that is listed twice.

    Two runs in one workspace would lock each other out.
    """
    first_locs: dict[str, Loc] = {}
    mistakes = []
    for loc, member in located:
        if first_locs.setdefault(member.key, loc) != loc:
            mistakes.append(
                mistake_at(loc, "listed-twice", f"{in_quotes(member.name)} is listed twice.", "Keep one of the two.")
            )
    return mistakes


def _plan_problems(plans: Iterable[str]) -> list[Problem]:
    """Return the problems of the plans that several workspaces share."""
    problems: list[Problem] = []
    for plan in sorted(plans):
        try:
            load_plan(Path(plan))
        except ProblemError as refused:
            problems += refused.problems
    return problems
