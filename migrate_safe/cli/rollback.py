"""`migrate-safe rollback`: take steps of a plan back."""

from __future__ import annotations

import click

from migrate_safe.app.executing import Target
from migrate_safe.app.rollback import rollback
from migrate_safe.cli.executing import say_end, teller
from migrate_safe.cli.options import format_option
from migrate_safe.cli.run_options import pace_options, target_options
from migrate_safe.executor.settings import Settings

EXAMPLES = """\b
Examples:
  migrate-safe rollback 0042                       take contract back: both app versions work again
  migrate-safe rollback 0042 --to baseline         take everything back
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@click.option(
    "--to",
    metavar="PLACE",
    help="baseline, expand, migrate (the default: contract is taken back), or the id of the last step to keep.",
)
@target_options
@pace_options()
@format_option("text", "json")
def command(
    plan: str,
    to: str | None,
    target: Target,
    settings: Settings,
    format: str,  # noqa: A002 - the name that format_option gives
) -> None:
    """Take steps of a plan back; leads out of a failed or interrupted step as well.

    PLAN is the name of a plan, or its file. The copy in the database's journal rules. What was submitted of it to
    workers is withdrawn.
    """
    outcome = rollback(
        plan,
        target,
        to,
        settings,
        tell=teller(format),
    )
    say_end("rollback", outcome, format)
