"""Files that share reference tables become one file that their readers accept."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.databases import TARGET, Bench, table, whole_source
from tests.support.old_files.geographic import GEOPACKAGE, MBTILES, write_geopackage, write_mbtiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.databases import Copied

SHARED = table("gpkg_spatial_ref_sys", on_conflict="skip-identical")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return a folder of databases."""
    with ExitStack() as resources:
        yield Bench(tmp_path, resources)


def versions(copied: Copied) -> tuple[int, int]:
    """Return the two numbers by which programs know a file."""
    return copied.rows("PRAGMA application_id")[0][0], copied.rows("PRAGMA user_version")[0][0]


@pytest.mark.parametrize("has_target", [False, True], ids=["new", "target"])
def test_geopackages_become_one_with_two_layers(bench: Bench, has_target: bool) -> None:
    """Each layer keeps its R-tree, and the triggers whose functions SQLite lacks."""
    write_geopackage(bench.root / (TARGET if has_target else "towns.db"), "towns")
    write_geopackage(bench.root / "lakes.db", "lakes", 7)
    names = ["lakes.db"] if has_target else ["towns.db", "lakes.db"]

    copied = bench.copied(*(whole_source(name, SHARED) for name in names))

    assert versions(copied) == (GEOPACKAGE, 10300)
    assert copied.rows("SELECT count(*) FROM gpkg_spatial_ref_sys") == [(3,)]
    layers = "SELECT table_name, organization FROM gpkg_geometry_columns JOIN gpkg_spatial_ref_sys USING (srs_id)"
    assert sorted(copied.rows(layers)) == [("lakes", "EPSG"), ("towns", "EPSG")]
    inside = "SELECT label FROM lakes WHERE fid IN (SELECT id FROM rtree_lakes_geom WHERE minx > 5.5 AND maxy < 9)"
    assert sorted(copied.rows(inside)) == [("lakes 6",), ("lakes 7",)]
    assert copied.rows("PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("has_target", [False, True], ids=["new", "target"])
def test_counts_of_layers_follow_new_rows(bench: Bench, has_target: bool) -> None:
    """Each trigger is moved, because it changes only the row of its own layer."""
    write_geopackage(bench.root / (TARGET if has_target else "towns.db"), "towns")
    write_geopackage(bench.root / "lakes.db", "lakes", 7)
    names = ["lakes.db"] if has_target else ["towns.db", "lakes.db"]

    copied = bench.copied(*(whole_source(name, SHARED) for name in names))

    triggers = {name for (name,) in copied.rows("SELECT name FROM sqlite_schema WHERE type = 'trigger'")}
    kinds = ["rtree_{}_geom_insert", "rtree_{}_geom_delete"]
    kinds += ["trigger_insert_feature_count_{}", "trigger_delete_feature_count_{}"]
    assert triggers == {kind.format(layer) for layer in ("towns", "lakes") for kind in kinds}
    assert [finding.id for finding in copied.inspected.findings if "trigger" in finding.id] == []
    copied.con.execute("DROP TRIGGER rtree_towns_geom_insert")  # its functions are those of GDAL
    copied.con.execute("INSERT INTO towns VALUES (6, NULL, 'new')")
    copied.con.execute("DELETE FROM lakes WHERE fid > 4")
    counts = "SELECT table_name, feature_count FROM gpkg_ogr_contents ORDER BY 1"
    assert copied.rows(counts) == [("lakes", 4), ("towns", 6)]


def test_versions_that_differ_are_reported(bench: Bench) -> None:
    """The run cannot know which of two versions the schema has now."""
    write_geopackage(bench.root / "towns.db", "towns", version=10200)
    write_geopackage(bench.root / "lakes.db", "lakes", version=10300)

    inspected = bench.survey(whole_source("towns.db", SHARED), whole_source("lakes.db", SHARED))

    assert inspected.target_schema.versions == {"application_id": GEOPACKAGE}
    assert [finding.subject for finding in inspected.findings if finding.id == "version-left"] == [TARGET]


def test_mbtiles_become_one_with_tiles_of_both(bench: Bench) -> None:
    """The tile that both have is there once, and the metadata of the first one stays."""
    write_mbtiles(bench.root / "north.db", "north", [0, 1, 2])
    write_mbtiles(bench.root / "south.db", "south", [0, 3])
    policies = table("metadata", on_conflict="prefer-target"), table("tiles", on_conflict="skip-identical")

    copied = bench.copied(*(whole_source(name, *policies) for name in ("north.db", "south.db")))

    assert versions(copied) == (MBTILES, 0)
    assert copied.rows("SELECT zoom_level, tile_data FROM tiles ORDER BY 1") == [
        (0, b"sea"),
        (1, b"north"),
        (2, b"north"),
        (3, b"south"),
    ]
    assert copied.rows("SELECT value FROM metadata WHERE name = 'name'") == [("north",)]
