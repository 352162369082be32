"""Enums, composite types, ranges and domains."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Domain, DomainConstraint
from migrate_safe.model.statement import (
    AddColumn,
    AlterComposite,
    AlterDomain,
    AlterEnum,
    AlterType,
    AttributeChange,
    CreateComposite,
    CreateDomain,
    CreateEnum,
    CreateRange,
    DomainVerb,
    DropColumn,
    DropType,
    RenameAttribute,
    RenameDomainConstraint,
    RenameType,
    SetTypeSchema,
    TableAction,
)
from migrate_safe.sql.columns import column_def_of
from migrate_safe.sql.expressions import expr_of, optional_expr
from migrate_safe.sql.names import dotted, name_of, options, strings
from migrate_safe.sql.tree import inner, kind_of
from migrate_safe.sql.typenames import type_of

_VERBS = {
    "N": DomainVerb.DROP_NOT_NULL,
    "O": DomainVerb.SET_NOT_NULL,
    "C": DomainVerb.ADD,
    "X": DomainVerb.DROP,
    "V": DomainVerb.VALIDATE,
}
_DOMAINS = (pb.OBJECT_DOMAIN, pb.OBJECT_DOMCONSTRAINT)
TYPES = (pb.OBJECT_TYPE, pb.OBJECT_DOMAIN)
"""What DROP, RENAME and SET SCHEMA can be said of here."""


def create_enum(node: Any) -> CreateEnum:
    """Read a CreateEnumStmt."""
    return CreateEnum(dotted(node.type_name), strings(node.vals))


def alter_enum(node: Any) -> AlterEnum:
    """Read an AlterEnumStmt."""
    return AlterEnum(
        name=dotted(node.type_name),
        value=node.new_val,
        old=node.old_val or None,
        if_not_exists=node.skip_if_new_val_exists,
        neighbour=node.new_val_neighbor or None,
        after=node.new_val_is_after or not node.new_val_neighbor,
    )


def create_composite(node: Any) -> CreateComposite:
    """Read a CompositeTypeStmt."""
    columns = [inner(item) for item in node.coldeflist]
    return CreateComposite(name_of(node.typevar), tuple((c.colname, type_of(c.type_name)) for c in columns))


def alter_composite(node: Any) -> AlterComposite:
    """Read an AlterTableStmt that is about a type."""
    commands = [item.alter_table_cmd for item in node.cmds]
    changes = (AttributeChange(_attribute(c), c.behavior == pb.DROP_CASCADE) for c in commands)
    return AlterComposite(name_of(node.relation), tuple(changes))


def _attribute(command: Any) -> TableAction:
    definition = inner(getattr(command, "def")) if command.HasField("def") else None
    match command.subtype:
        case pb.AT_DropColumn:
            return DropColumn(command.name, command.missing_ok, command.behavior == pb.DROP_CASCADE)
        case pb.AT_AddColumn:
            return AddColumn(column_def_of(definition), command.missing_ok)
        case _:
            assert definition is not None, "the grammar has three actions on types"
            collation = dotted(definition.coll_clause.collname) if definition.HasField("coll_clause") else None
            return AlterType(command.name, type_of(definition.type_name), None, collation)


def create_range(node: Any) -> CreateRange:
    """Read a CreateRangeStmt."""
    given = options(node.params)
    multirange = inner(given["multirange_type_name"].arg) if "multirange_type_name" in given else None
    return CreateRange(
        dotted(node.type_name),
        type_of(inner(given["subtype"].arg)),
        dotted(multirange.names) if multirange is not None else None,
    )


def create_domain(node: Any) -> CreateDomain:
    """Read a CreateDomainStmt."""
    parts = [item.constraint for item in node.constraints]
    default = next((p for p in parts if p.contype == pb.CONSTR_DEFAULT), None)
    checks = tuple(_constraint(p) for p in parts if p.contype in (pb.CONSTR_CHECK, pb.CONSTR_NOTNULL))
    domain = Domain(
        base=type_of(node.type_name),
        not_null=any(p.contype == pb.CONSTR_NOTNULL for p in parts),
        default=optional_expr(default, "raw_expr") if default is not None else None,
        collation=dotted(node.coll_clause.collname) if node.HasField("coll_clause") else None,
        constraints=checks,
    )
    return CreateDomain(dotted(node.domainname), domain)


def _constraint(node: Any) -> DomainConstraint:
    check = optional_expr(node, "raw_expr") if node.contype == pb.CONSTR_CHECK else None
    return DomainConstraint(node.conname or None, check, node.initially_valid or not node.skip_validation)


def alter_domain(node: Any) -> AlterDomain:
    """Read an AlterDomainStmt."""
    definition = getattr(node, "def") if node.HasField("def") else None
    cascade = node.behavior == pb.DROP_CASCADE
    name = dotted(node.type_name)
    if node.subtype == "T":
        verb = DomainVerb.SET_DEFAULT if definition is not None else DomainVerb.DROP_DEFAULT
        return AlterDomain(name, verb, default=expr_of(definition) if definition is not None else None)
    verb = _VERBS[node.subtype]
    constraint = None
    if definition is not None and kind_of(inner(definition)) == "Constraint":
        constraint = _constraint(inner(definition))
    elif node.name:
        constraint = DomainConstraint(node.name)
    return AlterDomain(name, verb, constraint, if_exists=node.missing_ok, cascade=cascade)


def rename(node: Any) -> RenameType | RenameAttribute | RenameDomainConstraint:
    """Read a RenameStmt about a type, one of its attributes, or a constraint of a domain."""
    if node.rename_type == pb.OBJECT_ATTRIBUTE:
        return RenameAttribute(name_of(node.relation), node.subname, node.newname, node.behavior == pb.DROP_CASCADE)
    name = dotted(inner(node.object).items)
    if node.rename_type == pb.OBJECT_DOMCONSTRAINT:
        return RenameDomainConstraint(name, node.subname, node.newname)
    return RenameType(name, node.newname, node.rename_type in _DOMAINS)


def set_schema(node: Any) -> SetTypeSchema:
    """Read an AlterObjectSchemaStmt about a type."""
    return SetTypeSchema(dotted(inner(node.object).items), node.newschema, node.object_type in _DOMAINS)


def drop(node: Any) -> DropType:
    """Read a DropStmt about types."""
    names: tuple[Name, ...] = tuple(dotted(item.type_name.names) for item in node.objects)
    return DropType(names, node.remove_type == pb.OBJECT_DOMAIN, node.missing_ok, node.behavior == pb.DROP_CASCADE)
