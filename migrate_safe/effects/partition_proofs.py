"""Whether the constraints of a table prove that all its rows fit (or do not fit) a partition's bound.

This follows predicate_implied_by() of the server, which looks at one comparison of a column at a time.
https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import detaching_from
from migrate_safe.catalog.evolve.bounds import comparable
from migrate_safe.effects.proofs import proves_not_null
from migrate_safe.model.schema import ConstraintKind, Schema, Table
from migrate_safe.sql.bounds import partition_key_of
from migrate_safe.sql.conditions import (
    Comparison,
    Condition,
    Either,
    Every,
    NullTest,
    Opaque,
    bound_condition,
    condition_of,
    negated,
)

Proof = bool | None
"""True: proven; False: certainly not; None: the server may see a proof that is not seen here."""


def fits(schema: Schema, table: Table, parent: Table, bound: str) -> Proof:
    """Say whether a table's constraints prove that its rows belong into a partition with that bound."""
    found = _fits_parent(schema, table, parent, bound)
    for above in (schema.tables[p] for p in parent.parents if p in schema.tables):
        found = _both(found, fits(schema, table, above, parent.partition_bound or ""))
    return found


def _fits_parent(schema: Schema, table: Table, parent: Table, bound: str) -> Proof:
    """Say whether rows belong into one partition of a table; into a DEFAULT one without others all of them do."""
    others = (*schema.partitions_of(parent.name), *detaching_from(schema, parent))
    if bound == "DEFAULT" and not parent.partial and all(p.partition_bound == "DEFAULT" for p in others):
        return True if schema.complete else None
    return _implied_by(table, bound_condition(parent.partition_key or "", bound), _key_columns(parent))


def misses(table: Table, parent: Table, bound: str) -> Proof:
    """Say whether the constraints of a DEFAULT partition prove that no row belongs into a new partition."""
    return _implied_by(table, negated(bound_condition(parent.partition_key or "", bound)), _key_columns(parent))


def _key_columns(parent: Table) -> frozenset[str]:
    key = partition_key_of(parent.partition_key or "")
    return key.mentioned if key is not None else frozenset()


def _implied_by(table: Table, wanted: Condition, columns: frozenset[str]) -> Proof:
    checks = [c for c in table.constraints if c.kind is ConstraintKind.CHECK and c.validated and c.enforced]
    texts = [c.expression.sql for c in checks if c.expression is not None and c.expression.columns & columns]
    facts = [part for text in texts for part in _conjuncts(condition_of(text))]
    if isinstance(wanted, Opaque):
        return None if texts or table.partial else False
    proven = _proves(table, facts, wanted)
    if proven is False and (table.partial or any(map(_has_opaque, facts))):
        return None
    return proven


def _conjuncts(condition: Condition) -> tuple[Condition, ...]:
    if isinstance(condition, Every):
        return tuple(c for part in condition.parts for c in _conjuncts(part))
    return (condition,)


def _has_opaque(condition: Condition) -> bool:
    if isinstance(condition, Every | Either):
        return any(map(_has_opaque, condition.parts))
    return isinstance(condition, Opaque)


def _proves(table: Table, facts: list[Condition], wanted: Condition) -> Proof:
    match wanted:
        case Every(parts=parts):
            return _all(_proves(table, facts, p) for p in parts)
        case Either(parts=parts):
            return _any([*(_proves(table, facts, p) for p in parts), *_by_cases(table, facts, wanted)])
        case NullTest(column=column, is_null=False) if _is_not_null(table, column):
            return True
        case NullTest():
            return _any([*(f == wanted for f in facts), *_by_cases(table, facts, wanted)])
        case Comparison():
            single = (_implies(table, f, wanted) for f in facts if isinstance(f, Comparison))
            return _any([*single, *_by_cases(table, facts, wanted)])
        case Opaque():
            return None


def _by_cases(table: Table, facts: list[Condition], wanted: Condition) -> list[Proof]:
    """Try to prove by each OR among the facts that every one of its arms is enough."""
    return [
        _all(_proves(table, list(_conjuncts(arm)), wanted) for arm in fact.parts)
        for fact in facts
        if isinstance(fact, Either)
    ]


def _is_not_null(table: Table, column: str) -> bool:
    known = table.column(column)
    held = [c for c in table.constraints if c.kind is ConstraintKind.NOT_NULL and c.columns == (column,)]
    sure = known is not None and known.not_null and all(c.validated for c in held)
    return sure or any(proves_not_null(c, column) for c in table.constraints)


_WHEN = {
    (">=", ">="): ">=", (">=", ">"): ">", (">=", "<>"): ">",
    (">", ">="): ">=", (">", ">"): ">=", (">", "<>"): ">=",
    ("<=", "<="): "<=", ("<=", "<"): "<", ("<=", "<>"): "<",
    ("<", "<="): "<=", ("<", "<"): "<=", ("<", "<>"): "<=",
    ("=", "="): "=", ("=", "<"): "<", ("=", "<="): "<=", ("=", ">"): ">", ("=", ">="): ">=", ("=", "<>"): "<>",
    ("<>", "<>"): "=",
}  # fmt: skip
"""(what is known, what is wanted) -> how the known constant has to stand to the wanted one."""


def _implies(table: Table, known: Comparison, wanted: Comparison) -> Proof:
    if known.column != wanted.column:
        return False
    needed = _WHEN.get((known.operator, wanted.operator))
    if needed is None:
        return False
    column = table.column(known.column)
    type_name = column.type.name if column is not None else ""
    order = comparable(known.value, wanted.value, type_name)
    if order is None:
        return _implies_by_text(known.value == wanted.value, needed, plain=type_name in _STRINGS)
    return {"<": order < 0, "<=": order <= 0, "=": order == 0, ">=": order >= 0, ">": order > 0, "<>": order != 0}[
        needed
    ]


def _implies_by_text(same: bool, needed: str, *, plain: bool) -> Proof:
    """Judge constants whose order is not known here: the same text is the same value, strings also the reverse."""
    if same:
        return needed in ("=", "<=", ">=")
    if plain and needed in ("=", "<>"):
        return needed == "<>"
    return None


_STRINGS = frozenset({"text", "character varying"})


def _all(proofs: Iterable[Proof]) -> Proof:
    found: Proof = True
    for proof in proofs:
        found = _both(found, proof)
    return found


def _both(one: Proof, two: Proof) -> Proof:
    if one is False or two is False:
        return False
    return None if one is None or two is None else True


def _any(proofs: Iterable[Proof]) -> Proof:
    found = list(proofs)
    if True in found:
        return True
    return None if None in found else False
