"""List the options, plugins and paths with which a run is refused before it starts."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import sqlite_consolidate
from sqlite_consolidate.engine.run.modes import VERBS, Mode, meant_verb
from sqlite_consolidate.engine.run.stages import STAGES
from sqlite_consolidate.text import printable, with_message_id

_NAMES = (("tests", "stages"), ("sqlite_consolidate", "stages"))
_PACKAGE = Path(sqlite_consolidate.__file__).parent
_PACKAGE_STAGES = _PACKAGE / "stages"  # in a wheel, where pyproject.toml puts them
SOURCE_STAGES = _PACKAGE.parents[1] / "tests" / "stages"
"""The folder of the stages beside the package in the source tree."""

_SHIPPED = _PACKAGE_STAGES if _PACKAGE_STAGES.is_dir() else SOURCE_STAGES


@dataclass(frozen=True)
class IncompatibleOption:
    """Describe an option that cannot be combined with a verb.

    Attributes:
        dest: Name under which pytest keeps its value. A plugin that is absent has none.
        spelled: Spelling on the command line.
        effect: What the option would do to the run.
        harmless: Values, beside the empty ones, that have no effect.
    """

    dest: str
    spelled: str
    effect: str
    harmless: tuple[object, ...] = ()


_NAMES_A_RUN = ("--workspace", "--bundle", "--originals", "--fleet")

_PART = "it would leave out tests of the run"
_ORDER = "it would change the order of the stages"
_AGAIN = "it would run stages more than once"
_SPLIT = "it would spread the stages over several processes"
_BLIND = "it would let a failed check pass"

_INCOMPATIBLE = (
    IncompatibleOption("keyword", "-k", _PART),
    IncompatibleOption("deselect", "--deselect", _PART),
    IncompatibleOption("ignore", "--ignore", _PART),
    IncompatibleOption("ignore_glob", "--ignore-glob", _PART),
    IncompatibleOption("lf", "--lf, --last-failed", _PART),
    IncompatibleOption("stepwise", "--sw, --stepwise", _PART),
    IncompatibleOption("stepwise_skip", "--sw-skip, --stepwise-skip", _PART),
    IncompatibleOption("stepwise_reset", "--sw-reset, --stepwise-reset", _PART),
    IncompatibleOption("failedfirst", "--ff, --failed-first", _ORDER),
    IncompatibleOption("newfirst", "--nf, --new-first", _ORDER),
    IncompatibleOption("indulgent_ordering", "--indulgent-ordering", _ORDER),
    IncompatibleOption("sparse_ordering", "--sparse-ordering", _ORDER),
    IncompatibleOption("order_scope", "--order-scope", _ORDER, harmless=("session",)),
    IncompatibleOption("order_scope_level", "--order-scope-level", _ORDER),
    IncompatibleOption("order_group_scope", "--order-group-scope", _ORDER, harmless=("session",)),
    IncompatibleOption("order_marker_prefix", "--order-marker-prefix", _ORDER),
    IncompatibleOption("looponfail", "-f, --looponfail", _AGAIN),
    IncompatibleOption("reruns", "--reruns", _AGAIN),
    IncompatibleOption("retries", "--retries", _AGAIN),
    IncompatibleOption("force_flaky", "--force-flaky", _AGAIN),
    IncompatibleOption("flake_finder_enable", "--flake-finder", _AGAIN),
    IncompatibleOption("count", "--count", _AGAIN, harmless=(1,)),
    IncompatibleOption("numprocesses", "-n, --numprocesses", _SPLIT),
    IncompatibleOption("distload", "-d", _SPLIT),
    IncompatibleOption("dist", "--dist", _SPLIT, harmless=("no",)),
    IncompatibleOption("tx", "--tx", _SPLIT),
    IncompatibleOption("setuponly", "--setup-only", "it would open databases for nothing (--setup-plan does not)"),
    IncompatibleOption("showlocals", "-l, --showlocals", "it could put values of rows into the report"),
    IncompatibleOption("runxfail", "--runxfail", _BLIND),
    IncompatibleOption("assertmode", "--assert=plain", _BLIND, harmless=("rewrite",)),
)


def stage_folder(config: pytest.Config) -> Path:
    """Return the folder of the stages, in the project or in this package.

    If pytest was started inside a project with stages, only those count. A root folder that was moved away from them is
    a mistake to report, and no reason to run other stages.
    """
    project_stages, start_folder = config.rootpath / "tests" / "stages", config.invocation_params.dir
    folders = (config.rootpath, start_folder, *start_folder.parents)
    if any(is_stage_folder(folder / "tests" / "stages") for folder in folders):
        return project_stages
    return _SHIPPED if is_stage_folder(_SHIPPED) else project_stages


def uses_shipped_stages(config: pytest.Config) -> bool:
    """Return whether the stages are those of this package.

    No path of this project leads to them then.
    """
    return stage_folder(config) != config.rootpath / "tests" / "stages"


def is_stage_folder(folder: Path) -> bool:
    """Return whether a folder contains stages, by names alone.

    A root folder that ``-c`` or ``--rootdir`` moved must not hide it. A folder ``tests/stages`` without any file of a
    stage belongs to another project.
    """
    return folder.parts[-2:] in _NAMES and any((folder / stage.file).is_file() for stage in STAGES)


def named_stages(config: pytest.Config) -> list[str]:
    """Return the arguments of the command line that name stages.

    An argument may name their folder or a file in it.
    """
    if config.args_source is not config.ArgsSource.ARGS:
        return []
    return [arg for arg in config.args if any(map(is_stage_folder, (path := _path(config, arg), path.parent)))]


def verb_mistakes(config: pytest.Config) -> list[str]:
    """Return why the expression of ``-m``, which is no verb, was probably meant as one.

    The expression may contain a verb or resemble one, or an option may name what a run works on. Each reason is one
    line with a hint. A mark that the project registers is no mistake.
    """
    expression = config.option.markexpr.strip()
    words = re.findall(r"\w+", expression)
    if contained := [verb for verb in VERBS if verb in map(str.lower, words)]:
        commands = " or ".join(f"pytest -m {verb}" for verb in contained)
        fact = f"-m {expression!r} is no verb, and a part of a run cannot be run."
        return [with_message_id(fact, f"To start the run, use exactly: {commands}", id="verb-in-expression")]
    marks = {re.split(r"\W", line)[0] for line in config.getini("markers")}
    is_mark = [expression] != words or expression in marks
    if not is_mark and (meant := meant_verb(expression)):
        fact = f"-m {expression} is no verb."
        return [with_message_id(fact, f"Did you mean pytest -m {meant}?", id="unknown-verb")]
    given = [name for name in _NAMES_A_RUN if config.getoption(name, None) is not None]
    if given:
        fact = f"{given[0]} needs one verb, and {f'-m {expression!r} is none' if expression else 'no -m is given'}."
        return [with_message_id(fact, f"Use one of -m {', -m '.join(VERBS)}.", id="no-verb")]
    return []


def refusals(config: pytest.Config, verb: str) -> list[str]:
    """Return every reason why this run must not be started.

    Each is one line with a hint. The list is empty if the run may be started.
    """
    return [
        *(
            with_message_id(f"{option.spelled}: {option.effect}. Leave it out.", id="option-unfit")
            for option in _INCOMPATIBLE
            if _given(config, option)
        ),
        *_process(config),
        *_plugins(config),
        *_place(config, verb),
        *_target(config, verb),
        *_files(config),
    ]


def _given(config: pytest.Config, option: IncompatibleOption) -> bool:
    value = getattr(config.option, option.dest, None)
    return bool(value) and value not in option.harmless


def _process(config: pytest.Config) -> list[str]:
    from sqlite_consolidate.engine.sqlite.connections import MIN_SQLITE_VERSION, is_sqlite_too_old, sqlite_version_text

    reasons = []
    if is_sqlite_too_old():
        oldest = ".".join(map(str, MIN_SQLITE_VERSION))
        fact = f"SQLite {sqlite_version_text()} is too old: before {oldest} it cannot list tables."
        hint = "Install pysqlite3, or use a Python with a newer SQLite."
        reasons.append(with_message_id(fact, hint, id="sqlite-too-old"))
    if sys.flags.optimize:
        fact = "python -O removes assertions."
        reasons.append(with_message_id(fact, "Leave out -O and unset PYTHONOPTIMIZE.", id="python-optimizes"))
    if hasattr(config, "workerinput"):
        fact = "this is a worker of pytest-xdist: a run is one process."
        reasons.append(with_message_id(fact, "Leave out -n, --dist and --tx.", id="option-unfit"))
    return reasons


def _plugins(config: pytest.Config) -> list[str]:
    reasons = []
    if not hasattr(config.option, "order_scope"):
        fact = "pytest-order is missing or switched off: nothing would keep the stages in order."
        hint = "Install it; leave out -p no:order and PYTEST_DISABLE_PLUGIN_AUTOLOAD."
        reasons.append(with_message_id(fact, hint, id="plugin-off"))
    plugins: list[str] = getattr(config.option, "plugins", None) or []
    off = [f"-p {name}" for name in plugins if name.startswith("no:sqlite_consolidate")]
    if off:
        fact = f"{', '.join(off)}: without it the verdict could be wrong."
        reasons.append(with_message_id(fact, "Leave it out.", id="plugin-off"))
    return reasons


def _place(config: pytest.Config, verb: str) -> list[str]:
    """Return the reasons that the verb or the path of a run is not as it must be.

    The operator must name the verb on the command line, not in an environment variable. A run takes no path.
    """
    reasons = []
    if not any(arg.strip().endswith(verb) for arg in config.invocation_params.args):
        fact = f"{verb!r} is in PYTEST_ADDOPTS or in the configuration, not on the command line, so that a bare pytest"
        hint = f"Remove it there, and run: pytest -m {verb}"
        reasons.append(with_message_id(fact, "would start it.", hint, id="verb-elsewhere"))
    if config.args_source is config.ArgsSource.ARGS:
        fact = f"{' '.join(config.args)}: a run has all of its stages, so it takes no path."
        hint = "Leave it out, and name the workspace with --workspace DIR."
        reasons.append(with_message_id(fact, hint, id="path-given"))
    elif not uses_shipped_stages(config) and not any(
        _covers(_path(config, arg), stage_folder(config)) for arg in config.args
    ):
        fact = f"{' '.join(config.args)}: the stages are not there."
        hint = "Start pytest in the project's root folder, without -c, --rootdir and -o testpaths."
        reasons.append(with_message_id(fact, hint, id="no-stages"))
    return reasons


def _target(config: pytest.Config, verb: str) -> list[str]:
    if verb == Mode.INVENTORY.verb or config.getoption("consolidate_target", None) is None:
        return []
    fact, hint = "--target can only be used with an inventory.", "For another target, change it in the plan."
    return [with_message_id(fact, hint, id="option-elsewhere")]


def _files(config: pytest.Config) -> list[str]:
    known = {stage.file for stage in STAGES} | {"conftest.py"}
    return [
        with_message_id(
            f"{'/'.join(file.parts[-3:])}: this file belongs to no stage. Move it to another folder.",
            id="strange-stage",
        )
        for file in sorted(stage_folder(config).glob("*.py"))
        if file.name not in known
    ]


def _path(config: pytest.Config, arg: str) -> Path:
    return config.invocation_params.dir / arg.partition("::")[0]


def _covers(path: Path, folder: Path) -> bool:
    return folder.is_dir() and folder.resolve().is_relative_to(path.resolve())


def refusal(text: str, *, id: str) -> pytest.UsageError:
    """Return the error that refuses a run, which pytest shows without a traceback.

    Args:
        text: A sentence of fact, and a hint.
        id: Name of the message, which docs/troubleshooting.md explains: ``"under-way"``.
    """
    return pytest.UsageError(printable(with_message_id(text, id=id)))
