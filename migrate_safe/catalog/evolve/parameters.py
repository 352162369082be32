"""The storage parameters that the server knows of tables, columns and indexes; others it refuses to set.

https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-STORAGE-PARAMETERS
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from migrate_safe.catalog.change import CannotApply
from migrate_safe.model.schema import Schema

COLUMN = "column"
_OF_TABLES = frozenset(
    """
    autovacuum_analyze_scale_factor autovacuum_analyze_threshold autovacuum_enabled autovacuum_freeze_max_age
    autovacuum_freeze_min_age autovacuum_freeze_table_age autovacuum_multixact_freeze_max_age
    autovacuum_multixact_freeze_min_age autovacuum_multixact_freeze_table_age autovacuum_vacuum_cost_delay
    autovacuum_vacuum_cost_limit autovacuum_vacuum_insert_scale_factor autovacuum_vacuum_insert_threshold
    autovacuum_vacuum_scale_factor autovacuum_vacuum_threshold fillfactor log_autovacuum_min_duration
    parallel_workers toast_tuple_target user_catalog_table vacuum_index_cleanup vacuum_truncate
    """.split()
)
_SINCE = MappingProxyType({"autovacuum_vacuum_max_threshold": 18, "vacuum_max_eager_freeze_failure_rate": 18})
_OF_OTHERS = MappingProxyType(
    {
        "column": frozenset({"n_distinct", "n_distinct_inherited"}),
        "btree": frozenset({"fillfactor", "deduplicate_items"}),
        "hash": frozenset({"fillfactor"}),
        "gist": frozenset({"fillfactor", "buffering"}),
        "spgist": frozenset({"fillfactor"}),
        "gin": frozenset({"fastupdate", "gin_pending_list_limit"}),
        "brin": frozenset({"autosummarize", "pages_per_range"}),
    }
)


def refuse_table_parameters(schema: Schema, method: str | None, given: Iterable[tuple[str, str]]) -> None:
    """Refuse parameters that no table has; access methods and hooks of extensions may know others, these with a dot."""
    if method not in (None, "heap"):
        return
    for name, value in given:
        bare = name.removeprefix("toast.")
        if name == "oids" and value != "false":
            raise CannotApply("tables declared WITH OIDS are not supported")
        known = bare in _OF_TABLES or name == "oids" or schema.server_version >= _SINCE.get(bare, 1000)
        if not known and "." not in bare:
            raise CannotApply(f"unrecognized parameter {name!r}")


def refuse_parameters(kind: str, given: Iterable[tuple[str, str]]) -> None:
    """Refuse parameters that no column, or no index of that method, has; those of other methods are not known."""
    known = _OF_OTHERS.get(kind)
    wrong = [name for name, _ in given if known is not None and name not in known]
    if wrong:
        raise CannotApply(f"unrecognized parameter {wrong[0]!r}")
