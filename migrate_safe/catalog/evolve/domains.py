"""How domains come and change."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply, known_type, type_exists, type_name
from migrate_safe.catalog.evolve.column_rules import refuse_pseudo_type, refuse_value
from migrate_safe.catalog.evolve.views import created_name
from migrate_safe.catalog.naming import make_object_name
from migrate_safe.catalog.type_users import columns_with_inside
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Domain, DomainConstraint, Expr, Schema
from migrate_safe.model.statement import AlterDomain, CreateDomain, DomainVerb, RenameDomainConstraint
from migrate_safe.model.values import replace
from migrate_safe.sql.canonical import canonical

_NAMED_NOT_NULL = 17


def create_domain(schema: Schema, action: CreateDomain) -> Schema:
    """Add a domain."""
    name = created_name(schema, action.name)
    if type_exists(schema, name):
        raise CannotApply(f"type {name} already exists")
    domain = action.domain
    refuse_pseudo_type(domain.base, f"domain {name}")
    refuse_value(schema, domain.default, domain.base, f"domain {name}")
    made = replace(domain, base=known_type(schema, domain.base), default=_default(domain), constraints=())
    for constraint in domain.constraints:
        made = _with(schema, name, made, constraint)
    return replace(schema, domains={**schema.domains, name: made})


def _default(domain: Domain) -> Expr | None:
    if domain.default is not None and canonical(domain.default.sql) == "null" and not domain.base.modifiers:
        return None
    return domain.default


def alter_domain(schema: Schema, action: AlterDomain) -> Schema:
    """Apply ALTER DOMAIN."""
    name = type_name(schema, action.name)
    known = schema.domains.get(name)
    if known is None:
        if schema.complete or type_exists(schema, name):
            raise CannotApply(f"domain {name} does not exist")
        return schema
    return replace(schema, domains={**schema.domains, name: _altered(schema, name, known, action)})


def _altered(schema: Schema, name: Name, domain: Domain, action: AlterDomain) -> Domain:
    match action.verb:
        case DomainVerb.SET_DEFAULT | DomainVerb.DROP_DEFAULT:
            refuse_value(schema, action.default, domain.base, f"domain {name}")
            return replace(domain, default=_default(replace(domain, default=action.default)))
        case DomainVerb.SET_NOT_NULL:
            _refuse_nested(schema, name)
            return domain if domain.not_null else _with(schema, name, domain, DomainConstraint(None))
        case DomainVerb.DROP_NOT_NULL:
            return _nullable(domain)
        case DomainVerb.ADD:
            assert action.constraint is not None, "ADD brings a constraint"
            if action.constraint.validated:
                _refuse_nested(schema, name)
            return _with(schema, name, domain, action.constraint)
        case DomainVerb.DROP:
            return _without(name, domain, action)
        case DomainVerb.VALIDATE:
            return _validated(schema, name, domain, action)


def _refuse_nested(schema: Schema, name: Name) -> None:
    """Refuse what the server cannot check: values of the domain inside arrays, composite types and ranges."""
    for relation, column in columns_with_inside(schema, name):
        raise CannotApply(f"column {column!r} of {relation} holds values of domain {name} inside its type")


def _with(schema: Schema, name: Name, domain: Domain, constraint: DomainConstraint) -> Domain:
    """Add a constraint under its name, or the one that the server chooses."""
    if constraint.name is not None and domain.constraint(constraint.name) is not None:
        raise CannotApply(f"constraint {constraint.name!r} of domain {name} already exists")
    if constraint.check is not None:
        named = replace(constraint, name=constraint.name or _chosen(domain, name, "check"))
        return replace(domain, constraints=(*domain.constraints, named))
    if schema.server_version < _NAMED_NOT_NULL:
        return replace(domain, not_null=True)
    if domain.not_null and any(c.check is None for c in domain.constraints):
        return domain
    named = DomainConstraint(constraint.name or _chosen(domain, name, "not_null"))
    return replace(domain, not_null=True, constraints=(*domain.constraints, named))


def _chosen(domain: Domain, name: Name, label: str) -> str:
    number = 0
    while domain.constraint(found := make_object_name(name.name, None, f"{label}{number or ''}")) is not None:
        number += 1
    return found


def _nullable(domain: Domain) -> Domain:
    return replace(domain, not_null=False, constraints=tuple(c for c in domain.constraints if c.check is not None))


def _without(name: Name, domain: Domain, action: AlterDomain) -> Domain:
    assert action.constraint is not None and action.constraint.name is not None, "DROP names a constraint"
    found = domain.constraint(action.constraint.name)
    if found is None:
        if not action.if_exists:
            raise CannotApply(f"constraint {action.constraint.name!r} of domain {name} does not exist")
        return domain
    if found.check is None:
        return _nullable(domain)
    return replace(domain, constraints=tuple(c for c in domain.constraints if c != found))


def _validated(schema: Schema, name: Name, domain: Domain, action: AlterDomain) -> Domain:
    assert action.constraint is not None and action.constraint.name is not None, "VALIDATE names a constraint"
    found = domain.constraint(action.constraint.name)
    if found is None or found.check is None:
        raise CannotApply(f"check constraint {action.constraint.name!r} of domain {name} does not exist")
    if not found.validated:
        _refuse_nested(schema, name)
    checked = tuple(replace(c, validated=True) if c == found else c for c in domain.constraints)
    return replace(domain, constraints=checked)


def rename_constraint(schema: Schema, action: RenameDomainConstraint) -> Schema:
    """Rename a constraint of a domain."""
    name = type_name(schema, action.name)
    domain = schema.domains.get(name)
    if domain is None:
        if schema.complete or type_exists(schema, name):
            raise CannotApply(f"domain {name} does not exist")
        return schema
    if domain.constraint(action.constraint) is None:
        raise CannotApply(f"constraint {action.constraint!r} of domain {name} does not exist")
    if domain.constraint(action.to) is not None:
        raise CannotApply(f"constraint {action.to!r} of domain {name} already exists")
    renamed = tuple(replace(c, name=action.to) if c.name == action.constraint else c for c in domain.constraints)
    return replace(schema, domains={**schema.domains, name: replace(domain, constraints=renamed)})
