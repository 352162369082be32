"""`migrate-safe work`: run the plans that were submitted."""

from __future__ import annotations

import click

from migrate_safe.app.control import work
from migrate_safe.app.executing import Outcome, Target
from migrate_safe.cli.executing import load_options, pace_options, say_end, settings_from, target_options, teller
from migrate_safe.cli.options import format_option
from migrate_safe.cli.outlet import say
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
@pace_options
@load_options
@format_option("text", "json")
def command(
    once: bool,
    every: float,
    dsn: str | None,
    role: str | None,
    environment: str | None,
    adopt: bool,
    standby: tuple[str, ...],
    stall_budget: int,
    give_up_after: float,
    batch_rows: int,
    max_lag: int,
    workers: int,
    format: str,  # noqa: A002 - the name that format_option gives
) -> int:
    """Run the plans that were submitted to a database, first come first.

    A plan that has to wait is tried again later; one that fails is taken off the list, and status says why.
    """

    def ended(name: str, came: Outcome | MigrateSafeError) -> None:
        if isinstance(came, Outcome):
            say_end("apply", came, format)
        else:
            say(f"{name}: {came}", err=True)

    return work(
        Target(dsn or "", role, environment, adopt, standby),
        settings_from(stall_budget, give_up_after, batch_rows, max_lag, workers),
        once=once,
        every=every,
        tell=teller(format),
        ended=ended,
    )
