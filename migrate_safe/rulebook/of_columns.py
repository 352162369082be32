"""Facts and words of statements about columns, their types, defaults and constraints."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.change import known_type
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Schema, Table, TypeName
from migrate_safe.model.statement import AddColumn, AddConstraint, AlterType, CreateIndex, SetDefault
from migrate_safe.model.values import replace
from migrate_safe.rulebook.doings import Deed, Doings
from migrate_safe.rulebook.facts import Facts, Words
from migrate_safe.rulebook.of_indexes import is_implied
from migrate_safe.rulebook.parts import Part
from migrate_safe.rulebook.terms import TypeStep

Told = tuple[Facts, Words]

_INCOMPARABLE = frozenset({"json", "xml", "point", "polygon", "path", "line", "box"})
_INTEGERS = {"smallint": 2, "integer": 4, "bigint": 8}
_ON_INDEX = (ConstraintKind.PRIMARY, ConstraintKind.UNIQUE)
_STAMPS = {"timestamp without time zone", "timestamp with time zone"}
_STRINGS = ("character varying", "character", "text")


def new_column(facts: Facts, part: Part) -> Facts:
    """Tell of ADD COLUMN."""
    if not isinstance(part.action, AddColumn):
        return facts
    type_ = part.action.definition.column.type
    return replace(
        facts,
        domain=_is_constrained(part.whole.before, type_),
        comparable=type_.name not in _INCOMPARABLE,
        json=type_.name == "json",
    )


def _is_constrained(schema: Schema, type_: TypeName) -> bool:
    written = known_type(schema, type_)
    return not type_.dimensions and schema.is_constrained(Name(written.schema, written.name))


def new_constraint(facts: Facts, part: Part, doings: Doings) -> Facts:
    """Tell of a new constraint, and whether an index serves a foreign key."""
    constraint = part.constraint
    if constraint is None:
        return facts
    facts = replace(facts, adopts=constraint.using_index is not None)
    table = part.whole.before.table(part.relation) if part.relation is not None else None
    if constraint.kind is ConstraintKind.UNIQUE:
        return replace(facts, implied=is_implied(table, frozenset(constraint.columns)))
    if constraint.kind is not ConstraintKind.FOREIGN or not constraint.enforced or part.relation is None:
        return facts
    if table is None or table.partial or _finds(table, constraint.columns):
        return facts
    served = any(column in constraint.columns for column in _leading_columns(part, part.relation, doings))
    return replace(facts, indexed=served)


def _leading_columns(part: Part, table: Name, doings: Doings) -> Iterator[str | None]:
    """Give the first columns of the indexes that the statement itself and later ones make on the table."""
    statement = part.whole.statement
    made: list[object] = [d.by for d in doings.after(Deed.INDEXES, f"table {table.name}", statement)]
    made += [d.by for d in doings.after(Deed.MAKES, f"constraint on {table.name}", statement)]
    for action in getattr(statement.action, "actions", ()):
        made += action.definition.constraints if isinstance(action, AddColumn) else ()
        made += (action.constraint,) if isinstance(action, AddConstraint) else ()
    for one in made:
        if isinstance(one, CreateIndex) and one.index.keys:
            yield one.index.keys[0].column
        if isinstance(one, Constraint) and one.kind in _ON_INDEX and one.columns:
            yield one.columns[0]


def _finds(table: Table, columns: tuple[str, ...]) -> bool:
    """Say whether an index of the table begins with the columns, in any order."""
    return any(
        i.predicate is None and {k.column for k in i.keys[: len(columns)]} == set(columns) for i in table.indexes
    )


def changed_column(told: Told, part: Part, doings: Doings) -> Told:
    """Tell of ALTER COLUMN with a new type or default."""
    facts, words = told
    table = part.whole.before.table(part.relation) if part.relation is not None else None
    if isinstance(part.action, AlterType):
        facts = replace(facts, domain=_is_constrained(part.whole.before, part.action.type))
    match part.action:
        case AlterType(column, new) if table is not None and (known := table.column(column)) is not None:
            short = _short_sequence(part, table, known, new, doings)
            facts = replace(facts, type_step=_type_step(known.type, new), short_sequence=bool(short))
            return facts, replace(words, sequence=short)
        case SetDefault(column, default) if table is not None and default is not None:
            before = getattr(table.column(column), "default", None)
            return replace(facts, had_default=before is not None and str(before) != str(default)), words
        case _:
            return facts, words


def _type_step(old: TypeName, new: TypeName) -> TypeStep:
    if {old.name, new.name} == _STAMPS:
        return TypeStep.ZONED
    return TypeStep.NARROWER if _is_narrower(old, new) else TypeStep.OTHER


def _is_narrower(old: TypeName, new: TypeName) -> bool:
    if old.dimensions or new.dimensions:
        return False
    if old.name in _INTEGERS and new.name in _INTEGERS:
        return _INTEGERS[new.name] < _INTEGERS[old.name]
    if old.name in _STRINGS and new.name in _STRINGS[:2] and new.modifiers:
        return not old.modifiers or old.modifiers[0] > new.modifiers[0]
    if old.name == new.name == "numeric" and new.modifiers:
        return not old.modifiers or _before_point(old) > _before_point(new)
    return False


def _before_point(type_: TypeName) -> int:
    """Give the digits that a numeric has before its point."""
    return type_.modifiers[0] - (type_.modifiers[1] if len(type_.modifiers) > 1 else 0)


def _short_sequence(part: Part, table: Table, column: Column, new: TypeName, doings: Doings) -> str:
    """Name the sequence that a column owns and that ends before the column's new type does."""
    if new.name not in _INTEGERS or column.identity is not None or column.default is None:
        return ""
    for name, sequence in part.whole.before.sequences.items():
        if sequence.owner == (table.name, column.name) and _INTEGERS.get(sequence.type, 8) < _INTEGERS[new.name]:
            deeds = (Deed.WIDENS, Deed.DROPS)
            later = (any(doings.after(deed, f"sequence {name.name}", part.whole.statement)) for deed in deeds)
            return "" if any(later) else str(Name(None, name.name) if name.schema == "public" else name)
    return ""
