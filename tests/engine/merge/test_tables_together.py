"""Specify what follows two tables of one source that go into one table of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from tests.support.databases import TARGET, Bench, failed_subjects, source, table
from tests.support.target_schemas import planned_objects, refusal, sql_of

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.target_schema import TargetSchema
    from sqlite_consolidate.plan.model import TableMap

FIRST = "CREATE TABLE first(id INTEGER PRIMARY KEY, v)"
SECOND = "CREATE TABLE second(id INTEGER PRIMARY KEY, v)"
CHILD = (
    "CREATE TABLE child(id INTEGER PRIMARY KEY, a INT REFERENCES first(id),"
    " b INT /* or the other */ REFERENCES [SECOND] ON DELETE CASCADE)"
)
ROWS = ("INSERT INTO first VALUES (1, 'one')", "INSERT INTO second VALUES (2, 'two')")
TOGETHER = (table("first", into="p"), table("second", into="p"))
BESIDE = (table("first", into="second"), table("second"))


def left(target_schema: TargetSchema) -> list[tuple[str, str]]:
    """Return id and subject of each finding of the planned schema."""
    return [(finding.id, finding.subject) for finding in target_schema.findings]


@pytest.mark.parametrize("maps", [TOGETHER, TOGETHER[::-1], BESIDE, BESIDE[::-1]])
@pytest.mark.parametrize("place", [0, 2], ids=["child-first", "child-last"])
def test_foreign_keys_name_the_common_table(bench: Bench, maps: tuple[TableMap, ...], place: int) -> None:
    """Its rows are the parents of both."""
    bench.database("a.db", FIRST, SECOND, CHILD, *ROWS, "INSERT INTO child VALUES (1, 1, NULL), (2, 1, 2)")
    tables: list[str | TableMap] = [*maps]
    tables.insert(place, "child")

    copied = bench.copied(source("a.db", *tables))

    child = copied.schema.table("child")
    assert child is not None
    assert [(key.parent.lower(), key.on_delete) for key in child.foreign_keys] == [
        (maps[0].into, "NO ACTION"),
        (maps[0].into, "CASCADE"),
    ]
    assert copied.rows("PRAGMA foreign_key_check") == []
    assert [finding.id for finding in copied.inspected.findings] == []


def test_names_that_begin_with_a_tilde_are_followed(bench: Bench) -> None:
    """Tables and columns are renamed by way of such names."""
    odd = 'CREATE TABLE "~1"("~0" INTEGER PRIMARY KEY REFERENCES second, "~1" INT REFERENCES first)'
    bench.database("a.db", FIRST, SECOND, odd)

    maps = (*TOGETHER, table("~1", into="~0", columns={"~0": "~1", "~1": "~0"}))
    target_schema = bench.target_schema(source("a.db", *maps))

    assert planned_objects(target_schema) == [("table", "p"), ("table", "~0")]
    assert sql_of(target_schema, "~0").count('REFERENCES "p"') == 2


def test_references_of_a_tree_stay_inside_it(bench: Bench) -> None:
    """Each table refers to itself, and the second to the first as well."""
    tree = "CREATE TABLE {0}(id INTEGER PRIMARY KEY, up INT REFERENCES {0}(id), other INT REFERENCES first(id))"
    bench.database(
        "a.db", tree.format("first"), tree.format("second"),
        "INSERT INTO first VALUES (1, NULL, NULL), (2, 1, 1)", "INSERT INTO second VALUES (3, NULL, 2), (4, 3, 1)",
    )  # fmt: skip

    copied = bench.copied(source("a.db", *TOGETHER))

    merged = copied.schema.table("p")
    assert merged is not None
    assert [key.parent for key in merged.foreign_keys] == ["p", "p"]
    assert copied.rows("PRAGMA foreign_key_check") == []


def test_each_table_brings_its_own_indexes_and_declaration(bench: Bench) -> None:
    """The first declares the common table. What the second declares beyond it is named."""
    bench.database(
        "a.db",
        FIRST.replace("v)", "v, w)"),
        SECOND.replace("v)", "v UNIQUE, w)"),
        "CREATE INDEX of_first ON first(v)",
        "CREATE INDEX of_second ON second(w)",
        *(row.replace("')", "', 0)") for row in ROWS),
    )

    inspected = bench.survey(source("a.db", *TOGETHER))

    assert planned_objects(inspected.target_schema) == [("table", "p"), ("index", "of_first"), ("index", "of_second")]
    assert sql_of(inspected.target_schema, "p").endswith("(id INTEGER PRIMARY KEY, v, w)")
    lost = [finding.subject for finding in inspected.findings if finding.id == "constraint-lost"]
    assert lost == ["a.db:second"]


def test_reference_to_row_of_other_table_is_refused(bench: Bench) -> None:
    """An orphan of the source would find a parent among the rows of the other table."""
    bench.database("a.db", FIRST, SECOND, CHILD, *ROWS, "INSERT INTO child VALUES (1, 2, NULL)")

    inspected = bench.survey(source("a.db", *TOGETHER, "child"))

    assert [(problem.id, problem.subject) for problem in inspected.problems] == [("orphans-adopted", "a.db:child")]


def test_foreign_key_without_common_key_is_refused(bench: Bench) -> None:
    """Only the second table declares the referred column as UNIQUE."""
    child = "CREATE TABLE child(v TEXT REFERENCES second(v))"
    bench.database("a.db", FIRST, SECOND.replace("v)", "v UNIQUE)"), child)

    assert refusal(bench.target_schema(source("a.db", *TOGETHER, "child"))).id == "broken-foreign-key"


@pytest.mark.parametrize("maps", [TOGETHER, BESIDE])
def test_view_of_one_of_the_tables_stays_behind(bench: Bench, maps: tuple[TableMap, ...]) -> None:
    """It would read the rows of the other table too. So would a view of that view."""
    bench.database(
        "a.db",
        FIRST,
        SECOND,
        "CREATE TABLE other(v)",
        "CREATE VIEW counted AS SELECT count(*) AS n FROM first",
        "CREATE VIEW twice AS SELECT n * 2 FROM counted",
        "CREATE VIEW both AS SELECT v FROM first UNION ALL SELECT v FROM second",
        "CREATE VIEW unread AS SELECT own_function(v) FROM second",
        "CREATE VIEW elsewhere AS SELECT v FROM other",
    )

    target_schema = bench.target_schema(source("a.db", *maps, "other"))

    assert planned_objects(target_schema) == [("table", maps[0].into), ("table", "other"), ("view", "elsewhere")]
    assert left(target_schema) == [("view-left", "a.db")] * 4
    assert target_schema.left_views == {"a": {"counted", "twice", "both", "unread"}}
    assert all(word in target_schema.findings[0].text for word in ("counted", "first", "second", maps[0].into))


@pytest.mark.parametrize("maps", [TOGETHER, BESIDE])
def test_triggers_that_use_the_tables_stay_behind(bench: Bench, maps: tuple[TableMap, ...]) -> None:
    """They would read, change or watch rows of the other table too."""
    bench.database(
        "a.db",
        FIRST,
        SECOND,
        "CREATE TABLE other(v)",
        "CREATE VIEW seen AS SELECT v FROM other",
        "CREATE TRIGGER over AFTER DELETE ON first BEGIN INSERT INTO other VALUES (old.v); END",
        "CREATE TRIGGER changes AFTER DELETE ON other BEGIN DELETE FROM second WHERE v = old.v; END",
        "CREATE TRIGGER reads AFTER INSERT ON other BEGIN SELECT count(*) FROM first; END",
        "CREATE TRIGGER put INSTEAD OF INSERT ON seen BEGIN INSERT INTO first(v) VALUES (new.v); END",
        "CREATE TRIGGER stays AFTER UPDATE ON other BEGIN DELETE FROM other WHERE v IS NULL; END",
    )

    target_schema = bench.target_schema(source("a.db", *maps, "other"))

    assert planned_objects(target_schema)[2:] == [("view", "seen"), ("trigger", "stays")]
    assert sorted(left(target_schema)) == [
        ("trigger-left", "a.db"),
        ("trigger-left", "a.db:first"),
        ("trigger-left", "a.db:other"),
        ("trigger-left", "a.db:other"),
    ]


def test_trigger_of_unchanged_view_follows_renamed_table(bench: Bench) -> None:
    """The target has a table of the old name, with rows of its own."""
    put = "CREATE TRIGGER put INSTEAD OF INSERT ON seen BEGIN INSERT INTO first(v) VALUES (new.v); END"
    bench.database(TARGET, FIRST)
    bench.database("a.db", FIRST, SECOND, "CREATE VIEW seen AS SELECT v FROM second", put)

    target_schema = bench.target_schema(source("a.db", table("first", into="p"), "second"))

    assert 'INSTEAD OF INSERT ON seen BEGIN INSERT INTO "p"(v)' in sql_of(target_schema, "put")
    assert left(target_schema) == []


def test_only_triggers_of_create_text_are_kept(bench: Bench) -> None:
    """The operator has written them for the common table, and no trigger of another table."""
    changes = "CREATE TRIGGER changes AFTER DELETE ON other BEGIN DELETE FROM second WHERE v = old.v; END"
    bench.database("a.db", FIRST, SECOND, "CREATE TABLE other(v)", changes, *ROWS)
    over = "CREATE TRIGGER over AFTER DELETE ON p BEGIN DELETE FROM p WHERE v IS NULL; END"
    create = f"{FIRST.replace('first', 'p')}; {over}"

    inspected = bench.survey(source("a.db", table("first", into="p", create=create), TOGETHER[1], "other"))

    assert planned_objects(inspected.target_schema)[2:] == [("trigger", "over")]
    assert left(inspected.target_schema) == [("trigger-left", "a.db:other")]


def test_rows_of_both_tables_are_verified(bench: Bench) -> None:
    """The references of the result are followed to the rows that the parents became."""
    from sqlite_consolidate.engine.checks.references.references_kept import references_kept

    bench.database("a.db", FIRST, SECOND, CHILD, *ROWS, "INSERT INTO child VALUES (1, 1, 2)")
    copied = bench.copied(source("a.db", *TOGETHER, "child"))

    assert failed_subjects(references_kept(copied.compared)) == []
    copied.con.execute("UPDATE p SET v = 'other' WHERE id = 1")
    assert failed_subjects(references_kept(copied.compared)) == ["a.db:child (a) -> p"]


class TestUnmovedNamesake:
    """Specify what refers to a table that stays, while another table takes its name."""

    maps = (table("first", into="second"), "child")

    def test_foreign_key_to_it_is_refused(self, bench: Bench) -> None:
        """Its parents would be rows of the other table."""
        bench.database("a.db", FIRST, SECOND, CHILD)

        problem = refusal(bench.target_schema(source("a.db", *self.maps)))

        assert (problem.id, problem.subject) == ("parent-left", "a.db:child")
        assert "refers to second, which is not moved" in problem.what

    def test_trigger_stays_with_it(self, bench: Bench) -> None:
        """The plan leaves it with a reason."""
        uses = "CREATE TRIGGER uses AFTER DELETE ON child BEGIN DELETE FROM second; END"
        bench.database("a.db", FIRST, SECOND, "CREATE TABLE child(v)", uses)

        target_schema = bench.target_schema(source("a.db", *self.maps, leave={"second": "old"}))

        assert planned_objects(target_schema) == [("table", "second"), ("table", "child")]
        assert left(target_schema) == [("trigger-left-with-table", "a.db:child")]


def test_target_keeps_its_own_view_and_trigger(bench: Bench) -> None:
    """The target's objects are those of its own application."""
    over = "CREATE TRIGGER over AFTER DELETE ON second BEGIN DELETE FROM second WHERE v IS NULL; END"
    bench.database(TARGET, SECOND, over, "CREATE VIEW seen AS SELECT v FROM second")
    bench.database("a.db", FIRST, SECOND, over, "CREATE VIEW seen AS SELECT v FROM second")

    target_schema = bench.target_schema(source("a.db", *BESIDE))

    assert planned_objects(target_schema) == []
    assert left(target_schema) == [("view-left", "a.db")]


def test_files_of_one_kind_share_a_schema(bench: Bench) -> None:
    """Thousands of files would otherwise hold thousands of equal tables."""
    bench.database("a.db", FIRST)
    bench.database("b.db", FIRST)
    bench.database("c.db", SECOND)

    schemas = [database.schema for database in bench.survey(*map(source, ("a.db", "b.db", "c.db"))).databases]

    assert schemas[0] is schemas[1]
    assert schemas[0] != schemas[2]


def test_files_of_a_pattern_share_what_is_equal(bench: Bench) -> None:
    """Each of very many files adds only what is its own."""
    for name in ("a.db", "b.db"):
        bench.database(name, FIRST)
    bench.database("c.db", "CREATE TABLE first(id INTEGER PRIMARY KEY)")
    pattern = source("p.db", table("first"), keys="renumber", constants={"v": "{stem}"})
    stated = bench.plan(pattern.model_copy(update={"file": "?.db"}))

    plan = expand_by_files(stated, bench.root)
    inspected = bench.survey_of(plan)
    first, second, other = inspected.mappings

    assert plan.sources[0].tables is plan.sources[1].tables is plan.sources[2].tables
    assert first.columns is second.columns
    assert (first.table_map, first.into) == (second.table_map, second.into)
    assert first.source.file != second.source.file
    assert other.columns == first.columns[:1]
    assert other.stated_constants == {"v": "'c'"}
