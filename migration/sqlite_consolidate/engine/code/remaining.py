"""Find the mentions of old databases that the planned rewrites leave."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.named_databases import mentions_of_each
from sqlite_consolidate.engine.code.scanning.name_patterns import fits_open_pattern
from sqlite_consolidate.engine.code.scanning.old_names import (
    KINDS_IN_USE,
    Mention,
    excerpt,
)
from sqlite_consolidate.engine.code.scanning.scan import ScanResult, failed_observations, find_mentions, mentions_in
from sqlite_consolidate.engine.code.source_files import LINE_END
from sqlite_consolidate.engine.code.suggestions.suggest import propose_in_file
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, not_required
from sqlite_consolidate.secret_masking import mask_secrets
from sqlite_consolidate.text import counted, literal_pattern, toml_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.code.rewrite import Rewrite
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
    from sqlite_consolidate.engine.code.suggestions.suggest import ProposedReference
    from sqlite_consolidate.plan.parts.programs import Reference

SCANNED = "scanned files"
NONE_REMAINS = "each mention of an old database is replaced or exempt"
NOTHING_SCANNED = "there is no text file to scan"


def remaining_mentions(scope: ScanScope, rewrites: Sequence[Rewrite]) -> ScanResult:
    """Return the mentions of old databases in the code as the planned rewrites leave it.

    Line and text of a mention are those that the file has now.
    """
    result = find_mentions(scope, {rewrite.file: rewrite.after for rewrite in rewrites})
    return replace(result, mentions=tuple(in_original_lines(result.mentions, rewrites)))


def in_original_lines(mentions: Iterable[Mention], rewrites: Sequence[Rewrite]) -> Iterator[Mention]:
    """Return mentions of rewritten code with the line and the text that their places have now."""
    lines = {rewrite.file: _OriginalLines(rewrite) for rewrite in rewrites}
    return (lines[each.file].locate(each) if each.file in lines else each for each in mentions)


def remaining_observations(scope: ScanScope, result: ScanResult, references: Sequence[Reference]) -> list[Observation]:
    """Observe each mention that remains, with the lines of a plan that cover it.

    Args:
        scope: What was scanned.
        result: The remaining mentions.
        references: References that the plan has.
    """
    by_file: dict[str, list[Mention]] = {}
    for mention in result.mentions:
        if mention.kind in KINDS_IN_USE:
            by_file.setdefault(mention.file, []).append(mention)
    advice: dict[Mention, str] = {}
    for file, mentions in by_file.items():
        planned = [reference for reference in references if posixpath.normpath(reference.file) == file]
        advice |= _advice(mentions, propose_in_file(scope, file, mentions, planned))
    if failed := failed_observations(result, advice.__getitem__):
        return failed
    if not result.files_read:
        return [not_required(SCANNED, NOTHING_SCANNED)]
    observed = f"{counted(result.files_read, 'file')} read, {NONE_REMAINS}"
    return [Observation(SCANNED, "no mention remains", observed, holds=True, examined=result.files_read)]


def unreferenced_findings(
    scope: ScanScope, result: ScanResult, rewrites: Sequence[Rewrite], uses: Mapping[str, Sequence[Mention]]
) -> list[Finding]:
    """Return a finding for each old database that no scanned code is seen to open.

    An open pattern that can be its name has a finding of its own.

    Args:
        scope: What was scanned.
        result: The mentions that remain after the planned rewrites.
        rewrites: The planned rewrites, whose files name a database as long as they are not made.
        uses: Each old database to the places that name it.
    """
    before = _mentions_before(scope, rewrites)
    open_patterns = {mention.pattern for mention in (*result.mentions, *before) if mention.kind == "open pattern"}
    text = "no scanned code is seen to open it. Find out how the application reaches it."
    return [
        Finding.of("source-unreferenced", database, text)
        for database in (scope.databases if result.files_read else ())
        if not uses[database] and not any(fits_open_pattern(pattern, database) for pattern in open_patterns)
    ]


def uses_of_each(scope: ScanScope, result: ScanResult, rewrites: Sequence[Rewrite]) -> dict[str, tuple[Mention, ...]]:
    """Return the places in code that name each old database before the planned rewrites.

    Args:
        scope: What was scanned.
        result: The mentions that remain after the planned rewrites.
        rewrites: The planned rewrites.
    """
    rewritten = {rewrite.file for rewrite in rewrites}
    others = (mention for mention in result.mentions if mention.file not in rewritten)
    mentions = [*others, *_mentions_before(scope, rewrites)]
    return mentions_of_each(scope, [mention for mention in mentions if mention.kind in (*KINDS_IN_USE, "exempt")])


def uses_of_target(scope: ScanScope, uses: Mapping[str, Sequence[Mention]]) -> dict[str, tuple[Mention, ...]]:
    """Return the places in code that name the target.

    A place that names an old database with the file name of the target is none of them.

    Args:
        scope: What was scanned.
        uses: The places in code that name each old database.
    """
    name = posixpath.basename(scope.target)
    alike = [mentions for file, mentions in uses.items() if posixpath.basename(file) == name]
    others = {(mention.file, mention.line) for mentions in alike for mention in mentions}
    of_target = find_mentions(replace(scope, databases=[scope.target], target="")).mentions
    in_use = (mention for mention in of_target if mention.kind in KINDS_IN_USE)
    return {scope.target: tuple(each for each in in_use if (each.file, each.line) not in others)}


def _mentions_before(scope: ScanScope, rewrites: Sequence[Rewrite]) -> list[Mention]:
    """Return the mentions in files that are rewritten, before that."""
    return [mention for rewrite in rewrites for mention in mentions_in(rewrite.file, rewrite.before, scope.names)]


def _advice(mentions: Sequence[Mention], proposals: Sequence[ProposedReference]) -> Mapping[Mention, str]:
    """Return for each mention of a file the lines to paste into the plan."""
    advice = {}
    for mention in mentions:
        of_database = [made for made in proposals if not mention.pattern and made.database == mention.database]
        if replaces_it := [made for made in of_database if made.understood and mention.line in made.also]:
            advice[mention] = f"The [[reference]] for line {replaces_it[0].line} replaces it as well."
            continue
        fitting = [made for made in of_database if made.line == mention.line]
        fit = [made for made in fitting if made.understood and mask_secrets(made.find) == made.find]
        lines = [line for made in fit for line in _reference_lines(made)]
        if lines and fit == fitting:
            hint = "Paste these lines into the plan, if this program shall use the target:"
        else:  # the line may name the database twice, as a volume does
            hint = "Change it by hand or by a [[reference]], or paste these lines into the plan and state the reason:"
            lines += _exemption_lines(mention)
        advice[mention] = "\n".join([hint, *dict.fromkeys(lines)])
    return advice


def _reference_lines(made: ProposedReference) -> list[str]:
    keys = {"file": made.file, "find": made.find, "replace": made.replace, "import": made.import_}
    lines = [f"{key} = {toml_string(value)}" for key, value in keys.items() if value]
    if made.places > 1:
        lines.append(f"places = {made.places}")
    return ["\n".join(["[[reference]]", *lines])]


def _exemption_lines(mention: Mention) -> list[str]:
    keys = {"path": literal_pattern(mention.file), "pattern": mention.subject, "reason": ""}
    return ["[[scan.exempt]]", *(f"{key} = {toml_string(value)}" for key, value in keys.items())]


class _OriginalLines:
    """Find the lines of a file from which the lines after its rewrite were made."""

    def __init__(self, rewrite: Rewrite) -> None:
        self._before = _lines(rewrite.before)
        self._blocks = SequenceMatcher(None, self._before, _lines(rewrite.after), autojunk=False).get_opcodes()

    def locate(self, mention: Mention) -> Mention:
        """Return a mention of the rewritten file with the place that it has now."""
        line = mention.line - 1
        for _, first, end, new_first, new_end in self._blocks:
            if new_first <= line < new_end and first < end:
                number = min(first + line - new_first, end - 1)
                return replace(
                    mention, line=number + 1, text=excerpt(self._before[number], mention.database, mention.file)
                )
        return mention


def _lines(data: bytes) -> list[str]:
    """Return the lines of a file, in which only the names and the line endings count."""
    return LINE_END.split(data.decode("latin-1"))
