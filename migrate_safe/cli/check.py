"""`migrate-safe check`."""

from __future__ import annotations

from pathlib import Path

import click

from migrate_safe.adapters.config import load_config
from migrate_safe.app.check import check
from migrate_safe.cli.options import config_option, format_option, schema_option
from migrate_safe.model.errors import Exit
from migrate_safe.report.check_json import check_json
from migrate_safe.report.check_markdown import check_markdown
from migrate_safe.report.check_sarif import check_sarif
from migrate_safe.report.check_text import check_text

EXAMPLES = """\b
Examples:
  migrate-safe check plans/0042.yaml --old releases/v41.yaml --new releases/v42.yaml
  migrate-safe check migrations/0042.sql --old releases/v41.yaml --new releases/v42.yaml
  migrate-safe check plans/0042.yaml --old releases/v41.yaml --schema postgresql://db/shop
  migrate-safe check plans/0042.yaml --old releases/v41.yaml --postgres 16 --json

\b
Exit codes: 0 every query works wherever its version may be running; 1 a query
breaks, or a plan has a fault (an undo that does not undo, a migration that was
changed since); 2 input that cannot be understood, a step that cannot be done;
75 no server in reach.
"""

WRITERS = {"text": check_text, "json": check_json, "markdown": check_markdown, "sarif": check_sarif}
_FILE = click.Path(path_type=Path)


@click.command(epilog=EXAMPLES)
@click.argument("subject", type=_FILE, metavar="PLAN|MIGRATION.sql")
@click.option(
    "--old",
    multiple=True,
    type=_FILE,
    metavar="RELEASE",
    help='Release file of a version that runs now; else those that "releases" in the config names, without --new.',
)
@click.option("--new", multiple=True, type=_FILE, metavar="RELEASE", help="Release file of the version to come.")
@schema_option()
@click.option(
    "--postgres",
    default="auto",
    show_default=True,
    metavar="SERVER",
    help="Scratch server that judges: auto, docker, embedded, local, a major version, a bin folder, or the DSN of a "
    "server beside whose databases a scratch database is made and dropped.",
)
@format_option(*WRITERS)
@config_option()
def command(
    subject: Path,
    old: tuple[Path, ...],
    new: tuple[Path, ...],
    schema: tuple[str, ...],
    postgres: str,
    config: Path | None,
    **form: str,
) -> int:
    """Say which app version works at which state of a plan (or of a migration run as it stands).

    A scratch server is the judge: at every state between two steps each query of each version is prepared, and
    executed with sample values in a transaction that is rolled back. Your database is never touched, but for pg_dump
    reading its schema when you name it with --schema.
    """
    running = old or load_config(config).release_files(but=new)
    found = check(subject, old=running, new=new, schema=schema, postgres=postgres)
    click.echo(WRITERS[form["format"]](found).removesuffix("\n"))
    return Exit.FAILED if found.failed else Exit.OK
