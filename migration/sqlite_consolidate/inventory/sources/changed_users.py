"""Find the triggers and views that versions of a program declare in several ways."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.sqlite.schema.statements import same_statement, words_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.proposed_parts import ProposedLeave
from sqlite_consolidate.inventory.sources.kinds import are_of_one_kind
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.proposed_parts import ProposedTable
    from sqlite_consolidate.inventory.sources.families import Family

_UserKind = Literal["triggers", "views"]


def leave_changed_users(family: Family, target: Database) -> tuple[ProposedLeave, ...]:
    """Leave the triggers and views behind that a target of the kind declares in another way.

    A trigger of a view with several texts stays behind as well, because no `create` has it.
    """
    widest, *others = family.widest_first
    if not others:
        return ()
    known = [target] if are_of_one_kind(target, widest) else []
    leaves = []
    for kind, user, file in _changed_users([*known, widest, *others]):
        if file == target.file:
            reason = f"{target.file} declares {user.name} in another way"
            question = f"{reason} than some of these files, and keeps its own. Compare them, and confirm the reason."
            leaves.append(ProposedLeave(user.name, reason, (question,), kind))
        elif kind == "triggers" and folded(user.table) in {folded(view.name) for view in widest.schema.views}:
            reason = f"{user.name} is declared in several ways in these files"
            question = f"{reason}, and stays behind. Create the right one after the run, or confirm the reason."
            leaves.append(ProposedLeave(user.name, reason, (question,), kind))
    return tuple(leaves)


def ask_about_changed_users(
    family: Family, leaves: Sequence[ProposedLeave], tables: Sequence[ProposedTable]
) -> tuple[str, ...]:
    """Return the decisions about triggers and views with several texts.

    Args:
        family: The files of a source.
        leaves: What stays behind, which has decisions of its own.
        tables: The tables that the plan creates, some with triggers and views.
    """
    known = {(leave.kind, folded(leave.table)) for leave in leaves}
    users = [each for each in _changed_users(family.widest_first) if (each[0], folded(each[1].name)) not in known]
    created = [each for each in users if _is_created(each[0], each[1].name, tables)]
    others = [each for each in users if each not in created]
    questions = []
    if created:
        has, file = "it has" if len(created) == 1 else "they have", created[0][2]
        advice = f"In the plan {has} the text of {file}. Compare them, and correct `create` if another text is right."
        questions.append(f"{_fact(created)} {advice}")
    if others:
        advice = "No `create` of the plan has a text. Compare them, and state the right text in a [[table]]."
        questions.append(f"{_fact(others)} {advice}")
    return tuple(questions)


def _fact(users: Sequence[tuple[_UserKind, TriggerOrView, str]]) -> str:
    names, verb = join_first_names([user.name for _, user, _ in users]), "is" if len(users) == 1 else "are"
    return f"{names} {verb} declared in several ways in these files."


def _is_created(kind: _UserKind, name: str, tables: Sequence[ProposedTable]) -> bool:
    words = [words_of(table.create) for table in tables]
    return any((kind.removesuffix("s"), folded(name)) in pairwise(each) for each in words)


def _changed_users(databases: list[Database]) -> list[tuple[_UserKind, TriggerOrView, str]]:
    """Return the first version of each trigger and view with several texts, and its file."""
    first: dict[tuple[str, str, str], tuple[_UserKind, TriggerOrView, str]] = {}
    changed: dict[tuple[str, str, str], tuple[_UserKind, TriggerOrView, str]] = {}
    for database in databases:
        for kind, user in _users(database):
            key = (kind, folded(user.name), folded(user.table))
            known = first.setdefault(key, (kind, user, database.file))
            if not same_statement(known[1].sql, user.sql):
                changed[key] = known
    return list(changed.values())


def _users(database: Database) -> Iterator[tuple[_UserKind, TriggerOrView]]:
    for trigger in database.schema.triggers:
        yield "triggers", trigger
    for view in database.schema.views:
        yield "views", view
