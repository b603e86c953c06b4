"""Test which constraints of a source the target's table loses."""

from __future__ import annotations

import pytest

from tests.support.databases import TARGET, Bench, source, table

FULL = (
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT UNIQUE, w INT CHECK(w > 0),"
    " p INT REFERENCES p(id), n TEXT COLLATE NOCASE, g AS (w + 1))"
)
PARENT = "CREATE TABLE p(id INTEGER PRIMARY KEY)"
ROW = "INSERT INTO t(id, v, w, n) VALUES(1, 'x', 1, 'N')"


def lost(bench: Bench, target: str, create: str = FULL, **keys: object) -> list[str]:
    """Return the texts of the findings about constraints that table t loses."""
    bench.database(TARGET, PARENT, target)
    bench.database("a.db", PARENT, create, ROW)
    inspected = bench.survey(source("a.db", table("t", **keys), leave={"p": "the target has its own"}))
    assert inspected.problems == []
    return [finding.text for finding in inspected.findings if finding.id == "constraint-lost"]


LESS = {
    "missing UNIQUE(v)": (" UNIQUE", ""),
    "missing CHECK w > 0": (" CHECK(w > 0)", ""),
    "missing FOREIGN KEY (p) references p(id) on update NO ACTION on delete NO ACTION": (" REFERENCES p(id)", ""),
    "missing COLLATE n nocase": (" COLLATE NOCASE", ""),
    "added ON CONFLICT v unique replace": ("UNIQUE", "UNIQUE ON CONFLICT REPLACE"),
    "missing AUTOINCREMENT": (" AUTOINCREMENT", ""),
}


@pytest.mark.parametrize("constraint", LESS)
def test_constraint_that_target_lacks_is_a_finding(bench: Bench, constraint: str) -> None:
    """Its rows fit, but SQLite would not check the constraint for later rows."""
    text = f"1 constraint differs in t: {constraint}."
    assert lost(bench, FULL.replace(*LESS[constraint])) == [text]


@pytest.mark.parametrize(
    ("source_action", "target_action", "difference"),
    [
        ("", " ON DELETE CASCADE", ("NO ACTION on delete NO ACTION", "NO ACTION on delete CASCADE")),
        (" ON DELETE CASCADE", "", ("NO ACTION on delete CASCADE", "NO ACTION on delete NO ACTION")),
        (" ON UPDATE SET NULL", " ON UPDATE CASCADE", ("SET NULL on delete NO ACTION", "CASCADE on delete NO ACTION")),
    ],
    ids=["delete", "keep", "update"],
)
def test_other_action_of_same_key_is_named(
    bench: Bench, source_action: str, target_action: str, difference: tuple[str, str]
) -> None:
    """Deleting a parent would delete other rows than in the source."""
    key = "REFERENCES p(id)"

    texts = lost(bench, FULL.replace(key, key + target_action), FULL.replace(key, key + source_action))

    before, after = (f"on update {action}" for action in difference)
    changed = f"changed FOREIGN KEY (p) references p(id): {before} in the source, {after} in the target"
    assert texts == [f"1 constraint differs in t: {changed}."]


def test_equal_declaration_in_other_words_has_no_finding(bench: Bench) -> None:
    """Quotes, case and order of constraints do not count."""
    other = (
        'create table "t"("id" integer primary key autoincrement, v text, "w" int, p int, n text collate nocase,'
        " g AS (w + 1), check(w>0), unique(v), foreign key(p) references p)"
    )
    assert lost(bench, other) == []


def test_stricter_key_in_target_is_no_loss(bench: Bench) -> None:
    """The key of the target refuses all that the UNIQUE of the source refuses."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY, v, w, n, UNIQUE(v, w))"
    assert lost(bench, "CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE, w, n)", create) == []


@pytest.mark.parametrize(
    ("source_collation", "target_collation", "is_lost"),
    [("BINARY", "NOCASE", False), ("NOCASE", "BINARY", True), ("NOCASE", "RTRIM", True)],
)
def test_collation_of_a_unique_is_part_of_it(
    bench: Bench, source_collation: str, target_collation: str, is_lost: bool
) -> None:
    """Values that are equal as bytes are equal under each collation."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT COLLATE {} UNIQUE, w, n)"

    texts = lost(bench, create.format(target_collation), create.format(source_collation))

    assert any(f"missing UNIQUE(v COLLATE {source_collation})" in text for text in texts) == is_lost
    assert any("missing UNIQUE" in text for text in texts) == is_lost


def test_renamed_columns_are_compared_by_their_new_names(bench: Bench) -> None:
    """The plan renames v and w."""
    target = "CREATE TABLE t(id INTEGER PRIMARY KEY, email UNIQUE, size, n)"
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE, w CHECK(w > 0), n)"

    texts = lost(bench, target, create, columns={"v": "email", "w": "size"})

    assert texts == ['1 constraint differs in t: missing CHECK "size" > 0.']


def test_lost_strict_is_a_finding(bench: Bench) -> None:
    """SQLite would accept values of any type later."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, w INT, n TEXT)"
    assert lost(bench, create, f"{create} STRICT") == ["1 constraint differs in t: missing STRICT."]


@pytest.mark.parametrize(("mark", "expected"), [(500, ["mark-lost"]), (1, [])])
def test_lost_mark_is_refused(bench: Bench, mark: int, expected: list[str]) -> None:
    """SQLite would assign ids again that the source has assigned before.

    There is no problem if the mark is the largest id.
    """
    bench.database(TARGET, PARENT, FULL.replace(" AUTOINCREMENT", ""))
    bench.database("a.db", PARENT, FULL, ROW, f"UPDATE sqlite_sequence SET seq = {mark} WHERE name = 't'")

    problems = bench.survey(source("a.db", "t", leave={"p": "the target has its own"})).problems

    assert [problem.id for problem in problems] == expected


def test_mark_below_ids_of_target_is_not_lost(bench: Bench) -> None:
    """The target goes on above its own largest id."""
    bench.database(TARGET, PARENT, FULL.replace(" AUTOINCREMENT", ""), ROW.replace("1, 'x'", "900, 'y'"))
    bench.database("a.db", PARENT, FULL, ROW, "UPDATE sqlite_sequence SET seq = 500 WHERE name = 't'")

    assert bench.survey(source("a.db", "t", leave={"p": "the target has its own"})).problems == []


SEARCH = "CREATE VIRTUAL TABLE f USING fts5(a, b)"
MODULES = {
    "tokenizer": (SEARCH[:-1] + ", tokenize='porter')", SEARCH, ["changed tokenize: porter unicode61"]),
    "prefix and detail": (SEARCH, SEARCH[:-1] + ", prefix='2 3', detail = none)", ["changed detail", "changed prefix"]),
    "column": (SEARCH, "CREATE VIRTUAL TABLE f USING fts5(a, 'b' UNINDEXED)", ["added UNINDEXED b"]),
    "plain table": (SEARCH, "CREATE TABLE f(a, b)", ["changed module: fts5 in the source, none in the target"]),
    "search": ("CREATE TABLE f(a UNIQUE, b)", SEARCH, ["changed module: none", "missing UNIQUE(a)"]),
    "spelling": (
        "CREATE VIRTUAL TABLE f USING FTS5(a, b, tokenize=unicode61)",
        'CREATE VIRTUAL TABLE f USING fts5("A", [b], x, columnsize=1)',
        [],
    ),
}


@pytest.mark.parametrize("case", MODULES)
def test_other_module_or_option_is_a_finding(bench: Bench, case: str) -> None:
    """A search of the same word finds other rows in the target."""
    create, into, differences = MODULES[case]
    bench.database(TARGET, into)
    bench.database("a.db", create, "INSERT INTO f(a, b) VALUES('x', 'running')")

    inspected = bench.survey(source("a.db", "f"))

    assert inspected.problems == []
    findings = [finding for finding in inspected.findings if finding.id == "constraint-lost"]
    assert [finding.count for finding in findings] == ([len(differences)] if differences else [])
    assert all(text in findings[0].text for text in differences)
