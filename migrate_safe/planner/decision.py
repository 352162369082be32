"""What was made of operations."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.planner.draft import Outcome
from migrate_safe.planner.operations import Operation


class Decision(Struct, frozen=True):
    """What was made of operations: usually of one; of what is done to new tables, or made anew, together."""

    operations: tuple[Operation, ...]
    outcome: Outcome
