"""Ask the operator about findings of a rehearsal that no program can judge."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlite_consolidate.findings import merge_findings
from sqlite_consolidate.inventory.proposed_parts import LINE_OF_DECISION
from sqlite_consolidate.text import join_first_names, list_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap

ASKED = frozenset(
    {
        "default-refers",
        "files-told-apart",
        "id-unfollowed",
        "numbers-kept",
        "parent-apart",
        "parents-found",
        "refers-none",
        "rowids-changed",
    }
)
"""Ids of findings that are a decision in the plan, because a value or a result may be another after a migration by it.

All others are stated for review.
"""

_IDS = "id-unfollowed"
_MOST_IN_A_SENTENCE, _MOST_PLACES, _MOST_KEYS = 3, 60, 6


def ask_about_findings(proposal: Proposal, findings: Iterable[Finding]) -> Proposal:
    """Return the proposal with one decision for each source and kind of finding.

    A decision about no source is one about the plan as a whole.

    Args:
        proposal: The proposal that was rehearsed.
        findings: What the rehearsal leaves to a person, each for one subject.
    """
    by_source: dict[str, list[Finding]] = defaultdict(list)
    names = {subject: source.name for source in proposal.sources for subject in _tables_of_subjects(source)}
    names |= {source.file: source.name for source in proposal.sources}
    for finding in findings:
        if finding.id in ASKED:
            by_source[names.get(finding.subject, "")].append(finding)
    sources = tuple(_with_questions(source, by_source[source.name]) for source in proposal.sources)
    return replace(proposal, sources=sources, decide=(*proposal.decide, *_questions(by_source[""], {})))


def _with_questions(source: ProposedSource, findings: Sequence[Finding]) -> ProposedSource:
    """Return the source with the decisions about its findings.

    It has no other decision about their columns.
    """
    tables = _tables_of_subjects(source)
    items = [finding for finding in findings if finding.item and finding.column not in source.loose]
    findings = [finding for finding in findings if not finding.item]
    asked = {f"{tables[finding.subject].name}.{finding.column}" for finding in findings}
    kept = [finding for finding in items if finding.column not in asked]
    about_ids = (tables[finding.subject] for finding in findings if finding.id == _IDS)
    keys = {f"{table.name}.{column}" for table in about_ids for column in table.open_key}
    links = [column for column in source.loose if column in keys - asked]
    loose = tuple(column for column in source.loose if column not in keys | asked)
    names = {subject: table.name for subject, table in tables.items()}
    stated = [_with_values(finding, tables[finding.subject]) for finding in findings]
    strays = {
        f"{names[finding.subject]}.{finding.column}": text
        for finding in findings
        for text in _strays(finding, tables[finding.subject])
    }
    questions = _questions([*stated, *kept], names, links, strays)
    return replace(source, questions=(*source.questions, *questions), loose=loose)


def _with_values(finding: Finding, table: ProposedMap) -> Finding:
    """Return the finding, which states how many values its column has, and other numbers."""
    values = dict(table.values).get(finding.column)
    facts = [f"The column has {values}."] if values else []
    return replace(finding, text=" ".join([finding.text, *facts, *_strays(finding, table)]))


def _strays(finding: Finding, table: ProposedMap) -> list[str]:
    """Return what is said of the numbers of a column that are no key."""
    return [text for column, to, text in table.strays if column == finding.column and to in finding.keys]


def _tables_of_subjects(source: ProposedSource) -> dict[str, ProposedMap]:
    """Return each subject that a finding about a table of a source can have, to the table."""
    return {subject: table for table in source.maps for subject in source.subjects(table.name)}


def _questions(
    findings: Iterable[Finding],
    names: Mapping[str, str],
    links: Sequence[str] = (),
    strays: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[str]:
    """Yield the first finding of each kind, with the columns of further ones.

    A column that may refer to known keys is another kind than one with texts that may have ids in them.

    Args:
        findings: Findings about the tables of one source, or about the plan as a whole.
        names: The subjects of tables, each to the name of its table.
        links: Further columns of link tables that may have ids, as ``table.column``.
        strays: Columns, as ``table.column``, each with what is said of its numbers that are no key.
    """

    def place(finding: Finding) -> str:
        table = names.get(finding.subject, finding.subject)
        return f"{table}.{finding.column}" if finding.column else table

    by_kind: dict[tuple[str, bool], list[Finding]] = defaultdict(list)
    for finding in findings:
        by_kind[finding.id, bool(finding.keys)].append(finding)
    with_links = max((kind for kind in by_kind if kind[0] == _IDS), default=None)
    for (id, has_keys), known in by_kind.items():
        first = known[0]
        places = dict.fromkeys(place(each) for each in known if each.text != first.text)
        places |= dict.fromkeys(links if (id, has_keys) == with_links else ())
        keys = {place(each): each.keys for each in known}
        others = [
            f"{each}{_meant(keys.get(each, ()))}{f': {strays[each]}' if each in strays else ''}"
            for each in places
            if each != place(first)
        ]
        text = merge_findings(each for each in known if each.text == first.text)[0].sentence
        if len(others) > _MOST_IN_A_SENTENCE or not strays.keys().isdisjoint(places.keys() - {place(first)}):
            shown, hidden = others[:_MOST_PLACES], len(others) - _MOST_PLACES
            items = [*shown, *([f"{hidden} more"] if hidden > 0 else [])]
            yield LINE_OF_DECISION.join([f"{text} Decide the same about:", *items, f"[{id}]"])
        else:
            also = f" Decide the same about {list_names(others)}." if others else ""
            yield f"{text}{also} [{id}]"


def _meant(keys: Sequence[str]) -> str:
    """Return what is behind the name of a column, which may refer to some keys."""
    return (
        f' (to = "{keys[0]}")' if len(keys) == 1 else f" (may be {join_first_names(keys, _MOST_KEYS)})" if keys else ""
    )
