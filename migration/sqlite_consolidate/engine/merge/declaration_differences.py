"""Report how columns and indexes of a source table differ from those of the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.column_types import default_is_constant, stored_default
from sqlite_consolidate.engine.merge.table_mapping import columns_by_name
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import counted, list_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Column


@dataclass(frozen=True)
class DeclarationDifference:
    """Hold one difference between the declarations of a source and a target column.

    Attributes:
        subject: ``file:table``.
        column: Name of the column, or ``old -> new``.
        aspect: ``type``, ``NOT NULL``, ``default`` or ``place in primary key``.
        source: Declaration in the source, or ``none``.
        target: Declaration in the target, or ``none``.
    """

    subject: str
    column: str
    aspect: str
    source: str
    target: str

    @property
    def change(self) -> str:
        """Return the declaration in the source and the one in the target."""
        return f"{self.aspect} was {self.source}, is {self.target}"

    @property
    def finding_id(self) -> str:
        """Return the id of the finding if the target lacks a declaration of the source.

        It is empty for every other difference.
        """
        return "" if self.source in ("no", "none") else _LOST.get(self.aspect, "")


_LOST = {"NOT NULL": "not-null-lost", "default": "default-lost", "place in primary key": "key-lost"}
_DIFFERENCES = {
    "not-null-lost": ("column", "is", "are", "NOT NULL in the source, but not in"),
    "default-lost": ("column", "has", "have", "a default in the source, but another one or none in"),
    "key-lost": ("column", "has", "have", "a place in the primary key of the source, but another one or none in"),
    "index-lost": ("index", "has", "have", "no counterpart in"),
    "column-differs": ("column", "is", "are", "declared differently in"),
    "default-refers": ("further column", "gives", "give", "each row a parent by default in"),
    "further-column": ("further column", "is", "are", "filled by default in"),
}
"""Id of the finding to its noun, its verb in singular and plural, and its fact before the table's name."""
_NAMED_IN_FULL = {
    "index-lost",
    "default-refers",
    "further-column",
}  # the evidence lists all others among the schema differences
_MOST_NAMED = 3


def declaration_differences(mapping: TableMapping) -> list[DeclarationDifference]:
    """Return the differences between the declarations of all columns.

    A column with a constant of the plan has no place in a key here, because it tells no two rows of a source apart.
    """
    differences = []
    source_columns, target_columns = columns_by_name(mapping.table), columns_by_name(mapping.into)
    places = _places_in_key(mapping)
    for old, new in mapping.columns:
        declared, planned = source_columns[folded(old)], target_columns[folded(new)]
        label = old if old == new else f"{old} -> {new}"
        for aspect, was, becomes in (
            ("type", declared.type or "none", planned.type or "none"),
            ("NOT NULL", _yes_no(declared.notnull), _yes_no(planned.notnull)),
            ("default", declared.default or "none", planned.default or "none"),
            ("place in primary key", str(declared.key or "none"), places.get(planned.name, "none")),
        ):
            if was != becomes and not (aspect == "default" and _have_one_default(declared, planned, mapping)):
                differences.append(DeclarationDifference(mapping.subject, label, aspect, was, becomes))
    return differences


def declaration_findings(mapping: TableMapping) -> list[Finding]:
    """Return the findings about columns and indexes that the target declares differently.

    An index of the source that the target lacks is among them.
    """
    filled = [column for column in mapping.constants if column not in mapping.stated_constants]
    names = {folded(old): new for old, new in mapping.table_map.columns.items()}
    stated = {names.get(folded(refers.column), refers.column) for refers in mapping.table_map.refers}
    referring = {
        folded(column)
        for columns in (stated, *(key.columns for key in mapping.into.foreign_keys))
        for column in columns
    }
    parents = [column for column in filled if folded(column) in referring and mapping.constants[column] != "NULL"]
    others = {
        "default-refers": parents,
        "further-column": [column for column in filled if column not in parents],
        "index-lost": _lost_indexes(mapping),
    }
    return findings_of_declaration_differences(
        mapping.subject, mapping.into.name, declaration_differences(mapping), others
    )


def findings_of_declaration_differences(
    subject: str, into: str, differing: Iterable[DeclarationDifference], others: Mapping[str, list[str]] | None = None
) -> list[Finding]:
    """Return one finding for each kind of difference of a table.

    Args:
        subject: ``file:table``.
        into: The table of the target.
        differing: Differences of its columns.
        others: Id of each further finding, to the names in it.
    """
    columns: dict[str, list[str]] = dict(others or {})
    for difference in differing:
        id = difference.finding_id or "column-differs"
        label = difference.column if id == "not-null-lost" else f"{difference.column} ({difference.change})"
        columns.setdefault(id, []).append(label)
    return [_difference_finding(subject, into, id, columns[id]) for id in _DIFFERENCES if columns.get(id)]


def _difference_finding(subject: str, into: str, id: str, names: list[str]) -> Finding:
    """Return the finding for all columns or indexes that differ in the same way."""
    noun, has, have, fact = _DIFFERENCES[id]
    most = len(names) if id in _NAMED_IN_FULL else _MOST_NAMED
    number = f"{counted(len(names), noun, 'indexes' if noun == 'index' else '')} {has if len(names) == 1 else have}"
    return Finding.of(id, subject, f"{number} {fact} target table {into}: {list_names(names, most)}.", count=len(names))


def _have_one_default(declared: Column, planned: Column, mapping: TableMapping) -> bool:
    """Return whether two defaults give one value, however they are written."""
    if not (declared.default and planned.default and default_is_constant(declared) and default_is_constant(planned)):
        return False
    stored = stored_default(declared, strict=mapping.table.strict)
    return stored == stored_default(planned, strict=mapping.into.strict)


def _places_in_key(mapping: TableMapping) -> dict[str, str]:
    """Return each column of the target's primary key to its place.

    Constants of the plan have none.
    """
    names = [name for name in mapping.into.primary_key if name not in mapping.stated_constants]
    return {name: str(place) for place, name in enumerate(names, 1)}


def _lost_indexes(mapping: TableMapping) -> list[str]:
    constants = set(map(folded, mapping.stated_constants))
    terms = [(index.unique, [folded(term[0] or "") for term in index.terms]) for index in mapping.into.indexes]
    kept = {(unique, tuple(name for name in names if name not in constants)) for unique, names in terms}
    return [
        index.name
        for index in mapping.table.indexes
        if index.sql
        and mapping.source.leave_reason("indexes", index.name) is None
        and (index.unique, tuple(folded(mapping.renamed.get(t[0] or "", t[0] or "")) for t in index.terms)) not in kept
    ]


def _yes_no(value: bool) -> str:  # noqa: FBT001 -- formats a boolean
    return "yes" if value else "no"
