"""`migrate-safe status`: show where each plan stands."""

from __future__ import annotations

import click

from migrate_safe.app.executing import Target
from migrate_safe.app.status import status
from migrate_safe.cli.options import format_option, overdue_option
from migrate_safe.cli.run_options import journal_options
from migrate_safe.executor.settings import DEFAULTS
from migrate_safe.model.values import replace
from migrate_safe.report.status import status_json, status_text

EXAMPLES = """\b
Examples:
  migrate-safe status --dsn postgresql://db/shop
  migrate-safe status 0042 --json
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="[PLAN]", required=False)
@journal_options()
@overdue_option()
@format_option("text", "json")
def command(plan: str | None, target: Target, overdue_after: float, format: str) -> None:  # noqa: A002
    """Show where each plan of a database stands, who is at work, and what to do next; reads only."""
    report = status(target, plan, replace(DEFAULTS, overdue_after=overdue_after))
    click.echo(status_json(report) if format == "json" else status_text(report), nl=False)
