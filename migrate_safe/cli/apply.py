"""`migrate-safe apply`: run the phases of a plan on a database."""

from __future__ import annotations

import click

from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.cli.executing import say_end, teller
from migrate_safe.cli.options import format_option
from migrate_safe.cli.run_options import pace_options, target_options
from migrate_safe.executor.settings import Settings
from migrate_safe.model.plan import Phase

EXAMPLES = """\b
Examples:
  migrate-safe apply plans/0042.yaml --dsn postgresql://db/shop       expand and migrate
  migrate-safe apply 0042 --through contract                          by name, from the journal's copy
  migrate-safe apply plans/0042.yaml --dry-run                        print the SQL, send nothing
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@click.option(
    "--through",
    type=click.Choice([p.value for p in Phase if p is not Phase.PURGE]),
    default=Phase.MIGRATE.value,
    show_default=True,
    help="Last phase to run. Contract ends the support of the old app version, so it must be asked for.",
)
@click.option(
    "--accept-drift",
    multiple=True,
    metavar="NAME",
    help="Go on although this table or object of it (mail, users.mail) is not as the plan, or its last step, left it.",
)
@click.option("--dry-run", is_flag=True, help="Print exactly the SQL that a real run sends, and send only reads.")
@click.option(
    "--schema",
    multiple=True,
    metavar="FILE|DIR|DSN",
    help="What the plan was made from, so that drift can be shown; default: the migrations before the planned one.",
)
@target_options
@pace_options(load=True)
@format_option("text", "json")
def command(
    plan: str,
    through: str,
    accept_drift: tuple[str, ...],
    dry_run: bool,
    schema: tuple[str, ...],
    target: Target,
    settings: Settings,
    format: str,  # noqa: A002 - the name that format_option gives
) -> None:
    """Run the phases of a plan on a real database, journaled and resumable.

    PLAN is a plan file, or the name of a plan that was applied before. Goes on where an earlier run
    stopped, however it ended; Ctrl-C is safe at any moment.
    """
    outcome = apply(
        plan,
        target,
        Wish(Phase(through), accept_drift, dry_run, schema),
        settings,
        tell=teller(format),
    )
    if not dry_run:
        say_end("apply", outcome, format)
