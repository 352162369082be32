"""Work out what a rename needs to know: the kind of sync, names of triggers, copies, dependents."""

from __future__ import annotations

from collections.abc import Mapping

from migrate_safe.catalog.change import known_type
from migrate_safe.effects.types import is_plain_type
from migrate_safe.effects.volatility import volatility
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Column, Expr, Schema, Table, TypeName
from migrate_safe.planner.copies import copies_of
from migrate_safe.planner.dependents import mentioning_functions, refuse_dependents
from migrate_safe.planner.draft import CannotPlan, row_keys
from migrate_safe.planner.identifiers import last_trigger, tag
from migrate_safe.planner.keeping import keep_of
from migrate_safe.planner.null_names import null_name
from migrate_safe.planner.operations import resolver
from migrate_safe.planner.pairs import Kind, Pair, Side, Sync
from migrate_safe.planner.recipes.rename_column import RenameColumn
from migrate_safe.planner.turn_keys import citext_columns, doubled, turns_of
from migrate_safe.sql.recompose import qualified


def rename_recipe(schema: Schema, table: Table, renames: Mapping[str, str], plan: str) -> RenameColumn:
    """Prepare the rename of columns of one table; raises CannotPlan when it cannot be done without harm."""
    for old in renames:
        if table.column(old) is None and old in renames.values():
            raise CannotPlan(
                f"{quote_ident(old)} of {table.name} gets its name by another rename of this migration",
                "rename each column once, to its last name; exchange names in migrations that follow each other",
            )
        if table.column(old) is None:
            raise CannotPlan(
                f"the type of {quote_ident(old)} of {table.name} is not known",
                "give the database, a dump or the earlier migrations with --schema",
            )
    refuse_dependents(schema, table, tuple(renames))
    word = tag(plan, str(table.name), *renames)
    pairs = tuple(_pair(schema, table, old, new) for old, new in renames.items())
    sync = _sync(schema, table, pairs, word)
    return RenameColumn(
        table=table,
        sync=sync,
        copies=copies_of(table, renames, word),
        null_names={old: null_name(schema, table, old, new) for old, new in renames.items()},
        owned=tuple(
            (s.name, s.owner[1])
            for s in schema.sequences.values()
            if s.owner is not None and s.owner[0] == table.name and s.owner[1] in renames
        ),
        keys=row_keys(schema, table.name),
        mentioned_by=mentioning_functions(schema, table.name, renames),
        from_files=not schema.complete,
        own_types=_own_types(schema, table, renames),
        citext=citext_columns(table, sync.turns),
        unguarded=tuple(i.name or "" for i in doubled(table, renames) if i.name not in {t.index for t in sync.turns}),
    )


def _own_types(schema: Schema, table: Table, renames: Mapping[str, str]) -> bool:
    """Say whether the server must be asked about a type; raises CannotPlan for a domain with a constraint."""
    types = {old: known_type(schema, c.type) for old in renames if (c := table.column(old)) is not None}
    for old, found in types.items():
        if schema.is_constrained(Name(found.schema, found.name)) and not found.dimensions:
            raise CannotPlan(
                f"{quote_ident(old)} of {table.name} is of domain {found}, whose constraint makes a second column of"
                " it read or write the whole table under an exclusive lock",
                "move the constraint from the domain to the table first, as a CHECK or NOT NULL",
            )
    return any(not is_plain_type(schema, t) or _is_composite(schema, t) for t in types.values())


def _is_composite(schema: Schema, found: TypeName) -> bool:
    """Say whether a type is a composite one, whose values with a NULL inside are neither NULL nor not."""
    return Name(found.schema, found.name) in schema.composites


def _pair(schema: Schema, table: Table, old: str, new: str) -> Pair:
    column = table.column(old)
    assert column is not None, "looked up before"
    default = certain(schema, column.default)
    type_name = known_type(schema, column.type)
    collated = column.collation is not None
    return Pair(
        Side(old, type_name, default, collated),
        Side(new, type_name, default, collated),
        _kind(schema, column),
    )


def _kind(schema: Schema, column: Column) -> Kind:
    """Choose how an INSERT shows which side it left out.

    A default is compared with only when it gives the same value whoever evaluates it, wherever.
    """
    if column.default is None:
        return Kind.PLAIN
    judged = volatility(schema, column.default)
    if judged.volatile or judged.depends or _own_functions(schema, column.default):
        return Kind.MARKER
    return Kind.DEFAULTS


def _own_functions(schema: Schema, expression: Expr) -> bool:
    """Say whether an expression calls functions that are not the server's."""
    return any(f.schema not in (None, "pg_catalog") or _known(schema, f) for f in expression.functions)


def _known(schema: Schema, function: Name) -> bool:
    return any(Name(s, function.name) in schema.functions for s in schema.search_path)


def certain(schema: Schema, expression: Expr | None) -> str | None:
    """Write a default with its names qualified, for it is evaluated under whatever search_path a client has."""
    if expression is None:
        return None
    return qualified(f"SELECT {expression.sql}", resolver(schema)).removeprefix("SELECT ")


def _sync(schema: Schema, table: Table, pairs: tuple[Pair, ...], word: str) -> Sync:
    before = [t for t in table.triggers if t.timing == "BEFORE" and t.for_each_row]
    inserts = [t.name for t in before if "INSERT" in t.events]
    updates = [t.name for t in before if "UPDATE" in t.events]
    insert, update = last_trigger(f"ms_sync_i_{word}", inserts), last_trigger(f"ms_sync_u_{word}", updates)
    turn = last_trigger(f"ms_turn_{word}", [*inserts, insert or ""])
    if insert is None or update is None or turn is None:
        raise CannotPlan(
            f"a trigger of {table.name} has a name after which none of ours can sort",
            "rename that trigger",
        )
    keep = keep_of(table, (s.column for p in pairs for s in (p.new, p.old)), word, (update,))
    path = schema.search_path if _unsure(schema, table, pairs) else ()
    turns = turns_of(schema, table, {p.old.column: p.new.column for p in pairs})
    return Sync(table.name, pairs, word, insert, update, keep, path, turns, turn)


def _unsure(schema: Schema, table: Table, pairs: tuple[Pair, ...]) -> bool:
    """Say whether the functions name types or functions of which nobody here knows the schema."""
    columns = [c for p in pairs if (c := table.column(p.old.column)) is not None]
    types = any(not is_plain_type(schema, c.type) and known_type(schema, c.type).schema is None for c in columns)
    return types or any(c.default is not None and bool(volatility(schema, c.default).depends) for c in columns)
