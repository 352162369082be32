"""What becomes of a submission when somebody takes the plan in hand, or when it is fulfilled."""

from __future__ import annotations

from datetime import datetime

from migrate_safe.adapters.control import read_control, withdraw
from migrate_safe.adapters.database import Database
from migrate_safe.executor.news import Noted, Tell
from migrate_safe.model.errors import TryLater
from migrate_safe.model.plan import Phase


def take_off(db: Database, plan: str, tell: Tell, again: str) -> None:
    """Withdraw what was submitted, so that no worker does what was just taken back or changed; `again` says what then.

    To be called under the lease.
    """
    asked = read_control(db, plan)
    if asked.wanted:
        withdraw(db, plan, asked.wanted_at)
        tell(Noted(f"withdrawn: {asked.wanted_by} had submitted {plan} through {asked.wanted}; {again}"))


def still_wanted(db: Database, plan: str, submitted: datetime | None) -> None:
    """Raise TryLater when what a worker read in its list was taken back, or submitted anew, before it had the lease."""
    if submitted is not None and read_control(db, plan).wanted_at != submitted:
        raise TryLater(
            f'what was submitted of plan "{plan}" was taken back, or has changed', next_move="migrate-safe status"
        )


def tick_off(db: Database, plan: str, through: Phase, tell: Tell) -> None:
    """Take a submission off the list that a run through a phase has fulfilled, and say it where one is left."""
    asked = read_control(db, plan)
    if not asked.wanted:
        return
    if Phase(asked.wanted).order <= through.order:
        withdraw(db, plan, asked.wanted_at)
        return
    tell(
        Noted(
            f"{asked.wanted_by} has submitted {plan} through {asked.wanted}: a worker goes on with it; "
            f"to take that back: rollback {plan}"
        )
    )
