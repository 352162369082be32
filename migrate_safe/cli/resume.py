"""`migrate-safe resume`: Let a plan that was paused go on."""

from __future__ import annotations

import click

from migrate_safe.app.control import resume
from migrate_safe.app.executing import Target
from migrate_safe.cli.executing import say_asked
from migrate_safe.cli.options import format_option
from migrate_safe.cli.run_options import journal_options
from migrate_safe.model.values import replace

EXAMPLES = """\b
Examples:
  migrate-safe resume 0042
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@journal_options()
@format_option("text", "json")
def command(plan: str, target: Target, format: str) -> None:  # noqa: A002 - the name of the option
    """Let a plan that was paused go on."""
    before = resume(plan, target)
    said = "goes on" if before.paused_by else "was not paused"
    say_asked(plan, replace(before, paused_by="", paused_at=None), format, said)
