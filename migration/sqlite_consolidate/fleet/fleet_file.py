"""Load a fleet file, or refuse it with line and column of every mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.fleet.model import Fleet
from sqlite_consolidate.plan.fields import validate_data
from sqlite_consolidate.plan.mistakes import in_quotes, mistake_at
from sqlite_consolidate.plan.positions import find_position
from sqlite_consolidate.plan.toml_file import TomlFileKind, limit_nesting, read_toml
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.problem import Problem

_FLEET = TomlFileKind(
    criterion="fleet-valid",
    noun="fleet",
    elsewhere="Name the fleet file with --fleet FILE.",
    absent='Write one: format = 1, and workspaces = ["..."] with folders or patterns.',
)


@dataclass(frozen=True)
class FleetFile:
    """Hold a fleet and the text it was read from.

    Attributes:
        path: Absolute.
    """

    path: Path
    text: str
    fleet: Fleet

    def located(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """Return mistakes that were found in the workspaces, with their positions in the file."""
        return _located(self.path, self.text, problems)


def load_fleet(path: Path) -> FleetFile:
    """Return the fleet in a TOML file of format 1.

    Raises:
        ProblemError: The file cannot be read, is not TOML, or is not a fleet. Every mistake is a separate problem with
            line and column, in the order of the file.
    """
    with limit_nesting(path, _FLEET):
        text, data = read_toml(path, _FLEET)
        fleet, mistakes = validate_data(Fleet, data)
        mistakes += _mistakes_between_keys(data)
        problems = _located(path, text, mistakes)
    if fleet is None or problems:
        raise ProblemError(*problems)
    return FleetFile(path, text, fleet)


def _mistakes_between_keys(data: dict[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes that concern more than one key.

    The models report values of a wrong type.
    """
    paths, entries = data.get("workspaces", []), data.get("workspace", [])
    if paths == [] and entries == []:
        hint = 'Add workspaces = ["..."] with folders or patterns, or a [[workspace]] for each.'
        yield mistake_at(("workspaces",), "empty-fleet", "no workspace is listed.", hint)
    is_remote = bool(data.get("scheduler"))
    if is_remote and paths:
        hint = "Write a [[workspace]] with path and worker for each."
        yield mistake_at(
            ("workspaces",),
            "worker-unfit",
            "with a scheduler, each workspace names the worker that holds its files.",
            hint,
        )
    if is_remote and "parallel" in data:
        hint = "Start each worker with as many threads as runs it may have at a time (--nthreads), and leave this out."
        yield mistake_at(("parallel",), "parallel-elsewhere", '"parallel" has no meaning with a scheduler.', hint)
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        worker = entry.get("worker", "") if isinstance(entry, dict) else None
        if is_remote and worker == "":
            text = "with a scheduler, each workspace names the worker that holds its files."
            yield mistake_at(
                ("workspace", index),
                "worker-unfit",
                text,
                'Add worker = "..." with the name it was started with (--name).',
            )
        elif worker and not is_remote:
            text = f"without a scheduler there is no worker {in_quotes(str(worker))}."
            yield mistake_at(
                ("workspace", index, "worker"),
                "worker-unfit",
                text,
                'Add scheduler = "tcp://..." at the top, or remove it.',
            )


def _located(path: Path, text: str, mistakes: Sequence[Problem]) -> tuple[Problem, ...]:
    placed = [(find_position(text, problem.loc) or (0, 0), problem) for problem in mistakes]
    placed.sort(key=lambda pair: pair[0])
    return tuple(
        problem.of_file(_FLEET.criterion, f"{one_line(path.name)}{f':{line}:{column}' if line else ''}")
        for (line, column), problem in placed
    )
