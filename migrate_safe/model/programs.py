"""Statements about what acts: triggers' kin (policies, rules), routines, and the objects that calls rest on.

Rooms import these from `migrate_safe.model.statement`, where all statements are.
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Expr, Function, Policy, Rule, Thing, TypeName


class CreateFunction(Struct, frozen=True):
    """CREATE [OR REPLACE] FUNCTION, PROCEDURE or AGGREGATE.

    `touches` are the relations that its SQL body names, with the mode in which the server locks them to check it,
    `rows` the types of the parameters of which a body that is kept parsed takes fields.
    """

    function: Function
    replace: bool = False
    touches: tuple[tuple[Name, LockMode], ...] = ()
    rows: tuple[TypeName, ...] = ()


class Routine(Struct, frozen=True):
    """A routine as statements point at it; `arguments` is None where the name stands alone."""

    name: Name
    arguments: tuple[TypeName, ...] | None = None

    def __str__(self) -> str:
        """Write the routine in SQL."""
        return str(self.name) if self.arguments is None else f"{self.name}({', '.join(map(str, self.arguments))})"


class AlterRoutine(Struct, frozen=True):
    """ALTER FUNCTION, PROCEDURE, AGGREGATE or ROUTINE (see `kind`): one of a new name or schema, or options.

    An option without a value goes back to its default; `set` alone stands for RESET ALL.
    """

    kind: str
    routine: Routine
    to: str | None = None
    schema: str | None = None
    volatility: str | None = None
    options: tuple[tuple[str, str], ...] = ()


class DropRoutines(Struct, frozen=True):
    """DROP FUNCTION, PROCEDURE, AGGREGATE or ROUTINE (see `kind`)."""

    kind: str
    routines: tuple[Routine, ...]
    if_exists: bool = False
    cascade: bool = False


class Call(Struct, frozen=True):
    """CALL of a procedure with so many arguments; `functions` are those that its arguments call."""

    procedure: Name
    arguments: int = 0
    functions: frozenset[Name] = frozenset()


class CreatePolicy(Struct, frozen=True):
    """CREATE POLICY."""

    table: Name
    policy: Policy


class AlterPolicy(Struct, frozen=True):
    """ALTER POLICY; what is None stays as it is."""

    table: Name
    policy: str
    roles: tuple[str, ...] | None = None
    using: Expr | None = None
    check: Expr | None = None
    relations: frozenset[Name] = frozenset()


class CreateRule(Struct, frozen=True):
    """CREATE [OR REPLACE] RULE; `touches` are the relations that its actions name, with the mode that they need."""

    table: Name
    rule: Rule
    replace: bool = False
    touches: tuple[tuple[Name, LockMode], ...] = ()


class RenamePart(Struct, frozen=True):
    """ALTER TRIGGER, POLICY or RULE (see `kind`) ... RENAME TO."""

    kind: str
    table: Name
    name: str
    to: str
    if_exists: bool = False


class DropPart(Struct, frozen=True):
    """DROP POLICY or DROP RULE (see `kind`)."""

    kind: str
    table: Name
    name: str
    if_exists: bool = False
    cascade: bool = False


class CreateThing(Struct, frozen=True):
    """CREATE of an object that no room looks into; names inside its facts are as written."""

    thing: Thing
    replace: bool = False
    if_not_exists: bool = False


class AlterThing(Struct, frozen=True):
    """ALTER of such an object: a new name, a new schema, or other facts (an empty one goes away)."""

    kind: str
    name: Name
    to: str | None = None
    schema: str | None = None
    facts: tuple[tuple[str, str], ...] = ()


class DropThings(Struct, frozen=True):
    """DROP of such objects."""

    kind: str
    names: tuple[Name, ...]
    if_exists: bool = False
    cascade: bool = False


ProgramAction = (
    CreateFunction
    | AlterRoutine
    | DropRoutines
    | Call
    | CreatePolicy
    | AlterPolicy
    | CreateRule
    | RenamePart
    | DropPart
    | CreateThing
    | AlterThing
    | DropThings
)
