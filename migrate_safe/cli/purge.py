"""`migrate-safe purge`: remove for good what contract has put aside."""

from __future__ import annotations

import click

from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.cli.executing import say_end, teller
from migrate_safe.cli.options import format_option
from migrate_safe.cli.run_options import pace_options, target_options
from migrate_safe.executor.settings import Settings

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
@pace_options()
@format_option("text", "json")
def command(
    plan: str,
    now: bool,
    confirm: str | None,
    target: Target,
    settings: Settings,
    format: str,  # noqa: A002 - the name that format_option gives
) -> None:
    """Remove for good what a finished contract phase retired; there is no way back.

    PLAN is the name of a plan, or its file. The copy in the database's journal rules.
    """
    outcome = purge(
        plan,
        target,
        settings,
        now=now,
        confirm=confirm,
        tell=teller(format),
    )
    say_end("purge", outcome, format)
