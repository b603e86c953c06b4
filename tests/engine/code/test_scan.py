"""Specify which texts are mentions of an old database."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.old_names import Mention
from sqlite_consolidate.engine.code.scan import find_mentions, mention_findings, stale_observations
from sqlite_consolidate.engine.code.scanned_files import MAX_FILE_BYTES, ScanScope
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.model import Exemption

if TYPE_CHECKING:
    from pathlib import Path

DATABASES = ["logs/task_queue.db", "logs/tasks.db"]


def write(root: Path, file: str, content: str | bytes) -> Path:
    """Write one file below the root, with its folders."""
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def found(root: Path, *paths: str) -> list[tuple[str, int, str, str]]:
    """Scan, and return file, line, database and kind of each mention."""
    result = find_mentions(ScanScope(root, paths or ["."], DATABASES))
    return [(mention.file, mention.line, mention.database, mention.kind) for mention in result.mentions]


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

    assert found(tmp_path, "src") == [("src/a.py", 2, "task_queue.db", "code")]


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

    assert found(tmp_path) == []


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

    assert found(tmp_path) == [("a.py", line, "task_queue.db", "code")]


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

    assert found(tmp_path) == []


def test_endlessly_nested_names_do_not_block_the_scan(tmp_path: Path) -> None:
    """Sixty names, each twice the one before, are not resolved to the end.

    The other mentions are still found.
    """
    doubling = "".join(f"x{number + 1} = x{number} + x{number}\n" for number in range(60))
    write(tmp_path, "a.py", f'x0 = "task_queue"\n{doubling}y = x0 + ".db"\n')

    assert found(tmp_path) == [("a.py", 62, "task_queue.db", "code")]


def test_comments_and_docstrings_are_documentation(tmp_path: Path) -> None:
    """They are listed by line and fail nothing, but a string beside a comment is in use."""
    head = '"""Doc.\n\nOnce in task_queue.db.\n"""\n# tasks.db\n'
    write(tmp_path, "a.py", head + 'def f():\n    "see tasks.db"\n    x = "tasks.db"  # not task_queue.db\n')

    assert found(tmp_path) == [
        ("a.py", 3, "task_queue.db", "documentation"),
        ("a.py", 5, "tasks.db", "documentation"),
        ("a.py", 7, "tasks.db", "documentation"),
        ("a.py", 8, "tasks.db", "code"),
        ("a.py", 8, "task_queue.db", "documentation"),
    ]


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

    assert found(tmp_path) == [
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


def test_what_git_ignores_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment files, tracked files and paths of the plan are still read."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    write(tmp_path, ".gitignore", "build/\n.env\n*.gen.py\n/app/sample\n")
    for file in ["app/a.py", "app/b.gen.py", "app/c.gen.py", "app/build/d.py", "app/sample/e.py"]:
        write(tmp_path, file, "'tasks.db'")
    write(tmp_path, "app/.env", "tasks.db")
    subprocess.run(["git", "-C", str(tmp_path), "add", "-f", "app/c.gen.py"], check=True)
    monkeypatch.setenv("GIT_DIR", "/nonexistent")  # as in a hook: it is about another repository

    app = [mention[0] for mention in found(tmp_path, "app")]
    sample = [mention[0] for mention in found(tmp_path / "app/sample", ".")]

    assert app == ["app/.env", "app/a.py", "app/c.gen.py"]
    assert sample == ["e.py"]


def test_without_git_its_own_files_say_what_it_ignores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ignore files of the workspace and of the folders above it are read.

    An inner file takes precedence.
    """
    write(tmp_path, "repository/.git/HEAD", "ref: refs/heads/main\n")
    write(tmp_path, "repository/.gitignore", "build/\n*.gen.py\n/area/sample\n")
    write(tmp_path, "repository/area/.gitignore", "!kept.gen.py\n")
    for file in ["a.py", "b.gen.py", "kept.gen.py", "build/kept.gen.py", "deep/build/c.py", "sample/d.py", ".env"]:
        write(tmp_path, f"repository/area/{file}", "'tasks.db'")
    monkeypatch.setenv("PATH", "")

    files = [mention[0] for mention in found(tmp_path / "repository/area", ".")]

    assert files == [".env", "a.py", "kept.gen.py"]


def test_ignore_files_are_read_when_git_cannot_answer(tmp_path: Path) -> None:
    """A workspace may hold repositories without being one itself."""
    write(tmp_path, "one/.gitignore", "build/\n")
    write(tmp_path, "one/build/a.py", "'tasks.db'")
    write(tmp_path, "one/b.py", "'tasks.db'")
    subprocess.run(["git", "init", "-q", str(tmp_path / "one")], check=True)

    assert [mention[0] for mention in found(tmp_path, ".")] == ["one/b.py"]


def test_a_copy_follows_what_the_workspaces_git_ignores(tmp_path: Path) -> None:
    """A rehearsal must not read more than the run, although its copy is no repository."""
    subprocess.run(["git", "init", "-q", str(tmp_path / "live")], check=True)
    write(tmp_path, "live/.git/info/exclude", "local.py\n")
    for root in ("live", "copy"):
        write(tmp_path, f"{root}/local.py", "'tasks.db'")

    result = find_mentions(ScanScope(tmp_path / "copy", ["."], DATABASES, repository=tmp_path / "live"))

    assert result.mentions == ()


def test_plan_backups_and_reports_name_old_databases_by_right(tmp_path: Path) -> None:
    """Only these files of the consolidation itself are left out."""
    for file in ["plan.toml", "backups/x/plan.toml", "reports/1/audit.html", "app/plan.toml"]:
        write(tmp_path, file, "file = 'tasks.db'")

    result = find_mentions(
        ScanScope(tmp_path, ["."], DATABASES, excluded=frozenset({"plan.toml", "backups", "reports"}))
    )

    assert [mention.file for mention in result.mentions] == ["app/plan.toml"]


def test_exempt_places_are_listed_with_their_reason(tmp_path: Path) -> None:
    """Exempt mentions fail nothing.

    An exemption without a mention is a finding, because it would hide a later one.
    """
    write(tmp_path, "tools/old/import.py", "open('tasks.db')\n")
    write(tmp_path, "tools/more.sh", "cp tasks.db x\n\ncp tasks.db y\n")
    write(tmp_path, "tools/README.md", "tasks.db\n")
    write(tmp_path, "app.py", "open('tasks.db')\n")
    exempt = [
        Exemption(path="tools/old", reason="imports what is in the archives"),
        Exemption(path="*/more.sh", reason="it is never called"),
        Exemption(path="docs/*", reason="history"),
    ]

    result = find_mentions(ScanScope(tmp_path, ["."], DATABASES, exempt=exempt))

    assert [mention.subject for mention in stale_observations(result)] == ["app.py:1"]
    assert [(finding.id, finding.subject, finding.count) for finding in mention_findings(result, exempt)] == [
        ("mention-in-documentation", "tools/README.md:1", 1),
        ("mention-exempt", "tools/more.sh:1, 3", 2),
        ("mention-exempt", "tools/old/import.py:1", 1),
        ("exemption-idle", "docs/*", 1),
    ]
    assert "it is never called" in mention_findings(result, exempt)[1].text


def test_target_with_same_name_is_distinguished_by_folder(tmp_path: Path) -> None:
    """The part of the path that differs is needed for a mention.

    A text that may be either is no mention.
    """
    write(
        tmp_path, "a.py", "a = 'logs/tasks.db'\nb = Path('logs') / 'tasks.db'\nc = ROOT / 'tasks.db'\nd = 'tasks.db'\n"
    )
    write(tmp_path, "b.ini", "old = C:\\logs\\tasks.db\nnew = tasks.db\n")

    result = find_mentions(ScanScope(tmp_path, ["."], DATABASES, target="tasks.db"))

    assert [(mention.file, mention.line, mention.database) for mention in result.mentions] == [
        ("a.py", 1, "logs/tasks.db"),
        ("a.py", 2, "logs/tasks.db"),
        ("b.ini", 1, "logs/tasks.db"),
    ]


def test_each_mention_in_use_is_an_observation_that_fails(tmp_path: Path) -> None:
    """It has file, line, printable text and a hint."""
    write(tmp_path, "a.py", "x = 'tasks.db'  # \x1b[2J\n" + "y = 'task_queue.db'" + " " * 200 + "# end\n")
    write(tmp_path, "b.md", "tasks.db")

    observations = stale_observations(find_mentions(ScanScope(tmp_path, ["."], DATABASES)))

    assert [
        (observation.subject, observation.expected, observation.observed[:26], observation.holds)
        for observation in observations
    ] == [
        ("a.py:1", "no mention of tasks.db", "x = 'tasks.db'  # \\x1b[2J", False),
        ("a.py:2", "no mention of task_queue.db", "y = 'task_queue.db'       ", False),
    ]
    assert all(observation.todo and len(observation.observed) <= 120 for observation in observations)


def test_clean_trees_are_one_observation_that_counts_the_files(tmp_path: Path) -> None:
    """The number of files read shows what "nothing found" covers."""
    write(tmp_path, "a.py", "x = 'workspace.db'\n")
    write(tmp_path, "b.md", "tasks.db and task_queue.db")

    observations = stale_observations(find_mentions(ScanScope(tmp_path, ["."], DATABASES)))

    assert [(observation.outcome, observation.examined) for observation in observations] == [(Outcome.PASSED, 2)]
    assert observations[0].observed == "2 files read, none does; 2 mentions in documentation"


def test_without_old_databases_nothing_is_found(tmp_path: Path) -> None:
    """An empty list of names matches nothing."""
    write(tmp_path, "a.py", "x = 'tasks.db'\n")

    result = find_mentions(ScanScope(tmp_path, ["."], []))

    assert (result.mentions, result.files_read) == ((), 1)
