"""The catalog as a value: what a database contains at one moment.

Mappings inside these values are never mutated; a change makes a new value (`dataclasses.replace`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct, field

from migrate_safe.model.expr import Expr as Expr
from migrate_safe.model.marked import bearing, changed, may_bear
from migrate_safe.model.names import NOWHERE, Name
from migrate_safe.model.postgres import NEWEST
from migrate_safe.model.values import PartlyCompared, replace

# One schema hands all of these on.
# isort: off
from migrate_safe.model.columns import (
    Column as Column,
    Generated as Generated,
    Identity as Identity,
)
from migrate_safe.model.objects import (
    ColumnGrant as ColumnGrant,
    Grant as Grant,
    Policy as Policy,
    Publication as Publication,
    PublishedTable as PublishedTable,
    Rule as Rule,
    Thing as Thing,
)
from migrate_safe.model.table_parts import (
    Constraint as Constraint,
    ConstraintKind as ConstraintKind,
    Index as Index,
    IndexKey as IndexKey,
    Reference as Reference,
    Trigger as Trigger,
)
from migrate_safe.model.user_types import (
    Domain as Domain,
    DomainConstraint as DomainConstraint,
    TypeName as TypeName,
)
# isort: on


class TableKind(StrEnum):
    """What pg_class.relkind says of a table-like relation that holds rows."""

    TABLE = "table"
    PARTITIONED = "partitioned table"
    FOREIGN = "foreign table"


class Table(Struct, frozen=True):
    """A table with all that hangs on it. `rows` and `bytes` are estimates, None where unknown.

    `parents` are inheritance parents or the partitioned table; `partition_bound` is the text of
    FOR VALUES ... or DEFAULT for a partition. `partial` says that only what statements told is here:
    the table existed before them, has other columns, constraints and indexes, and is assumed big and in use.
    """

    name: Name
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    kind: TableKind = TableKind.TABLE
    parents: tuple[Name, ...] = ()
    partition_key: str | None = None
    partition_bound: str | None = None
    detaching: Name | None = None
    """The partitioned table from which DETACH PARTITION ... CONCURRENTLY was cut off: FINALIZE ends it."""
    persistence: str = "p"
    ends_with_transaction: bool = False
    """A temporary table made ON COMMIT DROP."""
    row_security: bool = False
    forced_row_security: bool = False
    policies: tuple[Policy, ...] = ()
    rules: tuple[Rule, ...] = ()
    replica_identity: str = "default"
    """default, full, nothing, or `index NAME`."""
    options: tuple[tuple[str, str], ...] = ()
    tablespace: str | None = None
    access_method: str = "heap"
    clustered_on: str | None = None
    of_type: Name | None = None
    """The composite type of a typed table."""
    server: str | None = None
    """The server of a foreign table."""
    owner: str | None = None
    grants: tuple[Grant, ...] = ()
    comment: str | None = None
    rows: int | None = None
    bytes: int | None = None
    partial: bool = False

    def column(self, name: str) -> Column | None:
        """Give the column of that name, or None."""
        return next((c for c in self.columns if c.name == name), None)

    def constraint(self, name: str) -> Constraint | None:
        """Give the constraint of that name, or None."""
        return next((c for c in self.constraints if c.name == name), None)

    def index(self, name: str) -> Index | None:
        """Give the index of that name, or None."""
        return next((i for i in self.indexes if i.name == name), None)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key, empty without one."""
        return next((c.columns for c in self.constraints if c.kind is ConstraintKind.PRIMARY), ())


STAR = "*"
"""Stands for every column of a relation, where these are not known."""


class View(Struct, frozen=True):
    """A view or materialized view with the relations that its query names.

    `columns` are the column names that its query mentions anywhere (unqualified, so a superset), `uses` those whose
    relation is certain; `shows` those that it gives, in order, empty where not known, and `types` and `collations`
    theirs, None where not known or usual. Only materialized views have `indexes`; `defaults` are those of ALTER VIEW
    ... ALTER COLUMN ... SET DEFAULT.
    """

    name: Name
    materialized: bool = False
    relations: frozenset[Name] = frozenset()
    columns: frozenset[str] = frozenset()
    uses: frozenset[tuple[Name, str]] = frozenset()
    star: bool = False
    definition: str = ""
    shows: tuple[str, ...] = ()
    types: tuple[TypeName | None, ...] = ()
    collations: tuple[Name | None, ...] = ()
    defaults: tuple[tuple[str, Expr], ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rules: tuple[Rule, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    populated: bool = True
    owner: str | None = None
    grants: tuple[Grant, ...] = ()
    comment: str | None = None


class Parameter(Struct, frozen=True):
    """A parameter of a routine; `mode` is in, out, inout, variadic or table. A type may end in `%TYPE`."""

    name: str
    type: TypeName
    mode: str = "in"
    default: Expr | None = None


class Function(Struct, frozen=True):
    """A function, procedure or aggregate, as `kind` says. `arguments` are the types of its inputs, as text.

    `options` are the words and values that differ from the defaults (`strict`, `cost`, `set search_path`), in order of
    words; of an aggregate its parts. A body that the server keeps as parsed (RETURN, BEGIN ATOMIC) is `parsed`: it
    rests on the relations that it `uses`, on their columns that it names, and on the functions that it `calls`.
    """

    name: Name
    arguments: str = ""
    volatility: str = "volatile"
    language: str = ""
    body: str = ""
    kind: str = "function"
    owner: str | None = None
    grants: tuple[Grant, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    returns: TypeName | None = None
    returns_set: bool = False
    options: tuple[tuple[str, str], ...] = ()
    parsed: bool = False
    uses: frozenset[Name] = frozenset()
    columns: frozenset[str] = frozenset()
    calls: frozenset[Name] = frozenset()
    of_extension: bool = False
    comment: str | None = None


class Sequence(Struct, frozen=True):
    """A sequence and the column that owns it, if any. None stands for the bound that its type and direction give."""

    name: Name
    type: str = "bigint"
    owner: tuple[Name, str] | None = None
    start: int = 1
    increment: int = 1
    minimum: int | None = None
    maximum: int | None = None
    cycle: bool = False
    cache: int = 1
    persistence: str = "p"
    role: str | None = None
    grants: tuple[Grant, ...] = ()
    comment: str | None = None


TEMPORARY = "pg_temp"
"""The schema that temporary relations stand in."""
LEANS_ON_INDEX = "leans on an index"
"""Marks tables that one of their indexes clusters or identifies."""
HAS_PROGRAMS = "has programs"
"""Marks tables and views with policies, rules or triggers."""
MATERIALIZED = "materialized"
"""Marks materialized views."""


class Schema(PartlyCompared, frozen=True, eq=False):
    """A whole database as far as it is known.

    `complete` says that what is not here does not exist (a dump or a live server was read); otherwise
    an absent table is merely unknown: assumed big, old and in use. `things` holds the objects of all other kinds,
    by kind and name; `composites` lead to their attributes. `roles` are
    those of the cluster, None where no server was asked; `role` runs statements and owns what they make.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"roles", "absent", "altered_unseen", "unread"})

    tables: Mapping[Name, Table] = field(default_factory=dict)
    views: Mapping[Name, View] = field(default_factory=dict)
    functions: Mapping[Name, tuple[Function, ...]] = field(default_factory=dict)
    sequences: Mapping[Name, Sequence] = field(default_factory=dict)
    enums: Mapping[Name, tuple[str, ...]] = field(default_factory=dict)
    domains: Mapping[Name, Domain] = field(default_factory=dict)
    composites: Mapping[Name, tuple[tuple[str, TypeName], ...]] = field(default_factory=dict)
    publications: Mapping[str, Publication] = field(default_factory=dict)
    things: Mapping[tuple[str, Name], Thing] = field(default_factory=dict)
    extension_types: Mapping[str, str] = field(default_factory=dict)
    """Type of an extension that a column has -> its schema, where a server was asked."""
    search_path: tuple[str, ...] = ("public",)
    role: str | None = None
    roles: frozenset[str] | None = None
    complete: bool = False
    absent: frozenset[Name] = field(default_factory=frozenset)
    """Names that statements took away: what is not here under one of them does not exist."""
    altered_unseen: bool = False
    """SQL that is put together at run time has run: what a table does not list here may be there all the same."""
    unread: frozenset[str] = field(default_factory=frozenset)
    """Extensions that statements made: what they brought along is not here, though `complete` may be set."""
    server_version: int = NEWEST

    def table(self, name: Name) -> Table | None:
        """Give a table by a name as written, resolved along search_path; None when unknown."""
        return self.tables.get(self.resolve(name))

    def resolve(self, name: Name) -> Name:
        """Qualify a relation name along search_path; an unknown one goes to the first schema of it.

        Temporary tables stand in the schema `pg_temp`, which the server searches first, and then its own catalog,
        whose relations have names that begin with `pg_`.
        """
        if name.schema is not None:
            return name
        plain = name.name
        mark = ("index", plain)
        indexed = may_bear(self.tables, mark) or may_bear(self.views, mark)
        for schema in ("pg_temp", *self.search_path):
            found = Name(schema, plain)
            if found in self.tables or found in self.views or found in self.sequences:
                return found
            if indexed and (self.index_table(found) is not None or self.index_view(found) is not None):
                return found
        if name.name.startswith("pg_"):
            return Name("pg_catalog", name.name)
        return Name(self.first_place, name.name)

    @property
    def first_place(self) -> str:
        """The schema in which objects are made whose names have none: the first of search_path that exists.

        NOWHERE where there is none; the very first where not all schemas are known.
        """
        if not (self.complete and ("schema", Name(None, "public")) in self.things):
            return next(iter(self.search_path), NOWHERE if self.complete else "public")
        return next((s for s in self.search_path if ("schema", Name(None, s)) in self.things), NOWHERE)

    def lacks(self, name: Name) -> bool:
        """Say whether a table or view that is not here under that qualified name certainly does not exist."""
        return self.complete or name in self.absent

    def with_tables(self, *tables: Table, gone: Iterable[Name] = ()) -> Schema:
        """Give the schema with tables added, or replaced under their names, and without some."""
        put = {table.name: table for table in tables}
        return replace(self, tables=changed(self.tables, _marks_of_table, put, gone))

    def with_sequences(self, *sequences: Sequence, gone: Iterable[Name] = ()) -> Schema:
        """Give the schema with sequences added, or replaced under their names, and without some."""
        put = {sequence.name: sequence for sequence in sequences}
        return replace(self, sequences=changed(self.sequences, _marks_of_sequence, put, gone))

    def with_views(self, *views: View, gone: Iterable[Name] = ()) -> Schema:
        """Give the schema with views added, or replaced under their names, and without some."""
        return replace(self, views=changed(self.views, _marks_of_view, {view.name: view for view in views}, gone))

    def index_table(self, index: Name) -> Table | None:
        """Give the table that carries the index of that qualified name, or None."""
        for table in bearing(self.tables, ("index", index.name)):
            if table.name.schema == index.schema and any(i.name == index.name for i in table.indexes):
                return table
        return None

    def index_view(self, index: Name) -> View | None:
        """Give the materialized view that carries the index of that qualified name, or None."""
        for view in bearing(self.views, ("index", index.name)):
            if view.name.schema == index.schema and any(i.name == index.name for i in view.indexes):
                return view
        return None

    def is_constrained(self, domain: Name) -> bool:
        """Say whether a domain, or one that it is over, has a constraint: then a new column of it forces a rewrite."""
        found = self.domains.get(domain)
        over = Name(found.base.schema, found.base.name) if found is not None else domain
        return found is not None and (found.constrained or self.is_constrained(over))

    def partitions_of(self, parent: Name) -> tuple[Table, ...]:
        """Give the direct children (partitions or inheriting tables) of a table, in name order."""
        found = [t for t in bearing(self.tables, ("parent", parent)) if parent in t.parents]
        return tuple(sorted(found, key=lambda t: t.name)) if found else ()

    def referencing(self, table: Name) -> tuple[tuple[Table, Constraint], ...]:
        """Give every foreign key that points at the table, with the table that carries it."""
        return tuple(
            (t, c)
            for t in bearing(self.tables, ("reference", table))
            for c in t.constraints
            if c.references is not None and c.references.table == table
        )

    def owned_by(self, table: Name, column: str | None = None) -> tuple[Sequence, ...]:
        """Give the sequences that a table owns, or one of its columns."""
        near = bearing(self.sequences, ("owner", table))
        owned = (s for s in near if s.owner is not None and s.owner[0] == table)
        return tuple(s for s in owned if s.owner is not None and column in (None, s.owner[1]))

    def bears_constraint(self, name: Name) -> bool:
        """Say whether a table of that schema has a constraint of that name."""
        near = bearing(self.tables, ("constraint", name.name))
        return any(t.name.schema == name.schema and t.constraint(name.name) is not None for t in near)


def _marks_of_table(table: Table, old: Table | None) -> Iterator[Hashable]:
    """Give what a table is looked up by, other than its name."""
    if old is None or old.indexes is not table.indexes:
        for index in table.indexes:
            yield "index", index.name
    if old is None or old.constraints is not table.constraints:
        for constraint in table.constraints:
            yield "constraint", constraint.name
            if constraint.references is not None:
                yield "reference", constraint.references.table
    for parent in table.parents:
        yield "parent", parent
    if table.detaching is not None:
        yield "detaching", table.detaching
    if table.clustered_on is not None or table.replica_identity.startswith("index "):
        yield LEANS_ON_INDEX
    if table.policies or table.rules or table.triggers:
        yield HAS_PROGRAMS
    if table.kind is TableKind.FOREIGN:
        yield TableKind.FOREIGN
    if table.name.schema == TEMPORARY:
        yield TEMPORARY


def _marks_of_sequence(sequence: Sequence, _: Sequence | None) -> Iterator[Hashable]:
    if sequence.owner is not None:
        yield "owner", sequence.owner[0]
    if sequence.name.schema == TEMPORARY:
        yield TEMPORARY


def _marks_of_view(view: View, _: View | None) -> Iterator[Hashable]:
    for index in view.indexes:
        yield "index", index.name
    for relation in view.relations:
        yield "relation", relation
    if view.rules or view.triggers:
        yield HAS_PROGRAMS
    if view.materialized:
        yield MATERIALIZED
    if view.name.schema == TEMPORARY:
        yield TEMPORARY
