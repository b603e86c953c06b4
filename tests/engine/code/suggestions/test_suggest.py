"""Specify the reference that is proposed for each mention of an old database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.rewrite import plan_rewrites
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.suggestions.path_places import text_around
from sqlite_consolidate.engine.code.suggestions.suggest import ProposedReference, propose_references
from sqlite_consolidate.engine.code.syntax import _expressions, parse_tree
from sqlite_consolidate.plan.parts.programs import Exemption, Reference

if TYPE_CHECKING:
    from pathlib import Path

OLD = ["app/logs/tasks.db", "app/logs/tags.db"]


def proposed(root: Path, file: str, text: str) -> list[ProposedReference]:
    """Write one file and return its proposals."""
    (root / file).write_bytes(text.encode())
    return list(propose_references(ScanScope(root, [file], OLD, "main.db")))


def rewritten(root: Path, file: str, text: str) -> str:
    """Write one file whose mentions are all understood, and return its new text."""
    made = proposed(root, file, text)
    assert all(proposal.understood for proposal in made), made
    references = [
        Reference(file=proposal.file, find=proposal.find, replace=proposal.replace, places=proposal.places)
        for proposal in made
    ]

    rewrites, problems = plan_rewrites(root, references, [])

    assert problems == ()
    return rewrites[0].after.decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = logs() / "tasks.db"', 'x = logs().resolve().parents[1] / "main.db"'),
        ("x = LOGS/'tasks.db'", "x = LOGS.resolve().parents[1] / 'main.db'"),
        ('x = (app or here) / "logs" / "tasks.db"', 'x = (app or here).resolve().parent / "main.db"'),
        ('x = app / "logs/tasks.db"', 'x = app.resolve().parent / "main.db"'),
        ('x = root / "app" / "logs" / "tasks.db"', 'x = root / "main.db"'),
        ('x = app.joinpath("logs", "tasks.db")', 'x = app.resolve().parent / "main.db"'),
        ('x = os.path.join(app, "logs", "tasks.db")', 'x = os.path.normpath(os.path.join(app, "..", "main.db"))'),
        (
            'x = env("DB") or os.path.join(d(f), "..", "logs", "tasks.db")',
            'x = env("DB") or os.path.normpath(os.path.join(d(f), "..", "..", "main.db"))',
        ),
        (
            'x = os.path.join(d(f), os.pardir, "logs/tasks.db")',
            'x = os.path.normpath(os.path.join(d(f), "..", "..", "main.db"))',
        ),
        ('x = app / ".." / "logs" / "tasks.db"', 'x = app.resolve().parents[1] / "main.db"'),
        ('x = join(app(), "tasks.db")', 'x = join(app(), "../../main.db")'),
        ("x = f\"sqlite:///{LOGS / 'tasks.db'}\"", "x = f\"sqlite:///{LOGS.resolve().parents[1] / 'main.db'}\""),
        ('x = f"{logs}/tasks.db?mode=ro"', 'x = f"{logs}/../../main.db?mode=ro"'),
        ('x = LOGS + "/tasks.db"', 'x = LOGS + "/../../main.db"'),
        (
            'x = ("a", *"app/logs/tasks.db")\ny = "app/logs/tasks.db"',
            'x = ("a", *"main.db")\ny = "main.db"',
        ),
        (
            'x = t[:"app/logs/tasks.db"]\ny = "app/logs/tasks.db"',
            'x = t[:"main.db"]\ny = "main.db"',
        ),
        ('x = tmp_path / "app" / "logs" / "tasks.db"', 'x = tmp_path / "main.db"'),
        ('x = "sqlite:///app/logs/tasks.db"', 'x = "sqlite:///main.db"'),
        ("x = Path('logs/tasks.db')", "x = Path('../main.db')"),
        ('x = LOG.with_name("tasks.db")', 'x = LOG.parent.resolve().parents[1] / "main.db"'),
        ("x = Path('a').with_name('tasks.db')", "x = Path('a').parent.resolve().parents[1] / 'main.db'"),
        ('x = "../logs/tasks.db"', 'x = "../../main.db"'),
        ('def f(path="logs/tasks.db"): ...', 'def f(path="../main.db"): ...'),
        (
            '@option("--db", default=env("DB", LOGS / "tasks.db"))\ndef f(): ...',
            '@option("--db", default=env("DB", LOGS.resolve().parents[1] / "main.db"))\ndef f(): ...',
        ),
        ('x = one(LOGS / "tasks.db")\ny = two(LOGS / "tasks.db")', None),
    ],
)
def test_python_replacement_starts_at_its_own_folder(tmp_path: Path, before: str, after: str | None) -> None:
    """The code finds its folder in the same way as before.

    An expression that occurs twice is replaced with its surroundings.
    """
    new = 'LOGS.resolve().parents[1] / "main.db"'
    after = after or f"x = one({new})\ny = two({new})"

    assert rewritten(tmp_path, "a.py", f"{before}  # why\n") == f"{after}  # why\n"


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("a.env", "URL=sqlite:///app/logs/tasks.db?x=1\r\n", "URL=sqlite:///main.db?x=1\r\n"),
        ("a.yaml", "a: logs/tasks.db # old\nb: logs/tags.db", "a: ../main.db # old\nb: ../main.db"),
        ("a.yaml", "a: logs/tasks.db\nb:  logs/tasks.db\n", "a: ../main.db\nb:  ../main.db\n"),
        ("a.json", '{"path": "./app/logs/tasks.db"}', '{"path": "./main.db"}'),
        (
            "a.toml",
            "a = 'logs/tasks.db'\nb = 'my/logs/tasks.db.bak'\n",
            "a = '../main.db'\nb = 'my/logs/tasks.db.bak'\n",
        ),
        ("a.sh", 'cp "$(dirname "$0")/../logs/tasks.db" x', 'cp "$(dirname "$0")/../../main.db" x'),
        ("a.sh", "cp $APP/logs/tasks.db x\ncp ${LOGS}/tags.db y", "cp $APP/../main.db x\ncp ${LOGS}/../../main.db y"),
        ("a.sh", "mv logs/tasks.db logs/tags.db\n# logs/tasks.db", "mv ../main.db ../main.db\n# logs/tasks.db"),
        ("a.ini", "[db]\npath = %APP%/logs/tasks.db\n", "[db]\npath = %APP%/../main.db\n"),
    ],
)
def test_text_replacement_starts_before_the_path(tmp_path: Path, file: str, before: str, after: str) -> None:
    """The path starts at a variable, a URL, or the folder that a program runs in.

    A text that occurs twice is replaced with its line.
    """
    assert rewritten(tmp_path, file, before) == after


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.py", 'NAME = "tasks"\nx = LOGS / f"{NAME}.db"'),
        ("a.py", 'x = "/srv/app/logs/tasks.db"'),
        ("a.py", 'x = "sqlite:////srv/app/logs/tasks.db"'),
        ("a.py", 'x = other / "old" / "tasks.db"'),
        ("a.py", 'x = "cannot open logs/tasks.db"'),
        ("a.py", 'x = logs / "tasks.db-wal"'),
        ("a.py", "x = ( 'tasks.db'"),
        ("a.py", 'x = log.with_name(f"{old}/tasks.db")'),
        ("a.py", 'x = log.with_name(name="tasks.db")'),
        ("a.py", 'x = log.with_name("tas" "ks.db" if old else "b")'),
        ("a.py", 'x = Path("logs/tasks.x").with_suffix(".db")'),
        ("a.py", 'x = log.with_stem("tasks.db")'),
        ("a.py", 'x = path.endswith(("tasks.db", "b"))'),
        ("a.py", 'x = path.name == "tasks.db"'),
        ("a.py", 'from pathlib import PurePosixPath as P\nx = P("logs") / "tasks.db"'),
        ("a.py", 'import pathlib\nLOGS = pathlib.PurePath("logs")\nx = LOGS / "tasks.db"'),
        ("a.py", 'x = files("app.logs") / "tasks.db"'),
        ("a.py", 'def test_x(tmp_path): x = tmp_path / "tasks.db"'),
        ("a.py", 'x = os.path.join(tmpdir, "logs", "tasks.db")'),
        ("a.py", 'x = os.path.join(tempfile.mkdtemp(), "tasks.db")'),
        ("a.py", 'x = f"{self.temp_dir}/logs/tasks.db"'),
        ("a.py", 'x = str(tmp_path) + "/tasks.db"'),
        ("a.py", 'x = logging.getLogger("app/logs/tasks.db")'),
        ("a.py", 'x = getLogger("logs/tasks.db")'),
        ("a.ini", "x = C:\\app\\logs\\tasks.db"),
        ("a.ini", "x = /srv/app/logs/tasks.db"),
        ("a.ini", "x = old/tasks.db"),
        ("a.sh", "rm ~/app/logs/tasks.db"),
        ("a.sh", "rm logs/tasks.db-wal"),
        ("a.sh", "cp logs/tasks.db x\ncp logs/tasks.db x"),
    ],
)
def test_what_is_not_understood_is_returned_as_such(tmp_path: Path, file: str, text: str) -> None:
    """The proposal has place and text, and no replacement.

    Another path, or a sentence, is never replaced.
    """
    made = proposed(tmp_path, file, text + "\n")

    assert made
    assert {proposal.understood for proposal in made} == {False}
    assert {proposal.replace for proposal in made} == {""}
    assert all(proposal.find and proposal.find in text and proposal.reason for proposal in made)
    assert [made[-1].line, *made[-1].also][-1] == text.count("\n") + 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("\"ATTACH 'app/logs/tasks.db' AS door\"", "attach"),
        ("f\"-- all\\nattach DATABASE '{logs}/tasks.db' AS door\"", "attach"),
        ("\"SELECT readfile('tasks.db')\"", "sql"),
        ("\"INSERT INTO log VALUES ('attach tasks.db')\"", "sql"),
        ('"it opens tasks.db"', "words"),
        ('"other/tasks.db"', ""),
        ('logs / "tasks.db"', ""),
    ],
)
def test_kind_of_text_around_a_path_is_known(code: str, expected: str) -> None:
    """A statement and a sentence are not built from parts."""
    assert text_around(parse_tree(code, "eval").body) == expected


def test_attached_database_is_a_place_for_the_operator(tmp_path: Path) -> None:
    """The connection may open the target already."""
    [made] = proposed(tmp_path, "a.py", "c.execute(\"ATTACH 'app/logs/tasks.db' AS door\")\n")

    assert (made.line, made.find, made.replace, made.understood) == (1, made.find, "", False)
    assert all(word in made.reason for word in ("ATTACH", "app/logs/tasks.db", "main.db"))


@pytest.mark.parametrize(
    ("file", "text", "understood"),
    [
        ("a.js", "const db = new Database('main.db')\ndb.exec(\"ATTACH 'app/logs/tasks.db' AS door\")\n", False),
        ("a.py", "c = connect('main.db')\nc.execute('attach database ? AS door', ('app/logs/tasks.db',))\n", False),
        ("a.py", "PATH, MAIN = 'app/logs/tasks.db', 'main.db'\nc.execute(f'ATTACH {PATH!r} AS door')\n", False),
        ("a.py", "PATH = 'app/logs/tasks.db'\nc.execute(f'ATTACH {other} AS door')\n", True),
        ("a.js", "// attach no database to main.db\nconst db = new Database('app/logs/tasks.db')\n", True),
    ],
)
def test_file_that_attaches_a_database_is_asked_about(tmp_path: Path, file: str, text: str, understood: bool) -> None:
    """With the path of the target, the connection would attach the database that it opens."""
    [made] = proposed(tmp_path, file, text)

    assert (made.understood, made.database) == (understood, "tasks.db")
    assert "main.db" in made.replace
    assert ("ATTACH" in made.reason) is not understood


def test_expression_at_several_places_is_replaced_at_all(tmp_path: Path) -> None:
    """An attribute and a default argument with the same name need one reference.

    None is proposed where the same words are no mention, or where only some of the places are known.
    """
    code = 'class A:\n    db = "app/logs/tasks.db"\n    def f(self, db="app/logs/tasks.db", old=None): ...\n'
    [made] = proposed(tmp_path, "a.py", code)
    [unlike] = proposed(tmp_path, "a.py", code.replace("old=None", 'old=LOGS / "app/logs/tasks.db"'))[:1]

    assert (made.line, made.also, made.places, made.understood) == (2, (3,), 2, True)
    assert rewritten(tmp_path, "a.py", code) == code.replace("app/logs/tasks.db", "main.db")
    assert not unlike.understood


def test_use_of_a_replaced_variable_needs_no_reference(tmp_path: Path) -> None:
    """It remains a decision where nothing replaces the value."""
    made = proposed(tmp_path, "a.sh", 'DB=app/logs/tasks.db\nsqlite3 "$DB" .dump\n')
    parts = proposed(tmp_path, "b.sh", 'N=tasks\nsqlite3 "app/logs/$N.db" .dump\nsqlite3 app/logs/tags.db .dump\n')

    assert [(each.line, each.understood) for each in made] == [(1, True)]
    assert [(each.line, each.understood) for each in parts] == [(2, False), (3, True)]


def test_only_the_statement_of_a_mention_is_read_once(tmp_path: Path) -> None:
    """A workspace can have many modules, and libcst takes its time.

    It reads only a statement that Python's tree places wrongly.
    """
    others = "def f(): ...\n\n\n" * 3
    misses = {}
    for value in ('"app/logs/tasks.db"', "f\"app/{'logs/tasks.db'}\""):
        _expressions.cache_clear()
        assert proposed(tmp_path, "app.py", f"{others}DB = {value}\n{others}")
        misses[value[0]] = _expressions.cache_info().misses

    assert misses == {'"': 0, "f": 1}


def test_place_of_several_databases_is_proposed_once(tmp_path: Path) -> None:
    """One decision of the operator covers each name that the place can have."""
    made = proposed(tmp_path, "a.py", 'def f(n):\n    return "app/logs/%s.db" % n\n\nx = "app/logs/%s.db" % y\n')

    assert [(proposal.line, proposal.understood) for proposal in made] == [(2, False), (4, False)]


def test_documentation_and_exempt_places_need_no_reference(tmp_path: Path) -> None:
    """Only what would be a failure of the run is proposed, and no sentence."""
    (tmp_path / "README.md").write_text("tasks.db\n")
    (tmp_path / "a.py").write_text('"""tasks.db"""  # tasks.db\nprint("cannot open tasks.db")\n')
    (tmp_path / "old.py").write_text('x = "logs/tasks.db"\n')
    exempt = [Exemption(path="old.py", reason="never runs")]

    assert propose_references(ScanScope(tmp_path, ["."], OLD, "main.db", exempt=exempt)) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = "a/log.db"', 'x = "main.db"'),
        ('x = ROOT / "b" / "log.db"', 'x = ROOT / "main.db"'),
        ('x = "c/log.db"', None),
    ],
)
def test_folder_tells_databases_of_one_name_apart(tmp_path: Path, before: str, after: str | None) -> None:
    """A path of another folder may be another file."""
    (tmp_path / "app.py").write_text(f"{before}\n")

    [made] = propose_references(ScanScope(tmp_path, ["app.py"], ["a/log.db", "b/log.db"], "main.db"))

    assert made.understood == bool(after)
    if after:
        reference = Reference(file="app.py", find=made.find, replace=made.replace)
        assert plan_rewrites(tmp_path, [reference], [])[0][0].after.decode() == f"{after}\n"


@pytest.mark.parametrize(
    ("file", "code", "replacement"),
    [
        ("sum.sh", 'for f in a b; do sqlite3 "$f/log.db" "SELECT 1"; done\n', "../main.db"),
        ("app.py", 'x = LOGS / "log.db"\n', 'LOGS.resolve().parent / "main.db"'),
        ("app.py", 'x = f"{folder}/log.db"\n', 'f"{folder}/../main.db"'),
    ],
)
def test_variable_folder_of_several_databases_is_a_decision(
    tmp_path: Path, file: str, code: str, replacement: str
) -> None:
    """A loop over the folders would read the whole target once for each of them."""
    (tmp_path / file).write_text(code)

    [made] = propose_references(ScanScope(tmp_path, [file], ["a/log.db", "b/log.db"], "main.db"))

    assert (made.understood, made.replace) == (False, replacement)


def test_name_alone_does_not_tell_other_folders_apart(tmp_path: Path) -> None:
    """The target is beside one of the databases."""
    (tmp_path / "app.py").write_text('x = folder / "log.db"\n')

    [made] = propose_references(ScanScope(tmp_path, ["app.py"], ["log.db", "b/log.db"], "main.db"))

    assert not made.understood


@pytest.mark.parametrize(
    ("text", "replacement"),
    [
        ('open(__dirname + "/Catalog 2025.db")\n', '"/../all.db'),
        ('open("photos/Catalog 2025.db")\n', '"all.db'),
        ('open("My Catalog 2025.db")\n', ""),
        ('open("my photos/Catalog 2025.db")\n', ""),
    ],
)
def test_file_name_may_have_a_blank(tmp_path: Path, text: str, replacement: str) -> None:
    """A text that may go on before the name is left to the operator."""
    (tmp_path / "a.js").write_text(text)

    [made] = propose_references(ScanScope(tmp_path, ["a.js"], ["photos/Catalog 2025.db"], "all.db"))

    assert (made.replace if made.understood else "") == replacement.lstrip('"/')


@pytest.mark.parametrize("line", ['for f in glob("app/logs/*.db"): of(f)', 'of(f"app/logs/{name}.db")'])
def test_equal_places_that_compute_a_name_are_one(tmp_path: Path, line: str) -> None:
    """One reference replaces both."""
    made = proposed(tmp_path, "a.py", f"{line}\n{line}\nother()\n")

    assert [(each.line, each.also, each.understood) for each in made] == [(1, (2,), False)]
