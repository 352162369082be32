"""`migrate-safe pause`: Ask whoever works on a plan to hold before the next batch or step."""

from __future__ import annotations

import click

from migrate_safe.app.control import pause
from migrate_safe.app.executing import Target
from migrate_safe.cli.executing import say_asked
from migrate_safe.cli.options import format_option
from migrate_safe.cli.run_options import journal_options

EXAMPLES = """\b
Examples:
  migrate-safe pause 0042                          the backfill of plan 0042 stops within a second
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@journal_options()
@format_option("text", "json")
def command(plan: str, target: Target, format: str) -> None:  # noqa: A002 - the name of the option
    """Ask whoever works on a plan to hold before the next batch or step.

    The executor keeps what it has done, and its lease, and waits for `migrate-safe resume`. Rollback is not held.
    """
    asked = pause(plan, target)
    say_asked(plan, asked, format, f"paused by {asked.paused_by}; go on with: migrate-safe resume {plan}")
