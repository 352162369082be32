"""What SQLAlchemy sends for each mapped class or table; a program of its own, run where the app can be imported.

It prints JSON: a list of `[sql, file, line]`. It needs SQLAlchemy, and nothing of this package.
"""

import importlib
import inspect
import json
import sys
from collections.abc import Iterator
from typing import Any


def main(target: str) -> None:
    """Print the statements of `module:attribute`: a declarative base, a registry or a MetaData."""
    module, _, path = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    queries: dict[str, tuple[str, int]] = {}
    for thing, place in _things(found):
        for sql in _statements(thing):
            queries.setdefault(sql, place)
    json.dump([(sql, *place) for sql, place in queries.items()], sys.stdout)


def _things(found: Any) -> Iterator[tuple[Any, tuple[str, int]]]:
    """Give mapped classes, and tables that no class is mapped to, each with the place of its definition."""
    registry = getattr(found, "registry", found)
    mappers = sorted(getattr(registry, "mappers", ()), key=lambda mapper: str(mapper.class_.__name__))
    for mapper in mappers:
        yield mapper.class_, _place(mapper.class_)
    mapped = {table for mapper in mappers for table in mapper.tables}
    metadata = getattr(found, "metadata", found)
    for table in metadata.sorted_tables:
        if table not in mapped:
            yield table, ("", 0)


def _place(cls: type) -> tuple[str, int]:
    try:
        return inspect.getsourcefile(cls) or "", inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return "", 0


def _statements(thing: Any) -> Iterator[str]:
    """Write what a session sends: the whole row read and written, one row updated and deleted by its key."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql

    dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    mapper = None if isinstance(thing, sa.Table) else sa.inspect(thing)
    yield str(sa.select(thing).compile(dialect=dialect))
    for table in (thing,) if mapper is None else mapper.tables:
        key = [column == sa.bindparam(f"key_{column.key}") for column in table.primary_key]
        sent = [c for c in table.columns if c.server_default is None and not c.computed and not _numbered(c)]
        made = [c for c in table.columns if c not in sent]
        insert = sa.insert(table).values({c.key: sa.bindparam(f"new_{c.key}") for c in sent})
        yield str((insert.returning(*made) if made else insert).compile(dialect=dialect))
        changed = [c for c in sent if not c.primary_key]
        if key and changed:
            values: dict[Any, Any] = {c.key: sa.bindparam(f"new_{c.key}") for c in changed}
            yield str(sa.update(table).where(*key).values(values).compile(dialect=dialect))
        if key:
            yield str(sa.delete(table).where(*key).compile(dialect=dialect))


def _numbered(column: Any) -> bool:
    return column.identity is not None or column is column.table.autoincrement_column


if __name__ == "__main__":
    main(sys.argv[1])
