"""Work out what a type change needs to know: how values are converted, and what hangs on the column."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.change import known_type
from migrate_safe.catalog.definition import index_definition
from migrate_safe.effects.types import is_plain_type
from migrate_safe.effects.volatility import volatility
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Expr, Schema, Table, TypeName
from migrate_safe.model.statement import AlterType
from migrate_safe.model.values import replace
from migrate_safe.planner.choose_constraints import certainly_defined
from migrate_safe.planner.conversions import WHOLE, Conversion, alike, conversions, keeps_apart
from migrate_safe.planner.copies import carried_constraints, carried_indexes, copies_of, said_of_copied
from migrate_safe.planner.dependents import guard, no_extras, refuse_dependents
from migrate_safe.planner.draft import CannotPlan, row_keys
from migrate_safe.planner.exchange import Exchange, Key, Numbering
from migrate_safe.planner.gone import gone_before
from migrate_safe.planner.identifiers import copied, last_trigger, proof, retired, tag
from migrate_safe.planner.keeping import keep_of
from migrate_safe.planner.loosening import passes_null
from migrate_safe.planner.mirroring import Converter, Follower, Triggers
from migrate_safe.planner.null_names import null_name
from migrate_safe.planner.pairs import Kind, Pair, Side, Sync
from migrate_safe.planner.recipes.convert_type import ConvertType
from migrate_safe.planner.remarks import plain_copies
from migrate_safe.planner.renames import certain
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.planner.sync import create_turns, drop_turns
from migrate_safe.planner.turn_keys import turns_of


def convert_recipe(
    schema: Schema, around: Surroundings, table: Table, action: AlterType, back: str | None
) -> ConvertType:
    """Prepare the change on the schema before it; `back` is the inverse that a directive gives.

    Raises CannotPlan when it cannot be done without harm.
    """
    end, plan = around.end, around.plan
    column = table.column(action.column)
    assert column is not None, "the planner looked it up"
    _refuse(schema, table, column, action)
    old, new = known_type(schema, column.type), known_type(schema, action.type)
    there, reverse = conversions(column.name, old, new, _certain_using(schema, action), back)
    word = tag(plan, str(table.name), column.name, str(new))
    helper, hidden = copied(column.name, word), retired(column.name, word)
    bare = _without_key(table)
    lifted = _lifted(bare, column.name, reverse)
    copies = copies_of(bare, {column.name: helper}, word, targets=False)
    said = said_of_copied(bare, {column.name: helper}, targets=False)
    mirror = _mirror(schema, table, column, helper, there, word)
    held, after = proof(hidden, word), end.tables[table.name].column(column.name)
    carried = carried_constraints(bare, {column.name: helper})
    constraints = [*(c.name or "" for c in carried), *(c.name or "" for c in _keys_over(table, column.name))]
    indexes = [i.name or "" for i in carried_indexes(bare, {column.name: helper})]
    exchange = Exchange(
        mirror=mirror,
        reverse=replace(
            mirror, kind="revert", copy=hidden, conversion=reverse, strict=True, triggers=_without_keep(mirror.triggers)
        ),
        hidden=hidden,
        swaps=tuple(replace(s, lifted=s.original in {c.name for c in lifted}) for s in copies.swaps),
        defaults=(
            certain(schema, _default_now(around.start, table.name, column)),
            None if after is None else certain(end, after.default),
        ),
        null_name=null_name(schema, table, column.name, helper) if column.not_null else None,
        owned=tuple(
            s.name for s in schema.sequences.values() if s.owner == (table.name, column.name) and not column.identity
        ),
        proof=held,
        numbering=_numbering(schema, end, table.name, column, word),
        key=_key(table, column.name, helper, word),
        far_tables=tuple(c.references.table for c in carried if c.references is not None),
    )
    return ConvertType(
        table=table,
        column=column,
        there=Converter("convert", word, there),
        back=Converter("back", word, reverse),
        mirror=mirror,
        exchange=exchange,
        copies=copies,
        guards=(
            guard(table.name, (column.name,), constraints, indexes, gone=gone_before(around.start, schema, plan)),
            *((no_extras(table.name, (column.name,)),) if not schema.complete else ()),
            *((plain_copies(table, (column.name,), said, targets=False),) if constraints or indexes else ()),
        ),
        keys=row_keys(schema, table.name),
        collation=action.collation,
        lifted=tuple(certainly_defined(schema, c) for c in lifted),
    )


def _lifted(table: Table, column: str, back: Conversion) -> tuple[Constraint, ...]:
    """Give the CHECKs that a new value may pass and its way back may not: 0.3 is above 0, but rounds to 0."""
    checks = [
        c for c in table.constraints if c.enforced and c.expression is not None and c.kind is ConstraintKind.CHECK
    ]
    over = [c for c in checks if c.expression is not None and column in c.expression.columns]
    cleared = keeps_apart(back.target, back.source)  # a value comes back as it is, or becomes NULL
    held = (c for c in over if c.expression is not None and not (cleared and passes_null(c.expression)))
    return () if back.total else tuple(held)


def _default_now(start: Schema, table: Name, column: Column) -> Expr | None:
    """Give the default that a column has until contract: what the migration says of it comes with the new type."""
    known = start.table(table)
    present = known.column(column.name) if known is not None else None
    return column.default if present is None else present.default


def _certain_using(schema: Schema, action: AlterType) -> Expr | None:
    if action.using is None:
        return None
    return replace(action.using, sql=certain(schema, action.using) or "")


def _refuse(schema: Schema, table: Table, column: Column, action: AlterType) -> None:
    name = quote_ident(column.name)
    if action.using is not None and volatility(schema, action.using).volatile:
        raise CannotPlan(f"USING gives {name} another value each time", "add a column with that default instead")
    for key in _keys_over(table, column.name):
        index = next((i for i in table.indexes if i.constraint == key.name), None)
        if key.comment is not None or (index is not None and index.comment is not None):
            raise CannotPlan(
                f"the comment on primary key {quote_ident(key.name or '')}, or on its index, would be lost with it",
                "remove it, and set it again after this plan",
            )
    old, new = known_type(schema, column.type), known_type(schema, action.type)
    for kind in (old, new):
        if not is_plain_type(schema, kind) or Name(kind.schema, kind.name) in schema.composites:
            raise CannotPlan(
                f"{kind} is a domain or composite type, or not known here: adding a column of it may take long",
                "use its base type, or plan with --schema DSN",
            )
    refuse_dependents(schema, _without_key(table), (column.name,))
    hanging = [*_referencing(schema, table, column.name), *_unlike(table, column.name, old, new)]
    if hanging:
        raise CannotPlan(
            f"{name} of {table.name} is used in a way that cannot be carried over: {'; '.join(hanging)}",
            "drop them in a migration of their own first, and add them again after this plan",
        )


def _referencing(schema: Schema, table: Table, column: str) -> Iterator[str]:
    for near, key in schema.referencing(table.name):
        far = key.references
        if far is not None and column in (far.columns or table.primary_key):
            yield f"foreign key {quote_ident(key.name or '')} of {near.name} points at it"


def _unlike(table: Table, column: str, old: TypeName, new: TypeName) -> Iterator[str]:
    """Give what need not hold, or need not exist, for values of another type."""
    for index in table.indexes:
        unique = index.unique and index.columns & {column} and not keeps_apart(old, new)
        own = any(k.column == column and (k.opclass or k.collation) for k in index.keys)
        inside = any(k.expression is not None and column in k.expression.columns for k in index.keys)
        filtered = index.predicate is not None and column in index.predicate.columns
        if unique or ((own or inside or filtered) and not alike(old, new)):
            yield f"{'unique index' if unique else 'index'} {quote_ident(index.name or '')}"
    for constraint in table.constraints:
        inside = constraint.expression is not None and column in constraint.expression.columns
        if constraint.kind is ConstraintKind.CHECK and inside and not alike(old, new):
            yield f"check {quote_ident(constraint.name or '')}"
        pointing = constraint.kind is ConstraintKind.FOREIGN and column in constraint.columns
        if pointing and not (old.name in WHOLE and new.name in WHOLE):
            yield f"foreign key {quote_ident(constraint.name or '')}"


def _keys_over(table: Table, column: str) -> tuple[Constraint, ...]:
    return tuple(c for c in table.constraints if c.kind is ConstraintKind.PRIMARY and column in c.columns)


def _numbering(schema: Schema, end: Schema, table: Name, column: Column, word: str) -> Numbering | None:
    if column.identity is None:
        return None
    before, after = (
        next((q for q in s.sequences.values() if q.owner == (table, column.name)), None) for s in (schema, end)
    )
    if before is None or after is None:
        raise CannotPlan("the sequence behind it is not known", "give the database or a dump with --schema")
    return Numbering(
        column.identity.value.upper(), before, after, Name(before.name.schema, retired(before.name.name, word))
    )


def _without_key(table: Table) -> Table:
    """Give the table without its primary key and identities, which are exchanged and not copied."""
    table = replace(table, columns=tuple(replace(c, identity=None) for c in table.columns))
    return replace(table, constraints=tuple(c for c in table.constraints if c.kind is not ConstraintKind.PRIMARY))


def _key(table: Table, column: str, helper: str, word: str) -> Key | None:
    constraint = next(iter(_keys_over(table, column)), None)
    if constraint is None:
        return None
    owned = next((i for i in table.indexes if i.constraint == constraint.name), None)
    if owned is None:
        raise CannotPlan(
            f"the index behind {quote_ident(constraint.name or '')} is not known here",
            "give the database or a dump with --schema",
        )
    if constraint.include or constraint.period:
        raise CannotPlan(f"{quote_ident(constraint.name or '')} has INCLUDE or WITHOUT OVERLAPS", "rebuild it by hand")
    keys = tuple(replace(k, column=helper if k.column == column else k.column) for k in owned.keys)
    built = replace(owned, name=copied(constraint.name or "", word), constraint=None, keys=keys)
    spare = replace(owned, name=retired(constraint.name or "", word), constraint=None)
    first, second = (index_definition(table.name, i, concurrently=True) for i in (built, spare))
    return Key(constraint, built, spare, (first, second))


def _mirror(schema: Schema, table: Table, column: Column, helper: str, there: Conversion, word: str) -> Follower:
    before = [t for t in table.triggers if t.timing == "BEFORE" and t.for_each_row]
    inserts = [t.name for t in before if "INSERT" in t.events]
    updates = [t.name for t in before if "UPDATE" in t.events]
    insert, update = last_trigger(f"ms_type_i_{word}", inserts), last_trigger(f"ms_type_u_{word}", updates)
    turn = last_trigger(f"ms_type_w_{word}", [*inserts, insert or ""])
    if insert is None or update is None or turn is None:
        raise CannotPlan(f"a trigger of {table.name} has a name after which none of ours can sort", "rename it")
    pair = Pair(Side(column.name, there.source), Side(helper, there.target), Kind.PLAIN)
    turns = turns_of(schema, table, {column.name: helper})
    sync = Sync(table.name, (pair,), word, insert, update, None, (), turns, turn)
    return Follower(
        table=table.name,
        kind="follow",
        word=word,
        column=column.name,
        copy=helper,
        conversion=there,
        triggers=Triggers(insert, update, keep_of(table, (helper,), word, (update,))),
        collated=column.collation is not None,
        more=create_turns(sync, turns),
        less=drop_turns(sync),
    )


def _without_keep(triggers: Triggers) -> Triggers:
    return replace(triggers, keep=None)
