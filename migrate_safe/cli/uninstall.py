"""`migrate-safe uninstall`: take the journal out of a database."""

from __future__ import annotations

import json

import click

from migrate_safe.app.executing import Target
from migrate_safe.app.uninstall import uninstall
from migrate_safe.cli.options import format_option
from migrate_safe.cli.outlet import say
from migrate_safe.cli.run_options import target_options

EXAMPLES = """\b
Examples:
  migrate-safe uninstall --dsn postgresql://db/shop --environment prod
"""


@click.command(epilog=EXAMPLES)
@target_options
@format_option("text", "json")
def command(
    target: Target,
    format: str,  # noqa: A002 - the name that format_option gives
) -> None:
    """Take the journal out of a database: the schema migrate_safe, with the history of all plans.

    Refused (exit 77) while a plan is open, or something that a plan has made is left; your tables are not touched.
    """
    names = uninstall(target)
    if format == "json":
        value = {"format": "migrate-safe/uninstall/1", "removed": names is not None, "plans": list(names or ())}
        say(json.dumps(value))
    elif names is None:
        say("nothing to do: migrate-safe is not installed in this database")
    else:
        say(f"removed the schema migrate_safe, with the history of {len(names)} plan{'s' * (len(names) != 1)}")
