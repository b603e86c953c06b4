"""Keep the secrets of a workspace out of the terminal and of every file of a report."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.one_source import build_one_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workspaces.whole_run import CompletedRun, Workspace

# No value is a real one. Each is divided, so that no service that looks for leaked tokens finds it here.
KEY_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQ" + "EFAASCBKcwggSj"
TOKEN, CLOUD = "ghp_" + "Zx9" * 12, "AKIA" + "Q7W2" * 4
SECRETS = ("django-insecure-5f0c", "p4ss-of-the-database", "value-of-an-api-key", KEY_BODY, TOKEN, CLOUD)
PRINTED, LOGGED = "sk-" + "live-8a7b" * 4, "xoxb-" + "99887766-loggedtoken"
PLANNED = ("hunter2-in-a-comment", "hunter2-as-argument", "PGPASSWORD=hunter2 with words")
TELL = f"print('connecting with {PRINTED}', open('app/.env').read()[11:31])\n"
"""A program that prints a token, and the value of a key of the rewritten file without the key."""
ENVIRONMENT = f"""\
SECRET_KEY={SECRETS[0]}
DATABASE_URL=postgres://shop:{SECRETS[1]}@db.example/shop
{{"api_key": "{SECRETS[2]}"}}
STORE=old.db?password={SECRETS[1]}&github={TOKEN}
CLOUD_ID={CLOUD}
-----BEGIN PRIVATE KEY-----
{KEY_BODY}
-----END PRIVATE KEY-----
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace with six secrets in a file that the run rewrites.

    A smoke test prints one of them and one more. Another expects an argument in its output that is a secret,
    and a third has it in its command.
    """
    workspace = build_one_source(tmp_path)
    (workspace.root / "app/.env").write_text(ENVIRONMENT)
    reference = "[[reference]]\nfile = 'app/.env'\nfind = 'STORE=old.db'\nreplace = 'STORE=main.db'\n\n[scan]"
    workspace.edit("consolidation.toml", "[scan]", reference)
    (workspace.root / "app/tell.py").write_text(TELL)
    with workspace.plan.open("a") as plan:
        plan.write(f"# DB_PASSWORD={PLANNED[0]}\n")
        plan.write("[[smoke]]\nname = 'tells'\npython = 'import app.tell'\npath = ['.']\n")
        told = f"run = ['python', '-c', 'import sys; print(sys.argv)', '--password', '{PLANNED[1]}', '{PLANNED[2]}']"
        plan.write(f"[[smoke]]\nname = 'asks'\n{told}\nexpect = {{ stdout = '{PLANNED[1]}' }}\n")
        plan.write(f"[[smoke]]\nname = 'repeats'\nrun = ['echo', '{PLANNED[1]}', 'or {PLANNED[1]}']\n")
    return workspace


def leaks(ran: CompletedRun, secret: str) -> list[str]:
    """Return the files of the report, and the terminal, that have the secret."""
    assert ran.folder is not None
    texts = {path.name: path.read_bytes() for path in ran.folder.rglob("*") if path.is_file()}
    with zipfile.ZipFile(ran.folder.with_name(f"{ran.folder.name}.zip")) as archive:
        texts |= {name: archive.read(name) for name in archive.namelist()}
    texts["terminal"] = ran.text.encode()
    assert len(texts) > len(("folder", "zip")) * len(("audit.html", "evidence.json", "code.diff"))
    return [name for name, data in texts.items() if secret.encode() in data]


def test_no_secret_is_in_report_bundle_or_terminal(workspace: Workspace) -> None:
    """The backup set has the whole diff, which only the operator can read."""
    tell = f"open('app.log', 'a').write('ERROR refused: {LOGGED}')\n"
    (workspace.root / "app/tell.py").write_text(f"{TELL}{tell}")

    ran = workspace.forked("migrate")

    assert (ran.exit, ran.failed) == (1, {"logs-clean"}), ran.text
    leaked = {secret: leaks(ran, secret) for secret in (*SECRETS, PRINTED, LOGGED, *PLANNED)}
    assert {secret: files for secret, files in leaked.items() if files} == {}
    assert "ERROR refused: ***" in ran.text
    assert ran.folder is not None
    shown = (ran.folder / "code.diff").read_text()
    assert "\n-STORE=old.db?password=***&github=***\n+STORE=main.db?password=***&github=***\n" in shown
    whole = workspace.sets()[0] / "code.diff"
    assert f"{workspace.sets()[0].name}/code.diff" in shown
    assert all(secret in whole.read_text() for secret in (SECRETS[1], TOKEN))
    assert stat.S_IMODE(whole.stat().st_mode) == 0o600


@pytest.mark.thorough
def test_accepted_bundle_with_masked_output_is_accepted(workspace: Workspace) -> None:
    """Its output is known to be masked, so that it is not judged by the plan again."""
    workspace.edit("consolidation.toml", "name = 'tells'", f"name = 'tells'\nexpect = {{ stdout = '{PRINTED}' }}")

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    outputs = {application["name"]: application["stdout"] for application in ran.evidence["smoke"]}
    assert outputs["tells"] == "connecting with *** ***\n"
    assert outputs["repeats"] == "*** or ***\n"
    assert outputs["asks"] == "['-c', '--password', '***', 'PGPASSWORD=***']\n"
    assert ran.folder is not None
    assert workspace.forked("verify", f"--bundle={ran.folder}").exit == 0
    assert PRINTED not in json.dumps(ran.evidence["smoke"])


@pytest.mark.thorough
def test_plan_with_secrets_is_rehearsed_and_undone(workspace: Workspace) -> None:
    """The digest of the plan is that of the file, which the backup set has whole."""
    ran = [workspace.run("verify"), workspace.run("migrate"), workspace.run("verify"), workspace.run("rollback")]

    assert [each.exit for each in ran] == [0, 0, 0, 0]
    assert [[secret for secret in PLANNED if leaks(each, secret)] for each in ran] == [[], [], [], []]
    digest = hashlib.sha256(workspace.plan.read_bytes()).hexdigest()
    assert {each.evidence["plan"]["sha256"] for each in ran} == {digest}
    assert (workspace.sets()[0] / "plan.toml").read_bytes() == workspace.plan.read_bytes()
