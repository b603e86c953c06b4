"""Consolidate random files of a pattern, and compare with an oracle of plain SQL."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sqlite_consolidate import consolidate, load_plan, rollback

if TYPE_CHECKING:
    from pathlib import Path

Rows = Counter[tuple[Any, ...]]

_PLAN = """\
format = 1
name = "phones"
target = "phones/all.db"
dump = false

[[source]]
name = "phone"
file = "phones/*.db"
optional = true
keys = "renumber"
constants = { device = "{stem}", origin = "{name}" }
[[source.table]]
name = "person"
create = "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, boss INTEGER REFERENCES person(id), device TEXT)"
[[source.table]]
name = "call"
create = "CREATE TABLE call (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER REFERENCES person(id), note, origin)"
"""
_PERSON = "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, boss INTEGER REFERENCES person(id))"
_CALLS = (
    "CREATE TABLE call (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER REFERENCES person(id), note)",
    "CREATE TABLE call (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER REFERENCES person(id))",
    "",
    "CREATE TABLE call (id INTEGER PRIMARY KEY AUTOINCREMENT, note)",
)
_NAMES = "ab A.[]{}'\"%\N{LATIN SMALL LETTER E WITH ACUTE}-"
_NOTES: tuple[Any, ...] = (None, "", "text", 7, 7.5, b"\0\xff", "line\nfeed")


def pattern_trial(seed: int, folder: Path) -> list[str]:
    """Consolidate random files, roll back, and return how it ended.

    Raises:
        AssertionError: The run was refused, its result is not that of the oracle, or the rollback left something.
    """
    draw, root = random.Random(seed), folder / "workspace"  # noqa: S311 -- repeatable, and no secret
    (root / "phones/older").mkdir(parents=True)
    has_target = draw.random() < 0.5
    if has_target:
        _create(draw, root / "phones/all.db", 0, existing=True)
    names = {"".join(draw.choices(_NAMES, k=draw.randint(1, 4))) for _ in range(draw.choice([0, 1, 2, 3, 4, 12]))}
    files = sorted((f"phones/{name}.db" for name in names - {"all"}), key=str.encode)
    for number, file in enumerate(files):
        _create(draw, root / file, draw.choice([0, 0, 0, 1, 2, 3]) if number else 0)
    for decoy in ("phones/old.db.archived_20200101_000000", "phones/older/c.db", "phones/notes.txt"):
        _create(draw, root / decoy, 0)
    plan_file = folder / "plan.toml"
    plan_file.write_text(_PLAN, encoding="utf-8")
    expected, before = _oracle(root, files, has_target=has_target), _digests(root)
    plan = load_plan(plan_file)
    if not files and not has_target:
        return ["nothing to do"]
    result = consolidate(plan, root)
    assert result.accepted, [f"{entry.criterion} {entry.subject}: {entry.observed}" for entry in result.failures]
    with closing(sqlite3.connect(root / "phones/all.db")) as con:
        observed = _content(con)
        mark = con.execute("SELECT seq FROM sqlite_sequence WHERE name = 'call'").fetchone()
        highest = con.execute("SELECT max(id) FROM call").fetchone()[0]
    left = [file for file in files if (root / file).exists()]
    undone = rollback(plan, root)
    wrong = {
        "rows": observed != expected,
        "mark": highest is not None and (mark is None or mark[0] < highest),
        "not archived": bool(left),
        "rollback": not undone.accepted or _digests(root) != before,
    }
    assert not any(wrong.values()), wrong
    return ["accepted"]


def _create(draw: random.Random, path: Path, calls: int, *, existing: bool = False) -> None:
    """Create a database of a phone, whose table of calls may lack a column or be missing."""
    with closing(sqlite3.connect(path)) as con:
        con.execute(_PERSON if not existing else f"{_PERSON[:-1]}, device TEXT)")
        people = draw.sample(range(-2, 40), draw.randint(0, 6))
        for person in people:
            boss = draw.choice([None, *people])
            con.execute("INSERT INTO person(id, name, boss) VALUES (?, ?, ?)", (person, draw.choice("xyz"), boss))
        statement = _CALLS[calls] if not existing else f"{_CALLS[0][:-1]}, origin)"
        if statement:
            con.execute(statement)
            for call in draw.sample(range(1, 60), draw.randint(0, 8)):
                con.execute("INSERT INTO call(id) VALUES (?)", (call,))
                values = {"person": draw.choice([None, *people]), "note": draw.choice(_NOTES)}
                for column in values if not calls else {1: ["person"], 3: ["note"]}[calls]:
                    con.execute(f"UPDATE call SET {column} = ? WHERE id = ?", (values[column], call))
        con.commit()


def _oracle(root: Path, files: list[str], *, has_target: bool) -> Rows:
    """Return the rows of the target, each with the content of those that it has to refer to."""
    rows: Rows = Counter()
    for file in [*(["phones/all.db"] if has_target else []), *files]:
        stem = PurePosixPath(file).stem
        with closing(sqlite3.connect(root / file)) as con:
            if file == "phones/all.db":
                rows += _content(con)
                continue
            tables = {name for (name,) in con.execute("SELECT name FROM sqlite_schema")}
            for name, boss in con.execute("SELECT p.name, b.name FROM person p LEFT JOIN person b ON b.id = p.boss"):
                rows["person", stem, name, boss, stem if boss is not None else None] += 1
            if "call" in tables:
                columns = {row[1] for row in con.execute("PRAGMA table_info(call)")}
                note, person = (f"c.{name}" if name in columns else "NULL" for name in ("note", "person"))
                query = f"SELECT p.name, {note}, typeof({note}) FROM call c LEFT JOIN person p ON p.id = {person}"
                for name, value, kind in con.execute(query):
                    rows["call", "phone", name, stem if name is not None else None, value, kind] += 1
    return rows


def _content(con: sqlite3.Connection) -> Rows:
    """Return the rows of the target, each with the content of those that it refers to."""
    rows: Rows = Counter()
    query = (
        "SELECT p.device, p.name, b.name, b.device FROM person p LEFT JOIN person b ON b.id = p.boss",
        "SELECT c.origin, p.name, p.device, c.note, typeof(c.note) FROM call c LEFT JOIN person p ON p.id = c.person",
    )
    for name, statement in zip(("person", "call"), query, strict=True):
        for row in con.execute(statement):
            rows[(name, *row)] += 1
    return rows


def _digests(root: Path) -> dict[str, str]:
    """Return the digest of each file, and the statements of the target."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and "backups" not in path.parts)
    digests = {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    if "phones/all.db" in digests:
        with closing(sqlite3.connect(root / "phones/all.db")) as con:
            digests["phones/all.db"] = "\n".join(con.iterdump())
    return digests
