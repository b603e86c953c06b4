"""Compare the schema of a target with the schema that was foretold.

In a target that may have been in use since, or that others have made, statements may be in other words. There it counts
what they declare.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.sqlite.schema.declared import clauses_of, columns, declared, likeness, properties, words
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, equal, not_examined, not_required
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.schema.objects import Index, Named, Schema, Table
    from sqlite_consolidate.engine.sqlite.schema.statements import Statement
    from sqlite_consolidate.plan.model import Plan

_OF_SHAPE = ("STRICT", "WITHOUT ROWID")  # kinds of declarations that tables-created compares, and columns


@dataclass(frozen=True, kw_only=True)
class SchemaComparison:
    """The schema of a target, and what it was to be.

    Attributes:
        schema: As it is.
        survey: What was known before, with the schema that was foretold.
        changed_since: Whether the target has been in use since, and others may have made it in words of their own.
        unread: Name of each table of the plan that no original tells of, to the file of that and why it does not.
    """

    schema: Schema
    survey: InspectedDatabases
    changed_since: bool = False
    unread_tables: dict[str, tuple[str, str]] = field(default_factory=dict)

    def is_unread(self, name: str) -> bool:
        """Tell whether no original tells what a table was to be."""
        return folded(name) in {folded(unread) for unread in self.unread_tables}

    @property
    def unread_originals(self) -> list[Observation]:
        """For each original that tells nothing of a table, that nothing can be held against it."""
        causes = Counter(self.unread_tables.values())
        return [
            not_examined(file, f"{why}, so {counted(number, 'table')} of the plan cannot be judged by it", repeats=True)
            for (file, why), number in causes.items()
        ]

    @property
    def knows_neighbours(self) -> bool:
        """Whether it is known what else was in the target; of one that others made, only its original tells."""
        return self.survey.target is not None or not self.changed_since

    def is_neighbour(self, name: str) -> bool:
        """Tell whether the target had a table before that nothing is moved into."""
        target = self.survey.target
        receiving = {folded(mapping.into.name) for mapping in self.survey.mappings}
        return target is not None and target.schema.table(name) is not None and folded(name) not in receiving


def tables_created(compared: SchemaComparison, plan: Plan) -> list[Observation]:
    """Observe that every table the plan names is in the target as it was foretold.

    An optional source that is not there brings no table.
    """
    bringing = [source for source in plan.in_order if source.name in compared.survey.sources]
    named = [table_map.into for source in bringing for table_map in source.tables]
    named += [table.name for table in plan.tables]
    seen = compared.unread_originals
    for name in dict.fromkeys(name for name in named if not compared.is_unread(name)):
        expected, there = compared.survey.target_schema.schema.table(name), compared.schema.table(name)
        if compared.changed_since and expected and there:
            seen.append(_shape_as_foretold(name, expected, there))
        else:
            wanted = describe_columns(expected) if expected else "a table, but none was foretold"
            seen.append(equal(name, wanted, describe_columns(there) if there else "no such table"))
    return seen or [not_required("plan", "no table is to be created or to receive rows")]


def _shape_as_foretold(name: str, table: Table, found: Table) -> Observation:
    """Observe that a table has its columns, in whatever order; only what differs is named."""
    differing = [*_columns_that_differ(table, found), *_options_that_differ(table, found)]
    if not differing:
        shape = counted(len(table.columns), "column")
        return equal(name, shape, shape)
    wanted, there = ("; ".join(texts) for texts in zip(*differing, strict=True))
    return Observation(name, wanted, there, holds=False)


def _columns_that_differ(table: Table, found: Table) -> Iterator[tuple[str, str]]:
    """Yield of each column that differs how it was to be, and how it is."""
    for column in table.columns:
        there = found.column(column.name)
        if there is None:
            yield f"column {column.name}", f"no column {column.name}"
            continue
        wanted, has = properties(column, table), properties(there, found)
        differing = [name for name in wanted if wanted[name] != has[name]]
        if differing:
            as_wanted, as_found = (", ".join(side[name] for name in differing) for side in (wanted, has))
            yield f"column {column.name}: {as_wanted}", f"column {column.name}: {as_found}"
    for column in found.columns:
        if table.column(column.name) is None:
            yield f"no column {column.name}", f"column {column.name}"


def _options_that_differ(table: Table, found: Table) -> Iterator[tuple[str, str]]:
    options = ((table.strict, found.strict), (table.without_rowid, found.without_rowid))
    for name, sides in zip(_OF_SHAPE, options, strict=True):
        if sides[0] != sides[1]:
            wanted, there = (name if side else f"not {name}" for side in sides)
            yield wanted, there


def indexes_created(compared: SchemaComparison) -> list[Observation]:
    """Observe that every planned index is on its own table, with the statement that was planned, or with its like."""
    planned = [statement for statement in compared.survey.target_schema.before_rows if statement.kind == "index"]
    seen = [
        _index_created(compared, one) for one in planned if not compared.is_unread(one.table)
    ] + compared.unread_originals
    return seen or [not_required("target", "the plan creates no index")]


def _index_created(compared: SchemaComparison, planned: Statement) -> Observation:
    there = compared.schema.table(planned.table)
    known = {folded(index.name): index.sql for index in there.indexes} if there else {}
    observed = known.get(folded(planned.name), "no such index on this table")
    table = compared.survey.target_schema.schema.table(planned.table)
    if compared.changed_since and there and table:
        index = next(index for index in table.indexes if folded(index.name) == folded(planned.name))
        observed = planned.sql
        if _lacking([index], table, there):
            other = _in_place_of(index, table, there)
            observed = other.sql or _index_words(other) if other else "no such index on this table"
    return equal(f"{planned.table}: {planned.name}", planned.sql, observed)


def schema_as_planned(compared: SchemaComparison) -> list[Observation]:
    """Observe that the target has the tables that were foretold and no other, each with all that it declares.

    In a target that others made each difference belongs to one criterion. Missing tables, columns and options belong to
    tables-created, indexes of the plan to indexes-created, and neighbours to neighbours-unchanged.
    """
    ours = folded(history.TABLE)
    expected = {folded(t.name): t for t in compared.survey.target_schema.schema.movable if folded(t.name) != ours}
    there = {folded(t.name): t for t in compared.schema.movable if folded(t.name) != ours}
    if compared.changed_since:
        return _declared_as_planned(compared, expected, there)
    seen = [equal("target: tables", len(expected), len(there)), *_unplanned(expected, there)]
    for name, table in expected.items():
        if name not in there:
            seen.append(Observation(table.name, "in the target", "no such table", holds=False))
        else:
            seen += _written_otherwise(table, there[name])
    return seen


def _unplanned(expected: Iterable[str], there: Iterable[str]) -> list[Observation]:
    unplanned = sorted(set(there) - set(expected))
    return [Observation(name, "not in the target", "an unplanned table", holds=False) for name in unplanned]


def _declared_as_planned(
    compared: SchemaComparison, expected: dict[str, Table], there: dict[str, Table]
) -> list[Observation]:
    """Observe for each table of the plan what it declares beside its columns, whatever its words."""
    awaited = {folded(name) for name in compared.unread_tables}
    seen = _unplanned(expected.keys() | awaited, there) if compared.knows_neighbours else []
    seen += compared.unread_originals
    planned = {
        name: table
        for name, table in expected.items()
        if not compared.is_neighbour(name) and not compared.is_unread(name)
    }
    for name, table in planned.items():
        if name in there:
            text = describe_columns(table)
            seen += _declared_otherwise(compared, table, there[name]) or [equal(table.name, text, text)]
    if seen or not planned:
        return seen or [not_required("target", "the plan names no table")]
    return [not_examined("target", "no table of the plan is in the target")]


def _written_otherwise(table: Table, found: Table) -> list[Observation]:
    """Return the first thing in which a table is not what was foretold to the letter."""
    if found.columns != table.columns:
        return [equal(table.name, ", ".join(columns(table)), ", ".join(columns(found)))]
    if found.sql != table.sql:
        return [equal(table.name, table.sql, found.sql)]
    if index_statements(found) != index_statements(table):
        return [equal(f"{table.name}: indexes", index_statements(table), index_statements(found))]
    return []


def _declared_otherwise(compared: SchemaComparison, table: Table, found: Table) -> list[Observation]:
    """Return each thing beside its columns that a table declares otherwise than was foretold, whatever its words."""
    differing = _declarations_that_differ(compared, table, found) | _indexes_that_differ(compared, table, found)
    return [
        Observation(f"{table.name}: {kind}", wanted, there, holds=False)
        for kind, (wanted, there) in differing.items()
        if kind not in _OF_SHAPE
    ] + [
        Observation(f"{table.name}: {_index_words(index)}", "no such index", "refuses rows", holds=False)
        for index in _unique_added(table, found)
    ]


def list_schema_differences(compared: SchemaComparison, table: Table, found: Table) -> list[str]:
    """Return the kind of each declaration of a table that is not as foretold."""
    kinds = [*_declarations_that_differ(compared, table, found)]
    kinds += [_index_words(index) for index in _lacking(table.indexes, table, found)]
    kinds += [f"{_index_words(index)} added" for index in _unique_added(table, found)]
    return ["columns", *kinds] if any(_columns_that_differ(table, found)) else kinds


def _declarations_that_differ(compared: SchemaComparison, table: Table, found: Table) -> dict[str, tuple[str, str]]:
    """Return the kinds of declarations that differ, each with what of it was to be, and what is there instead."""
    wanted, there = declared(table, compared.survey.target_schema.schema), declared(found, compared.schema)
    lost = {clause for column in _lost(table, found) for clause in clauses_of(table, column)}
    lost |= {clause for column in _lost(found, table) for clause in clauses_of(found, column)}
    sides = {
        kind: (_without(texts, there[kind].keys() | lost), _without(there[kind], texts.keys() | lost))
        for kind, texts in wanted.items()
    }
    return {kind: (texts or "none", others or "none") for kind, (texts, others) in sides.items() if texts or others}


def _lost(table: Table, found: Table) -> list[str]:
    return [column.name for column in table.columns if found.column(column.name) is None]


def _without(texts: dict[str, str], left_out: Collection[str]) -> str:
    return ", ".join(text for alike, text in sorted(texts.items()) if alike not in left_out)


def _indexes_that_differ(compared: SchemaComparison, table: Table, found: Table) -> dict[str, tuple[str, str]]:
    """Return the indexes that a table lacks beside those that the plan creates, and those of a lost key or column."""
    created = {
        folded(statement.name) for statement in compared.survey.target_schema.before_rows if statement.kind == "index"
    }
    lost = _lost(table, found)
    has_key = [folded(name) for name in table.primary_key] == [folded(name) for name in found.primary_key]
    return {
        _index_words(index): ("on this table", "no such index")
        for index in _lacking(table.indexes, table, found)
        if folded(index.name) not in created and (has_key or index.origin != "pk")
        if not any(column in lost for column, _, _ in index.terms)
    }


def _lacking(indexes: Sequence[Index], table: Table, found: Table) -> list[Index]:
    """Return the indexes of a table that have no like among those of what was found in its place."""
    there = {likeness(index, found) for index in found.indexes}
    return [index for index in indexes if likeness(index, table) not in there]


def _in_place_of(index: Index, table: Table, found: Table) -> Index | None:
    """Return the index that was made in place of one that a table lacks: with its name, or on the same columns."""
    others = _lacking(found.indexes, found, table)
    alike = [other for other in others if folded(other.name) == folded(index.name)]
    alike += [other for other in others if _columns_of(other) == _columns_of(index)]
    return alike[0] if alike else None


def _columns_of(index: Index) -> set[str]:
    return {folded(column or "") for column, _, _ in index.terms}


def _added(table: Table, found: Table) -> list[Index]:
    """Return the indexes that were found in addition to those of a table, and in place of none of them."""
    instead = [_in_place_of(index, table, found) for index in _lacking(table.indexes, table, found)]
    others = _lacking(found.indexes, found, table)
    return [index for index in others if index.origin != "pk" and index not in instead]


def _unique_added(table: Table, found: Table) -> list[Index]:
    """Return the unique indexes in addition that refuse rows which no key of the table refuses."""
    keys = [{(folded(column), folded(collation)) for column, collation in key} for key in keys_of(table)]
    return [
        index
        for index in _added(table, found)
        if index.unique
        and not any(key <= {(folded(name or ""), folded(by)) for name, _, by in index.terms} for key in keys)
    ]


def added_object_findings(compared: SchemaComparison) -> list[Finding]:
    """Return a finding for each index and view in addition, which can neither change nor refuse a row."""
    target_schema = compared.survey.target_schema.schema
    findings = []
    for found in compared.schema.movable:
        table = None if compared.is_unread(found.name) else target_schema.table(found.name)
        unique = _unique_added(table, found) if table else ()
        findings += [
            Finding.of("object-added-since", found.name, f"index {_index_words(index)} is in addition.")
            for index in (_added(table, found) if table else ())
            if index not in unique
        ]
    known = {folded(view.name) for view in target_schema.views}
    if compared.knows_neighbours and not compared.unread_tables:
        views = [view.name for view in compared.schema.views if folded(view.name) not in known]
        findings += [Finding.of("object-added-since", name, "a view that is in addition.") for name in views]
    return findings


def _index_words(index: Index) -> str:
    names = ", ".join(column or "an expression" for column, _, _ in index.terms)
    return index.name if index.sql else f"{'PRIMARY KEY' if index.origin == 'pk' else 'UNIQUE'}({names})"


def triggers_in_place(compared: SchemaComparison) -> list[Observation]:
    """Observe that triggers and views are those that the target had and those that were to come, to the letter.

    In a target that others made a trigger may have another name, and a view may be there in addition.
    """
    likes = {_late(compared, schema, kind, named): named for schema, kind, named in _late_objects(compared.schema)}
    names = {(kind, folded(named.name)): named for _, kind, named in _late_objects(compared.schema)}
    planned = list(_late_objects(compared.survey.target_schema.schema))
    seen = []
    for schema, kind, named in planned:
        holds = _late(compared, schema, kind, named) in likes
        other = names.get((kind, folded(named.name)))
        observed = named.sql if holds else other.sql if other else "missing"
        seen.append(equal(f"{kind} {folded(named.name)}", named.sql, observed))
    known = {(kind, folded(named.name)) for _, kind, named in planned}
    seen += [
        Observation(f"{kind} {name}", "not in the target", f"an unplanned {kind}", holds=False)
        for kind, name in sorted(names.keys() - known if not compared.changed_since else ())
    ]
    seen += compared.unread_originals
    if compared.changed_since and not compared.unread_tables:
        seen += [
            Observation(f"trigger {folded(name)}", "not in the target", "an unplanned trigger", holds=False)
            for name in _triggers_added(compared)
        ]
    return seen or [not_required("target", "neither the plan nor the target has a trigger or a view")]


def _triggers_added(compared: SchemaComparison) -> list[str]:
    """Return the triggers on tables and views of the plan and of the target that neither of them brought."""
    target_schema = compared.survey.target_schema.schema
    known = {folded(name) for name in (*target_schema.tables, *(view.name for view in target_schema.views))}
    names = {folded(trigger.name) for trigger in target_schema.triggers}
    left = Counter(_late(compared, target_schema, "trigger", trigger) for trigger in target_schema.triggers)
    added = []
    # One with the planned name first: of two that do the same the other is in addition.
    for trigger in sorted(compared.schema.triggers, key=lambda trigger: folded(trigger.name) not in names):
        alike = _late(compared, compared.schema, "trigger", trigger)
        if left[alike]:
            left[alike] -= 1
        elif folded(trigger.name) not in names and folded(trigger.table) in known:
            added.append(trigger.name)
    return added


def _late_objects(schema: Schema) -> Iterator[tuple[Schema, str, Named]]:
    for kind, objects in (("trigger", schema.triggers), ("view", schema.views)):
        for named in objects:
            yield schema, kind, named


def _late(compared: SchemaComparison, schema: Schema, kind: str, named: Named) -> tuple[str, str, str]:
    """Return what tells a trigger or a view from others."""
    if not compared.changed_since:
        return kind, folded(named.name), named.sql
    return kind, folded(named.table), words(named, schema)


def describe_columns(table: Table) -> str:
    """Return the columns of a table and its options, as entries write them."""
    listed = columns(table)
    extra = [word for word, is_so in (("STRICT", table.strict), ("WITHOUT ROWID", table.without_rowid)) if is_so]
    return f"{counted(len(listed), 'column')}: {', '.join(listed)}" + "".join(f", {word}" for word in extra)


def index_statements(table: Table) -> list[tuple[str, str]]:
    """Return name and statement of each index of a table."""
    return sorted((folded(index.name), index.sql) for index in table.indexes)
