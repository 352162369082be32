"""What hangs on relations, and what stands beside them: policies, rules, privileges, publications and the like.

Rooms import these from `migrate_safe.model.schema`, where the relations are that hold them.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from migrate_safe.model.expr import Expr
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.values import PartlyCompared


class Grant(Struct, frozen=True, order=True):
    """A privilege on a whole object, as SQL spells it (`SELECT`); an empty role is PUBLIC."""

    privilege: str
    role: str
    grantable: bool = False


class ColumnGrant(Struct, frozen=True, order=True):
    """A privilege on one column; an empty role is PUBLIC."""

    privilege: str
    role: str
    grantable: bool = False

    def sql(self, table: Name, column: str) -> str:
        """Write the GRANT that gives this privilege on a column."""
        to = quote_ident(self.role) if self.role else "PUBLIC"
        grantable = " WITH GRANT OPTION" if self.grantable else ""
        return f"GRANT {self.privilege} ({quote_ident(column)}) ON {table} TO {to}{grantable}"


class Policy(PartlyCompared, frozen=True, eq=False):
    """A row-level security policy. `command` is ALL, SELECT, INSERT, UPDATE or DELETE; no roles mean PUBLIC.

    `relations` are those that subqueries of its expressions name.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"comment"})

    name: str
    command: str = "ALL"
    permissive: bool = True
    roles: tuple[str, ...] = ()
    using: Expr | None = None
    check: Expr | None = None
    relations: frozenset[Name] = frozenset()
    comment: str | None = None


class Rule(PartlyCompared, frozen=True, eq=False):
    """A rewrite rule (but for the one that makes a view one). `enabled` as in pg_rewrite.ev_enabled: O, D, R, A.

    `actions` are the kinds of its statements; `relations`, `columns` and `functions` what these and its condition name.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"comment"})

    name: str
    event: str
    instead: bool = False
    enabled: str = "O"
    condition: Expr | None = None
    actions: tuple[str, ...] = ()
    relations: frozenset[Name] = frozenset()
    columns: frozenset[str] = frozenset()
    functions: frozenset[Name] = frozenset()
    comment: str | None = None


class PublishedTable(Struct, frozen=True):
    """A table of a publication: which columns (none: all), and for which rows (PostgreSQL 15)."""

    table: Name
    columns: tuple[str, ...] = ()
    condition: Expr | None = None


class Publication(Struct, frozen=True):
    """A publication. `schemas` are published as a whole (PostgreSQL 15); `operations` are insert, update..."""

    name: str
    all_tables: bool = False
    tables: tuple[PublishedTable, ...] = ()
    schemas: tuple[str, ...] = ()
    operations: tuple[str, ...] = ("insert", "update", "delete", "truncate")
    via_root: bool = False
    generated: str = "none"
    """Which generated columns are published (PostgreSQL 18): none, or stored."""
    owner: str | None = None
    comment: str | None = None


class Thing(Struct, frozen=True):
    """An object of a kind that no room looks into: its facts as (word, text), for comparing and for people."""

    kind: str
    name: Name
    facts: tuple[tuple[str, str], ...] = ()
