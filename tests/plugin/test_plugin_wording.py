"""Hold the sentences with which the plugin refuses a run, and those of its progress."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.sqlite.limits import Progress
from sqlite_consolidate.pytest_plugin.output.heartbeat import progress_text, time_left
from tests.support.workspaces.staged_project import StagedProject, staged_project

EDITS = {
    "10-preflight": ("@pytest.mark.criterion", "@pytest.mark.skip\n@pytest.mark.criterion"),
    "30-schema": ('stage("30-schema")', 'stage("60-commit")'),
    "40-transfer": ("rows-counted", "rows-cuonted"),
    "50-verify": ("@pytest.mark.order(5020)\n", ""),
}
"""What is replaced, and by what, in the file of each stage."""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> StagedProject:
    """Return a project with the real stages, in which nothing has run yet."""
    pytester.syspathinsert()
    return staged_project(pytester, monkeypatch)


def _reasons(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("ERROR: ", "- "))]


def test_refusal_has_these_sentences(project: StagedProject) -> None:
    """Each option has its effect and a hint."""
    (project.root / "tests/stages/test_45_extra.py").touch()
    options = ["--lf", "--ff", "--reruns=2", "-n", "2", "--setup-only", "-l", "--runxfail", "-p", "no:order"]
    off = ["-p", "no:sqlite_consolidate.pytest_plugin.outcome", "tests/plan"]

    assert _reasons(project.pytest("-m", "rollback", *options, *off).text) == [
        "ERROR: The run (rollback) was not started. Nothing was touched:",
        "- --lf, --last-failed: it would leave out tests of the run. Leave it out. [option-unfit]",
        "- --ff, --failed-first: it would change the order of the stages. Leave it out. [option-unfit]",
        "- --reruns: it would run stages more than once. Leave it out. [option-unfit]",
        ("- -n, --numprocesses: it would spread the stages over several processes. Leave it out. [option-unfit]"),
        ("- --setup-only: it would open databases for nothing (--setup-plan does not). Leave it out. [option-unfit]"),
        "- -l, --showlocals: it could put values of rows into the report. Leave it out. [option-unfit]",
        "- --runxfail: it would let a failed check pass. Leave it out. [option-unfit]",
        (
            "- pytest-order is missing or switched off: nothing would keep the stages in order. Install it;"
            " leave out -p no:order and PYTEST_DISABLE_PLUGIN_AUTOLOAD. [plugin-off]"
        ),
        (
            "- -p no:sqlite_consolidate.pytest_plugin.outcome: without it the verdict could be wrong. Leave"
            " it out. [plugin-off]"
        ),
        (
            "- tests/plan: a run has all of its stages, so it takes no path. Leave it out, and name the"
            " workspace with --workspace DIR. [path-given]"
        ),
        ("- tests/stages/test_45_extra.py: this file belongs to no stage. Move it to another folder. [strange-stage]"),
    ]


def test_refusal_of_a_mistyped_verb_has_these_sentences(project: StagedProject) -> None:
    """No run has begun, so that none is named."""
    assert _reasons(project.pytest("-m", "migrat").text) == [
        "ERROR: No run was started. Nothing was touched:",
        "- -m migrat is no verb. Did you mean pytest -m migrate? [unknown-verb]",
    ]


def test_refusal_of_its_configuration_has_these_sentences(
    project: StagedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint has the right command."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-m migrate")

    assert _reasons(project.pytest("-o", "testpaths=tests/plan").text) == [
        "ERROR: The run (migrate) was not started. Nothing was touched:",
        (
            "- 'migrate' is in PYTEST_ADDOPTS or in the configuration, not on the command line, so that a"
            " bare pytest would start it. Remove it there, and run: pytest -m migrate [verb-elsewhere]"
        ),
        (
            "- tests/plan: the stages are not there. Start pytest in the project's root folder, without -c,"
            " --rootdir and -o testpaths. [no-stages]"
        ),
    ]


def test_closed_gate_has_this_sentence(project: StagedProject) -> None:
    """It names the verbs."""
    assert _reasons(project.pytest("tests/stages").text) == [
        (
            "ERROR: The stages run only as a whole. Run pytest -m migrate, -m verify, -m rollback, -m"
            " inventory or -m selftest, without a path. [only-as-a-whole]"
        ),
        "- tests/stages",
    ]


def test_incomplete_run_has_these_sentences(project: StagedProject) -> None:
    """Each mistake in a stage has its test and the reason."""
    for stage, (old, new) in EDITS.items():
        file = project.stage(stage)
        file.write_text(file.read_text().replace(old, new, 1))
    project.stage("20-backup").unlink()

    assert _reasons(project.pytest("-m", "migrate").text) == [
        "ERROR: The collected tests are not the complete migrate run. Nothing was executed: [not-whole]",
        "- tests/stages/test_10_preflight.py::test_approved: a stage takes no mark 'skip'.",
        "- 20-backup: it has no test. The file test_20_backup.py is missing, or could not be collected.",
        "- 20-backup: no test judges the criterion 'backup-complete'.",
        "- 20-backup: no test judges the criterion 'backup-digest'.",
        (
            "- tests/stages/test_30_schema.py::test_performed: it needs one mark, stage('30-schema'), and has"
            " stage('60-commit')."
        ),
        (
            "- tests/stages/test_30_schema.py::test_tables_created: it needs one mark, stage('30-schema'),"
            " and has stage('60-commit')."
        ),
        (
            "- tests/stages/test_30_schema.py::test_indexes_created: it needs one mark, stage('30-schema'),"
            " and has stage('60-commit')."
        ),
        (
            "- tests/stages/test_30_schema.py::test_schema_as_planned: it needs one mark, stage('30-schema'),"
            " and has stage('60-commit')."
        ),
        "- 40-transfer: no test judges the criterion 'rows-counted'.",
        ("- tests/stages/test_40_transfer.py::test_rows_counted: 40-transfer has no criterion 'rows-cuonted'."),
        (
            "- tests/stages/test_50_verify.py::test_rows_exact: it needs one mark order(n), n a whole number,"
            " and has none."
        ),
    ]


def test_tests_out_of_order_have_this_sentence(project: StagedProject) -> None:
    """Both tests are named with their numbers."""
    source = "import pytest\n@pytest.hookimpl(wrapper=True)\ndef pytest_collection_modifyitems(items):\n    yield\n    "
    (project.root / "swap.py").write_text(f"{source}items[0], items[1] = items[1], items[0]\n    del items[5]\n")

    assert _reasons(project.pytest("-m", "migrate", "-p", "swap").text) == [
        "ERROR: The collected tests are not the complete migrate run. Nothing was executed: [not-whole]",
        "- tests/stages/test_10_preflight.py::test_space: it was deselected.",
        "- test_10_preflight.py::test_space: it was not collected.",
        "- 10-preflight: no test judges the criterion 'space'.",
        (
            "- tests/stages/test_10_preflight.py::test_performed (order 1010): it comes after"
            " tests/stages/test_10_preflight.py::test_plan_valid (order 1020)."
        ),
    ]


def test_hint_has_the_exact_command(project: StagedProject) -> None:
    """A mistaken verb starts nothing."""
    calls = (["-m", "migrate or slow"], ["-m", "migrat"], ["--workspace=shop", "-m", "slow"], ["--workspace=shop"])
    texts = [project.pytest(*args).text for args in calls]

    assert [line for text in texts for line in text.splitlines() if line.startswith("- ")] == [
        (
            "- -m 'migrate or slow' is no verb, and a part of a run cannot be run."
            " To start the run, use exactly: pytest -m migrate [verb-in-expression]"
        ),
        "- -m migrat is no verb. Did you mean pytest -m migrate? [unknown-verb]",
        (
            "- --workspace needs one verb, and -m 'slow' is none."
            " Use one of -m migrate, -m verify, -m rollback, -m inventory, -m selftest. [no-verb]"
        ),
        (
            "- --workspace needs one verb, and no -m is given."
            " Use one of -m migrate, -m verify, -m rollback, -m inventory, -m selftest. [no-verb]"
        ),
    ]


def test_list_of_stages_has_these_lines(project: StagedProject) -> None:
    """Each stage says what it does."""
    text = project.pytest("-m", "rollback", "--co", "-q").text

    assert [line for line in text.splitlines() if line.endswith(" tests)")] == [
        " 1. 97-rollback    rolls everything back, and verifies it (2 tests)",
    ]


@pytest.mark.parametrize(
    ("done", "total", "unit", "words"),
    [
        (9_000, 20_000, "rows", "45 %, 9,000 rows of 20,000 rows, 3,000 rows/s, 4 s left"),
        (9_000, 0, "rows", "9,000 rows, 3,000 rows/s"),
        (30_000, 20_000, "rows", "all 20,000 rows"),
        (3 << 20, 303 << 20, "bytes", "1 %, 3.0 MiB of 303.0 MiB, 1.0 MiB/s, 5 min left"),
    ],
)
def test_progress_has_these_words(done: int, total: int, unit: str, words: str) -> None:
    """A share and an end are known if the total is known."""
    progress = Progress()
    progress.begin(total, unit, lambda: done)

    assert progress_text(progress, 3.0) == words


def test_time_left_has_these_words() -> None:
    """The rehearsal gives the time."""
    assert time_left(100.0, 30.0) == "1 min 10 s left of the stage, by the rehearsal"
