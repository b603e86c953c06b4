"""List every claim that page one can make, with what has to be so.

A claim is made only in the endings that it names, if its criteria passed and its condition holds. No other sentence
about the run stands on page one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.report.statements.claim import Claim, Place, Stated
from sqlite_consolidate.report.statements.endings import Ending
from sqlite_consolidate.report.statements.facts import Facts

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record


_ACCEPTED, _REHEARSED, _INTACT, _BACK = (
    (ending,) for ending in (Ending.ACCEPTED, Ending.REHEARSED, Ending.INTACT, Ending.ROLLED_BACK)
)
_MOVED = (Ending.ACCEPTED, Ending.REHEARSED)
_CHECKED = (Ending.INTACT, Ending.NOT_INTACT)
_WORKING = (*_MOVED, Ending.INTACT, Ending.CONFIRMED)
_OPEN = (Ending.ACCEPTED, Ending.STRANDED, Ending.UNFINISHED)
_ENDED_EARLY = (Ending.FAILED, Ending.INTERRUPTED, Ending.NOT_SHOWN)
_FAILING = (
    Ending.REFUSED, Ending.FAILED, Ending.UNREHEARSED, Ending.NOT_INTACT, Ending.NOT_CONFIRMED,
    Ending.NOT_ROLLED_BACK,
)  # fmt: skip
_V, _C, _L, _A, _B, _T = Place

CLAIMS = (
    # The verdict.
    Claim("consolidated", _V, _ACCEPTED, "sources", "Your {databases} are now one: {target}.", ("committed",),
          "pictures", lambda facts: facts.databases > 1),
    Claim("moved", _V, _ACCEPTED, "sources", "The content of your database is now in {target}.", ("committed",),
          "pictures", lambda facts: facts.databases == 1),
    Claim("no-row-lost", _V, _ACCEPTED, "moves", "No row was lost.",
          ("nothing-left-behind", "rows-exact", "neighbours-unchanged", "final-digest"),
          condition=lambda facts: not facts.unmoved),
    Claim("rows-unmoved", _V, _ACCEPTED, "moves", "{unmoved} were left behind or replaced, as the plan states.",
          ("rows-exact",), condition=lambda facts: facts.unmoved > 0),
    Claim("can-go-back", _V, _ACCEPTED, "rollback",
          "You can go back without loss until new data is written to {target}.",
          ("backup-digest", "archive-restorable", "backup-kept"), condition=lambda facts: facts.has_command),
    Claim("rehearsed", _V, _REHEARSED, "sources",
          "On copies, your {databases} became one, and the rollback restored them.", ("rows-exact", "restored-exact")),
    Claim("refused", _V, (Ending.REFUSED,), "criteria",
          "The migration was not started, because {problems} in the way.",
          condition=lambda facts: facts.is_migration and facts.is_refused_at_once and facts.failures > 0),
    Claim("rehearsal-refused", _V, (Ending.REFUSED,), "criteria",
          "The rehearsal was not started, because {problems} in the way.",
          condition=lambda facts: facts.is_rehearsal and facts.failures > 0),
    Claim("rollback-refused", _V, (Ending.NOT_ROLLED_BACK,), "criteria", "The rollback was refused."),
    Claim("refused-unchanged", _V, (Ending.REFUSED, Ending.NOT_ROLLED_BACK), "exit_code", "Nothing was changed.",
          condition=lambda facts: facts.is_refused_at_once and not facts.is_rehearsal),
    Claim("failed", _V, (Ending.FAILED,), "put_back",
          "The migration failed{in_stage}. It was rolled back, so that databases, code and file names are as they were "
          "before.",
          condition=lambda facts: facts.is_undone),
    Claim("rehearsal-failed", _V, (Ending.UNREHEARSED,), "stages", "The rehearsal failed on the copies."),
    Claim("stranded", _V, (Ending.STRANDED,), "exit_code", "The run failed, and may have left changes behind."),
    Claim("stranded-state", _V, (Ending.STRANDED,), "put_back", "{put_back}",
          condition=lambda facts: bool(facts.record.put_back)),
    Claim("interrupted", _V, (Ending.INTERRUPTED,), "exit_code",
          "The run was stopped by {stopper}{in_stage}, before it could be accepted."),
    Claim("interrupted-undone", _V, (Ending.INTERRUPTED,), "put_back",
          "It was rolled back, so that databases, code and file names are as they were before.",
          condition=lambda facts: facts.is_undone),
    Claim("interrupted-early", _V, (Ending.INTERRUPTED,), "put_back", "Nothing had been changed.",
          condition=lambda facts: facts.is_migration and not facts.record.put_back and facts.is_untouched),
    Claim("unfinished", _V, (Ending.UNFINISHED,), "finished", "The run had not ended when this page was written."),
    Claim("unfinished-next", _V, (Ending.UNFINISHED,), "mode",
          "If its process has ended, this command finishes the run or rolls it back:",
          condition=lambda facts: facts.is_migration, has_command=True),
    Claim("unfinished-rollback", _V, (Ending.UNFINISHED,), "mode",
          "If its process has ended, this command completes the rollback:",
          condition=lambda facts: facts.is_rollback, has_command=True),
    Claim("intact", _V, _INTACT, "criteria",
          "The consolidated database is intact, and still has every table that the migration left.",
          ("target-right",)),
    Claim("table-missing", _V, (Ending.NOT_INTACT,), "criteria", "{missing_tables} missing: {missing}.",
          condition=lambda facts: bool(facts.missing)),
    Claim("not-intact", _V, (Ending.NOT_INTACT,), "criteria",
          "The consolidation is not as the migration left it: {failed_criteria} failed."),
    Claim("rolled-back", _V, _BACK, "criteria", "Everything is as it was before the migration.", ("restored-exact",)),
    Claim("already", _V, (Ending.ALREADY,), "already",
          "Your databases were consolidated before this run. There was nothing to do."),
    Claim("found", _V, (Ending.FOUND,), "inventory", "This workspace has {found}.", ("databases-found",), "inventory"),
    Claim("proposed", _V, (Ending.FOUND,), "inventory", "The proposed plan is {plan}.",
          ("plan-proposed",), condition=lambda facts: bool(facts.values["plan"])),
    Claim("passes", _V, (Ending.FOUND,), "inventory",
          "This plan was rehearsed on copies up to COMMIT, and passed.{untried}",
          ("plan-proposed",), condition=lambda facts: facts.plan_passes),
    Claim("untouched", _V, (*_REHEARSED, Ending.UNREHEARSED, Ending.REFUSED, Ending.INTERRUPTED), "findings",
          "The workspace was not touched.", condition=lambda facts: facts.is_rehearsal and facts.is_untouched),
    # What changed?
    Claim("only-copies", _C, None, "findings", "Nothing in the workspace, because a rehearsal works on copies.",
          condition=lambda facts: facts.is_rehearsal and facts.is_untouched),
    Claim("copied", _C, _MOVED, "moves",
          "{rows} of {tables} from {sources} arrived{on_copies} in {target}, {target_age}.",
          ("rows-counted",), "pictures"),
    Claim("absent", _C, _MOVED, "findings", "{absent} absent, so that nothing came from there.",
          section="notes", condition=lambda facts: facts.absent > 0),
    Claim("code-changed", _C, _MOVED, "criteria", "The code now uses {target} in {references}{on_copies}.",
          ("references-updated",), "code", lambda facts: facts.references > 0),
    Claim("code-unchanged", _C, _ACCEPTED, "criteria", "The plan changes no code.",
          condition=lambda facts: not facts.references and not facts.record.diff),
    Claim("archived", _C, _ACCEPTED, "archive", "{archived} renamed, and none was deleted.", ("archived",), "archive",
          lambda facts: bool(facts.record.archive)),
    Claim("workspace-changed", _C, None, "findings", "The workspace was changed while the smoke tests ran.",
          condition=lambda facts: not facts.is_untouched, is_open=True, section="attention"),
    Claim("nothing-changed", _C, (Ending.REFUSED, Ending.NOT_ROLLED_BACK), "exit_code",
          "Nothing, because the run was refused before it changed anything.",
          condition=lambda facts: facts.is_refused_at_once and not facts.is_rehearsal),
    Claim("would-copy", _C, (Ending.REFUSED,), "planned",
          "The plan would copy {rows} of {tables} from {sources} into {target}.", section="pictures",
          condition=lambda facts: bool(facts.record.planned) and not facts.record.moves),
    Claim("undone", _C, _ENDED_EARLY, "put_back", "Nothing stays changed, because the run was rolled back.",
          condition=lambda facts: facts.is_undone),
    Claim("backup-stays", _C, _ENDED_EARLY, "backup_set", "The backup set {backup_set} stays.",
          condition=lambda facts: facts.is_undone and bool(facts.record.backup_set)),
    Claim("not-begun", _C, (Ending.INTERRUPTED,), "put_back", "Nothing, because the run was stopped early.",
          condition=lambda facts: facts.is_migration and not facts.record.put_back and facts.is_untouched),
    Claim("only-judged", _C, None, "mode", "Nothing by this run, because it only reads the workspace.",
          condition=lambda facts: facts.record.mode.only_judges and facts.is_untouched),
    Claim("restored", _C, _BACK, "criteria",
          "Databases, code files and file names were restored. {restored} with the backup set passed.",
          ("restored-exact",), "criteria"),
    Claim("plan-written", _C, (Ending.FOUND,), "inventory", "The plan {plan} was written.", ("plan-proposed",),
          condition=lambda facts: bool(facts.values["plan"])),
    Claim("databases-unchanged", _C, (Ending.FOUND,), "criteria", "No database was changed.", ("only-looked",)),
    Claim("change-open", _C, (Ending.STRANDED,), "exit_code",
          "Not known, because the run ended{in_stage} without a complete rollback.", is_open=True),
    Claim("change-unfinished", _C, (Ending.UNFINISHED,), "finished",
          "Not known, because the run had not ended.", is_open=True),
    Claim("already-done", _C, (Ending.ALREADY,), "already", "Nothing, because there was nothing to do."),
    # Is anything lost?
    Claim("rows-compared", _L, _MOVED, "moves",
          "{no} {each_row} was compared with its source before COMMIT: values, types and bytes.",
          ("nothing-left-behind", "rows-exact"), condition=lambda facts: not facts.unmoved),
    Claim("rows-left", _L, _MOVED, "moves",
          "{unmoved} were left behind or replaced, as the plan states. All others were compared with their source.",
          ("rows-exact",), "notes", lambda facts: facts.unmoved > 0, is_open=True),
    Claim("keys-mapped", _L, _MOVED, "key_maps", "New keys were assigned one to one, and references follow them.",
          ("keys-mapped", "references-kept"), condition=lambda facts: bool(facts.record.key_maps)),
    Claim("neighbours", _L, _MOVED, "target", "Every table that {target} had before is unchanged.",
          ("neighbours-unchanged",), condition=lambda facts: bool(facts.record.target and facts.record.target.rows)),
    Claim("read-again", _L, _MOVED, "criteria", "After COMMIT, {target} was read again, and equals the compared state.",
          ("final-digest",)),
    Claim("nothing-touched", _L, (Ending.REFUSED, Ending.NOT_ROLLED_BACK), "exit_code",
          "No. The run was refused before it changed anything.",
          condition=lambda facts: facts.is_refused_at_once and not facts.is_rehearsal),
    Claim("copies-touched", _L, None, "findings", "No. Only copies were worked on.",
          condition=lambda facts: facts.is_rehearsal and facts.is_untouched and facts.ending is not Ending.REHEARSED),
    Claim("compared-after-rollback", _L, _ENDED_EARLY, "put_back",
          "No. After the rollback, databases, code and file names were compared, and are those of before.",
          section="run",
          condition=lambda facts: facts.is_undone),
    Claim("nothing-begun", _L, (Ending.INTERRUPTED,), "put_back", "No. Nothing had been changed.",
          condition=lambda facts: facts.is_migration and not facts.record.put_back and facts.is_untouched),
    Claim("backups-hold", _L, (Ending.STRANDED, Ending.UNFINISHED), "backup_set",
          "The backup set {backup_set} has every database as it was. Keep it.", ("backup-digest",), is_open=True),
    Claim("loss-open", _L, (Ending.STRANDED,), "put_back",
          "Not known, because the rollback is not complete. Keep the backup set {backup_set}.",
          condition=lambda facts: facts.is_rollback and bool(facts.record.backup_set), is_open=True),
    Claim("loss-unfinished", _L, (Ending.UNFINISHED,), "finished", "Not known, because the run had not ended.",
          condition=lambda facts: not facts.passed("backup-digest"), is_open=True),
    Claim("tables-there", _L, _CHECKED, "criteria", "{no} Every table that the migration left is still there.",
          ("target-right",)),
    Claim("rows-changed", _L, _CHECKED, "findings",
          "{changed_tables} changed since the migration, as happens when applications work. "
          "The findings have the rows then and now.",
          ("target-right",), "notes", lambda facts: facts.changed_tables > 0),
    Claim("rows-unchanged", _L, _CHECKED, "findings", "No row of them has changed since the migration.",
          ("target-right",), condition=lambda facts: not facts.changed_tables),
    Claim("table-lost", _L, (Ending.NOT_INTACT,), "criteria", "{missing_tables} missing: {missing}.",
          section="criteria", condition=lambda facts: bool(facts.missing), is_open=True),
    Claim("something-missing", _L, (Ending.NOT_INTACT,), "criteria",
          "Something that was moved is missing, or the database is not intact.", section="criteria",
          condition=lambda facts: facts.failed("target-right") and not facts.missing, is_open=True),
    Claim("archives-there", _L, _CHECKED, "criteria", "The archives of the old databases are unchanged.",
          ("archives-unchanged",)),
    Claim("restored-exactly", _L, _BACK, "criteria", "No. What was there before the migration is there again.",
          ("restored-exact",), condition=lambda facts: not facts.has_finding("changes-discarded")),
    Claim("discarded", _L, _BACK, "findings",
          "What was written after the migration is not in the workspace any more. The backup set keeps it.",
          section="attention", condition=lambda facts: facts.has_finding("changes-discarded"), is_open=True),
    Claim("not-compared", _L, (Ending.ALREADY,), "already", "Not known, because this run compared no row."),
    Claim("only-looked", _L, (Ending.FOUND,), "criteria", "No. Databases were only read.", ("only-looked",)),
    # Do the applications work?
    Claim("applications-work", _A, _WORKING, "criteria",
          "Yes, as far as the plan tests them: {smoke_passed} of {smoke} {smoke_tests} passed{on_copies}.",
          section="smoke", condition=lambda facts: facts.smoke_all_passed),
    Claim("applications-fail", _A, None, "criteria",
          "Not with the consolidated database: {smoke_failed} of {smoke} {smoke_tests} failed.", section="smoke",
          condition=lambda facts: facts.smoke_failed, is_open=True),
    Claim("applications-unknown", _A, None, "criteria",
          "Not known: {smoke_open}.", section="unchecked",
          condition=lambda facts: facts.smoke_open and facts.starts_applications, is_open=True),
    Claim("old-applications", _A, _ENDED_EARLY, "put_back",
          "The rollback gave the applications their old databases and their old code, and started none of them.",
          section="run",
          condition=lambda facts: facts.is_undone),
    Claim("no-applications", _A, None, "mode", "Not tested, because this run starts no application.",
          condition=lambda facts: not facts.starts_applications),
    Claim("applications-of-before", _A, _BACK, "criteria",
          "The applications have their old databases and their old code again.", ("restored-exact",)),
    Claim("applications-before-failure", _A, (*_ENDED_EARLY, Ending.STRANDED, Ending.UNREHEARSED), "criteria",
          "Not known: {smoke_passed} of {smoke} {smoke_tests} passed{on_copies}, before the run failed.",
          section="smoke", condition=lambda facts: facts.smoke_all_passed, is_open=True),
    Claim("applications-unnamed", _A, None, "mode",
          "This is not known, because the plan has no smoke test and no application was started. To find out, add a "
          "[[smoke]] to the plan.",
          section="unchecked", condition=lambda facts: facts.starts_applications and not facts.smoke, is_open=True),
    Claim("logs", _A, _MOVED, "criteria", "The watched logs have no new error.", ("logs-clean",)),
    # How do we go back, and was that tried?
    Claim("no-way-needed", _B, None, "findings", "Nothing has to be undone, because the run changed no database.",
          condition=lambda facts: facts.needs_no_rollback),
    Claim("one-command", _B, _ACCEPTED, "rollback",
          "Run the command below. It restores databases, code and file names from {backup_set}.",
          ("backup-digest", "archive-restorable"), condition=lambda facts: facts.has_command),
    Claim("until", _B, _ACCEPTED, "rollback",
          "This loses nothing until new data is written to {target}. After that, the command refuses, unless "
          "--discard-changes permits it to discard the new data. No date ends this, because the backup set and the "
          "archives stay until a person deletes them.",
          condition=lambda facts: facts.has_command),
    Claim("tried-on-copies", _B, _REHEARSED, "criteria",
          "Tried: the rollback passed on the copies. {restored} with the backup set passed.", ("restored-exact",)),
    Claim("went-back", _B, _ENDED_EARLY, "put_back",
          "No command is needed. Tried: this run rolled everything back.",
          section="run",
          condition=lambda facts: facts.is_undone),
    Claim("command-after-failure", _B, (Ending.STRANDED,), "rollback", "Run the command below.",
          condition=lambda facts: facts.has_command, is_open=True),
    Claim("rollback-again", _B, (Ending.STRANDED,), "next_command", "Run the rollback again:",
          condition=lambda facts: facts.is_rollback, has_command=True, is_open=True),
    Claim("by-hand", _B, (Ending.STRANDED,), "backup_set",
          "If it fails, ROLLBACK.md in {backup_set} says how to restore by hand.",
          condition=lambda facts: bool(facts.record.backup_set), is_open=True),
    Claim("tried-in-part", _B, (Ending.STRANDED,), "put_back",
          "Tried: this run tried the rollback, and did not complete it.", section="run",
          condition=lambda facts: facts.is_rollback or bool(facts.record.put_back), is_open=True),
    Claim("command", _B, (Ending.UNFINISHED,), "rollback", "Run the command below once the process has ended.",
          condition=lambda facts: facts.has_command),
    Claim("no-command-yet", _B, (Ending.UNFINISHED,), "rollback",
          "No rollback command is known, because this page was written before the backup set was complete.",
          condition=lambda facts: facts.is_migration and not facts.has_command),
    Claim("rollback-unfinished", _B, (Ending.UNFINISHED,), "mode",
          "This run is the rollback. It was tried, and had not ended when this page was written.",
          condition=lambda facts: facts.is_rollback, is_open=True),
    Claim("tried", _B, _OPEN, "rollback", "Tried: the rollback of this plan passed on copies, {drilled}.",
          section="attempts", condition=lambda facts: facts.waits_for_rollback and facts.is_drilled),
    Claim("untried", _B, _OPEN, "rollback", "Not tried: the rollback of this plan was not rehearsed on copies.",
          condition=lambda facts: facts.waits_for_rollback and not facts.is_drilled, is_open=True),
    Claim("command-of-check", _B, _CHECKED, "rollback",
          "Run the command below. It restores databases, code and file names from {backup_set}, which this check does "
          "not examine.",
          condition=lambda facts: facts.has_command),
    Claim("until-of-check", _B, _CHECKED, "rollback",
          "This loses nothing until new data is written to the consolidated database. After that, the command refuses, "
          "unless --discard-changes permits it to discard the new data.",
          condition=lambda facts: facts.has_command and not facts.has_target_changed),
    Claim("refused-by-changes", _B, _CHECKED, "findings",
          "The consolidated database was changed since the migration. So the command refuses, unless --discard-changes "
          "permits it to discard the changes.", section="notes",
          condition=lambda facts: facts.has_command and facts.has_target_changed, is_open=True),
    Claim("untried-by-check", _B, _CHECKED, "mode",
          "Not tried by this check. The report of the migration states whether the rollback was rehearsed.",
          section="attempts", condition=lambda facts: facts.has_command),
    Claim("was-the-way-back", _B, _BACK, "mode", "No command is needed, because this run was the rollback."),
    Claim("nothing-discarded", _B, _BACK, "findings",
          "It found no change since the migration, so that it discarded none.", ("restored-exact",),
          condition=lambda facts: not facts.has_finding("changes-discarded")),
    Claim("discarded-to-copy", _B, _BACK, "findings",
          "It discarded changes that were made after the migration. {backup_set} keeps a copy of them.",
          section="attention", condition=lambda facts: facts.has_finding("changes-discarded"), is_open=True),
    Claim("tried-in-earnest", _B, _BACK, "criteria",
          "Tried: this run restored everything.", ("restored-exact",)),
    Claim("in-other-report", _B, (Ending.ALREADY,), "attempts",
          "The report of the migration has the command, and states whether it was tried.", section="attempts"),
    Claim("rollback-open", _B, (Ending.NOT_ROLLED_BACK,), "criteria",
          "Solve what is in the way, and start the rollback again:",
          has_command=True, is_open=True),
    Claim("rollback-untried", _B, (Ending.NOT_ROLLED_BACK,), "exit_code",
          "Not tried, because the rollback was refused before it changed anything.",
          condition=lambda facts: facts.is_refused_at_once, is_open=True),
    # What needs my attention?
    Claim("failures", _T, _FAILING, "criteria", "The failures at the top of this page come first.",
          condition=lambda facts: facts.failures > 0),
    Claim("complete-first", _T, (Ending.STRANDED,), "exit_code",
          "Complete the rollback first, as the answer above states.", is_open=True),
    Claim("process-first", _T, (Ending.UNFINISHED,), "finished",
          "Find out first whether the process of this run has ended.", is_open=True),
    Claim("decisions", _T, (Ending.FOUND,), "inventory",
          "{decisions} for you. Each is a comment of {plan} that begins with # decide.",
          condition=lambda facts: facts.inventory_count("decisions") > 0, is_open=True),
    Claim("objections", _T, (Ending.FOUND,), "inventory",
          "A rehearsal would refuse the plan as it is: {objections}.",
          condition=lambda facts: facts.inventory_count("objections") > 0, is_open=True),
    Claim("next", _T, None, "mode", "The next step is this command:",
          condition=lambda facts: facts.ending.tone == "good", has_command=True),
    Claim("effort-and-risk", _T, _REHEARSED, "findings",
          "Effort and risk of the migration are {effort_and_risk}.", section="notes"),
    Claim("time-expected", _T, _REHEARSED, "stages",
          "Expect it to take about {migration_time}, as its stages did on the copies.", section="stages"),
    Claim("grade", _T, (Ending.FOUND,), "inventory", "Effort and risk of a migration by this plan are {grade}.",
          section="inventory", condition=lambda facts: bool(facts.effort)),
    Claim("time-foreseen", _T, (Ending.FOUND,), "inventory",
          "Copying and comparing {rehearsed_tables} took about {rehearsed_time} on copies. A migration also changes "
          "code and runs the smoke tests.", condition=lambda facts: facts.effort.get("seconds") is not None),
    Claim("changed-since", _T, None, "last_run", "Different from the last run ({last_run}): {changes}.",
          section="comparison", condition=lambda facts: facts.has_changed_since),
    Claim("same-as-last", _T, None, "last_run",
          "Compared with the last run ({last_run}), no criterion, finding or {compared} differs.",
          section="comparison", condition=lambda facts: facts.is_as_last),
    Claim("again", _T, (Ending.REFUSED, Ending.FAILED, Ending.UNREHEARSED, Ending.INTERRUPTED), "mode",
          "To try again, run this command:",
          condition=lambda facts: facts.is_migration or facts.is_rehearsal, has_command=True),
    Claim("findings", _T, None, "findings", "These findings ask for your judgement:",
          condition=lambda facts: facts.attention > 0),
    Claim("nothing-to-judge", _T, None, "findings", "No finding asks for a decision.",
          condition=lambda facts: facts.needs_no_attention),
)  # fmt: skip

_OF_EVERY_RUN = (Place.VERDICT, Place.CHANGED, Place.ATTENTION)
OTHERWISE = (
    Claim("headline", _V, None, "headline", "{headline}"),
    Claim("change-not-shown", _C, None, "stages", "This run does not show it."),
    Claim("loss-not-shown", _L, None, "stages", "This run does not show it."),
    Claim("application-not-shown", _A, None, "stages", "This run does not show it."),
    Claim("way-back-not-shown", _B, None, "stages", "This run does not show it."),
)
"""Claims of the places that have no other."""


def claims_of(record: Record) -> dict[Place, list[Stated]]:
    """Return the claims that are so of a record, by place."""
    facts = Facts(record)
    asked = [place for place in Place if facts.is_about_databases or place in _OF_EVERY_RUN]
    stated: dict[Place, list[Stated]] = {place: [] for place in asked}
    for claim in CLAIMS:
        if claim.place in stated and claim.holds(facts):
            stated[claim.place].append(_state(claim, facts))
    for claim in OTHERWISE:
        if claim.place in stated and not stated[claim.place]:
            stated[claim.place].append(_state(claim, facts))
    return stated


def _state(claim: Claim, facts: Facts) -> Stated:
    command = facts.record.next_command if claim.has_command else ""
    return Stated(claim, claim.text.format_map(facts.values).strip(), command)
