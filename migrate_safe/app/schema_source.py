"""The database before a migration: from what the user names, or from the migrations that ran before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.files import History, find_histories, is_file, is_folder, read_source
from migrate_safe.catalog.evolve import fold
from migrate_safe.catalog.things import with_usual_things
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Unanalysed
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Wrapping
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import MOST, parse_script
from migrate_safe.sql.rendering import read_script

_DSN = re.compile(r"postgres(ql)?://|(.*\s)?(host|dbname|service|port|user)\s*=")
_REFRESH = re.compile(r"^REFRESH MATERIALIZED VIEW ", re.MULTILINE)
_DUMP = "PostgreSQL database dump"


class Known(Struct, frozen=True):
    """A schema as far as it is known, and what could not be read on the way to it."""

    schema: Schema
    unread: tuple[Unanalysed, ...] = ()
    version: int | None = None
    """The server's major version, where the user or a server told it."""


def schema_before(path: Path, *, wrapping: Wrapping | None = None, version: int | None = None) -> Known:
    """Fold the earlier migrations of the folder in which a migration stands."""
    [(history, _)] = find_histories([path])
    return fold_files(empty_schema(version), history, history.before(path), wrapping=wrapping)


def named_schema(sources: Sequence[str], *, wrapping: Wrapping | None = None, version: int | None = None) -> Known:
    """Read the schemas that a user names: SQL files and dumps, folders of migrations, servers; later ones on top.

    What a dump or a server does not hold does not exist; other files tell only what they say.
    Raises UsageError for what cannot be read, TryLater for a server that does not answer.
    """
    known = Known(empty_schema(version), version=version)
    for source in sources:
        if is_dsn(source):
            known = _on_top(known, _read_server(source), version)
        else:
            known = _read_path(Path(source), known, wrapping)
    return known


def empty_schema(version: int | None = None) -> Schema:
    """Give a schema of which nothing is known, on the newest server unless the user says which."""
    return Schema() if version is None else Schema(server_version=version)


def is_dsn(text: str) -> bool:
    """Say whether a text is a connection string rather than a path."""
    return _DSN.match(text) is not None and not is_file(Path(text))


def fold_files(schema: Schema, history: History, paths: Iterable[Path], *, wrapping: Wrapping | None = None) -> Known:
    """Give the schema after running files of a history in order; what cannot be read is left out and reported."""
    unread = []
    for path in paths:
        source = read_source(path)
        if isinstance(source, Unanalysed):
            unread.append(source)
        else:
            runner = history.runner(path)
            script, _ = read_script(source, dict(runner.values), wrapping=wrapping, runner=runner, most=MOST)
            schema = fold(schema, script)
    return Known(schema, tuple(unread))


def _read_path(path: Path, known: Known, wrapping: Wrapping | None) -> Known:
    if is_folder(path):
        for history, meant in find_histories([path]):
            folded = fold_files(known.schema, history, meant, wrapping=wrapping)
            known = replace(known, schema=folded.schema, unread=known.unread + folded.unread)
        return known
    source = read_source(path)
    if isinstance(source, Unanalysed):
        raise UsageError(
            f'the schema "{path}" {source.reason}',
            place=f"{source.file}:{source.line}",
            next_move="name a SQL file, a folder or a connection string",
        )
    schema = fold(known.schema, parse_script(source, wrapping=wrapping))
    return replace(known, schema=_as_dumped(schema, source) if _is_dump(source) else schema)


def _is_dump(source: Source) -> bool:
    """Recognise what pg_dump writes at the top of its output."""
    return _DUMP in source.text[:200]


def _as_dumped(schema: Schema, source: Source) -> Schema:
    """Give the schema of a dump: what is not in it does not exist.

    pg_dump makes materialized views WITH NO DATA and refreshes those that held something; without data it leaves that
    out, so that each may hold something.
    """
    if _REFRESH.search(source.text) is None:
        schema = schema.with_views(*(replace(v, populated=True) for v in schema.views.values() if v.materialized))
    return replace(with_usual_things(schema), complete=True)


def _on_top(known: Known, read: Schema, version: int | None) -> Known:
    """Put what a server holds on top of what was known; the version that the user named stays."""
    tables = {**known.schema.tables, **read.tables}
    major = version or read.server_version
    return replace(known, schema=replace(read, tables=tables, server_version=major), version=major)


def _read_server(dsn: str) -> Schema:
    from migrate_safe.adapters.catalog_reader import read_schema  # the driver is slow to import, and rarely needed
    from migrate_safe.adapters.database import SETTLE
    from migrate_safe.adapters.postgres import connect, legible

    with legible(), connect(dsn) as connection:
        connection.execute(SETTLE)  # else a role's settings change how defaults are spelled, and a plan sees drift
        return read_schema(connection)
