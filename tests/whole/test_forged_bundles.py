"""A bundle is held against itself: each forgery fits its digests, and is found by what it contradicts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from migration.audit.bundle_reader import read_bundle
from migration.audit.bundle_run import BundleRun
from migration.audit.records import DIGESTS
from migration.engine.modes import Mode
from migration.engine.pipeline import go_through
from migration.engine.request import RunRequest, Settings
from tests.whole.forgery import Files, edit, entry_of, seal_anew, write
from tests.whole.whole_run import Workspace, small_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CHANGE = """
[change]
id = "CHG-1042"
reason = "one database"
requested_by = "R. Asker"
approved_by = "A. Prover"  # on the phone

[[smoke]]
name = "counts lines"
python = "print(1)"
expect = { stdout = "^1$", lines = 1 }
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``.zip`` of an accepted migration with a change record."""
    workspace = small_workspace(tmp_path_factory.mktemp("made"))
    plan = workspace.root / "consolidation.toml"
    plan.write_text(plan.read_text() + _CHANGE)
    workspace.execute("main.db", "CREATE TABLE empty(x); CREATE TABLE single(x); INSERT INTO single VALUES (1)")
    ran = workspace.forked("migrate")
    assert ran.exit == 0, ran.text
    assert ran.folder is not None
    return ran.folder.with_suffix(".zip")


@pytest.fixture
def files(made: Path) -> Files:
    """Its files, to be forged."""
    return dict(read_bundle(made).files)


def found(folder: Path, files: Files) -> dict[str, set[str]]:
    """Return the subjects that do not hold, by their criteria."""
    write(folder / "bundle", files)
    settings = Settings(workspace=folder / "nowhere", plan=folder / "none.toml", reports=folder)
    run = BundleRun(RunRequest(Mode.BUNDLE, settings), folder / "bundle")
    go_through(run)
    return {
        criterion: {entry.subject for entry in result.evidence if not entry.holds}
        for criterion, result in run.log.results.items()
        if not result.outcome.holds
    }


def _damaged(document: Any) -> None:
    entry_of(document, "integrity")["observed"] = "row 5 missing from index x"


def _worded(document: Any) -> None:
    entry_of(document, "integrity").update(observed="row 5 missing from index x", relation="stated")


def _unrelated(document: Any) -> None:
    entry_of(document, "integrity").update(observed="row 5 missing from index x", relation=None)


def _written_late(document: Any) -> None:
    entry_of(document, "no-late-writes")["observed"] = "0" * 64


def _written_late_twice(document: Any) -> None:
    entry_of(document, "no-late-writes").update(expected="0" * 64, observed="0" * 64)


def _too_large(document: Any) -> None:
    entry = entry_of(document, "size-reasonable")
    entry.update(number=entry["limit"] + 1, observed=f"{entry['limit'] + 1} bytes")


def _other_number(document: Any) -> None:
    entry_of(document, "size-reasonable")["observed"] = "99999999999 bytes"


def _exit_status(document: Any) -> None:
    entries = (entry for entry in document["criteria"] if entry["id"] == "smoke:counts lines")
    next(entry for entry in entries if entry["expected"] == "exit status 0")["observed"] = "exit status 1"


def _digest(document: Any) -> None:
    entry_of(document, "rows-exact")["observed"] = "3 rows, " + "0" * 64


def _without(criterion: str, place: int = 0) -> Callable[[Any], None]:
    def _remove(document: Any) -> None:
        document["criteria"].remove(entry_of(document, criterion, place))

    return _remove


def _excused(document: Any) -> None:
    entry_of(document, "rows-exact").update(outcome="not required", examined=0)


def _source_forgotten(document: Any) -> None:
    """Take out everything that names the source, its row counts and all."""
    document.update(sources=[], moves=[])
    document["criteria"] = [entry for entry in document["criteria"] if "old.db" not in entry["subject"]]


def _approver(document: Any) -> None:
    document["change"]["approved_by"] = "Somebody Else"


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (_damaged, "integrity: target: integrity_check"),
        (_worded, "integrity: target: integrity_check: relation"),
        (_unrelated, "integrity: target: integrity_check"),
        (_written_late, "no-late-writes: old.db"),
        (_written_late_twice, "no-late-writes: old.db: as in the list of databases"),
        (_too_large, "size-reasonable: target"),
        (_other_number, "size-reasonable: target"),
        (_exit_status, "smoke:counts lines: python -c 'print(1)'"),
        (_digest, "rows-exact: tasks <- old.db:tasks"),
        (_without("rows-exact"), "rows-exact: tasks <- old.db:tasks"),
        (_without("integrity-before"), "integrity-before: main.db"),
        (_without("final-digest"), "final-digest: target: people"),
        (_without("smoke:counts lines"), "smoke:counts lines: "),
        (_without("backup-digest"), "backup-digest: main.db"),
        (_without("neighbours-unchanged"), "neighbours-unchanged: people"),
        (_without("no-late-writes"), "no-late-writes: old.db"),
        (_excused, "rows-exact: tasks <- old.db:tasks"),
        (_source_forgotten, "sources: old.db"),
        (_approver, "change: approved_by: as in plan.toml"),
    ],
)
def test_evidence_that_contradicts_itself_is_found(
    files: Files, tmp_path: Path, change: Callable[[Any], None], subject: str
) -> None:
    """By an entry that names criterion and subject of what was forged."""
    edit(files, change)

    assert subject in found(tmp_path, files)["evidence-consistent"]


def in_page(pattern: str, text: str) -> Callable[[Files], None]:
    """Return a forgery of the page: what a regular expression finds first is replaced."""

    def _replace(files: Files) -> None:
        page = files["audit.html"].decode()
        forged = re.sub(pattern, lambda _found: text, page, count=1)
        assert forged != page
        files["audit.html"] = forged.encode()

    return _replace


_RUNS = "alert(1)"
_HASH = re.compile(r"sha256-[^']*'")


def _own_policy(files: Files) -> None:
    """Put in a script, and let the page's own policy allow it."""
    digest = base64.b64encode(hashlib.sha256(_RUNS.encode()).digest()).decode()
    page = files["audit.html"].decode()
    page = _HASH.sub(f"sha256-{digest}'", page, count=1).replace("</body>", f"<script>{_RUNS}</script></body>")
    files["audit.html"] = page.encode()


@pytest.mark.parametrize(
    ("forge", "subject"),
    [
        (in_page(r"<b>\d+</b> criteria", "<b>99</b> criteria"), "audit.html: verdict"),
        (in_page(r"2 databases|1 database\b", "7 databases"), "audit.html: glance"),
        (in_page(r"A\. Prover", "Somebody Else"), "audit.html: glance"),
        (in_page(r"(?<=<dt>Rows</dt><dd>)[^<]*", "5000 before"), "audit.html: tables"),
        (
            in_page(r"(?s)(?<=id=\"signatures\").*?Somebody|A\. Prover(?=</td><td></td>)", "Else"),
            "audit.html: signatures",
        ),
        (in_page("</section>", "<p>All is well.</p></section>"), "audit.html: verdict"),
        (in_page("</section>", "</section><p>All is well.</p>"), "audit.html: outside of its sections"),
        (in_page("</body>", f"<script>{_RUNS}</script></body>"), "audit.html: scripts"),
        (in_page("</body>", '<script src="https://example.com/x.js"></script></body>'), "audit.html: scripts"),
        (in_page("<body>", f'<body onload="{_RUNS}">'), "audit.html: scripts"),
        (in_page('href="#criteria"', f'href="javascript:{_RUNS}"'), "audit.html: scripts"),
        (in_page('<img src=""', '<img src="https://example.com/x.png"'), "audit.html: scripts"),
        (
            in_page("</body>", '<meta http-equiv="refresh" content="0;url=https://example.com"></body>'),
            "audit.html: scripts",
        ),
        (in_page("</style>", "@import 'https://example.com/x.css';</style>"), "audit.html: scripts"),
        (in_page("script-src '[^']*'", "script-src 'unsafe-inline'"), "audit.html: content policy"),
        (_own_policy, "audit.html: scripts"),
        (in_page(r'(?<=<td class="number">)3(?=</td><td class="number">3</td></tr>)', "4"), "audit.html: pictures"),
        (in_page(r'(?<=<td class="number">3</td><td class="number">)3(?=</td></tr>)', "4"), "audit.html: pictures"),
        (in_page("</body>", "<style>main { display: none }</style></body>"), "audit.html: styles"),
        (in_page("</head>", "<style>main { display: none }</style></head>"), "audit.html: styles"),
        (in_page("(?s)</style>(?!.*</style>)", "main { display: none }</style>"), "audit.html: styles"),
        (in_page("<main>", '<main style="display: none">'), "audit.html: styles"),
    ],
)
def test_page_that_is_not_that_of_the_evidence_is_found(
    files: Files, tmp_path: Path, forge: Callable[[Files], None], subject: str
) -> None:
    """Other numbers, another approver, words that nobody's evidence says, and whatever could act."""
    forge(files)
    seal_anew(files)

    assert subject in found(tmp_path, files)["files-agree"]


def _comment(files: Files) -> None:
    """Let a comment of the plan name somebody else: nothing reads it."""
    old, new = (b"# on the phone", b"# approved_by = 'Somebody Else'")
    assert old in files["plan.toml"]
    before = hashlib.sha256(files["plan.toml"]).hexdigest()
    files["plan.toml"] = files["plan.toml"].replace(old, new)
    after = hashlib.sha256(files["plan.toml"]).hexdigest()
    for name in ("evidence.json", "summary.txt", "audit.html"):
        files[name] = files[name].replace(before.encode(), after.encode())


def _reordered(files: Files) -> None:
    document = json.loads(files["evidence.json"])
    files["evidence.json"] = json.dumps(dict(sorted(document.items()))).encode()


@pytest.mark.parametrize("change", [lambda _files: None, _comment, _reordered])
def test_honest_bundle_passes_however_it_was_written(
    files: Files, tmp_path: Path, change: Callable[[Files], None]
) -> None:
    """Sealed anew by the same means as each forgery."""
    change(files)
    seal_anew(files)

    assert found(tmp_path, files) == {}


def test_command_says_what_digests_cannot_prove(made: Path, tmp_path: Path) -> None:
    """On the terminal, and in the report of the check, also where it is accepted."""
    ran = Workspace(tmp_path / "nowhere", tmp_path / "reports").forked("verify", f"--bundle={made}")

    assert (ran.exit, ran.failed) == (0, set()), ran.text
    assert DIGESTS in ran.text
    assert ran.folder is not None
    assert DIGESTS in (ran.folder / "audit.html").read_text("utf-8")


def test_honest_bundle_of_a_rehearsal_passes(tmp_path: Path) -> None:
    """Its backup set is gone, and its rollback is demanded."""
    workspace: Workspace = small_workspace(tmp_path)
    ran = workspace.forked("verify")
    assert ran.folder is not None
    honest = dict(read_bundle(ran.folder).files)
    without = dict(honest)

    assert found(tmp_path / "honest", honest) == {}
    edit(without, _without("restored-exact"))
    assert "evidence-consistent" in found(tmp_path / "forged", without)
