"""Draw databases with search indexes and sums that triggers keep."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

WORDS = ("harbour", "light", "boats", "sea", "Ähre", "o'clock", "x1", "3", "lights", "SEA")
OWNER = """CREATE TABLE owner(id INTEGER PRIMARY KEY, name TEXT UNIQUE, note TEXT, n INT NOT NULL DEFAULT 0, last INT,
size INT NOT NULL DEFAULT 0)"""
ITEM = "CREATE TABLE item(id INTEGER PRIMARY KEY, owner INT REFERENCES owner(id), tag TEXT UNIQUE, body, extra)"
SHOWN = "CREATE VIEW shown AS SELECT id, upper(body) AS body FROM item WHERE owner IS NOT NULL"
COUNTS = """CREATE TRIGGER counts AFTER INSERT ON item BEGIN UPDATE owner SET n = n + 1,
last = max(ifnull(last, 0), new.id), size = size + length(coalesce(new.body, '')) WHERE id = new.owner; END"""
SET = """n = (SELECT count(*) FROM item WHERE item.owner = owner.id),
last = (SELECT max(id) FROM item WHERE item.owner = owner.id),
size = ifnull((SELECT sum(length(coalesce(body, ''))) FROM item WHERE item.owner = owner.id), 0)"""
OLD_OPTIONS = ("", ", matchinfo=fts3", ", tokenize=porter", ", prefix='1,2'", ", order=desc")
COUNTED = ["n", "last", "size"]


@dataclass(frozen=True)
class Index:
    """Hold one search index with its triggers.

    Attributes:
        query: Query of its rows, for an index without external content.
        over: The table whose rows it has.
    """

    name: str
    sql: str
    triggers: tuple[str, ...]
    query: str = ""
    over: str = "item"

    @property
    def is_fts4(self) -> bool:
        """Return whether no [[stale]] can accept it."""
        return 'content="item"' in self.sql

    @property
    def is_area(self) -> bool:
        """Return whether it is an R-tree."""
        return "rtree" in self.sql

    @property
    def stores_rows(self) -> bool:
        """Return whether it has content of its own."""
        return "content=" not in self.sql


_ITEMS = "SELECT id, body, extra FROM item"
_PERSON = "(rowid, name, note) VALUES(new.id, new.name, new.note)"
_AREA = "length(new.extra) / 3.0, ifnull(length(new.extra), 0) + 7"
_LOUD = Index(
    "loud",
    "CREATE VIRTUAL TABLE loud USING fts5(body, content=shown, content_rowid=id)",
    (
        (
            "CREATE TRIGGER loud_ai AFTER INSERT ON item WHEN new.owner IS NOT NULL"
            " BEGIN INSERT INTO loud(rowid, body) VALUES(new.id, upper(new.body)); END"
        ),
    ),
)
_AREAS = Index(
    "areas",
    "CREATE VIRTUAL TABLE areas USING rtree(id, low, high, +label)",
    (f"CREATE TRIGGER areas_ai AFTER INSERT ON item BEGIN INSERT INTO areas VALUES(new.id, {_AREA}, new.tag); END",),
    f"SELECT id, {_AREA.replace('new.', '')}, tag FROM item",
)
_PEOPLE = Index(
    "people",
    "CREATE VIRTUAL TABLE people USING fts5(name, note, content=owner, content_rowid=id)",
    (f"CREATE TRIGGER people_ai AFTER INSERT ON owner BEGIN INSERT INTO people{_PERSON}; END",),
    over="owner",
)
_CARDS = Index(
    "cards",
    "CREATE VIRTUAL TABLE cards USING fts5(name, note)",
    (
        f"CREATE TRIGGER cards_ai AFTER INSERT ON owner BEGIN INSERT INTO cards{_PERSON}; END",
        (
            "CREATE TRIGGER cards_au AFTER UPDATE OF name, note ON owner"
            " BEGIN UPDATE cards SET note = new.note WHERE rowid = new.id; END"
        ),
    ),
    "SELECT id, name, note FROM owner",
    over="owner",
)


@dataclass(frozen=True)
class Database:
    """Hold the rows of one database by table."""

    file: str
    owners: Sequence[tuple[Any, ...]]
    items: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Scenario:
    """Hold a drawn workspace and what its plan states.

    Attributes:
        target: The target, or None if the run creates it.
        indexes: The search indexes that the target will have.
        has_arriving_indexes: Whether the sources bring the indexes, and the target has none of its own.
        keys: ``keep``, ``renumber``, or ``match`` where owners of one name are one row.
        policy: What happens to an owner that the target has already.
        plan: ``complete``, or what is wrong with the entries about derived data.
        lacking: The entry that the plan leaves out, or a name that it accepts as stale.
        is_copied: Whether rows of indexes with their own content are copied, and not rebuilt.
    """

    target: Database | None
    sources: Sequence[Database]
    indexes: Sequence[Index]
    has_arriving_indexes: bool
    keys: str
    policy: str
    plan: str
    lacking: str
    is_copied: bool = False

    @property
    def databases(self) -> list[Database]:
        """Return all databases, the target first."""
        return [*([self.target] if self.target else []), *self.sources]


def draw(seed: int) -> Scenario:
    """Draw a workspace by its seed."""
    rng = random.Random(seed)  # noqa: S311 -- no secret depends on it
    keys = rng.choice(["keep", "renumber", "match"])
    matched = rng.choice(["skip-identical", "prefer-target", "prefer-source"])
    policy = {"renumber": "refuse", "keep": "prefer-target", "match": matched}[keys]
    differing = keys == "match" and policy != "skip-identical"
    has_target = rng.random() < 0.7
    numbers = range(rng.randint(1, 3))
    drawn = [_database(rng, f"s{number}.db", number + 1, keys, differing=differing) for number in numbers]
    target = _database(rng, "target.db", 0, keys, differing=differing) if has_target else None
    indexes = rng.sample(_indexes(rng), rng.randint(1, 5))
    plan = rng.choice([*("complete",) * 5, "lacking", "lacking", "stale", "changing"])
    has_arriving_indexes = not has_target or rng.random() < 0.3
    # Owners that all databases share are no rows that arrive.
    names = [index.name for index in indexes if index.over == "item" or keys == "renumber"]
    acceptable = [index.name for index in indexes if not index.is_fts4]
    if plan == "stale" and (has_arriving_indexes or not acceptable):
        plan = "complete"
    lacking = {"lacking": rng.choice([*names, "owner"]), "stale": rng.choice(acceptable or [""])}.get(plan, "")
    is_alone = not target and len(drawn) == 1 and policy == "refuse"
    if plan == "lacking" and (has_arriving_indexes if lacking != "owner" else is_alone):
        plan = "left"  # the index stays in the archive, or the sums of one source are right
    is_copied = not target and policy == "refuse" and rng.random() < 0.5
    return Scenario(target, drawn, indexes, has_arriving_indexes, keys, policy, plan, lacking, is_copied)


def _database(rng: random.Random, file: str, number: int, keys: str, *, differing: bool) -> Database:
    shared = keys != "renumber"
    names = [f"owner {at}" if shared else f"{file} {at}" for at in range(1, 4)]
    numbers = rng.sample(range(1, 9), 3) if keys == "match" else [1, 2, 3]
    notes = ["shared light" if shared and not differing else rng.choice(["a sea", None, file]) for _ in names]
    owners = list(zip(numbers, names, notes, strict=True))
    first = number * 1000 if keys == "keep" else 0
    count = rng.randint(1, 12)
    ids = rng.sample(range(first + 1, first + 40), count)
    items = [(id_, rng.choice([*numbers, None]), f"{file} {id_}", _value(rng), _value(rng)) for id_ in ids]
    return Database(file, owners, items)


def _value(rng: random.Random) -> Any:
    text = " ".join(rng.choices(WORDS, k=rng.randint(0, 5)))
    return rng.choice([text, text, text, None, rng.randint(-3, 3), 2.5, text.encode()])


def _indexes(rng: random.Random) -> list[Index]:
    """Return one index of each kind."""
    options = rng.choice(
        ["", ", tokenize='porter'", ", detail=none", ", detail=column", ", columnsize=0", ", prefix='1 2'"]
    )
    bare = rng.choice(["", ", detail=none", ", tokenize='porter unicode61'", ", prefix='2'"])
    if sqlite3.sqlite_version_info >= (3, 43) and rng.random() < 0.3:
        bare += ", contentless_delete=1"
    unindexed = ", contentless_unindexed=1" if sqlite3.sqlite_version_info >= (3, 47) else ""
    stored = rng.choice(["fts3", "fts4", "fts5"])
    return [
        _over_items("words", f"fts5(body, extra, content=item, content_rowid=id{options})"),
        _over_items("old_words", 'fts4(body, extra, content="item")'),
        _over_items("bare", f"fts5(body, extra, content=''{bare})", _ITEMS),
        _LOUD,
        _over_items("old_bare", f"fts4(body, extra, content=''{rng.choice(OLD_OPTIONS)})", _ITEMS),
        _over_items("no_lengths", "fts5(body, extra, content='', columnsize=0)", _ITEMS),
        _over_items("half", f"fts5(body, extra UNINDEXED, content=''{unindexed})", _ITEMS),
        _over_items("stored", f"{stored}(body, extra)", _ITEMS),
        _AREAS,
        _PEOPLE,
        _CARDS,
    ]


def _over_items(name: str, module: str, query: str = "") -> Index:
    """Return an index of the texts of items, with the trigger that fills it."""
    fill = f"INSERT INTO {name}(rowid, body, extra) VALUES(new.id, new.body, new.extra)"
    return Index(
        name,
        f"CREATE VIRTUAL TABLE {name} USING {module}",
        (f"CREATE TRIGGER {name}_ai AFTER INSERT ON item BEGIN {fill}; END",),
        query,
    )


def write(scenario: Scenario, root: Path) -> None:
    """Write all databases, whose triggers keep sums and indexes."""
    for database in scenario.databases:
        has_indexes = scenario.has_arriving_indexes != (database is scenario.target)
        create(root / database.file, scenario.indexes if has_indexes else (), database.owners, database.items)


def create(path: Path, indexes: Sequence[Index], owners: Sequence[Any], items: Sequence[Any]) -> None:
    """Create one database as an application would."""
    statements = [OWNER, ITEM, SHOWN, COUNTS, *(sql for index in indexes for sql in (index.sql, *index.triggers))]
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous=OFF")
        for statement in statements:
            con.execute(statement)
        con.executemany("INSERT INTO owner(id, name, note) VALUES(?, ?, ?)", owners)
        con.executemany("INSERT INTO item VALUES(?, ?, ?, ?, ?)", items)
