"""One answer: what is to be written so that the code names the target and no old database, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import normpath
from typing import TYPE_CHECKING

from migration.engine.code_files import CodeFile, is_python, line_of, read
from migration.engine.observation import Observation, equal, not_required
from migration.engine.rewriting import Rewriting, check_syntax, not_replaced, source_of
from migration.plan.printable import one_line
from migration.plan.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from migration.plan.model import Insert, Reference


@dataclass(frozen=True)
class Rewrite:
    """One file and what becomes of it.

    Attributes:
        file: Path relative to the workspace, "/"-separated, free of links.
        before: Its bytes as they were read.
        after: Its bytes as they are to be written.
    """

    file: str
    before: bytes
    after: bytes


def plan_rewrites(
    root: Path, references: Sequence[Reference], inserts: Sequence[Insert], *, skip: Collection[str] = ()
) -> tuple[tuple[Rewrite, ...], tuple[Problem, ...]]:
    """Return what is to be written for the plan's references and inserts, and everything that stands in the way.

    Nothing is written. A file in which all was done before has no rewrite, and neither has one with a problem.

    Args:
        root: The workspace.
        references: Expressions to replace; each must be found once, or have been replaced already.
        inserts: Definitions to add.
        skip: Files of which the problem is known already, as normal paths relative to the workspace.
    """
    references = [reference for reference in references if normpath(reference.file) not in skip]
    inserts = [insert for insert in inserts if normpath(insert.file) not in skip]
    named = dict.fromkeys([one.file for one in references] + [one.file for one in inserts])
    files = {file: read(root, file) for file in named}
    problems = [one for one in files.values() if isinstance(one, Problem)]
    rewrites = []
    # Two spellings of one path are one file: what was read is equal.
    for code in dict.fromkeys(one for one in files.values() if isinstance(one, CodeFile)):
        rewriting = Rewriting(code)
        rewriting.replace([one for one in dict.fromkeys(references) if files[one.file] == code])
        rewriting.insert([one for one in inserts if files[one.file] == code])
        after = rewriting.result()
        problems += rewriting.problems
        if after != code.data:
            rewrites.append(Rewrite(code.file, code.data, after))
    return tuple(rewrites), tuple(problems)


def compile_observations(root: Path, files: Sequence[str]) -> list[Observation]:
    """Observe of each Python file whether it compiles; nothing is executed.

    Args:
        root: The workspace.
        files: Paths relative to it; those that are not Python are passed over. If none is left, one observation that
            holds says so.
    """
    python = [file for file in files if is_python(file)]
    if not python:
        return [not_required("code", "no Python file was rewritten")]
    return [_compile_observation(root, file) for file in python]


def updated_observations(root: Path, references: Sequence[Reference]) -> list[Observation]:
    """Observe of each reference whether its expression is gone and the replacement is there.

    Args:
        root: The workspace.
        references: Those of the plan; if there are none, one observation that holds says so.
    """
    if not references:
        return [not_required("code", "the plan names no reference")]
    return [_updated_observation(root, reference) for reference in references]


def _compile_observation(root: Path, file: str) -> Observation:
    expected = "compiles"
    code = read(root, file)
    if isinstance(code, Problem):
        return Observation(file, expected, code.what, holds=False, todo=code.hint)
    try:
        check_syntax(file, code.data)
    except ProblemError as error:
        problem = error.problems[0]
        return Observation(problem.subject, expected, problem.what, holds=False, todo=problem.hint)
    return equal(file, expected, expected)


def _updated_observation(root: Path, reference: Reference) -> Observation:
    expected = one_line(f"{reference.replace} instead of {reference.find}")
    code = read(root, reference.file)
    if isinstance(code, Problem):
        return Observation(reference.file, expected, code.what, holds=False, todo=code.hint)
    try:
        source = source_of(code)
        new = source.spans(reference.replace)
        old = not_replaced(source.spans(reference.find), new)
    except ProblemError as error:
        problem = error.problems[0]
        return Observation(reference.file, expected, one_line(problem.what), holds=False, todo=problem.hint)
    lines = ", ".join(str(line_of(code.text, span.start)) for span in new)
    if old:
        subject = f"{reference.file}:{line_of(code.text, old[0].start)}"
        observed = f"{one_line(reference.find)} is still there"
    else:
        subject = reference.file
        observed = f"replaced (line {lines})" if new else "neither of the two is there"
    holds = bool(new) and not old
    return Observation(subject, expected, observed, holds, "" if holds else "Correct this place by hand, or roll back.")
