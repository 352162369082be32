"""The words that templates name, in the user's own names and as SQL that can be run."""

from __future__ import annotations

from migrate_safe.catalog.change import domain_default, is_partitioned
from migrate_safe.catalog.definition import constraint_definition, index_definition
from migrate_safe.catalog.evolve.columns import gives_null
from migrate_safe.catalog.evolve.indexes import plain_index
from migrate_safe.catalog.naming import constraint_name, index_name
from migrate_safe.effects.volatility import volatility
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import (
    Column,
    Constraint,
    ConstraintKind,
    Generated,
    Index,
    IndexKey,
    Schema,
    TypeName,
)
from migrate_safe.model.statement import (
    AddColumn,
    AlterType,
    ChangeIdentity,
    ColumnDef,
    CreateIndex,
    DetachPartition,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropNotNull,
    RefreshView,
    Reindex,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetDefault,
    SetExpression,
    SetNotNull,
    SetSchema,
    ValidateConstraint,
)
from migrate_safe.model.values import replace
from migrate_safe.rulebook.facts import Words
from migrate_safe.rulebook.numbering import fitting, numbering
from migrate_safe.rulebook.parts import Part
from migrate_safe.sql.rewrite import make_concurrent, unconditional

_ON_INDEX = {ConstraintKind.UNIQUE, ConstraintKind.PRIMARY, ConstraintKind.EXCLUDE}


def words_of(part: Part) -> Words:
    """Give the words that hang on what the part says; those that hang on its effect are left empty."""
    text = part.whole.statement.text
    words = Words(statement=text, table=str(part.relation) if part.relation is not None else "")
    if part.index is not None:
        words = replace(words, index=str(part.index))
    match part.action:
        case AddColumn(definition):
            words = _new_column(words, part, definition)
        case AlterType(column, type_):
            below = str(_base_type(part.whole.before, type_))
            words = replace(_column(words, part, column), type=str(type_), base_type=below)
        case DropColumn(column) | SetNotNull(column) | DropNotNull(column):
            words = _column(words, part, column)
        case SetDefault(column, default):
            words = replace(_column(words, part, column), default=str(default) if default is not None else "")
        case SetExpression(column) | ChangeIdentity(column):
            words = _column(words, part, column)
        case RenameColumn(_, column, to):
            words = replace(_column(words, part, column), new_name=quote_ident(to))
        case RenameTable(table, to, object=kind):
            words = replace(words, new_name=str(Name(table.schema, to)), object=f"{kind} {table}")
        case SetSchema(table, to, object=kind):
            words = replace(words, new_name=str(Name(to, table.name)), object=f"{kind} {table}")
        case ValidateConstraint(name) | DropConstraint(name) | RenameConstraint(_, name):
            words = replace(words, constraint=quote_ident(name))
        case CreateIndex() as create:
            words = replace(
                words,
                concurrent=_concurrent(unconditional(text)),
                plain=unconditional(text),
                in_parts=_in_parts(part, create),
            )
        case Reindex() | DetachPartition() | RefreshView():
            words = replace(words, concurrent=_concurrent(text))
        case DropIndex() as drop:
            words = replace(words, concurrent=_drop_concurrently(part, drop))
        case _:
            pass
    return _constraint(words, part, part.constraint) if part.constraint is not None else words


def _concurrent(text: str) -> str:
    try:
        return make_concurrent(text)
    except UsageError:
        return ""  # REINDEX of a schema or database has no form that this tool advises


def _in_parts(part: Part, create: CreateIndex) -> str:
    """Write an index ON ONLY a partitioned table, one CONCURRENTLY for each partition, and ATTACH for each."""
    table, name = part.whole.before.table(create.table), create.index.name
    parts = part.whole.before.partitions_of(table.name) if table is not None else ()
    if table is None or name is None or not parts or any(is_partitioned(p) for p in parts):
        return ""
    index = plain_index(create.index)
    first = index_definition(create.table, index).replace(" ON ", " ON ONLY ", 1)
    steps = [f"{first};"]
    for leaf in parts:
        own = fitting(leaf.name.name, f"_{name}")
        near = Name(create.table.schema, leaf.name.name)
        steps.append(f"{index_definition(near, replace(index, name=own), concurrently=True)};")
        place = Name(create.table.schema, name), Name(create.table.schema, own)
        steps.append(f"ALTER INDEX {place[0]} ATTACH PARTITION {place[1]};")
    return "\n".join(steps)


def _drop_concurrently(part: Part, drop: DropIndex) -> str:
    """Name one index only, as CONCURRENTLY demands; CASCADE is not allowed with it either."""
    return f"DROP INDEX CONCURRENTLY {'IF EXISTS ' if drop.if_exists else ''}{part.index}"


# ---- columns ---------------------------------------------------------------------------------


def _column(words: Words, part: Part, name: str) -> Words:
    assert part.relation is not None
    table = part.whole.before.table(part.relation)
    known = table.column(name) if table is not None else None
    return replace(
        words,
        column=quote_ident(name),
        new_column=quote_ident(fitting(name, "_new")),
        old_type=str(known.type) if known is not None else "",
        not_null_check=quote_ident(fitting(f"{part.relation.name}_{name}", "_is_set")),
        constraint=quote_ident(_name_for(part, Constraint(ConstraintKind.NOT_NULL, (name,)))),
    )


def _new_column(words: Words, part: Part, definition: ColumnDef) -> Words:
    assert part.relation is not None
    column = definition.column
    if gives_null(column.default):
        column = replace(column, default=None)
    default = column.default or domain_default(part.whole.before, column.type)
    alone = f"ALTER TABLE {part.relation} ADD COLUMN {column_definition(column)};"
    return replace(
        numbering(_column(words, part, column.name), part, definition),
        type=str(column.type),
        base_type=str(_base_type(part.whole.before, column.type)),
        default=str(default) if default is not None else "",
        column_definition=column_definition(column),
        column_first="-- once the column is there, without this constraint:" if part.costly else alone,
        base_definition=_base_definition(part.whole.before, column),
        trigger=quote_ident(fitting(f"{part.relation.name}_{column.name}", "_keep")),
        trigger_function=str(Name(part.relation.schema, fitting(f"{part.relation.name}_{column.name}", "_keep"))),
    )


def column_definition(column: Column) -> str:
    """Write a column for ADD COLUMN, without constraints; NOT NULL only where a default makes it harmless."""
    text = f"{quote_ident(column.name)} {column.type}"
    if column.collation is not None:
        text += f" COLLATE {column.collation}"
    if column.identity is not None:
        return f"{text} GENERATED {str(column.identity).upper()} AS IDENTITY"
    if column.generated is not None:
        kind = "VIRTUAL" if column.generated is Generated.VIRTUAL else "STORED"
        return f"{text} GENERATED ALWAYS AS ({column.default}) {kind}"
    if column.default is not None:
        text += f" DEFAULT {column.default}" + (" NOT NULL" if column.not_null else "")
    return text


def _base_definition(schema: Schema, column: Column) -> str:
    if column.default is not None and volatility(schema, column.default).volatile:
        return ""
    return column_definition(replace(column, type=_base_type(schema, column.type)))


def _base_type(schema: Schema, type_: TypeName) -> TypeName:
    """Give the type below a domain, or the type itself."""
    named = [domain.base for name, domain in schema.domains.items() if name.name == type_.name]
    return named[0] if named else type_


# ---- constraints -----------------------------------------------------------------------------


def _constraint(words: Words, part: Part, constraint: Constraint) -> Words:
    name = quote_ident(_name_for(part, constraint))
    if constraint.kind is ConstraintKind.NOT_NULL:
        words = _column(words, part, constraint.columns[0])
    columns = ", ".join(map(quote_ident, constraint.columns))
    table = part.relation.name if part.relation is not None else ""
    plain = replace(constraint, validated=constraint.enforced)
    return replace(
        words,
        constraint=name,
        definition=constraint_definition(plain),
        not_null_check=quote_ident(fitting(f"{table}_{'_'.join(constraint.columns)}", "_is_set")),
        not_null_columns=" AND ".join(f"{quote_ident(c)} IS NOT NULL" for c in constraint.columns),
        index=_index_for(part, name) if constraint.kind in _ON_INDEX else words.index,
        index_definition=_index_definition(words.table, constraint, columns),
        adopt=_adopt(part, constraint, name),
    )


def _name_for(part: Part, constraint: Constraint) -> str:
    """Give a constraint's name: its own, or the one that the server would choose."""
    if constraint.name is not None or part.relation is None:
        return constraint.name or ""
    table = part.whole.before.resolve(part.relation)
    if constraint.kind in _ON_INDEX:
        index = Index(None, tuple(IndexKey(c) for c in constraint.columns), include=constraint.include)
        return index_name(part.whole.before, table, index, constraint.kind)
    return constraint_name(part.whole.before, table, constraint.kind, constraint.columns)


def _index_definition(table: str, constraint: Constraint, columns: str) -> str:
    text = f"ON {table} ({columns})"
    if constraint.include:
        text += f" INCLUDE ({', '.join(map(quote_ident, constraint.include))})"
    return text + (" NULLS NOT DISTINCT" if constraint.nulls_not_distinct else "")


def _adopt(part: Part, constraint: Constraint, name: str) -> str:
    text = f"ADD CONSTRAINT {name} {constraint.kind.upper()} USING INDEX {_index_for(part, name)}"
    if constraint.deferrable:
        text += " DEFERRABLE" + (" INITIALLY DEFERRED" if constraint.deferred else "")
    gone = [_dropping(a) for a in _in_the_way(part, constraint, name)]
    return ", ".join([*gone, text])


def _index_for(part: Part, name: str) -> str:
    """Name the index that a constraint is to adopt: like the constraint, unless the same statement drops one so named.

    That one's index has the name until then; the server gives it to the adopted one.
    """
    taken = any(quote_ident(a.name) == name for a in _dropped(part))
    return quote_ident(fitting(name.strip('"'), "_new")) if taken else name


def _in_the_way(part: Part, constraint: Constraint, name: str) -> list[DropConstraint]:
    """Give the drops of the same statement without which the constraint cannot come: of its name, of a primary key."""
    primary = constraint.kind is ConstraintKind.PRIMARY
    return [a for a in _dropped(part) if primary or quote_ident(a.name) == name]


def _dropped(part: Part) -> list[DropConstraint]:
    actions = getattr(part.whole.statement.action, "actions", ())
    return [a for a in actions if isinstance(a, DropConstraint)]


def _dropping(action: DropConstraint) -> str:
    tolerant, along = ("IF EXISTS " if action.if_exists else ""), (" CASCADE" if action.cascade else "")
    return f"DROP CONSTRAINT {tolerant}{quote_ident(action.name)}{along}"
