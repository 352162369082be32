"""Change a domain: its default, the names of its constraints, and constraints for new values.

Harm of the plain form: a constraint that is checked at once, or VALIDATE, reads every table that uses the domain
while nobody can write to them. Phases: defaults and names in expand; a constraint that is added NOT VALID in
contract, for the old app may write values that break it. What reads tables, and what cannot be proven again, is
refused.

https://www.postgresql.org/docs/current/sql-alterdomain.html
"""

from __future__ import annotations

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Domain
from migrate_safe.model.statement import AlterDomain, DomainVerb, RenameDomainConstraint
from migrate_safe.planner.changes import BY_HAND, GIVE_SCHEMA, Change, by_release, proven
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.operations import Operation


def change_domain(operation: Operation) -> Outcome | None:
    """Plan ALTER DOMAIN; None for other operations."""
    match operation.action:
        case AlterDomain(name=name) as action:
            return _alter(operation, *_known(operation, name), action)
        case RenameDomainConstraint(name=name, constraint=old, to=new):
            full, _ = _known(operation, name)
            back = f"ALTER DOMAIN {full} RENAME CONSTRAINT {quote_ident(new)} TO {quote_ident(old)}"
            return _changed(operation, full, "rename-constraint", f"rename {quote_ident(old)} of {full}", back)
        case _:
            return None


def _known(operation: Operation, name: Name) -> tuple[Name, Domain]:
    places = [name] if name.schema is not None else [Name(s, name.name) for s in operation.before.search_path]
    full = next((p for p in places if p in operation.before.domains), None)
    if full is None:
        raise CannotPlan(f"domain {name} is not known here", GIVE_SCHEMA)
    return full, operation.before.domains[full]


def _alter(operation: Operation, name: Name, known: Domain, action: AlterDomain) -> Outcome:
    match action.verb:
        case DomainVerb.SET_DEFAULT | DomainVerb.DROP_DEFAULT:
            former = f"SET DEFAULT {known.default}" if known.default is not None else "DROP DEFAULT"
            rank = Rank.SHAPE if action.verb is DomainVerb.SET_DEFAULT else by_release(operation)
            does = f"change the default of {name}"
            return _changed(operation, name, "change-default", does, f"ALTER DOMAIN {name} {former}", rank)
        case DomainVerb.ADD if action.constraint is not None and not action.constraint.validated:
            held = {c.name for c in known.constraints}
            made = [c.name for c in operation.after.domains[name].constraints if c.name not in held]
            back = f"ALTER DOMAIN {name} DROP CONSTRAINT {quote_ident(made[0] or '')}"
            does = f"refuse new values of {name} that the old app may write"
            return _changed(operation, name, "add-constraint", does, back, by_release(operation))
        case DomainVerb.ADD | DomainVerb.SET_NOT_NULL | DomainVerb.VALIDATE:
            raise CannotPlan(
                f"it reads every table that uses {name} while nobody can write to them",
                "add the constraint NOT VALID (it counts for new values), and put CHECK constraints on the columns",
            )
        case DomainVerb.DROP_NOT_NULL | DomainVerb.DROP:
            raise CannotPlan(f"values written afterwards may keep the constraint of {name} from coming back", BY_HAND)


def _changed(operation: Operation, name: Name, what: str, does: str, back: str, rank: Rank = Rank.SHAPE) -> Outcome:
    return proven(operation, Change(rank, f"domain-{what}", str(name), does, (operation.text,), (back,)))
