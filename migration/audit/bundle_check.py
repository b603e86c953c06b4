"""The files of a bundle: are they all there, as their run left them, and do they tell the same story?

Digests prove that the files belong together, not who made them: whoever changes a file can compute the digests anew.
Against that there is only a digest that somebody else keeps, such as the one in a summary pasted into a ticket.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from migration.audit.evidence import Evidence
from migration.audit.past_runs import MANIFEST
from migration.audit.summary import as_line, criteria_line, evidence_line, first_line
from migration.audit.told import EVIDENCE
from migration.audit.words import outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.audit.evidence import Attempt
    from migration.audit.told import Told

PAGE, JUNIT, SUMMARY, PLAN = "audit.html", "junit.xml", "summary.txt", "plan.toml"
_ALWAYS = (EVIDENCE, SUMMARY, PLAN, "code.diff", "sql.log")

_DOUBT = "Do not rely on this bundle: get another copy, from where the run left it."


def whole(told: Told) -> list[Evidence]:
    """Every file of the manifest is there with its size and digest, and no other is; the usual ones are listed."""
    seen = []
    for name, listed in told.manifest.items():
        data = told.bundle.files.get(name)
        expected = f"{listed.get('size')} bytes, {listed.get('sha256')}"
        observed = "missing" if data is None else f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()}"
        seen.append(seen_as("bundle-whole", name, expected, observed))
    added = set(told.bundle.files) - set(told.manifest) - {MANIFEST}
    seen += [seen_as("bundle-whole", name, "listed in the manifest", "not listed") for name in sorted(added)]
    absent = [name for name in _ALWAYS if name not in told.manifest and name not in added]
    return seen + [seen_as("bundle-whole", name, "listed in the manifest", "not there") for name in absent]


def valid(told: Told) -> list[Evidence]:
    """The evidence is of schema 1: JSON Schema, draft 2020-12, as shipped beside this file."""
    if not told.errors:
        return [seen_as("evidence-valid", EVIDENCE, "of schema 1", "of schema 1")]
    return [seen_as("evidence-valid", place, "as in schema 1", what[:500]) for place, what in told.errors]


def agreeing(told: Told) -> list[Evidence]:
    """Manifest, summary, page, JUnit file and plan say what the evidence says."""
    if not told.evidence or told.about is None:
        return [seen_as("files-agree", MANIFEST, "a run, as evidence.json tells of it", "it cannot be compared")]
    said = told.evidence
    pairs = [*_manifest(told.about, said), *_summary(told, told.about), *_page(told, told.about), *_junit(told)]
    if digest := said["plan"]["sha256"]:
        pairs.append((f"{PLAN}: sha256", digest, hashlib.sha256(told.bundle.files.get(PLAN, b"")).hexdigest()))
    return [seen_as("files-agree", subject, expected, observed) for subject, expected, observed in pairs]


def seen_as(criterion: str, subject: str, expected: str, observed: str) -> Evidence:
    """Return evidence that holds when what was expected is what was observed."""
    holds = expected == observed
    return Evidence(criterion, subject, expected, observed, holds, "" if holds else _DOUBT)


def standing(said: dict[str, Any]) -> Counter[str]:
    """Return how many criteria of the evidence are shown, failed and not shown; one counts by its worst line."""
    worst = {"failed": 2, "not shown": 1, "shown": 0}
    found: dict[str, str] = {}
    for one in said["criteria"]:
        found[one["id"]] = max(found.get(one["id"], "shown"), one["verdict"], key=lambda verdict: worst[verdict])
    return Counter(found.values())


_Pair = tuple[str, str, str]


def _manifest(about: Attempt, said: dict[str, Any]) -> Iterator[_Pair]:
    mode = "check" if about.mode in ("originals", "bundle") else about.mode
    told = {
        "run": about.run,
        "mode": mode,
        "verdict": about.verdict,
        "headline": about.headline,
        "exit_code": about.exit_code,
        "started": about.started,
        "finished": about.finished,
        "already": about.already,
        "backup_set": about.backup_set,
    }
    yield from ((f"{MANIFEST}: {key}", str(said[key]), str(value)) for key, value in told.items())


def _summary(told: Told, about: Attempt) -> Iterator[_Pair]:
    lines = told.bundle.text(SUMMARY).splitlines()
    found = standing(told.evidence)
    digest = hashlib.sha256(told.bundle.files.get(EVIDENCE, b"")).hexdigest()
    expected = (
        first_line(about),
        about.headline,
        criteria_line({word: found[word] for word in ("shown", "failed", "not shown")}),
        evidence_line(digest),
    )
    for line in map(as_line, expected):
        label = line.partition(":")[0]
        there = next((one for one in lines if one == line), None)
        like = next((one for one in lines if one.startswith(f"{label}:")), "missing")
        yield f"{SUMMARY}: {label}", line, there or like


def _page(told: Told, about: Attempt) -> Iterator[_Pair]:
    if PAGE in told.bundle.files:  # --html may have sent it elsewhere
        text = told.bundle.text(PAGE)
        yield f"{PAGE}: verdict", outcome(about), _VerdictOf(text).word
        yield f"{PAGE}: run", about.run, about.run if about.run in text else "not named"


def _junit(told: Told) -> Iterator[_Pair]:
    """Of an accepted run no test failed; read by its one line of counts, for XML of others is not to be parsed."""
    if JUNIT in told.bundle.files and told.evidence["verdict"] == "accepted":
        suite = re.search(r"<testsuite\s[^>]*>", told.bundle.text(JUNIT))
        numbers = dict(re.findall(r'\b(errors|failures)="(\d+)"', suite.group() if suite else ""))
        observed = f"{numbers.get('errors', 'unknown')} errors, {numbers.get('failures', 'unknown')} failures"
        yield f"{JUNIT}: counts", "0 errors, 0 failures", observed


class _VerdictOf(HTMLParser):
    """Reads the text of the element whose id is ``verdict``."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._tag, self._depth, self._texts = "", 0, list[str]()
        self.feed(text)
        self.close()

    @property
    def word(self) -> str:
        """The verdict as the page says it, with single spaces."""
        return " ".join("".join(self._texts).split()) or "none"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin to listen at the verdict; count the elements of its kind inside it."""
        if self._depth:
            self._depth += tag == self._tag
        elif ("id", "verdict") in attrs:
            self._tag, self._depth = tag, 1

    def handle_endtag(self, tag: str) -> None:
        """Cease to listen at its end."""
        if self._depth:
            self._depth -= tag == self._tag

    def handle_data(self, data: str) -> None:
        """Keep what is said meanwhile."""
        if self._depth:
            self._texts.append(data)
