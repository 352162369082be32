"""Functions that a data statement comes to call: those that it names, and those of tables and views behind it."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.evolve.routines import runs_of
from migrate_safe.effects.combine import Scene, family
from migrate_safe.effects.dml import bases, writes
from migrate_safe.model.expr import Expr
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Table
from migrate_safe.model.statement import Dml, DmlKind
from migrate_safe.sql.touched import functions_of

_NEW_VALUES = (DmlKind.INSERT, DmlKind.COPY_FROM, DmlKind.UPDATE, DmlKind.MERGE)


def functions_called(scene: Scene, action: Dml) -> list[Name]:
    """Give the known functions, but for those of a query whose bodies are taken for parts of it."""
    if not scene.schema.functions:
        return []
    followed = {run.called for run in runs_of(scene.schema, action)}
    called = {*(action.functions - followed), *_by_views(scene, action), *_by_tables(scene, action)}
    path = scene.schema.search_path
    places = [n for f in sorted(called, key=str) for n in ([f] if f.schema else [Name(s, f.name) for s in path])]
    return [n for n in dict.fromkeys(places) if n in scene.schema.functions]


def _by_views(scene: Scene, action: Dml) -> Iterator[Name]:
    """Yield what views call that a statement reads or writes through, and those below them."""
    targets = (target for _, target in writes(action))
    seen: set[Name] = set()
    queue = [scene.schema.resolve(n) for n in (*action.reads, *targets)]
    while queue:
        name = queue.pop()
        view = scene.schema.views.get(name)
        if name not in seen and view is not None and not view.materialized:
            yield from functions_of(view.definition)
            queue.extend(view.relations)
        seen.add(name)


def _by_tables(scene: Scene, action: Dml) -> Iterator[Name]:
    """Yield what CHECK, defaults, generated columns and indexes call for rows that get new values."""
    for kind, target in writes(action):
        for base in bases(scene, target) if kind in _NEW_VALUES else ():
            for table in family(scene.schema, scene.table(base)):
                for expression in _computed(table, inserts=kind is not DmlKind.UPDATE):
                    yield from expression.functions


def _computed(table: Table, *, inserts: bool) -> Iterator[Expr]:
    defaults = (c.default for c in table.columns if inserts or c.generated is not None)
    checks = (c.expression for c in table.constraints if c.enforced)
    keys = (e for i in table.indexes for e in (i.predicate, *(k.expression for k in i.keys)))
    yield from (e for found in (defaults, checks, keys) for e in found if e is not None)
