"""`migrate-safe purge`: remove for good what contract has put aside."""

from __future__ import annotations

import click

from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.cli.executing import pace_options, say_end, settings_from, target_options, teller
from migrate_safe.cli.options import format_option

EXAMPLES = """\b
Examples:
  migrate-safe purge 0042                            once the window after contract has passed
  migrate-safe purge 0042 --now --confirm 0042       without waiting; there is no way back
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@click.option("--now", is_flag=True, help="Do not wait for the window after contract.")
@click.option("--confirm", metavar="NAME", help="The plan's name, typed again; --now asks for it.")
@target_options
@pace_options
@format_option("text", "json")
def command(
    plan: str,
    now: bool,
    confirm: str | None,
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
    """Remove for good what a finished contract phase retired; there is no way back.

    PLAN is the name of a plan, or its file. The copy in the database's journal rules.
    """
    outcome = purge(
        plan,
        Target(dsn or "", role, environment, adopt, standby),
        settings_from(stall_budget, give_up_after, batch_rows),
        now=now,
        confirm=confirm,
        tell=teller(format),
    )
    say_end("purge", outcome, format)
