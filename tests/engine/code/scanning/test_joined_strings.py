"""State which names are found in languages that have no reader of their own."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.code.scanning.languages.joined_strings import joined_strings
from sqlite_consolidate.engine.code.scanning.name_patterns import UNKNOWN
from tests.support.scanned_trees import verdicts

PHP = {
    "mention": (
        '<?php new SQLite3("data/$m.db");',
        '<?php new SQLite3("data/{$m}.db");',
        '<?php new SQLite3("logs/events-$this->month.db");',
        "<?php new SQLite3('data/' . $m . '.db');",
        "<?php new SQLite3('logs/events-'.date('Y-m').'.db');",
        "<?php new SQLite3(sprintf('logs/events-%02d.db', $m));",
        "<?php new SQLite3(sprintf('logs/events-%1$s.db', $m));",
        '<?php new PDO("sqlite:" . __DIR__ . "/../data/$m.db");',
        "<?php new PDO('sqlite:data/' . ($m ?? 'x') . '.db?mode=ro');",
        "<?php new SQLite3('data/' . 'old' . '.db');",
        "<?php foreach (glob('logs/*.db') as $f) new SQLite3($f);",
    ),
    "attention": ("<?php new SQLite3($m . '.db');", "<?php $p .= '.db';", '<?php new SQLite3("$dir/$m.db");'),
    "nothing": (
        "<?php // new SQLite3('data/' . $m . '.db');",
        "<?php # new SQLite3('data/' . $m . '.db');",
        "<?php /* new SQLite3('data/' . $m . '.db'); */",
        "<?php new SQLite3('cache/' . $m . '.db');",
        "<?php new SQLite3('data/people' . '.db');",
        "<?php if (str_ends_with($f, '.db')) x();",
        "<?php $this->db->query('SELECT 1');",
        "<?php new SQLite3('data/' . $m . '.db.bak');",
    ),
}
RUBY = {
    "mention": (
        'SQLite3::Database.new("data/#{m}.db")',
        'SQLite3::Database.new(File.join("data", "#{m}.db"))',
        'SQLite3::Database.new(format("logs/events-%<month>s.db", month: m))',
        'SQLite3::Database.new("logs/events-" + m.to_s + ".db")',
        'Dir["logs/*.db"].each { |f| SQLite3::Database.new(f) }',
    ),
    "attention": ('SQLite3::Database.new("#{m}.db")',),
    "nothing": ('# SQLite3::Database.new("data/#{m}.db")', 'SQLite3::Database.new("cache/#{m}.db")'),
}
GO = {
    "mention": (
        'sql.Open("sqlite3", fmt.Sprintf("logs/events-%s.db", m))',
        'sql.Open("sqlite3", "data/" + m + ".db")',
        'sql.Open("sqlite3", "data/"+names[i]+".db")',
        'sql.Open("sqlite3", filepath.Join("data", name(m)+".db"))',
        'sql.Open("sqlite3", filepath.Join(root, "data", fmt.Sprintf("%s.db", m)))',
        'sql.Open("sqlite3", "file:data/" + m + ".db?mode=ro")',
    ),
    "attention": ('sql.Open("sqlite3", m + ".db")', 'sql.Open("sqlite3", fmt.Sprintf("%s.db", m))'),
    "nothing": ('// sql.Open("sqlite3", "data/" + m + ".db")', 'sql.Open("sqlite3", "cache/" + m + ".db")'),
}
OTHERS = {
    "a.java": 'connect("jdbc:sqlite:data/" + m + ".db");',
    "a.kt": 'connect("jdbc:sqlite:data/${m}.db")',
    "a.cs": 'new SqliteConnection($"Data Source=data/{m}.db")',
    "a.swift": 'try DatabaseQueue(path: "data/\\(m).db")',
    "a.rs": 'Connection::open(format!("data/{}.db", m))',
    "a.c": 'snprintf(path, 99, "logs/events-%04ld.db", m);',
    "a.lua": 'sqlite3.open("data/" .. m .. ".db")',
    "a.pl": 'DBI->connect("dbi:SQLite:dbname=data/$m.db");',
    "a.ex": '"data/" <> m <> ".db"',
    "a.R": 'dbConnect(SQLite(), paste0("data/", m, ".db"))',
    "a.ps1": 'Invoke-SqliteQuery -DataSource "data\\$m.db"',
}


@pytest.mark.parametrize(("file", "corpus"), [("a.php", PHP), ("a.rb", RUBY), ("a.go", GO)])
def test_joined_name_is_judged_as_stated(file: str, corpus: dict[str, tuple[str, ...]]) -> None:
    """Each program has one of the verdicts."""
    assert verdicts(file, corpus) == corpus


@pytest.mark.parametrize(("file", "text"), OTHERS.items())
def test_joined_name_is_a_mention_in_any_language(file: str, text: str) -> None:
    """What is not a string is unknown."""
    assert verdicts(file, {"mention": (text,)}) == {"mention": (text,)}


@pytest.mark.parametrize("text", ["(" * 3000, ")" * 3000, "a + " * 5000, "'" * 3001 + "\n", "join(a, " * 1000])
def test_endless_program_does_not_block_joined_strings(text: str) -> None:
    """What follows it is still read."""
    [string] = joined_strings("a.unknown", f'{text}\n; "a" + ".db"', lambda written: ".db" in written)

    assert string.text.endswith("a.db")


def test_long_list_of_names_is_read_once() -> None:
    """The list is no call of a function that joins them."""
    names = "'a.db', (b) + '.db', " * 10_000

    strings = list(joined_strings("a.unknown", f"x = [{names}]", lambda written: ".db" in written))

    assert [string.text for string in strings[:2]] == ["a.db", f"{UNKNOWN}.db"]
    assert len(strings) == 20_000
