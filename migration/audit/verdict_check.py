"""The verdict of a bundle: does it follow from the criteria and the stages, and do the rows add up?"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import migration
from migration.audit.bundle_check import seen_as
from migration.audit.criteria import CAN_FAIL, STAGES, criteria_of
from migration.audit.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.audit.criteria import Mode
    from migration.audit.evidence import Verdict
    from migration.audit.told import Told

_MOVES = ("migrate", "rehearsal")
_HISTORY = "_consolidation_history"
_COUNTED = re.compile(r"\d+ rows(?:, [0-9a-f]{64})?")
_INTERRUPTED = (2, 129, 143)
_INTERNAL = 3  # also after an acceptance: the data is in, and something of pytest broke


def following(told: Told) -> list[Evidence]:
    """The verdict is what the run's criteria, stages and exit code add up to; all that was demanded is accounted for.

    Which criteria are demanded is known for the release that runs the check; of a bundle by another one the criteria
    are taken as it names them.
    """
    said = told.evidence
    if not said:
        return [_unjudged("verdict-follows")]
    by_verdict = {
        verdict: [one["id"] for one in said["criteria"] if one["verdict"] == verdict] for verdict in _STANDING
    }
    pairs = [
        ("verdict", _verdict(told), said["verdict"]),
        ("not_shown", _named(by_verdict["not shown"]), _named(said["not_shown"])),
        ("stages", _named(_stages(told)), _named([stage["id"] for stage in said["stages"]])),
        *_exit(said),
    ]
    if _mode(told) not in ("originals", "selftest"):
        pairs.append(("unanswerable", "none", _named(list(said["unanswerable"]))))
    if same_release(told) and not said["already"]:
        there = {one["id"] for one in said["criteria"]} - set(said["unanswerable"])
        pairs.append(("criteria", _named(demanded(told)), _named(there)))
    seen = [seen_as("verdict-follows", subject, expected, observed) for subject, expected, observed in pairs]
    return seen if same_release(told) else [*seen, _other_release(said["versions"]["sqlite-consolidate"])]


def adding_up(told: Told) -> list[Evidence]:
    """Rows before and rows that arrived make the rows after, for every table; counts that had to be equal are."""
    said = told.evidence
    if not said:
        return [_unjudged("counts-add-up")]
    if said["verdict"] != "accepted" or said["mode"] not in _MOVES or said["already"]:
        return [
            Evidence(
                "counts-add-up", "tables", "where rows were moved to stay: sums", "no row was moved to stay", holds=True
            )
        ]
    pairs = [*_moved(said), *_equal(said), *([] if told.writes else _tables(said))]
    return [seen_as("counts-add-up", subject, expected, observed) for subject, expected, observed in pairs]


def same_release(told: Told) -> bool:
    """Tell whether the bundle was made by the release that checks it."""
    return bool(told.evidence) and told.evidence["versions"].get("sqlite-consolidate") == migration.__version__


def demanded(told: Told) -> set[str]:
    """Return the ids of the criteria that had to be shown for an acceptance, as this release knows them."""
    mode = _mode(told)
    ids = {one for stage in STAGES if mode in stage.modes for one in criteria_of(stage.id)}
    # A plan with a mistake has no digest in the evidence: its run was refused, and asked for no application.
    read = told.evidence["plan"]["sha256"] or told.evidence["verdict"] == "accepted"
    smoke = set(told.smoke) if read and mode not in ("rollback", "bundle", "inventory") else set()
    if mode == "selftest":
        smoke = {CAN_FAIL + one for one in smoke}
    return (ids | smoke) - set(told.evidence["unanswerable"])


_STANDING = ("shown", "failed", "not shown")
_Pair = tuple[str, str, str]


def _mode(told: Told) -> Mode:
    """Return what the run was; for its readers three kinds are a check, and their stages tell them apart."""
    stages = {stage["id"] for stage in told.evidence["stages"]}
    kinds: dict[str, Mode] = {"99-originals": "originals", "96-bundle": "bundle"}
    special = [mode for stage, mode in kinds.items() if stage in stages]
    said: Mode = told.evidence["mode"]
    return special[0] if special else said


def _stages(told: Told) -> list[str]:
    """Return the stages there have to be; of another release, those that are there."""
    if not same_release(told):
        return [stage["id"] for stage in told.evidence["stages"]]
    mode = _mode(told)
    return [stage.id for stage in STAGES if mode in stage.modes]


def _verdict(told: Told) -> Verdict:
    said = told.evidence
    outcomes = {stage["outcome"] for stage in said["stages"]}
    verdicts = Counter(one["verdict"] for one in said["criteria"])
    if verdicts["failed"] or "failed" in outcomes:
        return "refused"
    if said["already"]:
        return "accepted" if outcomes == {"not run"} else "not shown"
    missing = set(said["not_shown"]) - set(said["unanswerable"])
    if missing or outcomes != {"passed"} or said["exit_code"] in _INTERRUPTED or not said["finished"]:
        return "not shown"
    return "accepted"


def _exit(said: dict[str, Any]) -> Iterator[_Pair]:
    if said["exit_code"] not in (_INTERNAL, *_INTERRUPTED):
        ended = "0" if said["exit_code"] == 0 else "not 0"
        yield "exit code", "0" if said["verdict"] == "accepted" else "not 0", ended


def _moved(said: dict[str, Any]) -> Iterator[_Pair]:
    before = {
        (source["name"], table.lower()): rows
        for source in said["sources"]
        for table, rows in source["before"]["rows"].items()
    }
    for move in said["moves"]:
        name = f"{move['source']}: {move['table']}"
        accounted = (move["arrived"] or 0) + move["skipped"]
        yield f"{name}: rows moved or settled", str(move["rows"]), str(accounted)
        yield f"{name}: rows in the source", str(move["rows"]), str(before.get((move["source"], move["table"].lower())))


def _equal(said: dict[str, Any]) -> Iterator[_Pair]:
    """Counts and digests that a criterion compared for equality."""
    after = said["target"]["after"]["rows"] if said["target"] else {}
    for one in said["criteria"]:
        texts = (one["expected"], one["observed"])
        if one["verdict"] == "shown" and all(map(_COUNTED.fullmatch, texts)):
            yield f"{one['id']}: {one['subject']}", *texts
        table = one["subject"].removeprefix("target: ")
        if one["id"] == "final-digest" and table in after:
            yield f"target: {table}", one["observed"].partition(" ")[0], str(after[table])


def _tables(said: dict[str, Any]) -> Iterator[_Pair]:
    before, after = (said["target"][when]["rows"] if said["target"] else {} for when in ("before", "after"))
    gained = Counter({_HISTORY: 1})
    for move in said["moves"]:
        gained[move["into"].lower()] += (move["arrived"] or 0) - move["replaced"]
    for table in dict.fromkeys([*before, *after]):
        yield (
            f"target: {table}: rows after",
            str(before.get(table, 0) + gained.pop(table.lower(), 0)),
            str(after.get(table)),
        )
    yield from ((f"target: {table}: rows after", str(rows), "no such table") for table, rows in gained.items())


def _named(ids: set[str] | list[str]) -> str:
    return ", ".join(sorted(ids)) or "none"


def _other_release(release: str) -> Evidence:
    said = f"made by release {release}: its criteria are taken as it names them"
    return Evidence(
        "verdict-follows", "criteria", f"those that release {migration.__version__} demands", said, holds=True
    )


def _unjudged(criterion: str) -> Evidence:
    return seen_as(criterion, "evidence.json", "of schema 1", "not of schema 1: it cannot be judged")
