"""Rename a table or view, or move it to another schema.

Harm of the plain form: from that moment on every query of the old app that names it fails, and before it every query of
the new app. Phases: expand makes a view under the new name, with the same columns and grants, through which the new app
reads and writes; contract, without the old app, drops the view and gives the table its name, an instant. The old app
meets nothing but its table. Purge has nothing to do.

https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, as_role, quote_ident
from migrate_safe.model.objects import ColumnGrant, Grant
from migrate_safe.planner.draft import Draft, Outcome, Rank, draft, sql


class RenameTable(Struct, frozen=True):
    """A relation that gets another name: `kind` as ALTER spells it.

    `grants` and `column_grants` (by column) are what it bears, `by_default` what a new view of its owner would be
    given. `invoker` is true where policies must see who asks.
    """

    old: Name
    new: Name
    columns: tuple[str, ...]
    kind: str = "TABLE"
    owner: str | None = None
    grants: tuple[Grant, ...] = ()
    column_grants: tuple[tuple[str, ColumnGrant], ...] = ()
    by_default: tuple[Grant, ...] = ()
    invoker: bool = False
    writes: bool = True

    def steps(self) -> Outcome:
        """Plan the rename."""
        summary = f"rename {self.kind.lower()} {self.old} to {self.new}"
        return Outcome((self._facade(), self._swap()), summary, self._notes(), (self.old,))

    def _facade(self) -> Draft:
        return draft(
            Rank.SHAPE,
            "create-facade",
            str(self.new),
            f"let the new app use {self.old} as {self.new}, by a view with the same columns and grants",
            sql(*self._view()),
            sql(f"DROP VIEW {self.new}"),
        )

    def _swap(self) -> Draft:
        return draft(
            Rank.HIDE,
            "rename-table",
            str(self.old),
            f"drop the view, and give {self.old} its new name: a query that names the old one fails",
            sql(f"DROP VIEW {self.new}", *self._moved(self.old, self.new)),
            sql(*self._moved(self.new, self.old), *self._view()),
        )

    def _moved(self, here: Name, there: Name) -> tuple[str, ...]:
        """Write the statements that take the relation from one name to another."""
        if here.schema == there.schema:
            return (f"ALTER {self.kind} {here} RENAME TO {quote_ident(there.name)}",)
        return (f"ALTER {self.kind} {here} SET SCHEMA {quote_ident(there.schema or '')}",)

    def _view(self) -> tuple[str, ...]:
        listed = ", ".join(map(quote_ident, self.columns))
        options = " WITH (security_invoker = true)" if self.invoker else ""
        owned = () if self.owner is None else (f"ALTER VIEW {self.new} OWNER TO {quote_ident(self.owner)}",)
        return (f"CREATE VIEW {self.new}{options} AS SELECT {listed} FROM {self.old}", *owned, *self._granted())

    def _granted(self) -> tuple[str, ...]:
        """Give the view exactly the grants of the relation, whatever default privileges gave it."""
        wanted = [g for g in self.grants if self._bears(g.privilege)]
        surplus = sorted({(g.privilege, g.role) for g in self.by_default} - {(g.privilege, g.role) for g in wanted})
        taken = [f"REVOKE {privilege} ON {self.new} FROM {as_role(role)}" for privilege, role in surplus]
        given = [
            f"GRANT {g.privilege} ON {self.new} TO {as_role(g.role)}{' WITH GRANT OPTION' if g.grantable else ''}"
            for g in wanted
            if g not in self.by_default
        ]
        columns = [g.sql(self.new, column) for column, g in self.column_grants if self._bears(g.privilege)]
        return (*taken, *given, *columns)

    def _bears(self, privilege: str) -> bool:
        """Say whether a privilege means something on a view."""
        return privilege in ("SELECT", "INSERT", "UPDATE", "DELETE") and (self.writes or privilege == "SELECT")

    def _notes(self) -> tuple[str, ...]:
        limits = "ON CONFLICT ON CONSTRAINT, COPY, TRUNCATE, ctid and xmin, GROUP BY its key alone, MERGE before 17"
        told = (
            f"until contract {self.new} is a view: the new app cannot use on it {limits}, and finds no keys or defaults"
        )
        return (f"{told} of it in the catalog; no other migration can alter it by that name",)
