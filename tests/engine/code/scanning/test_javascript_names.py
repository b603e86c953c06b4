"""State for many small programs in JavaScript what the scan says about them."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.code.scanning.languages.javascript import script_expressions
from tests.support.scanned_trees import verdicts

CORPUS = {
    "mention": (
        'open("data/old.db")',
        "open('old.db')",
        "open(`${dir}/old.db`)",
        'open("file:data/old.db?mode=ro")',
        "db.run(\"ATTACH 'data/old.db' AS o\")",
        "open(`data/${n}.db`)",
        'open("data/" + n + ".db")',
        'path.join("data", n + ".db")',
        'require("path").join("data", n + ".db")',
        'path.join(__dirname, "..", "data", `${n}.db`)',
        "path.resolve(root, 'data', name(1) + '.db')",
        '["data/", "old", ".db"].join("")',
        '["data", n + ".db"].join("/")',
        'const parts = ["data", n]\nopen(parts.join("/") + ".db")',
        '"data/".concat(n, ".db")',
        '"old".concat(".db")',
        'const ext = ".db"\nopen(`data/${n}${ext}`)',
        'const ext = "db"\nopen(`data/${n}.${ext}`)',
        'const ext = ".db"\nopen("data/" + n + ext)',
        'let p = "data/"\np += n\np += ".db"',
        'for (const n of ["old", "new"]) open(`${n}.db`)',
        'open((name || "old") + ".db")',
        'open((isOld ? "old" : "new") + ".db")',
        'class A { constructor() { this.stem = "old" }\n f() { return this.stem + ".db" } }',
        'function f(n = "old") { return n + ".db" }',
        "const p: string = `data/${n}.db`",
        's.replace(/["\']/g, "")\nopen("old.db")  // "',
        'format("events-%s.db", month)',
        'glob("logs/*.db", done)',
        'glob.sync("data/**/*.db")',
        'fs.readdirSync("data").filter(f => f.endsWith("ld.db"))',
    ),
    "attention": (
        "open(`${name}.db`)",
        'open(name + ".db")',
        "open(path.join(dir, `${name}.db`))",
        'const stem = "people"\nconst f = (stem) => stem + ".db"',
        'fs.readdirSync("data").filter(f => f.endsWith(".db"))',
        'fs.readdirSync("data").filter(f => /\\.db$/.test(f))',
        "for (const f of await readdir(d)) if (f.match(/^a.*\\.(?:db|sqlite)$/i)) open(f)",
        'fs.readdir(d, (e, all) => all.filter((f) => path.extname(f) === ".db"))',
        'const EXT = ".db"\nfs.readdirSync(d).filter(f => f.endsWith(EXT))',
        'const all = await fs.promises.readdir(d)\nall.filter(f => [".db", ".x"].includes(path.extname(f)))',
        'glob.sync("cache/**/*.db")',
    ),
    "note": (
        "// data/old.db",
        "x() // opens data/old.db",
    ),
    "nothing": (
        'open("data/bold.db")',
        'open("old.db.bak")',
        'open("my-old.db")',
        'open("old.dbm")',
        'this.db.run("SELECT 1")',
        'const ext = ".db"',
        'if (file.endsWith(".db")) x()',
        "if (/\\.db$/.test(file)) x()",
        'fs.readdirSync(d).filter(f => f.endsWith(".json"))',
        'fs.readdirSync(d).filter(f => f.endsWith(".js"))\nopen("cache/" + n + ".db")',
        'fs.readdirSync(d) // f.endsWith(".db")',
        'if (file.endsWith(".sqlite3")) x()',
        'open("cache/" + n + ".db")',
        'path.join("cache", n + ".db")',
        'path.join("data", "people" + ".db")',
        'const stem = "people"\nopen(`${stem}.db`)',
        '["data", "people.db"].join("/")',
        "// open(`data/${n}.db`)",
    ),
}


def test_programs_are_judged_as_stated() -> None:
    """Each program has one of four verdicts."""
    assert verdicts("a.js", CORPUS) == CORPUS


def test_name_is_reported_where_it_gets_its_value() -> None:
    """Its use is not a second place."""
    text = "const p = `data/${n}.db`\nopen(path.join(root, p))\n"

    expressions = list(script_expressions(text, lambda joined: joined.endswith(".db")))

    assert [text[made.start : made.end] for made in expressions] == ["`data/${n}.db`"]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000,
        "a(" * 3000 + ")" * 3000,
        "f(function(){" * 1500,
        "a" + ".b(c)" * 3000,
        "a" + "+a" * 5000,
        "".join(f"x{number + 1} = x{number} + x{number}; " for number in range(60)),
        "x += x; " * 60,
        "`${" * 1000,
    ],
)
def test_endless_program_does_not_block_the_scan(text: str) -> None:
    """What follows it is still read."""
    expressions = script_expressions(f'{text}\n; "a" + ".db"', lambda joined: joined == "a.db")

    assert len(list(expressions)) == 1
