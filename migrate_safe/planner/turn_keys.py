"""Find the unique indexes over renamed columns whose new keys can be inserted in turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from migrate_safe.catalog.change import known_type
from migrate_safe.effects.builtin_functions import NOT_VOLATILE
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Expr, Index, IndexKey, Schema, Table, TypeName
from migrate_safe.planner.turns import Part, Turn
from migrate_safe.sql.builtins import uses_builtins_only

_HASHED = frozenset(
    """
    smallint integer bigint numeric real boolean text bpchar uuid date bytea inet cidr macaddr macaddr8 oid name
    interval
    """.split()
) | {
    "double precision",
    "character",
    "character varying",
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
    "time with time zone",
}
"""Built-in types whose hash agrees with `=`, so that equal keys take the same lock."""
_OPCLASSES = frozenset({None, "text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops"})
CITEXT = "citext"


def doubled(table: Table, renames: Mapping[str, str]) -> Iterator[Index]:
    """Give the unique indexes that get a copy and can be what ON CONFLICT arbitrates on."""
    deferrable = {c.name for c in table.constraints if c.deferrable}
    for index in table.indexes:
        if index.unique and index.columns & set(renames) and index.constraint not in deferrable - {None}:
            yield index


def turns_of(schema: Schema, table: Table, renames: Mapping[str, str]) -> tuple[Turn, ...]:
    """Give what takes turns; an index that only the user's own functions or types can look into is left out."""
    found = (_turn(schema, table, index) for index in doubled(table, renames))
    return tuple(turn for turn in found if turn is not None)


def citext_columns(table: Table, turns: Iterable[Turn]) -> dict[str, str]:
    """Give the schema of citext for each column of that type among the keys: there its operators live."""
    named = {part.expression: part.operators for turn in turns for part in turn.parts}
    return {c.name: s for c in table.columns if (s := named.get(quote_ident(c.name), "pg_catalog")) != "pg_catalog"}


def lives_in(table: Table, columns: Mapping[str, str]) -> Requirement:
    """Require that the types of columns are in the schemas in which the plan expects them."""
    listed = ", ".join(f"({quote_literal(c).strip()}, {quote_literal(s).strip()})" for c, s in columns.items())
    query = (
        "SELECT a.attname, n.nspname AS type_schema\n"
        "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace n ON n.oid = t.typnamespace\n"
        f"JOIN (VALUES {listed}) AS expected (attname, nspname) ON expected.attname = a.attname\n"
        f"WHERE a.attrelid = {quote_literal(str(table.name)).strip()}::regclass AND n.nspname <> expected.nspname"
    )
    return Requirement(
        query, f"types of {table.name} are in another schema than expected: plan again with --schema DSN"
    )


def _turn(schema: Schema, table: Table, index: Index) -> Turn | None:
    parts = [_part(schema, table, key) for key in index.keys]
    predicate = index.predicate
    if predicate is not None and not _is_plain(schema, table, predicate):
        return None
    mentioned = [key.expression.columns if key.expression else {key.column or ""} for key in index.keys]
    columns = sorted({*(predicate.columns if predicate else ()), *(c for names in mentioned for c in names)})
    if None in parts or any(_is_computed(table, c) for c in columns):
        return None
    kept = tuple(part for part in parts if part is not None)
    return Turn(index.name or "", kept, tuple(columns), None if predicate is None else predicate.sql)


def _part(schema: Schema, table: Table, key: IndexKey) -> Part | None:
    if key.collation is not None or key.opclass not in _OPCLASSES:
        return None
    if key.column is None:
        plain = key.expression is not None and _is_plain(schema, table, key.expression)
        return Part(f"({key.expression})", typed=False) if plain else None
    column = table.column(key.column)
    operators = None if column is None else _operators(schema, column.type)
    return None if operators is None else Part(quote_ident(key.column), operators)


def _operators(schema: Schema, type_name: TypeName) -> str | None:
    """Give the schema of a type's `=`, None where that or its hash is not known."""
    known = known_type(schema, type_name)
    name = Name(known.schema, known.name)
    if not known.dimensions and name in schema.domains:
        return _operators(schema, schema.domains[name].base)
    if name in schema.enums or (known.schema in (None, "pg_catalog") and known.name in _HASHED):
        return "pg_catalog"
    if known.name != CITEXT or known.dimensions:
        return None
    return known.schema or schema.extension_types.get(CITEXT) or next(iter(schema.search_path), "public")


def _is_plain(schema: Schema, table: Table, expression: Expr) -> bool:
    columns = [table.column(c) for c in expression.columns]
    if any(c is None or not _is_builtin(c.type) for c in columns):
        return False

    def is_function(name: Name) -> bool:
        own = any(Name(s, name.name) in schema.functions for s in schema.search_path)
        return name.schema in (None, "pg_catalog") and name.name in NOT_VOLATILE and not own

    return uses_builtins_only(expression.sql, is_function, _is_builtin)


def _is_builtin(type_name: TypeName) -> bool:
    return type_name.schema in (None, "pg_catalog") and type_name.name in _HASHED | {"json", "jsonb"}


def _is_computed(table: Table, column: str) -> bool:
    """Say whether a column has no value yet when a BEFORE trigger runs."""
    found = table.column(column)
    return found is None or found.generated is not None
