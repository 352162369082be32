"""What is said of a sequence when it is made or altered.

Rooms import this from `migrate_safe.model.statement`.
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name


class SequenceOptions(Struct, frozen=True):
    """The options of CREATE and ALTER SEQUENCE and of identity columns; None where nothing is said.

    `no_minimum` and `no_maximum` ask for the bounds that type and direction give; `restart` is set by RESTART with or
    without a value (`restart_at`); `unowned` by OWNED BY NONE; `name` and `persistence` only pg_dump writes, for
    identity columns.
    """

    type: str | None = None
    start: int | None = None
    increment: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    no_minimum: bool = False
    no_maximum: bool = False
    cycle: bool | None = None
    cache: int | None = None
    restart: bool = False
    restart_at: int | None = None
    owner: tuple[Name, str] | None = None
    unowned: bool = False
    name: Name | None = None
    persistence: str | None = None
