"""Create or drop an extension.

Harm of the plain form: DROP EXTENSION takes functions, types and their data with it, and nothing brings back what
they held. Phases: expand creates one (its undo is refused by the server while something uses it); a dropped one is
only dropped in purge, for it cannot be put out of sight.

https://www.postgresql.org/docs/current/sql-createextension.html
"""

from __future__ import annotations

from migrate_safe.model.names import quote_ident
from migrate_safe.model.said import Dropped, Extension
from migrate_safe.model.statement import Other
from migrate_safe.planner.changes import BY_HAND, Change
from migrate_safe.planner.draft import PURGE_WINDOW, CannotPlan, Outcome, Rank, draft, sql
from migrate_safe.planner.operations import Operation


def change_extension(operation: Operation) -> Outcome | None:
    """Plan CREATE and DROP EXTENSION; None for other operations."""
    match operation.action:
        case Other(says=Extension(verb="create") as said):
            if said.if_not_exists and operation.before.complete and operation.before == operation.after:
                return Outcome()
            name, schema = quote_ident(said.name), f" SCHEMA {quote_ident(said.schema)}" if said.schema else ""
            if said.cascade:
                raise CannotPlan("CASCADE creates extensions that the way back would leave", "name each of them")
            return Change(
                Rank.SHAPE,
                "create-extension",
                name,
                f"create extension {name}",
                (f"CREATE EXTENSION {name}{schema}",),
                (f"DROP EXTENSION {name}",),
            ).steps()
        case Other(says=Extension(verb=verb, name=name)):
            raise CannotPlan(f"what {verb} does to extension {quote_ident(name)} only its author knows", BY_HAND)
        case Other(says=Dropped(targets=targets, cascade=cascade)) if targets and targets[0].kind == "extension":
            if cascade:
                raise CannotPlan("CASCADE drops what uses the extension with it", "drop that first, by its own name")
            return _drop(", ".join(quote_ident(t.name.name) for t in targets))
        case _:
            return None


def _drop(names: str) -> Outcome:
    made = draft(
        Rank.DROP,
        "drop-extension",
        names,
        f"drop extension {names}",
        sql(f"DROP EXTENSION {names}"),
        None,
        not_before=PURGE_WINDOW,
        irreversible=f"drops {names} with its functions and types",
    )
    return Outcome((made,), f"drop extension {names}")
