"""`migrate-safe resume`: Let a plan that was paused go on."""

from __future__ import annotations

import click

from migrate_safe.app.control import resume
from migrate_safe.app.executing import Target
from migrate_safe.cli.outlet import say
from migrate_safe.cli.run_options import journal_options

EXAMPLES = """\b
Examples:
  migrate-safe resume 0042
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@journal_options()
def command(plan: str, target: Target) -> None:
    """Let a plan that was paused go on."""
    before = resume(plan, target)
    say(f"{plan}: goes on" if before.paused_by else f"{plan}: was not paused")
