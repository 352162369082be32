"""The schema before a migration, built on a scratch database from whatever the user has of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.commands import run_command
from migrate_safe.adapters.dump import dump_schema
from migrate_safe.adapters.files import History, history_of, is_down, read_source, root_of
from migrate_safe.adapters.postgres import describe
from migrate_safe.adapters.scratch_load import adopt_search_path, load
from migrate_safe.app.schema_source import is_dsn
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Unanalysed
from migrate_safe.model.secrets import hide
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Script
from migrate_safe.sql.parse import parse_script


class Base(Struct, frozen=True):
    """Where the schema came from, and statements that were left out (`file:line: reason`)."""

    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()


def build_named(dsn: str, schema: tuple[str, ...], tools: Path) -> Base:
    """Build what the user names in an empty scratch database, which may be nothing. Errors as of build_base."""
    notes: list[str] = []
    sources = [source for word in schema for source in _from_one(dsn, word, None, tools, notes)]
    return Base(tuple(sources), tuple(notes))


def build_base(dsn: str, migration: Path, schema: tuple[str, ...], tools: Path) -> Base:
    """Build the state before a migration in an empty scratch database and say where it came from.

    Each `schema` is a SQL file, a folder of migrations or the DSN of a database, whose schema pg_dump (of `tools`)
    reads. Without any, the earlier files of the migration's own folder are run.

    Raises UsageError with file, line and the server's message.
    """
    notes: list[str] = []
    if not schema:
        if not migration.exists():
            raise UsageError(
                f'the migration "{migration}" is not here, so neither are the files before it',
                next_move="run this in the project's folder, or say where the schema comes from: --schema FILE|DIR|DSN",
            )
        return Base(_from_history(dsn, history_of(root_of(migration)), migration, notes), tuple(notes))
    sources = [source for word in schema for source in _from_one(dsn, word, migration, tools, notes)]
    return Base(tuple(sources), tuple(notes))


def read_script(path: Path) -> Script:
    """Read and parse a migration file; a file that is no text is a UsageError."""
    source = read_source(path)
    if isinstance(source, Unanalysed):
        raise UsageError(source.reason, place=f"{source.file}:{source.line}", next_move="name a SQL file in UTF-8")
    return parse_script(source, runner=history_of(root_of(path)).runner(path))


def _from_one(dsn: str, word: str, migration: Path | None, tools: Path, notes: list[str]) -> tuple[str, ...]:
    path = Path(word)
    if path.is_dir():
        return _from_history(dsn, history_of(path), migration, notes)
    if path.exists():
        load(dsn, read_script(path), notes)
        return (word,)
    if is_dsn(word):
        load(dsn, parse_script(Source(f"dump of {hide(word)}", dump_schema(word, tools))), notes)
        adopt_search_path(dsn, word)
        return (describe(word),)
    raise UsageError(f'--schema "{word}": no such file or folder', next_move="name a SQL file, a folder, or a DSN")


def _from_history(dsn: str, history: History, migration: Path | None, notes: list[str]) -> tuple[str, ...]:
    files = history.before(migration) if migration is not None and migration in history.files else _all_up(history)
    for file in files:
        load(dsn, read_script(file), notes)
    return (f"{history.root} ({len(files)} {'file' if len(files) == 1 else 'files'})",) if files else ()


def _all_up(history: History) -> tuple[Path, ...]:
    """Give all files of a folder that lead forward."""
    return tuple(file for file in history.files if not is_down(file))


def run_before(commands: Sequence[str], dsn: str, variables: Sequence[tuple[str, str]]) -> None:
    """Run the commands that build the state before; raises UsageError for one that fails."""
    for command in commands:
        code = run_command(_words(command), dsn, None, variables)
        if code:
            raise UsageError(f'--before "{command}" ended with exit code {code}', next_move="see what it printed")


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f'--before "{command}": {error}', next_move="quote it as in a shell") from None
    if not words:
        raise UsageError('--before "" names no command', next_move="give a program and its arguments")
    return words
