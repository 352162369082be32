"""Change how a table is stored and replicated: parameters, replica identity, CLUSTER ON.

Harm of the plain form: none for metadata; SET LOGGED, SET UNLOGGED, SET TABLESPACE and SET ACCESS METHOD write the
whole table anew under ACCESS EXCLUSIVE, and are refused. Phases: expand, with what was set before as undo.

https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.model.names import quote_ident
from migrate_safe.model.schema import Table
from migrate_safe.model.statement import AlterTable, OtherTableAction
from migrate_safe.planner.changes import GIVE_SCHEMA, Change, proven
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.operations import Operation

_REWRITES = {
    "SetLogged": "SET LOGGED",
    "SetUnLogged": "SET UNLOGGED",
    "SetTableSpace": "SET TABLESPACE",
    "SetAccessMethod": "SET ACCESS METHOD",
}
_KINDS = ("SetRelOptions", "ResetRelOptions", "ReplicaIdentity", "ClusterOn", "DropCluster")


def change_storage(operation: Operation) -> Outcome | None:
    """Plan changes of how tables are stored; None for other operations."""
    match operation.action:
        case AlterTable(table=name, actions=(OtherTableAction(kind=kind) as action,)) if kind in _KINDS:
            table = operation.before.table(name)
            if table is None or table.partial:
                raise CannotPlan(f"what is set for {name} now is not known here", GIVE_SCHEMA)
            return _changed(operation, table, action)
        case AlterTable(table=name, actions=(OtherTableAction(kind=kind),)) if kind in _REWRITES:
            raise CannotPlan(
                f"{_REWRITES[kind]} writes all rows and indexes of {name} anew while nobody can read or write it",
                "make a new table that is stored so, and let the app move to it; or run it by hand in a quiet hour",
            )
        case _:
            return None


def _changed(operation: Operation, table: Table, action: OtherTableAction) -> Outcome:
    if operation.before == operation.after:
        return Outcome(touches=(table.name,))
    if action.kind == "ReplicaIdentity":
        _refuse_mute(operation, table)
    back = tuple(f"ALTER TABLE {table.name} {part}" for part in _back(table, action))
    words = operation.text.partition(" ")[2].removeprefix("TABLE ").rstrip("; ")
    does = f"{' '.join(words.split())}; metadata only"
    return proven(
        operation, Change(Rank.SHAPE, "alter-table", str(table.name), does, (operation.text,), back, (table.name,))
    )


def _refuse_mute(operation: Operation, table: Table) -> None:
    """Refuse to leave a published table without an identity: the server would refuse its updates and deletes."""
    after = operation.after.tables[table.name]
    published = [p.name for p in operation.before.publications.values() if table.name in {t.table for t in p.tables}]
    mute = after.replica_identity == "nothing" or (after.replica_identity == "default" and not after.primary_key)
    if published and mute:
        raise CannotPlan(
            f"publication {quote_ident(published[0])} has {table.name}: without a replica identity the server refuses"
            " every UPDATE and DELETE of it",
            "choose another identity, or take the table out of the publication first",
        )


def _back(table: Table, action: OtherTableAction) -> Iterator[str]:
    match action.kind:
        case "SetRelOptions" | "ResetRelOptions":
            yield from _options(dict(table.options), action.argument)
        case "ReplicaIdentity":
            word, _, index = table.replica_identity.partition(" ")
            yield f"REPLICA IDENTITY USING INDEX {quote_ident(index)}" if index else f"REPLICA IDENTITY {word.upper()}"
        case "ClusterOn" | "DropCluster":
            held = table.clustered_on
            yield f"CLUSTER ON {quote_ident(held)}" if held is not None else "SET WITHOUT CLUSTER"


def _options(held: dict[str, str], given: str) -> Iterator[str]:
    """Write what sets the named parameters as they were; those that were not set are reset."""
    names = [part.partition("=")[0].strip() for part in given.split(",")]
    kept = [n for n in names if n in held]
    if kept:
        yield f"SET ({', '.join(f'{n} = {held[n]}' for n in kept)})"
    if len(kept) < len(names):
        yield f"RESET ({', '.join(n for n in names if n not in held)})"
