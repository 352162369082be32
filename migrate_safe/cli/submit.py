"""`migrate-safe submit`: hand a plan over to a worker."""

from __future__ import annotations

import click

from migrate_safe.app.apply import Wish
from migrate_safe.app.control import submit
from migrate_safe.app.executing import Target
from migrate_safe.cli.executing import say_asked
from migrate_safe.cli.options import format_option
from migrate_safe.cli.run_options import target_options
from migrate_safe.model.plan import Phase

EXAMPLES = """\b
Examples:
  migrate-safe submit plans/0042.yaml               a worker (migrate-safe work) runs it through migrate
  migrate-safe submit 0042 --through contract
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@click.option(
    "--through",
    type=click.Choice([p.value for p in Phase if p is not Phase.PURGE]),
    default=Phase.MIGRATE.value,
    show_default=True,
    help="Last phase to run.",
)
@click.option(
    "--accept-drift",
    multiple=True,
    metavar="NAME",
    help="Go on although this table or object of it (mail, users.mail) is not as the plan, or its last step, left it.",
)
@target_options
@format_option("text", "json")
def command(
    plan: str,
    through: str,
    accept_drift: tuple[str, ...],
    target: Target,
    format: str,  # noqa: A002 - the name of the option
) -> None:
    """Write a plan into the journal for a worker to run, and return at once.

    For migrate phases that take longer than a job of a delivery system may. It is refused where apply would refuse it;
    `migrate-safe status` says how far the worker has come.
    """
    wish = Wish(Phase(through), accept_drift=accept_drift)
    name, asked = submit(plan, target, wish)
    say_asked(name, asked, format, f"submitted through {through}; a worker runs it (migrate-safe work)")
