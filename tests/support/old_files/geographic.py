"""Write GeoPackages and MBTiles by their published specifications.

See https://www.geopackage.org/spec131/ and https://github.com/mapbox/mbtiles-spec.
"""

from __future__ import annotations

import struct
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

GEOPACKAGE = 0x47504B47
MBTILES = 0x4D504258
_SHARED = """
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents (table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
CREATE TABLE gpkg_ogr_contents (table_name TEXT NOT NULL PRIMARY KEY, feature_count INTEGER DEFAULT NULL);
CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
  definition TEXT NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', NULL),
  ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', NULL),
  ('WGS 84 geodetic', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298]]]', NULL);
"""
_LAYER = """
CREATE TABLE {name} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT, label TEXT);
CREATE VIRTUAL TABLE rtree_{name}_geom USING rtree(id, minx, maxx, miny, maxy);
INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change, srs_id)
  VALUES ('{name}', 'features', '{name}', '2024-01-01T00:00:00.000Z', 4326);
INSERT INTO gpkg_geometry_columns VALUES ('{name}', 'geom', 'POINT', 4326, 0, 0);
INSERT INTO gpkg_extensions VALUES ('{name}', 'geom', 'gpkg_rtree_index',
  'http://www.geopackage.org/spec120/#extension_rtree', 'write-only');
INSERT INTO gpkg_ogr_contents VALUES ('{name}', {number});
CREATE TRIGGER "trigger_insert_feature_count_{name}" AFTER INSERT ON "{name}" BEGIN
  UPDATE gpkg_ogr_contents SET feature_count = feature_count + 1 WHERE lower(table_name) = lower('{name}'); END;
CREATE TRIGGER "trigger_delete_feature_count_{name}" AFTER DELETE ON "{name}" BEGIN
  UPDATE gpkg_ogr_contents SET feature_count = feature_count - 1 WHERE lower(table_name) = lower('{name}'); END;
CREATE TRIGGER rtree_{name}_geom_insert AFTER INSERT ON {name}
  WHEN (new.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom)) BEGIN
  INSERT OR REPLACE INTO rtree_{name}_geom VALUES
  (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_{name}_geom_delete AFTER DELETE ON {name} WHEN old.geom NOT NULL BEGIN
  DELETE FROM rtree_{name}_geom WHERE id = OLD.fid; END;
"""
_TILES = """
CREATE TABLE metadata (name text, value text);
CREATE UNIQUE INDEX name ON metadata (name);
CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob);
CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row);
"""


def write_geopackage(path: Path, layer: str, number: int = 5, version: int = 10300) -> None:
    """Create a GeoPackage with one layer of points, its R-tree, and GDAL's number of rows."""
    points = [(fid, float(fid), fid / 2) for fid in range(1, number + 1)]
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.executescript(f"PRAGMA application_id={GEOPACKAGE}; PRAGMA user_version={version}; {_SHARED}")
        tables, _, triggers = _LAYER.format(name=layer, number=number).partition("CREATE TRIGGER")
        con.executescript(tables)
        con.executemany(
            f"INSERT INTO {layer} VALUES (?, ?, ?)", [(fid, point(x, y), f"{layer} {fid}") for fid, x, y in points]
        )
        con.executemany(
            f"INSERT INTO rtree_{layer}_geom VALUES (?, ?, ?, ?, ?)", [(f, x, x, y, y) for f, x, y in points]
        )
        con.executescript(f"CREATE TRIGGER{triggers}")


def point(x: float, y: float) -> bytes:
    """Return a point as a GeoPackage stores it (section 2.1.3 of the specification)."""
    return b"GP\0\x01" + struct.pack("<i", 4326) + struct.pack("<BIdd", 1, 1, x, y)


def write_mbtiles(path: Path, name: str, zooms: Sequence[int]) -> None:
    """Create MBTiles whose tile of zoom 0 is the same for each name."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.executescript(f"PRAGMA application_id={MBTILES}; {_TILES}")
        rows = [("name", name), ("format", "png"), ("minzoom", str(min(zooms))), ("maxzoom", str(max(zooms)))]
        con.executemany("INSERT INTO metadata VALUES (?, ?)", rows)
        con.executemany("INSERT INTO tiles VALUES (?, 0, 0, ?)", [(z, name.encode() if z else b"sea") for z in zooms])
