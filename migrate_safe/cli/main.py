"""The front door: find the command, run it, turn what went wrong into words and an exit code."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from migrate_safe.cli.outlet import flush, forget, say
from migrate_safe.model.errors import Exit, MigrateSafeError, UsageError

COMMANDS = (
    ("lint", "migrate_safe.cli.lint", "Say what migrations would do to a live database."),
    ("explain", "migrate_safe.cli.explain", "Explain a lint rule: harm, examples, safe rewrite."),
    ("trace", "migrate_safe.cli.trace", "Run a migration on a scratch server and watch what it does."),
    ("plan", "migrate_safe.cli.plan", "Split a migration into phases, with an undo for every step."),
    ("check", "migrate_safe.cli.check", "Say which app version works at which state of a plan."),
    ("capture", "migrate_safe.cli.capture", "Record the queries of an app, while its tests run or from its database."),
    ("apply", "migrate_safe.cli.apply", "Run the phases of a plan on a database, journaled and resumable."),
    ("status", "migrate_safe.cli.status", "Show where each plan stands and what is next."),
    ("rollback", "migrate_safe.cli.rollback", "Take steps of a plan back."),
    ("pause", "migrate_safe.cli.pause", "Hold whoever works on a plan, before the next batch or step."),
    ("resume", "migrate_safe.cli.resume", "Let a paused plan go on."),
    ("tune", "migrate_safe.cli.tune", "Change how gentle a running plan is."),
    ("submit", "migrate_safe.cli.submit", "Hand a plan over to a worker."),
    ("work", "migrate_safe.cli.work", "Run the plans that were submitted."),
    ("purge", "migrate_safe.cli.purge", "Remove for good what a finished contract phase retired."),
    ("replan", "migrate_safe.cli.replan", "Change what of an open plan has not begun yet."),
    ("abandon", "migrate_safe.cli.abandon", "Close a plan half-way: take back what it did, or keep it."),
    ("doctor", "migrate_safe.cli.doctor", "Say what a database lacks for plans, and what was left behind."),
    ("uninstall", "migrate_safe.cli.uninstall", "Take the journal out of a database in which nothing is open."),
    ("demo", "migrate_safe.cli.demo", "Show the whole story on a Postgres of its own, no set-up."),
)
"""Every command: its name, the module whose `command` runs it, and its line in --help."""

EXAMPLES = """\b
Examples:
  migrate-safe lint migrations/                    judge all migrations of a folder
  migrate-safe lint migrations/0042.sql            judge one, knowing the files before it
  migrate-safe explain index-not-concurrent        why, and what to write instead
  migrate-safe plan migrations/0042.sql -o plans/0042.yaml
  migrate-safe apply plans/0042.yaml --through migrate --dsn postgresql://db/shop
  migrate-safe rollback plans/0042.yaml            back to where both app versions work

\b
Exit codes: 0 fine; 1 findings or a failed step; 2 usage or input; 75 try again later;
77 refused; 130 interrupted.
"""

DEBUG_VARIABLE = "MIGRATE_SAFE_DEBUG"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code; never let an exception out.

    A command may return an exit code, call `ctx.exit`, or raise a MigrateSafeError.
    """
    words = tuple(sys.argv[1:] if arguments is None else arguments)

    def complain(text: str, code: int) -> int:
        """Say what went wrong without showing a password, wherever on the command line it may stand."""
        from migrate_safe.model.secrets import hide  # slow to import, and only needed here

        _flush_what_is_left()
        say(f"migrate-safe: {hide(text, (*words, *_environment()))}", err=True)
        return code

    try:
        with _stopping_on_signals():
            code = _run(words)
        flush()
    except BrokenPipeError:
        forget(sys.stdout)
        return Exit.FAILED
    except MigrateSafeError as error:
        return complain(str(error), error.code)
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message(), err=True)
        return Exit.USAGE
    except click.ClickException as error:
        return complain(_usage_text(error), Exit.USAGE)
    except (KeyboardInterrupt, click.Abort):
        return complain("interrupted\n  next: run this again", Exit.INTERRUPTED)
    except OSError as error:
        if _is_nowhere():
            return complain("the folder in which this runs is gone\n  next: change to one that is there", Exit.USAGE)
        if error.errno not in _FULL:
            known = error.filename is not None
            return complain(_path_text(error), Exit.USAGE) if known else complain(_bug_text(error), Exit.FAILED)
        forget(sys.stdout)
        said = f"cannot write: {os.strerror(error.errno).lower()}\n  next: make room, then run this again"
        return complain(said, Exit.TRY_LATER)
    except Exception as error:  # the last wall: a bug is reported in one line, not in fifty
        return complain(_bug_text(error), Exit.FAILED)
    return code


def build_group() -> click.Group:
    """Build the command group; each command's module is imported only when that command runs."""
    return click.Group(
        name="migrate-safe",
        help="Zero-downtime schema migrations for PostgreSQL 14 to 18.",
        epilog=EXAMPLES,
        commands={name: _stub(name, module, line) for name, module, line in COMMANDS},
        params=[
            click.Option(
                ["--version"],
                is_flag=True,
                expose_value=False,
                is_eager=True,
                callback=_show_version,
                help="Show the version and exit.",
            )
        ],
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def load_command(name: str, module: str) -> click.Command:
    """Import the module of a command and give its click command."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise UsageError(
            f'command "{name}" is not part of this build', next_move="see the commands that are: migrate-safe --help"
        ) from None
    command = found.command
    assert isinstance(command, click.Command), f"{module}.command must be a click command"
    return command


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Treat SIGTERM, which ends jobs of delivery systems, like Ctrl-C: cancel, journal, clear away, leave."""

    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, stop)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _run(words: Sequence[str]) -> int:
    group = build_group()
    try:
        with group.make_context("migrate-safe", list(words)) as context:
            result = group.invoke(context)
    except click.exceptions.Exit as request:
        return request.exit_code
    return int(result) if isinstance(result, int) else Exit.OK


def _stub(name: str, module: str, line: str) -> click.Command:
    """Stand in for a command: take its words unread, import it, and hand them over."""

    def forward(words: tuple[str, ...]) -> object:
        parent = click.get_current_context().parent
        command = load_command(name, module)
        with command.make_context(name, list(words), parent=parent) as context:
            return command.invoke(context)

    return _Unread(name, callback=forward, short_help=line, help=line, add_help_option=False)


class _Unread(click.Command):
    """A command that hands on all its words as they are, also `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take every word as one of `words`."""
        ctx.params["words"] = tuple(args)
        return []


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from importlib import metadata  # slow to import, and only needed here

    try:
        version = metadata.version("migrate-safe")
    except metadata.PackageNotFoundError:
        version = "(run from a checkout)"
    click.echo(f"migrate-safe {version}")
    context.exit()


def _flush_what_is_left() -> None:
    try:
        flush()
    except (OSError, ValueError):
        forget(sys.stdout)


def _environment() -> Iterator[str]:
    """Give what the environment says that may hold a password."""
    for name, value in os.environ.items():
        yield f"{name}={value}" if name.startswith("PG") else value


def _usage_text(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return error.format_message()
    return f"{error.format_message()}\n  next: {context.command_path} --help"


def _is_nowhere() -> bool:
    """Say whether somebody removed the working folder."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _path_text(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return f'"{os.fsdecode(error.filename)}": {reason}\n  next: name another file or folder, or give access to it'


def _bug_text(error: Exception) -> str:
    if os.environ.get(DEBUG_VARIABLE):
        import traceback

        return "internal error\n" + "".join(traceback.format_exception(error)).rstrip()
    return (
        f"internal error: {type(error).__name__}: {error}\n"
        f"  next: this is a bug in migrate-safe; run again with {DEBUG_VARIABLE}=1 and report what it prints"
    )


if __name__ == "__main__":
    sys.exit(main())
