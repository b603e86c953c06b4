"""Read the claims of a page, and what the evidence of its run says about each."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from tests.support.reports.claim_evidence import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_GOOD = "accepted"
_STOPPED = (2, 129, 143)
_ALL = ("nothing-left-behind", "rows-exact")


class ClaimReader(HTMLParser):
    """Collect the sentence of each claim of a page by the id of the claim."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.claims: dict[str, str] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a claim."""
        if tag == "span" and "claim" in (dict(attrs).get("class") or "").split():
            self._open = (dict(attrs).get("id") or "").removeprefix("claim-")
            self.claims[self._open] = ""

    def handle_endtag(self, tag: str) -> None:
        """End a claim."""
        if tag == "span":
            self._open = ""

    def handle_data(self, data: str) -> None:
        """Keep its text."""
        if self._open:
            self.claims[self._open] += data


Reading = tuple[int, ...] | None


def _so(condition: object, *numbers: int) -> Reading:
    return numbers if condition else None


READINGS: dict[str, Callable[[Document], Reading]] = {
    "consolidated": lambda d: _so(d.accepted("migrate") and d.passed("committed") and d.databases > 1, d.databases),
    "moved": lambda d: _so(d.accepted("migrate") and d.passed("committed") and d.databases == 1),
    "no-row-lost": lambda d: _so(
        d.accepted("migrate")
        and not d.unmoved
        and d.passed(*_ALL, "final-digest")
        and (d.makes_target or d.passed("neighbours-unchanged"))
    ),
    "rows-unmoved": lambda d: _so(d.accepted("migrate") and d.unmoved and d.passed("rows-exact"), d.unmoved),
    "can-go-back": lambda d: _so(
        d.accepted("migrate")
        and d["rollback"].get("command")
        and d.passed("backup-digest", "archive-restorable", "backup-kept")
    ),
    "rehearsed": lambda d: _so(d.accepted("rehearsal") and d.passed("rows-exact", "restored-exact"), d.databases),
    "refused": lambda d: _so(d.refused("migrate") and d.at_once and d.failures, d.failures),
    "rehearsal-refused": lambda d: _so(d.refused("rehearsal") and d.exit == 4 and d.failures, d.failures),
    "refused-unchanged": lambda d: _so(d.at_once and d.verdict == "refused"),
    "failed": lambda d: _so(d.refused("migrate") and d.exit == 1 and d.undone, *d.last_stage),
    "rehearsal-failed": lambda d: _so(d.refused("rehearsal") and d.exit == 1),
    "stranded": lambda d: _so(d.finished and d.exit == 3 and d.mode in ("migrate", "rollback")),
    "stranded-first": lambda d: _so(d.finished and d.exit == 3 and d.mode in ("migrate", "rollback")),
    "stranded-state": lambda d: _so(d.exit == 3 and d["put_back"], *_numbers(d["put_back"])),
    "interrupted": lambda d: _so(d.finished and d.exit in _STOPPED and d.verdict != _GOOD, *d.last_stage),
    "interrupted-undone": lambda d: _so(d.finished and d.exit in _STOPPED and d.undone),
    "interrupted-early": lambda d: _so(d.finished and d.early),
    "unfinished": lambda d: _so(not d.finished),
    "unfinished-next": lambda d: _so(not d.finished and d.mode == "migrate" and " migrate" in d["next_command"]),
    "unfinished-rollback": lambda d: _so(not d.finished and d.mode == "rollback" and " rollback" in d["next_command"]),
    "intact": lambda d: _so(d.accepted("check") and d.passed("target-right")),
    "table-missing": lambda d: _so(d.refused("check") and d.missing, len(d.missing)),
    "not-intact": lambda d: _so(
        d.refused("check") and d.failures, sum("failed" in outcomes for outcomes in d.outcomes.values())
    ),
    "rolled-back": lambda d: _so(d.accepted("rollback") and d.passed("restored-exact")),
    "rollback-refused": lambda d: _so(d.refused("rollback") and d.exit != 3),
    "already": lambda d: _so(d["already"] and d.verdict == _GOOD),
    "found": lambda d: _so(d.accepted("inventory") and d.passed("databases-found"), d.inventory("databases")),
    "proposed": lambda d: _so(d.accepted("inventory") and d["inventory"]["plan"] and d.passed("plan-proposed")),
    "passes": lambda d: _so(
        d["inventory"]["plan"] and not d["inventory"]["objections"] and not d["inventory"]["unrehearsed"],
        *(int(word.split()[0]) for word in d["inventory"]["untried"]),
    ),
    "untouched": lambda d: _so(d.mode == "rehearsal" and d.finished and d.untouched),
    "copied": lambda d: _so(d.accepted("migrate", "rehearsal") and d.passed("rows-counted"), *d.copied),
    "not-moved": lambda d: _so(
        d.accepted("migrate", "rehearsal") and d.identical and d.passed("rows-exact"), d.identical
    ),
    "absent": lambda d: _so(d.accepted("migrate", "rehearsal") and d.kinds["source-absent"], d.kinds["source-absent"]),
    "code-changed": lambda d: _so(
        d.accepted("migrate", "rehearsal") and d.passed("references-updated"), d.entries("references-updated")
    ),
    "code-unchanged": lambda d: _so(d.accepted("migrate") and not d.entries("references-updated")),
    "archived": lambda d: _so(d.accepted("migrate") and d.passed("archived") and d["archive"], len(d["archive"])),
    "only-copies": lambda d: _so(d.mode == "rehearsal" and d.untouched),
    "workspace-changed": lambda d: _so(not d.untouched),
    "nothing-changed": lambda d: _so(d.at_once and d.verdict == "refused"),
    "would-copy": lambda d: _so(d.exit == 4 and d["planned"] and not d["moves"], *d.copied),
    "undone": lambda d: _so(d.undone),
    "backup-stays": lambda d: _so(d.undone and d["backup_set"]),
    "not-begun": lambda d: _so(d.early),
    "table-gone": lambda d: _so(d.refused("check") and d.missing, len(d.missing)),
    "target-differs": lambda d: _so("failed" in d.outcomes.get("target-right", ()) and not d.missing),
    "archives-differ": lambda d: _so("failed" in d.outcomes.get("archives-unchanged", ())),
    "rows-differ": lambda d: _so(d.kinds["table-changed-since"], d.kinds["table-changed-since"]),
    "objects-differ": lambda d: _so(d.mode == "check" and d.kinds["object-changed-since"]),
    "only-judged": lambda d: _so(d.judges and d.untouched),
    "restored": lambda d: _so(d.accepted("rollback") and d.passed("restored-exact"), d.entries("restored-exact")),
    "plan-written": lambda d: _so(d.accepted("inventory") and d["inventory"]["plan"] and d.passed("plan-proposed")),
    "databases-unchanged": lambda d: _so(d.accepted("inventory") and d.passed("only-looked")),
    "changed-meanwhile": lambda d: _so("failed" in d.outcomes.get("only-looked", ())),
    "change-left": lambda d: _so(d.exit == 3 and d["put_back"], *_numbers(d["put_back"])),
    "change-open": lambda d: _so(d.exit == 3 and not d["put_back"], *d.last_stage),
    "change-unfinished": lambda d: _so(not d.finished),
    "already-done": lambda d: _so(d["already"]),
    "rows-compared": lambda d: _so(
        d.accepted("migrate", "rehearsal") and not d.unmoved and d.passed(*_ALL),
        *(d.copied[:1] if d.copied[0] > 1 else ()),
    ),
    "rows-left": lambda d: _so(d.accepted("migrate", "rehearsal") and d.unmoved and d.passed("rows-exact"), d.unmoved),
    "keys-mapped": lambda d: _so(d["key_maps"] and d.passed("keys-mapped", "references-kept")),
    "neighbours": lambda d: _so(d["target"]["before"]["rows"] and d.passed("neighbours-unchanged")),
    "read-again": lambda d: _so(d.accepted("migrate", "rehearsal") and d.passed("final-digest")),
    "nothing-touched": lambda d: _so(d.at_once and d.verdict == "refused"),
    "copies-touched": lambda d: _so(d.mode == "rehearsal" and d.untouched),
    "compared-after-rollback": lambda d: _so(d.undone),
    "nothing-begun": lambda d: _so(d.early),
    "backups-hold": lambda d: _so((d.exit == 3 or not d.finished) and d["backup_set"] and d.passed("backup-digest")),
    "loss-open": lambda d: _so(d.exit == 3 and d.mode == "rollback" and d["backup_set"]),
    "loss-unfinished": lambda d: _so(not d.finished and not d.passed("backup-digest")),
    "tables-there": lambda d: _so(d.mode == "check" and d.passed("target-right")),
    "rows-changed": lambda d: _so(d.kinds["table-changed-since"], d.kinds["table-changed-since"]),
    "rows-unchanged": lambda d: _so(not d.kinds["table-changed-since"] and d.passed("target-right")),
    "table-lost": lambda d: _so(d.refused("check") and d.missing, len(d.missing)),
    "something-missing": lambda d: _so("failed" in d.outcomes.get("target-right", ()) and not d.missing),
    "archives-there": lambda d: _so(d.mode == "check" and d.passed("archives-unchanged")),
    "restored-exactly": lambda d: _so(d.passed("restored-exact") and not d.kinds["changes-discarded"]),
    "discarded": lambda d: _so(d.accepted("rollback") and d.kinds["changes-discarded"]),
    "not-compared": lambda d: _so(d["already"] and not d.outcomes),
    "only-looked": lambda d: _so(d.accepted("inventory") and d.passed("only-looked")),
    "applications-work": lambda d: _so(
        d.verdict == _GOOD and set(d.smoke) == {"passed"}, d.smoke.count("passed"), len(d.smoke)
    ),
    "applications-fail": lambda d: _so("failed" in d.smoke, d.smoke.count("failed"), len(d.smoke)),
    "applications-unknown": lambda d: _so("not examined" in d.smoke and "failed" not in d.smoke, *d.smoke_numbers),
    "applications-before-failure": lambda d: _so(
        d.verdict != _GOOD and set(d.smoke) == {"passed"}, len(d.smoke), len(d.smoke)
    ),
    "old-applications": lambda d: _so(d.undone),
    "applications-of-before": lambda d: _so(d.accepted("rollback") and d.passed("restored-exact")),
    "applications-unnamed": lambda d: _so(d.has_applications and not d.smoke),
    "no-applications": lambda d: _so(not d.has_applications),
    "logs": lambda d: _so(d.accepted("migrate", "rehearsal") and d.passed("logs-clean")),
    "one-command": lambda d: _so(
        d.accepted("migrate") and d["rollback"].get("command") and d.passed("backup-digest", "archive-restorable")
    ),
    "until": lambda d: _so(d.accepted("migrate") and d["rollback"].get("command")),
    "tried": lambda d: _so(d.can_be_undone and d["rollback"].get("drilled")),
    "untried": lambda d: _so(d.can_be_undone and not d["rollback"].get("drilled")),
    "tried-on-copies": lambda d: _so(
        d.accepted("rehearsal") and d.passed("restored-exact"), d.entries("restored-exact")
    ),
    "no-way-needed": lambda d: _so(
        (d.mode in ("rehearsal", "inventory") or d.at_once or d.early or (d.mode == "check" and not d["backup_set"]))
        and "failed" not in d.outcomes.get("only-looked", ())
    ),
    "went-back": lambda d: _so(d.undone),
    "command-after-failure": lambda d: _so(d.exit == 3 and d.mode == "migrate" and d["rollback"].get("command")),
    "rollback-again": lambda d: _so(d.exit == 3 and d.mode == "rollback" and " rollback" in d["next_command"]),
    "by-hand": lambda d: _so(d.exit == 3 and d["backup_set"]),
    "tried-in-part": lambda d: _so(d.exit == 3 and (d.mode == "rollback" or d["put_back"])),
    "no-command-yet": lambda d: _so(
        not d.finished and d.mode == "migrate" and not (d["rollback"] or {}).get("command")
    ),
    "rollback-unfinished": lambda d: _so(not d.finished and d.mode == "rollback"),
    "command": lambda d: _so(not d.finished and d["rollback"].get("command")),
    "command-of-check": lambda d: _so(d.mode == "check" and d["rollback"].get("command") and d.as_left),
    "until-of-check": lambda d: _so(d.mode == "check" and d["rollback"].get("command") and d.as_left),
    "refused-if-changed": lambda d: _so(d.refused("check") and d["rollback"].get("command") and not d.as_left),
    "refused-by-changes": lambda d: _so(d.mode == "check" and d["rollback"].get("command") and d.target_changed),
    "untried-by-check": lambda d: _so(d.mode == "check" and d["rollback"].get("command")),
    "was-the-way-back": lambda d: _so(d.accepted("rollback")),
    "nothing-discarded": lambda d: _so(d.accepted("rollback") and not d.kinds["changes-discarded"]),
    "discarded-to-copy": lambda d: _so(d.accepted("rollback") and d["backup_set"] and d.kinds["changes-discarded"]),
    "tried-in-earnest": lambda d: _so(d.accepted("rollback") and d.passed("restored-exact")),
    "in-other-report": lambda d: _so(d["already"]),
    "rollback-open": lambda d: _so(d.refused("rollback") and " rollback" in d["next_command"]),
    "rollback-untried": lambda d: _so(d.refused("rollback") and d.at_once),
    "failures": lambda d: _so(d.verdict != _GOOD and d.failures),
    "again": lambda d: _so(
        d.finished and d.verdict != _GOOD and d.mode in ("migrate", "rehearsal") and d["next_command"]
    ),
    "next": lambda d: _so(d.verdict == _GOOD and d.finished and d["next_command"]),
    "effort-and-risk": lambda d: _so(d.accepted("rehearsal"), *d.reasons),
    "time-expected": lambda d: _so(d.accepted("rehearsal"), d.expected_time),
    "grade": lambda d: _so(d.accepted("inventory") and d["inventory"]["plan"], *d.foreseen),
    "time-foreseen": lambda d: _so(
        d["inventory"]["effort"]["seconds"] is not None,
        d["inventory"]["effort"]["tables"],
        max(1, round(d["inventory"]["effort"]["seconds"])),
    ),
    "complete-first": lambda d: _so(d.exit == 3 and d.verdict != _GOOD),
    "process-first": lambda d: _so(not d.finished),
    "decisions": lambda d: _so(d.inventory("decisions"), d.inventory("decisions")),
    "objections": lambda d: _so(d.inventory("objections"), d.inventory("objections")),
    "findings": lambda d: _so(d.attention),
    "changed-since": lambda d: _so(d["last_run"]["changes"], *d["last_run"]["numbers"].values()),
    "same-as-last": lambda d: _so(not d["last_run"]["changes"] and not d["last_run"]["obstacle"]),
    "nothing-to-judge": lambda d: _so(
        d.finished
        and d.exit != 3
        and not d.attention
        and not d.failures
        and not d.inventory("decisions")
        and not d.inventory("objections")
    ),
    "headline": lambda d: _so(d["headline"], *_numbers(d["headline"])),
    "change-not-shown": lambda _: (),
    "loss-not-shown": lambda _: (),
    "application-not-shown": lambda _: (),
    "way-back-not-shown": lambda _: (),
}
"""Id of each claim to what the evidence says: the numbers of its sentence, or None if the claim is not so."""


def wrong_claims(page: str, document: dict[str, Any]) -> dict[str, tuple[str, Reading]]:
    """Return each claim of a page that its evidence does not say, with what the evidence says."""
    evidence = Document(document)
    target = document["target"] or {}
    names = (
        target.get("file"),
        document["backup_set"],
        document.get("next_command"),
        *(str(name) for name in (document["rollback"] or {}).values()),
    )
    wrong = {}
    for id, text in ClaimReader(page).claims.items():
        reading = READINGS[id](evidence)
        if reading is None or reading != _numbers(text, filter(None, names)):
            wrong[id] = (text, reading)
    return wrong


def _numbers(text: str, names: Iterable[str] = ()) -> tuple[int, ...]:
    """Return the numbers of a sentence without those of names and times."""
    for name in names:
        text = text.replace(name, "")
    text = re.sub(r"\d{4}-\d{2}-\d{2} [\d:]+ UTC", "", text)
    return tuple(int(number.replace(",", "")) for number in re.findall(r"\b\d[\d,]*\b", text))
