"""Take the journal out of a database in which nothing is open."""

from __future__ import annotations

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import is_writable, read_events, read_plans, remove
from migrate_safe.adapters.leftovers import left_of_plans
from migrate_safe.app.executing import Target, leased, opened
from migrate_safe.executor.news import Tell, silent
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.executor.state import fold
from migrate_safe.model.errors import Refused


def uninstall(target: Target, settings: Settings = DEFAULTS, *, tell: Tell = silent) -> tuple[str, ...] | None:
    """Drop the schema `migrate_safe`, and give the names of the plans whose history went with it; None without journal.

    Raises Refused while a plan is open, or while triggers, columns or constraints that plans have made are left.
    """
    with opened(target, settings) as db:
        if not is_writable(db):
            return None
        _check(db)
        with leased(db, target, settings, tell) as performer:
            _check(db)
            names = tuple(plan.name for plan in read_plans(db))
            remove(db, performer.lease.token)
            return names


def _check(db: Database) -> None:
    for plan in read_plans(db):
        state = fold(read_events(db, plan.name))
        if not state.closed and not state.untouched:
            raise Refused(
                f'plan "{plan.name}" is open, and without the journal it could be neither finished nor taken back',
                next_move=f"first finish it (apply, purge), or close it (abandon {plan.name})",
            )
    left = left_of_plans(db)
    if left:
        lines = "\n".join(f"  {t.what}: {t.remedy}" for t in left)
        raise Refused(
            f"plans that were closed on the way have left objects behind:\n{lines}",
            next_move="remove them with the statements above, when no app version needs them; then run this again",
        )
