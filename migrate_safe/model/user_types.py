"""Types: names of them, and the types that users make.

Rooms import these from `migrate_safe.model.schema`.
"""

from __future__ import annotations

import re

from msgspec import Struct

from migrate_safe.model.expr import Expr
from migrate_safe.model.names import Name, quote_ident

_SPELLED = re.compile(r'[a-z_][a-z0-9_ ]*(\(.*\))?\Z|".*"')


class TypeName(Struct, frozen=True):
    """A data type as format_type() spells it: `integer`, `character varying`, `public.mood`.

    `modifiers` are the numbers in parentheses as SQL writes them; `dimensions` counts `[]`.
    A user-defined type carries its schema in `schema` where known; its name is unquoted: `Mood`.
    """

    name: str
    modifiers: tuple[int, ...] = ()
    dimensions: int = 0
    schema: str | None = None

    def __str__(self) -> str:
        """Write the type in SQL."""
        if self.schema is not None:
            base = str(Name(self.schema, self.name))
        else:
            base = self.name if _SPELLED.match(self.name) else quote_ident(self.name)
        if self.modifiers:
            numbers = ",".join(map(str, self.modifiers))
            head, zone, tail = base.partition(" with")  # timestamp(3) with time zone
            base = f"{head}({numbers}){zone}{tail}"
        return base + "[]" * self.dimensions


class DomainConstraint(Struct, frozen=True):
    """A constraint of a domain: a CHECK, or (without an expression) NOT NULL, which has a name from PostgreSQL 17 on.

    `name` is None in a statement that names none.
    """

    name: str | None
    check: Expr | None = None
    validated: bool = True


class Domain(Struct, frozen=True):
    """A domain: another type with constraints, and a default of its own. `constraints` hold NOT NULL too."""

    base: TypeName
    not_null: bool = False
    default: Expr | None = None
    collation: Name | None = None
    constraints: tuple[DomainConstraint, ...] = ()

    @property
    def constrained(self) -> bool:
        """Whether values of the base type may be refused."""
        return self.not_null or bool(self.constraints)

    def constraint(self, name: str) -> DomainConstraint | None:
        """Give the constraint of that name, or None."""
        return next((c for c in self.constraints if c.name == name), None)
