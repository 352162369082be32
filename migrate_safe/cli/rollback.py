"""`migrate-safe rollback`: take steps of a plan back."""

from __future__ import annotations

import click

from migrate_safe.app.executing import Target
from migrate_safe.app.rollback import rollback
from migrate_safe.cli.executing import pace_options, say_end, settings_from, target_options, teller
from migrate_safe.cli.options import format_option

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
@pace_options
@format_option("text", "json")
def command(
    plan: str,
    to: str | None,
    dsn: str | None,
    role: str | None,
    environment: str | None,
    adopt: bool,
    standby: tuple[str, ...],
    stall_budget: int,
    give_up_after: float,
    batch_rows: int,
    format: str,  # noqa: A002 - the name that format_option gives
) -> None:
    """Take steps of a plan back; leads out of a failed or interrupted step as well.

    PLAN is the name of a plan, or its file. The copy in the database's journal rules.
    """
    outcome = rollback(
        plan,
        Target(dsn or "", role, environment, adopt, standby),
        to,
        settings_from(stall_budget, give_up_after, batch_rows),
        tell=teller(format),
    )
    say_end("rollback", outcome, format)
