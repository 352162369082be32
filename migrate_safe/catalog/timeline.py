"""Transactions as a fold: what COMMIT keeps, and what ROLLBACK and ROLLBACK TO take back."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

from migrate_safe.model.framework import Unit
from migrate_safe.model.statement import Transaction, TransactionVerb
from migrate_safe.model.values import replace
from migrate_safe.model.wrapping import Wrapping

T = TypeVar("T")

ENDS = (TransactionVerb.COMMIT, TransactionVerb.ROLLBACK, TransactionVerb.PREPARE)
"""What ends a transaction."""


class Timeline(Struct, Generic[T], frozen=True):
    """A value `now` that transactions can take back.

    `start` is the value to which ROLLBACK returns, None outside a transaction. `savepoints` hold the values
    at SAVEPOINT, latest last.
    """

    now: T
    start: T | None = None
    savepoints: tuple[tuple[str, T], ...] = ()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction block is open."""
        return self.start is not None

    def at(self, now: T) -> Timeline[T]:
        """Give the timeline with another present."""
        return replace(self, now=now)

    def begun(self) -> Timeline[T]:
        """Open a transaction; inside of one the server only warns."""
        return self if self.in_transaction else replace(self, start=self.now, savepoints=())

    def entering(self, unit: Unit, *, first: bool) -> Timeline[T]:
        """Take what the runner does before a statement of a unit; `first` is the first one of the unit."""
        opens = unit.wrapping is Wrapping.FILE and (first or unit.renews)
        return self.begun() if opens else self

    def ended(self, now: T, control: Transaction) -> Timeline[T]:
        """Give the timeline behind the end of a transaction with what is left; AND CHAIN opens another."""
        return replace(self, now=now, start=now if control.chain else None)

    def step(self, control: Transaction) -> Timeline[T]:
        """Take a transaction control statement."""
        match control.verb:
            case TransactionVerb.BEGIN:
                return self.begun()
            case TransactionVerb.COMMIT | TransactionVerb.PREPARE:
                return Timeline(self.now)
            case TransactionVerb.ROLLBACK:
                return Timeline(self.start if self.start is not None else self.now)
            case TransactionVerb.SAVEPOINT:
                return replace(self, savepoints=(*self.savepoints, (control.name or "", self.now)))
            case TransactionVerb.RELEASE:
                return replace(self, savepoints=self.savepoints[: self._place(control.name)])
            case TransactionVerb.ROLLBACK_TO:
                place = self._place(control.name)
                if place == len(self.savepoints):
                    return self
                return replace(self, now=self.savepoints[place][1], savepoints=self.savepoints[: place + 1])

    def has_savepoint(self, name: str | None) -> bool:
        """Say whether the transaction has a savepoint of that name."""
        return self._place(name) < len(self.savepoints)

    def _place(self, name: str | None) -> int:
        """Find the latest savepoint of a name; the number of savepoints where there is none."""
        places = [i for i, (held, _) in enumerate(self.savepoints) if held == name]
        return places[-1] if places else len(self.savepoints)
