"""Specify which texts of a program are statements of SQL that name a table."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.code.tables.sql_texts import tables_named_in

NAMES = {"tag", "settings"}

NAMING = {
    "a.py": [
        'q = "SELECT name FROM tag"',
        "q = f\"select {column} from 'tag' where id = {key}\"",
        'q = "SELECT * " + "FROM note JOIN " + "tag USING (id)"',
        'q = "\\n  SELECT name FROM tag"',
        'con.execute("INSERT OR IGNORE INTO main.tag VALUES (?)")',
        'con.execute("UPDATE OR REPLACE [tag] SET a = 1")',
        'con.execute("CREATE TABLE IF NOT EXISTS tag (id)")',
        'con.execute("DROP VIEW IF EXISTS tag")',
        'con.execute("CREATE TEMP VIEW tag AS SELECT 1")',
        'con.execute("SELECT 1 FROM note n, tag AS t WHERE n.id = t.id")',
        'con.execute("DELETE FROM %s" % x)\ncon.execute("SELECT 1 FROM tag WHERE id = %s" % x)',
    ],
    "a.js": ["run(`SELECT name\nFROM tag WHERE id = '${id}'`)", "run('select 1 from tag')"],
    "a.sh": ["sqlite3 $DB \"ATTACH 'b.db' AS b; SELECT 1 FROM b.tag\"", "sqlite3 $DB <<SQL\nSELECT 1 FROM tag;\nSQL"],
    "a.java": ['String q = """\n  SELECT name FROM tag""";'],
    "a.sql": ["-- labels\nSELECT name FROM tag"],
    "template.py": ["{{ x }}\nq = 'SELECT name FROM tag'"],
}
OTHERS = {
    "a.py": [
        "from settings import X",
        'show("Update settings")',
        'show("imported from tag")',
        '"""SELECT name FROM tag"""',
        "# SELECT name FROM tag",
        'q = "SELECT tag FROM note"',
        'q = "SELECT name FROM tags"',
        'q = "SELECT name FROM tag.note"',
        "q = \"SELECT name FROM note WHERE a = 'from b' -- from tag\"",
        '# __tablename__ = "tag"',
        'db["tag"] = 1',
        'title = "tag"',
        "import sqlite_utils\nrow['tag']",
    ],
    "a.js": ["import tag from 'tag'", "// from tag", "const settings = 'update'"],
    "a.sh": ["echo from tag"],
}
MAPPING = {
    "a.py": [
        'class Label(Base):\n    __tablename__ = "tag"',
        'class Label(SQLModel):\n    __tablename__: str = "Tag"',
        "class Label(Model):\n    class Meta:\n        db_table = 'tag'",
        'labels = sa.Table("tag", metadata)',
        'import sqlite_utils\ndb["tag"].insert({})',
        'import sqlite_utils\nself.db.table("tag").insert({})',
    ],
    "a.js": ["sequelize.define('Label', {}, { tableName: 'tag' })"],
    "a.ts": ["@Entity('tag')\nclass Label {}"],
    "a.rb": ['class Label\n  self.table_name = "tag"'],
    "a.php": ["protected $table = 'tag';"],
    "a.kt": ['@Entity(tableName = "tag")'],
    "a.cs": ['modelBuilder.Entity<Label>().ToTable("tag");'],
    "a.java": ['@Table(name = "tag")'],
}


@pytest.mark.parametrize(("file", "text"), [(file, text) for file, texts in MAPPING.items() for text in texts])
def test_library_has_its_table_by_name(file: str, text: str) -> None:
    """Its line is that of the name."""
    line = 1 + text[: text.lower().rindex("tag")].count("\n")

    assert tables_named_in(file, text, NAMES) == [(line, "tag")]


@pytest.mark.parametrize(("file", "text"), [(file, text) for file, texts in NAMING.items() for text in texts])
def test_statement_names_its_table(file: str, text: str) -> None:
    """Its line is that of the name."""
    line = 1 + text[: text.rindex("tag")].count("\n")

    assert tables_named_in(file, text, NAMES) == [(line, "tag")]


@pytest.mark.parametrize(("file", "text"), [(file, text) for file, texts in OTHERS.items() for text in texts])
def test_other_text_names_no_table(file: str, text: str) -> None:
    """Comments, docstrings, imports and sentences are no statements."""
    assert tables_named_in(file, text, NAMES) == []
