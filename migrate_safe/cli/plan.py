"""`migrate-safe plan`: split a migration into phases."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from migrate_safe.adapters.config import load_config
from migrate_safe.app.plan import PlanRequest, plan, reasons, write_plan
from migrate_safe.cli.options import config_option, format_option, postgres_option, schema_option
from migrate_safe.planner.codec import to_yaml
from migrate_safe.report.plan import plan_json, plan_markdown, plan_sql, plan_text
from migrate_safe.report.why import plan_why

STDOUT = Path("-")

EXAMPLES = """\b
Examples:
  migrate-safe plan migrations/0042.sql -o plans/0042.yaml      write the plan, show its phases
  migrate-safe plan 0042.sql --schema postgresql://db/shop      on what the database holds
  migrate-safe plan 0042.sql --schema dump.sql --format sql     the SQL that it comes to
  migrate-safe plan 0042.sql --format markdown                  for the pull request
  migrate-safe plan 0042.sql 0043.sql -o plans/release.yaml     several files as one plan
  migrate-safe plan 0042.sql --why                              the roads taken and those not taken
"""


@click.command(epilog=EXAMPLES)
@click.argument("paths", type=click.Path(path_type=Path), metavar="PATH...", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the plan file there.")
@schema_option()
@click.option("--name", help="Name of the plan.  [default: the file's name]")
@click.option("--why", is_flag=True, help="Say which roads were taken and which were not, with the reasons.")
@postgres_option()
@format_option("yaml", "sql", "markdown", "json")
@config_option()
def command(
    paths: tuple[Path, ...],
    output: Path | None,
    schema: tuple[str, ...],
    name: str | None,
    why: bool,
    postgres: int | None,
    format: Literal["yaml", "sql", "markdown", "json"],  # noqa: A002 the option's own name
    config: Path | None,
) -> None:
    """Split a migration into phases, with an undo for every step.

    PATH is a SQL file; several become one plan, in the order given. What has no safe road is refused (exit 77)
    before anything is written, each statement with the reason and what to do instead.
    """
    settings = load_config(config)
    request = PlanRequest(paths[0], schema, name, postgres or settings.postgres, paths[1:])
    made = plan(request)
    if output is not None and output != STDOUT:
        write_plan(made, output)
        click.echo(plan_text(made), nl=False)
        click.echo(plan_why(reasons(request)) if why else "", nl=False)
        click.echo(f"written to {output}", err=True)
        return
    if why:
        click.echo(plan_why(reasons(request)), nl=False)
        return
    forms = {"yaml": to_yaml, "sql": plan_sql, "markdown": plan_markdown, "json": plan_json}
    click.echo(forms[format](made), nl=False)
