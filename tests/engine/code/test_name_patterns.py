"""Specify which computed names can be those of old databases, by language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanning.scan import (
    attention_findings,
    failed_observations,
    find_mentions,
    mention_findings,
)
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.findings import merge_findings
from sqlite_consolidate.plan.parts.programs import Exemption
from tests.support.scanned_trees import write

if TYPE_CHECKING:
    from pathlib import Path

OLD = ["logs/events-2025-07.db", "logs/events-2025-08.db", "tenants/a/tasks.db"]
SHARDS = {"events-2025-07.db", "events-2025-08.db"}
TASKS = {"tasks.db"}
ANY = {""}

Rows = tuple[tuple[str, dict[str, set[str]]], ...]

PYTHON: Rows = (
    ('LOGS.glob("events-*.db")', {"*/events-*.db": SHARDS}),
    ('glob.glob("logs/events-*.db")', {"logs/events-*.db": SHARDS}),
    ('glob(os.path.join("logs", "*.db"))', {"logs/*.db": SHARDS}),
    ('(ROOT / "logs").rglob("*.db")', {"*/logs/*.db": SHARDS}),
    ('x = f"events-{day:%Y-%m}.db"', {"events-*.db": SHARDS}),
    ('day.strftime("events-%Y-%m.db")', {"events-*-*.db": SHARDS}),
    ('"events-%s.db" % month', {"events-*.db": SHARDS}),
    ('"events-%(month)s.db" % values', {"events-*.db": SHARDS}),
    ('"events-{}-{:02}.db".format(year, month)', {"events-*-*.db": SHARDS}),
    ('"events-{month}.db".format_map(values)', {"events-*.db": SHARDS}),
    ('Template("events-$month.db").substitute(month=7)', {"events-*.db": SHARDS}),
    ('"events-" + month + ".db"', {"events-*.db": SHARDS}),
    ('Path("logs", stem).with_suffix(".db")', {"logs/*.db": SHARDS}),
    ('os.path.join(root, "tenants", tenant, f"{kind}s.db")', {"*/tenants/*/*s.db": TASKS}),
    ('x = f"sqlite:///logs/{name}.db?mode=ro"', {"///logs/*.db": SHARDS}),
    ("con.execute(f\"ATTACH 'events-{m}.db' AS old\")", {"events-*.db": SHARDS}),
    ('x = f"{folder}/events-{m}.db-wal"', {"*/events-*.db": SHARDS}),
    ('fnmatch(name, "events-????-0[78].db")', {"events-*-0*.db": SHARDS}),
    ('FORM = "events-%s.db"\nopen(LOGS / (FORM % month))', {"events-*.db": SHARDS}),
    ('name + ".db"', {"*.db": ANY}),
    ('"%s.db" % name', {"*.db": ANY}),
    ('"{}.db".format(name)', {"*.db": ANY}),
    ('Path(d, stem).with_suffix(".db")', {"*.db": ANY}),
    ('LOGS.glob("*.db")', {"*.db": ANY}),
    ('x = f"/srv/{name}.db"', {}),
    ('print(f"Moving events-{m}.db to the archive")', {"events-*.db": SHARDS}),
    ('print(f"Opening {name}.db for reading")', {}),
    ('"""f"events-{day}.db" """', {}),
    ('# f"events-{day}.db"', {}),
    ("self.db.execute(x)", {}),
    ('x = f"{self.db}"', {}),
    ('name.endswith(".db")', {}),
    ('x = f"cache/{name}.db"', {}),
    ('Path("cache", stem).with_suffix(".db")', {}),
    ('x = f"main-{day}.db"', {}),
    ('x = f"events-{day}.sqlite"', {}),
    ('x = f"{name}.db.bak"', {}),
    ('x = f"logs/{name}.json"', {}),
    ('[f"{name}.db" for name in ("people", "tags")]', {}),
)
SHELL: Rows = (
    ('sqlite3 "$DIR"/*.db .dump', {"*.db": ANY}),
    ('sqlite3 "${NAME}.db"', {"*.db": ANY}),
    ("cp logs/*.db /backup", {"logs/*.db": SHARDS}),
    ("cp events-*.db /backup", {"events-*.db": SHARDS}),
    ('open "events-$(date +%Y-%m).db"', {"events-*.db": SHARDS}),
    ('file=$(date +"events-%Y-%m.db")', {"events-*-*.db": SHARDS}),
    ("rm logs/events-2025-{01..12}.db", {"logs/events-2025-*.db": SHARDS}),
    ('sqlite3 "$ROOT/tenants/$TENANT/${KIND}s.db"', {"*/tenants/*/*s.db": TASKS}),
    ('NAME=tasks\nsqlite3 "$NAME.db"', {"": TASKS}),
    ('for month in 07 08; do sqlite3 "events-2025-$month.db"; done', {"": SHARDS}),
    ("sqlite3 ${NAME:-tasks}.db", {"": TASKS}),
    ("cp {tasks,people}.db /backup", {"": TASKS}),
    ("cp cache/*.db /backup", {}),
    ('NAME=people\nsqlite3 "$NAME.db"', {}),
    ("# cp events-*.db /backup", {}),
    ("cp main-*.db /backup", {}),
)
JAVASCRIPT: Rows = (
    ("open(`events-${month}.db`)", {"events-*.db": SHARDS}),
    ("open(`${dir}/logs/${name}.db`)", {"*/logs/*.db": SHARDS}),
    ('open("events-" + month + ".db")', {"events-*.db": SHARDS}),
    ("open('logs/' + this.name(1) + '.db')", {"logs/*.db": SHARDS}),
    ('glob("events-*.db", done)', {"events-*.db": SHARDS}),
    ('format("events-%s.db", month)', {"events-*.db": SHARDS}),
    ('open(name + ".db")', {"*.db": ANY}),
    ("open(`${name}.db`)", {"*.db": ANY}),
    ("const stem = 'tasks'\nopen(`${stem}.db`)", {"": TASKS}),
    ('const stem = "tasks"\nopen(stem + ".db")', {"": TASKS}),
    ("// open(`events-${month}.db`)", {}),
    ("/* open(`events-${month}.db`) */ x = 'a'", {}),
    ('open("cache/" + name + ".db")', {}),
    ("this.db.run('SELECT 1')", {}),
)
YAML: Rows = (
    ("command: run events-*.db", {"events-*.db": SHARDS}),
    ("- ./logs/${NAME}.db:/srv/x.db", {"./logs/*.db": SHARDS}),
    ('path: "{{ name }}.db"', {"*.db": ANY}),
    ("path: ${{ vars.NAME }}.db", {"*.db": ANY}),
    ("path: ${NAME:-tasks}.db", {"": TASKS}),
    ("# path: events-*.db", {}),
)
RUBY: Rows = (
    ('File.open("events-#{month}.db")', {"events-*.db": SHARDS}),
    ('File.open(File.join("logs", "#{month}.db"))', {"logs/*.db": SHARDS}),
    ('# File.open("events-#{month}.db")', {}),
)
ENVIRONMENT: Rows = (
    ("DB=logs/${NAME}.db", {"logs/*.db": SHARDS}),
    ('DB="${NAME}.db"', {"*.db": ANY}),
    ("NAME=tasks\nDB=${NAME}.db", {"": TASKS}),
    ("#DB=events-*.db", {}),
)
OTHERS = (
    ("a.json", '{"a": "events-*.db"}'),
    ("a.md", "cp events-*.db x"),
    ("a", "cp events-*.db x"),
)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (file, text, expected)
        for file, rows in (
            ("a.py", PYTHON),
            ("a.sh", SHELL),
            ("a.js", JAVASCRIPT),
            ("a.ts", JAVASCRIPT),
            ("a.rb", RUBY),
            ("compose.yaml", YAML),
            (".env", ENVIRONMENT),
        )
        for text, expected in rows
    ],
)
def test_computed_name_is_a_mention_by_language(
    tmp_path: Path, file: str, text: str, expected: dict[str, set[str]]
) -> None:
    """A pattern has the databases whose name it can be, and an open pattern has none."""
    write(tmp_path, file, f"{text}\n")

    mentions = [
        mention
        for mention in find_mentions(ScanScope(tmp_path, ["."], OLD, "main.db")).mentions
        if mention.kind != "documentation"
    ]

    assert {
        pattern: {mention.database for mention in mentions if mention.pattern == pattern}
        for pattern in {mention.pattern for mention in mentions}
    } == expected


@pytest.mark.parametrize(("file", "text"), OTHERS)
def test_words_of_other_languages_are_not_read(tmp_path: Path, file: str, text: str) -> None:
    """A word without quotes is read only where the rules of the language are known."""
    write(tmp_path, file, f"{text}\n")

    assert find_mentions(ScanScope(tmp_path, ["."], OLD, "main.db")).mentions == ()


def test_script_without_suffix_is_told_by_its_first_line(tmp_path: Path) -> None:
    """A shell is named there."""
    write(tmp_path, "a", "#!/usr/bin/env bash\ncp events-*.db x\n")

    result = find_mentions(ScanScope(tmp_path, ["."], OLD, "main.db"))

    assert {(mention.line, mention.kind) for mention in result.mentions} == {(2, "code")}


def test_pattern_of_several_databases_is_one_failure(tmp_path: Path) -> None:
    """It is at the line on which the ending stands, and names the databases."""
    write(tmp_path, "a.py", 'x = (\n    LOGS\n    / f"events-{m}.db"\n)\n')

    observations = failed_observations(find_mentions(ScanScope(tmp_path, ["."], OLD)), lambda mention: mention.pattern)

    [entry] = observations
    assert (entry.subject, entry.todo) == ("a.py:3", "*/events-*.db")
    assert set(entry.expected.split()) >= SHARDS


def test_open_patterns_are_one_finding_for_each_pattern(tmp_path: Path) -> None:
    """The places are folded, and no observation fails."""
    for number in range(5):
        write(tmp_path, f"a{number}.py", 'x = name + ".db"\ny = ROOT / f"{kind}" / f"{name}.db"\n')
    write(tmp_path, "b.sh", "cp *-*.db x\n")

    result = find_mentions(ScanScope(tmp_path, ["."], OLD))
    findings = merge_findings(attention_findings(result))

    assert failed_observations(result, str) == []
    assert [(finding.id, finding.count, re.findall(r"\S+\.db", finding.text)[0]) for finding in findings] == [
        ("open-name-pattern", 10, "*.db"),
        ("open-name-pattern", 1, "*-*.db"),
    ]


def test_exemption_can_name_a_pattern(tmp_path: Path) -> None:
    """A decided and an open pattern are exempt by the text that the run shows."""
    write(tmp_path, "a.py", 'x = f"events-{m}.db"\ny = f"{m}.db"\nz = "tasks.db"\n')
    exempt = [
        Exemption(path="a.py", pattern="events-*.db", reason="it reads the archives"),
        Exemption(path="*", pattern="*.db", reason="it makes caches"),
    ]

    result = find_mentions(ScanScope(tmp_path, ["."], OLD, exempt=exempt))

    assert [entry.subject for entry in failed_observations(result, str)] == ["a.py:3"]
    assert attention_findings(result) == []
    assert [finding.id for finding in mention_findings(result, exempt)] == ["mention-exempt", "mention-exempt"]
