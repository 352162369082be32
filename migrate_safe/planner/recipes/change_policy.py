"""Create, alter, rename or drop a policy, and switch row-level security.

Harm of the plain form: a policy that narrows hides rows from the old app, or refuses its writes, without an error
that it knows. Phases: what lets more through comes in expand; what lets less through in contract, unless the
migration says that the old app keeps to it. The undo gives each policy back as it was.

https://www.postgresql.org/docs/current/ddl-rowsecurity.html
"""

from __future__ import annotations

from migrate_safe.catalog.definition_programs import policy_definition
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.schema import Policy, Table
from migrate_safe.model.statement import (
    AlterPolicy,
    AlterTable,
    CreatePolicy,
    DropPart,
    OtherTableAction,
    RenamePart,
)
from migrate_safe.planner.changes import GIVE_SCHEMA, Change, by_release, proven
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.operations import Operation

_SWITCHES = {
    "EnableRowSecurity": ("ENABLE", "DISABLE"),
    "DisableRowSecurity": ("DISABLE", "ENABLE"),
    "ForceRowSecurity": ("FORCE", "NO FORCE"),
    "NoForceRowSecurity": ("NO FORCE", "FORCE"),
}


def change_policy(operation: Operation) -> Outcome | None:
    """Plan what is done to policies; None for other operations."""
    match operation.action:
        case CreatePolicy(table=name, policy=policy):
            table = _known(operation, name)
            rank = Rank.SHAPE if policy.permissive or not table.row_security else by_release(operation)
            back = (f"DROP POLICY {quote_ident(policy.name)} ON {table.name}",)
            return _changed(operation, table, policy.name, rank, "create-policy", back)
        case AlterPolicy(table=name, policy=wanted):
            table = _known(operation, name)
            former = (f"DROP POLICY {quote_ident(wanted)} ON {table.name}", *_again(table, wanted))
            return _changed(operation, table, wanted, by_release(operation), "alter-policy", former)
        case DropPart(kind="policy", table=name, name=wanted):
            table = _known(operation, name)
            narrows = _policy(table, wanted).permissive and table.row_security
            rank = by_release(operation) if narrows else Rank.SHAPE
            return _changed(operation, table, wanted, rank, "drop-policy", _again(table, wanted))
        case RenamePart(kind="policy", table=name, name=old, to=new):
            table = _known(operation, name)
            back = (f"ALTER POLICY {quote_ident(new)} ON {table.name} RENAME TO {quote_ident(old)}",)
            return _changed(operation, table, old, Rank.SHAPE, "rename-policy", back)
        case AlterTable(table=name, actions=(OtherTableAction(kind=kind),)) if kind in _SWITCHES:
            return _switch(operation, _known(operation, name), *_SWITCHES[kind])
        case _:
            return None


def _known(operation: Operation, name: Name) -> Table:
    table = operation.before.table(name)
    if table is None or table.partial:
        raise CannotPlan(f"the policies of {name} are not known here", GIVE_SCHEMA)
    return table


def _policy(table: Table, name: str) -> Policy:
    found = next((p for p in table.policies if p.name == name), None)
    if found is None:
        raise CannotPlan(f"policy {quote_ident(name)} of {table.name} is not known here", GIVE_SCHEMA)
    return found


def _again(table: Table, name: str) -> tuple[str, ...]:
    """Write what makes a policy as it was, comment included."""
    policy = _policy(table, name)
    on = f"{quote_ident(name)} ON {table.name}"
    said = () if policy.comment is None else (f"COMMENT ON POLICY {on} IS {quote_literal(policy.comment).strip()}",)
    return (policy_definition(table.name, policy), *said)


def _changed(operation: Operation, table: Table, name: str, rank: Rank, what: str, back: tuple[str, ...]) -> Outcome:
    target = f"{table.name}.{quote_ident(name)}"
    why = "; the old app may see less, or be refused more" if rank >= Rank.HOLD else ""
    does = f"{what.replace('-', ' ')} {quote_ident(name)} of {table.name}{why}"
    return proven(operation, Change(rank, what, target, does, (operation.text,), back, (table.name,)))


def _switch(operation: Operation, table: Table, word: str, opposite: str) -> Outcome:
    if operation.before == operation.after:
        return Outcome(touches=(table.name,))
    rank = by_release(operation) if word in ("ENABLE", "FORCE") else Rank.SHAPE
    does = f"{word.lower()} row level security on {table.name}"
    text, back = (f"ALTER TABLE {table.name} {w} ROW LEVEL SECURITY" for w in (word, opposite))
    what = f"{word.lower().replace(' ', '-')}-row-security"
    return proven(operation, Change(rank, what, str(table.name), does, (text,), (back,), (table.name,)))
