"""What hangs on a table: constraints, indexes, triggers."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from migrate_safe.model.expr import Expr
from migrate_safe.model.names import Name
from migrate_safe.model.values import PartlyCompared


class ConstraintKind(StrEnum):
    """Constraint kinds; NOT_NULL as a named constraint exists from PostgreSQL 18."""

    CHECK = "check"
    UNIQUE = "unique"
    PRIMARY = "primary key"
    FOREIGN = "foreign key"
    EXCLUDE = "exclude"
    NOT_NULL = "not null"


class Reference(Struct, frozen=True):
    """The far side of a foreign key. Empty `columns` mean the primary key. Actions as SQL spells them.

    `cleared` are the columns that ON DELETE SET NULL or SET DEFAULT names (PostgreSQL 15; none: all of the key).
    """

    table: Name
    columns: tuple[str, ...] = ()
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    match: str = "SIMPLE"
    cleared: tuple[str, ...] = ()


class Constraint(PartlyCompared, frozen=True, eq=False):
    """A table constraint; column constraints are written as table constraints over that column.

    `name` is None in a statement that names none (the catalog fills in the server's choice).
    `using_index` is set by ADD CONSTRAINT ... USING INDEX. `definition` is the text after the name,
    as pg_get_constraintdef() or the statement gives it. `backing` is the index that a statement asks for; in the
    catalog it stands among the table's indexes. `operators` are those of EXCLUDE. `period` says that the last column
    is a range (WITHOUT OVERLAPS, PERIOD; PostgreSQL 18). `local` is false where a parent alone demands the constraint.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"comment"})

    kind: ConstraintKind
    columns: tuple[str, ...]
    name: str | None = None
    expression: Expr | None = None
    references: Reference | None = None
    validated: bool = True
    deferrable: bool = False
    deferred: bool = False
    no_inherit: bool = False
    enforced: bool = True
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    using_index: str | None = None
    definition: str = ""
    comment: str | None = None
    backing: Index | None = None
    operators: tuple[str, ...] = ()
    period: bool = False
    local: bool = True


class IndexKey(Struct, frozen=True):
    """One key of an index: a plain column, or an expression (then `column` is None)."""

    column: str | None
    expression: Expr | None = None
    collation: Name | None = None
    opclass: str | None = None
    descending: bool = False
    nulls_first: bool | None = None
    """None: the default of the direction (last for ASC, first for DESC)."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Those of the operator class, as `values_per_range` and `16`; the class is then named, be it the default one."""


class Index(PartlyCompared, frozen=True, eq=False):
    """An index. `name` is None in a statement that names none. `valid` as pg_index.indisvalid.

    `constraint` names the constraint that owns the index, if one does. `options` are the WITH parameters.
    `parent` is the index of the partitioned table of which this one is a part; `statistics` are the targets set
    for its expressions, by position.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"comment"})

    name: str | None
    keys: tuple[IndexKey, ...]
    unique: bool = False
    method: str = "btree"
    include: tuple[str, ...] = ()
    predicate: Expr | None = None
    nulls_not_distinct: bool = False
    valid: bool = True
    constraint: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    tablespace: str | None = None
    comment: str | None = None
    parent: Name | None = None
    statistics: tuple[tuple[int, int], ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """Every column the index mentions: keys, expressions, INCLUDE and predicate."""
        named = {k.column for k in self.keys if k.column is not None} | set(self.include)
        for expr in [*(k.expression for k in self.keys), self.predicate]:
            if expr is not None:
                named |= expr.columns
        return frozenset(named)


class Trigger(PartlyCompared, frozen=True, eq=False):
    """A trigger. `timing` is BEFORE, AFTER or INSTEAD OF; `events` as SQL spells them; `columns` of UPDATE OF.

    `enabled` is O (origin, the default), D (disabled), R (replica) or A (always), as in pg_trigger.tgenabled.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"comment"})

    name: str
    timing: str
    events: tuple[str, ...]
    for_each_row: bool = True
    columns: tuple[str, ...] = ()
    function: Name | None = None
    arguments: tuple[str, ...] = ()
    condition: Expr | None = None
    constraint: bool = False
    deferrable: bool = False
    deferred: bool = False
    old_table: str | None = None
    new_table: str | None = None
    enabled: str = "O"
    inherited: bool = False
    """The clone, on a partition, of a trigger of the partitioned table."""
    references: Name | None = None
    """The other table of a constraint trigger (FROM)."""
    comment: str | None = None
