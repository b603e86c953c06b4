"""Build folders with the databases of ten frameworks and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class FrameworkFolder:
    """Hold a folder of databases, and what a person has to answer about it.

    Attributes:
        files: Path of each database to its SQL.
        decisions: Number of decisions that the proposed plan marks.
        answer: Texts of the proposed plan to the texts that answer the decision.
    """

    files: dict[str, str]
    decisions: int = 0
    answer: tuple[tuple[str, str], ...] = ()

    def answered(self, plan: str) -> str:
        """Return the text of the plan with the answers.

        Raises:
            ValueError: The plan has no such text.
        """
        for question, answer in self.answer:
            if question not in plan:
                raise ValueError(question)
            plan = plan.replace(question, answer)
        return plan

    def build(self, root: Path) -> Path:
        """Create the databases below ``root`` and return it."""
        for file, sql in self.files.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            execute(root / file, sql)
        return root


def _leave(source: str, table: str, reason: str) -> tuple[str, str]:
    """Return the answer that leaves a table behind that is kept apart."""
    entry = f'  [[source.table]]\n  name = "{table}"\n  # {reason}\n  into = "{source}_{table}"\n'
    return entry, f'  [[source.leave]]\n  tables = ["{table}"]\n  reason = "of the other program"\n'


_SQLALCHEMY = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
CREATE TABLE user (id INTEGER NOT NULL, email VARCHAR(120) NOT NULL, name VARCHAR, PRIMARY KEY (id), UNIQUE (email));
CREATE TABLE post (id INTEGER NOT NULL, title VARCHAR NOT NULL, author_id INTEGER, PRIMARY KEY (id),
  FOREIGN KEY(author_id) REFERENCES user (id));
CREATE TABLE tag (id INTEGER NOT NULL, label VARCHAR, PRIMARY KEY (id), UNIQUE (label));
CREATE TABLE post_tag (post_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (post_id, tag_id),
  FOREIGN KEY(post_id) REFERENCES post (id), FOREIGN KEY(tag_id) REFERENCES tag (id));
CREATE INDEX ix_post_title ON post (title);
INSERT INTO alembic_version VALUES ('27c6a30d7c24');
"""
_SQLALCHEMY_ROWS = """
INSERT INTO user VALUES (1, '{0}@example.org', '{0}'), (2, 'both@example.org', 'Both');
INSERT INTO post VALUES (1, '{0} one', 1), (2, '{0} two', 2); INSERT INTO tag VALUES (1, '{0}'), (2, 'news');
INSERT INTO post_tag VALUES (1, 1), (2, 1), (2, 2);
"""

_DJANGO = """
CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL,
  "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
CREATE TABLE "django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app_label" varchar(100) NOT NULL,
  "model" varchar(100) NOT NULL);
CREATE UNIQUE INDEX "django_content_type_app_label_model_uniq" ON "django_content_type" ("app_label", "model");
CREATE TABLE "auth_permission" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "content_type_id" integer NOT NULL
  REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED, "codename" varchar(100) NOT NULL,
  "name" varchar(255) NOT NULL);
CREATE UNIQUE INDEX "auth_permission_uniq" ON "auth_permission" ("content_type_id", "codename");
CREATE TABLE "auth_group" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(150) NOT NULL UNIQUE);
CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL,
  "last_login" datetime NULL, "username" varchar(150) NOT NULL UNIQUE, "is_active" bool NOT NULL);
CREATE TABLE "auth_user_groups" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_id" integer NOT NULL
  REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "group_id" integer NOT NULL
  REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX "auth_user_groups_uniq" ON "auth_user_groups" ("user_id", "group_id");
CREATE TABLE "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL,
  "expire_date" datetime NOT NULL);
CREATE TABLE "shop_order" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "total" decimal NOT NULL,
  "customer_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED);
INSERT INTO django_content_type VALUES (1, 'auth', 'user'), (2, 'shop', 'order');
INSERT INTO auth_permission VALUES (1, 1, 'add_user', 'Can add user'), (2, 2, 'add_order', 'Can add order');
"""
_DJANGO_ROWS = """
INSERT INTO django_migrations VALUES (1, 'auth', '0001_initial', '{1}'), (2, 'shop', '0001_initial', '{1}');
INSERT INTO auth_group VALUES (1, 'staff'); INSERT INTO auth_user VALUES (1, 'pbkdf2$a', NULL, '{0}', 1);
INSERT INTO auth_user_groups VALUES (1, 1, 1); INSERT INTO django_session VALUES ('key{0}', '', '2026-01-01');
INSERT INTO shop_order VALUES (1, 9.5, 1), (2, 1, 1);
"""

_RAILS = """
CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar,
  "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
CREATE TABLE "users" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar, "email" varchar NOT NULL);
CREATE UNIQUE INDEX "index_users_on_email" ON "users" ("email");
CREATE TABLE "articles" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "title" varchar, "user_id" integer NOT NULL);
CREATE INDEX "index_articles_on_user_id" ON "articles" ("user_id");
INSERT INTO schema_migrations VALUES ('20250101000000'), ('20250202000000');
"""
_RAILS_ROWS = """
INSERT INTO ar_internal_metadata VALUES ('environment', 'production', '{1}', '{1}');
INSERT INTO users VALUES (1, '{0}', '{0}@example.org'), (2, 'x{0}', 'x{0}@example.org');
INSERT INTO articles VALUES (1, 'one', 2), (2, 'two', 1);
"""

_ROOM = """
CREATE TABLE android_metadata (locale TEXT); INSERT INTO android_metadata VALUES ('en_US');
CREATE TABLE room_master_table (id INTEGER PRIMARY KEY, identity_hash TEXT);
INSERT INTO room_master_table VALUES (42, '5a1c4a9f4f5c2f5a');
CREATE TABLE `note` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `title` TEXT NOT NULL, `body` TEXT);
CREATE TABLE `tag` (`tagId` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `label` TEXT NOT NULL);
CREATE UNIQUE INDEX `index_tag_label` ON `tag` (`label`);
CREATE TABLE `note_tag` (`noteId` INTEGER NOT NULL, `tagId` INTEGER NOT NULL, PRIMARY KEY(`noteId`, `tagId`),
  FOREIGN KEY(`noteId`) REFERENCES `note`(`id`) ON UPDATE NO ACTION ON DELETE CASCADE,
  FOREIGN KEY(`tagId`) REFERENCES `tag`(`tagId`) ON UPDATE NO ACTION ON DELETE CASCADE);
"""
_ROOM_ROWS = """
INSERT INTO note VALUES (1, 'a{0}', NULL), (2, 'b{0}', 'text'); INSERT INTO tag VALUES (1, 'home'), (2, 't{0}');
INSERT INTO note_tag VALUES (1, 1), (2, 2);
"""

_CORE_DATA = """
CREATE TABLE ZFOLDER ( Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZNAME VARCHAR );
CREATE TABLE ZNOTE ( Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZFOLDER INTEGER, ZTITLE VARCHAR );
CREATE INDEX ZNOTE_ZFOLDER_INDEX ON ZNOTE (ZFOLDER);
CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE Z_METADATA (Z_VERSION INTEGER PRIMARY KEY, Z_UUID VARCHAR(255), Z_PLIST BLOB);
CREATE TABLE Z_MODELCACHE (Z_CONTENT BLOB);
INSERT INTO Z_MODELCACHE VALUES (x'01');
"""
_CORE_DATA_ROWS = """
INSERT INTO ZFOLDER VALUES (1, 1, 1, 'f{0}'), (2, 1, 1, 'g{0}'); INSERT INTO ZNOTE VALUES (1, 2, 1, 2, '{0}');
INSERT INTO Z_PRIMARYKEY VALUES (1, 'Folder', 0, 2), (2, 'Note', 0, 1);
INSERT INTO Z_METADATA VALUES (1, 'uuid-{0}', x'{1}');
"""

_EF_CORE = """
CREATE TABLE "__EFMigrationsHistory" ("MigrationId" TEXT NOT NULL CONSTRAINT "PK___EFMigrationsHistory" PRIMARY KEY,
  "ProductVersion" TEXT NOT NULL);
INSERT INTO "__EFMigrationsHistory" VALUES ('20250101000000_Initial', '8.0.4');
CREATE TABLE "Blogs" ("BlogId" INTEGER NOT NULL CONSTRAINT "PK_Blogs" PRIMARY KEY AUTOINCREMENT, "Url" TEXT NOT NULL);
CREATE TABLE "Posts" ("PostId" INTEGER NOT NULL CONSTRAINT "PK_Posts" PRIMARY KEY AUTOINCREMENT, "Title" TEXT NULL,
  "BlogId" INTEGER NOT NULL,
  CONSTRAINT "FK_Posts_Blogs_BlogId" FOREIGN KEY ("BlogId") REFERENCES "Blogs" ("BlogId") ON DELETE CASCADE);
CREATE INDEX "IX_Posts_BlogId" ON "Posts" ("BlogId");
"""
_EF_CORE_ROWS = (
    "INSERT INTO Blogs VALUES (1, '{0}/a'), (2, '{0}/b'); INSERT INTO Posts VALUES (1, '{0}', 2), (2, 'x', 1);"
)

_GEOPACKAGE = """
PRAGMA application_id = 1196444487; PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL, min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE,
  srs_id INTEGER, CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
INSERT INTO gpkg_spatial_ref_sys VALUES ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', NULL),
  ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', NULL),
  ('WGS 84 geodetic', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84"]', NULL);
"""
_LAYER = """
CREATE TABLE {0} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom BLOB, name TEXT);
INSERT INTO {0} VALUES (1, x'4750', 'a'), (2, x'4750', 'b');
INSERT INTO gpkg_contents VALUES ('{0}', 'features', '{0}', '', '2025-01-01', 0, 0, 1, 1, 4326);
INSERT INTO gpkg_geometry_columns VALUES ('{0}', 'geom', 'POINT', 4326, 0, 0);
"""

_LOG = """
CREATE TABLE event (id INTEGER PRIMARY KEY, at TEXT NOT NULL, level TEXT, line TEXT);
CREATE INDEX event_at ON event(at);
INSERT INTO event VALUES (1, '2025-{0}-01', 'info', 'start'), (2, '2025-{0}-02', 'warn', 'slow');
"""

_TENANT = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE invoice (id INTEGER PRIMARY KEY, number TEXT NOT NULL, customer_id INTEGER REFERENCES customer(id));
CREATE TABLE payment (invoice_id INTEGER PRIMARY KEY REFERENCES invoice(id), paid TEXT);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT);
"""
_TENANT_ROWS = """
INSERT INTO customer VALUES (1, '{0}'), (2, '{0} 2'); INSERT INTO invoice VALUES (1, '{0}-1', 2), (2, '{0}-2', 1);
INSERT INTO payment VALUES (2, '2025-01-01'); INSERT INTO settings VALUES ('company', '{0}');
"""
_REGISTRY = """
CREATE TABLE account (id INTEGER PRIMARY KEY, login TEXT); CREATE TABLE plan (code TEXT PRIMARY KEY, price REAL);
CREATE TABLE region (code TEXT PRIMARY KEY); CREATE TABLE language (code TEXT PRIMARY KEY);
CREATE TABLE job (id INTEGER PRIMARY KEY, state TEXT); INSERT INTO account VALUES (1, 'root');
INSERT INTO plan VALUES ('basic', 9.5); INSERT INTO region VALUES ('eu'); INSERT INTO language VALUES ('de');
INSERT INTO job VALUES (1, 'done');
"""

_NOTES = """
CREATE TABLE notebook (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE note (id INTEGER PRIMARY KEY, notebook_id INTEGER REFERENCES notebook(id), body TEXT, updated_at TEXT);
INSERT INTO notebook VALUES (1, 'home'), (2, 'work');
INSERT INTO note VALUES (1, 1, 'milk', '2025-01-01'), (2, 2, 'report', '2025-01-02'), (3, 2, '{0}', '{1}');
"""

FOLDERS = {
    "SQLAlchemy with Alembic": FrameworkFolder(
        {f"{name}/app.db": _SQLALCHEMY + _SQLALCHEMY_ROWS.format(name) for name in ("berlin", "paris")}
    ),
    "Django": FrameworkFolder(
        {
            f"{name}/db.sqlite3": _DJANGO + _DJANGO_ROWS.format(name, f"2025-01-0{day}")
            for day, name in enumerate(("north", "south"), 1)
        },
        decisions=1,
        answer=(_leave("south", "django_migrations", "Its rows are not those of north/db.sqlite3."),),
    ),
    "Rails": FrameworkFolder(
        {
            f"{name}/production.sqlite3": _RAILS + _RAILS_ROWS.format(name, f"2025-01-0{day}")
            for day, name in enumerate(("north", "south"), 1)
        },
        decisions=1,
        answer=(_leave("production", "ar_internal_metadata", "Its rows are not those of north/production.sqlite3."),),
    ),
    "Room": FrameworkFolder(
        {f"phones/{name}.db": _ROOM + _ROOM_ROWS.format(name) for name in ("ada", "bob", "cleo", "dan")}
    ),
    "Core Data": FrameworkFolder(
        {
            f"{name}/Notes.sqlite": _CORE_DATA + _CORE_DATA_ROWS.format(name, code)
            for name, code in (("mac", "01"), ("phone", "02"))
        },
        decisions=1,
        answer=(_leave("Notes", "Z_METADATA", "Its rows are not those of mac/Notes.sqlite."),),
    ),
    "EF Core": FrameworkFolder({f"{name}/blog.db": _EF_CORE + _EF_CORE_ROWS.format(name) for name in ("one", "two")}),
    "GeoPackage": FrameworkFolder(
        {f"{name}.gpkg": _GEOPACKAGE + _LAYER.format(name) for name in ("rivers", "countries")}
    ),
    "log by month": FrameworkFolder(
        {f"logs/events-2025-{month:02}.db": _LOG.format(f"{month:02}") for month in range(1, 7)}
    ),
    "tenants": FrameworkFolder(
        {
            "main.db": _REGISTRY,
            **{
                f"tenants/{name}/data.db": _TENANT + _TENANT_ROWS.format(name)
                for name in ("acme", "bolt", "core", "dyne")
            },
        },
        decisions=1,
    ),
    "notes with a conflicted copy": FrameworkFolder(
        {
            "notes.db": _NOTES.format("plan", "2025-01-03"),
            "notes (conflicted copy).db": _NOTES.format("plan B", "2025-01-04"),
        },
        decisions=1,
        answer=(
            ('into = "notes_conflict_notebook"', 'on_conflict = "skip-identical"'),
            ('into = "notes_conflict_note"', 'on_conflict = "prefer-newer"\n  newer = "updated_at"'),
        ),
    ),
}
