"""Settled: which rows a conflict policy kept from arriving, or took away; their keys are listed in the backup set."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from migration.engine.transfer import settled_keys

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from migration.engine.move import Move

NAME = "settled-conflicts.jsonl"
"""One JSON object a row: ``from``, ``into``, ``policy``, and ``key`` as SQL literals."""


def list_settled(con: sqlite3.Connection, move: Move, alias: str, folder: Path) -> str:
    """Append the keys to the list in the backup set, readable by its owner alone; the rows are in the backups.

    To be called right before the copy.

    Returns:
        One sentence for the report, without values; empty when the policy settled nothing.
    """
    if move.map.on_conflict == "refuse":
        return ""
    count = 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(folder / NAME, flags, 0o600), "w", encoding="ascii") as file:
        for key in settled_keys(con, move, alias):
            count += 1
            one = {"from": move.subject, "into": move.into.name, "policy": move.map.on_conflict, "key": key}
            file.write(json.dumps(one) + "\n")
    if not count:
        return ""
    who = "rows of the target made place" if move.map.on_conflict == "prefer-source" else "rows were not moved"
    return f"{move.subject}: {count} {who} ({move.map.on_conflict}); their keys are in {folder.name}/{NAME}."
