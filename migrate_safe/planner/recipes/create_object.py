"""Create a schema, a type, a domain, extended statistics or a materialized view that nothing uses yet.

Harm of the plain form: none; a materialized view takes as long as its query, and blocks nobody. Phases: expand, but a
materialized view over columns that the plan fills comes after that; the undo drops it, which the server refuses once
something uses it.

https://www.postgresql.org/docs/current/sql-createstatistics.html
"""

from __future__ import annotations

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.said import NewSchema, NewStatistics, StatisticsTarget
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import CreateComposite, CreateDomain, CreateRange, CreateView, Other
from migrate_safe.planner.changes import GIVE_SCHEMA, Change, proven
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.operations import Operation


def create_object(operation: Operation) -> Outcome | None:
    """Plan the creation of what is no table; None for other operations."""
    before, after = operation.before, operation.after
    match operation.action:
        case Other(says=NewSchema(name=name), inner=()):
            return _made(operation, "schema", quote_ident(name), before == after and before.complete)
        case Other(says=NewStatistics(tables=tables)):
            made = [n for kind, n in after.things if kind == "statistics" and (kind, n) not in before.things]
            touched = tuple(n for n in map(before.resolve, tables) if n in before.tables)
            return _made(operation, "statistics", str(made[0]) if made else "", not made, touched)
        case Other(says=StatisticsTarget(name=name, target=target)):
            return _targeted(operation, name, target)
        case CreateDomain() | CreateComposite() | CreateRange() as action:
            kind = "domain" if isinstance(action, CreateDomain) else "type"
            return _made(operation, kind, str(action.name.within(before.first_place)), done=False)
        case CreateView(view=view, if_not_exists=False) if view.materialized:
            return _made(operation, "materialized view", str(before.resolve(view.name)), done=False)
        case _:
            return None


def _made(operation: Operation, kind: str, name: str, done: bool, touches: tuple[Name, ...] = ()) -> Outcome:
    if done:
        return Outcome(touches=touches)
    back = (f"DROP {kind.upper()} {name}",)
    what = f"create-{kind.replace(' ', '-')}"
    return proven(operation, Change(Rank.SHAPE, what, name, f"create {kind} {name}", (operation.text,), back, touches))


def _targeted(operation: Operation, name: Name, target: int | None) -> Outcome:
    full = _statistics(operation.before, name)
    facts = dict(operation.before.things["statistics", full].facts)
    former = facts.get("target", "-1")
    text, back = (f"ALTER STATISTICS {full} SET STATISTICS {n}" for n in (-1 if target is None else target, former))
    return proven(operation, Change(Rank.SHAPE, "alter-statistics", str(full), text.lower(), (text,), (back,)))


def _statistics(schema: Schema, name: Name) -> Name:
    places = [name] if name.schema is not None else [Name(s, name.name) for s in schema.search_path]
    found = next((p for p in places if ("statistics", p) in schema.things), None)
    if found is None:
        raise CannotPlan(f"statistics object {name} is not known here", GIVE_SCHEMA)
    return found
