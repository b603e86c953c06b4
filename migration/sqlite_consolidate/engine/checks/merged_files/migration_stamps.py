"""Recognise the tables of migration tools and of frameworks, by their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.sqlite.schema.objects import Table

MIGRATION_STAMPS = frozenset(
    {
        "__diesel_schema_migrations",
        "__drizzle_migrations",
        "__efmigrationshistory",
        "__efmigrationslock",
        "_fluent_migrations",
        "_prisma_migrations",
        "_sqlx_migrations",
        "_yoyo_log",
        "_yoyo_migration",
        "_yoyo_version",
        "aerich",
        "alembic_version",
        "android_metadata",
        "ar_internal_metadata",
        "atlas_schema_revisions",
        "databasechangelog",
        "databasechangeloglock",
        "directus_migrations",
        "django_migrations",
        "doctrine_migration_versions",
        "flyway_schema_history",
        "goose_db_version",
        "gorp_migrations",
        "grdb_migrations",
        "knex_migrations",
        "knex_migrations_lock",
        "kysely_migration",
        "kysely_migration_lock",
        "meta",
        "migratehistory",
        "migration_log",
        "migration_versions",
        "migrations",
        "migrations_lock",
        "mikro_orm_migrations",
        "payload_migrations",
        "phinxlog",
        "play_evolutions",
        "refinery_schema_history",
        "room_master_table",
        "schema_info",
        "schema_migrations",
        "schema_version",
        "seaql_migrations",
        "sequelizemeta",
        "settings",
        "south_migrationhistory",
        "strapi_database_schema",
        "strapi_migrations",
        "strapi_migrations_internal",
        "typeorm_metadata",
        "versioninfo",
        "z_metadata",
        "z_modelcache",
        "z_primarykey",
    }
)
"""Folded names of tables that hold the migrations, the schema version or the settings of a program."""

_OF_FRAMEWORKS = re.compile(
    r"(auth|authtoken|django)_|(action_mailbox|action_text|active_storage|solid_(cable|cache|queue))_"  # Django, Rails
    r"|(failed_jobs|job_batches|cache_locks|personal_access_tokens|password_reset(_token)?s)$"  # Laravel
    r"|aspnet|gpkg_|rtree_|spatial_ref_sys|geometry_columns"  # ASP.NET, GeoPackage, SpatiaLite
    r"|strapi_|z_"  # Strapi, Core Data
)

_MAX_ROWS = 10_000

Stamp = frozenset[str]
"""Rows of a table of migrations, each as a text that shows the storage class of each value."""


def is_migration_stamp(table: str) -> bool:
    """Return whether a table has a name that a migration tool uses."""
    return folded(table) in MIGRATION_STAMPS


def is_of_framework(table: str) -> bool:
    """Return whether a table is named like one that a framework declares and fills."""
    return _OF_FRAMEWORKS.match(folded(table)) is not None


def read_stamp(con: sqlite3.Connection, table: Table) -> Stamp | None:
    """Return the rows of a table of migrations.

    None is returned for any other table, and for one with too many rows.
    """
    if not is_migration_stamp(table.name):
        return None
    values = " || ',' || ".join(f"hex(quote({quoted(column.name)}))" for column in table.columns if not column.hidden)
    rows = con.execute(f"SELECT {values} FROM main.{quoted(table.name)} LIMIT {_MAX_ROWS + 1}").fetchall()
    return None if len(rows) > _MAX_ROWS else frozenset(row[0] for row in rows)
