"""Run over workspaces with derived data, and compare it with that of an application.

The oracle is a fresh database. Its triggers see each row that the target has to have.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.plan.model import Leave, Source, TableMap
from sqlite_consolidate.plan.parts.derived import Rebuild, Refresh, Stale
from tests.support.exactness.accepting import consolidate
from tests.support.exactness.derived.drawn_derived import COUNTED, SET, WORDS, create, draw, write
from tests.support.exactness.exact import files
from tests.support.exactness.random_run import run_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tests.support.exactness.derived.drawn_derived import Database, Index, Scenario
else:
    from sqlite_utils.utils import sqlite3

_NO_CONTENT = "unable to validate the inverted index for FTS4 table main.old_bare"
_NEW = (9000, 1, "new", "harbour boats new", None)


def derived_trial(seed: int, folder: Path) -> list[str]:
    """Run over the workspace of a seed, and return how that ended.

    Raises:
        AssertionError: It ended otherwise than its plan demands, or derived data is not that of an application.
    """
    scenario, root = draw(seed), folder / "workspace"
    root.mkdir()
    write(scenario, root)
    before = files(root)
    verdict = consolidate(run_of(root, [_planned(scenario, source) for source in scenario.sources], **_keys(scenario)))
    if scenario.plan in ("complete", "stale", "left"):
        assert verdict.accepted, verdict.words
        _compare(scenario, root / "target.db", folder)
        return [f"accepted, {scenario.plan}"]
    kept = {name: data for name, data in files(root).items() if not name.startswith("backups/")}
    assert kept == before, verdict.words
    criteria = {entry.criterion for entry in verdict.wrong}
    wanted = "derived-declared" if scenario.plan == "lacking" else "derived-right"
    assert wanted in criteria, verdict.words
    assert verdict.untouched == (scenario.plan == "lacking")
    return [f"refused, {scenario.plan}"]


def _planned(scenario: Scenario, source: Database) -> Source:
    indexes = scenario.indexes if scenario.has_arriving_indexes else []
    maps = [
        {"name": "owner", "on_conflict": scenario.policy, **({"match": ["name"]} if scenario.keys == "match" else {})},
        {"name": "item"},
        *(_index_map(scenario, index) for index in indexes if index.name != scenario.lacking),
    ]
    left = [Leave(tables=(f"{scenario.lacking}*",), reason="drawn")]
    is_left = scenario.plan == "left" and scenario.lacking != "owner"
    return Source.model_validate(
        {
            "name": source.file.removesuffix(".db"),
            "file": source.file,
            "table": [TableMap.model_validate(table) for table in maps],
            "keys": "keep" if scenario.keys == "keep" else "renumber",
            "leave": left if is_left else [],
        }
    )


def _index_map(scenario: Scenario, index: Index) -> dict[str, Any]:
    """Return the table mapping of an index that arrives from a source."""
    follows = scenario.is_copied and index.stores_rows and scenario.keys == "renumber"
    refers = [{"column": "rowid", "to": f"{index.over}.id"}]
    return {"name": index.name, **({"refers": refers} if follows else {})}


def _keys(scenario: Scenario) -> dict[str, Any]:
    """Return the entries of the plan about derived data."""
    changing = "n = n + 1, last = 0, size = 0"
    refresh = Refresh(
        table="owner",
        columns=COUNTED,
        set_=changing if scenario.plan == "changing" else SET,
        reason="kept by a trigger",
    )
    names = [index.name for index in scenario.indexes]
    rebuilds = [
        Rebuild(table=index.name, from_=index.query)
        for index in scenario.indexes
        if index.name != scenario.lacking and not (scenario.is_copied and index.stores_rows)
    ]
    stale = [Stale(name=scenario.lacking, reason="drawn")] if scenario.plan == "stale" else []
    assert not stale or scenario.lacking in names
    return {"refreshes": [] if scenario.lacking == "owner" else [refresh], "rebuilds": rebuilds, "stale": stale}


def _compare(scenario: Scenario, target: Path, folder: Path) -> None:
    """Compare the target with an oracle, and once more after both have the next row."""
    ids = dict(_rows(target, "SELECT tag, id FROM item"))
    owners_by_name = dict(_rows(target, "SELECT name, id FROM owner"))
    noted: dict[str, Any] = {}
    for database in scenario.databases:
        for _, name, note in database.owners:
            if scenario.policy == "prefer-source" or name not in noted:
                noted[name] = note
    owners = [(owners_by_name[name], name, note) for name, note in noted.items()]
    items = []
    for database in scenario.databases:
        names = {number: name for number, name, _ in database.owners}
        items += [
            (ids[tag], owners_by_name[names[owner]] if owner else None, tag, body, extra)
            for _, owner, tag, body, extra in database.items
        ]
    assert len(set(ids.values())) == len(items)
    oracle = folder / "oracle.db"
    create(oracle, scenario.indexes, owners, items)
    assert _state(target, scenario) == _state(oracle, scenario)
    later = folder / "later.db"
    shutil.copyfile(target, later)
    for path in (later, oracle):
        with closing(sqlite3.connect(path, isolation_level=None)) as con:
            con.execute("INSERT INTO item VALUES(?, ?, ?, ?, ?)", _NEW)
            for index in scenario.indexes:
                if "fts5" in index.sql and index.name != scenario.lacking:
                    con.execute(f"INSERT INTO {index.name}({index.name}, rank) VALUES('integrity-check', 1)")
    assert _state(later, scenario) == _state(oracle, scenario)


def _state(path: Path, scenario: Scenario) -> dict[str, Any]:
    """Return all rows, sums and search results of a database."""
    state: dict[str, Any] = {
        "owner": sorted(map(repr, _rows(path, "SELECT * FROM owner"))),
        "item": sorted(map(repr, _rows(path, "SELECT * FROM item"))),
        "integrity": [
            line
            for (line,) in _rows(path, "PRAGMA integrity_check")
            if line != "ok" and not line.startswith(_NO_CONTENT)
        ],
    }
    searches = [*WORDS, "li*", '"harbour light"', "boats NOT sea"]
    for index in scenario.indexes:
        if index.name == scenario.lacking:
            continue
        if index.stores_rows:
            state[f"{index.name}: rows"] = sorted(map(repr, _rows(path, f"SELECT rowid, * FROM {index.name}")))
        if index.is_area:
            around = f"SELECT id FROM {index.name} WHERE low <= ? AND high >= ?"
            state |= {f"{index.name}: {at}": sorted(_rows(path, around, at, at)) for at in range(12)}
            continue
        for search in searches:
            query = f"SELECT rowid FROM {index.name} WHERE {index.name} MATCH ?"
            state[f"{index.name}: {search}"] = _search(path, query, _quoted(search))
    return state


def _quoted(search: str) -> str:
    return search if search in ("li*", "boats NOT sea") or search.startswith('"') else f'"{search}"'


def _search(path: Path, query: str, value: str) -> Any:
    try:
        return sorted(_rows(path, query, value))
    except sqlite3.OperationalError as error:  # no phrases without detail
        return str(error)


def _rows(path: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as con:
        return con.execute(query, values).fetchall()
