"""Settled: which rows a conflict policy kept from arriving, or took away; their keys are listed in the backup set."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from migration.engine.findings import Finding
from migration.engine.transfer import settled_keys

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from migration.engine.move import Move

NAME = "settled-conflicts.jsonl"
"""One JSON object a row: ``from``, ``into``, ``policy``, and ``key`` as SQL literals."""

_FACTS = {
    "skip-identical": ("rows-skipped", "not moved, because the target has the same"),
    "prefer-target": ("rows-not-moved", "not moved, because the target has the key"),
    "prefer-source": ("rows-replaced", "of the target replaced"),
}
"""Conflict policy to the id of its finding, and what became of the rows."""


def list_settled(con: sqlite3.Connection, move: Move, alias: str, folder: Path) -> Finding | None:
    """Append the keys to the list in the backup set, readable by its owner alone; the rows are in the backups.

    To be called right before the copy.

    Returns:
        How many rows it decided on, without values; None when it decided on none.
    """
    if move.map.on_conflict == "refuse":
        return None
    count = 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(folder / NAME, flags, 0o600), "w", encoding="ascii") as file:
        for key in settled_keys(con, move, alias):
            count += 1
            one = {"from": move.subject, "into": move.into.name, "policy": move.map.on_conflict, "key": key}
            file.write(json.dumps(one) + "\n")
    if not count:
        return None
    id, fact = _FACTS[move.map.on_conflict]
    text = f"{fact} ({move.map.on_conflict}); the keys are in {folder.name}/{NAME}."
    return Finding.of(id, move.subject, text, count=count, noun="row")
