"""Drop a constraint.

Harm of the plain form: rows that break it may be written at once, and adding it again reads the whole table under a
lock that blocks. Phases: a CHECK, or a foreign key that only refuses, goes in expand, for the new app could not write
otherwise. What the old app relies on goes in contract: a key, which ON CONFLICT needs, and a foreign key that acts. On
the way back it is added NOT VALID and proven, or its index is built CONCURRENTLY; rows that break it are shown first.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-DROP-CONSTRAINT
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import BuildIndex, Requirement
from migrate_safe.model.schema import Constraint, ConstraintKind
from migrate_safe.planner.draft import NOTHING, Draft, Outcome, Rank, draft, sql
from migrate_safe.planner.null_names import unless_constraint

_ACTS = ("CASCADE", "SET NULL", "SET DEFAULT")
_NOT_VALID = " NOT VALID"


class DropConstraint(Struct, frozen=True):
    """A constraint to drop; `definition` is its text behind the name.

    `offending` finds rows that break it. `index` is the statement that builds the index of a key under its name, None
    where the constraint has none; `remarks` are the comments that it and its index bear, as statements. `replaced`
    says that the migration adds another in its place, right before which it is dropped; `doubled` that the other may
    come first, so that ON CONFLICT always finds one of the two.
    """

    table: Name
    constraint: Constraint
    definition: str
    offending: Requirement | None = None
    index: str | None = None
    remarks: tuple[str, ...] = ()
    replaced: bool = False
    doubled: bool = False

    def steps(self) -> Outcome:
        """Plan the drop."""
        rank = self._rank
        drafts = self._key(rank, self.index) if self.index is not None else self._checked(rank)
        touched = (self.table, *((far.table,) if (far := self.constraint.references) is not None else ()))
        return Outcome(drafts, f"drop constraint {self._name} of {self.table}", self._notes(rank), touched)

    @property
    def _rank(self) -> Rank:
        if self.doubled:
            return Rank.RETIRE
        return Rank.ENFORCE if self.replaced else Rank.QUIET if self._is_relied_on() else Rank.SHAPE

    @property
    def _name(self) -> str:
        return quote_ident(self.constraint.name or "")

    @property
    def _target(self) -> str:
        return f"{self.table}.{self._name}"

    @property
    def _drop(self) -> str:
        return f"ALTER TABLE {self.table} DROP CONSTRAINT {self._name}"

    def _is_relied_on(self) -> bool:
        far = self.constraint.references
        return self.index is not None or (far is not None and bool({far.on_delete, far.on_update} & set(_ACTS)))

    def _notes(self, rank: Rank) -> tuple[str, ...]:
        if rank is Rank.SHAPE:
            return (f"{self.table}: from expand on the new app may write rows that {self._name} refused so far",)
        why = "right before another takes its place" if self.replaced else "for the old app relies on it"
        why = "and goes when another has taken its place" if self.doubled else why
        return (f"{self.table}: {self._name} holds until contract, {why}",)

    def _checked(self, rank: Rank) -> tuple[Draft, ...]:
        """Drop what can be added NOT VALID. Its proof on the way back is a step of its own, which comes before."""
        proven = self.constraint.validated and self.constraint.enforced
        added = f"ALTER TABLE {self.table} ADD CONSTRAINT {self._name} {self.definition}"
        restored = draft(
            rank,
            "restore-constraint",
            self._target,
            f"nothing; on the way back, proves {self._name} of every row, while clients read and write",
            NOTHING,
            sql(f"ALTER TABLE {self.table} VALIDATE CONSTRAINT {self._name}"),
        )
        dropped = draft(
            rank,
            "drop-constraint",
            self._target,
            f"drop {self._name}; on the way back, refuses new rows that break it",
            sql(self._drop),
            sql(
                added + (_NOT_VALID if proven else ""),
                *self.remarks,
                require=(self.offending,) if proven and self.offending is not None else (),
            ),
        )
        return (restored, dropped) if proven else (dropped,)

    def _key(self, rank: Rank, index: str) -> tuple[Draft, ...]:
        """Drop a key with its index; the way back looks for duplicates, builds the index, and makes it a key again.

        Who turns round when only the index is back drops it the same way: as a key.
        """
        kind = "PRIMARY KEY" if self.constraint.kind is ConstraintKind.PRIMARY else "UNIQUE"
        timing = " DEFERRABLE" * self.constraint.deferrable + " INITIALLY DEFERRED" * self.constraint.deferred
        attach = f"ALTER TABLE {self.table} ADD CONSTRAINT {self._name} {kind} USING INDEX {self._name}{timing}"
        attached = unless_constraint(self.table, self.constraint.name or "", attach)
        restored = draft(
            rank,
            "restore-key",
            self._target,
            f"nothing; on the way back, makes the index {self._name} a constraint again",
            NOTHING,
            sql(attached, *self.remarks),
        )
        dropped = draft(
            rank,
            "drop-constraint",
            self._target,
            f"drop {self._name} with its index; on the way back, builds the index while clients read and write",
            sql(attached, self._drop),
            BuildIndex(self.table, Name(self.table.schema, self.constraint.name or ""), index),
        )
        looked = draft(
            rank,
            "check-duplicates",
            self._target,
            "nothing; on the way back, looks for duplicates before the long build does",
            NOTHING,
            sql(require=(self.offending,) if self.offending is not None else ()),
        )
        return restored, dropped, looked


def remark(kind: str, name: str, comment: str | None) -> tuple[str, ...]:
    """Write a comment anew where there is one; `kind` is what COMMENT ON calls it, `name` is written in SQL."""
    return () if comment is None else (f"COMMENT ON {kind} {name} IS {quote_literal(comment).strip()}",)
