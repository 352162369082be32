"""Read app releases: what each app version asks of the database, with the place of every query."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from migrate_safe.adapters import orm_queries
from migrate_safe.adapters.recording import read_recording
from migrate_safe.model.errors import UsageError
from migrate_safe.model.release import AppQuery, AppRelease
from migrate_safe.planner.strict_yaml import Box, load, nearest
from migrate_safe.sql.query_files import split_queries

SOURCES = ("sql", "recording", "pg_stat_statements", "sqlalchemy")
"""Kinds of sources: files of SQL, what `migrate-safe capture` wrote of a command or of a server's view, and models."""

EXAMPLE = "app: shop\n        version: v41\n        queries:\n          - SELECT id, email FROM users WHERE id = %s"


def read_release(path: Path) -> AppRelease:
    """Read a release file: `app`, `version`, `queries`, `sources` and, where needed, `search_path`.

    A recording (`.json`) is a release of its own, whose version is the name of the file.
    Raises UsageError with file and line for whatever cannot be understood; a release without a query is one.
    """
    text = _text(path)
    if path.suffix == ".json":
        return AppRelease("", path.stem, read_recording(text, str(path)))
    if all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines()):
        raise UsageError("the release is empty", place=str(path), next_move=f"write it:\n        {EXAMPLE}")
    box = load(text, str(path), "the release")
    fields = box.fields(("app", "version"), ("queries", "sources", "search_path"))
    queries = [_inline(item) for item in _items(fields, "queries")]
    for source in _items(fields, "sources"):
        queries.extend(_from_source(source, path))
    if not queries:
        raise box.error("has no queries", 'add a list "queries", or "sources" with `- sql: queries/*.sql`')
    return AppRelease(
        app=fields["app"].text(),
        version=fields["version"].text(),
        queries=tuple(queries),
        search_path=tuple(item.text() for item in _items(fields, "search_path")),
    )


def _items(fields: dict[str, Box], key: str) -> tuple[Box, ...]:
    return fields[key].items() if key in fields else ()


def _inline(item: Box) -> AppQuery:
    sql = item.text()
    line = item.node.start_mark.line + 1
    if getattr(item.node, "style", None) in ("|", ">"):
        line += 1  # the text of a block begins below its mark
    if not sql.strip():
        raise item.error("is empty", "write a query, or remove the line")
    return AppQuery(sql.strip(), f"{item.path}:{line}")


def _from_source(source: Box, release: Path) -> Iterator[AppQuery]:
    entries = source.entries()
    if len(entries) != 1:
        raise source.error("must name one kind of source", "write `- sql: queries/*.sql`")
    kind = entries[0][0]
    if kind not in SOURCES:
        raise source.error(f'is of the unknown kind "{kind}"', nearest(kind, SOURCES))
    pattern = source.fields((kind,))[kind]
    if kind == "sqlalchemy":
        yield from _from_models(pattern, release)
        return
    for file in _matching(pattern, release):
        if kind != "sql":
            yield from read_recording(_text(file), str(file))
            continue
        for query in split_queries(_text(file)):
            yield AppQuery(query.sql, f"{file}:{query.line}")


def _from_models(target: Box, release: Path) -> Iterator[AppQuery]:
    """Ask SQLAlchemy, in a process of its own, what it sends for the models that a target names."""
    path = os.pathsep.join(filter(None, (str(Path.cwd()), str(release.parent), os.environ.get("PYTHONPATH"))))
    ran = subprocess.run(
        [sys.executable, orm_queries.__file__, target.text()],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        words = ran.stderr.strip().splitlines()
        raise target.error(
            f'"{target.text()}" cannot be read: {words[-1] if words else f"exit code {ran.returncode}"}',
            "name a declarative base, a registry or a MetaData as `module:attribute`, in the app's environment",
        )
    for sql, file, line in json.loads(ran.stdout.rpartition("\n")[2]):
        place = f"{_shown(file)}:{line}" if file else f"{target.path}:{target.node.start_mark.line + 1}"
        yield AppQuery(sql, place, recorded=True)


def _shown(file: str) -> str:
    """Give a path as people name it: seen from here where it is below."""
    path = Path(file)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _matching(pattern: Box, release: Path) -> tuple[Path, ...]:
    """Give the files that a pattern names, seen from the folder of the release file, in name order."""
    wanted = pattern.text()
    folder = release.parent
    try:
        found = [Path(wanted)] if Path(wanted).is_absolute() else sorted(folder.glob(wanted))
    except (ValueError, NotImplementedError) as error:
        raise pattern.error(f'"{wanted}" is no pattern of file names: {error}') from None
    files = tuple(file for file in found if not file.is_dir())
    if not files:
        raise pattern.error(f'"{wanted}" matches no file in "{folder}"', "correct the pattern")
    return files


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f'no file "{path}"', next_move="name a release file, e.g. releases/v41.yaml") from None
    except OSError as error:
        raise UsageError(f'cannot read "{path}": {error.strerror}', next_move="name a readable file") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError("not UTF-8 text", place=f"{path}:{line}", next_move="save the file as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UsageError("holds a zero byte: not a text file", place=f"{path}:{line}", next_move="name a text file")
    return text
