"""Load a plan from its TOML file, or report every mistake with its line."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.plan.consistency import find_mistakes
from sqlite_consolidate.plan.fields import validate_data
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.plan.positions import find_line
from sqlite_consolidate.plan.toml_file import TomlFileKind, limit_nesting, read_toml
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.problem import Problem


_PLAN = TomlFileKind(
    criterion="plan-valid",
    noun="plan",
    elsewhere="Name the plan file with --plan FILE.",
    absent='Run the verb "inventory" to create one, or name another with --plan FILE.',
)


def load(path: Path) -> Plan:
    """Return the plan in a TOML file of format 1.

    The plan has no mistake that can be detected without reading the databases.

    Args:
        path: The plan file.

    Raises:
        ProblemError: The file does not exist, cannot be read, is not TOML, or is not a plan. Every mistake is a problem
            of the criterion ``plan-valid``, with its line, in the order of the file.
    """
    with limit_nesting(path, _PLAN):
        text, data = read_toml(path, _PLAN)
        plan, mistakes = validate_data(Plan, data)
        mistakes += find_mistakes(data)
        problems = _located(path, text, mistakes)
    if plan is None or problems:
        raise ProblemError(*problems)
    return plan.loaded_from(path)


def load_files(path: Path) -> Plan | None:
    """Return a plan with the databases that a plan with mistakes names, or None.

    It has the valid names and files of the target and of each source, and nothing else of the plan.

    Args:
        path: The plan file.
    """
    try:
        with limit_nesting(path, _PLAN):
            _, data = read_toml(path, _PLAN)
    except ProblemError:
        return None
    sources, common = data.get("source"), _part(data, "format", "name", "target", "backups")
    parts = [_part(source, "name", "file", "optional") for source in sources] if isinstance(sources, list) else []
    valid = [part for part in parts if validate_data(Plan, common | {"source": [part]})[0]]
    plan, _ = validate_data(Plan, common | {"source": valid})
    return plan


def _part(data: object, *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names if name in data} if isinstance(data, dict) else {}


def mistake_in_plan(plan: Plan, mistake: Problem, criterion: str) -> Problem:
    """Return a mistake of a plan with its line in the file of the plan, if it has one.

    Args:
        plan: The plan.
        mistake: A mistake that only the databases show.
        criterion: Id of the criterion that fails for it.
    """
    text = ""
    if plan.file is not None:
        with contextlib.suppress(OSError, ValueError):
            text = plan.file.read_text("utf-8")
    if plan.file is None or not text:
        return replace(mistake, criterion=criterion)
    line = find_line(text, mistake.loc)
    return mistake.of_file(criterion, f"{one_line(plan.file.name)}{f':{line}' if line else ''}")


def sha256(path: Path) -> str:
    """Return the digest of the file's bytes as 64 hex digits.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _located(path: Path, text: str, mistakes: list[Problem]) -> tuple[Problem, ...]:
    lines = [(find_line(text, problem.loc), problem) for problem in mistakes]
    lines.sort(key=lambda place: place[0] or 0)
    return tuple(
        problem.of_file(_PLAN.criterion, f"{one_line(path.name)}{f':{line}' if line else ''}")
        for line, problem in lines
    )
