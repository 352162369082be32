"""Make a column an identity column, change which kind it is, or make it a plain one again.

Harm of the plain form: none by its lock, an instant; but ALWAYS refuses the values that the old app gives, and without
identity its inserts lack one. Phases: BY DEFAULT in expand, for inserts that give a value go on; ALWAYS, and the end of
an identity, in contract. On the way back the sequence goes on behind the largest value.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-GENERATED-IDENTITY
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Identity, Sequence
from migrate_safe.planner.draft import Outcome, Rank, column_target, draft, sql
from migrate_safe.planner.sequences import described


class ChangeIdentity(Struct, frozen=True):
    """A column whose identity is `before` and `after`; None means a plain column. `statement` changes it.

    `sequence` is the one behind, where the column is one before. `taken` finds a value that the new sequence
    would give again.
    """

    table: Name
    column: str
    statement: str
    before: Identity | None
    after: Identity | None
    sequence: Sequence | None = None
    taken: Requirement | None = None

    def steps(self) -> Outcome:
        """Plan the change."""
        name = quote_ident(self.column)
        made = draft(
            Rank.SHAPE if self.after is Identity.BY_DEFAULT else Rank.ENFORCE,
            "change-identity",
            column_target(self.table, self.column),
            self._does(),
            sql(self.statement, require=(self.taken,) if self.taken is not None else ()),
            sql(*self._back()),
        )
        return Outcome((made,), f"change the identity of {name} of {self.table}", (), (self.table,))

    def _does(self) -> str:
        name = quote_ident(self.column)
        match self.after:
            case None:
                return f"make {name} a plain column; the old app may insert without it"
            case Identity.BY_DEFAULT:
                return f"let {name} number rows that are inserted without it"
            case Identity.ALWAYS:
                return f"let {name} number all rows; the old app may give it values of its own"

    def _back(self) -> tuple[str, ...]:
        alter = f"ALTER TABLE {self.table} ALTER COLUMN {quote_ident(self.column)}"
        if self.before is None:
            return (f"{alter} DROP IDENTITY",)
        kind = self.before.value.upper()
        if self.after is not None:
            return (f"{alter} SET GENERATED {kind}",)
        assert self.sequence is not None, "an identity column has a sequence"
        column, sequence = quote_ident(self.column), quote_literal(str(self.sequence.name)).strip()
        end = "max" if self.sequence.increment > 0 else "min"
        return (
            f"{alter} ADD GENERATED {kind} AS IDENTITY ({described(self.sequence, named=True)})",
            f"SELECT pg_catalog.setval({sequence}, (SELECT {end}({column}) FROM {self.table})::bigint)",
        )
