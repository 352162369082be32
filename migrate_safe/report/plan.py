"""Plans in words: a table for the terminal, SQL, Markdown for reviews, JSON for machines."""

from __future__ import annotations

import json
from itertools import groupby

from migrate_safe.model.plan import Backfill, BuildIndex, DropIndexConcurrently, Phase, Plan, Sql, Step, Verify, Work
from migrate_safe.planner.codec import to_data

WHEN = {
    Phase.EXPAND: "before the new app version starts",
    Phase.MIGRATE: "before the new app version starts, after expand",
    Phase.CONTRACT: "when no process of the old app version is left",
    Phase.PURGE: "when nobody wants to go back any more",
}

_WIDTH = 90


def plan_text(plan: Plan) -> str:
    """Write a plan as a short table of its phases."""
    width = min(max((len(_does(s)) for s in plan.steps), default=0), _WIDTH)
    lines = [f"{plan.name}: {plan.summary}", ""]
    for phase, steps in groupby(plan.steps, key=lambda s: s.phase):
        lines.append(f"{phase.value:9} {WHEN[phase]}")
        lines += [f"  {_does(s):{width}}  {_how(s)}".rstrip() for s in steps]
    lines += ["", *(f"note: {note}" for note in plan.notes)]
    return "\n".join(lines) + "\n"


def plan_json(plan: Plan) -> str:
    """Write a plan as JSON, with the keys of its YAML file."""
    return json.dumps(to_data(plan), indent=2, ensure_ascii=False) + "\n"


PLANNED = "-- format: migrate-safe/plan/1, as SQL for people to read\n"
"""The first line of a plan's SQL."""


def plan_sql(plan: Plan) -> str:
    """Write a plan as SQL for people to read: the way forward as statements, all else that the file says as comments.

    Backfills and verifications stand as single statements.
    """
    lines = [PLANNED.rstrip(), f"-- {plan.name}: {_line(plan.summary)}", *(f"-- note: {_line(n)}" for n in plan.notes)]
    for step in plan.steps:
        lines += ["", f"-- {step.phase}: {step.id}", f"-- {_line(step.does)}"]
        lines += [f"-- {text}" for text in (*_conditions(step), *_demands(step.work))]
        lines += _forward(step.work)
        lines += [f"-- {line}" for text in _undo(step) for line in text.split("\n")]
    return "\n".join(lines) + "\n"


def _conditions(step: Step) -> list[str]:
    """Say when a step may run, and what its undo takes back besides."""
    found = [f"not before {step.not_before} after contract"] if step.not_before is not None else []
    if step.takes_back:
        found.append(f"its undo takes back as well: {', '.join(step.takes_back)}")
    return found


def _demands(work: Work) -> list[str]:
    """Say which locks a piece of work takes, and what must hold before it."""
    if not isinstance(work, Sql):
        return []
    locks = [f"locks: {_locks(work)}"] if work.locks else []
    return [*locks, *(f"must give no row: {_line(r.query)} ({_line(r.message)})" for r in work.require)]


def _way_back(step: Step) -> list[str]:
    """Write the undo as statements."""
    if step.undo is None:
        return [f"-- no undo: {step.irreversible}"]
    return ["-- undo", *(f"-- {text}" for text in _demands(step.undo)), *_forward(step.undo)]


def _undo(step: Step) -> list[str]:
    if step.undo is None:
        return [f"no undo: {step.irreversible}"]
    return ["undo:", *_demands(step.undo), *_forward(step.undo)]


def plan_markdown(plan: Plan) -> str:
    """Write a plan for a pull request: phases, steps, locks, and the SQL folded away."""
    lines = [f"## {plan.name}", "", plan.summary, ""]
    for phase, steps in groupby(plan.steps, key=lambda s: s.phase):
        lines += [f"### {phase.value}: {WHEN[phase]}", "", "| step | does | locks |", "| --- | --- | --- |"]
        listed = list(steps)
        lines += [f"| `{s.id}` | {_cell(s.does)} | {_cell(_locks(s.work))} |" for s in listed]
        for step in listed:
            said = [f"-- {text}" for text in (*_conditions(step), *_demands(step.work))]
            lines += ["", f"<details><summary><code>{step.id}</code></summary>", "", "```sql", *said]
            lines += _forward(step.work)
            lines += _way_back(step)
            lines += ["```", "", "</details>"]
        lines.append("")
    return "\n".join([*lines, *(f"- {note}" for note in plan.notes)]) + "\n"


def _does(step: Step) -> str:
    return _line(step.does)


def _how(step: Step) -> str:
    match step.work:
        case Sql(statements=()):
            return ""
        case Sql(locks=locks):
            strong = [str(x) for x in locks if x.mode.blocks_reads or x.mode.blocks_writes]
            return ", ".join(strong) if strong else "blocks nobody"
        case BuildIndex() | DropIndexConcurrently():
            return "concurrently"
        case Backfill() | Verify():
            return "in batches"


def _forward(work: Work) -> list[str]:
    match work:
        case Sql(statements=()):
            return ["-- nothing to do in this direction"]
        case Sql(statements=statements):
            return ["BEGIN;", *(f"{s};" for s in statements), "COMMIT;"]
        case BuildIndex(statement=statement):
            return [f"{statement};"]
        case DropIndexConcurrently(index=index):
            return [f"DROP INDEX CONCURRENTLY {index};"]
        case Backfill(table=table, assign=assign, unset=unset):
            values = ", ".join(f"{column} = {value}" for column, value in assign)
            return ["-- in batches:", f"UPDATE {table} SET {values} WHERE {unset};"]
        case Verify(table=table, holds=holds):
            return ["-- in batches, must find none:", f"SELECT * FROM {table} WHERE ({holds}) IS NOT TRUE;"]


def _locks(work: Work) -> str:
    return ", ".join(map(str, work.locks)) if isinstance(work, Sql) else ""


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
