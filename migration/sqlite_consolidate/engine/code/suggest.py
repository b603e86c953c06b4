"""One answer: which references a plan needs so that no file names an old database any more."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.old_names import OldNames
from sqlite_consolidate.engine.code.rewrite import plan_rewrites
from sqlite_consolidate.engine.code.scan import find_mentions
from sqlite_consolidate.engine.code.source_files import CodeFile, is_python, read_code_file
from sqlite_consolidate.engine.code.suggest_python import DatabasePaths, python_changes, text_changes
from sqlite_consolidate.plan.model import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.old_names import Mention
    from sqlite_consolidate.engine.code.scanned_files import ScanScope
    from sqlite_consolidate.engine.code.suggest_python import MentionChange
    from sqlite_consolidate.problem import Problem


@dataclass(frozen=True)
class ProposedReference:
    """One mention of an old database, and the reference that would settle it.

    Attributes:
        file: Path relative to the workspace.
        line: From 1.
        find: As in a ``[[reference]]``; the text of the line where the mention is not understood.
        replace: As in a ``[[reference]]``; empty where it is not understood.
        import_: As ``import`` in a ``[[reference]]``; empty where it needs none.
        understood: Whether a plan with this reference passes its own check.
        reason: What the replacement rests on; or why there is none, and what to do.
    """

    file: str
    line: int
    find: str
    replace: str
    import_: str
    understood: bool
    reason: str


def propose_references(scope: ScanScope) -> tuple[ProposedReference, ...]:
    """Return what is to be done about every mention in code and configuration, in the order of files and lines.

    A replacement keeps the way in which the code finds its folder, and goes on from there to the target: the code
    must have found the old database before. Nothing is written; documentation and exempt places are left out.
    """
    by_file: dict[str, list[Mention]] = {}
    for one in find_mentions(scope).mentions:
        if one.kind in ("code", "config"):
            by_file.setdefault(one.file, []).append(one)
    return tuple(one for file, some in by_file.items() for one in _in_file(scope, file, some))


def _in_file(scope: ScanScope, file: str, found: Sequence[Mention]) -> list[ProposedReference]:
    code = read_code_file(scope.root, file)
    if not isinstance(code, CodeFile):
        return [_by_hand(one, code.what) for one in found]
    names = OldNames(scope.databases, scope.target)
    target = posixpath.normpath(scope.target)
    places = {name: DatabasePaths(posixpath.normpath(path), target) for name, path in names.paths.items()}
    changes = (python_changes if is_python(file) else text_changes)(code.text, names, places)
    made = []
    for one in found:
        here = [change for change in changes if (change.line, change.name) == (one.line, one.database)]
        made += [_proposed(one, change) for change in here] or [_by_hand(one, "it cannot be read as Python.")]
    return _checked(scope.root, made)


def _proposed(mention: Mention, change: MentionChange) -> ProposedReference:
    if not change.find:
        return _by_hand(mention, change.reason)
    return ProposedReference(
        mention.file, mention.line, change.find, change.replace, "", understood=True, reason=change.reason
    )


def _by_hand(mention: Mention, why: str) -> ProposedReference:
    todo = "Write the reference by hand, change the code, or exempt the place."
    return ProposedReference(mention.file, mention.line, mention.text, "", "", understood=False, reason=f"{why} {todo}")


def _checked(root: Path, made: list[ProposedReference]) -> list[ProposedReference]:
    """Return the proposals of one file; those that would be a problem of the plan as not understood."""
    each: dict[object, ProposedReference] = {}
    for one in made:  # two databases named by one expression: one replacement settles both
        each.setdefault((one.find, one.replace) if one.understood else one, one)
    made = list(each.values())
    if not _problems(root, made):
        return made
    kept: list[ProposedReference] = []
    result = []
    for one in made:
        problems = _problems(root, [*kept, one])
        if problems:
            why = f"{problems[0].what} Write the reference by hand."
            result.append(replace(one, replace="", understood=False, reason=why))
        else:
            kept.append(one)
            result.append(one)
    return result


def _problems(root: Path, made: list[ProposedReference]) -> tuple[Problem, ...]:
    """Return what keeps these proposals from being made together."""
    return plan_rewrites(root, [_reference(one) for one in made if one.understood], [])[1]


def _reference(one: ProposedReference) -> Reference:
    return Reference(file=one.file, find=one.find, replace=one.replace, import_=one.import_)
