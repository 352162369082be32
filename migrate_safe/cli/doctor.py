"""`migrate-safe doctor`: what a database lacks, and what was left behind."""

from __future__ import annotations

import click

from migrate_safe.app.doctor import doctor
from migrate_safe.app.executing import Target
from migrate_safe.cli.options import format_option, overdue_option
from migrate_safe.cli.run_options import journal_options
from migrate_safe.executor.settings import DEFAULTS
from migrate_safe.model.errors import Exit
from migrate_safe.model.values import replace
from migrate_safe.report.doctor import doctor_json, doctor_text

EXAMPLES = """\b
Examples:
  migrate-safe doctor --dsn postgresql://deploy@db/shop           rights of deploy, state of the database
  migrate-safe doctor plans/0042.yaml --role shop_owner           what this plan would need as well
  migrate-safe doctor --json
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="[PLAN]...", nargs=-1)
@journal_options("the one that will run plans")
@overdue_option()
@format_option("text", "json")
def command(plan: tuple[str, ...], target: Target, overdue_after: float, format: str) -> int:  # noqa: A002
    """Say what a database and a role lack for plans, and what was left behind; reads only.

    Privileges are named with the GRANT that helps: those of open plans, and of each PLAN (file or name) that is given.
    Leftovers are invalid indexes, triggers and functions of plans that are not open, retired columns, half-detached
    partitions, unused replication slots. Exit code 1 when anything but notices was found.
    """
    report = doctor(target, plan, replace(DEFAULTS, overdue_after=overdue_after))
    click.echo(doctor_json(report) if format == "json" else doctor_text(report), nl=False)
    return Exit.OK if report.well else Exit.FAILED
