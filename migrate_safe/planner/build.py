"""Turn a migration into a phased plan, or refuse it with every statement that stands in the way.

Each statement is taken apart into operations, each operation gets a recipe, and the steps of all recipes are put
into the order of the phases; what is independent shares a phase.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress

from migrate_safe.catalog.evolve import fold
from migrate_safe.catalog.fingerprint import fingerprint
from migrate_safe.model.errors import Refused, UsageError
from migrate_safe.model.framework import Framework
from migrate_safe.model.plan import Plan, PlanRelease, PlanSource, Step
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    AlterTable,
    LockTable,
    RenameColumn,
    RenameTable,
    Script,
    SetDefault,
    SetSchema,
    SetVariable,
    Statement,
)
from migrate_safe.model.values import replace
from migrate_safe.planner.anew import with_anew, with_columns_again
from migrate_safe.planner.choose import choose
from migrate_safe.planner.choose_anew import made_again
from migrate_safe.planner.choose_objects import before_it_goes
from migrate_safe.planner.comments import is_comment, placed, said
from migrate_safe.planner.conditional import nothing_to_do
from migrate_safe.planner.decision import Decision
from migrate_safe.planner.draft import CannotPlan, Draft, Outcome, in_order
from migrate_safe.planner.kept_order import overtaking
from migrate_safe.planner.locks import WouldFail, course_of, with_locks
from migrate_safe.planner.operations import Operation, Refusal, operations
from migrate_safe.planner.ownership import told_to_runner
from migrate_safe.planner.plain import is_on_new_table, new_tables, trigger_functions
from migrate_safe.planner.promise import unkept
from migrate_safe.planner.regranting import regrants
from migrate_safe.planner.surroundings import Surroundings, refuse_clash, survey
from migrate_safe.planner.whole_rows import with_whole_rows


def build_plan(
    script: Script,
    schema: Schema,
    *,
    name: str,
    source: PlanSource,
    release: PlanRelease | None = None,
    framework: Framework | None = None,
) -> Plan:
    """Plan a migration on the state before it.

    Raises Refused, naming every statement that has no safe road with the reason and what to do, and UsageError
    when the migration changes nothing. `framework` is what runs the project's migrations, where that is known.
    """
    decisions, around = decide(script, schema, name)
    outcomes = [d.outcome for d in decisions]
    drafts = in_order(d for o in outcomes for d in o.drafts)
    if not drafts:
        raise UsageError(f'"{script.source.path}" changes nothing', next_move="there is nothing to plan")
    steps = _unique_ids(tuple(d.step for d in drafts))
    course = course_of(steps, schema)
    try:
        steps = with_locks(steps, course)
    except WouldFail as why:
        _refuse((Refusal(_statement_of(drafts[why.at], decisions), *_with_names(why, decisions)),))
        raise
    by_hand = any(o.undo is not None for d in decisions for o in d.operations)
    if broken := next(unkept(course, fold(schema, script), by_hand=by_hand), None):
        _refuse((Refusal(_first_broken(script, schema, name), *_otherwise(broken)),))
    touches = tuple(dict.fromkeys(t for o in outcomes for t in o.touches))
    return Plan(
        name=name,
        summary="; ".join(dict.fromkeys(o.summary for o in outcomes if o.summary)),
        source=source,
        steps=steps,
        fingerprint=fingerprint(schema, touches),
        touches=touches,
        release=release,
        notes=(*_notes(source, framework, around), *(n for o in outcomes for n in o.notes)),
    )


def _otherwise(broken: str) -> tuple[str, str]:
    return (
        f"in the order of a plan, together with the statements before it, it would come out otherwise: {broken}",
        "put it into a migration of its own, and plan that when this plan is at its end",
    )


def _first_broken(script: Script, schema: Schema, name: str) -> Statement:
    """Give the statement with which a migration first comes out otherwise as a plan."""
    for at in range(1, len(script.statements)):
        shorter = replace(script, statements=script.statements[:at])
        with suppress(Refused, UsageError):
            decisions, _ = decide(shorter, schema, name)
            steps = tuple(d.step for d in in_order(x for d in decisions for x in d.outcome.drafts))
            if any(unkept(course_of(_unique_ids(steps), schema), fold(schema, shorter), by_hand=False)):
                return script.statements[at - 1]
    return script.statements[-1]


def _with_names(why: CannotPlan, decisions: Iterable[Decision]) -> tuple[str, str]:
    """Give the reason and the advice of a refusal, with the table that is known by two names until contract, if any."""
    for operation in (o for d in decisions for o in d.operations):
        match operation.action:
            case RenameTable(table=name) | SetSchema(table=name) if (
                old := operation.before.resolve(name)
            ) in operation.before.tables:
                meanwhile = f"until contract {old} keeps its name, and a view stands in for the new one"
                return f"{why.reason} ({meanwhile})", f"give {old} its other name in a migration of its own"
    return why.reason, why.advice


def decide(script: Script, schema: Schema, name: str) -> tuple[tuple[Decision, ...], Surroundings]:
    """Decide what becomes of each statement; raises Refused, naming those that have no safe road."""
    found, refused = operations(script, schema)
    judged = [(o, nothing_to_do(o, schema)) for o in found]
    busy = [o for o, nothing in judged if nothing is None]
    around = survey(busy, name, schema)
    chosen, more = _outcomes(busy, around)
    _refuse((*refused, *more))
    _refuse(overtaking(chosen, busy, schema))
    nothing = (Decision((o,), done) for o, done in judged if done is not None)
    return (*nothing, *chosen), around


def _statement_of(item: Draft, decisions: Iterable[Decision]) -> Statement:
    return next(d.operations[0].statement for d in decisions if any(x is item for x in d.outcome.drafts))


def _outcomes(found: Sequence[Operation], around: Surroundings) -> tuple[list[Decision], list[Refusal]]:
    """Choose a recipe for each operation; what is done to new tables is one step, before everything else."""
    called = trigger_functions(found, around.born)
    inside = [o for o in found if is_on_new_table(o, around.born) or any(o is f for f in called)]
    outside = [o for o in found if o not in inside]
    outcomes: list[Decision] = []
    refused: list[Refusal] = []
    groups, granted = made_again(outside, around.start), regrants(outside)
    for at, operation in enumerate(outside):
        group = next((g for g in groups if any(o is operation for o in g.operations)), None)
        try:
            if group is not None:
                outcomes = with_anew(group, operation, outside, outcomes, around)
                continue
            if (again := next((g for g in granted if any(o is operation for o in g.operations)), None)) is not None:
                if operation is again.operations[0]:
                    made = before_it_goes(again.steps(), operation, around)
                    outcomes.append(Decision(again.operations, made))
                continue
            refuse_clash(operation, outside[:at], outside[at + 1 :])
            made = with_whole_rows(operation, _without_loss(operation, choose(operation, around), around), around)
            outcomes.append(Decision((operation,), made))
        except CannotPlan as why:
            refused.append(Refusal(operation.statement, why.reason, why.advice))
        except UsageError as why:
            refused.append(Refusal(operation.statement, why.message, why.next_move))
    if inside:
        try:
            names = ", ".join(str(n) for n in sorted(around.born))
            born = tuple(sorted(around.born))
            made = Outcome((new_tables(inside, around.born, around.start),), f"create {names}", touches=born)
            outcomes.insert(0, Decision(tuple(inside), made))
        except CannotPlan as why:
            refused.append(Refusal(inside[0].statement, why.reason, why.advice))
    if refused:
        return outcomes, refused
    return _with_comments_placed(with_columns_again(outcomes), around)


def _with_comments_placed(decisions: Sequence[Decision], around: Surroundings) -> tuple[list[Decision], list[Refusal]]:
    """Put comments behind what makes their objects; those that hold where they stand stay there."""
    places = [at for at, d in enumerate(decisions) if is_comment(d.outcome)]
    comments = [said(decisions[at].operations[0], decisions[at].outcome.drafts[0]) for at in places]
    drafts = [x for d in decisions for x in d.outcome.drafts]
    found = placed(comments, drafts, around.start, around.end)
    made: list[Decision] = list(decisions)
    refused: list[Refusal] = []
    for number, at in enumerate(places):
        decision, moved = made[at], found[number]
        if moved is None:
            reason = "no step of this plan leaves what it speaks of in its place before purge"
            refused.append(Refusal(decision.operations[0].statement, reason, "set the comment in a later migration"))
        else:
            made[at] = replace(decision, outcome=replace(decision.outcome, drafts=(moved,)))
    return made, refused


def _without_loss(operation: Operation, outcome: Outcome, around: Surroundings) -> Outcome:
    """Raise CannotPlan for a statement that no step does although it changes something: none is dropped silently.

    What is said of the session needs no step, and all renames of a table are done by the steps of the first.
    """
    match operation.action:
        case SetVariable() | LockTable():
            return outcome
        case RenameColumn(table=name, column=column):
            first = next(iter(around.renamed[operation.before.resolve(name)]))
            done = bool(outcome.drafts) or column != first
        case AlterTable(table=name, actions=(SetDefault(column=column),)):
            table = operation.before.resolve(name)
            later = around.of(around.retyped, table) | around.of(around.numbered, table)
            done = bool(outcome.drafts) or column in later or operation.before == operation.after
        case _:
            done = bool(outcome.drafts) or operation.before == operation.after
    if not done:
        raise CannotPlan("no step here would do what it does", "run it in a migration of its own")
    return outcome


def _refuse(refused: Iterable[Refusal]) -> None:
    listed = sorted(dict.fromkeys(refused), key=lambda r: r.statement.span.start)
    if not listed:
        return
    lines = [f"{r.statement.span}: {_first_line(r.statement.text)}\n    {r.reason}\n    do: {r.advice}" for r in listed]
    count = "1 statement has" if len(listed) == 1 else f"{len(listed)} statements have"
    raise Refused(
        f"{count} no safe road that is planned here; nothing was changed\n  " + "\n  ".join(lines),
        next_move="do what stands under each statement, then plan again",
    )


def _first_line(text: str) -> str:
    head, _, rest = text.partition("\n")
    return f"{head} ..." if rest else head


def _unique_ids(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Give a number to ids that occur twice; a step takes back the nearest earlier step of the id it names."""
    seen: Counter[str] = Counter()
    latest: dict[str, str] = {}
    out: list[Step] = []
    for step in steps:
        seen[step.id] += 1
        own = step.id if seen[step.id] == 1 else f"{step.id}-{seen[step.id]}"
        out.append(replace(step, id=own, takes_back=tuple(latest[x] for x in step.takes_back)))
        latest[step.id] = own
    return tuple(out)


def _notes(source: PlanSource, framework: Framework | None, around: Surroundings) -> tuple[str, ...]:
    """Say what no step can do: tell the project's own runner, and the connections that prepared SELECT *."""
    notes = [told_to_runner(framework, file) for file in source.files]
    if around.reshaped:
        listed = ", ".join(str(t) for t in sorted(around.reshaped))
        once = "fails once per connection"
        notes.append(
            f"columns come and go: a prepared SELECT * or RETURNING * on {listed} {once} with"
            ' "cached plan must not change result type" until it is prepared anew; let pools recycle connections'
        )
        if around.start.publications:
            notes.append(f"this database publishes tables: change {listed} on subscribers first, or their apply stops")
    return tuple(notes)
