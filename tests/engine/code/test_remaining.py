"""Specify which mentions the planned rewrites leave, and what covers them."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.remaining import (
    remaining_mentions,
    remaining_observations,
    unreferenced_findings,
    uses_of_each,
    uses_of_target,
)
from sqlite_consolidate.engine.code.rewrite import plan_rewrites_in_part
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.parts.programs import Exemption, Reference
from tests.support.observations import numbers_in
from tests.support.scanned_trees import DATABASES, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.rewrite import Rewrite
    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.observation import Observation

STORE = 'import os\n\nA = LOGS / "tasks.db"\nB = os.sep.join(["logs", "tasks" + ".db"])\nC = "logs/task_queue.db"\n'
"""A module whose second mention is put together, so that nothing can be proposed for it."""


def observed(root: Path, references: Sequence[Reference] = (), exempt: Sequence[Exemption] = ()) -> list[Observation]:
    """Return what remains after some references."""
    scope = ScanScope(root, ["."], DATABASES, "main.db", exempt=exempt)
    rewrites, _, in_part = plan_rewrites_in_part(root, references, [])
    return remaining_observations(scope, remaining_mentions(scope, [*rewrites, *in_part]), references)


def pasted(observations: list[Observation]) -> tuple[list[Reference], list[Exemption]]:
    """Return what the advice of all observations adds to a plan."""
    text = "\n".join(observation.todo.partition("\n")[2] for observation in observations)
    plan = tomllib.loads(text.replace('reason = ""', 'reason = "it never runs"'))
    references = [Reference.model_validate(entry) for entry in plan.get("reference", [])]
    return references, [Exemption.model_validate(entry) for entry in plan.get("scan", {}).get("exempt", [])]


def unopened(scope: ScanScope, rewrites: Sequence[Rewrite] = ()) -> list[Finding]:
    """Return the findings about sources that no code opens."""
    result = remaining_mentions(scope, rewrites)
    return unreferenced_findings(scope, result, rewrites, uses_of_each(scope, result, rewrites))


def test_every_mention_is_listed_with_lines_that_cover_it(tmp_path: Path) -> None:
    """A plan with all of these lines leaves none."""
    write(tmp_path, "app/store.py", STORE)
    write(tmp_path, "app/[1].yaml", "a: /srv/tasks.db\n")

    observations = observed(tmp_path)
    references, exempt = pasted(observations)
    after = observed(tmp_path, references, exempt)

    assert [(entry.subject, entry.expected) for entry in observations] == [
        ("app/[1].yaml:1", "no mention of tasks.db"),
        ("app/store.py:3", "no mention of tasks.db"),
        ("app/store.py:4", "no mention of tasks.db"),
        ("app/store.py:5", "no mention of task_queue.db"),
    ]
    assert [reference.replace for reference in references] == [
        'LOGS.resolve().parent / "main.db"',
        '"main.db"',
    ]
    assert [(entry.path, entry.pattern) for entry in exempt] == [
        ("app/[[]1].yaml", "tasks.db"),
        ("app/store.py", "tasks.db"),
    ]
    assert [entry.outcome for entry in after] == [Outcome.PASSED]
    assert numbers_in(after[0].observed) == [2]


def test_what_the_plan_replaces_is_subtracted(tmp_path: Path) -> None:
    """The others keep the line and the text that the file has now.

    A reference with a mistake subtracts nothing, and the others of its file do.
    """
    write(tmp_path, "store.py", STORE)
    good = Reference(
        file="./store.py",
        find='LOGS / "tasks.db"',
        replace="main()",
        import_="from app.places import (\n    main,\n)",
    )
    wrong = Reference(file="store.py", find='"logs/task-queue.db"', replace='"main.db"')

    of_good = observed(tmp_path, [good])
    of_both = observed(tmp_path, [good, wrong])

    assert [(entry.subject, entry.observed) for entry in of_good] == [
        ("store.py:4", 'B = os.sep.join(["logs", "tasks" + ".db"])'),
        ("store.py:5", 'C = "logs/task_queue.db"'),
    ]
    assert of_both == of_good


def test_places_with_one_expression_are_covered_at_once(tmp_path: Path) -> None:
    """The second place needs no lines of its own."""
    write(tmp_path, "a.py", 'class A:\n    db = "logs/tasks.db"\n    def f(self, db="logs/tasks.db"): ...\n')

    observations = observed(tmp_path)
    references, exempt = pasted(observations)

    assert [entry.subject for entry in observations] == ["a.py:2", "a.py:3"]
    assert ([reference.places for reference in references], exempt) == ([2], [])
    assert [entry.outcome for entry in observed(tmp_path, references)] == [Outcome.PASSED]


def test_line_with_two_mentions_is_covered_at_once(tmp_path: Path) -> None:
    """The path outside the container is replaced, and the path inside it is exempt."""
    write(tmp_path, "compose.yaml", "volumes:\n  - ./logs/tasks.db:/srv/tasks.db\n")

    observations = observed(tmp_path)
    references, exempt = pasted(observations)
    with_reference = observed(tmp_path, references)

    assert [(entry.find, entry.replace) for entry in references] == [("./logs/tasks.db", "./main.db")]
    assert [entry.subject for entry in with_reference] == ["compose.yaml:2"]
    assert pasted(with_reference) == ([], exempt)
    assert [entry.outcome for entry in observed(tmp_path, references, exempt)] == [Outcome.PASSED]


def test_exemption_of_one_name_exempts_no_other(tmp_path: Path) -> None:
    """A later mention of another database in the same file is still noticed."""
    write(tmp_path, "store.py", STORE)
    exempt = Exemption(path="store.py", pattern="tasks.db", reason="it never runs")

    observations = observed(tmp_path, exempt=[exempt])

    assert [entry.subject for entry in observations] == ["store.py:5"]


def test_tree_without_text_demands_nothing(tmp_path: Path) -> None:
    """Nothing was examined there."""
    observations = observed(tmp_path)

    assert [entry.outcome for entry in observations] == [Outcome.NOT_REQUIRED]


def test_source_that_no_code_opens_is_a_finding(tmp_path: Path) -> None:
    """A replaced, an exempt and a computed name count, and a comment does not."""
    write(tmp_path, "store.py", 'A = LOGS / "tasks.db"  # and task_queue.db\n')
    reference = Reference(file="store.py", find='LOGS / "tasks.db"', replace="main()")
    databases = [*DATABASES, "logs/shards/a-07.db", "old/archive.db"]
    exempt = [Exemption(path="old.py", reason="it never runs")]
    write(tmp_path, "old.py", '"old/archive.db"; x = "old/archive.db"\n')
    write(tmp_path, "shards.py", 'LOGS.glob("a-*.db")\n')
    scope = ScanScope(tmp_path, ["."], databases, "main.db", exempt=exempt)
    rewrites, _, _ = plan_rewrites_in_part(tmp_path, [reference], [])

    findings = unopened(scope, rewrites)

    assert [(finding.id, finding.subject) for finding in findings] == [("source-unreferenced", "logs/task_queue.db")]


def test_source_of_one_name_with_another_is_a_finding(tmp_path: Path) -> None:
    """Code that states the folders of the other one does not open it, also if it is rewritten."""
    write(tmp_path, "store.py", 'A = "a/data/log.db"\nB = "b/data/log.db"\n')
    scope = ScanScope(tmp_path, ["."], [f"{folder}/data/log.db" for folder in "abc"], "main.db")
    reference = Reference(file="store.py", find='"b/data/log.db"', replace='"main.db"')
    rewrites, _, _ = plan_rewrites_in_part(tmp_path, [reference], [])

    findings = unopened(scope, rewrites)

    assert [finding.subject for finding in findings] == ["c/data/log.db"]


@pytest.mark.parametrize(
    ("code", "unreferenced"),
    [
        ('x = f"logs/{n}.db"\n', []),
        ('x = n + ".db"\n', []),
        ('x = [f for f in os.listdir(d) if f.endswith(".db")]\n', []),
        ('x = LOGS / f"task_{n}.db"\n', ["logs/tasks.db"]),
        ('x = f"cache/{n}.db"\n', ["logs/task_queue.db", "logs/tasks.db"]),
    ],
)
def test_source_with_a_computed_name_is_no_finding(tmp_path: Path, code: str, unreferenced: list[str]) -> None:
    """The pattern is refused, or has a finding of its own."""
    write(tmp_path, "a.py", code)
    scope = ScanScope(tmp_path, ["."], DATABASES, "main.db")

    findings = unopened(scope)

    assert [finding.subject for finding in findings] == unreferenced


def test_secret_is_neither_quoted_nor_proposed(tmp_path: Path) -> None:
    """The line of configuration and the literal in code are quoted without it."""
    write(tmp_path, ".env", "STORE=tasks.db?password=hunter2\n")
    write(tmp_path, "store.py", 'A = open("sqlite://app:hunter2@/tasks.db")\n')

    observations = observed(tmp_path)

    assert [(entry.subject, entry.observed) for entry in observations] == [
        (".env:1", "STORE=tasks.db?password=***"),
        ("store.py:1", 'A = open("sqlite://app:***@/tasks.db")'),
    ]
    assert "hunter2" not in str(observations)


def test_places_of_the_target_name_no_old_database(tmp_path: Path) -> None:
    """An old database with the file name of the target is named by its folder."""
    write(tmp_path, "a.py", 'A = "main.db"\nB = "stores/main.db"\n')
    scope = ScanScope(tmp_path, ["."], ["stores/main.db"], "main.db")

    uses = uses_of_each(scope, remaining_mentions(scope, []), [])

    assert [mention.line for mention in uses["stores/main.db"]] == [2]
    assert [mention.line for mention in uses_of_target(scope, uses)["main.db"]] == [1]
