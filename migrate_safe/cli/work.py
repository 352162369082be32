"""`migrate-safe work`: run the plans that were submitted."""

from __future__ import annotations

import click

from migrate_safe.app.control import work
from migrate_safe.app.executing import Outcome, Target
from migrate_safe.cli.executing import say_end, teller
from migrate_safe.cli.options import format_option
from migrate_safe.cli.outlet import say
from migrate_safe.cli.run_options import pace_options, target_options
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import MigrateSafeError

EXAMPLES = """\b
Examples:
  migrate-safe work --dsn postgresql://db/shop      a service: runs what is submitted, for ever
  migrate-safe work --once                          a job: runs what is there, then ends
"""


@click.command(epilog=EXAMPLES)
@click.option("--once", is_flag=True, help="End after one round; exit 75 if something waits.")
@click.option(
    "--every", type=click.FloatRange(0.1), default=5.0, show_default=True, metavar="SECONDS", help="Look so often."
)
@target_options
@pace_options(load=True)
@format_option("text", "json")
def command(
    once: bool,
    every: float,
    target: Target,
    settings: Settings,
    format: str,  # noqa: A002 - the name that format_option gives
) -> int:
    """Run the plans that were submitted to a database, first come first.

    A plan that has to wait is tried again later; one that fails is taken off the list, and status says why. A server
    that is away is waited for, but with --once (exit 75).
    """

    def ended(name: str, came: Outcome | MigrateSafeError) -> None:
        if isinstance(came, Outcome):
            say_end("apply", came, format)
        else:
            say(f"{name}: {came}", err=True)

    return work(
        target,
        settings,
        once=once,
        every=every,
        tell=teller(format),
        ended=ended,
    )
