"""Replace a view.

Harm of the plain form: both app versions read the new definition from that moment on; new columns at the end break
prepared SELECT * of the old app, and nothing takes them away but dropping the view. Phases: expand, with the former
definition as undo; where columns were added the undo drops the view and makes it as it was, with grants, owner, comment
and defaults, so that it must have no dependents.

https://www.postgresql.org/docs/current/sql-createview.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.model.names import as_role, quote_ident, quote_literal
from migrate_safe.model.schema import Schema, View
from migrate_safe.model.statement import CreateView
from migrate_safe.planner.changes import BY_HAND, GIVE_SCHEMA, Change, proven
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.programs import nothing_on_columns


def replace_view(operation: Operation) -> Outcome | None:
    """Plan CREATE OR REPLACE VIEW of a view that is there; None for other operations."""
    match operation.action:
        case CreateView(view=view, replace=True, temporary=False):
            name = operation.before.resolve(view.name)
        case _:
            return None
    former, made = operation.before.views.get(name), operation.after.views.get(name)
    if former is None or made is None:
        if operation.before.lacks(name):
            change = Change(
                Rank.SHAPE, "create-view", str(name), f"create view {name}", (operation.text,), (f"DROP VIEW {name}",)
            )
            return proven(operation, change)
        raise CannotPlan(f"what {name} shows now is not known here", GIVE_SCHEMA)
    grown = len(made.shows) != len(former.shows)
    back = tuple(_again(operation.before, former)) if grown else (_create(former, replacing=True),)
    read = tuple(r for r in sorted(made.relations | former.relations) if r in operation.before.tables)
    note = f"{name}: both app versions read the new definition from expand on"
    more = f"; a prepared SELECT * on it fails once per connection after {name} has grown" if grown else ""
    does = f"replace view {name}, for both app versions"
    first = (nothing_on_columns(name),) if grown else ()
    change = Change(
        Rank.SHAPE, "replace-view", str(name), does, (operation.text,), back, read, (note + more,), first=first
    )
    return proven(operation, change)


def _create(view: View, *, replacing: bool) -> str:
    options = f" WITH ({', '.join(f'{n}={v}' for n, v in view.options)})" if view.options else ""
    columns = f" ({', '.join(map(quote_ident, view.shows))})" if view.shows else ""
    word = "CREATE OR REPLACE VIEW" if replacing else "CREATE VIEW"
    return f"{word} {view.name}{columns}{options} AS {view.definition.strip().rstrip(';')}"


def _again(schema: Schema, view: View) -> Iterator[str]:
    """Write what makes a view as it was, from nothing."""
    resting = [f"view {v.name}" for v in schema.views.values() if view.name in v.relations]
    if resting or view.triggers or view.rules:
        what = "; ".join(resting) or "its triggers and rules"
        raise CannotPlan(f"{view.name} would have to be dropped on the way back, with {what}", BY_HAND)
    yield f"DROP VIEW {view.name}"
    yield _create(view, replacing=False)
    if view.owner is not None:
        yield f"ALTER VIEW {view.name} OWNER TO {quote_ident(view.owner)}"
    for grant in view.grants:
        to = as_role(grant.role)
        yield f"GRANT {grant.privilege} ON {view.name} TO {to}{' WITH GRANT OPTION' if grant.grantable else ''}"
    for column, default in view.defaults:
        yield f"ALTER VIEW {view.name} ALTER COLUMN {quote_ident(column)} SET DEFAULT {default}"
    if view.comment is not None:
        yield f"COMMENT ON VIEW {view.name} IS {quote_literal(view.comment).strip()}"
