"""Prove before COMMIT that the key map has a line for each row that the target had.

Each line leads to the same row. The columns that match are compared by SQL that the copy does not use. The collation of
the target says that both are one row, and their bytes say whether they differ. Each value of them that a source has is
counted in the target. It has one row there if a line has it, and otherwise as many as the source has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.matching.real_bits import add_real_bits, exact_kind
from sqlite_consolidate.engine.content.digest import digest_table
from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.merge.rows.matched_rows import WHOLE_ROW, identity
from sqlite_consolidate.engine.merge.rows.policies import policy_of
from sqlite_consolidate.engine.merge.rows.update_rows import kept_columns, match_collation
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.observation import Observation, equal
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlite_consolidate.engine.checks.matching.source_rows import SourceRows
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


def matched_subject(source: str, into: str, match: Sequence[str]) -> str:
    """Return the subject of an entry about the matched rows of one table."""
    return f"{source} -> {into} ({', '.join(match)})"


def copied_subject(source: str) -> str:
    """Return the subject of an entry about the copy whose rows are compared."""
    return f"{source} (the copy that is compared)"


def matched_rows_text(rows: int, misplaced: int = 0, changed: int = 0) -> str:
    """Return the text of an entry about the matched rows of one table.

    Args:
        rows: Number of lines whose row in the target has the same values in the columns that match.
        misplaced: Number of values that more or fewer rows of the target have than they must.
        changed: Number of lines whose row in the target is not what the policy makes of it.
    """
    return (
        f"{counted(rows, 'row')} matched at the same row, {counted(misplaced, 'value')} at more or fewer rows,"
        f" {counted(changed, 'row')} against the policy"
    )


@dataclass(frozen=True)
class MatchedRowsProof:
    """Compare the matched rows of one mapping with the target.

    Attributes:
        mapping: The mapping.
        rows: Its source, on the connection of the target.
        arriving: Function that returns the SQL of a source column as it has to arrive.
        moves: SQL condition over a row of the source that the plan moves it.
        later: Mappings whose rows may update the same rows of the target afterwards.
    """

    mapping: TableMapping
    rows: SourceRows
    arriving: Callable[[str], str]
    moves: str
    later: Sequence[TableMapping]

    def observe(self) -> Observation:
        """Return the observation about the matched rows."""
        add_real_bits(self.rows.con)
        mapping, matched = self.mapping, self.mapping.matched
        number = matched.rows if matched else 0
        subject = matched_subject(mapping.subject, mapping.into.name, mapping.table_map.match)
        observed = matched_rows_text(self._count_right(), self._count_misplaced(), self._count_changed())
        return replace(equal(subject, matched_rows_text(number), observed), examined=max(1, number))

    def _count_right(self) -> int:
        """Return the number of lines that lead to the same row of the target."""
        mapping = self.mapping
        if not (mapping.matched and mapping.matched.key):
            of_line = f"EXISTS (SELECT 1 FROM {self._source} WHERE {self._of_line})"
            return self._number(f"SELECT count(*) {self.rows.lines(mapping)} AND {of_line}")
        same = self._has_equal_columns
        lines = self.rows.lines(mapping)
        query = (
            f"SELECT count(*) FROM (SELECT m.old, m.new {lines}) AS m CROSS JOIN {self._source}"
            f" CROSS JOIN {self._target} WHERE {self._of_line} AND {self._at_existing} AND {same}"
        )
        return self._number(query)

    def _count_misplaced(self) -> int:
        """Return the number of values that more or fewer rows of the target have than they must."""
        values = self._values(match=True)
        of_source = ", ".join(f"{value} AS k{place}" for place, (_, value) in enumerate(values))
        of_target = ", ".join(f"t.{quoted(name)}" for name, _ in values)
        terms = [f"k{place} COLLATE {match_collation(self.mapping, name)}" for place, (name, _) in enumerate(values)]
        is_whole = self.mapping.table_map.match == WHOLE_ROW
        grouping = ", ".join([*terms, *(exact_kind(f"k{place}") for place in range(len(values)) if is_whole)])
        # All rows of a value have a line or none has. Repeated rows stand once or more often if whole rows match.
        right = "c >= 1" if is_whole else "n = 1 AND c = 1"
        rows = (
            f"SELECT {of_source}, 1 AS n, {self.rows.is_matched(self.mapping)} AS l, 0 AS c FROM {self._source}"
            f" WHERE {self.moves}"
            f" UNION ALL SELECT {of_target}, 0, 0, 1 FROM {self._target}"
        )
        query = f"SELECT sum(n) AS n, sum(l) AS l, sum(c) AS c FROM ({rows}) GROUP BY {grouping} HAVING sum(n) > 0"
        return self._number(f"SELECT count(*) FROM ({query}) WHERE NOT iif(l = 0, c = n, l = n AND {right})")

    def _count_changed(self) -> int:
        """Return the number of lines whose row in the target is not what the policy makes of it."""
        if self.mapping.table_map.match == WHOLE_ROW:  # the rows are counted by all of their values
            return self._number(f"SELECT count(*) {self.rows.lines(self.mapping)} AND (m.updated OR NOT m.identical)")
        values = [(f"t.{quoted(name)}", value) for name, value in self._values(match=False)]
        left, right = ", ".join(f"{column} COLLATE BINARY" for column, _ in values), ", ".join(v for _, v in values)
        kinds = [", ".join(map(exact_kind, side)) for side in zip(*values, strict=True)]
        same = f"(({left}) IS ({right}) AND ({kinds[0]}) IS ({kinds[1]}))"
        # What the line says must be what the policy says, and the row must be what the line says.
        policy, newer = policy_of(self.mapping.table_map), self.mapping.table_map.newer
        right = "NOT m.updated"
        if policy == "prefer-source":
            right = "m.updated IS NOT m.identical"
        elif policy == "prefer-newer":
            right = f"iif(m.identical OR m.updated, m.identical IS NOT m.updated, {self._is_older(newer)})"
        unchanged = " AND ".join(
            f"NOT EXISTS (SELECT 1 {self.rows.lines(other, 'o')} AND o.new IS m.new)" for other in self.later
        )
        query = (
            f"SELECT count(*) FROM (SELECT m.old, m.new, m.identical, m.updated {self.rows.lines(self.mapping)}) AS m"
            f" CROSS JOIN {self._source} CROSS JOIN {self._target} WHERE {self._of_line} AND {self._at_existing}"
            f" AND NOT ({same} IS (m.identical OR m.updated) AND {right}) AND {unchanged or 1}"
        )
        return self._number(query)

    def _is_older(self, newer: str) -> str:
        """Return the SQL condition that a row of the source is older than the row of the target."""
        name, value = next(pair for pair in self._values(match=None) if folded(pair[0]) == folded(newer))
        column = f"t.{quoted(name)}"
        classes = [f"replace(typeof({each}), 'real', 'integer')" for each in (column, value)]
        return f"({classes[0]} = {classes[1]} AND {column} COLLATE {self._collation(name)} > {value})"

    def _number(self, query: str) -> int:
        return int(self.rows.con.execute(query).fetchone()[0])

    def _values(self, *, match: bool | None) -> list[tuple[str, str]]:
        """Return columns of the target with the SQL of what must arrive.

        Args:
            match: Whether to return the columns that match. Otherwise those that are compared are returned, or all
                columns if it is None.
        """
        mapping = self.mapping
        matching = {folded(name) for name in mapping.match_columns}
        left_out = (kept_columns(mapping) - matching) | refreshed_columns(mapping.plan, mapping.into.name)
        sources = {folded(new): self.arriving(old) for old, new in mapping.columns}
        sources |= {folded(name): literal for name, literal in mapping.constants.items()}
        return [
            (column.name, sources[folded(column.name)])
            for column in mapping.into.stored
            if match is None or (folded(column.name) in matching if match else folded(column.name) not in left_out)
        ]

    @property
    def _source(self) -> str:
        return f"{self.rows.table(self.mapping)} AS s"

    @property
    def _target(self) -> str:
        return f"main.{quoted(self.mapping.into.name)} AS t"

    @property
    def _of_line(self) -> str:
        return f"{identity(self.mapping.table, 's')} IS m.old"

    @property
    def _at_existing(self) -> str:
        """Return the SQL condition that a row ``t`` is the row to which a line leads."""
        matched = self.mapping.matched
        if matched and matched.key:
            return f"t.{quoted(matched.key)} = m.new"
        return self._has_equal_columns

    @property
    def _has_equal_columns(self) -> str:
        """Return the SQL condition that a row ``t`` has the columns that match."""
        return " AND ".join(
            f"t.{quoted(name)} COLLATE {match_collation(self.mapping, name)} IS {value}"
            for name, value in self._values(match=True)
        )

    def _collation(self, name: str) -> str:
        return quoted(column_collation(self.mapping.into, name))


def copied_exactly(mapping: TableMapping, rows: SourceRows, expected: str) -> Observation:
    """Return the observation that the staged rows of a mapping are those of its source.

    Args:
        mapping: The mapping.
        rows: Its source, on a connection to the staging database.
        expected: Digest of the source table.
    """
    table = replace(mapping.table, without_rowid=False) if not mapping.table.rowid else mapping.table
    counts = mapping.table.counts_rowid
    digest = digest_table(rows.con, table, rows.staged, with_rowid=counts)
    return equal(copied_subject(mapping.subject), expected, digest.full)
