"""Find the triggers and views that versions of a program declare in several ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.proposal import ProposedLeave
from sqlite_consolidate.inventory.sources.kinds import are_of_one_kind
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView
    from sqlite_consolidate.inventory.inspection import Database
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


def ask_about_changed_users(family: Family, left: tuple[ProposedLeave, ...]) -> tuple[str, ...]:
    """Return the decision about triggers and views with several texts, or none."""
    known = {(leave.kind, leave.table) for leave in left}
    changed = [
        (user, file) for kind, user, file in _changed_users(family.widest_first) if (kind, user.name) not in known
    ]
    if not changed:
        return ()
    names, file = join_first_names([user.name for user, _ in changed]), changed[0][1]
    verb, has = ("is", "it has") if len(changed) == 1 else ("are", "they have")
    question = f"{names} {verb} declared in several ways in these files. In the plan {has} the text of {file}. "
    return (f"{question}Compare them, and correct `create` if another text is right.",)


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
