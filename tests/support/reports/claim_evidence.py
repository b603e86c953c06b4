"""Answer what a document of evidence says, for the readings of claims."""

from __future__ import annotations

from collections import Counter
from typing import Any

_GOOD = "accepted"
_STOPPED = (2, 129, 143)
_NOT_OF_MIGRATION = ("97-rollback", "98-check")
_HOLDING = {"passed", "not required"}
_WORST = ("failed", "not examined", "passed", "not required")


class Document:
    """Answer what a document of evidence says, without the code that makes claims."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.all = document
        self.mode, self.verdict, self.exit = document["mode"], document["verdict"], document["exit_code"]
        self.finished = bool(document["finished"])
        self.outcomes: dict[str, set[str]] = {}
        for entry in document["criteria"]:
            self.outcomes.setdefault(entry["id"], set()).add(entry["outcome"])
        self.kinds = Counter(finding["id"] for finding in document["findings"])

    def __getitem__(self, key: str) -> Any:
        return self.all.get(key)

    def passed(self, *ids: str) -> bool:
        """Return whether all entries of these criteria passed, and there are some."""
        return all("passed" in self.outcomes.get(id, ()) and self.outcomes[id] <= _HOLDING for id in ids)

    def accepted(self, *modes: str) -> bool:
        """Return whether a run of one of these modes was accepted, and had something to do."""
        return self.finished and self.verdict == _GOOD and not self["already"] and self.mode in modes

    def refused(self, *modes: str) -> bool:
        """Return whether a run of one of these modes came to an end, and was refused."""
        return self.finished and self.verdict == "refused" and self.mode in modes

    @property
    def moves(self) -> list[dict[str, Any]]:
        """Return the tables that were copied, or else those that the plan names."""
        return self["moves"] or self["planned"] or []

    @property
    def copied(self) -> tuple[int, ...]:
        """Return the numbers of rows, tables and sources."""
        rows = sum(move["rows"] if move["arrived"] is None else move["arrived"] for move in self.moves)
        return rows, len(self.moves), len({move["source"] for move in self.moves})

    @property
    def unmoved(self) -> int:
        """Return the number of rows that the plan leaves behind or replaces."""
        kept = sum(finding["count"] for finding in self["findings"] if finding["id"] == "rows-left")
        lost = (move["left"] + move["skipped"] + move["replaced"] - (move["identical"] or 0) for move in self["moves"])
        return int(kept + sum(lost))

    @property
    def identical(self) -> int:
        """Return the number of rows for which identical ones stay."""
        return sum(move["identical"] or 0 for move in self["moves"])

    @property
    def makes_target(self) -> bool:
        """Return whether the target did not exist before the run."""
        return self["target"] is not None and self["target"]["before"]["size"] is None

    @property
    def databases(self) -> int:
        """Return the number of databases before the run."""
        return len(self["sources"]) + (self["target"] is not None and self["target"]["before"]["size"] is not None)

    @property
    def untouched(self) -> bool:
        """Return whether no finding says that the workspace changed."""
        return "workspace-changed" not in self.kinds

    @property
    def undone(self) -> bool:
        """Return whether a migration was rolled back completely, by its text and exit code."""
        return self.mode == "migrate" and bool(self["put_back"]) and self.exit != 3 and self.verdict != _GOOD

    @property
    def can_be_undone(self) -> bool:
        """Return whether a migration was accepted, or ended in part without a rollback."""
        ended_so = self.accepted("migrate") or self.exit == 3 or not self.finished
        return self.mode == "migrate" and ended_so and not self["put_back"]

    @property
    def at_once(self) -> bool:
        """Return whether the exit code says that nothing was changed."""
        return self.finished and self.exit == 4 and self.untouched and self.mode != "rehearsal"

    @property
    def early(self) -> bool:
        """Return whether a signal ended a migration that had changed nothing."""
        return self.exit in _STOPPED and self.mode == "migrate" and not self["put_back"] and self.untouched

    @property
    def judges(self) -> bool:
        """Return whether the run only reads."""
        return self.mode in ("check", "selftest")

    @property
    def failures(self) -> int:
        """Return the number of subjects that failed, and of stages that failed without one."""
        failed = {(entry["id"], entry["subject"]) for entry in self["criteria"] if entry["outcome"] == "failed"}
        return len(failed) + self.kinds["stage-error"]

    @property
    def last_stage(self) -> tuple[int, ...]:
        """Return the number of the stage in which the run ended."""
        stages = (stage["id"] for stage in self["stages"] if stage["outcome"] in ("running", "failed"))
        return tuple(int(stage[:2]) for stage in stages)[:1]

    @property
    def missing(self) -> list[str]:
        """Return the subjects that a check found to be missing."""
        entries = (entry for entry in self["criteria"] if entry["id"] == "target-right")
        return [each["subject"] for each in entries if each["outcome"] == "failed" and "is missing" in each["observed"]]

    @property
    def target_changed(self) -> bool:
        """Return whether a table or object of the target is changed or missing."""
        return bool(self.missing or self.kinds["table-changed-since"] or self.kinds["object-changed-since"])

    @property
    def as_left(self) -> bool:
        """Return whether neither target nor archives differ from what the migration left."""
        failed = [id for id in ("target-right", "archives-unchanged") if "failed" in self.outcomes.get(id, ())]
        return not failed and not self.target_changed

    @property
    def reasons(self) -> tuple[int, ...]:
        """Return the numbers of what makes a migration harder, without zeros."""
        kinds = {finding["id"] for finding in self["findings"] if finding["level"] == "attention"}
        key_tables = {key_map["table"] for key_map in self["key_maps"]}
        numbers = len(key_tables), self.entries("references-updated"), self.unmoved, len(kinds - {"stage-error"})
        return tuple(number for number in numbers if number)

    @property
    def expected_time(self) -> int:
        """Return the seconds, or from 120 on the minutes, of the stages of a migration."""
        seconds = round(sum(stage["seconds"] for stage in self["stages"] if stage["id"] not in _NOT_OF_MIGRATION))
        return max(1, int(seconds)) if seconds < 120 else round(seconds / 60)

    @property
    def foreseen(self) -> tuple[int, ...]:
        """Return the numbers of what makes a proposed migration harder, without zeros."""
        effort = self["inventory"]["effort"]
        keys = ("tables_with_new_keys", "tables_with_new_names", "references")
        numbers = self.inventory("objections"), self.inventory("decisions"), *(effort[key] for key in keys)
        return tuple(number for number in numbers if number)

    @property
    def attention(self) -> int:
        """Return the number of findings to judge."""
        findings = self["findings"]
        return sum(finding["level"] == "attention" and finding["id"] != "stage-error" for finding in findings)

    @property
    def smoke(self) -> list[str]:
        """Return the worst outcome of each smoke test."""
        tests = [outcomes for id, outcomes in self.outcomes.items() if id.startswith("smoke:")]
        return [next(word for word in _WORST if word in outcomes) for outcomes in tests]

    @property
    def smoke_numbers(self) -> tuple[int, ...]:
        """Return the numbers of smoke tests that passed, of all, and of those without an outcome.

        Those of none, and of a single one, are words.
        """
        without, number = self.smoke.count("not examined"), len(self.smoke)
        if without == number:
            return (number,) if number > 1 else ()
        return self.smoke.count("passed"), number, without

    @property
    def has_applications(self) -> bool:
        """Return whether a stage of the run starts applications."""
        stages = {stage["id"] for stage in self["stages"]}
        return bool(stages & {"80-smoke", "98-check", "99-originals"}) and not self["already"]

    def entries(self, id: str) -> int:
        """Return the number of passed entries of a criterion."""
        return sum(entry["id"] == id and entry["outcome"] == "passed" for entry in self["criteria"])

    def inventory(self, key: str) -> int:
        """Return a number of the inventory, or the length of a list."""
        value = (self["inventory"] or {}).get(key, 0)
        return int(value) if isinstance(value, int) else len(value)
