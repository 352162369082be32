"""What statements about enums, domains and other types of users do."""

from __future__ import annotations

from migrate_safe.catalog.change import is_partitioned, type_exists, type_name
from migrate_safe.catalog.evolve.resting import on_type
from migrate_safe.catalog.type_users import (
    columns_of_type,
    domains_over,
    multirange_of,
    ranges_over,
    storing_columns,
    typed_tables,
)
from migrate_safe.effects.columns import drop_column
from migrate_safe.effects.combine import Scene, breaking, locking, merge, rewriting, scanning
from migrate_safe.effects.doubts import Rows
from migrate_safe.effects.programs import taking_along
from migrate_safe.effects.tables import drop_table
from migrate_safe.effects.unknown import Unknown
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Table
from migrate_safe.model.statement import (
    AddColumn,
    AlterComposite,
    AlterDomain,
    AlterEnum,
    AlterType,
    CreateComposite,
    CreateDomain,
    CreateEnum,
    CreateRange,
    DomainVerb,
    DropColumn,
    DropTable,
    DropType,
    Other,
    RenameAttribute,
    RenameDomainConstraint,
    RenameType,
    SetTypeSchema,
    TypeAction,
)

_AX = LockMode.ACCESS_EXCLUSIVE
_READING = frozenset({DomainVerb.ADD, DomainVerb.VALIDATE, DomainVerb.SET_NOT_NULL})


def type_action(scene: Scene, action: TypeAction) -> Effect:
    """Give the effect of a statement about types."""
    match action:
        case CreateEnum() | CreateComposite() | CreateRange() | CreateDomain() | RenameDomainConstraint():
            return Effect()
        case AlterEnum():
            return alter_enum(scene, action)
        case AlterComposite():
            return _alter_composite(scene, action)
        case RenameAttribute(name=name, attribute=attribute):
            full = type_name(scene.schema, name)
            gone = breaking(BreakKind.GONE, f"{full}.{attribute}")
            tables = typed_tables(scene.schema, full) if action.cascade else ()
            return merge(locking(_AX, *(t.name for t in tables)), gone)
        case AlterDomain():
            return _alter_domain(scene, action)
        case RenameType(name=name) | SetTypeSchema(name=name):
            return breaking(BreakKind.GONE, str(type_name(scene.schema, name)))
        case DropType():
            return _drop(scene, action)


def alter_enum(scene: Scene, action: AlterEnum) -> Effect:
    """ALTER TYPE ... ADD VALUE and RENAME VALUE lock no table; apps meet values that they do not know."""
    name = type_name(scene.schema, action.name)
    if action.old is not None:
        return merge(breaking(BreakKind.GONE, f"{name} value {action.old!r}"), breaking(BreakKind.VALUE, str(name)))
    if action.if_not_exists and action.value in scene.schema.enums.get(name, ()):
        return Effect()
    return breaking(BreakKind.VALUE, str(name))


def other(_scene: Scene, action: Other) -> Effect | None:
    """Give the effect of any other statement about types; None for those about something else."""
    if action.kind == "DefineStmt" and action.detail in ("type", "shell type"):
        return Effect()
    return Effect() if action.kind == "AlterTypeStmt" else None


# ---- composite types -----------------------------------------------------------------------


def _alter_composite(scene: Scene, action: AlterComposite) -> Effect:
    """ALTER TYPE on attributes: only typed tables are locked, and written anew when an attribute's type changes."""
    name = type_name(scene.schema, action.name)
    tables = typed_tables(scene.schema, name) if any(c.cascade for c in action.changes) else ()
    parts = [breaking(BreakKind.SHAPE, str(name)), locking(_AX, *(t.name for t in tables))]
    for change in action.changes:
        match change.action:
            case AlterType():
                parts += [rewriting(t) for t in tables]
                parts.append(breaking(BreakKind.VALUE, str(name)))
            case DropColumn(column=attribute):
                parts.append(breaking(BreakKind.GONE, f"{name}.{attribute}"))
                parts += [drop_column(scene, t, DropColumn(attribute, cascade=True)) for t in tables]
            case AddColumn() | _:
                continue
    return merge(*parts)


# ---- domains -------------------------------------------------------------------------------


def _alter_domain(scene: Scene, action: AlterDomain) -> Effect:
    """Check a domain's constraint in every table that uses it, under a lock that blocks writers."""
    name = type_name(scene.schema, action.name)
    domain = scene.schema.domains.get(name)
    refused = breaking(BreakKind.WRITE_REFUSED, str(name))
    match action.verb:
        case DomainVerb.DROP_NOT_NULL | DomainVerb.DROP:
            return breaking(BreakKind.VALUE, str(name))
        case DomainVerb.SET_NOT_NULL if domain is not None and domain.not_null:
            return Effect()
        case DomainVerb.ADD if action.constraint is not None and not action.constraint.validated:
            return refused
        case verb if verb in _READING:
            return merge(_checking(scene, name), refused if verb is not DomainVerb.VALIDATE else Effect())
        case _:
            return Effect()


def _checking(scene: Scene, name: Name) -> Effect:
    """Read every table with a column of the domain, or of one over it."""
    tables = [t.name for t, _ in storing_columns(scene.schema, name) if not is_partitioned(t)]
    views = [v.name for v in scene.schema.views.values() if v.materialized and _shows(scene.schema, name, v.types)]
    if name not in scene.schema.domains and not scene.schema.complete:
        return Unknown.DOMAIN.effect(name)
    rows = (Rows.BREAKING.effect(relation, name) for relation in (*tables, *views))
    return merge(locking(LockMode.SHARE, *tables, *views), scanning(*tables, *views), *rows)


def _shows(schema: Schema, name: Name, types: object) -> bool:
    names = {name}
    for found in list(names):
        names |= set(domains_over(schema, found))
    return isinstance(types, tuple) and any(t is not None and Name(t.schema, t.name) in names for t in types)


# ---- the end -------------------------------------------------------------------------------


def _drop(scene: Scene, action: DropType) -> Effect:
    """DROP TYPE: locks nothing, unless CASCADE drops columns and typed tables."""
    names = [type_name(scene.schema, n) for n in action.types]
    gone = [breaking(BreakKind.GONE, str(n)) for n in names]
    if not action.cascade:
        return merge(*gone)
    unseen = [] if scene.schema.complete else [n for n in names if not type_exists(scene.schema, n)]
    doubt = Unknown.USED.effect("type", unseen[0]) if unseen else Effect()
    return merge(*gone, doubt, *(dropped_with_type(scene, n) for n in names))


def dropped_with_type(scene: Scene, name: Name) -> Effect:
    """Give the effect of dropping all that is of a type."""
    multirange = multirange_of(scene.schema, name)
    tables = typed_tables(scene.schema, name)
    parts = [drop_table(scene, DropTable(tuple(t.name for t in tables), cascade=True))] if tables else []
    for part in (name, multirange) if multirange is not None else (name,):
        parts.append(taking_along(scene, on_type(scene.schema, part)))
        for table, column in columns_of_type(scene.schema, part):
            if not _is_child(scene.schema, table, column.name):
                parts.append(drop_column(scene, table, DropColumn(column.name, cascade=True)))
        over = (*domains_over(scene.schema, part), *ranges_over(scene.schema, part))
        parts += [dropped_with_type(scene, n) for n in over]
    return merge(*parts)


def _is_child(schema: Schema, table: Table, column: str) -> bool:
    parents = [schema.tables.get(p) for p in table.parents]
    return any(p is not None and p.column(column) is not None for p in parents)
