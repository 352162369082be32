"""Table-level lock modes and what they block: the conflict table of the manual, and laws derived from it.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
"""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from migrate_safe.model.names import Name


class LockMode(IntEnum):
    """The eight table lock modes, weakest first, numbered as in the server's lockdefs.h."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def sql(self) -> str:
        """The mode as LOCK TABLE spells it, without the word MODE."""
        return self.name.replace("_", " ")

    @property
    def catalog_name(self) -> str:
        """The mode as pg_locks.mode spells it, e.g. `AccessExclusiveLock`."""
        return self.name.title().replace("_", "") + "Lock"

    def conflicts_with(self, other: LockMode) -> bool:
        """Say whether two transactions cannot hold these modes on one relation at once."""
        return other in _CONFLICTS[self]

    @property
    def blocks_reads(self) -> bool:
        """Whether a plain SELECT has to wait."""
        return self.conflicts_with(LockMode.ACCESS_SHARE)

    @property
    def blocks_writes(self) -> bool:
        """Whether INSERT, UPDATE and DELETE have to wait."""
        return self.conflicts_with(LockMode.ROW_EXCLUSIVE)


_M = LockMode
_CONFLICTS: dict[LockMode, frozenset[LockMode]] = {
    _M.ACCESS_SHARE: frozenset({_M.ACCESS_EXCLUSIVE}),
    _M.ROW_SHARE: frozenset({_M.EXCLUSIVE, _M.ACCESS_EXCLUSIVE}),
    _M.ROW_EXCLUSIVE: frozenset({_M.SHARE, _M.SHARE_ROW_EXCLUSIVE, _M.EXCLUSIVE, _M.ACCESS_EXCLUSIVE}),
    _M.SHARE_UPDATE_EXCLUSIVE: frozenset(
        {_M.SHARE_UPDATE_EXCLUSIVE, _M.SHARE, _M.SHARE_ROW_EXCLUSIVE, _M.EXCLUSIVE, _M.ACCESS_EXCLUSIVE}
    ),
    _M.SHARE: frozenset(
        {_M.ROW_EXCLUSIVE, _M.SHARE_UPDATE_EXCLUSIVE, _M.SHARE_ROW_EXCLUSIVE, _M.EXCLUSIVE, _M.ACCESS_EXCLUSIVE}
    ),
    _M.SHARE_ROW_EXCLUSIVE: frozenset(set(_M) - {_M.ACCESS_SHARE, _M.ROW_SHARE}),
    _M.EXCLUSIVE: frozenset(set(_M) - {_M.ACCESS_SHARE}),
    _M.ACCESS_EXCLUSIVE: frozenset(_M),
}


class Lock(Struct, frozen=True, order=True):
    """A lock mode on one relation (table, view, index, sequence)."""

    relation: Name
    mode: LockMode

    def __str__(self) -> str:
        """Write the lock for people: `ACCESS EXCLUSIVE on public.users`."""
        return f"{self.mode.sql} on {self.relation}"
