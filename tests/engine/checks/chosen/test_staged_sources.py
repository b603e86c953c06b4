"""Specify what copying the rows of very many sources keeps open."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.checks import staged_sources
from sqlite_consolidate.engine.merge.staging import StagingDatabase
from sqlite_consolidate.engine.sqlite.connections import attach, open_memory, pragma
from sqlite_consolidate.plan.patterns import expand
from tests.support.workspaces.pattern_plans import plan_of_pattern

if TYPE_CHECKING:
    import pytest

    from tests.support.databases import Bench


def open_copies() -> set[str]:
    """Return the scratch databases that this process has open."""
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return {name for link in links if "gathered-" in (name := link.readlink().name)}


def test_few_of_many_scratch_databases_are_open(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each open connection has the names of all its tables in memory."""
    names = [f"p{number}.db" for number in range(5)]
    for name in names:
        bench.database(name, "CREATE TABLE call(id INTEGER PRIMARY KEY)")
    counts: list[int] = []
    add = StagingDatabase.add

    def counted_add(self: StagingDatabase, *args: Any, **keys: Any) -> None:
        add(self, *args, **keys)
        counts.append(len(open_copies()))

    monkeypatch.setattr(staged_sources, "_MOST_IN_ONE", 0)
    monkeypatch.setattr(StagingDatabase, "add", counted_add)

    bench.survey_of(expand(plan_of_pattern("p*.db"), lambda _: names))

    assert counts == [1, 2, 2, 2, 2]
    assert open_copies() == set()


def test_shares_of_sources_get_small_caches(tmp_path: Path) -> None:
    """SQLite would keep 2 MB of each share until the transaction of the target ends."""
    sizes = {}
    for is_share in (False, True):
        path = tmp_path / f"{is_share}.db"
        StagingDatabase(path, "UTF-8", is_share=is_share).close()
        with closing(open_memory()) as con:
            attach(con, path, "staged")
            sizes[is_share] = pragma(con, "cache_size", "staged")

    assert sizes == {False: -2000, True: 128}
