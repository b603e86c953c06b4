"""Hold the sentences about mistakes in a plan file."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.consistency import find_mistakes
from sqlite_consolidate.plan.ddl import validate_create
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 'format = 1\nname = "small"\ntarget = "workspace.db"\n'
SOURCE = '[[source]]\nname = "queue"\nfile = "queue.db"\n'
TABLE = '[[source.table]]\nname = "tasks"\n'
LEAVE = "[[source.leave]]\n"
SMOKE = '[[smoke]]\nname = "cli"\nrun = ["true"]\n'
REQUIRED = '[[table]]\nname = "d"\ncreate = "CREATE TABLE d (a)"\n'
REFERENCE = '[[reference]]\nfile = "a.py"\nfind = "f()"\nreplace = "x"\n'


def _sentences(path: Path) -> list[str]:
    with pytest.raises(ProblemError) as refused:
        load(path)
    return [str(problem).replace(str(path), path.name) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            HEAD.replace("format = 1", "format = 2") + SOURCE + TABLE,
            'plan.toml:1 (format): "format" cannot be the number 2. Write 1. [bad-value]',
        ),
        (
            HEAD.replace("format = 1\n", "") + SOURCE + TABLE,
            (
                'plan.toml (format): "format" is missing in a plan. Add format = ... at the top of the file,'
                " before the first [part]. [missing-key]"
            ),
        ),
        (
            HEAD.replace("small", "my plan") + SOURCE + TABLE,
            (
                'plan.toml:2 (name): the text "my plan" cannot be used in the name of a file. Begin with a letter'
                ' or a digit (A-Z, a-z, 0-9). After it ".", "_" and "-" are allowed as well. [bad-value]'
            ),
        ),
        (
            HEAD.replace("small", "x" * 81) + SOURCE + TABLE,
            (
                "plan.toml:2 (name): the text"
                ' "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..." is too long.'
                " Write at most 80 characters. [bad-value]"
            ),
        ),
        (
            HEAD.replace('"small"', "1979-05-27") + SOURCE + TABLE,
            'plan.toml:2 (name): "name" needs text, not a date or time. Write it in quotes. [wrong-type]',
        ),
        (
            HEAD.replace("workspace", "/var/workspace") + SOURCE + TABLE,
            (
                'plan.toml:3 (target): "/var/workspace.db": an absolute path is outside the workspace. Write a'
                " path inside the workspace, relative to it. [bad-value]"
            ),
        ),
        (
            HEAD.replace("workspace", "a/../../b") + SOURCE + TABLE,
            (
                'plan.toml:3 (target): "a/../../b.db": the path leads outside the workspace (".." goes above it).'
                " Write a path inside the workspace, relative to it. [bad-value]"
            ),
        ),
        (
            HEAD.replace("workspace", "a\\u0000") + SOURCE + TABLE,
            'plan.toml:3 (target): "a\\x00.db": a path cannot contain a NUL character. Correct it. [bad-value]',
        ),
        (
            HEAD.replace("workspace.db", "") + SOURCE + TABLE,
            'plan.toml:3 (target): "target" is empty. Write at least one character. [bad-value]',
        ),
        (
            HEAD + "dumps = true\n" + SOURCE + TABLE,
            'plan.toml:4 (dumps): "dumps" is not a key of a plan. Did you mean "dump"? [unknown-key]',
        ),
        (
            HEAD + "dump = 'yes'\n" + SOURCE + TABLE,
            (
                'plan.toml:4 (dump): "dump" needs true or false, not the text "yes". Write true or false, small'
                " and without quotes. [wrong-type]"
            ),
        ),
        (
            HEAD + "[[change]]\n" + SOURCE + TABLE,
            (
                'plan.toml:4 (change): "change" is not written as one part. Write [change], with single brackets,'
                " on a line of its own, and its keys below. [wrong-brackets]"
            ),
        ),
        (
            HEAD + "source = 3\n",
            (
                'plan.toml:4 (source): "source" is not written as a list of parts. Write [[source]], with double'
                " brackets, on a line of its own, and its keys below. [wrong-brackets]"
            ),
        ),
        (
            HEAD + "source = []\n",
            (
                "plan.toml:4 (source): no database is to be moved. Add a [[source]] for each database to move"
                " from. [bad-value]"
            ),
        ),
        (
            HEAD + SOURCE.replace('file = "queue.db"\n', "") + TABLE,
            (
                'plan.toml:4 (source 1, file): "file" is missing in [[source]]. Add file = ... below [[source]].'
                " [missing-key]"
            ),
        ),
        (
            HEAD + SOURCE + 'estimate = "soon"\n' + TABLE,
            (
                'plan.toml:7 (source 1, estimate): "soon": a duration is written like "30s", "15m" or "1h30m".'
                ' Write hours, minutes and seconds in this order, such as "1h30m", or a number of seconds.'
                " [bad-value]"
            ),
        ),
        (
            HEAD + SOURCE + "estimate = true\n" + TABLE,
            (
                'plan.toml:7 (source 1, estimate): "estimate" needs a duration, not true. Write it like "30s",'
                ' "15m" or "1h30m", or as a number of seconds. [wrong-type]'
            ),
        ),
        (
            HEAD + SOURCE + "estimate = -1\n" + TABLE,
            (
                'plan.toml:7 (source 1, estimate): "estimate" cannot be the number -1. Write a number that is at'
                " least 0.0. [bad-value]"
            ),
        ),
        (
            HEAD + SOURCE + TABLE + 'rows = "85"\n',
            (
                'plan.toml:9 (source 1, table 1, rows): "rows" needs a whole number, not the text "85". Write'
                " digits only, without quotes. [wrong-type]"
            ),
        ),
        (
            HEAD + SOURCE + TABLE + f"columns.a = 0x1{'0' * 5000}\n",
            (
                'plan.toml:9 (source 1, table 1, columns, a): "a" needs text, not a very large number. Write it'
                " in quotes. [wrong-type]"
            ),
        ),
        (
            HEAD + SOURCE + TABLE + 'columns = ["a"]\n',
            (
                'plan.toml:9 (source 1, table 1, columns): "columns" needs pairs, not a list. Write them in'
                ' braces: { old = "new" }. [wrong-type]'
            ),
        ),
        (
            HEAD + SOURCE + TABLE + 'on_conflict = "ignore"\n',
            (
                'plan.toml:9 (source 1, table 1, on_conflict): "on_conflict" cannot be the text "ignore". Write'
                ' "refuse", "skip-identical", "prefer-target", "prefer-source" or "prefer-newer". [bad-value]'
            ),
        ),
        (
            HEAD + SOURCE + TABLE + 'inot = "x"\n',
            (
                'plan.toml:9 (source 1, table 1, inot): "inot" is not a key of [[source.table]]. Did you mean "into"?'
                " [unknown-key]"
            ),
        ),
        (
            HEAD + SOURCE + LEAVE + 'tables = "x"\nreason = "y"\n',
            (
                'plan.toml:8 (source 1, leave 1, tables): "tables" needs a list, not the text "x". Write it in'
                ' square brackets: ["...", "..."]. [wrong-type]'
            ),
        ),
        (
            HEAD + SOURCE + TABLE + '[[smoke]]\nname = "x"\n',
            (
                'plan.toml:9 (smoke 1): a smoke test needs either "python" or "run", and not both. Keep one of'
                ' the two: "python" for source text, "run" for a command. [bad-value]'
            ),
        ),
        (
            HEAD + SOURCE + TABLE + '[logs]\nerrors = "a("\n',
            (
                'plan.toml:10 (logs, errors): "a(": not a regular expression: missing ), unterminated subpattern'
                " at position 1. Correct the pattern. A literal bracket, dot or star needs a backslash."
                " [bad-value]"
            ),
        ),
    ],
)
def test_mistake_has_these_sentences(tmp_path: Path, text: str, sentence: str) -> None:
    """The hint has what the author of the plan has to write."""
    path = tmp_path / "plan.toml"
    path.write_text(text, "utf-8")

    assert _sentences(path) == [sentence]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b'name = "a\n',
            (
                "plan.toml:1: not valid TOML at column 10: Illegal character '\\n'. Correct this line. A quote or"
                " bracket before it may not be closed. [not-toml]"
            ),
        ),
        (
            b"a = " + b"[" * 5000,
            "plan.toml: brackets are nested too deep. Use at most three levels in a plan. [nested-too-deep]",
        ),
        (b"a = " + b"1" * 5000, "plan.toml: a number has thousands of digits. Correct it. [not-toml]"),
        (
            b'name = "B\xfccher"\n',
            "plan.toml:1: the byte 0xfc is not UTF-8. Save the file in UTF-8, as TOML demands. [not-utf-8]",
        ),
        (
            None,
            (
                'plan.toml: there is no plan file of this name. Run the verb "inventory" to create one, or name'
                " another with --plan FILE. [no-plan-file]"
            ),
        ),
    ],
    ids=["TOML", "nested", "digits", "encoding", "missing"],
)
def test_file_that_is_no_plan_has_these_sentences(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    """A better sentence changes one line here."""
    path = tmp_path / "plan.toml"
    if content is not None:
        path.write_bytes(content)

    assert _sentences(path) == [sentence]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            SOURCE + TABLE + SOURCE.replace("queue.db", "b.db") + TABLE,
            '"queue" is the name of source 1 already. Give it another name. [name-twice]',
        ),
        (
            SOURCE + TABLE + SOURCE.replace('"queue"', '"b"') + TABLE,
            (
                '"queue.db" is the same file as that of source 1. Put the tables of both under one [[source]].'
                " [file-twice]"
            ),
        ),
        (
            SOURCE.replace("queue.db", "./workspace.db") + TABLE,
            (
                '"./workspace.db" is the same file as the target "workspace.db". Correct one of the two paths,'
                " because a database cannot be moved into itself. [source-is-target]"
            ),
        ),
        (
            SOURCE + TABLE + TABLE,
            '"tasks" is mapped by table 1 of this source already. Keep one of the two. [table-twice]',
        ),
        (
            SOURCE + TABLE + LEAVE + 'tables = ["t?sks"]\nreason = "r"\n',
            (
                '"t?sks" leaves "tasks" behind, but a [[source.table]] moves it. Make the pattern narrower, or'
                " remove the [[source.table]]. [moved-and-left]"
            ),
        ),
        (
            SOURCE + TABLE + LEAVE + 'views = []\nreason = "r"\n',
            (
                "this entry names no object to leave behind. Name at least one of tables, views, triggers,"
                " indexes, files, as a list of patterns. [leaves-nothing]"
            ),
        ),
        (
            SOURCE,
            (
                "this source moves nothing and leaves nothing. Add a [[source.table]] for each table to move, or"
                " a [[source.leave]] with the reason. [idle-source]"
            ),
        ),
        (
            SOURCE + TABLE + 'columns = { a = "x", c = "X" }\n',
            (
                '"c" and "a" both become "X". Give each column its own name. SQLite ignores the case of names.'
                " [two-columns-in-one]"
            ),
        ),
        (
            SOURCE + TABLE + 'columns = { a = "A" }\n',
            '"a" keeps its name: this rename does nothing. Remove it, because columns go by name. [no-effect]',
        ),
        (SMOKE + SMOKE, '"cli" is the name of smoke 1 already. Give it another name. [name-twice]'),
        (REQUIRED + REQUIRED, '"d" is required by table 1 already. Remove one of the two. [name-twice]'),
        (
            REFERENCE + REFERENCE,
            '"f()" in "a.py" is replaced by reference 1 already. Remove one of the two. [reference-twice]',
        ),
        (
            'backups = "."\n',
            (
                "the backups folder is the workspace itself. Name a folder inside the workspace, such as"
                ' "backups". [backups-place]'
            ),
        ),
        (
            'backups = "a"\ntarget = "a/w.db"\n',
            (
                'the target "a/w.db" is inside the backups folder "a". Keep the live database outside the'
                ' backups: change this path, or "backups". [backups-place]'
            ),
        ),
        (
            REQUIRED.replace('"d"', '"e"'),
            (
                'the SQL creates "d", but the table is "e". Write one CREATE TABLE for "e", and its indexes and'
                " triggers if it has any. [bad-create]"
            ),
        ),
        (
            REQUIRED + SOURCE + TABLE + 'into = "d"\ncreate = "CREATE TABLE d (b)"\n',
            (
                '"d" is created by another text in table 1 already. Write the same text in both places, or give'
                " one of the tables another name with into. [created-twice]"
            ),
        ),
    ],
)
def test_contradiction_has_these_sentences(text: str, sentence: str) -> None:
    """The mistake names both parts."""
    head = "" if "target" in text else 'target = "workspace.db"\n'

    assert [f"{mistake.what} {mistake.next}" for mistake in find_mistakes(tomllib.loads(head + text))] == [sentence]


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        (
            "CREATE TABLE t (a); DROP TABLE other",
            'the statement begins with "DROP TABLE"; only CREATE TABLE, INDEX, TRIGGER and VIEW may.',
        ),
        ("CREATE TABLE t AS SELECT 1 AS a", "CREATE TABLE ... AS SELECT adds rows and has no constraints."),
        ("CREATE TABLE t (a,, b)", 'SQLite refuses the SQL: near ",": syntax error.'),
        ("CREATE TABLE t (a); CREATE TABLE u (a)", 'the SQL creates "t" and "u", but the table is "t".'),
        ("CREATE VIEW t AS SELECT 1", 'the SQL creates no table, but the table is "t".'),
    ],
)
def test_unfit_create_has_this_sentence(sql: str, sentence: str) -> None:
    """A better sentence changes one line here."""
    assert validate_create(sql, "t") == sentence
