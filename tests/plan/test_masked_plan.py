"""Specify how the secrets of a plan are masked where it is shown."""

from __future__ import annotations

import tomllib

import pytest

from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.plan.parts.masked_plan import hidden_values, mask_arguments, mask_plan, masked_smoke
from sqlite_consolidate.plan.toml_file import MAX_BYTES

_PLAN = """\
# deployed with DB_PASSWORD=hunter2-comment
format = 1
name = "p"
target = "t.db"
[change]
reason = "uses https://u:hunter2-url@host"
[[source]]
name = "a"
file = "a.db"
constants = { api_key = "hunter2-constant", n = 1 }
  [[source.table]]
  name = "t"
  where = "token <> 'hunter2-where'"
  columns = { password = "pw" }
[[smoke]]
name = "one"
run = ["app", "--password", "hunter2-argument", # token=hunter2-beside
  "sh"]
expect = { stdout = 'password=hunter2-(x|y)' }
[[smoke]]
name = "two"
python = '''
import os
os.environ["DB_PASSWORD"] = "hunter2-environment"
'''
"""


def _plan(text: bytes) -> Plan:
    return Plan.model_validate(tomllib.loads(text.decode()), by_alias=True, by_name=False)


def test_masked_plan_is_a_plan_without_secrets() -> None:
    """Names stay, and the smoke tests are those that an evidence shows."""
    masked = mask_plan(_PLAN.encode())

    assert b"hunter2" not in masked
    assert masked.count(b"\n") == _PLAN.count("\n")
    before, after = _plan(_PLAN.encode()), _plan(masked)
    assert after.sources[0].tables[0].columns == {"password": "pw"}
    assert [masked_smoke(test) for test in before.smoke] == after.smoke


def test_masked_plan_is_not_changed_again() -> None:
    """The check of a bundle can tell whether a plan is masked."""
    masked = mask_plan(_PLAN.encode())

    assert mask_plan(masked) == masked
    assert [masked_smoke(test) for test in _plan(masked).smoke] == _plan(masked).smoke


@pytest.mark.parametrize("plan", [b"", b"name = 'p' # token\r\n", b"\xef\xbb\xbfname = 'p'", b"\xff not TOML ["])
def test_plan_without_secrets_keeps_its_bytes(plan: bytes) -> None:
    """Its digest is then that of the file."""
    assert mask_plan(plan) == plan
    assert hidden_values(plan) == ()


def test_plan_with_mistakes_is_masked_by_lines() -> None:
    """The bundle of a refused run shows it as well."""
    plan = b"run = ['app', '--password', 'hunter2-argument'\nurl = https://u:hunter2@h"

    assert b"hunter2" not in mask_plan(plan)


def test_argument_of_a_mistaken_plan_is_masked_whole() -> None:
    """Only its quotation marks tell where it ends."""
    plan = b"""run = ["app", "--token=x hunter2", '--secret=y "hunter2"', "--token=$TOKEN x", "TOKEN_FILE=a b" """

    assert mask_plan(plan) == b"""run = ["app", "--token=***", '--secret=***', "--token=***", "TOKEN_FILE=a b" """


def test_each_of_two_similar_secrets_is_hidden() -> None:
    """The masked text tells where each secret ends."""
    plan = b"[[smoke]]\nrun = ['a', 'https://u:first-v1@h https://u:second-v2@h']"

    assert hidden_values(plan) == ("second-v2", "first-v1")


def test_longest_thousand_values_are_hidden() -> None:
    """Each of them is searched in each text of a report."""
    words = [f"--secret=s3cret-{number:05}" for number in range(1001)]
    plan = f"[[smoke]]\nrun = ['--secret=s3cret-longest', {', '.join(map(repr, words))}]"

    hidden = hidden_values(plan.encode())

    assert (hidden[0], len(hidden)) == ("s3cret-longest", 1000)


def test_plan_that_is_valid_once_masked_is_masked_again() -> None:
    """A control character within a secret is no TOML."""
    plan = b"# token=hunter2\x00\nrun = ['app', '--token=x hunter2']"

    assert b"hunter2" not in mask_plan(plan)
    assert mask_plan(mask_plan(plan)) == mask_plan(plan)


def test_file_too_long_for_a_plan_is_hidden() -> None:
    """Nothing is searched in it, and the run is refused."""
    masked = mask_plan(b"#" * (MAX_BYTES + 1))

    assert len(masked) < 100
    assert mask_plan(masked) == masked
    assert hidden_values(b"#" * (MAX_BYTES + 1)) == ()


def test_values_are_hidden_that_no_other_text_has() -> None:
    """A word, and a value that the plan states elsewhere, could be meant otherwise."""
    plan = (
        "[[smoke]]\nname = 'x7-main'\nrun = ['a', '--password', 'x7-main', '--token', 'rows', '--secret', 's3cret-v']"
    )

    assert hidden_values(plan.encode()) == ("s3cret-v",)


def test_secret_is_masked_where_another_command_repeats_it() -> None:
    """No report shows it then, whatever an application prints."""
    plan = (
        "[[smoke]]\nname = 'a'\nrun = ['a', '--token', 's3cret-v']\n"
        "[[smoke]]\nname = 'b'\nrun = ['echo', 'is s3cret-v here']\n"
        '[[smoke]]\nname = \'c\'\npython = """print(\'s3cret-v\')"""\n'
    )

    masked = mask_plan(plan.encode())

    shown = [smoke.get("run", smoke.get("python")) for smoke in tomllib.loads(masked.decode())["smoke"]]
    assert shown == [["a", "--token", "***"], ["echo", "is *** here"], "print('***')"]
    assert mask_plan(masked) == masked
    assert hidden_values(plan.encode()) == ("s3cret-v",)


def test_secret_is_masked_where_the_plan_repeats_it() -> None:
    """A pattern is still one, and another secret that is a name as well stays."""
    plan = (
        "# not s3cret-v\n[change]\nreason = 'as s3cret-v, x7-main'\n[[smoke]]\nname = 'x7-main'\n"
        "run = ['a', '--token', 's3cret-v', '--secret', 'x7-main']\nexpect = { stdout = '^s3cret-v x7-main$' }"
    )

    masked = mask_plan(plan.encode())

    assert tomllib.loads(masked.decode()) == {
        "change": {"reason": "as ***, x7-main"},
        "smoke": [
            {
                "name": "x7-main",
                "run": ["a", "--token", "***", "--secret", "***"],
                "expect": {"stdout": r"^\*\*\* x7-main$"},
            }
        ],
    }
    assert masked.startswith(b"# not ***\n")
    assert mask_plan(masked) == masked
    assert hidden_values(plan.encode()) == ("s3cret-v",)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["app", "--password", "v w"], ["app", "--password", "***"]),
        (["app", "--token=v w"], ["app", "--token=***"]),
        (["env", "PGPASSWORD=v w", "psql"], ["env", "PGPASSWORD=***", "psql"]),
        (["curl", "-u", "bob:v", "https://u:v@h"], ["curl", "-u", "bob:***", "https://u:***@h"]),
        (["sh", "-c", "app --password 'v w' x"], ["sh", "-c", "app --password '***' x"]),
        (["/usr/bin/mysql", "-pv"], ["/usr/bin/mysql", "-p***"]),
        (["sshpass", "-p", "v", "ssh"], ["sshpass", "-p", "***", "ssh"]),
        (["app", "--password", "--user", "$TOKEN"], ["app", "--password", "--user", "$TOKEN"]),
        (["mkdir", "-p", "v", "--password", "$PASSWORD"], ["mkdir", "-p", "v", "--password", "$PASSWORD"]),
    ],
    ids=lambda words: "-".join(words)[:30],
)
def test_secret_arguments_are_masked(words: list[str], shown: list[str]) -> None:
    """References to variables stay."""
    assert mask_arguments(words) == shown
