"""Test that views follow the tables that they read to other names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import TARGET, Bench, source, table
from tests.support.target_schemas import planned_objects, sql_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.plan.model import TableMap

TILES = (
    "CREATE TABLE map(id INTEGER PRIMARY KEY, z, image)",
    "CREATE TABLE images(id INTEGER PRIMARY KEY, data)",
    "CREATE VIEW tiles AS SELECT map.z AS z, images.data AS data FROM map JOIN images ON images.id = map.image",
)
DEEP = "CREATE VIEW deep AS SELECT data FROM tiles WHERE z > 5"
PUT = "CREATE TRIGGER put INSTEAD OF INSERT ON tiles BEGIN INSERT INTO images(data) VALUES(new.data); END"
APART = (table("map", into="a_map"), table("images", into="a_images"))


def ids(findings: Sequence[Finding]) -> list[str]:
    """Return the id of each finding."""
    return [finding.id for finding in findings]


def test_view_of_tables_kept_apart_reads_them(bench: Bench) -> None:
    """The target has a view of the same text, which reads tables of its own."""
    bench.database(TARGET, *TILES, "INSERT INTO map VALUES(1, 2, 1)", "INSERT INTO images VALUES(1, 'theirs')")
    bench.database("a.db", *TILES, "INSERT INTO map VALUES(1, 3, 1)", "INSERT INTO images VALUES(1, 'ours')")

    copied = bench.copied(source("a.db", *APART))

    assert [s.name for s in copied.inspected.target_schema.after_rows] == ["a_tiles"]
    assert ids(copied.inspected.findings) == ["name-changed"]


def test_view_whose_name_is_free_keeps_it(bench: Bench) -> None:
    """Code that reads it needs no change."""
    bench.database(TARGET, *TILES[:2])
    bench.database("a.db", *TILES, DEEP)

    target_schema = bench.target_schema(source("a.db", *APART))

    assert planned_objects(target_schema)[2:] == [("view", "tiles"), ("view", "deep")]
    assert 'FROM "a_map" JOIN "a_images"' in sql_of(target_schema, "tiles")
    assert ids(target_schema.findings) == []


def test_view_that_another_source_has_gets_a_name(bench: Bench) -> None:
    """Neither of them is the one that code without a change can mean."""
    for file in ("a.db", "b.db"):
        bench.database(file, *TILES)

    apart = (table("map", into="b_map"), table("images", into="b_images"))
    target_schema = bench.survey(source("a.db", *APART), source("b.db", *apart)).target_schema

    assert [name for kind, name in planned_objects(target_schema) if kind == "view"] == ["a_tiles", "b_tiles"]


def test_view_named_like_another_table_gets_a_name(bench: Bench) -> None:
    """Code of the other source would read the view."""
    bench.database("a.db", *TILES)
    bench.database("b.db", "CREATE TABLE tiles(id INTEGER PRIMARY KEY)")

    target_schema = bench.survey(source("a.db", *APART), source("b.db", table("tiles", into="b_tiles"))).target_schema

    assert ("view", "a_tiles") in planned_objects(target_schema)


def test_views_on_views_and_triggers_follow(bench: Bench) -> None:
    """The view on a view was created before it in the source."""
    bench.database(TARGET, *TILES, DEEP, PUT)
    bench.database("a.db", TILES[0], TILES[1], DEEP, TILES[2], PUT)

    target_schema = bench.target_schema(source("a.db", *APART))

    assert planned_objects(target_schema)[2:] == [("view", "a_tiles"), ("view", "a_deep"), ("trigger", "a_tiles_put")]
    assert sql_of(target_schema, "a_deep") == 'CREATE VIEW "a_deep" AS SELECT data FROM "a_tiles" WHERE z > 5'
    put = sql_of(target_schema, "a_tiles_put")
    assert 'INSTEAD OF INSERT ON "a_tiles" BEGIN INSERT INTO "a_images"(data)' in put


def test_tables_without_common_prefix_give_the_source_name(bench: Bench) -> None:
    """The view has the name of the source and its own, because the target has its name."""
    bench.database(TARGET, *TILES)
    bench.database("a.db", *TILES)

    target_schema = bench.target_schema(source("a.db", table("map", into="maps"), table("images", into="pictures")))

    assert ("view", "a_tiles") in planned_objects(target_schema)
    assert 'FROM "maps" JOIN "pictures"' in sql_of(target_schema, "a_tiles")


def test_view_keeps_its_columns_when_theirs_are_renamed(bench: Bench) -> None:
    """Without a list of columns the view would have the new names."""
    bench.database("a.db", "CREATE TABLE t(old, b)", "CREATE VIEW v AS SELECT * FROM t")

    target_schema = bench.target_schema(source("a.db", table("t", into="u", columns={"old": "new"})))

    assert sql_of(target_schema, "v") == 'CREATE VIEW "v"("old", "b") AS SELECT * FROM "u"'


def test_equal_views_of_two_sources_are_kept_apart(bench: Bench) -> None:
    """The tables of the first keep their names."""
    for file in ("a.db", "b.db"):
        bench.database(file, *TILES)

    apart = (table("map", into="b_map"), table("images", into="b_images"))
    target_schema = bench.target_schema(source("a.db", "map", "images"), source("b.db", *apart))

    assert [name for kind, name in planned_objects(target_schema) if kind == "view"] == ["tiles", "b_tiles"]


@pytest.mark.parametrize("moved", [table("map"), table("map", into="a_map")], ids=["same-name", "other-name"])
def test_view_that_reads_unmoved_table_is_named(bench: Bench, moved: TableMap) -> None:
    """The target's view of the same text reads other rows."""
    bench.database(TARGET, *TILES)
    bench.database("a.db", *TILES)

    target_schema = bench.target_schema(source("a.db", moved))

    assert ids(target_schema.findings) == ["view-left"]
    assert "it reads images," in target_schema.findings[0].text
    assert target_schema.left_views == {"a": {"tiles"}}


def test_view_on_view_that_stays_stays_too(bench: Bench) -> None:
    """The target has another view of that name, which it would read."""
    bench.database(TARGET, TILES[0], TILES[1], "CREATE VIEW tiles AS SELECT z, 1 AS data FROM map")
    bench.database("a.db", *TILES, DEEP)

    target_schema = bench.target_schema(source("a.db", "map", "images"))

    assert ids(target_schema.findings) == ["view-left", "view-left"]
    assert target_schema.left_views == {"a": {"tiles", "deep"}}


def test_name_of_mapped_view_may_be_taken(bench: Bench) -> None:
    """The view stays in the archive then."""
    bench.database(TARGET, *TILES, "CREATE TABLE a_tiles(v)")
    bench.database("a.db", *TILES)

    target_schema = bench.target_schema(source("a.db", *APART))

    assert ids(target_schema.findings) == ["view-left"]
    assert target_schema.left_views == {"a": {"tiles"}}


def test_view_that_names_an_index_follows_its_table(bench: Bench) -> None:
    """SQLite compiles it only where the index exists."""
    bench.database(
        "a.db", "CREATE TABLE t(a)", "CREATE INDEX i ON t(a)", "CREATE VIEW v AS SELECT a FROM t INDEXED BY i"
    )

    target_schema = bench.target_schema(source("a.db", table("t", into="u")))

    assert 'FROM "u" INDEXED BY i' in sql_of(target_schema, "v")


def test_view_without_its_index_stays_behind(bench: Bench) -> None:
    """The index gets another name, because the target has one of this name."""
    bench.database(TARGET, "CREATE TABLE other(a)", "CREATE INDEX i ON other(a)")
    bench.database(
        "a.db", "CREATE TABLE t(a)", "CREATE INDEX i ON t(a)", "CREATE VIEW v AS SELECT a FROM t INDEXED BY i"
    )

    target_schema = bench.target_schema(source("a.db", table("t", into="u")))

    assert ids(target_schema.findings) == ["name-changed", "view-left"]
    assert "no such index" in target_schema.findings[1].text
