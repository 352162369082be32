"""`migrate-safe replan`: change what of an open plan has not begun."""

from __future__ import annotations

import json

import click

from migrate_safe.app.executing import Target
from migrate_safe.app.replan import replan
from migrate_safe.cli.executing import teller
from migrate_safe.cli.options import format_option
from migrate_safe.cli.outlet import say
from migrate_safe.cli.run_options import target_options

EXAMPLES = """\b
Examples:
  migrate-safe replan plans/0042.yaml              take over the steps of the file that have not begun
  migrate-safe replan plans/0042.yaml --dry-run    show what would change
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Check and show the difference, change nothing.")
@target_options
@format_option("text", "json")
def command(
    plan: str,
    dry_run: bool,
    target: Target,
    format: str,  # noqa: A002 - the name that format_option gives
) -> None:
    """Change what of an open plan has not begun yet.

    The steps of FILE take the place of the journal's, for the plan of that name. Steps that are done, or have begun,
    must stand in it as they were: refused (exit 77) otherwise.
    """
    found = replan(plan, target, dry_run=dry_run, tell=teller("text"))
    if format == "json":
        value = {
            "format": "migrate-safe/replan/1",
            "plan": found.plan.name,
            "position": found.position,
            "changed": bool(found.difference) and not dry_run,
            "difference": list(found.difference),
        }
        say(json.dumps(value))
        return
    for line in found.difference:
        say(line)
    verb = "would change" if dry_run else "changed"
    said = f"{verb} after step {found.position}" if found.difference else "nothing to do, the journal says the same"
    say(f"{found.plan.name}: {said}")
