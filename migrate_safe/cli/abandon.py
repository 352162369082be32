"""`migrate-safe abandon`: close a plan half-way."""

from __future__ import annotations

import click

from migrate_safe.app.abandon import abandon
from migrate_safe.app.executing import Target
from migrate_safe.cli.executing import say_end, teller
from migrate_safe.cli.options import format_option
from migrate_safe.cli.run_options import pace_options, target_options
from migrate_safe.executor.settings import Settings

EXAMPLES = """\b
Examples:
  migrate-safe abandon 0042                        take everything back and close the plan
  migrate-safe abandon 0042 --keep                 close it, leave what it did as it is
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@click.option("--keep", is_flag=True, help="Leave what was done as it is; the plan can then be neither run nor undone.")
@target_options
@pace_options()
@format_option("text", "json")
def command(
    plan: str,
    keep: bool,
    target: Target,
    settings: Settings,
    format: str,  # noqa: A002 - the name that format_option gives
) -> None:
    """Close a plan half-way: take back what it did, or keep it.

    PLAN is the name of a plan, or its file. Also leads out of a plan whose table somebody has dropped: what is gone
    counts as taken back. Refused (exit 77) where the way back is barred; --keep then closes the plan as it stands.
    """
    outcome = abandon(
        plan,
        target,
        settings,
        keep_done=keep,
        tell=teller(format),
    )
    say_end("abandon", outcome, format)
