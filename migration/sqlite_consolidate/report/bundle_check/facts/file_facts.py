"""Compute what entries about schema and code must state, from the bundle's files."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.history import TABLE as HISTORY
from sqlite_consolidate.engine.checks.comparison.compare_structure import describe_columns
from sqlite_consolidate.engine.code.remaining import NONE_REMAINS, SCANNED
from sqlite_consolidate.engine.code.source_files import is_python
from sqlite_consolidate.engine.merge.source_ddl import create_statements
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, read_schema
from sqlite_consolidate.engine.sqlite.sql import folded, rename_in_statement, strip_trailing_comments
from sqlite_consolidate.observation import NO_PROBLEM, Outcome
from sqlite_consolidate.plan.ddl import validate_create, without_rows
from sqlite_consolidate.report.bundle import statements_of
from sqlite_consolidate.report.bundle_check.facts.database_facts import tables_after
from sqlite_consolidate.report.bundle_check.facts.fact import BYTES_AND_DIGEST, Fact
from sqlite_consolidate.report.file_names import DIFF, SQL
from sqlite_consolidate.text import counted, one_line, printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Record
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_DIFF = re.compile(r"^--- a/(.*)\n\+\+\+ b/\1\n@@ ", re.MULTILINE)
_CREATES = re.compile(r"CREATE (?:UNIQUE )?(TABLE|VIRTUAL TABLE|INDEX|TRIGGER|VIEW)\b")

_Pair = tuple[str, str, str]


@dataclass
class Statements:
    """Hold what a run created in the target by its plan, as ``sql.log`` has it.

    Attributes:
        creating: Kind of object, in small letters, to its statements.
        again: Number of triggers that were dropped for the copy and created again.
    """

    creating: dict[str, list[str]] = field(default_factory=dict)
    again: int = 0

    @classmethod
    def of(cls, contents: BundleContents) -> Statements:
        """Return the statements of a bundle."""
        statements = cls()
        for text in statements_of(contents.bundle.text(SQL)):
            if (match := _CREATES.match(text)) and not text.startswith(f"CREATE TABLE {HISTORY}("):
                statements.creating.setdefault(match[1].lower(), []).append(_bare(text))
            statements.again += text.startswith("DROP TRIGGER ")
        return statements

    @property
    def number(self) -> int:
        """Return how many statements the preflight has tried."""
        return sum(map(len, self.creating.values())) - self.again

    @cached_property
    def schema(self) -> Schema:
        """Return the created tables, as far as SQLite can create them in memory.

        Only tables are created, and none from rows. A statement with an escape is left out, because it may stand for
        another text.
        """
        con = open_memory()
        try:
            con.set_authorizer(without_rows)
            for statement in self.creating.get("table", ()):
                if "\\" not in statement:
                    with contextlib.suppress(sqlite3.Error, sqlite3.Warning, ValueError):
                        con.execute(statement)
            con.set_authorizer(None)
            return read_schema(con)
        finally:
            con.close()


def _bare(statement: str) -> str:
    """Return a statement without semicolon, space and comments at its end."""
    return strip_trailing_comments(statement.rstrip().removesuffix(";"))


def rewritten_files(contents: BundleContents) -> list[str] | None:
    """Return the code files that ``code.diff`` changes.

    The result is None if git writes the name of one in quotes.
    """
    text = contents.bundle.files.get(DIFF, b"").decode("utf-8", "surrogateescape")
    if re.search(r'^--- "', text, re.MULTILINE):
        return None
    return [printable(name.removesuffix("\t")) for name in _DIFF.findall(text)]


def facts_of_files(plan: Plan, record: Record, contents: BundleContents, statements: Statements) -> Iterator[Fact]:
    """Yield what entries about schema, code, logs and applications must state."""
    yield from _of_schema(plan, record, statements)
    yield from _of_code(plan, record, contents)
    if plan.scan.paths:
        remains = rf"\d+ files? read, {NONE_REMAINS}"
        yield Fact("references-complete", SCANNED, "no mention remains", remains, is_pattern=True)
        yield Fact("no-stale-references", "scanned files", "none names an old database", _scanned(record), True)  # noqa: FBT003
    if plan.logs.files:
        observed = r"\d+ files? and \d+ new lines? read, none matches(; .*)?"
        expected = f"no new line matches {one_line(plan.logs.errors)}"
        yield Fact("logs-clean", ", ".join(plan.logs.files), expected, observed, is_pattern=True)
    yield from _of_applications(plan, record)


def contradictions_of_statements(plan: Plan, record: Record, statements: Statements) -> Iterator[_Pair]:
    """Yield each difference of indexes, triggers, views or plan from ``sql.log``."""
    passed = [entry for entry in record.criteria if entry.outcome is Outcome.PASSED]
    texts = {
        criterion: Counter(_bare(entry.expected) for entry in passed if entry.criterion == criterion)
        for criterion in ("indexes-created", "triggers-in-place")
    }
    created = Counter(statements.creating.get("index", ()))
    for statement in (created - texts["indexes-created"]).elements():
        yield "indexes-created: as in sql.log", statement, "missing"
    for statement in (texts["indexes-created"] - created).elements():
        yield "indexes-created: as in sql.log", "missing", statement
    late = Counter([*statements.creating.get("trigger", ()), *statements.creating.get("view", ())])
    for statement in (late - texts["triggers-in-place"]).elements():
        yield "triggers-in-place: as in sql.log", statement, "missing"
    yield from _planned(plan, record, statements)


def _planned(plan: Plan, record: Record, statements: Statements) -> Iterator[_Pair]:
    """Yield each table and index of the plan's ``create`` texts that was not created."""
    before = {folded(table) for table in (record.target.rows if record.target else ())}
    made: set[str] = set()
    for name, text in _texts(plan, record):
        if folded(printable(name)) in before or not text or validate_create(text, name):
            made.add(folded(name))
            continue
        for planned in create_statements(text):
            wanted = [_bare(printable(planned.sql))]
            if planned.kind == "index":
                wanted.append(_bare(printable(rename_in_statement(planned.sql, f"{planned.table}_{planned.name}"))))
            elif planned.kind != "table" or folded(name) in made:
                continue
            if not set(wanted) & set(statements.creating.get(planned.kind, ())):
                yield f"plan.toml: create of {printable(name)}: as in sql.log", wanted[0], "missing"
        made.add(folded(name))


def _texts(plan: Plan, record: Record) -> Iterator[tuple[str, str]]:
    """Yield each planned table with its ``create`` text, in the order of creation."""
    known = {source.name for source in record.sources}
    required = {folded(table.name): table.create for table in plan.tables}
    for source in plan.in_order:
        for table_map in source.tables if source.name in known else ():
            yield table_map.into, table_map.create or required.get(folded(table_map.into), "")
    yield from ((table.name, table.create) for table in plan.tables)


def _of_schema(plan: Plan, record: Record, statements: Statements) -> Iterator[Fact]:
    if statements.number:
        tried = f"{counted(statements.number, 'statement')} tried on an empty copy of the target's schema"
        yield Fact("names-free", plan.name, NO_PROBLEM, tried)
    for name in dict.fromkeys(name for name, _ in _texts(plan, record)):
        if table := statements.schema.table(name):
            yield Fact("tables-created", name, printable(describe_columns(table)))


def _of_code(plan: Plan, record: Record, contents: BundleContents) -> Iterator[Fact]:
    private = "readable by the operator alone"
    yield Fact("backup-complete", "permissions of the backup set", private)
    for reference in plan.references:
        expected = one_line(f"{reference.replace} instead of {reference.find}")
        observed = r"replaced \(line \d+(, \d+)*\)"
        yield Fact("references-updated", reference.file, expected, observed, is_pattern=True)
    texts = {entry.subject: entry.expected for entry in record.criteria if entry.criterion == "backup-complete"}
    saved = {file: re.fullmatch(BYTES_AND_DIGEST, text) for file, text in texts.items()}
    for file in rewritten_files(contents) or ():
        yield Fact("backup-complete", file, BYTES_AND_DIGEST, is_pattern=True)
        if is_python(file):
            yield Fact("code-compiles", file, "compiles")
        if record.mode is Mode.REHEARSAL and (match := saved.get(file)):
            yield Fact("restored-exact", file, match["digest"])


def _scanned(record: Record) -> str:
    """Return a pattern of what was scanned.

    A mention that is only listed is counted in the entry, and is a finding.
    """
    counts: Counter[str] = Counter()
    for finding in record.findings:
        counts[finding.id] += finding.count
    words = (
        ("mention-in-documentation", "{} mentions in documentation"),
        ("mention-exempt", "{} mentions that the plan exempts"),
        ("not-scanned", "{} files not read: too large"),
    )
    listed = "".join(f"; {text.format(counts[id])}" for id, text in words if counts[id])
    return rf"\d+ files read, none does{re.escape(listed)}"


def _of_applications(plan: Plan, record: Record) -> Iterator[Fact]:
    unchanged = rf"{len(tables_after(record))} tables, \d+ databases as before"
    yield Fact("no-side-effects", "databases", unchanged, is_pattern=True)
    yield Fact("no-side-effects", "code and backup set", r"\d+ files? as the run has left them", is_pattern=True)
    if writers := ", ".join(re.escape(one_line(test.name)) for test in plan.smoke if test.writes):
        observed = rf"\d+ changes? by {writers}, on copies that are gone"
        yield Fact("no-side-effects", "writes = true", "changes copies only", observed, is_pattern=True)
