"""VACUUM, ANALYZE, CLUSTER, statistics objects, tablespaces, extensions."""

from __future__ import annotations

from typing import Any

from migrate_safe.model.said import (
    Cluster,
    Extension,
    MoveAll,
    NewStatistics,
    SetConstraints,
    StatisticsTarget,
    Tended,
    Vacuum,
)
from migrate_safe.sql.expressions import expr_of
from migrate_safe.sql.names import dotted, name_of, option_is_on, option_text, options, strings
from migrate_safe.sql.rights import object_word
from migrate_safe.sql.targets import roles_of
from migrate_safe.sql.tree import inner, kind_of

_EXTENSION_VERBS = {"CreateExtensionStmt": "create", "AlterExtensionStmt": "update", "AlterObjectSchemaStmt": "move"}


def vacuum(node: Any) -> Vacuum:
    """Read a VacuumStmt, which ANALYZE is too."""
    given = options(node.options)
    return Vacuum(
        tables=tuple(_tended(inner(item)) for item in node.rels),
        vacuum=node.is_vacuumcmd,
        full=node.is_vacuumcmd and option_is_on(given, "full"),
        analyze=not node.is_vacuumcmd or option_is_on(given, "analyze"),
        bare=option_is_on(given, "only_database_stats"),
        main="process_main" not in given or option_is_on(given, "process_main"),
    )


def _tended(node: Any) -> Tended:
    return Tended(name_of(node.relation), strings(node.va_cols), not node.relation.inh)


def cluster(node: Any) -> Cluster:
    """Read a ClusterStmt."""
    return Cluster(name_of(node.relation) if node.HasField("relation") else None, node.indexname or None)


def new_statistics(node: Any) -> NewStatistics:
    """Read a CreateStatsStmt."""
    elements = [inner(item) for item in node.exprs]
    tables = [inner(item) for item in node.relations]
    return NewStatistics(
        name=dotted(node.defnames) if node.defnames else None,
        tables=tuple(name_of(t) for t in tables if kind_of(t) == "RangeVar"),
        columns=tuple(e.name for e in elements if e.name),
        expressions=tuple(expr_of(e.expr) for e in elements if not e.name),
        kinds=strings(node.stat_types),
        if_not_exists=node.if_not_exists,
        parts=tuple(e.name or "expr" for e in elements) if not node.defnames else (),
    )


def statistics_target(node: Any) -> StatisticsTarget:
    """Read an AlterStatsStmt; the grammar gives no number, or -1, for DEFAULT."""
    number = inner(node.stxstattarget).ival if node.HasField("stxstattarget") else -1
    return StatisticsTarget(dotted(node.defnames), number if number >= 0 else None, node.missing_ok)


def move_all(node: Any) -> MoveAll:
    """Read an AlterTableMoveAllStmt."""
    return MoveAll(object_word(node.objtype), node.orig_tablespacename, node.new_tablespacename, roles_of(node.roles))


def extension(node: Any) -> Extension:
    """Read a CreateExtensionStmt, AlterExtensionStmt or AlterExtensionContentsStmt."""
    if kind_of(node) == "AlterExtensionContentsStmt":
        return Extension("add" if node.action > 0 else "drop", node.extname)
    given = options(node.options)
    return Extension(
        verb=_EXTENSION_VERBS[kind_of(node)],
        name=node.extname,
        schema=option_text(given["schema"]) if "schema" in given else None,
        if_not_exists=kind_of(node) == "CreateExtensionStmt" and node.if_not_exists,
        cascade=option_is_on(given, "cascade"),
    )


def set_constraints(node: Any) -> SetConstraints:
    """Read a ConstraintsSetStmt."""
    return SetConstraints(tuple(name_of(inner(item)) for item in node.constraints), node.deferred)
