"""Draw the page of a run as static, escaped HTML that answers an auditor."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from sqlite_consolidate.engine.run.criteria import Question, Step
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.evidence import Attempt, KeyMapRecord, Record
from sqlite_consolidate.report.html.code import schema_diff
from sqlite_consolidate.report.html.criteria_table import criteria_lines
from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.report.questions import answers, unexamined
from sqlite_consolidate.report.statements.checklist import checklist
from tests.support.reports import records

_ELEMENTS = {
    "section", "h2", "h3", "p", "ul", "li", "b", "strong", "dl", "div", "dt", "dd", "code", "pre", "table",
    "caption", "thead", "tbody", "tr", "th", "td", "br", "span", "a", "details", "summary", "nav", "svg", "title",
    "desc", "rect", "path", "text",
}  # fmt: skip
_ATTRIBUTES = {
    "class", "id", "href", "scope", "role", "tabindex", "open", "aria-label", "aria-labelledby", "aria-hidden",
    "viewbox", "width", "height", "x", "y", "rx", "d", "text-anchor", "colspan",
}  # fmt: skip
_VOID = {"br", "rect"}  # the second is closed by its own slash


@dataclass
class _Parsed(HTMLParser):
    """Parse a page."""

    html: str
    elements: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """Return the visible text on one line."""
        return " ".join(" ".join(self.texts).split())

    def all(self, name: str) -> list[str]:
        """Return all values of an attribute."""
        return [value for attribute, value in self.attributes if attribute == name]


@pytest.fixture(params=["accepted", "refused", "unfinished", "hostile"])
def any_record(request: pytest.FixtureRequest) -> Record:
    """Each of the records, one after the other."""
    record: Record = request.getfixturevalue(request.param)
    return record


def test_page_has_only_elements_of_the_templates(any_record: Record) -> None:
    """No text becomes an element, attribute or event handler, and every element is closed."""
    parsed = _Parsed(render_page(any_record))

    assert set(parsed.elements) <= _ELEMENTS
    assert {name for name, _ in parsed.attributes} <= _ATTRIBUTES
    assert parsed.open == []


def test_page_links_only_to_itself(any_record: Record) -> None:
    """Every link leads to one row of the same page."""
    parsed = _Parsed(render_page(any_record))

    ids = parsed.all("id")
    assert len(ids) == len(set(ids))
    assert {href.removeprefix("#") for href in parsed.all("href")} <= set(ids)
    assert all(href.startswith("#") for href in parsed.all("href"))


def test_hostile_text_is_shown_as_text(hostile: Record) -> None:
    """The reader sees it, and the browser does not act on it."""
    html = render_page(hostile)
    parsed = _Parsed(html)

    assert "<script>alert(1)</script>" in parsed.text
    assert "{{7*7}}{% raw %}" in parsed.text
    assert "\\x1b[2J" in parsed.text
    assert "\\u202egnp.exe" in parsed.text
    assert "\\ud800\\udcff" in parsed.text
    html.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "word", "tone"),
    [
        ("accepted", "Accepted", "good"),
        ("refused", "Failed and rolled back", "bad"),
        ("unfinished", "Unfinished", "open"),
    ],
)
def test_verdict_is_the_first_heading(request: pytest.FixtureRequest, name: str, word: str, tone: str) -> None:
    """It has a word beside its colour."""
    record: Record = request.getfixturevalue(name)

    html = render_page(record)

    assert re.search(r"<h2[^>]*>(.*?)</h2>", html).group(1) == word  # type: ignore[union-attr]  # a page has a heading
    assert f'class="verdict {tone}"' in html


@pytest.mark.parametrize(("number", "noun"), [(1, "criterion"), (2, "criteria")])
def test_numbers_of_criteria_have_their_noun(accepted: Record, number: int, noun: str) -> None:
    """The page begins and ends with them."""
    entries = [entry for entry in accepted.criteria if entry.outcome is Outcome.PASSED]
    chosen = list(dict.fromkeys(entry.criterion for entry in entries))[:number]
    record = replace(accepted, criteria=tuple(entry for entry in entries if entry.criterion in chosen))

    text = _Parsed(render_page(record)).text

    assert text.count(f"{number} {noun} passed") == 2


def test_an_interrupted_run_says_so(unfinished: Record) -> None:
    """A run that ended by a signal is neither accepted nor refused."""
    interrupted = replace(unfinished, finished="2026-11-22T12:07:00+00:00", exit_code=143, headline="Interrupted.")

    assert "Interrupted" in _Parsed(render_page(interrupted)).text


def test_page_one_answers_the_change_record(accepted: Record) -> None:
    """It has people, times, plan, backup set and rollback command. An empty field is a dash."""
    text = _Parsed(render_page(accepted)).text

    for expected in (
        "CHG-1042 : one instead of four. Requested by R. Asker, approved by —. Run by operator on db-host",
        "2026-11-22 12:06:03 UTC to 2026-11-22 12:06:09 UTC, about 6 s. The plan estimated 1 h 5 min.",
        "ab" * 32,
        "backups/db-consolidation-20261122_120603",
        "pytest -m rollback --workspace /srv/workspace",
        "Rollback last rehearsed 2026-11-21 09:00:00 UTC",
        "tasks_idx_tasks_status",
        "logs/task_queue.db.archived_20261122_120603",
        "workspace_tasks 62 rows 3c3c3c3c3c3c3c3c same same",
        "task_queue_metadata new — 5 rows 2b2b2b2b2b2b2b2b",
        "tasks 85 rows 1a1a1a1a1a1a1a1a same same same tasks: 85 rows same",
        "1 more table has no rows and is not listed.",
        "logs/task_queue.db:tasks version default none 0",
        "t-1 open",
        "No log was watched for new errors",
        "90 rows of 2 tables from 1 source database arrived in workspace.db, which was there before.",
        "400.0 KiB → 452.0 KiB",
        'get_workspace_root() / "workspace.db"',
        "sqlite 3.53.0",
    ):
        assert expected in text, expected


def test_failed_criteria_come_first_with_what_to_do(refused: Record) -> None:
    """The reader meets the failure before what was not examined, and that before what passed."""
    text = _Parsed(render_page(refused)).text
    criteria = text[text.index("Failed or not examined") :]

    failed, missing, passed = (criteria.index(id) for id in ("84 rows, 1 missing", "foreign-keys", "plan-valid"))

    assert failed < missing < passed
    assert "To do: Look at row t-17." in criteria
    assert "Every row arrived with its values" in criteria


def test_page_one_lists_unexamined_criteria_with_reason(refused: Record) -> None:
    """They stand before the contents of the page."""
    html = render_page(refused)
    first_page = _Parsed(html[: html.index('<nav class="contents"')])

    text = first_page.text
    assert "not examined 25 criteria: not run, because 50-verify failed Which rows-chosen , keys-mapped ," in text
    assert "not required rehearsed , approved Why" in text
    assert "rehearsed : the plan demands" in text
    assert "No log was watched for new errors" in text
    assert "2 criteria not required" in text
    missing = set(refused.not_shown) | records.NOT_REQUIRED.keys()
    places = {
        line.criterion: f"#{line.anchor}"
        for line in criteria_lines(refused)
        if line.anchor and line.criterion in missing
    }
    assert places.keys() == missing
    assert set(places.values()) <= set(first_page.all("href"))


def test_unexamined_criterion_has_only_reasons_of_its_outcome(accepted: Record) -> None:
    """What an examined subject of the same criterion observed is no reason."""
    read = records.passed("sources-readable", "main.db", "27 tables, 614 rows")
    locked = replace(read, subject="old.db", observed="locked by another process", outcome=Outcome.NOT_EXAMINED)

    [group] = unexamined(replace(accepted, criteria=(read, locked)))

    assert (group.reason, group.criteria) == (locked.observed, ("sources-readable",))


def test_answer_is_grey_when_nothing_was_required(accepted: Record) -> None:
    """One more criterion that passed makes it a pass."""
    logs = records.not_required("logs-clean", "the plan names no log files")
    stated = records.not_required("rows-as-stated", "the plan states no number of rows")
    record = replace(accepted, criteria=(logs, stated, records.passed("rows-counted", "target: tasks")))

    known = {answer.question: answer.outcome for answer in answers(record)}
    ticked = {step.question: step.outcome for phase in checklist(record) for step in phase.steps}

    assert known[Question.LOGS.value] is Outcome.NOT_REQUIRED
    assert known[Question.COUNTED.value] is Outcome.PASSED
    assert known[Question.EXACT.value] is None
    assert ticked[Step.QUIET.text] is Outcome.NOT_REQUIRED
    assert 'class="outcome not-required"' in render_page(record)


def test_a_criterion_says_how_many_subjects_it_examined(accepted: Record) -> None:
    """The number is that of all its evidence, and stands on its first line."""
    entries = [records.passed("backup-digest", f"{name}.db", examined=2) for name in ("a", "b")]
    record = replace(accepted, criteria=(*entries, records.not_required("logs-clean", "the plan names no log files")))

    lines = criteria_lines(record)

    assert [(line.criterion, line.examined) for line in lines] == [
        ("backup-digest", 4), ("backup-digest", 0), ("logs-clean", 0),
    ]  # fmt: skip
    assert "examined: 4" in _Parsed(render_page(record)).text


def test_stages_show_time_estimate_and_reason(refused: Record) -> None:
    """A later stage is "not run", never skipped, and names the stage that failed."""
    text = _Parsed(render_page(refused)).text
    stages = text[text.index("Of the estimate") :]

    assert "20-backup copies databases, dumps and code files into a backup set passed 0.50 s 5 min 0.2 %" in stages
    assert "60-commit commits the transaction not run 50-verify failed — — —" in stages


def test_the_users_success_criteria_are_answered_by_name(refused: Record) -> None:
    """Each question has its answer, and the ids of the criteria that gave it."""
    text = _Parsed(render_page(refused)).text
    answers = text[text.index("Question Answer Criteria") :]

    assert "All original databases backed up not examined backup-complete , backup-digest , dump-reloads" in answers
    assert "No data loss or corruption failed" in answers
    assert "Old databases archived not examined" in answers
    assert "Code updated to use workspace.db not examined" in answers
    assert "WMS CLI works not examined smoke:WMS CLI" in answers
    assert "Tests passing not required" in answers


def test_checklist_is_ticked_by_evidence(refused: Record) -> None:
    """What was done before the failure is ticked, and what failed or was not reached is not."""
    text = _Parsed(render_page(refused)).text
    checklist = text[text.index("Each step is ticked") :]

    assert "passed All original databases are backed up, and each copy equals its original" in checklist
    assert "not required The change is approved page one" in checklist
    assert "failed The target is compared with the sources before COMMIT" in checklist
    assert "not examined The transaction is committed committed (not examined)" in checklist
    places = [checklist.index(phase) for phase in ("Pre-migration", "Migration ", "Post-migration", "Final validation")]
    assert places == sorted(places)


def test_page_has_signature_lines_with_known_names(accepted: Record) -> None:
    """Run and verdict stand beside the lines, and an unknown name is left empty."""
    text = _Parsed(render_page(accepted)).text

    assert f"Run {accepted.run} , verdict: Accepted ." in text
    assert "As Name Date Signature Requested by R. Asker Approved by Run by operator Reviewed by" in text


def test_rollback_command_is_shown_when_it_can_be_needed(accepted: Record, refused: Record) -> None:
    """A run that was rolled back needs none. A run without an end may need it."""
    command = "pytest -m rollback --workspace /srv/workspace"

    assert command in _Parsed(render_page(accepted)).text
    assert command not in _Parsed(render_page(refused)).text
    assert command in _Parsed(render_page(replace(refused, finished=""))).text


def test_withheld_output_is_only_counted(accepted: Record) -> None:
    """Output may hold values of rows. The page has it only if the record has."""
    withheld = tuple(replace(application, stdout="") for application in accepted.smoke)

    text = _Parsed(render_page(replace(accepted, smoke=withheld))).text

    assert "exit status 0, after 0.25 s." in text
    assert "Output: 2 lines, withheld because output may have values of rows" in text
    assert "t-1 open" not in text


def test_every_earlier_run_is_listed_newest_first(accepted: Record) -> None:
    """The runs that failed or were cut short are part of the record of those that did not."""
    tried = Attempt("20261120_080000-migrate", Mode.MIGRATE, "refused", "Refused.", 1, "2026-11-20T08:00:00+00:00", "")
    later = replace(tried, run="20261121_080000-rehearsal", mode=Mode.REHEARSAL, cut_short="there is no end of it")

    text = _Parsed(render_page(replace(accepted, attempts=(tried, later)))).text
    earlier = text[text.index("Run Verdict Started Finished Result") :]

    assert earlier.index("20261121_080000-rehearsal") < earlier.index("20261120_080000-migrate")
    assert "there is no end of it" in earlier


def test_headings_descend_by_levels_and_tables_have_headers(any_record: Record) -> None:
    """A screen reader depends on both."""
    html = render_page(any_record)

    levels = [int(level) for level in re.findall(r"<h([1-6])", html)]
    assert levels[0] == 2
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(re.findall("<th ", html)) == len(re.findall('<th scope="(?:col|row)"', html))
    assert html.count("<table") == html.count("<caption")


def test_a_long_text_is_shortened_and_says_so(accepted: Record) -> None:
    """A page stays small whatever a command has printed."""
    long = records.failed("smoke:WMS CLI", "command", "x", "y" * 100_000)

    html = render_page(replace(accepted, criteria=(long,)))

    assert "99400 more characters: see evidence.json" in html
    assert len(html) < 50_000


def test_page_of_a_thousand_tables_stays_small() -> None:
    """It is less than 2 MB, with the last of five thousand lines of output."""
    page = render_page(records.large())

    assert len(page.encode()) < 1_900_000  # pytest-html writes less than 100 kB around it
    assert "line 4999" in page


def test_hundreds_of_criteria_are_folded_by_stage(accepted: Record) -> None:
    """Stages with few criteria stay open."""
    many = tuple(records.passed("rows-exact", f"table {n}", "1") for n in range(300))

    html = render_page(replace(accepted, criteria=(*accepted.criteria, *many)))

    assert re.search(r'<details class="of-stage">\s*<summary><code>50-verify</code>: \d+ lines, all passed', html)
    assert re.search(r'<details class="of-stage" open>\s*<summary><code>20-backup</code>: 2 lines, all passed', html)


@pytest.mark.parametrize(("read", "shown"), [(1_048_576, True), (None, False)])
def test_stages_have_bytes_where_they_were_counted(accepted: Record, read: int | None, shown: bool) -> None:
    """Not every system counts them."""
    first, *others = accepted.stages
    record = replace(accepted, stages=(replace(first, read=read, written=read), *others))

    text = _Parsed(render_page(record)).text

    assert ("Read Written" in text) is shown
    assert ("1.0 MiB 1.0 MiB" in text) is shown


def test_table_of_moves_shows_keys_and_what_stays(accepted: Record) -> None:
    """A reader sees where the rows of each table went."""
    first, second = accepted.moves
    moves = (replace(first, arrived=80, left=3, skipped=2, replaced=1, method="records"), replace(second, replaced=4))
    record = replace(accepted, moves=moves, key_maps=(KeyMapRecord("task_queue", "tasks", 1100, 4),))

    text = _Parsed(render_page(record)).text

    assert "80 3 left behind, 2 skipped, replaces 1 of the target key + 1,100, 4 matched whole records" in text
    assert re.search(r"\d replaces 4 of the target ", text)


def test_schema_is_shown_as_a_diff_without_unchanged_objects(accepted: Record) -> None:
    """A trigger that was dropped for the copy is there again."""
    again, new = (
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE TRIGGER b AFTER INSERT ON t BEGIN SELECT 2; END",
    )
    sql = ("BEGIN EXCLUSIVE", 'DROP TRIGGER "a"', "CREATE TABLE u(x)", "INSERT INTO u SELECT 1", again, new, "COMMIT")

    assert schema_diff(sql, "workspace.db").splitlines()[2:] == ["@@ -0,0 +1,2 @@", "+CREATE TABLE u(x);", f"+{new};"]
    assert 'id="schema"' in render_page(replace(accepted, sql=sql))
    assert 'id="schema"' not in render_page(replace(accepted, sql=sql, verdict="refused"))
