"""Compare the schema of a target with the schema that was foretold.

In a target that may have been in use since, or that others have made, statements may be in other words. There it counts
what they declare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.engine import history
from migration.engine.declared import columns, declared, likeness, words
from migration.engine.observation import Observation, counted, equal, not_required
from migration.engine.sql import folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.engine.known import Survey
    from migration.engine.schema import Index, Named, Schema, Table
    from migration.engine.statements import Statement
    from migration.plan.model import Plan


@dataclass(frozen=True, kw_only=True)
class Structure:
    """The schema of a target, and what it was to be.

    Attributes:
        schema: As it is.
        survey: What was known before, with the schema that was foretold.
        changed_since: Whether the target has been in use since, and others may have made it in words of their own.
    """

    schema: Schema
    survey: Survey
    changed_since: bool = False

    @property
    def knows_neighbours(self) -> bool:
        """Whether it is known what else was in the target; of one that others made, only its original tells."""
        return self.survey.target is not None or not self.changed_since


def tables_created(compared: Structure, plan: Plan) -> list[Observation]:
    """Observe that every table the plan names is in the target as it was foretold.

    An optional source that is not there brings no table.
    """
    bringing = [source for source in plan.in_order if source.name in compared.survey.sources]
    named = [table_map.into for source in bringing for table_map in source.tables]
    named += [table.name for table in plan.tables]
    seen = []
    for name in dict.fromkeys(named):
        expected, there = compared.survey.future.schema.table(name), compared.schema.table(name)
        shape = _shape(compared, expected) if expected else "a table, but none was foretold"
        seen.append(equal(name, shape, _shape(compared, there) if there else "no such table"))
    return seen or [not_required("plan", "no table is to be created or to receive rows")]


def indexes_created(compared: Structure) -> list[Observation]:
    """Observe that every planned index is on its own table, with the statement that was planned, or with its like."""
    planned = [statement for statement in compared.survey.future.early if statement.kind == "index"]
    seen = [_index_created(compared, statement) for statement in planned]
    return seen or [not_required("target", "the plan creates no index")]


def _index_created(compared: Structure, planned: Statement) -> Observation:
    there = compared.schema.table(planned.table)
    known = {folded(index.name): index.sql for index in there.indexes} if there else {}
    observed = known.get(folded(planned.name), "no such index on this table")
    table = compared.survey.future.schema.table(planned.table)
    if compared.changed_since and there and table:
        index = next(index for index in table.indexes if folded(index.name) == folded(planned.name))
        lacks = bool(_lacking([index], table, there))
        observed = "no such index on this table" if lacks else planned.sql
    return equal(f"{planned.table}: {planned.name}", planned.sql, observed)


def schema_as_planned(compared: Structure) -> list[Observation]:
    """Observe that the target has the tables that were foretold and no other, each with all that it declares."""
    ours = folded(history.TABLE)
    expected = {folded(t.name): t for t in compared.survey.future.schema.movable if folded(t.name) != ours}
    there = {folded(t.name): t for t in compared.schema.movable if folded(t.name) != ours}
    seen = [] if compared.changed_since else [equal("target: tables", len(expected), len(there))]
    unplanned = sorted(set(there) - set(expected)) if compared.knows_neighbours else []
    seen += [Observation(name, "not in the target", "an unplanned table", holds=False) for name in unplanned]
    for name, table in expected.items():
        if name not in there:
            seen.append(Observation(table.name, "in the target", "no such table", holds=False))
        elif compared.changed_since:
            shape = _shape(compared, table)
            seen += _declared_otherwise(compared, table, there[name]) or [equal(table.name, shape, shape)]
        else:
            seen += _written_otherwise(table, there[name])
    return seen or [not_required("target", "the plan names no table")]


def _written_otherwise(table: Table, found: Table) -> list[Observation]:
    """Return the first thing in which a table is not what was foretold to the letter."""
    if found.columns != table.columns:
        return [equal(table.name, ", ".join(columns(table)), ", ".join(columns(found)))]
    if found.sql != table.sql:
        return [equal(table.name, table.sql, found.sql)]
    if indexes_of(found) != indexes_of(table):
        return [equal(f"{table.name}: indexes", indexes_of(table), indexes_of(found))]
    return []


def _declared_otherwise(compared: Structure, table: Table, found: Table) -> list[Observation]:
    """Return each thing that a table declares otherwise than was foretold, whatever its words."""
    return [
        equal(f"{table.name}: {kind}", wanted, there)
        for kind, wanted, there in declarations_that_differ(compared, table, found)
    ]


def declarations_that_differ(compared: Structure, table: Table, found: Table) -> list[tuple[str, str, str]]:
    """Return the kind of each declaration of a table that is not as foretold, as it was to be, and as it is."""
    wanted, there = declared(table, compared.survey.future.schema), declared(found, compared.schema)
    differing = [(kind, text, there[kind]) for kind, text in wanted.items() if text != there[kind]]
    return differing + [
        (_index_words(index), "on this table", "no such index") for index in _lacking(table.indexes, table, found)
    ]


def _lacking(indexes: Sequence[Index], table: Table, found: Table) -> list[Index]:
    """Return the indexes of a table that have no like among those of what was found in its place."""
    there = {likeness(index, found) for index in found.indexes}
    return [index for index in indexes if likeness(index, table) not in there]


def _index_words(index: Index) -> str:
    names = ", ".join(column or "an expression" for column, _, _ in index.terms)
    return index.name if index.sql else f"{'PRIMARY KEY' if index.origin == 'pk' else 'UNIQUE'}({names})"


def triggers_in_place(compared: Structure) -> list[Observation]:
    """Observe that triggers and views are those that the target had and those that were to come, to the letter.

    In a target that others made a trigger may have another name, and any of both may be there in addition.
    """
    likes = {_late(compared, schema, kind, named): named for schema, kind, named in _late_objects(compared.schema)}
    names = {(kind, folded(named.name)): named for _, kind, named in _late_objects(compared.schema)}
    planned = list(_late_objects(compared.survey.future.schema))
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
    return seen or [not_required("target", "neither the plan nor the target has a trigger or a view")]


def _late_objects(schema: Schema) -> Iterator[tuple[Schema, str, Named]]:
    for kind, objects in (("trigger", schema.triggers), ("view", schema.views)):
        for named in objects:
            yield schema, kind, named


def _late(compared: Structure, schema: Schema, kind: str, named: Named) -> tuple[str, str, str]:
    """Return what tells a trigger or a view from others."""
    if not compared.changed_since:
        return kind, folded(named.name), named.sql
    return kind, folded(named.table), words(named, schema)


def _shape(compared: Structure, table: Table) -> str:
    listed = sorted(columns(table), key=folded) if compared.changed_since else columns(table)
    extra = [word for word, is_so in (("STRICT", table.strict), ("WITHOUT ROWID", table.without_rowid)) if is_so]
    return f"{counted(len(listed), 'column')}: {', '.join(listed)}" + "".join(f", {word}" for word in extra)


def indexes_of(table: Table) -> list[tuple[str, str]]:
    """Return name and statement of each index of a table."""
    return sorted((folded(index.name), index.sql) for index in table.indexes)
