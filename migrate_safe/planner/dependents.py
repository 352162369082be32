"""What else hangs on columns that change their name or go: found at plan time, and looked for again on the server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from migrate_safe.catalog.evolve.resting import on_column
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Constraint, ConstraintKind, Schema, Table, TableKind, Trigger
from migrate_safe.planner.draft import CannotPlan


def refuse_dependents(schema: Schema, table: Table, columns: tuple[str, ...], *, keeps_data: bool = True) -> None:
    """Raise CannotPlan, naming them all, when things depend on the columns that no step can carry over.

    `keeps_data` is true for a rename, whose column lives on under another name; a dropped column may be
    generated or an identity.
    """
    found = tuple(dict.fromkeys(_dependents(schema, table, columns, keeps_data)))
    if found:
        named = ", ".join(quote_ident(c) for c in columns)
        raise CannotPlan(
            f"{named} of {table.name} is used in a way that cannot be carried over: {'; '.join(found)}",
            "remove or rebuild them in migrations of their own first",
        )


def _dependents(schema: Schema, table: Table, columns: tuple[str, ...], keeps_data: bool) -> Iterator[str]:
    wanted = frozenset(columns)
    yield from _table_kinds(schema, table)
    if keeps_data:
        yield from _special_columns(table, columns)
    yield from _keys(schema, table, wanted, keeps_data)
    for other in table.columns:
        if other.generated is not None and other.default is not None and other.default.columns & wanted:
            yield f"generated column {quote_ident(other.name)}"
    for view in schema.views.values():
        if table.name in {schema.resolve(r) for r in view.relations} and (view.columns & wanted or view.star):
            yield f"{'materialized view' if view.materialized else 'view'} {view.name}"
    for trigger in table.triggers:
        yield from _trigger(schema, trigger, wanted)
    for index in table.indexes:
        if table.replica_identity == f"index {index.name}" and index.columns & wanted:
            yield f"replica identity index {quote_ident(index.name or '')}"
    for column in columns:
        yield from (str(rest) for rest in on_column(schema, table, column) if rest.kind != "trigger")
    yield from _published(schema, table.name, wanted)
    if keeps_data:
        yield from _statistics(schema, table.name, wanted)


def _published(schema: Schema, table: Name, wanted: frozenset[str]) -> Iterator[str]:
    for publication in schema.publications.values():
        for shown in publication.tables:
            filtered = shown.condition.columns if shown.condition is not None else frozenset()
            if shown.table == table and wanted & (filtered | set(shown.columns)):
                yield f"publication {quote_ident(publication.name)} names it"


def _statistics(schema: Schema, table: Name, wanted: frozenset[str]) -> Iterator[str]:
    for (kind, name), thing in schema.things.items():
        facts = dict(thing.facts)
        if kind == "statistics" and facts.get("table") == str(table) and _mentions(facts.get("columns", ""), wanted):
            yield f"statistics object {name}"


def _table_kinds(schema: Schema, table: Table) -> Iterator[str]:
    if table.partial:
        yield f"{table.name} is only partly known here (give the database or a dump with --schema)"
    if table.kind is not TableKind.TABLE:
        yield f"{table.name} is a {table.kind}"
    if table.parents:
        yield f"{table.name} is a partition or child of {', '.join(map(str, table.parents))}"
    for child in schema.partitions_of(table.name):
        yield f"table {child.name} inherits it"


def _special_columns(table: Table, columns: Iterable[str]) -> Iterator[str]:
    for name in columns:
        column = table.column(name)
        if column is not None and column.generated is not None:
            yield f"{quote_ident(name)} is a generated column"
        if column is not None and column.identity is not None:
            yield f"{quote_ident(name)} is an identity column"


def _keys(schema: Schema, table: Table, wanted: frozenset[str], keeps_data: bool) -> Iterator[str]:
    if wanted & set(table.primary_key):
        yield "the primary key"
    for constraint in table.constraints:
        used = wanted & set(constraint.columns) or _mentions(constraint.definition, wanted)
        if keeps_data and constraint.kind is ConstraintKind.EXCLUDE and used:
            yield f"exclusion constraint {quote_ident(constraint.name or '')}"
    for index in table.indexes if keeps_data else ():
        if not index.valid and index.columns & wanted:
            yield f"invalid index {quote_ident(index.name or '')} (drop it, or REINDEX it CONCURRENTLY)"
    for near, constraint in schema.referencing(table.name):
        if wanted & set(_referenced(table, constraint)):
            yield f"foreign key {quote_ident(constraint.name or '')} of {near.name}"


def _referenced(table: Table, constraint: Constraint) -> tuple[str, ...]:
    far = constraint.references
    return () if far is None else far.columns or table.primary_key


def _trigger(schema: Schema, trigger: Trigger, wanted: frozenset[str]) -> Iterator[str]:
    if wanted & set(trigger.columns):
        yield f"trigger {quote_ident(trigger.name)} fires on UPDATE OF it"
    if trigger.condition is not None and trigger.condition.columns & wanted:
        yield f"trigger {quote_ident(trigger.name)}: its WHEN mentions it"
    for function in schema.functions.get(trigger.function, ()) if trigger.function is not None else ():
        if _mentions(function.body, wanted):
            yield f"trigger {quote_ident(trigger.name)}: its function {function.name} mentions it"


def _mentions(text: str, words: Iterable[str]) -> bool:
    """Say whether a text contains one of the words by itself, in any case: rather too often than too seldom."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words)


def mentioning_functions(schema: Schema, table: Name, columns: Iterable[str]) -> tuple[str, ...]:
    """Give the functions whose text mentions both the table and one of the columns."""
    wanted = frozenset(columns)
    return tuple(
        str(f.name)
        for overloads in schema.functions.values()
        for f in overloads
        if _mentions(f.body, [table.name]) and _mentions(f.body, wanted)
    )


# ---- the same, asked of the server right before the first step --------------------------------

_DEPENDENTS = """\
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS dependent
FROM pg_depend d
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = {table}::regclass AND a.attname IN ({columns})
  AND NOT (d.classid = 'pg_attrdef'::regclass AND e.adnum = a.attnum)
  AND NOT (d.classid = 'pg_class'::regclass AND c.relkind = 'S')
  AND NOT (d.classid = 'pg_constraint'::regclass AND k.conrelid = d.refobjid AND (k.contype = 'n'{constraints}))
{statistics}{indexes}UNION ALL
SELECT 'replica identity ' || i.indexrelid::regclass
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = {table}::regclass AND i.indisreplident AND a.attname IN ({columns})"""


_NO_STATISTICS = "  AND d.classid <> 'pg_statistic_ext'::regclass\n"


def guard(
    table: Name,
    columns: Iterable[str],
    constraints: Iterable[str],
    indexes: Iterable[str],
    *,
    keeps_data: bool = True,
) -> Requirement:
    """Require that nothing depends on the columns but the constraints and indexes that the plan carries over.

    Statistics objects go with a dropped column (`keeps_data` false), as they do in the plain migration.

    pg_depend also knows what no file tells: views, policies, publications with column lists, statistics objects,
    SQL functions with a parsed body, triggers with a WHEN. A later index or constraint would be lost silently.
    """
    named = ", ".join(quote_ident(c) for c in columns)
    known_constraints, known_indexes = _literals(constraints), _literals(indexes)
    query = _DEPENDENTS.format(
        table=quote_literal(str(table)).strip(),
        columns=_literals(columns),
        statistics="" if keeps_data else _NO_STATISTICS,
        constraints=f" OR k.conname IN ({known_constraints})" if known_constraints else "",
        indexes=(
            f"  AND NOT (d.classid = 'pg_class'::regclass AND c.relkind = 'i' AND c.relname IN ({known_indexes}))\n"
            if known_indexes
            else ""
        ),
    )
    message = f"something depends on {named} of {table} that this plan does not carry over (remove it, or plan again)"
    return Requirement(query, message)


_EXTRAS = """\
SELECT a.attname
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = {table}::regclass AND a.attname IN ({columns})
  AND (a.attacl IS NOT NULL OR a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) >= 0
    OR a.attstorage <> t.typstorage OR a.attcompression <> '')"""


def no_extras(table: Name, columns: Iterable[str]) -> Requirement:
    """Require that the columns have no grants and settings of their own, for a plan that was made from files."""
    query = _EXTRAS.format(table=quote_literal(str(table)).strip(), columns=_literals(columns))
    message = f"columns of {table} have grants or settings that files do not tell: plan again with --schema DSN"
    return Requirement(query, message)


_TYPES = """\
WITH RECURSIVE found (attname, type) AS (
  SELECT a.attname, a.atttypid FROM pg_attribute a
  WHERE a.attrelid = {table}::regclass AND a.attname IN ({columns})
  UNION ALL
  SELECT f.attname, t.typbasetype FROM found f JOIN pg_type t ON t.oid = f.type WHERE t.typtype = 'd')
SELECT f.attname, format_type(t.oid, NULL) AS type
FROM found f JOIN pg_type t ON t.oid = f.type
WHERE t.typtype = 'c' OR t.typtype = 'd' AND (t.typnotnull OR t.typdefault IS NOT NULL
  OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = t.oid))"""


def plain_types(table: Name, columns: Iterable[str]) -> Requirement:
    """Require that no column is of a composite type, or of a domain that has a default or a constraint.

    A domain's default looks like a given value, its constraint makes ADD COLUMN read or write the whole table, and
    a composite value with a NULL inside is neither IS NULL nor IS NOT NULL.
    """
    query = _TYPES.format(table=quote_literal(str(table)).strip(), columns=_literals(columns))
    message = f"columns of {table} have a composite type, or a domain with rules of its own: no copy can keep step"
    return Requirement(query, message)


def _literals(words: Iterable[str]) -> str:
    return ", ".join(quote_literal(w).strip() for w in words)
