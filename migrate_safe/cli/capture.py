"""`migrate-safe capture`: record the queries of an app version."""

from __future__ import annotations

from pathlib import Path

import click

from migrate_safe.adapters.files import write_text
from migrate_safe.adapters.recording import Recording, recording_text
from migrate_safe.app.capture import Capture, CaptureRequest, capture_command, capture_statistics
from migrate_safe.cli.for_commands import WithCommand, before_option, command_of, env_option, named_template
from migrate_safe.cli.options import schema_option
from migrate_safe.model.errors import Exit, UsageError

EXAMPLES = """\b
Examples:
  migrate-safe capture -o releases/v42.json -- pytest tests
  migrate-safe capture -o releases/v42.json --before 'alembic upgrade head' -- pytest -q
  migrate-safe capture -o releases/v42.json --env 'SHOP_DB=postgresql://{host}:{port}/{dbname}' -- make test
  migrate-safe capture -o releases/v41.json --dsn postgresql://db/shop --role shop_app

\b
Exit codes: 0 recorded; 1 recorded, and the command failed; 2 input that cannot be understood, no query at all;
75 no server in reach.
"""


@click.command("capture", cls=WithCommand, epilog=EXAMPLES, options_metavar="[OPTIONS]", short_help="[-- COMMAND...]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Where the recording goes."
)
@click.option("--dsn", metavar="DSN", help="Read pg_stat_statements of this database instead of running a command.")
@click.option("--role", metavar="NAME", help="With --dsn: only what this role, the app's, has sent.")
@schema_option()
@before_option()
@env_option()
@click.option(
    "--postgres",
    default="auto",
    show_default=True,
    metavar="SERVER",
    help="Scratch server for the command: auto, docker, embedded, local, a major version, a bin folder, or a DSN.",
)
@click.pass_context
def command(
    ctx: click.Context,
    output: Path,
    dsn: str | None,
    role: str | None,
    schema: tuple[str, ...],
    before: tuple[str, ...],
    variables: tuple[str, ...],
    postgres: str,
) -> int:
    """Record the queries that an app sends, for `sources` of a release file.

    COMMAND behind `--` is anything that exercises the app, best of all its tests. It gets a scratch server in
    DATABASE_URL and the PG* variables. Each distinct query is kept once, with the types of its parameters, how often it
    came, and, under pytest, the tests that sent it; what is no query is counted and named.
    """
    words = command_of(ctx)
    if (words is None) == (dsn is None) or words == ():
        raise UsageError(
            "name what to record: a command behind --, or a database with --dsn",
            next_move="migrate-safe capture -o releases/v42.json -- pytest",
        )
    if words is not None and role is not None:
        raise UsageError("--role is for --dsn", next_move="leave it out")
    if dsn is not None and (schema or before or variables):
        raise UsageError("--schema, --before and --env are for a command", next_move="leave them out")
    found = (
        capture_statistics(dsn, role)
        if dsn is not None
        else capture_command(
            words or (), CaptureRequest(schema, before, postgres, tuple(map(named_template, variables)))
        )
    )
    if not found.recording.queries:
        raise UsageError(
            f"no query was found; left out: {_left_out(found.recording) or 'nothing'}",
            next_move="see that it is the app's own code that runs",
        )
    write_text(output, recording_text(found.recording))
    click.echo(_told(found, output), nl=False)
    return int(Exit.FAILED if found.code else Exit.OK)


def _told(found: Capture, output: Path) -> str:
    recording = found.recording
    sent = sum(query.count for query in recording.queries)
    lines = [f"{len(recording.queries)} queries, sent {sent} times, of {recording.of} -> {output}"]
    lines += [f"  left out: {left.count} x {left.reason}: {left.example}" for left in recording.left_out]
    lines += [f"  note: {note}" for note in found.notes]
    lines += [f"  the command ended with exit code {found.code}"] if found.code else []
    return "\n".join(lines) + "\n"


def _left_out(recording: Recording) -> str:
    return ", ".join(f"{left.count} x {left.reason}" for left in recording.left_out)
