"""Test which workspaces paths and patterns name, and in which rounds they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.fleet.fleet_file import load_fleet
from sqlite_consolidate.fleet.members import WorkspaceMatch, find_workspaces, plan_rounds, resolve_members
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.fleet.members import Member


def shops(folder: Path, names: str) -> None:
    """Create folders with a plan file, which is enough for a fleet."""
    for name in names.split():
        (folder / "shops" / name).mkdir(parents=True)
        (folder / "shops" / name / "consolidation.toml").touch()


def members_of(folder: Path, text: str) -> tuple[Member, ...]:
    """Return the members of a fleet file."""
    (folder / "fleet.toml").write_text(f"format = 1\n{text}\n")
    return resolve_members(load_fleet(folder / "fleet.toml"), find_workspaces)


def refusal(folder: Path, text: str) -> str:
    """Return the refusal of a fleet file."""
    with pytest.raises(ProblemError) as raised:
        members_of(folder, text)
    return str(raised.value)


def order(folder: Path, text: str) -> list[list[str]]:
    """Return the names in each round."""
    fleet_members = members_of(folder, text)
    rounds = plan_rounds(load_fleet(folder / "fleet.toml").fleet, fleet_members)
    return [[member.name for member in group] for group in rounds]


def test_pattern_does_not_match_hidden_folders(tmp_path: Path) -> None:
    """Files beside the folders are no workspaces."""
    shops(tmp_path, "ulm bonn .git")
    (tmp_path / "shops" / "README").touch()

    assert [member.name for member in members_of(tmp_path, 'workspaces = ["shops/*"]')] == ["shops/bonn", "shops/ulm"]


def test_link_that_a_pattern_matches_leads_nowhere_else(tmp_path: Path) -> None:
    """Who can write beside the workspaces cannot have another consolidated.

    A named link is meant.
    """
    shops(tmp_path, "a elsewhere/b")
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/b").symlink_to(tmp_path / "shops/elsewhere/b", target_is_directory=True)

    text = refusal(tmp_path, 'plan = ""\nworkspaces = ["sites/b*"]')

    assert "[outside]" in text
    assert [member.name for member in members_of(tmp_path, 'workspaces = ["sites/b"]')] == ["shops/elsewhere/b"]


def test_canary_is_the_first_round(tmp_path: Path) -> None:
    """The default is one canary, and one batch of all others."""
    shops(tmp_path, "a b c d")

    assert order(tmp_path, 'workspaces = ["shops/*"]') == [["shops/a"], ["shops/b", "shops/c", "shops/d"]]
    assert order(tmp_path, 'workspaces = ["shops/*"]\ncanary = 0\nbatch = 3') == [
        ["shops/a", "shops/b", "shops/c"],
        ["shops/d"],
    ]


def test_named_canary_is_left_out_of_the_pattern(tmp_path: Path) -> None:
    """The named entry has precedence over the pattern."""
    shops(tmp_path, "a b c")

    rest_after_b = order(tmp_path, 'workspaces = ["shops/*"]\n[[workspace]]\npath = "shops/b"\ncanary = true')

    assert rest_after_b == [["shops/b"], ["shops/a", "shops/c"]]


def test_report_folder_of_each_member_is_unique_and_safe(tmp_path: Path) -> None:
    """Equal names in different folders differ in their reports, and no name leads out of them."""
    shops(tmp_path, "a b")
    (tmp_path / "shops" / "a" / "x y\nz").mkdir()
    (tmp_path / "shops" / "b" / "x y\nz").mkdir()

    keys = [member.key for member in members_of(tmp_path, 'plan = ""\nworkspaces = ["shops/a", "shops/b"]')]
    text = '[[workspace]]\npath = "shops/*/x*"\nplan = "{}"'
    (tmp_path / "plan.toml").write_text(
        'format = 1\nname = "p"\ntarget = "t.db"\n[[source]]\nname = "s"\nfile = "s.db"\n[[source.table]]\nname = "t"\n'
    )
    odd = [member.key for member in members_of(tmp_path, text.format("plan.toml"))]

    assert len({*keys, *odd}) == 4
    assert all(key.startswith("x_y_z-") for key in odd)


def test_mistakes_found_in_workspaces_are_reported_together(tmp_path: Path) -> None:
    """Paths that lead nowhere, missing plans and double entries have positions."""
    shops(tmp_path, "a b")
    (tmp_path / "shops" / "b" / "consolidation.toml").unlink()

    text = refusal(
        tmp_path,
        'workspaces = ["shops/*", "shop/*"]\n[[workspace]]\npath = "shops/a"\n[[workspace]]\npath = "shops/../shops/a"',
    )

    assert "fleet.toml:2:15 (workspaces 1): " in text
    assert "[no-plan-file]" in text
    assert 'fleet.toml:2:26 (workspaces 2): "shop/*" ' in text
    assert "[no-workspace]" in text
    assert 'fleet.toml:5:1 (workspace 2): "shops/a" ' in text
    assert "[listed-twice]" in text


def test_shared_plan_with_mistakes_refuses_the_fleet(tmp_path: Path) -> None:
    """The mistakes are reported once, before any run is started."""
    shops(tmp_path, "a b")
    (tmp_path / "shop.toml").write_text('format = 1\nname = "shop"\n')

    text = refusal(tmp_path, 'plan = "shop.toml"\nworkspaces = ["shops/*"]')

    assert "shop.toml (target)" in text
    assert text.count('"target" is missing') == 1


@pytest.mark.parametrize("keep_going", [True, False])
def test_missing_host_refuses_the_fleet_unless_it_keeps_going(tmp_path: Path, keep_going: bool) -> None:
    """With ``keep_going`` its workspaces are members, so that the roll-up has rows for them."""
    text = f'scheduler = "tcp://a:1"\nkeep_going = {str(keep_going).lower()}\n'
    (tmp_path / "fleet.toml").write_text(f'format = 1\n{text}[[workspace]]\npath = "/srv/*"\nworker = "north"\n')
    file = load_fleet(tmp_path / "fleet.toml")

    def away(_worker: str, _pattern: str) -> WorkspaceMatch:
        return WorkspaceMatch(error="no worker of that name is connected")

    if keep_going:
        assert [member.name for member in resolve_members(file, away)] == ["north:/srv/*"]
    else:
        with pytest.raises(ProblemError, match="no worker of that name is connected"):
            resolve_members(file, away)
