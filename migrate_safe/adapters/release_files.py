"""Read app releases: what each app version asks of the database, with the place of every query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from migrate_safe.adapters.recording import read_recording
from migrate_safe.model.errors import UsageError
from migrate_safe.model.release import AppQuery, AppRelease
from migrate_safe.planner.strict_yaml import Box, load, nearest
from migrate_safe.sql.query_files import split_queries

LATER_SOURCES = ("sqlalchemy",)
"""Kinds of sources that the format reserves and this version cannot read."""
SOURCES = ("sql", "recording", "pg_stat_statements")
"""Kinds of sources: files of SQL, and what `migrate-safe capture` has written, of a command or of the server's view."""

EXAMPLE = "app: shop\n        version: v41\n        queries:\n          - SELECT id, email FROM users WHERE id = %s"


def read_release(path: Path) -> AppRelease:
    """Read a release file: `app`, `version`, `queries`, `sources` and, where needed, `search_path`.

    Raises UsageError with file and line for whatever cannot be understood; a release without a query is one.
    """
    text = _text(path)
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
    if kind in LATER_SOURCES:
        raise source.error(
            f'is of the kind "{kind}", which is not supported yet',
            "list its queries, or put them in a file: `- sql: FILE`",
        )
    if kind not in SOURCES:
        raise source.error(f'is of the unknown kind "{kind}"', nearest(kind, (*SOURCES, *LATER_SOURCES)))
    pattern = source.fields((kind,))[kind]
    for file in _matching(pattern, release):
        if kind != "sql":
            yield from read_recording(_text(file), str(file))
            continue
        for query in split_queries(_text(file)):
            yield AppQuery(query.sql, f"{file}:{query.line}")


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
