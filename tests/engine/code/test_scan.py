"""Specify which texts are mentions of an old database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanning.old_names import Mention
from sqlite_consolidate.engine.code.scanning.scan import attention_findings, find_mentions, stale_observations
from sqlite_consolidate.engine.code.scanning.scanned_files import MAX_FILE_BYTES, ScanScope
from tests.support.scanned_trees import DATABASES, scan, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "expression",
    [
        '"task_queue.db"',
        "b'logs/task_queue.db'",
        '"sqlite:///logs/task_queue.db?mode=ro"',
        'r"logs\\task_queue.db"',
        'f"{folder}/task_queue.db"',
        "f\"{folder}/{'task_queue'}.db\"",
        'f"{folder}task_queue.db-wal"',
        '"logs/task_queue." "db"',
        '"logs/task_queue" ".db"',
        '"logs/task_" "queue.db"',
        '"logs/task_" + "queue" + (".db")',
        '"{}.db".format("task_queue")',
        '"{name}{end}".format(name="task_queue", end=".db")',
        '"%s/%s.db" % (folder, "task_queue")',
        '"/".join(["logs", "task_queue" + ".db"])',
        'os.environ.get("QUEUE", "task_queue") + ".db"',
        '(name or "task_queue") + ".db"',
        '("task_queue" if old else "workspace") + ".db"',
        'str(Path("logs", "task_queue").resolve()) + ".db"',
        '[f"{name}.db" for name in ("people", "task_queue")]',
        '"logs/task_queue" + ".db"',
        '"%s/task_queue.db" % folder',
        '"{}/task_queue.db".format(folder)',
        'Path("logs") / "task_queue" ".db"',
        'os.path.join(folder, "task_queue" + ".db")',
        'Path(folder, "task_queue.db")',
        'Path("logs").joinpath(("task_queue") + ".db")',
        '(Path("logs") / "task_queue.tmp").with_suffix(".db")',
        '{"url": ["task_queue.db"]}',
        'lambda path="task_queue.db": path',
    ],
)
def test_python_mention_is_found_however_it_is_put_together(tmp_path: Path, expression: str) -> None:
    """Strings, f-strings, joins and defaults are code, and in use."""
    write(tmp_path, "src/a.py", f"import os\nx = {expression}\n")

    assert scan(tmp_path, "src") == [("src/a.py", 2, "task_queue.db", "code")]


@pytest.mark.parametrize(
    "code",
    [
        '"old_task_queue.db"',
        '"task_queue.db.bak"',
        '"task_queue.db.archived_20250131_120000"',
        '"task_queue.dbx"',
        '"task_queue.db-backup"',
        '"my-task_queue.db"',
        '"task_queue"',
        "task_queue.db.execute(1)",
        'f"{task_queue.db}"',
        'f"{x}_task_queue.db"',
        '"task_queue", ".db"',
        '"task_queue" / ".db"',
    ],
)
def test_longer_names_and_attributes_are_no_mention(tmp_path: Path, code: str) -> None:
    """A name counts only as a whole, and only as text."""
    write(tmp_path, "a.py", f"x = {code}\n")
    write(tmp_path, "a.yaml", f"x: {code.strip(chr(34))}\n" if code.startswith('"') and "," not in code else "")

    assert scan(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ('STEM = "task_queue"\nPATH = f"logs/{STEM}.db"\n', 2),
        ('END = ".db"\ndef f(): return "task_queue" + END\n', 2),
        ('def f(name="task_queue"):\n    return LOGS / (name + ".db")\n', 2),
        ('class A:\n    stem: str = "task_queue"\n    def f(self): return self.stem + ".db"\n', 3),
        (
            'class A:\n    def __init__(self): self.stem = "task_queue"\n    def f(self): return f"{self.stem!s}.db"\n',
            3,
        ),
        ('for one in ["people", "task_queue"]:\n    open(f"{one}.db")\n', 2),
        ('NAME = "task_queue.db"\nopen(LOGS / NAME)\nopen(f"logs/{NAME}")\n', 1),
        ("@option('--db', default='task_queue.db')\ndef f(db): ...\n", 1),
    ],
)
def test_constants_of_a_module_are_followed(tmp_path: Path, code: str, line: int) -> None:
    """A name is a mention where it is built, and not where a constant is used."""
    write(tmp_path, "a.py", code)

    assert scan(tmp_path) == [("a.py", line, "task_queue.db", "code")]


@pytest.mark.parametrize(
    "code",
    [
        'def f(): name = "task_queue"\ndef g(name): return name + ".db"\n',
        'x = "task_queue"\nx = x + ".tmp"\ny = x + "db"\n',
        'a = b\nb = a\nc = a + "task_queue" + ".bak"  # db\n',
    ],
)
def test_names_are_followed_within_their_scope(tmp_path: Path, code: str) -> None:
    """A variable of another function is not used.

    A name that is built from itself ends the search.
    """
    write(tmp_path, "a.py", code)

    assert [database for _, _, database, _ in scan(tmp_path) if database] == []


def test_endlessly_nested_names_do_not_block_the_scan(tmp_path: Path) -> None:
    """Sixty names, each twice the one before, are not resolved to the end.

    The other mentions are still found.
    """
    doubling = "".join(f"x{number + 1} = x{number} + x{number}\n" for number in range(60))
    write(tmp_path, "a.py", f'x0 = "task_queue"\n{doubling}y = x0 + ".db"\n')

    assert scan(tmp_path) == [("a.py", 62, "task_queue.db", "code")]


def test_comments_and_docstrings_are_documentation(tmp_path: Path) -> None:
    """They are listed by line and fail nothing, but a string beside a comment is in use."""
    head = '"""Doc.\n\nOnce in task_queue.db.\n"""\n# tasks.db\n'
    write(tmp_path, "a.py", head + 'def f():\n    "see tasks.db"\n    x = "tasks.db"  # not task_queue.db\n')

    assert scan(tmp_path) == [
        ("a.py", 3, "task_queue.db", "documentation"),
        ("a.py", 5, "tasks.db", "documentation"),
        ("a.py", 7, "tasks.db", "documentation"),
        ("a.py", 8, "tasks.db", "code"),
        ("a.py", 8, "task_queue.db", "documentation"),
    ]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ('print("cannot open tasks.db")', "sentence"),
        ('raise Error(f"{path}: the queue (tasks.db) is locked, {why}.")', "sentence"),
        ('warn("no row in tasks.db: %s" % table)', "sentence"),
        ('run("rows of tasks.db are needed")', "code"),
        ('print("cannot open logs/tasks.db")', "code"),
        ("print(\"cannot open 'tasks.db' now\")", "code"),
        ('os.system("copy all tasks.db there")', "code"),
        ('X = "cp tasks.db there now"', "code"),
        ('X = "ATTACH tasks.db AS old"', "code"),
        ('X = "program tasks.db --read only"', "code"),
        ('X = "see tasks.db"', "code"),
        ('X = f"{first} tasks.db {second}"', "code"),
    ],
)
def test_name_among_words_is_a_sentence(tmp_path: Path, code: str, kind: str) -> None:
    """A path, SQL, a command and a text that is executed are in use."""
    write(tmp_path, "a.py", f"{code}\n")

    assert scan(tmp_path) == [("a.py", 1, "tasks.db", kind)]


@pytest.mark.parametrize(
    ("file", "line", "kind"),
    [
        ("a.sh", "# tasks.db", "documentation"),
        ("a.sh", "run  # not tasks.db", "documentation"),
        ("a.sh", "#!/bin/sqlite3 tasks.db", "code"),
        ("a.sh", 'run "# tasks.db"', "code"),
        ("a.sh", "run a#tasks.db", "code"),
        ("a.yaml", "  # tasks.db", "documentation"),
        (".env.local", "#DB=tasks.db", "documentation"),
        ("a.ts", "// tasks.db", "documentation"),
        ("a.js", "open(x); // not tasks.db", "documentation"),
        ("a.js", "/** * tasks.db", "documentation"),
        ("a.js", "/* old */ open('tasks.db')", "code"),
        ("a.js", "open('file://tasks.db')", "code"),
        ("a.js", "open(' // tasks.db')", "code"),
        ("a.rb", "# tasks.db", "code"),
    ],
)
def test_comment_of_a_known_language_is_documentation(tmp_path: Path, file: str, line: str, kind: str) -> None:
    """What stands in quotes is no comment, and neither is a line of another language."""
    write(tmp_path, file, f"{line}\n")

    assert scan(tmp_path) == [(file, 1, "tasks.db", kind)]


def test_mention_stands_at_its_own_line_with_its_text(tmp_path: Path) -> None:
    """A mention in a long string has the line of the name, and a long line is cut."""
    write(tmp_path, "a.py", 'x = """\nINSERT\n  FROM tasks.db;\n"""\ny = (\n  "a"\n  / "tasks"\n    ".db")\n')
    write(tmp_path, "b.json", "1" * 900 + ' "tasks.db" ' + "2" * 900)

    result = find_mentions(ScanScope(tmp_path, ["."], DATABASES))

    assert result.mentions[:2] == (
        Mention("a.py", 3, "FROM tasks.db;", "tasks.db", "code"),
        Mention("a.py", 7, '/ "tasks"', "tasks.db", "code"),
    )
    assert len(result.mentions[2].text) == 120
    assert '"tasks.db"' in result.mentions[2].text


def test_other_text_files_are_read_line_by_line(tmp_path: Path) -> None:
    """Configuration and scripts are in use, prose is documentation, in any encoding."""
    write(tmp_path, ".env", "DB=logs/tasks.db\n")
    write(tmp_path, "README.md", "the `tasks.db`\n")
    write(tmp_path, "app.ini", b"; caf\xe9\r\nurl = sqlite:///tasks.db\r\n")
    write(tmp_path, "app.yaml", "a: tasks.db, tasks.db, task_queue.db\n")
    write(tmp_path, "broken.py", "x = {{ 'tasks.db' }\n")
    write(tmp_path, "latin.py", b"# coding: latin-1\nx = '\xe9/tasks.db'\n")
    write(tmp_path, "make.ps1", "# é\n$db = 'logs\\tasks.db'\n".encode("utf-16"))
    write(tmp_path, "run.sh", "#!/bin/sh\n\nsqlite3 $HOME/tasks.db .dump")

    assert scan(tmp_path) == [
        (".env", 1, "tasks.db", "config"),
        ("README.md", 1, "tasks.db", "documentation"),
        ("app.ini", 2, "tasks.db", "config"),
        ("app.yaml", 1, "tasks.db", "config"),
        ("app.yaml", 1, "task_queue.db", "config"),
        ("broken.py", 1, "tasks.db", "code"),
        ("latin.py", 2, "tasks.db", "code"),
        ("make.ps1", 2, "tasks.db", "code"),
        ("run.sh", 3, "tasks.db", "code"),
    ]


def test_what_is_not_the_applications_text_is_not_read(tmp_path: Path) -> None:
    """Binary files, caches, environments, other packages and links are left out silently."""
    write(tmp_path, "image.bin", b"\0tasks.db")
    write(tmp_path, ".git/config", "tasks.db")
    write(tmp_path, "pkg/__pycache__/a.py", "'tasks.db'")
    write(tmp_path, "web/node_modules/a.js", "tasks.db")
    write(tmp_path, "env/pyvenv.cfg", "")
    write(tmp_path, "env/lib/a.py", "'tasks.db'")
    write(tmp_path / "outside", "a.py", "'tasks.db'")
    write(tmp_path, "tree/seen.py", "1")
    (tmp_path / "tree/folder").symlink_to(tmp_path / "outside")
    (tmp_path / "tree/link.py").symlink_to(tmp_path / "outside/a.py")
    os.mkfifo(tmp_path / "tree/pipe")

    result = find_mentions(ScanScope(tmp_path, [".git/..", "tree", "pkg", "web", "env", "image.bin"], DATABASES))
    inside = [mention.file for mention in result.mentions]

    assert inside == ["outside/a.py"]
    assert result.files_read == 2
    assert result.not_scanned == ()


def test_code_behind_a_link_is_scanned_once(tmp_path: Path) -> None:
    """It has its own path. What is outside the workspace asks for attention."""
    root = tmp_path / "workspace"
    write(root, "real/a.py", "'tasks.db'")
    write(root, "real/more/b.py", "'tasks.db'")
    write(root, "env/pyvenv.cfg", "")
    write(root, "env/c.py", "'tasks.db'")
    write(root, "backups/d.py", "'tasks.db'")
    write(root, "src/own.py", "1")
    write(tmp_path, "outside/o.py", "'tasks.db'")
    write(tmp_path, "outside/x.db", "tasks.db")
    links: dict[str, str | Path] = {
        "linked.py": "../real/a.py",
        "folder": "../real/more",
        "again": "folder",
        "above": "..",
        "environment": "../env",
        "kept": "../backups",
        "absent": "../none",
        "loop": "loop",
        "out.py": tmp_path / "outside/o.py",
        "out": tmp_path / "outside",
        "data": tmp_path / "outside/x.db",
    }
    for name, place in links.items():
        (root / "src" / name).symlink_to(place)

    result = find_mentions(ScanScope(root, ["src"], DATABASES, excluded=frozenset({"backups"})))

    assert sorted(mention.file for mention in result.mentions) == ["real/a.py", "real/more/b.py"]
    assert result.files_read == 3
    assert sorted((finding.id, finding.subject) for finding in attention_findings(result)) == [
        ("link-not-scanned", "src/out"),
        ("link-not-scanned", "src/out.py"),
    ]


def test_link_of_a_copy_may_lead_to_the_workspace(tmp_path: Path) -> None:
    """What is scanned is the copy of what it leads to."""
    write(tmp_path, "live/real/a.py", "1")
    write(tmp_path, "copy/real/a.py", "'tasks.db'")
    (write(tmp_path, "copy/src/b.py", "1").parent / "a.py").symlink_to(tmp_path / "live/real/a.py")

    result = find_mentions(ScanScope(tmp_path / "copy", ["src"], DATABASES, repository=tmp_path / "live"))

    assert [mention.file for mention in result.mentions] == ["real/a.py"]


def test_no_database_is_opened(tmp_path: Path) -> None:
    """Opening and closing a database would release SQLite's locks of this process."""
    for name in ["a.db", "a.db-wal", "b.sqlite3", "c.db.archived_20250131_120000", "c.sqlite-journal", "d.DB3"]:
        write(tmp_path, name, "tasks.db")
    forbidden = write(tmp_path, "no-suffix", "tasks.db").stat()
    folder = write(tmp_path, "backups/manifest.json", "tasks.db").parent.stat()
    never_open = frozenset({(forbidden.st_dev, forbidden.st_ino), (folder.st_dev, folder.st_ino)})

    result = find_mentions(ScanScope(tmp_path, ["."], DATABASES, never_open=never_open))

    assert (result.mentions, result.files_read, result.not_scanned) == ((), 0, ())
    assert len(find_mentions(ScanScope(tmp_path, ["."], DATABASES)).mentions) == 2


def test_files_not_scanned_are_reported(tmp_path: Path) -> None:
    """A file that is too large is listed.

    A path that is missing or a link is a failure, because it was not scanned.
    """
    with (tmp_path / "large.json").open("wb") as large:
        large.truncate(MAX_FILE_BYTES + 1)
    write(tmp_path, "real/a.py", "1")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    result = find_mentions(ScanScope(tmp_path, ["large.json", "absent", "link", "link/a.py"], DATABASES))
    observations = stale_observations(result)

    assert [(mention.file, mention.kind) for mention in result.not_scanned] == [
        ("large.json", "not scanned"),
        ("absent", "unreadable"),
        ("link", "unreadable"),
    ]
    assert [(mention.subject, mention.holds) for mention in observations] == [("absent", False), ("link", False)]
