"""`migrate-safe trace`: run a migration on a scratch server and watch it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from migrate_safe.adapters.clock import today
from migrate_safe.adapters.config import load_config
from migrate_safe.app.lint import LintRequest
from migrate_safe.app.trace import TraceRequest, trace_command, trace_path
from migrate_safe.cli.for_commands import WithCommand, before_option, command_of, env_option, named_template
from migrate_safe.cli.options import config_option, format_option, in_colour, schema_option
from migrate_safe.model.errors import Exit, UsageError
from migrate_safe.model.finding import Severity
from migrate_safe.model.trace import TraceReport
from migrate_safe.report.trace import trace_json, trace_text

EXAMPLES = """\b
Examples:
  migrate-safe trace migrations/0042.sql                      on what the earlier files of its folder leave
  migrate-safe trace 0042.sql --schema dump.sql --rows 100000
  migrate-safe trace 0042.sql --schema postgresql://db/shop   pg_dump reads its schema; nothing else is touched
  migrate-safe trace -- alembic upgrade head                  any framework: it gets DATABASE_URL and PG*
  migrate-safe trace --before 'alembic upgrade abc123' --rows 10000 -- alembic upgrade head
  migrate-safe trace --env 'SHOP_DB=postgresql+psycopg://{user}:{password}@{host}:{port}/{dbname}' -- ./migrate
  migrate-safe trace --save captured.sql -- python manage.py migrate

\b
Exit codes: 0 as predicted and nothing to fear; 1 a statement or the command failed, did something else than
predicted, or has findings; 2 input that cannot be understood; 75 no server in reach.
"""


@click.command("trace", cls=WithCommand, epilog=EXAMPLES, options_metavar="[OPTIONS]")
@click.argument("path", required=False, type=click.Path(path_type=Path), metavar="PATH | -- COMMAND...")
@schema_option()
@before_option()
@click.option(
    "--rows", type=click.IntRange(min=0), default=0, metavar="N", help="Fill every empty table with N typed rows."
)
@env_option()
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Write what a command sent as SQL.")
@click.option(
    "--postgres",
    default="auto",
    show_default=True,
    metavar="SERVER",
    help="Scratch server: auto, docker, embedded, local, a major version, a bin folder, or the DSN of a server beside "
    "whose databases scratch databases are made and dropped.",
)
@click.option("--all", "everything", is_flag=True, help="Show also the statements that touch no table.")
@click.option(
    "--fail-on",
    type=click.Choice([str(s) for s in Severity]),
    help="The least severity of a finding that makes the exit code 1.  [default: warning]",
)
@format_option("text", "json")
@config_option()
@click.pass_context
def command(
    ctx: click.Context,
    path: Path | None,
    schema: tuple[str, ...],
    before: tuple[str, ...],
    rows: int,
    variables: tuple[str, ...],
    save: Path | None,
    postgres: str,
    everything: bool,
    fail_on: str | None,
    format: Literal["text", "json"],  # noqa: A002 the option's own name
    config: Path | None,
) -> int:
    """Run a migration on a scratch server and say what each statement did, beside what was predicted.

    PATH is a SQL file or a folder of them. COMMAND is any program that migrates: it gets the scratch server in
    DATABASE_URL and the PG* variables, everything that it sends is captured, and watched while it runs once more on a
    copy. Shown for each statement: time, locks and what they stop, rewrites, scans, index builds, and where the
    prediction of lint differs.
    """
    settings = load_config(config)
    rules = LintRequest(
        (),
        rules=settings.folder / settings.rules if settings.rules else None,
        preferences=settings.preferences,
        today=today(),
    )
    request = TraceRequest(schema, before, rows, postgres, tuple(map(named_template, variables)), save, rules)
    report = _traced(path, command_of(ctx), request)
    if format == "json":
        click.echo(trace_json(report), nl=False)
    else:
        click.echo(trace_text(report, everything=everything, colour=in_colour(sys.stdout)), nl=False)
    least = Severity(fail_on) if fail_on else settings.fail_on or Severity.WARNING
    bad = any(finding.severity.rank <= least.rank for finding in report.lint.findings)
    return int(Exit.FAILED if bad or report.failed or report.differing or report.command_code else Exit.OK)


def _traced(path: Path | None, words: tuple[str, ...] | None, request: TraceRequest) -> TraceReport:
    if path is not None and words is not None:
        raise UsageError(
            f'two things to trace: "{path}", and a command behind --',
            next_move=f"trace them one by one, or give what the command starts from with --schema {path}",
        )
    if (path is None and words is None) or words == ():
        raise UsageError(
            "name what to trace: a file or folder, or a command behind --",
            next_move="migrate-safe trace migrations/0042.sql, or migrate-safe trace -- alembic upgrade head",
        )
    if words is not None:
        return trace_command(words, request)
    assert path is not None
    if request.save is not None:
        raise UsageError("--save is for commands: a file is SQL already", next_move="leave it out")
    return trace_path(path, request)
