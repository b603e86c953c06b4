"""Specify that a plan is loaded completely, or refused with every mistake, line and hint."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from sqlite_consolidate.plan import model as models
from sqlite_consolidate.plan.loader import load, sha256
from sqlite_consolidate.plan.model import Part
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.problem import Problem

FULL = Path(__file__).with_name("full.toml").read_text(encoding="utf-8")  # every key, with a value of its own

SMALL = """\
format = 1
name = "small"
target = "workspace.db"

[[source]]
name = "queue"
file = "queue.db"

[[source.table]]
name = "tasks"
"""
TAIL = SMALL[SMALL.index("[[source]]") :]


def written(folder: Path, text: str) -> Path:
    """Write a plan file as its author would."""
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(path: Path) -> tuple[Problem, ...]:
    """Return the problems of a plan that must be refused."""
    with pytest.raises(ProblemError) as refusal:
        load(path)
    return refusal.value.problems


def test_full_plan_loads_with_every_value(tmp_path: Path) -> None:
    """Parts of every kind are loaded, durations as seconds, sources in order of transfer."""
    plan = load(written(tmp_path, FULL))

    first, second = plan.sources
    assert [source.name for source in plan.in_order] == ["orchestration", "task_queue"]
    assert (first.estimate, second.estimate, plan.estimates.schema_, plan.smoke[0].timeout) == (900, None, 120, 90)
    assert [(table.name, table.into) for table in first.tables] == [("tasks", "queue_tasks"), ("history", "history")]
    assert first.leave[0].tables == ("agent_*",)
    assert plan.references[0].import_.startswith("from meridian_core")
    assert plan.change.id == "CHG-1042"
    assert (plan.record_copy, load(written(tmp_path, SMALL)).record_copy) == (False, True)


def test_full_plan_has_every_key_without_default_values(tmp_path: Path) -> None:
    """A new key of a model gets an example in the file that is not its default."""
    plan = load(written(tmp_path, FULL))

    stated = {(type(part), name) for part in parts_of(plan) for name in part.model_fields_set if differs(part, name)}

    keys = {(type(part), name) for part in parts_of(plan) for name in type(part).model_fields}
    assert {model for model, _ in keys} == {model for model in vars(models).values() if is_part(model)}
    assert keys - stated == set()


def parts_of(part: Part) -> Iterator[Part]:
    """Yield a part of a plan, and the parts in it."""
    yield part
    for value in dict(part).values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Part):
                yield from parts_of(inner)


def differs(part: Part, name: str) -> bool:
    """Return whether a key has another value than the default of its model."""
    return bool(getattr(part, name) != type(part).model_fields[name].get_default(call_default_factory=True))


def is_part(model: object) -> bool:
    """Return whether a name of the models' module is a kind of part."""
    return isinstance(model, type) and issubclass(model, Part) and model is not Part


def test_loaded_plan_is_frozen(tmp_path: Path) -> None:
    """No code can change an approved plan during the run."""
    plan = load(written(tmp_path, FULL))

    with pytest.raises(ValidationError, match="frozen"):
        plan.target = "elsewhere.db"  # type: ignore[misc]  # the type checker sees it too, which is the point


def test_byte_order_mark_and_windows_line_ends_are_valid(tmp_path: Path) -> None:
    """Editors on Windows write both, and lines are counted correctly."""
    path = tmp_path / "plan.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load(path).name == "small"

    path.write_bytes(path.read_bytes().replace(b'"tasks"', b"7"))
    assert problems_of(path)[0].subject == "plan.toml:10 (source 1, table 1, name)"


# What is replaced in SMALL, by what, the line of the mistake, and words its message must contain.
BROKEN = [
    ("format = 1", "format = 2", 1, ['"format"', "Write 1"]),
    ("format = 1\n", "", None, ['"format" is missing', "at the top of the file"]),
    ('name = "small"', 'name = "my plan"', 2, ["my plan", "file", "letter"]),
    ('name = "small"', f'name = "{"x" * 81}"', 2, ["too long", "80"]),
    ('name = "small"', "name = 1979-05-27", 2, ["needs text", "date", "quotes"]),
    ('target = "workspace.db"', 'target = "/var/workspace.db"', 3, ["absolute", "outside"]),
    ('target = "workspace.db"', 'target = "a/../../b.db"', 3, ["outside", "inside the workspace"]),
    ('target = "workspace.db"', 'target = "a\\u0000b"', 3, ["NUL"]),
    ('target = "workspace.db"', 'target = ""', 3, ["empty"]),
    ('target = "workspace.db"', 'taget = "workspace.db"', 3, ['"taget"', 'Did you mean "target"?']),
    ("[[source]]", "dump = 'yes'\n[[source]]", 5, ["true or false"]),
    ("[[source]]", "record_copy = 0\n[[source]]", 5, ["true or false", "the number 0"]),
    ("[[source]]", "records_copy = false\n[[source]]", 5, ['"records_copy"', 'Did you mean "record_copy"?']),
    ("[[source]]", "[[sources]]", 5, ['"sources"', 'Did you mean "source"?']),
    ("[[source]]", "[[change]]\n[[source]]", 5, ["[change]", "single brackets"]),
    ("[[source]]", "zzz = 1\n[[source]]", 5, ['"zzz"', "one of these", '"target"', '"reference"']),
    (TAIL, "source = 3", 5, ["[[source]]", "double brackets"]),
    (TAIL, "source = []", 5, ["no database is to be moved", "[[source]]"]),
    ("[[source.table]]", "[source.table]", 9, ["[[source.table]]", "double brackets"]),
    ('file = "queue.db"', "", 5, ['"file" is missing in [[source]]', "file = ..."]),
    ('file = "queue.db"', 'file = "queue.db"\nestimate = "soon"', 8, ["soon", "30s", "1h30m"]),
    ('file = "queue.db"', 'file = "queue.db"\nestimate = true', 8, ["duration", "true"]),
    ('file = "queue.db"', 'file = "queue.db"\nestimate = -1', 8, ["-1", "at least 0"]),
    ('file = "queue.db"', 'file = "queue.db"\npriority = 1.5', 8, ["whole number", "1.5"]),
    ('name = "tasks"', 'name = "tasks"\nrows = "85"', 11, ["whole number", '"85"', "without quotes"]),
    ('name = "tasks"', f'name = "tasks"\ncolumns.a = 0x1{"0" * 5000}', 11, ["needs text", "a very large number"]),
    ('name = "tasks"', 'name = "tasks"\ncolumns = ["a"]', 11, ["pairs", "a list", "braces"]),
    ('name = "tasks"', 'name = "tasks"\non_conflict = "ignore"', 11, ['"ignore"', '"refuse"', '"prefer-target"']),
    ('name = "tasks"', 'name = "tasks"\non_conflct = "refuse"', 11, ["[[source.table]]", '"on_conflict"?']),
    ('name = "tasks"', 'name = "tasks"\ninot = "x"', 11, ['Did you mean "into"?']),
    ('name = "tasks"', 'name = "tasks"\ntarget_name = "x"', 11, ['"target_name" is not a key', '"into"']),
    ("[[source.table]]", '[[source.leave]]\ntables = "x"\nreason = "y"\n[[source.table]]', 10, ["a list", "brackets"]),
    ("[[source.table]]", '[[source.leave]]\ntables = ["x",\n3]\nreason = "y"\n[[source.table]]', 11, ["needs text"]),
    ("[[source]]", '[[smoke]]\nname = "x"\n[[source]]', 5, ['"python" or "run"', "not both"]),
    ("[[source]]", '[[smoke]]\nname = "x"\nrun = "ls"\n[[source]]', 7, ["a list", '"ls"']),
    ("[[source]]", '[logs]\nerrors = "a("\n[[source]]', 6, ["regular expression", "a(", "backslash"]),
    ("[[source]]", '[[reference]]\nfile = "a"\nfind = "b"\nreplace = "c"\nimprt = "d"\n[[source]]', 9, ['"import"?']),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN, ids=[new[:40] or "missing" for _, new, *_ in BROKEN])
def test_mistake_is_named_with_line_and_hint(
    tmp_path: Path, old: str, new: str, line: int | None, words: list[str]
) -> None:
    """The first problem names line and fact in the words of the plan."""
    assert old in SMALL

    problem = problems_of(written(tmp_path, SMALL.replace(old, new, 1)))[0]

    assert problem.criterion == "plan-valid"
    assert problem.subject.startswith(f"plan.toml:{line} (" if line else "plan.toml (")
    assert [word for word in words if word not in str(problem)] == []
    assert problem.hint
    assert not re.search("Input should|pydantic|https?:|Value error|valid dictionary", str(problem))


def test_mistakes_are_reported_together_in_file_order(tmp_path: Path) -> None:
    """One run reports wrong values, unknown keys and contradictions together."""
    text = SMALL.replace("format = 1", 'format = "1"').replace('"queue.db"', '"./workspace.db"')
    text += "rows = -1\nplace = 3\n[[source]]\nname = 'queue'\nfile = '../x.db'\n"

    problems = problems_of(written(tmp_path, text))

    assert [problem.subject.removeprefix("plan.toml:") for problem in problems] == [
        "1 (format)",
        "7 (source 1, file)",
        "11 (source 1, table 1, rows)",
        "12 (source 1, table 1, place)",
        "13 (source 2)",
        "14 (source 2, name)",
        "15 (source 2, file)",
    ]


def test_misspelt_required_key_is_one_mistake(tmp_path: Path) -> None:
    """The missing key is not reported a second time."""
    problems = problems_of(written(tmp_path, SMALL.replace("target =", "tarqet =")))

    assert [problem.what for problem in problems] == ['"tarqet" is not a key of a plan.']


def test_empty_file_gets_the_required_keys_as_problems(tmp_path: Path) -> None:
    """The problems name all four keys that a plan must have."""
    refusal = "\n".join(map(str, problems_of(written(tmp_path, ""))))

    assert [word for word in ("format", "name", "target", "[[source]]") if word not in refusal] == []


@pytest.mark.parametrize(
    ("text", "subject", "words"),
    [
        ('name = "a\n', "plan.toml:1", "not valid TOML"),
        ("name = 1\nname = 2\n", "plan.toml:2", "Cannot overwrite a value"),
        ("a = 1\nb = [\n", "plan.toml:3", "not valid TOML"),
        ("a = 1\n[[source\n", "plan.toml:2", "]]"),
        (f"a = {'[' * 5000}", "plan.toml", "nested too deep"),
        (f"a = {'1' * 5000}", "plan.toml", "thousands of digits"),
    ],
)
def test_invalid_toml_is_refused_with_its_line(tmp_path: Path, text: str, subject: str, words: str) -> None:
    """The message of the TOML parser has the line of the mistake."""
    (problem,) = problems_of(written(tmp_path, text))

    assert problem.subject == subject
    assert words in problem.what


def test_text_that_is_not_utf8_is_refused_with_line(tmp_path: Path) -> None:
    """The message names a file in another encoding as such."""
    path = tmp_path / "plan.toml"
    path.write_bytes('format = 1\nname = "Bücher"\n'.encode("latin-1"))

    (problem,) = problems_of(path)

    assert problem.subject == "plan.toml:2"
    assert "0xfc is not UTF-8" in problem.what


def test_missing_plan_says_how_to_get_one(tmp_path: Path) -> None:
    """The hint is to create a plan, or to name the right file."""
    (problem,) = problems_of(tmp_path / "absent.toml")

    assert problem.subject == str(tmp_path / "absent.toml")
    assert "pytest -m inventory" in problem.hint
    assert "--plan" in problem.hint


@pytest.mark.parametrize("kind", ["folder", "pipe", "behind a file", "circle of links", "name too long", "too large"])
def test_path_that_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """There is no traceback, and a pipe without a writer is not read."""
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "behind a file":
        path.touch()
        path /= "plan.toml"
    elif kind == "circle of links":
        path.symlink_to(path)
    elif kind == "name too long":
        path = tmp_path / ("x" * 300)
    else:
        with path.open("wb") as file:
            file.truncate(5 * 1024 * 1024)

    (problem,) = problems_of(path)

    assert problem.subject == str(path)
    assert "--plan" in problem.hint


def test_plan_text_cannot_control_terminal_or_forge_a_line(tmp_path: Path) -> None:
    """Control characters and newlines of keys and values are escaped."""
    text = 'name = "\\u001b[2J\\nplan.toml: all is well"\n"\\u009b\\nk" = 1\n' + SMALL.replace('name = "small"\n', "")

    problems = problems_of(written(tmp_path, text))

    assert len(problems) == 2
    assert all("\x1b" not in str(problem) and "\x9b" not in str(problem) for problem in problems)
    assert all("\n" not in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("written_as", "seconds"),
    [
        ('"30s"', 30), ('"15m"', 900), ('"1h30m"', 5400), ('"1h2m3s"', 3723), ('"1.5m"', 90), ('" 5s "', 5),
        ('"0s"', 0), ("45", 45), ("0.5", 0.5),
        ('""', None), ('"15"', None), ('"m"', None), ('"15 minutes"', None), ('"5s1m"', None), ('"-5s"', None),
        ("-1", None), ("true", None), ("nan", None), ("07:32:00", None),
    ],
)  # fmt: skip  # pairs, several a line
def test_durations_are_read_as_seconds(tmp_path: Path, written_as: str, seconds: float | None) -> None:
    """A duration has hours, minutes and seconds in this order, or is a number of seconds.

    Anything else is refused.
    """
    path = written(tmp_path, SMALL.replace('file = "queue.db"', f'file = "queue.db"\nestimate = {written_as}'))

    if seconds is None:
        assert problems_of(path)[0].subject == "plan.toml:8 (source 1, estimate)"
    else:
        assert load(path).sources[0].estimate == seconds


def test_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    """An auditor computes the same digest with sha256sum."""
    path = written(tmp_path, FULL)

    assert sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(FULL + "\n")
    assert sha256(path) != hashlib.sha256(FULL.encode()).hexdigest()
