"""Check that a list of tests is the whole run, with each test once and in order.

The check is made on the final list, after every other plugin.
"""

from __future__ import annotations

import inspect
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import STAGES, Stage, stages_of
from sqlite_consolidate.pytest_plugin.refusals import is_stage_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlite_consolidate.engine.run.modes import Mode

# Marks that let a test be left out, be repeated, or fail without a failure.
_FORBIDDEN_MARKS = ("skip", "skipif", "xfail", "usefixtures", "flaky", "repeat")


def is_of_stage(item: pytest.Item) -> bool:
    """Return whether a test belongs to a run, by its mark or by its folder.

    A symbolic link must not hide it.
    """
    return item.get_closest_marker("stage") is not None or is_stage_folder(item.path.parent)


def lineup_problems(items: Sequence[pytest.Item], collected: Iterable[str], mode: Mode) -> list[str]:
    """Return every reason why ``items`` is not the whole run in order.

    Args:
        items: The final list, as pytest is going to run it.
        collected: Node ids of all tests that were collected before any was deselected.
        mode: Mode of the run, which decides the required stages.
    """
    by_stage = {stage: [item for item in items if _is_in(item, stage)] for stage in stages_of(mode)}
    known = {item for members in by_stage.values() for item in members}
    problems = [f"{item.nodeid}: it belongs to no stage of this run." for item in items if item not in known]
    problems += [f"{node}: it was deselected." for node in sorted(set(collected) - {item.nodeid for item in items})]
    for stage, members in by_stage.items():
        problems += [*_incomplete(stage, members), *_criteria(stage, members)]
        problems += [problem for item in members for problem in _marks(stage, item)]
    return problems + list(_order(items))


def _is_in(item: pytest.Item, stage: Stage) -> bool:
    return item.path.name == stage.file and is_stage_folder(item.path.parent)


def _incomplete(stage: Stage, members: Sequence[pytest.Item]) -> Iterator[str]:
    """Yield the functions of a stage file that are missing or repeated.

    Options such as ``-o python_functions`` can hide a function.
    """
    if not members:
        yield f"{stage.id}: it has no test. The file {stage.file} is missing, or could not be collected."
        return
    names = Counter(item.name if _is_generated(item) else _function_of(item) for item in members)
    collected = {_function_of(item) for item in members}
    module = members[0].getparent(pytest.Module)
    written = [name for name, value in vars(module.obj).items() if inspect.isfunction(value)] if module else []
    tests = [name for name in written if name.startswith("test_")]
    yield from (f"{stage.file}::{name}: it was not collected." for name in tests if name not in collected)
    yield from (f"{stage.file}::{name}: it runs {count} times." for name, count in names.items() if count > 1)


def _function_of(item: pytest.Item) -> str:
    return str(getattr(item, "originalname", item.name))


def _is_generated(item: pytest.Item) -> bool:
    """Return whether a test is repeated for criteria or smoke tests.

    It exists once for each criterion of its stage, or for each smoke test of the plan.
    """
    return not {"criterion", "application"}.isdisjoint(getattr(getattr(item, "callspec", None), "params", {}))


def _criteria(stage: Stage, members: Sequence[pytest.Item]) -> Iterator[str]:
    """Yield the criteria of a stage without a test, and the tests of unknown criteria.

    A plan adds the criteria of its smoke tests.
    """
    from sqlite_consolidate.engine.run.criteria import criteria_in

    known = criteria_in(stage)
    named = {str(id_): item.nodeid for item in members for mark in item.iter_markers("criterion") for id_ in mark.args}
    yield from (f"{stage.id}: no test judges the criterion {id_!r}." for id_ in known if id_ not in named)
    for id_, node in named.items():
        if id_ not in known and id_.partition(":")[0] != "smoke":
            yield f"{node}: {stage.id} has no criterion {id_!r}."


def _marks(stage: Stage, item: pytest.Item) -> Iterator[str]:
    for name in _FORBIDDEN_MARKS:
        if item.get_closest_marker(name):
            yield f"{item.nodeid}: a stage takes no mark {name!r}."
    stages = [mark.args for mark in item.iter_markers("stage")]
    if stages != [(stage.id,)]:
        yield f"{item.nodeid}: it needs one mark, stage({stage.id!r}), and has {_shown('stage', stages)}."
    orders = [mark.args for mark in item.iter_markers("order")]
    if _index(item) is None:
        yield f"{item.nodeid}: it needs one mark order(n), n a whole number, and has {_shown('order', orders)}."


def _order(items: Sequence[pytest.Item]) -> Iterator[str]:
    """Yield the tests that are not in the order of the stages and of their marks."""
    places = [(item, place) for item in items if (place := _place(item)) is not None]
    for (before, lower), (after, higher) in pairwise(places):
        if lower >= higher:
            yield f"{after.nodeid} (order {higher[1]}): it comes after {before.nodeid} (order {lower[1]})."


def _place(item: pytest.Item) -> tuple[int, int] | None:
    stage = next((position for position, stage in enumerate(STAGES) if _is_in(item, stage)), None)
    index = _index(item)
    return None if stage is None or index is None else (stage, index)


def _index(item: pytest.Item) -> int | None:
    marks = list(item.iter_markers("order"))
    if len(marks) != 1 or marks[0].kwargs or len(marks[0].args) != 1:
        return None
    index = marks[0].args[0]
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def _shown(name: str, marks: list[tuple[object, ...]]) -> str:
    return ", ".join(f"{name}({', '.join(map(repr, args))})" for args in marks) or "none"
