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
from sqlite_consolidate.plan.parts import programs
from sqlite_consolidate.plan.values import Part
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
    assert {model for model, _ in keys} == {
        model for module in (models, programs) for model in vars(module).values() if is_part(model)
    }
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


# The id of the problem, what is replaced in SMALL, by what, the line of the mistake, and names in its message.
BROKEN: dict[str, list[tuple[str, str, int | None, list[str]]]] = {
    "bad-value": [
        ("format = 1", "format = 2", 1, ['"format"', "1"]),
        ('name = "small"', 'name = "my plan"', 2, ["my plan", "file", "letter"]),
        ('name = "small"', f'name = "{"x" * 81}"', 2, ["80"]),
        ('target = "workspace.db"', 'target = "/var/workspace.db"', 3, ["absolute", "outside"]),
        ('target = "workspace.db"', 'target = "a/../../b.db"', 3, ["outside"]),
        ('target = "workspace.db"', 'target = "a\\u0000b"', 3, ["NUL"]),
        ('target = "workspace.db"', 'target = ""', 3, ["empty"]),
        (TAIL, "source = []", 5, ["[[source]]"]),
        ('file = "queue.db"', 'file = "queue.db"\nestimate = "soon"', 8, ["soon", "30s", "1h30m"]),
        ('file = "queue.db"', 'file = "queue.db"\nestimate = -1', 8, ["-1", "0"]),
        ('name = "tasks"', 'name = "tasks"\non_conflict = "ignore"', 11, ['"ignore"', '"refuse"', '"prefer-target"']),
        ("[[source]]", '[[smoke]]\nname = "x"\n[[source]]', 5, ['"python"', '"run"']),
        ("[[source]]", '[logs]\nerrors = "a("\n[[source]]', 6, ["a(", "backslash"]),
    ],
    "missing-key": [
        ("format = 1\n", "", None, ['"format"']),
        ('file = "queue.db"', "", 5, ['"file"', "[[source]]", "file ="]),
    ],
    "wrong-type": [
        ('name = "small"', "name = 1979-05-27", 2, ["date", "quotes"]),
        ("[[source]]", "dump = 'yes'\n[[source]]", 5, ['"dump"']),
        ("[[source]]", "record_copy = 0\n[[source]]", 5, ['"record_copy"', "0"]),
        ('file = "queue.db"', 'file = "queue.db"\nestimate = true', 8, ["duration", "true"]),
        ('file = "queue.db"', 'file = "queue.db"\npriority = 1.5', 8, ["number", "1.5"]),
        ('name = "tasks"', 'name = "tasks"\nrows = "85"', 11, ["number", '"85"']),
        ('name = "tasks"', f'name = "tasks"\ncolumns.a = 0x1{"0" * 5000}', 11, ["large"]),
        ('name = "tasks"', 'name = "tasks"\ncolumns = ["a"]', 11, ["pairs", "list", "braces"]),
        (
            "[[source.table]]",
            '[[source.leave]]\ntables = "x"\nreason = "y"\n[[source.table]]',
            10,
            ["list", "brackets"],
        ),
        (
            "[[source.table]]",
            '[[source.leave]]\ntables = ["x",\n3]\nreason = "y"\n[[source.table]]',
            11,
            ["number 3"],
        ),
        ("[[source]]", '[[smoke]]\nname = "x"\nrun = "ls"\n[[source]]', 7, ["list", '"ls"']),
    ],
    "unknown-key": [
        ('target = "workspace.db"', 'taget = "workspace.db"', 3, ['"taget"', '"target"']),
        ("[[source]]", "records_copy = false\n[[source]]", 5, ['"records_copy"', '"record_copy"']),
        ("[[source]]", "[[sources]]", 5, ['"sources"', '"source"']),
        ("[[source]]", "zzz = 1\n[[source]]", 5, ['"zzz"', '"target"', '"reference"']),
        ('name = "tasks"', 'name = "tasks"\non_conflct = "refuse"', 11, ["[[source.table]]", '"on_conflict"?']),
        ('name = "tasks"', 'name = "tasks"\ninot = "x"', 11, ['"into"']),
        ('name = "tasks"', 'name = "tasks"\ntarget_name = "x"', 11, ['"target_name"', '"into"']),
        (
            "[[source]]",
            '[[reference]]\nfile = "a"\nfind = "b"\nreplace = "c"\nimprt = "d"\n[[source]]',
            9,
            ['"import"?'],
        ),
    ],
    "wrong-brackets": [
        ("[[source]]", "[[change]]\n[[source]]", 5, ["[change]"]),
        (TAIL, "source = 3", 5, ["[[source]]"]),
        ("[[source.table]]", "[source.table]", 9, ["[[source.table]]"]),
    ],
}


@pytest.mark.parametrize(
    ("id", "old", "new", "line", "names"),
    [
        pytest.param(id, *mistake, id=f"{id}: {mistake[1][:40] or 'missing'}")
        for id, mistakes in BROKEN.items()
        for mistake in mistakes
    ],
)
def test_mistake_is_named_with_line_and_hint(
    tmp_path: Path, id: str, old: str, new: str, line: int | None, names: list[str]
) -> None:
    """The first problem names line and fact in the words of the plan."""
    assert old in SMALL

    problem = problems_of(written(tmp_path, SMALL.replace(old, new, 1)))[0]

    assert (problem.id, problem.criterion) == (id, "plan-valid")
    assert problem.subject.startswith(f"plan.toml:{line} (" if line else "plan.toml (")
    assert [name for name in names if name not in str(problem)] == []
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

    assert [problem.id for problem in problems] == ["unknown-key"]
    assert '"tarqet"' in problems[0].what


def test_key_of_another_tool_is_named_by_its_meaning(tmp_path: Path) -> None:
    """The letters of ``run`` are not like those of ``command``."""
    plan = SMALL + '\n[[smoke]]\nname = "n"\ncommand = ["app"]\n'

    problems = problems_of(written(tmp_path, plan))

    assert ['"run"' in problem.hint for problem in problems if problem.id == "unknown-key"] == [True]


def test_empty_file_gets_the_required_keys_as_problems(tmp_path: Path) -> None:
    """The problems name all four keys that a plan must have."""
    refusal = "\n".join(map(str, problems_of(written(tmp_path, ""))))

    assert [word for word in ("format", "name", "target", "[[source]]") if word not in refusal] == []


@pytest.mark.parametrize(
    ("text", "subject", "id"),
    [
        ('name = "a\n', "plan.toml:1", "not-toml"),
        ("name = 1\nname = 2\n", "plan.toml:2", "not-toml"),
        ("a = 1\nb = [\n", "plan.toml:3", "not-toml"),
        ("a = 1\n[[source\n", "plan.toml:2", "not-toml"),
        (f"a = {'[' * 5000}", "plan.toml", "nested-too-deep"),
        (f"a = {'1' * 5000}", "plan.toml", "not-toml"),
    ],
)
def test_invalid_toml_is_refused_with_its_line(tmp_path: Path, text: str, subject: str, id: str) -> None:
    """The message of the TOML parser has the line of the mistake."""
    (problem,) = problems_of(written(tmp_path, text))

    assert (problem.id, problem.subject) == (id, subject)


def test_text_that_is_not_utf8_is_refused_with_line(tmp_path: Path) -> None:
    """The message names a file in another encoding as such."""
    path = tmp_path / "plan.toml"
    path.write_bytes('format = 1\nname = "Bücher"\n'.encode("latin-1"))

    (problem,) = problems_of(path)

    assert (problem.id, problem.subject) == ("not-utf-8", "plan.toml:2")
    assert "0xfc" in problem.what


def test_missing_plan_says_how_to_get_one(tmp_path: Path) -> None:
    """The hint is to create a plan, or to name the right file."""
    (problem,) = problems_of(tmp_path / "absent.toml")

    assert problem.subject == str(tmp_path / "absent.toml")
    assert "inventory" in problem.hint
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
