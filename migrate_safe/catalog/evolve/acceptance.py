"""Whether the server takes statements that leave the catalog as it is: data, TRUNCATE, LOCK TABLE, REINDEX."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from migrate_safe.catalog.change import CannotApply, family, is_partitioned, keeps_apart
from migrate_safe.catalog.evolve.computed_columns import refuse_computed
from migrate_safe.catalog.evolve.conflicts import refuse_conflict
from migrate_safe.catalog.evolve.drawing import refuse_absent, refuse_draws
from migrate_safe.catalog.instead import acts_instead
from migrate_safe.catalog.presence import need_relation
from migrate_safe.catalog.references import refuse_unknown_columns
from migrate_safe.catalog.shapes import columns_given, relation_columns
from migrate_safe.catalog.things import need_thing
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Table
from migrate_safe.model.statement import Dml, DmlKind, LockTable, Reindex, Truncate
from migrate_safe.sql.updatable import view_query

_WRITES = (DmlKind.INSERT, DmlKind.UPDATE, DmlKind.DELETE)
_COPY_OF_MATERIALIZED = 18
"""The first major version in which COPY reads materialized views."""


def accept(schema: Schema, action: Dml | Truncate | LockTable | Reindex) -> None:
    """Raise CannotApply where the server would certainly refuse the statement."""
    match action:
        case Dml():
            _data(schema, action)
        case Truncate():
            _truncate(schema, action)
        case LockTable(tables=tables):
            for table in tables:
                _lockable(schema, table)
        case Reindex():
            _reindexable(schema, action)


# ---- data ----------------------------------------------------------------------------------


def _data(schema: Schema, action: Dml) -> None:
    for name in (*action.reads, *(t for _, t in action.also)):
        need_relation(schema, name)
    refuse_absent(schema, action.texts)
    refuse_unknown_columns(schema, action.scopes)
    columns_given(schema, action.shape)
    refuse_draws(schema, action.draws)
    refuse_computed(schema, action)
    if action.twice is not None:
        raise CannotApply(f"column {action.twice!r} is named twice")
    for name in action.row_locked:
        if _is_materialized(schema, schema.resolve(name)):
            raise CannotApply(f"cannot lock rows in materialized view {schema.resolve(name)}")
    if action.kind is DmlKind.COPY_TO and action.only and not action.also:
        full = need_relation(schema, action.only[0])
        _copied(schema, full)
        _need_columns(schema, full, action.columns)
    if action.target is None or action.kind is DmlKind.COPY_TO:
        return
    full = need_relation(schema, action.target)
    if _is_materialized(schema, full):
        raise CannotApply(f"cannot change materialized view {full}")
    if full in schema.views and action.kind is DmlKind.COPY_FROM and not acts_instead(schema.views[full], action.kind):
        raise CannotApply(f"cannot copy to view {full}")
    if full in schema.sequences:
        raise CannotApply(f"cannot change sequence {full}")
    if action.kind is DmlKind.MERGE:
        _refuse_rules(schema, full)
    if action.kind in _WRITES:
        _refuse_read_only(schema, full, action.kind, action.columns or _filled(schema, full, action))
    _need_columns(schema, full, action.columns)
    _refuse_count(schema, full, action)
    if action.conflict is not None:
        _need_columns(schema, full, (*action.conflict.columns, *action.conflict.sets))
        refuse_conflict(schema, action, full)


def _refuse_rules(schema: Schema, name: Name) -> None:
    """MERGE is for relations without rules, also such as are switched off."""
    holder = schema.tables.get(name) or schema.views.get(name)
    if holder is not None and holder.rules:
        raise CannotApply(f"cannot execute MERGE on {name}: it has rule {holder.rules[0].name!r}")


def _refuse_read_only(schema: Schema, name: Name, kind: DmlKind, columns: Collection[str]) -> None:
    """Refuse to write through a view whose rows are not those of one relation; its triggers and rules may do it.

    Those may be there unseen where the schema is not complete.
    """
    view = schema.views.get(name) if schema.complete else None
    query = view_query(view.definition) if view is not None else None
    if view is None or query is None or acts_instead(view, kind) or view.rules:
        return
    if query.read_only or view.materialized:
        raise CannotApply(f"cannot {kind} view {name}: its rows are not those of a single relation")
    computed = [c for i, c in enumerate(view.shows) if i in query.computed and c in columns]
    if computed:
        raise CannotApply(f"cannot {kind} column {computed[0]!r} of view {name}: it is computed")
    for relation in view.relations:
        _refuse_read_only(schema, schema.resolve(relation), kind, ())


def _filled(schema: Schema, name: Name, action: Dml) -> tuple[str, ...]:
    """Give the columns of a view that an INSERT without a list gives values to."""
    given, view = columns_given(schema, action.shape), schema.views.get(name)
    if action.kind is not DmlKind.INSERT or given is None or view is None:
        return ()
    return view.shows[: len(given)]


def _refuse_count(schema: Schema, name: Name, action: Dml) -> None:
    """Refuse an INSERT of more values than columns, or fewer than are listed."""
    given = columns_given(schema, action.shape)
    if given is None or action.kind is not DmlKind.INSERT:
        return
    every = relation_columns(schema, name)
    room = len(action.columns) or (len(every) if every is not None else None)
    if room is not None and len(given) > room:
        raise CannotApply(f"more values are given than {name} has columns for them")
    if len(given) < len(action.columns):
        raise CannotApply(f"fewer values are given than columns of {name} are listed")


def _need_columns(schema: Schema, name: Name, columns: Iterable[str]) -> None:
    known = relation_columns(schema, name)
    missing = [c for c in columns if known is not None and all(k.name != c for k in known)]
    if missing:
        raise CannotApply(f"column {missing[0]!r} of {name} does not exist")


def _is_materialized(schema: Schema, name: Name) -> bool:
    view = schema.views.get(name)
    return view is not None and view.materialized


def _copied(schema: Schema, name: Name) -> None:
    """Raise CannotApply for what has no rows of its own: COPY needs a query for it."""
    table = schema.tables.get(name)
    late = _is_materialized(schema, name) and schema.server_version >= _COPY_OF_MATERIALIZED
    if (table is not None and is_partitioned(table)) or (name in schema.views and not late):
        raise CannotApply(f"cannot copy from {name}: it is not a table with rows of its own")


# ---- whole tables --------------------------------------------------------------------------


def _truncate(schema: Schema, action: Truncate) -> None:
    found: list[Table] = []
    for name in action.tables:
        full = need_relation(schema, name)
        if full in schema.views or full in schema.sequences or schema.index_table(full) is not None:
            raise CannotApply(f"{full} is not a table")
        table = schema.tables.get(full)
        if table is None:
            return
        if is_partitioned(table) and name in action.only:
            raise CannotApply(f"cannot truncate only a partitioned table: {full}")
        found.extend(family(schema, table, only=name in action.only))
    names = {t.name for t in found}
    if action.cascade:
        return
    for table in found:
        for near in referencing_tables(schema, table):
            if near.name not in names:
                raise CannotApply(f"cannot truncate {table.name}: a foreign key of {near.name} references it")


def referencing_tables(schema: Schema, table: Table) -> list[Table]:
    """Give the tables whose foreign keys point at a table, or at the partitioned one above it."""
    found = [t for t, _ in schema.referencing(table.name)]
    for parent in table.parents if table.partition_bound is not None else ():
        known = schema.tables.get(parent)
        found += referencing_tables(schema, known) if known is not None else []
    return found


def _lockable(schema: Schema, name: Name) -> None:
    full = need_relation(schema, name)
    other = full in schema.sequences or schema.index_table(full) is not None or _is_materialized(schema, full)
    if other:
        raise CannotApply(f"cannot lock {full}: it is not a table or view")


def _reindexable(schema: Schema, action: Reindex) -> None:
    if action.kind == "system" and action.concurrently:
        raise CannotApply("cannot reindex system catalogs concurrently")
    if action.target is None:
        return
    if action.kind == "schema":
        need_thing(schema, "schema", action.target)
        return
    if action.kind not in ("index", "table"):
        return
    full = need_relation(schema, action.target)
    plain_view = full in schema.views and not _is_materialized(schema, full)
    is_table = full in schema.tables or _is_materialized(schema, full)
    if action.kind == "index" and (is_table or plain_view or full in schema.sequences):
        raise CannotApply(f"{full} is not an index")
    table = schema.index_table(full)
    index = table.index(full.name) if table is not None and action.concurrently else None
    if table is not None and index is not None and keeps_apart(table, index):
        raise CannotApply(f"index {full} of an exclusion constraint cannot be built concurrently")
    if action.kind == "table" and (plain_view or full in schema.sequences or schema.index_table(full) is not None):
        raise CannotApply(f"{full} is not a table or materialized view")
