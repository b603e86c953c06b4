"""Find pages and other files that contradict the evidence, and accept honest bundles."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.report.bundle_check.reader import read_bundle
from sqlite_consolidate.report.html.page_file import pytest_html_styles
from sqlite_consolidate.report.records import DIGEST_LIMITS
from tests.support.reports.forgery import Files, edit, failing_subjects, in_page, update_digests, without, write
from tests.support.thorough import thorough
from tests.support.workspaces.one_source import build_one_source
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_AROUND = "audit.html: outside of the record"


_RUNS = "alert(1)"
_HASH = re.compile(r"sha256-[^']*'")


def _own_policy(files: Files) -> None:
    """Put in a script, and let the page's own policy allow it."""
    digest = base64.b64encode(hashlib.sha256(_RUNS.encode()).digest()).decode()
    page = files["audit.html"].decode()
    page = _HASH.sub(f"sha256-{digest}'", page, count=1).replace("</body>", f"<script>{_RUNS}</script></body>")
    files["audit.html"] = page.encode()


def _over_the_page(text: str) -> Callable[[Files], None]:
    """Return a forgery of the place where the styles of an operator are."""

    def _put(files: Files) -> None:
        page, end = files["audit.html"].decode(), pytest_html_styles().rstrip()[-40:]
        assert end in page
        files["audit.html"] = page.replace(end, f"{end}\n{text}\n", 1).encode()

    return _put


@pytest.mark.parametrize(
    ("forge", "subject"),
    [
        (in_page(r"<b>\d+</b> criteria", "<b>99</b> criteria"), "audit.html: verdict"),
        (in_page(r"A\. Prover", "Mallory Else"), "audit.html: people"),
        (_own_policy, "audit.html: scripts"),
        (_over_the_page("</style ><div>All checks approved by X</div><style>"), _AROUND),
        (in_page("No log output captured.", "All checks approved by X"), "audit.html: tests"),
        *thorough(
            (in_page(r"(?<=<dt>Rows</dt><dd>)[^<]*", "5000 before"), "audit.html: tables"),
            (in_page("</body>", f"<script>{_RUNS}</script></body>"), "audit.html: scripts"),
            (in_page(r"(?<=-&gt; tasks: )3 rows", "4 rows"), "audit.html: sql"),
            (in_page("</body>", "<style>main { display: none }</style></body>"), _AROUND),
            (in_page("</main>", "<p>All checks approved by X</p></main>"), _AROUND),
            (in_page(r"from 1 source database\b", "from 7 source databases"), "audit.html: questions"),
            (
                in_page(r"(?s)(?<=id=\"signatures\").*?Mallory|A\. Prover(?=</td><td></td>)", "Else"),
                "audit.html: signatures",
            ),
            (in_page("</section>", "<p>All is well.</p></section>"), "audit.html: verdict"),
            (in_page("</section>", "</section><p>All is well.</p>"), "audit.html: outside of its sections"),
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
            (in_page(r'(?<=<td class="number">)3(?=</td><td class="number">3</td><td>)', "4"), "audit.html: pictures"),
            (in_page(r'(?<=<td class="number">3</td><td class="number">)3(?=</td><td>)', "4"), "audit.html: pictures"),
            (in_page("</head>", "<style>main { display: none }</style></head>"), _AROUND),
            (in_page("(?s)</style>(?!.*</style>)", "main { display: none }</style>"), "audit.html: styles"),
            (in_page('<style type="text/css">', '<style type="text/css">main { display: none }'), "audit.html: styles"),
            (_over_the_page("</STYLE/><div>All checks approved by X</div><style>"), _AROUND),
            (_over_the_page("</style\t></style><div>All checks approved by X</div><style>"), _AROUND),
            (in_page("<main>", '<main style="display: none">'), _AROUND),
            (in_page("<main>", "<main><p>All checks approved by X</p>"), _AROUND),
            (in_page("</html>", "</html>All checks approved by X"), _AROUND),
            (in_page("</header>", "<!-- approved --></header>"), _AROUND),
            (in_page("sqlite-consolidate: migrate", "sqlite-consolidate: approved"), _AROUND),
            (in_page(r"\d+ Passed,", "99 Passed,"), _AROUND),
            (in_page(r"\d+ tests took", "99 tests took"), _AROUND),
            (in_page(r"(?<=Report generated on )[^ ]*", "01-Jan-2001"), "audit.html: date"),
            (in_page(r"(?<=Report generated on )[^ ]*", "a day of X"), _AROUND),
            (in_page(r"(?<=test_everything_is_read&lt;/td&gt;)", "&lt;b&gt;Approved&lt;/b&gt;"), "audit.html: tests"),
            (in_page("(?<=col-result&#92;&#34;&gt;)Passed|(?<=&gt;)Passed(?=&lt;)", "Approved"), "audit.html: tests"),
            (in_page("(?<=&#34;platform&#34;: &#34;)", "Other-"), "audit.html: environment"),
            (in_page('class="outcome not-required"', 'class="outcome passed"'), "audit.html: verdict"),
            (in_page('<p class="headline">', '<p class="headline" hidden>'), "audit.html: verdict"),
            (
                in_page(r"(?<=<tr><th scope=\"row\" class=\"short\">)\d+_\d+-rehearsal", "20010101_000000-rehearsal"),
                "audit.html: attempts",
            ),
            (in_page(r'(?<=<span class="line added">\+)CREATE', "DROP"), "audit.html: schema"),
            (in_page('(?<=aria-label="Code diff" tabindex="0"><code>)', "approved = True  "), "audit.html: code"),
            (in_page(r"\d+ statements, in one", "99 statements, in one"), "audit.html: sql"),
            (in_page("(?<=<code>)1\n(?=</code>)", "Approved by X"), "audit.html: smoke"),
            (in_page("does not name were not examined", "does not name were examined"), "audit.html: unchecked"),
            (in_page('(?s)<section aria-labelledby="versions">.*?</section>', ""), "audit.html: versions"),
        ),
    ],
)
def test_page_that_contradicts_the_evidence_is_found(
    files: Files, tmp_path: Path, forge: Callable[[Files], None], subject: str
) -> None:
    """It has other numbers, another approver, other texts, or active content."""
    forge(files)
    update_digests(files)

    assert subject in failing_subjects(tmp_path, files)["files-agree"]


@pytest.mark.parametrize(
    ("name", "old", "new", "subject"),
    [
        ("summary.txt", b"approved by A. Prover", b"approved by Mallory Else", "summary.txt: line {line}"),
        *thorough(
            ("sql.log", b"CREATE TRIGGER", b"CREATE TEMP TRIGGER", "audit.html: sql"),
            ("manifest.json", b'"workspace": "workspace"', b'"workspace": "other"', "manifest.json: workspace"),
            ("summary.txt", b" after; ", b"9 after; ", "summary.txt: line {line}"),
            ("summary.txt", b"Backups:", b"Approved:  by X\nBackups:", "summary.txt: line {line}"),
            ("code.diff", b"main.db", b"other.db", "audit.html: code"),
        ),
    ],
)
def test_file_that_contradicts_the_evidence_is_found(
    files: Files, tmp_path: Path, name: str, old: bytes, new: bytes, subject: str
) -> None:
    """Any line of it may be changed."""
    line = files[name][: files[name].index(old)].count(b"\n") + 1
    files[name] = files[name].replace(old, new, 1)
    update_digests(files)

    assert subject.format(line=line) in failing_subjects(tmp_path, files)["files-agree"]


def _comment(files: Files) -> None:
    """Add a comment with another name to the plan, which nothing reads."""
    old, new = (b"# on the phone", b"# approved_by = 'Mallory Else'")
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
    update_digests(files)

    assert failing_subjects(tmp_path, files) == {}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("moves", 0, "rows"), 10**400),
        *thorough(
            (("sources", 0, "before", "size"), 2**63),
            (("stages", 0, "seconds"), 1e308),
            (("smoke", 0, "seconds"), 2e9),
            (("findings", 0, "count"), 10**30),
        ),
    ],
)
def test_number_that_no_run_has_is_no_evidence(
    files: Files, tmp_path: Path, place: tuple[str | int, ...], value: float
) -> None:
    """The schema bounds rows, bytes and seconds, so nothing is drawn of it."""
    document = json.loads(files["evidence.json"])
    *path, key = place
    part = document
    for step in path:
        part = part[step]
    part[key] = value
    files["evidence.json"] = json.dumps(document).encode()
    update_digests(files)

    assert f"evidence.json: {'/'.join(map(str, place))}" in failing_subjects(tmp_path, files)["evidence-valid"]


def test_headline_states_a_check_in_part(files: Files, tmp_path: Path) -> None:
    """A forger may name any release, and so switch checks off."""
    edit(files, lambda document: document["versions"].update({"sqlite-consolidate": "0.0.9"}))
    write(tmp_path / "bundle", files)

    ran = Workspace(tmp_path / "nowhere", tmp_path / "reports").forked("verify", f"--bundle={tmp_path / 'bundle'}")

    assert ran.exit == 0, ran.text
    assert [finding.level for finding in ran.findings if finding.id == "checked-in-part"] == ["attention"]
    assert "It was checked in part, because release 0.0.9 made it" in ran.text


def test_command_says_what_digests_cannot_prove(made: Path, tmp_path: Path) -> None:
    """On the terminal, and in the report of the check, also where it is accepted."""
    ran = Workspace(tmp_path / "nowhere", tmp_path / "reports").forked("verify", f"--bundle={made}")

    assert (ran.exit, ran.failed) == (0, set()), ran.text
    assert DIGEST_LIMITS in ran.text
    assert ran.folder is not None
    assert DIGEST_LIMITS in (ran.folder / "audit.html").read_text("utf-8")


@pytest.mark.thorough
@pytest.mark.parametrize("arguments", [["--css={css}"], ["--show-values"], ["--withhold-output"]])
def test_honest_bundle_passes_whatever_was_asked_for(tmp_path: Path, arguments: list[str]) -> None:
    """Styles of the operator are counted, not compared."""
    css = tmp_path / "own.css"
    css.write_text("h1 { color: green }\n")
    workspace = build_one_source(tmp_path)
    workspace.execute("old.db", "INSERT INTO tasks VALUES ('d', 'four\x1b[2J', 4.5, NULL)")

    refused = workspace.forked("migrate", *(argument.format(css=css) for argument in arguments))
    workspace.execute("old.db", "DELETE FROM tasks WHERE id = 'd'")
    ran = workspace.forked("migrate", *(argument.format(css=css) for argument in arguments))

    assert (refused.exit, ran.exit) == (4, 0), refused.text + ran.text
    for each in (refused, ran):
        assert each.folder is not None
        assert failing_subjects(tmp_path / each.folder.name, dict(read_bundle(each.folder).files)) == {}


_ODD = """
[[source.table]]
name = "é"

[[source.table]]
name = "É"

[[smoke]]
name = "prints a path and a control character"
python = "print('C:' + chr(92) + 'x64 ok' + chr(27) + '[0m' + chr(9))"
expect = { stdout = "x64 ok", lines = 1 }
"""


@pytest.mark.thorough
def test_honest_bundle_of_odd_texts_passes(tmp_path: Path) -> None:
    """It has tabs in statements, an output like an escape, and names differing in case.

    Styles of the operator are counted, not compared.
    """
    css = tmp_path / "own.css"
    css.write_text("h1 { color: green }\n")
    workspace = build_one_source(tmp_path)
    plan = workspace.root / "consolidation.toml"
    tables, smoke = _ODD.split("[[smoke]]")
    text = plan.read_text()
    place = text.index("[[source.table]]")
    plan.write_text(f"{text[:place]}{tables}\n{text[place:]}\n[[smoke]]{smoke}")
    workspace.execute("old.db", 'CREATE TABLE "é"(a); INSERT INTO "é" VALUES (1); CREATE TABLE "É"(a,\tb)')
    workspace.execute("old.db", 'CREATE INDEX "i\tx" ON\t"é"(a); CREATE INDEX j ON\t"É"(a,\r\n\tb)\tWHERE\ta>1')
    workspace.execute(
        "main.db", "CREATE TABLE zz(a); CREATE INDEX oi ON\tzz(a); CREATE VIEW seen AS\n\tSELECT\ta FROM zz"
    )

    ran = workspace.forked("migrate", f"--css={css}")

    assert ran.exit == 0, ran.text
    assert ran.folder is not None
    assert failing_subjects(tmp_path, dict(read_bundle(ran.folder).files)) == {}


def test_honest_bundle_passes_where_no_table_is_moved(tmp_path: Path) -> None:
    """Its headline says so, and criteria that have nothing to look at say why."""
    workspace = build_one_source(tmp_path)
    plan = workspace.plan.read_text()
    source, references = plan.index("  [[source.table]]"), plan.index("[scan]")
    left = '  [[source.leave]]\n  tables = ["*"]\n  reason = "none is needed"\n\n'
    workspace.plan.write_text(plan[:source] + left + plan[references:])
    workspace.edit("app/store.py", "old.db", "main.db")
    workspace.edit("consolidation.toml", "from app.store import titles; print(len(titles()))", "print(3)")

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    assert ran.folder is not None
    assert failing_subjects(tmp_path, dict(read_bundle(ran.folder).files)) == {}


@pytest.mark.thorough
def test_honest_bundle_of_a_rehearsal_passes(tmp_path: Path) -> None:
    """Its backup set is gone, and its rollback is demanded."""
    workspace: Workspace = build_one_source(tmp_path)
    ran = workspace.forked("verify")
    assert ran.folder is not None
    honest = dict(read_bundle(ran.folder).files)
    shortened = dict(honest)

    assert failing_subjects(tmp_path / "honest", honest) == {}
    edit(shortened, without("restored-exact"))
    assert "evidence-consistent" in failing_subjects(tmp_path / "forged", shortened)
