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
from migrate_safe.planner.sync import set_default


class Default(Struct, frozen=True):
    """The default of a plain column, as SQL; `old` is the sequence that it owns, `new` the one of the identity."""

    value: str
    old: Name
    new: Sequence

    def onward(self) -> str:
        """Write what lets the identity go on where the serial stands, beyond the start that it is given."""
        reached = f"last_value {self._beyond}= {self.new.start}"
        return f"{_set(self.new.name, 'last_value, is_called')} FROM {self.old} WHERE {reached}"

    def back(self) -> str:
        """Write what lets the serial go on behind the numbers that the identity gave."""
        given = f"i.is_called AND i.last_value {self._beyond} s.last_value"
        return f"{_set(self.old, 'i.last_value')} FROM {self.new.name} i, {self.old} s WHERE {given}"

    @property
    def _beyond(self) -> str:
        return ">" if self.new.increment > 0 else "<"


class ChangeIdentity(Struct, frozen=True):
    """A column whose identity is `before` and `after`; None means a plain column. `statement` changes it.

    `sequence` is the one behind, where the column is one before. `taken` finds a value that the new sequence
    would give again. `default` is what a plain column had instead, and loses in the same moment.
    """

    table: Name
    column: str
    statement: str
    before: Identity | None
    after: Identity | None
    sequence: Sequence | None = None
    taken: Requirement | None = None
    default: Default | None = None

    def steps(self) -> Outcome:
        """Plan the change."""
        name = quote_ident(self.column)
        made = draft(
            Rank.SHAPE if self.after is Identity.BY_DEFAULT else Rank.ENFORCE,
            "change-identity",
            column_target(self.table, self.column),
            self._does(),
            sql(*self._forward(), require=(self.taken,) if self.taken is not None else ()),
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

    def _forward(self) -> tuple[str, ...]:
        if self.default is None:
            return (self.statement,)
        return set_default(self.table, self.column, None), self.statement, self.default.onward()

    def _back(self) -> tuple[str, ...]:
        alter = f"ALTER TABLE {self.table} ALTER COLUMN {quote_ident(self.column)}"
        if self.before is None:
            if self.default is None:
                return (f"{alter} DROP IDENTITY",)
            again = set_default(self.table, self.column, self.default.value)
            return self.default.back(), f"{alter} DROP IDENTITY", again
        kind = self.before.value.upper()
        if self.after is not None:
            return (f"{alter} SET GENERATED {kind}",)
        assert self.sequence is not None, "an identity column has a sequence"
        end = "max" if self.sequence.increment > 0 else "min"
        return (
            f"{alter} ADD GENERATED {kind} AS IDENTITY ({described(self.sequence, named=True)})",
            _set(self.sequence.name, f"(SELECT {end}({quote_ident(self.column)}) FROM {self.table})::bigint"),
        )


def _set(sequence: Name, values: str) -> str:
    return f"SELECT pg_catalog.setval({quote_literal(str(sequence)).strip()}, {values})"
