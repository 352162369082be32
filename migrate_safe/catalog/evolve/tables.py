"""How tables come and go."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.brought import shows_relations
from migrate_safe.catalog.change import (
    SYSTEM_COLUMNS,
    TEMPORARY,
    CannotApply,
    certain,
    dropped_with,
    is_partition,
    is_partitioned,
    known_type,
    put,
    put_column,
    same_type,
    type_exists,
    type_name,
    without_table,
)
from migrate_safe.catalog.evolve.column_rules import kept_settings
from migrate_safe.catalog.evolve.columns import (
    add_constraints,
    finished_column,
    inline_constraints,
)
from migrate_safe.catalog.evolve.drawing import refuse_absent, refuse_draws, without_sequences
from migrate_safe.catalog.evolve.foreign_keys import without_key
from migrate_safe.catalog.evolve.freeing import freed
from migrate_safe.catalog.evolve.index_methods import refuse_table_method
from migrate_safe.catalog.evolve.inheritance import inherit
from migrate_safe.catalog.evolve.not_null import named_here
from migrate_safe.catalog.evolve.parameters import refuse_table_parameters
from migrate_safe.catalog.evolve.partitions import handed_down, inherited_by_partition
from migrate_safe.catalog.evolve.resting import on_relation
from migrate_safe.catalog.evolve.storage import parameters, tablespace_of, with_options
from migrate_safe.catalog.evolve.templates import has_known_columns, like
from migrate_safe.catalog.evolve.toast import without_lost_options
from migrate_safe.catalog.evolve.typed import with_attributes
from migrate_safe.catalog.evolve.views import created_name, drop_views, refuse_unpopulated, views_on
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.presence import need_relation
from migrate_safe.catalog.references import refuse_unknown_columns
from migrate_safe.catalog.shapes import Given, columns_given
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Schema, Table, TableKind
from migrate_safe.model.statement import ColumnDef, CreateTable, DropTable
from migrate_safe.model.values import replace
from migrate_safe.sql.bounds import partition_key_of

_OTHER_EXPRESSION = 16
"""From this major version on a child may compute an inherited generated column by another expression."""


def create_table(schema: Schema, action: CreateTable) -> Schema:
    """Add a table with everything its definition brings: sequences, constraints, indexes, inherited columns.

    Under IF NOT EXISTS an unknown table may have been there before: it stays partly known. So do tables whose
    columns come from a query or from an unknown template.
    """
    name = created_name(schema, action.table, temporary=action.persistence == "t")
    if action.persistence == "t" and action.table.schema not in (None, TEMPORARY):
        raise CannotApply(f"cannot create temporary relation {name.name!r} in schema {action.table.schema!r}")
    if action.on_commit != "preserve rows" and action.persistence != "t":
        raise CannotApply(f"ON COMMIT is for temporary tables, which {name} is not")
    if relation_exists(schema, name):
        if action.if_not_exists:
            return schema
        raise CannotApply(f"relation {name} already exists")
    if type_exists(schema, name):
        raise CannotApply(f"type {name} already exists, and a table has a type of its name")
    missing = _missing(schema, action)
    if missing and shows_relations(schema):
        raise CannotApply(f"relation {missing[0]} does not exist")
    _refuse_parents(schema, action)
    refuse_table_method(schema, action.access_method)
    refuse_table_parameters(schema, action.access_method, parameters(", ".join(action.options)))
    _refuse_far_keys(action)
    if action.foreign is not None and schema.complete and ("server", Name(None, action.foreign)) not in schema.things:
        raise CannotApply(f"server {action.foreign} does not exist")
    _refuse_reads(schema, action)
    given = columns_given(schema, action.shape) if action.as_query else ()
    unsure = (
        given is None
        or any(c.type is None for c in given)
        or not all(has_known_columns(schema, schema.resolve(n)) for n in action.like)
        or any(n in schema.tables and not certain(schema, schema.tables[n]) for n in _sources(schema, action))
    )
    unsure = unsure or bool(missing) or (action.if_not_exists and not schema.lacks(name))
    schema = put(schema, _bare_table(schema, name, action, partial=unsure))
    schema = _from_query(schema, name, given or ())
    if action.of_type is not None:
        schema = with_attributes(schema, name, action.of_type)
    if action.partition_of is not None:
        schema = inherited_by_partition(schema, name, schema.resolve(action.partition_of))
    settled = {d.column.name for d in action.columns if d.column.default is not None}
    schema = inherit(schema, name, [schema.resolve(n) for n in action.inherits], settled)
    schema = like(schema, name, action)
    schema = _own_parts(schema, name, action)
    schema = put(schema, without_lost_options(schema, schema.tables[name]))
    parent = schema.tables.get(schema.resolve(action.partition_of)) if action.partition_of is not None else None
    return handed_down(schema, name, parent) if parent is not None else schema


def _missing(schema: Schema, action: CreateTable) -> list[Name]:
    return [n for n in _sources(schema, action) if n not in schema.tables and not relation_exists(schema, n)]


def _sources(schema: Schema, action: CreateTable) -> list[Name]:
    """Give the relations that a new table has columns from, other than by a query."""
    above = [action.partition_of] if action.partition_of is not None else []
    return [schema.resolve(n) for n in (*action.like, *action.inherits, *above)]


def _refuse_parents(schema: Schema, action: CreateTable) -> None:
    names = [schema.resolve(n) for n in action.inherits]
    above = [*names, *([schema.resolve(action.partition_of)] if action.partition_of is not None else [])]
    wrong = next((n for n in above if n not in schema.tables and relation_exists(schema, n)), None)
    if wrong is not None:
        raise CannotApply(f"inherited relation {wrong} is not a table")
    templates = [schema.resolve(n) for n in action.like]
    if any(n in schema.sequences or schema.index_table(n) is not None for n in templates):
        raise CannotApply("a sequence or index is not allowed in LIKE")
    if len(set(names)) < len(names):
        raise CannotApply(f"relation {names[0]} would be inherited from more than once")
    for parent in (schema.tables[n] for n in names if n in schema.tables):
        if is_partitioned(parent) or is_partition(parent):
            raise CannotApply(f"cannot inherit from partitioned table or partition {parent.name}")
        if parent.persistence == "t" and action.persistence != "t":
            raise CannotApply(f"cannot inherit from temporary relation {parent.name}")
    if names and action.partition_key is not None:
        raise CannotApply("cannot create partitioned table as inheritance child")


def _refuse_far_keys(action: CreateTable) -> None:
    """Refuse what a foreign table cannot have: keys of any kind."""
    given = (*action.constraints, *(c for d in action.columns for c in d.constraints))
    wrong = next((c for c in given if c.kind not in (ConstraintKind.CHECK, ConstraintKind.NOT_NULL)), None)
    if action.foreign is not None and wrong is not None:
        raise CannotApply(f"{wrong.kind} constraints are not supported on foreign tables")


def _refuse_reads(schema: Schema, action: CreateTable) -> None:
    """Refuse a query over what certainly is not there, or holds nothing yet."""
    reads = [schema.resolve(r) for r in action.reads]
    if action.with_data:
        refuse_unpopulated(schema, reads)
    for relation in action.reads:
        need_relation(schema, relation)
    refuse_absent(schema, action.texts)
    refuse_draws(schema, action.draws if action.with_data else ())
    refuse_unknown_columns(schema, action.scopes)


def _from_query(schema: Schema, name: Name, given: Iterable[Given]) -> Schema:
    """Give a new table the columns that a query gives, as far as their types are known."""
    columns = tuple(Column(c.name, c.type, collation=c.collation) for c in given if c.type is not None)
    table = schema.tables[name]
    own = next((c.name for c in columns if c.name in SYSTEM_COLUMNS), None)
    if own is not None:
        raise CannotApply(f"column name {own!r} conflicts with a system column name")
    twice = next((c.name for c in columns if [d.name for d in columns].count(c.name) > 1), None)
    if twice is not None:
        raise CannotApply(f"column {twice!r} of {name} is given twice")
    return put(schema, replace(table, columns=(*table.columns, *columns)))


def _bare_table(schema: Schema, name: Name, action: CreateTable, *, partial: bool) -> Table:
    parents = tuple(schema.resolve(p) for p in action.inherits)
    if action.partition_of is not None:
        parents = (schema.resolve(action.partition_of),)
    return Table(
        name,
        kind=_kind(action),
        parents=parents,
        partition_key=action.partition_key,
        partition_bound=action.partition_bound,
        persistence=action.persistence,
        ends_with_transaction=action.on_commit == "drop",
        server=action.foreign,
        replica_identity="nothing" if action.foreign is not None else "default",
        options=with_options((), ", ".join(action.options)) if action.options else (),
        tablespace=tablespace_of(action.tablespace) if action.tablespace is not None else None,
        access_method=action.access_method or "heap",
        partial=partial,
    )


def _kind(action: CreateTable) -> TableKind:
    if action.foreign is not None:
        return TableKind.FOREIGN
    return TableKind.PARTITIONED if action.partition_key is not None else TableKind.TABLE


def _own_parts(schema: Schema, name: Name, action: CreateTable) -> Schema:
    """Add the columns and constraints that the statement spells out."""
    constraints: list[Constraint] = []
    own: set[str] = set()
    for definition in action.columns:
        column = definition.column.name
        known = schema.tables[name].column(column)
        if column in own or column in SYSTEM_COLUMNS:
            raise CannotApply(f"column {column!r} of {name} is given twice, or is the server's own")
        own.add(column)
        if known is not None:
            schema = put(schema, _merged(schema, schema.tables[name], known, definition))
        elif not definition.column.type.name and (action.partition_of is not None or action.of_type is not None):
            if not schema.tables[name].partial and _is_known(schema, action):
                raise CannotApply(f"column {column!r} of {name} does not exist")
        else:
            schema, made = finished_column(schema, name, definition)
            schema = put(schema, replace(schema.tables[name], columns=(*schema.tables[name].columns, made)))
        constraints.extend(inline_constraints(definition))
    named = {c.columns for c in action.constraints if c.kind is ConstraintKind.NOT_NULL}
    implied = [c for c in constraints if c.kind is not ConstraintKind.NOT_NULL or c.name or c.columns not in named]
    kept = [
        c for c in (*constraints, *action.constraints) if c.kind is not ConstraintKind.NOT_NULL or named_here(schema)
    ]
    given = [c.name for c in kept if c.name is not None]
    _refuse_twice(name, given)
    _refuse_expressions(schema.tables[name], action)
    wanted = [*implied, *action.constraints]
    return add_constraints(schema, name, [*_not_null_by_key(schema, name, action, wanted), *wanted])


def _not_null_by_key(schema: Schema, name: Name, action: CreateTable, wanted: Iterable[Constraint]) -> list[Constraint]:
    """Give what the primary key of a new table makes its own of the NOT NULL constraints that it inherits."""
    keys = {c for constraint in wanted if constraint.kind is ConstraintKind.PRIMARY for c in constraint.columns}
    held = [c for c in schema.tables[name].constraints if c.kind is ConstraintKind.NOT_NULL and not c.local]
    return [replace(c, name=None, local=True) for c in held if action.inherits and keys & set(c.columns)]


def _is_known(schema: Schema, action: CreateTable) -> bool:
    """Say whether all that the new table takes its columns from is known."""
    parent = schema.tables.get(schema.resolve(action.partition_of)) if action.partition_of is not None else None
    composite = type_name(schema, action.of_type) in schema.composites if action.of_type is not None else False
    return composite or (parent is not None and not parent.partial)


def _refuse_twice(table: Name, names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise CannotApply(f"a constraint of {table} is given twice")


def _refuse_expressions(table: Table, action: CreateTable) -> None:
    """Refuse generation expressions over columns that are not there, and a partition key without its column."""
    if table.partial:
        return
    have = {c.name for c in table.columns}
    for column in table.columns:
        if column.generated is not None and column.default is not None and not column.default.columns <= have:
            raise CannotApply(f"generated column {column.name!r} of {table.name} uses a column that does not exist")
        used = [c for c in table.columns if column.default is not None and c.name in column.default.columns]
        if column.generated is not None and any(c.generated for c in used):
            raise CannotApply(f"generated column {column.name!r} of {table.name} uses a generated column")
    key = partition_key_of(action.partition_key) if action.partition_key is not None else None
    if key is None:
        return
    if key.strategy == "list" and len(key.columns) > 1:
        raise CannotApply(f"cannot use 'list' partition strategy with more than one column: {table.name}")
    if not key.mentioned <= have:
        raise CannotApply(f"partition key of {table.name} names a column that does not exist")
    if any(c.generated for c in table.columns if c.name in key.mentioned):
        raise CannotApply(f"cannot use generated column in partition key of {table.name}")


def _merged(schema: Schema, table: Table, known: Column, definition: ColumnDef) -> Table:
    """Let a partition or child say more about a column that it inherits; a child then also defines it itself."""
    column = definition.column
    if not table.parents and table.of_type is None:
        raise CannotApply(f"column {known.name!r} of {table.name} is given twice")
    plain = table.partition_bound is None and table.of_type is None
    alike = same_type(known_type(schema, column.type), known.type) and column.collation == known.collation
    if plain and not alike:
        raise CannotApply(f"column {known.name!r} of {table.name} has another type than the inherited one")
    tolerant = known.generated is not None and schema.server_version >= _OTHER_EXPRESSION
    if column.generated is not None and not tolerant:
        raise CannotApply(f"child column {known.name!r} of {table.name} specifies generation expression")
    if known.generated is not None and column.default is not None and column.generated is None:
        raise CannotApply(f"column {known.name!r} of {table.name} inherits from generated column")
    if known.generated is not None and column.generated not in (None, known.generated):
        raise CannotApply(f"column {known.name!r} of {table.name} inherits from a column generated otherwise")
    if column.identity is not None or (known.generated is not None and column.identity is not None):
        raise CannotApply(f"identity of inherited column {known.name!r} of {table.name} is not the child's to give")
    merged = replace(known, default=column.default or known.default, local=plain or known.local)
    return put_column(table, replace(merged, settings=kept_settings(column) or known.settings))


def drop_table(schema: Schema, action: DropTable) -> Schema:
    """Drop tables with their partitions and owned sequences; what rests on them needs CASCADE."""
    names: list[Name] = []
    listed = {schema.resolve(wanted) for wanted in action.tables}
    for wanted in action.tables:
        full = schema.resolve(wanted)
        _refuse_other_kinds(schema, full, action)
        if full in schema.tables:
            names.extend(_with_partitions(schema, schema.tables[full], listed, cascade=action.cascade))
        elif shows_relations(schema) and not action.if_exists:
            raise CannotApply(f"table {full} does not exist")
        else:
            schema = without_table(schema, full)
    gone = frozenset(names)
    for name in names:
        schema = _freed(schema, name, gone, cascade=action.cascade)
    for name in names:
        schema = without_table(schema, name)
    owned = {s.name for name in gone for s in schema.owned_by(name)}
    return without_sequences(schema, owned, gone, cascade=action.cascade)


def _refuse_other_kinds(schema: Schema, name: Name, action: DropTable) -> None:
    """Refuse DROP TABLE for what is no table, or foreign; IF EXISTS does not help."""
    table = schema.tables.get(name)
    if table is None and relation_exists(schema, name):
        raise CannotApply(f"{name} is not a table")
    if table is not None and not table.partial and (table.kind is TableKind.FOREIGN) is not action.foreign:
        raise CannotApply(f"{name} is {'not a' if action.foreign else 'a'} foreign table")


def _with_partitions(schema: Schema, table: Table, listed: set[Name], *, cascade: bool) -> list[Name]:
    members = dropped_with(schema, table)
    resting = [m.name for m in members[1:] if not is_partition(m) and m.name not in listed]
    if resting and not cascade:
        raise CannotApply(f"table {resting[0]} inherits from {table.name}")
    return [m.name for m in members]


def _freed(schema: Schema, name: Name, gone: frozenset[Name], *, cascade: bool) -> Schema:
    """Remove the foreign keys and views that rest on a table, or raise CannotApply."""
    above = [p for p in _ancestors(schema, name) if p not in gone]
    for other, key in (pair for held in (name, *above) for pair in schema.referencing(held)):
        if other.name in gone:
            continue
        if not cascade:
            raise CannotApply(f"foreign key {key.name!r} of {other.name} depends on {name}")
        schema = without_key(schema, schema.tables[other.name], key)
    outside = [r for r in on_relation(schema, name) if r.relation not in gone]
    schema = freed(schema, outside, f"table {name}", cascade=cascade)
    views = views_on(schema, name)
    if views and not cascade:
        raise CannotApply(f"view {views[0].name} depends on {name}")
    return drop_views(schema, [v.name for v in views], cascade=True)


def _ancestors(schema: Schema, name: Name) -> list[Name]:
    """Give the partitioned tables above a partition: a key on them rests on each partition as well."""
    table = schema.tables.get(name)
    found: list[Name] = []
    for parent in table.parents if table is not None and is_partition(table) else ():
        found += [parent, *_ancestors(schema, parent)]
    return found
