"""`migrate-safe demo`: the whole story on a PostgreSQL of its own."""

from __future__ import annotations

import sys

import click

from migrate_safe.app.demo import demo
from migrate_safe.app.demo_story import DemoWish
from migrate_safe.cli.demo_narration import narrator_for
from migrate_safe.model.errors import Exit
from migrate_safe.report.demo import closing_text

EXAMPLES = """\b
Examples:
  migrate-safe demo                           under two minutes, 200,000 customers
  migrate-safe demo --rows 20000 --seconds 1  a quick look
"""

DEFAULT = DemoWish()


@click.command(epilog=EXAMPLES)
@click.option(
    "--rows", type=click.IntRange(100), default=DEFAULT.rows, show_default=True, help="Customers of the shop."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.2),
    default=DEFAULT.seconds,
    show_default=True,
    help="How long the app versions serve at each stage.",
)
@click.option(
    "--patience",
    type=click.FloatRange(0.2),
    default=DEFAULT.patience,
    show_default=True,
    metavar="SECONDS",
    help="How long the failing contract step tries to get its lock.",
)
@click.option(
    "--postgres",
    default=DEFAULT.postgres,
    show_default=True,
    metavar="WHERE",
    help="Scratch server to use: embedded, docker, local, a DSN, or a bin folder.",
)
@click.pass_context
def command(ctx: click.Context, rows: int, seconds: float, patience: float, postgres: str) -> None:
    """Show the whole story on a PostgreSQL of its own, under the load of two app versions; nothing is set up.

    Lints, plans and checks a migration, applies it while clients read and write, lets a contract step fail
    and takes it back, finishes, and runs the naive migration on a copy. Exits with 0 only if no client
    statement failed and no acknowledged write was lost. Everything it made is removed, also after Ctrl-C.
    """
    with narrator_for(sys.stdout) as narrator:
        result = demo(DemoWish(rows=rows, seconds=seconds, patience=patience, postgres=postgres), narrator)
    click.echo(closing_text(result), nl=False)
    ctx.exit(Exit.OK if result.holds else Exit.FAILED)
