"""Accepting: one run without pytest's stages, accepted only if every criterion that the stages judge holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migration.engine import archive, compare, history, schema
from migration.engine.applications import Applications
from migration.engine.backup import file_content_digest, reloaded_digest
from migration.engine.connections import attached, pragma
from migration.engine.digest import digest_file
from migration.engine.observation import Observation, equal
from migration.harness.failure import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migration.engine.run import Run
    from migration.plan.problem import Problem

Judged = tuple[str, list[Observation]]
"""A criterion's id, and what it saw."""


@dataclass
class Verdict:
    """What a run came to.

    Attributes:
        problems: What the preflight found in the way; then nothing was touched.
        wrong: Criteria of later stages that did not hold, with what they saw.
        said: Why a step could not be done, in words.
        judged: Ids of the criteria that were shown.
    """

    problems: list[Problem] = field(default_factory=list)
    wrong: list[tuple[str, Observation]] = field(default_factory=list)
    said: str = ""
    judged: set[str] = field(default_factory=set)
    finished: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the run is finished and everything held."""
        return self.finished and not (self.problems or self.wrong or self.said)

    @property
    def untouched(self) -> bool:
        """Whether the run refused before it began to change anything."""
        return not self.judged

    @property
    def words(self) -> str:
        """Every reason against acceptance."""
        seen = [f"{id_} {one.subject}: expected {one.expected}, observed {one.observed}" for id_, one in self.wrong]
        return "\n".join([*(f"{one.criterion}: {one}" for one in self.problems), *seen, self.said]).strip()


def consolidate(run: Run) -> Verdict:
    """Take a run through all stages, or as far as they hold; what was not accepted is put back.

    Raises:
        AssertionError: It could not be put back.
        Exception: Anything that nobody foresaw: a user would have got a traceback.
    """
    verdict = Verdict()
    try:
        _through(run, verdict)
    except Exception as error:
        verdict.said = in_words(error)
        if not verdict.said:
            raise
    finally:
        try:
            if not verdict.accepted and not verdict.untouched:
                back = run.put_back()
                assert back.holds, back.seen
        finally:
            run.close_target()
            run.close()
    return verdict


def _through(run: Run, verdict: Verdict) -> None:
    verdict.problems = list(run.survey().problems)
    if verdict.problems:
        return
    verdict.judged.add("touched")
    for stage in (_backup, _schema, _transfer, _verify, _commit, _code, _archive, _final):
        for criterion, seen in stage(run):
            assert seen, f"{criterion}: nothing was looked at"
            verdict.judged.add(criterion)
            verdict.wrong += [(criterion, one) for one in seen if not one.holds]
        if verdict.wrong:
            return
    verdict.finished = True


def before_commit(run: Run) -> dict[str, Callable[[], list[Observation]]]:
    """Return what is judged inside the transaction, by criterion."""
    con = run.connection
    size = int(str(pragma(con, "page_count"))) * int(str(pragma(con, "page_size")))
    return {
        "tables-created": lambda: compare.tables_created(schema.read(con), run.found.future, run.plan),
        "indexes-created": lambda: compare.indexes_created(schema.read(con), run.found.future.early),
        "schema-as-planned": lambda: compare.schema_as_foretold(schema.read(con), run.found.future),
        "rows-counted": lambda: compare.rows_counted(con, run.own, run.done),
        "rows-expected": lambda: compare.rows_expected(run.done),
        "rows-exact": lambda: [
            *compare.rows_exact(con, run.own, run.done),
            *compare.marks_carried(con, run.found),
        ],
        "no-duplicates": lambda: compare.no_duplicates(con, run.own, run.done),
        "foreign-keys": lambda: compare.foreign_keys(con, run.found),
        "integrity": lambda: compare.integrity(con),
        "neighbours-unchanged": lambda: compare.neighbours(con, run.found),
        "triggers-in-place": lambda: compare.triggers_in_place(con, run.found),
        "size-reasonable": lambda: compare.size_reasonable(size, run.found),
    }


OF_SCHEMA = ("tables-created", "indexes-created", "schema-as-planned")
OF_TRANSFER = ("rows-counted", "rows-expected")
OF_VERIFY = (
    "rows-exact",
    "no-duplicates",
    "foreign-keys",
    "integrity",
    "neighbours-unchanged",
    "triggers-in-place",
    "size-reasonable",
)


def transfer(run: Run) -> None:
    """Copy every source, as the stage does."""
    for source in run.sources():
        with attached(run.connection, run.read_from(source), f"source {source.name}") as alias:
            run.transfer(source, alias)
    run.finish_schema()


def _backup(run: Run) -> Iterator[Judged]:
    sealed = run.back_up()
    live = {one.file: one.digest for one in run.found.sources.values()}
    live |= {run.found.target.file: run.found.target.digest} if run.found.target else {}
    yield (
        "backup-complete",
        [
            equal(
                file,
                [one.sha256 for one in sealed.databases if one.file == file],
                [digest_file(run.folder / one.copy) for one in sealed.databases if one.file == file],
            )
            for file in live
        ]
        + [equal("databases", sorted(live), sorted(one.file for one in sealed.databases))],
    )
    yield (
        "backup-digest",
        [equal(one.file, live[one.file], file_content_digest(run.folder / one.copy)) for one in sealed.databases],
    )
    yield (
        "dump-reloads",
        [equal(one.dump, one.digest, reloaded_digest(run.folder / one.dump)) for one in sealed.databases if one.dump],
    )


def _judged(run: Run, criteria: tuple[str, ...]) -> Iterator[Judged]:
    judge = before_commit(run)
    for criterion in criteria:
        yield criterion, judge[criterion]()


def _schema(run: Run) -> Iterator[Judged]:
    run.create_schema()
    yield from _judged(run, OF_SCHEMA)


def _transfer(run: Run) -> Iterator[Judged]:
    transfer(run)
    yield from _judged(run, OF_TRANSFER)


def _verify(run: Run) -> Iterator[Judged]:
    run.verify()
    yield from _judged(run, OF_VERIFY)


def _commit(run: Run) -> Iterator[Judged]:
    run.commit()
    rows = history.read_file(run.root / run.plan.target)
    yield "committed", [equal(run.plan.target, run.stamp, rows[-1].run if rows else "no row")]


def _code(run: Run) -> Iterator[Judged]:
    """No plan here has code or applications; what is observed of them is observed all the same."""
    run.rewrite_code()
    applications = Applications(
        run.plan,
        run.root,
        run.live,
        held=run.databases(),
        marks=run.log_marks,
        say=lambda _words: None,
    )
    applications.reader = run.reader
    applications.note(run.begin_smoke())
    yield "no-side-effects", applications.side_effects()


def _archive(run: Run) -> Iterator[Judged]:
    sealed = run.archive()
    yield "archived", archive.archived_observations(run.root, sealed)
    yield "archive-restorable", archive.restorable_observations(run.root, sealed, run.folder)
    yield (
        "no-late-writes",
        [
            equal(one.file, one.digest, file_content_digest(run.root / sealed.archive[one.file]))
            for one in run.found.sources.values()
        ],
    )


def _final(run: Run) -> Iterator[Judged]:
    yield "final-digest", compare.final(run.reader.content(run.root / run.plan.target).tables, run.verified)
    run.finish(b"{}", b"how to roll back")
    yield "record-written", [equal("ledger", "finished", run.ledger.events()[-1]["event"])]
