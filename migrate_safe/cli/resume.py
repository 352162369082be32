"""`migrate-safe resume`: Let a plan that was paused go on."""

from __future__ import annotations

import click

from migrate_safe.app.control import resume
from migrate_safe.app.executing import Target
from migrate_safe.cli.options import config_option, dsn_option
from migrate_safe.cli.outlet import say

EXAMPLES = """\b
Examples:
  migrate-safe resume 0042
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@dsn_option()
@click.option("--role", metavar="ROLE", help="Take on this role (SET ROLE), the owner of the journal.")
@config_option(expose=False)
def command(plan: str, dsn: str | None, role: str | None) -> None:
    """Let a plan that was paused go on."""
    before = resume(plan, Target(dsn or "", role))
    say(f"{plan}: goes on" if before.paused_by else f"{plan}: was not paused")
