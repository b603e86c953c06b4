"""Check the tests in ``junit.xml`` and on the page against the run's stages."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from html import escape, unescape
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import INTERRUPTIONS, ExitCode
from sqlite_consolidate.report.bundle_check.pytest_files.junit import read_junit
from sqlite_consolidate.report.bundle_check.pytest_files.stage_tests import stage_tests_of
from sqlite_consolidate.report.file_names import JUNIT, PAGE
from sqlite_consolidate.report.html.page_file import parse_page_file
from sqlite_consolidate.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.bundle_check.pytest_files.junit import JUnit
    from sqlite_consolidate.report.evidence import Record
    from sqlite_consolidate.report.html.page_file import PytestHtmlParts

_SHOWN = 300
_UNFINISHED = (ExitCode.INTERNAL, *INTERRUPTIONS)
"""Exit codes after which a test may have had no end."""
_OF_NO_TEST = ("", "internal")
"""Names that pytest gives to an interrupted test and to an error outside of all tests."""

_OUTCOME_OF_STAGE = {"passed": "Passed", "not run": "Skipped"}
_WORST_FIRST = ("Error", "Failed", "Skipped")
_LATE = timedelta(days=1)  # between a time without an offset and one in UTC

_Test = tuple[str, str]
"""Id of the stage, and name of the test."""
_Pair = tuple[str, str, str]


def contradictions_of_tests(contents: BundleContents, record: Record) -> Iterator[_Pair]:
    """Yield each contradiction of a test report with the record or the other report."""
    reports: dict[str, dict[_Test, str]] = {}
    if JUNIT in contents.bundle.files:
        try:
            junit = read_junit(contents.bundle.files[JUNIT])
        except ValueError as error:
            yield JUNIT, "as pytest writes it", one_line(str(error))[:_SHOWN]
        else:
            yield from _counts(junit, record)
            yield from _suite_origin(junit, record)
            reports[JUNIT] = _worst(
                ((_stage(case.module), case.name), outcome)
                for case in junit.cases
                if record.exit_code not in _UNFINISHED or case.name not in _OF_NO_TEST
                for outcome in case.outcomes or ["Passed"]
            )
    parts = parse_page_file(contents.bundle.text(PAGE))
    if parts is not None:
        reports[PAGE] = _worst((_test(str(row.get("testId"))), str(row.get("result"))) for row in parts.results)
        yield from _rows(parts, len(reports[PAGE]), record)
    if contents.of_this_release:
        for name, outcomes in reports.items():
            yield from _contradictions(name, outcomes, contents, record)
        if len(reports) > 1 and reports[JUNIT] != reports[PAGE]:
            only = [dict(reports[name].items() - reports[other].items()) for name, other in _BOTH]
            yield f"{PAGE}: tests as in {JUNIT}", _joined_outcomes(only[0]), _joined_outcomes(only[1])


_BOTH = ((JUNIT, PAGE), (PAGE, JUNIT))


def _rows(parts: PytestHtmlParts, tests: int, record: Record) -> Iterator[_Pair]:
    """Yield a row of the page under another test's key, or twice for a passed test."""
    table = parts.data.get("tests")
    for key, rows in table.items() if isinstance(table, dict) else ():
        name = escape(one_line(key))
        alike = {name, f"{name}::setup", f"{name}::teardown"}
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get("testId") not in alike:
                yield f"{PAGE}: tests", name, one_line(str(row.get("testId")))
    if record.exit_code == ExitCode.ACCEPTED and len(parts.results) != tests:
        yield f"{PAGE}: tests of the run", f"{tests}, each once", str(len(parts.results))


def _counts(junit: JUnit, record: Record) -> Iterator[_Pair]:
    """Yield each count of the suite that its tests contradict.

    In an accepted run, no test failed.
    """
    names = {"errors": "Error", "failures": "Failed", "skipped": "Skipped"}
    expected = {name: junit.count(outcome) for name, outcome in names.items()}
    if not record.exit_code:
        expected |= {"errors": 0, "failures": 0, "tests": len({(case.module, case.name) for case in junit.cases})}
        bad = [case.name for case in junit.cases if {"Failed", "Error"}.intersection(case.outcomes)]
        if bad:
            yield f"{JUNIT}: failures", "none", one_line(", ".join(bad))[:_SHOWN]
    observed = {name: junit.suite.get(name) for name in expected}
    if {name: str(number) for name, number in expected.items()} != observed:
        yield f"{JUNIT}: counts", _numbers(expected), _numbers(observed)


def _numbers(counts: Mapping[str, object]) -> str:
    return one_line(", ".join(f"{number} {name}" for name, number in counts.items()))[:_SHOWN]


def _suite_origin(junit: JUnit, record: Record) -> Iterator[_Pair]:
    """Yield host and start time of the suite if they are not those of the run."""
    host = printable(junit.suite.get("hostname", record.host))
    if host != record.host:
        yield f"{JUNIT}: hostname", record.host, one_line(host)
    if stamp := junit.suite.get("timestamp"):
        try:
            moment, started = (datetime.fromisoformat(text) for text in (stamp, record.started))
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            near = abs(aware - started) <= _LATE
        except (ValueError, TypeError, OverflowError):
            near = False
        if not near:
            yield f"{JUNIT}: timestamp", f"within a day of {record.started}", one_line(stamp)


def _contradictions(
    report: str, outcomes: dict[_Test, str], contents: BundleContents, record: Record
) -> Iterator[_Pair]:
    names = contents.applications if record.plan["sha256"] or record.verdict == "accepted" else ()
    expected = set(stage_tests_of(record.mode, len(names)))
    if unknown := outcomes.keys() - expected:
        yield f"{report}: tests of the run", "those of its stages", _joined(unknown)
    if record.exit_code == ExitCode.ACCEPTED and (absent := expected - outcomes.keys()):
        yield f"{report}: tests of the run", _joined(absent), "missing"
    if record.exit_code in _UNFINISHED:
        return
    of_stage = {stage.id: _OUTCOME_OF_STAGE.get(stage.outcome) for stage in record.stages}
    other = {
        test: outcome for test, outcome in outcomes.items() if of_stage.get(test[0], outcome) not in (None, outcome)
    }
    if other:
        expected_words = _joined_outcomes({test: str(of_stage[test[0]]) for test in other})
        yield f"{report}: outcomes of tests", expected_words, _joined_outcomes(other)
    by_stage: Counter[str] = Counter()
    for (id, _name), outcome in outcomes.items():
        by_stage[id] += outcome != "Passed"
    for stage in record.stages:
        if stage.outcome == "failed" and by_stage.get(stage.id) == 0:
            yield f"{report}: outcomes of tests", f"{stage.id}: one that did not pass", f"{stage.id}: all passed"


def _test(node: str) -> _Test:
    """Return the test of a row of the page.

    A failure before or after the test's call has a row of its own.
    """
    path, _, name = unescape(node).partition("::")
    return _stage(path.rpartition("/")[2].removesuffix(".py")), name.removesuffix("::setup").removesuffix("::teardown")


def _stage(module: str) -> str:
    return module.removeprefix("test_").replace("_", "-")


def _worst(outcomes: Iterable[tuple[_Test, str]]) -> dict[_Test, str]:
    worst: dict[_Test, str] = {}
    for test, outcome in outcomes:
        worst[test] = min(outcome, worst.get(test, outcome), key=_rank)
    return worst


def _rank(outcome: str) -> int:
    return _WORST_FIRST.index(outcome) if outcome in _WORST_FIRST else len(_WORST_FIRST)


def _joined(tests: Iterable[_Test]) -> str:
    return one_line(", ".join("::".join(test) for test in sorted(tests)))[:_SHOWN]


def _joined_outcomes(outcomes: dict[_Test, str]) -> str:
    return one_line(", ".join(f"{'::'.join(test)} {outcome}" for test, outcome in sorted(outcomes.items())))[:_SHOWN]
