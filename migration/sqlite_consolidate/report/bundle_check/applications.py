"""Check the records of applications against the plan and their criteria."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.apps.runner import SmokeResult
from sqlite_consolidate.engine.apps.smoke_observations import command_text, smoke_observations
from sqlite_consolidate.engine.run.criteria import SMOKE
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.parts.masked_plan import masked_smoke
from sqlite_consolidate.secret_masking import MASK, PATTERN_OF_MASK
from sqlite_consolidate.text import printable, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.plan.parts.programs import Smoke
    from sqlite_consolidate.report.evidence import Record, SmokeRecord

_EXIT = re.compile(r"exit status (-?\d+)")
_STARTED_WITH = re.compile(r"ended after \d+\.\d\d s, started with (.*)", re.DOTALL)
_CUT = re.compile(r"\(\d+ characters before are left out\)\n")

_Pair = tuple[str, str, str]


def contradictions_of_applications(plan: Plan, record: Record) -> Iterator[_Pair]:
    """Yield each place where an application's record contradicts plan or evidence."""
    tests = {printable(test.name): test for test in plan.smoke}
    passed = {entry.criterion for entry in record.criteria if entry.outcome is Outcome.PASSED}
    listed = [application.name for application in record.smoke]
    names = set(listed)
    yield from ((f"smoke: {name}", "listed once", "listed again") for name in names if listed.count(name) > 1)
    for name in tests:
        if f"{SMOKE}{name}" in passed and name not in names:
            yield f"smoke: {name}", "listed", "missing"
    for application in record.smoke:
        if application.name in tests:
            yield from _contradictions(tests[application.name], application, record)
        else:
            yield f"smoke: {application.name}", "a smoke test of the plan", "no such test in it"


def _contradictions(test: Smoke, application: SmokeRecord, record: Record) -> Iterator[_Pair]:
    name = f"smoke: {application.name}"
    command = printable(command_text(test))
    if application.command != command:
        yield f"{name}: command", command, application.command
    for key, text in (("lines", application.stdout), ("error_lines", application.stderr)):
        number = getattr(application, key)
        count = len(unescaped(text).splitlines())
        if text and not _CUT.match(text) and number != count:
            yield f"{name}: {key}", str(count), str(number)
    entries = [entry for entry in record.criteria if entry.criterion == f"{SMOKE}{application.name}"]
    candidates = [list(_differences(test, result, application, entries)) for result in _results(application, entries)]
    yield from min(candidates, key=len)


def _differences(
    test: Smoke, result: SmokeResult, application: SmokeRecord, entries: list[Evidence]
) -> Iterator[_Pair]:
    """Yield each entry that differs from the one that a result would have given."""
    withheld = application.lines and not application.stdout
    # An output that is not known, or in which a secret is masked, is not judged again.
    masked = MASK in application.stdout or masked_smoke(test).expect.stdout != test.expect.stdout
    if withheld or _CUT.match(application.stdout) or masked or PATTERN_OF_MASK in test.expect.stdout:
        test = test.model_copy(update={"expect": test.expect.model_copy(update={"stdout": "", "lines": None})})
    for observation in smoke_observations(test, result):
        expected = printable(observation.expected)
        subject = f"{SMOKE}{application.name}: {expected}"
        texts = _texts(observation)
        alike = [entry for entry in entries if entry.expected == expected]
        if not any(entry.observed in texts and entry.outcome is observation.outcome for entry in alike):
            observed = f"{alike[0].observed} ({alike[0].outcome})" if alike else "missing"
            yield subject, f"{texts[0]} ({observation.outcome})", observed


def _texts(observation: Observation) -> list[str]:
    """Return the texts that an entry may have of an observation.

    They depend on whether the operator let values be shown.
    """
    texts = [observation.observed]
    if observation.program_output:
        texts = [f"{observation.observed}: {observation.program_output}", f"{observation.observed} (withheld)"]
    return [printable(text) for text in texts]


def _results(application: SmokeRecord, entries: list[Evidence]) -> Iterator[SmokeResult]:
    """Yield each result that could have given this record of an application."""
    started = (_STARTED_WITH.fullmatch(entry.observed) for entry in entries)
    command = (next((match[1] for match in started if match), application.command),)
    exited = _EXIT.fullmatch(application.ended)
    stdout = unescaped(application.stdout)
    lines = sum(1 for line in stdout.encode("utf-8", "replace").split(b"\n") if line.strip())
    for ended, problem in [("", "")] if exited else [(application.ended, ""), ("", application.ended)]:
        yield SmokeResult(
            application.name,
            command,
            exit=int(exited[1]) if exited else None,
            stdout=stdout,
            stderr=unescaped(application.stderr),
            lines=lines,
            seconds=application.seconds,
            ended=ended,
            problem=problem,
        )
