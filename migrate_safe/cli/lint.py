"""`migrate-safe lint`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from migrate_safe.adapters.clock import today
from migrate_safe.adapters.config import load_config
from migrate_safe.adapters.files import STDIN
from migrate_safe.adapters.store import Store, open_store
from migrate_safe.app.lint_request import Linter, LintRequest
from migrate_safe.app.lint_run import run_lint
from migrate_safe.cli.options import config_option, format_option, in_colour, postgres_option, schema_option
from migrate_safe.model.errors import Exit, UsageError
from migrate_safe.model.finding import LintReport, Severity
from migrate_safe.model.framework import Framework
from migrate_safe.model.wrapping import Wrapping

WRITERS = ("json", "github", "sarif", "gitlab", "junit", "markdown")
"""Forms for machines: `report.lint_FORM` has the function `lint_FORM`."""

EXAMPLES = """\b
Examples:
  migrate-safe lint migrations/                     a whole folder, each file on what those before it left
  migrate-safe lint migrations/0042_email.sql       one file; the earlier files of its folder tell what exists
  migrate-safe lint --schema dump.sql 0042.sql      on a pg_dump --schema-only
  migrate-safe lint --transaction file 0042.sql     for a runner that wraps each file in a transaction
  migrate-safe lint --framework flyway db/          for a runner that file names and marks do not tell
  migrate-safe lint --placeholder schema=app db/    for ${schema} in migrations
  migrate-safe lint --postgres 15 --fail-on error migrations/
  migrate-safe lint --since origin/main             what a branch has changed
  migrate-safe lint --baseline lint.json --write-baseline migrations/    what is there now is known
  migrate-safe lint --format json migrations/ | jq '.findings[].rule'
  migrate-safe lint --format sarif migrations/ > lint.sarif
  cat 0042.sql | migrate-safe lint -

\b
Silence one finding, with a reason, in the line before its statement:
  -- migrate-safe: ignore drop-column: unused since v41
  -- migrate-safe: ignore locks, drop-column until 2027-01-31: the table is empty until the launch
"""


@click.command("lint", epilog=EXAMPLES)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH...]")
@schema_option()
@postgres_option()
@click.option(
    "--transaction",
    type=click.Choice([str(w) for w in Wrapping]),
    help="How the runner sends a file: wrapped in one transaction, or each statement by itself. "
    "Default: what its runner does.",
)
@click.option(
    "--framework",
    type=click.Choice([str(f) for f in Framework]),
    metavar="NAME",
    help="What runs the migrations (goose, flyway ...).  Default: what file names, marks and files beside them tell.",
)
@click.option(
    "--placeholder",
    "placeholders",
    multiple=True,
    metavar="NAME=VALUE",
    help="What stands for ${NAME} or :NAME in migrations; may be given several times. "
    "Default: [placeholders] of the settings, what Flyway's own settings say, \\set.",
)
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with rules of your own, beside those of the tool.",
)
@click.option(
    "--fail-on",
    type=click.Choice([str(s) for s in Severity]),
    help="The least severity that makes the exit code 1.  [default: warning]",
)
@click.option(
    "--since",
    metavar="REF",
    help="Report only what changed since the branch left this git revision; earlier files still tell what exists.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File of findings that are known already, and not reported.",
)
@click.option("--write-baseline", is_flag=True, help="Write all present findings into the baseline file instead.")
@click.option("--no-cache", is_flag=True, help="Neither use nor fill the cache of what was found before.")
@format_option("text", *WRITERS)
@config_option()
def command(
    paths: tuple[Path, ...],
    schema: tuple[str, ...],
    postgres: int | None,
    transaction: str | None,
    framework: str | None,
    placeholders: tuple[str, ...],
    rules: Path | None,
    fail_on: str | None,
    since: str | None,
    baseline: Path | None,
    write_baseline: bool,
    no_cache: bool,
    format: str,  # noqa: A002 the option's own name
    config: Path | None,
) -> int:
    """Say what migrations would do to a live database, and what to write instead.

    PATH is a SQL file, a folder of them, or - for standard input. With --since it may be left out: then every SQL file
    of the repository that changed is meant.

    Exit code 0: nothing to fear; 1: findings; 2: a file could not be read, or bad usage.
    """
    if not paths and since is None:
        raise click.UsageError("name a PATH, or what changed with --since REF")
    if since is not None and STDIN in paths:
        raise click.UsageError("--since is for files, not for standard input")
    settings = load_config(config)
    known = baseline or (settings.folder / settings.baseline if settings.baseline else None)
    if write_baseline and (known is None or since is not None):
        raise click.UsageError("--write-baseline needs --baseline FILE, and does not go with --since")
    request = LintRequest(
        paths=paths,
        schema=schema,
        rules=rules or (settings.folder / settings.rules if settings.rules else None),
        version=postgres or settings.postgres,
        wrapping=Wrapping(transaction) if transaction else None,
        framework=Framework(framework) if framework else None,
        placeholders=tuple({**settings.placeholders, **dict(map(_named_value, placeholders))}.items()),
        preferences=settings.preferences,
        today=today(),
        since=since,
        baseline=None if write_baseline else known,
    )
    store = None if no_cache else open_store()
    outcome = run_lint(request, lambda: _linter(request, store), store)
    if write_baseline and known is not None and not outcome.unread:
        from migrate_safe.adapters.baseline import write_baseline as save_baseline

        save_baseline(known, outcome.report.findings)
        click.echo(f"{len(outcome.report.findings)} findings written to {known}")
        return int(Exit.OK)
    if format in WRITERS:
        click.echo(_writer(format)(outcome.report).removesuffix("\n"))
    else:
        click.echo(_as_text(outcome.report), nl=False)
    if write_baseline:
        raise UsageError(
            f'nothing is written to "{known}", for not every file could be read',
            next_move="mend the files that are named above, or name only others",
        )
    return int(outcome.exit_code(Severity(fail_on) if fail_on else settings.fail_on or Severity.WARNING))


def _named_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or "\n" in value:
        raise click.UsageError(f'--placeholder takes NAME=VALUE, not "{text}"')
    return name, value


def _linter(request: LintRequest, store: Store | None) -> Linter[Any]:
    from migrate_safe.app.lint import SqlLinter  # slow to import, and not needed for what is in the cache

    return SqlLinter.of(request, store)


def _writer(form: str) -> Callable[[LintReport], str]:
    """Import the one writer that is needed."""
    module = importlib.import_module(f"migrate_safe.report.lint_{form}")
    writer: Callable[[LintReport], str] = getattr(module, f"lint_{form}")
    return writer


def _as_text(report: LintReport) -> str:
    import shutil

    from migrate_safe.report.lint_text import WIDTH, lint_text

    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns)
    return lint_text(report, colour=in_colour(sys.stdout), width=width)
