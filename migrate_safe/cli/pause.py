"""`migrate-safe pause`: Ask whoever works on a plan to hold before the next batch or step."""

from __future__ import annotations

import click

from migrate_safe.app.control import pause
from migrate_safe.app.executing import Target
from migrate_safe.cli.options import config_option, dsn_option
from migrate_safe.cli.outlet import say

EXAMPLES = """\b
Examples:
  migrate-safe pause 0042                          the backfill of plan 0042 stops within a second
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@dsn_option()
@click.option("--role", metavar="ROLE", help="Take on this role (SET ROLE), the owner of the journal.")
@config_option(expose=False)
def command(plan: str, dsn: str | None, role: str | None) -> None:
    """Ask whoever works on a plan to hold before the next batch or step.

    The executor keeps what it has done, and its lease, and waits for `migrate-safe resume`. Rollback is not held.
    """
    asked = pause(plan, Target(dsn or "", role))
    say(f"{plan}: paused by {asked.paused_by}; go on with: migrate-safe resume {plan}")
