"""Constraints added without a scan under a lock that blocks: NOT VALID first, then VALIDATE while clients work.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Constraint, ConstraintKind
from migrate_safe.planner.draft import NOTHING, CannotPlan, Draft, Rank, draft, sql

_NOT_VALID = " NOT VALID"


class Held(Struct, frozen=True):
    """A CHECK or foreign key to add; `definition` is its text behind the name, without NOT VALID.

    `validated` is false where the migration itself leaves it NOT VALID. `offending` finds rows that break it.
    """

    table: Name
    name: str
    definition: str
    validated: bool = True
    offending: Requirement | None = None


def hold(it: Held, rank: Rank, why: str) -> tuple[Draft, ...]:
    """Make the steps that add and prove a constraint; `why` says why it may come in this phase."""
    constraint, alter = quote_ident(it.name), f"ALTER TABLE {it.table}"
    target = f"{it.table}.{constraint}"
    added = draft(
        rank,
        "add-constraint",
        target,
        f"add {constraint} for new rows; {why}",
        sql(
            f"{alter} ADD CONSTRAINT {constraint} {it.definition}{_NOT_VALID}",
            require=() if it.offending is None or not it.validated else (it.offending,),
        ),
        sql(f"{alter} DROP CONSTRAINT {constraint}"),
    )
    if not it.validated:
        return (added,)
    does = f"prove {constraint} of every row, while clients read and write"
    return added, draft(rank, "validate-constraint", target, does, sql(f"{alter} VALIDATE CONSTRAINT {constraint}"))


def loosen(table: Name, constraint: Constraint, keys: str, rank: Rank = Rank.SHAPE) -> tuple[Draft, ...]:
    """Make the steps that take a constraint away before the new app writes, and on the way back put and prove it again.

    The first works on the way back alone: it stands before the step that drops it, so that its undo comes after.
    """
    name, alter = quote_ident(constraint.name or ""), f"ALTER TABLE {table}"
    target, rows = f"{table}.{name}", offending_rows(table, constraint, keys)
    comment = (
        ()
        if constraint.comment is None
        else (f"COMMENT ON CONSTRAINT {name} ON {table} IS {quote_literal(constraint.comment).strip()}",)
    )
    dropped = draft(
        rank,
        "quiet-constraint",
        target,
        f"stop requiring {name}, which could refuse writes of the new app",
        sql(f"{alter} DROP CONSTRAINT {name}"),
        sql(
            f"{alter} ADD CONSTRAINT {name} {body_of(constraint)}{_NOT_VALID}",
            *comment,
            require=(rows,) if rows is not None and constraint.validated else (),
        ),
    )
    if not constraint.validated:
        return (dropped,)
    does = f"nothing; on the way back, proves {name} of every row"
    validate = sql(f"{alter} VALIDATE CONSTRAINT {name}")
    return draft(rank, "prove-constraint", target, does, NOTHING, validate), dropped


def body_of(constraint: Constraint) -> str:
    """Give the text behind a constraint's name, without NOT VALID."""
    if not constraint.definition:
        raise CannotPlan("its definition cannot be written anew", "simplify the constraint")
    if not constraint.enforced:
        raise CannotPlan("NOT ENFORCED constraints are not planned", "add it without NOT ENFORCED, or by hand")
    return constraint.definition.removesuffix(_NOT_VALID)


def offending_rows(table: Name, constraint: Constraint, keys: str) -> Requirement | None:
    """Find the rows that break a constraint; None where no simple query says so."""
    if constraint.kind is ConstraintKind.CHECK and constraint.expression is not None:
        query = f"SELECT {keys} FROM {table} WHERE NOT ({constraint.expression})"
        return Requirement(query, f"{table} has rows that break CHECK ({constraint.expression}): correct them first")
    far = constraint.references
    if far is None or not far.columns or far.match not in ("SIMPLE", "FULL"):
        return None
    own = [f"near.{quote_ident(c)}" for c in constraint.columns]
    pairs = zip(own, far.columns, strict=True)
    matches = " AND ".join(f"far.{quote_ident(f)} = {n}" for n, f in pairs)
    given = (" AND " if far.match == "SIMPLE" else " OR ").join(f"{n} IS NOT NULL" for n in own)
    orphan = f"NOT EXISTS (SELECT FROM {far.table} far WHERE {matches})"
    query = f"SELECT {', '.join(own)} FROM {table} near WHERE ({given}) AND {orphan}"
    return Requirement(query, f"{table} has rows whose key is not in {far.table}: correct them first")
