"""Describe facts that a reader should know although no criterion fails."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from sys import intern
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.text import counted, list_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Level = Literal["attention", "note"]
"""A reader has to judge a finding of level ``attention``, but not a ``note``."""

STAGE_ERROR = "stage-error"
"""Id of the findings that state why a stage failed if no criterion states it."""

LEVELS: dict[str, Level] = {
    STAGE_ERROR: "attention",
    "archive-deleted": "attention",
    "archive-unignored": "attention",
    "backup-set-deleted": "attention",
    "bundle-of-run": "note",
    "changes-discarded": "attention",
    "checked-in-part": "attention",
    "column-differs": "note",
    "computed-anew": "attention",
    "constraint-lost": "attention",
    "copy-unnamed": "attention",
    "database-open": "attention",
    "database-unread": "attention",
    "decision-open": "attention",
    "default-lost": "attention",
    "default-refers": "attention",
    "derived-stale": "attention",
    "encoding-changed": "note",
    "exclusion-idle": "note",
    "exemption-idle": "note",
    "fault-not-planted": "attention",
    "further-column": "note",
    "file-appeared": "attention",
    "file-left": "note",
    "file-unnamed": "attention",
    "files-told-apart": "attention",
    "file-vanished": "attention",
    "foreign-key-mismatch": "attention",
    "hot-journal-rolled-back": "attention",
    "id-unfollowed": "attention",
    "index-lags": "note",
    "index-lost": "attention",
    "index-unexplained": "attention",
    "integrity-by-pages": "note",
    "key-lost": "attention",
    "ids-elsewhere": "note",
    "keys-large": "note",
    "keys-renumbered": "note",
    "left-out-of-copy": "note",
    "link-not-scanned": "attention",
    "link-out-of-copy": "attention",
    "meaning-differs": "attention",
    "mention-exempt": "note",
    "mention-in-documentation": "note",
    "mention-in-sentence": "attention",
    "name-changed": "note",
    "network-file-system": "attention",
    "not-copied": "attention",
    "not-null-lost": "attention",
    "not-scanned": "attention",
    "not-searched": "attention",
    "numbers-kept": "attention",
    "offsets-changed": "note",
    "open-name-pattern": "attention",
    "name-shared": "attention",
    "old-table-name": "attention",
    "object-added-since": "attention",
    "object-changed-since": "attention",
    "object-left": "note",
    "object-unexamined": "attention",
    "parent-absent": "attention",
    "parent-apart": "attention",
    "parents-found": "attention",
    "parents-replaced": "attention",
    "plan-replaced": "note",
    "processes-elsewhere": "attention",
    "processes-unexamined": "attention",
    "read-only-here": "attention",
    "rebuild-differs": "attention",
    "recovery-inexact": "attention",
    "refers-none": "attention",
    "rollback-step": "note",
    "rowids-changed": "attention",
    "rows-added-since": "attention",
    "rows-changed-since": "attention",
    "rows-left": "note",
    "rows-left-out": "note",
    "rows-newer": "attention",
    "rows-not-moved": "attention",
    "rows-replaced": "attention",
    "rows-skipped": "note",
    "rows-unmatched": "attention",
    "run-cut-short": "attention",
    "sentinels-kept": "note",
    "setup-failed": "attention",
    "setup-used": "note",
    "smoke-changed-copy": "note",
    "smoke-changed-file": "note",
    "smoke-left-process": "attention",
    "smoke-only-imports": "attention",
    "source-absent": "note",
    "source-unreferenced": "attention",
    "synchronized-folder": "attention",
    "table-absent": "attention",
    "table-as-it-was": "attention",
    "table-changed-since": "note",
    "table-emptied-since": "attention",
    "target-by-pages": "note",
    "trailing-bytes": "attention",
    "trigger-bypassed": "attention",
    "trigger-incomplete": "attention",
    "trigger-left": "attention",
    "trigger-left-with-table": "note",
    "trigger-not-fired": "attention",
    "trigger-shared": "attention",
    "trigger-uses-target": "attention",
    "uncommitted-edits": "note",
    "untracked-file": "note",
    "version-left": "attention",
    "view-left": "attention",
    "view-needs": "note",
    "view-shared": "attention",
    "workspace-changed": "attention",
}
"""Id of each kind of finding to its level. The file docs/findings.md explains each id."""

_WRONG_RESULTS = frozenset(
    {
        STAGE_ERROR,
        "default-refers",
        "derived-stale",
        "files-told-apart",
        "id-unfollowed",
        "meaning-differs",
        "name-shared",
        "numbers-kept",
        "old-table-name",
        "parent-apart",
        "parents-found",
        "parents-replaced",
        "rebuild-differs",
        "recovery-inexact",
        "refers-none",
        "rowids-changed",
        "rows-newer",
        "rows-not-moved",
        "rows-replaced",
        "rows-unmatched",
        "trigger-bypassed",
        "trigger-shared",
        "trigger-uses-target",
        "view-shared",
    }
)
"""Kinds by which a value may mean something else, a row may be missing, or a program may fail."""

_UNSEEN = frozenset({"processes-elsewhere", "processes-unexamined"})
"""Kinds about what this process cannot see, which a list has last."""

_MOST_ITEMS = 30

_NEVER_MERGED = frozenset({"rows-left-out", "rows-newer", "rows-not-moved", "rows-replaced", "rows-skipped"})
"""Kinds whose text states several numbers, which belong to one subject."""


@dataclass(frozen=True)
class Finding:
    """Hold a fact that a reader should know although no criterion fails.

    Attributes:
        id: Kind of the finding, a key of :data:`LEVELS`.
        level: Whether the reader has to judge it.
        subject: File, ``file:table`` or command. It is empty if the text names the subject.
        count: Number of rows, tables or other objects that the finding is about.
        text: A sentence about the subject. It contains integer keys of rows, and other values of rows only if the
            operator asked for them.
        noun: What ``count`` counts, as long as the text does not state the number. It is empty in a record.
        column: Column of the subject that the finding is about, if it is about one. It is empty in a record.
        keys: Keys that the column may refer to, as ``to`` of ``refers`` in the plan, the likeliest first. There are
            none in a record.
        item: What a list has about the column. :func:`merge_findings` puts the first items of a subject behind the
            text. It is empty in a record, and if the finding is about one column.
    """

    id: str
    level: Level
    subject: str
    count: int
    text: str
    noun: str = ""
    column: str = ""
    keys: tuple[str, ...] = ()
    item: str = ""

    @classmethod
    def of(
        cls,
        id: str,
        subject: str,
        text: str,
        *,
        count: int = 1,
        noun: str = "",
        column: str = "",
        keys: tuple[str, ...] = (),
    ) -> Finding:
        """Return a finding of a known kind, with the level of that kind.

        Args:
            id: A key of :data:`LEVELS`.
            subject: File, ``file:table`` or command. It is empty if the text names the subject.
            text: A sentence about the subject, without values of rows that the operator did not ask for.
            count: Number of rows, tables or other objects that the finding is about.
            noun: If given, :func:`merge_findings` puts the count and this noun before the text.
            column: Column of the subject, if the finding is about one.
            keys: Keys that the column may refer to, if the plan can state that.
        """
        return cls(id, LEVELS[id], subject, count, intern(text), noun, column, keys)  # many files have equal findings

    @property
    def sentence(self) -> str:
        """Return subject and text in one line."""
        return f"{self.subject}: {self.text}" if self.subject else self.text


def merge_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Merge findings that differ only in subject and count, and put ``attention`` first.

    Within a level, findings keep the order in which they first occur.
    """
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.id, finding.level, finding.noun, finding.text)
        is_apart = bool(finding.item) or finding.id in _NEVER_MERGED
        groups.setdefault((*key, finding.subject) if is_apart else key, []).append(finding)
    return tuple(sorted(map(_join, groups.values()), key=lambda finding: finding.level != "attention"))


@dataclass(frozen=True)
class ListedFinding:
    """Hold a finding as an item of a list that may be cut.

    Attributes:
        finding: The finding.
        alike: Number of findings of the same id that the list does not have, if this is the first of them.
    """

    finding: Finding
    alike: int = 0

    @property
    def sentence(self) -> str:
        """Return the sentence of the finding, with the number of further ones of its kind."""
        alike = f" (and {self.alike} more of this kind)" if self.alike else ""
        return f"{self.finding.sentence}{alike}"


def list_findings(findings: Iterable[Finding], level: Level, most: int | None = None) -> tuple[ListedFinding, ...]:
    """Return the findings of a level, first those by which a result may be wrong.

    Of equal weight, the first of each id are before the others.

    Args:
        findings: The findings.
        level: The level.
        most: Number of items after which the list is cut. It still has one of each id. None for the whole list.
    """
    chosen = sorted((finding for finding in findings if finding.level == level), key=_rank)
    leading = {finding.id: place for place, finding in reversed(list(enumerate(chosen)))}
    places = [*sorted(leading.values()), *(place for place, each in enumerate(chosen) if leading[each.id] != place)]
    shown = sorted(places[: None if most is None else max(most, len(leading))], key=lambda place: _rank(chosen[place]))
    hidden = Counter(finding.id for finding in chosen)
    hidden.subtract(chosen[place].id for place in shown)
    listed = ((place, chosen[place]) for place in shown)
    return tuple(ListedFinding(each, hidden[each.id] if leading[each.id] == place else 0) for place, each in listed)


def _rank(finding: Finding) -> int:
    return 0 if finding.id in _WRONG_RESULTS else 1 + (finding.id in _UNSEEN)


def _join(alike: Sequence[Finding]) -> Finding:
    """Return one finding for several of the same text.

    It names the first of their subjects, or all of their items.
    """
    first, count = alike[0], sum(finding.count for finding in alike)
    text = f"{counted(count, first.noun)} {first.text}" if first.noun else first.text
    if first.item:
        text = f"{text} {list_names([finding.item for finding in alike], _MOST_ITEMS)}."
    subjects = list(dict.fromkeys(finding.subject for finding in alike if finding.subject))
    merged = replace(first, count=count, text=text, noun="", column="", keys=(), item="")
    return merged if len(subjects) <= 1 else replace(merged, subject="", text=f"{list_names(subjects)}: {text}")
