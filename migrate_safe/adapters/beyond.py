"""Statements that a scratch database does not contain: what they do stays on its server, or reaches others."""

from __future__ import annotations

from migrate_safe.catalog.evolve.routines import runs_of
from migrate_safe.model.said import Grants
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import Dml, DoBlock, Other, Statement

_CLUSTER_WIDE = frozenset(
    """
    CreatedbStmt AlterDatabaseStmt AlterDatabaseSetStmt DropdbStmt AlterSystemStmt CreateTableSpaceStmt
    DropTableSpaceStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt DropRoleStmt GrantRoleStmt
    CreateSubscriptionStmt AlterSubscriptionStmt DropSubscriptionStmt AlterTableSpaceOptionsStmt
    ReassignOwnedStmt DropOwnedStmt AlterDatabaseRefreshCollStmt
    """.split()
)


_SHARED = ("database", "role", "tablespace", "parameter acl", "subscription")
"""Kinds of objects that belong to no database, or that reach out of it."""
_REACHING = frozenset(
    """
    pg_reload_conf pg_rotate_logfile pg_terminate_backend pg_cancel_backend pg_promote pg_switch_wal
    pg_create_restore_point pg_backup_start pg_backup_stop pg_start_backup pg_stop_backup pg_drop_replication_slot
    pg_create_physical_replication_slot pg_create_logical_replication_slot pg_copy_physical_replication_slot
    pg_copy_logical_replication_slot pg_replication_slot_advance pg_logical_slot_get_changes
    pg_logical_slot_get_binary_changes pg_replication_origin_create pg_replication_origin_drop
    pg_replication_origin_advance pg_wal_replay_pause pg_wal_replay_resume pg_stat_reset_shared pg_stat_reset_slru
    pg_stat_reset_replication_slot pg_file_write pg_file_rename pg_file_unlink dblink dblink_exec dblink_connect
    """.split()
)
"""Functions that do something to the whole server, or to another one."""
_NOT_RUN = "not run: it reaches beyond the database"


def beyond_in(schema: Schema, statement: Statement) -> str:
    """Say the same of a statement and of the functions that it calls, as far as their bodies are known."""
    inner = (one for run in runs_of(schema, statement.action) for one in run.block.inner)
    return beyond_database(statement) or next(filter(None, map(beyond_database, inner)), "")


def beyond_database(statement: Statement) -> str:
    """Say why a statement, or one in its DO block, is not for a server that others use; nothing where it is."""
    match statement.action:
        case Other(kind=kind) if kind in _CLUSTER_WIDE:
            return _NOT_RUN
        case Other(kind="RenameStmt" | "AlterOwnerStmt" | "CommentStmt" | "SecLabelStmt", detail=kind):
            return _NOT_RUN if kind in _SHARED else ""
        case Other(kind="GrantStmt", says=Grants(kind=kind)):
            return _NOT_RUN if kind in _SHARED else ""
        case Dml(functions=called):
            return _NOT_RUN if any(name.name in _REACHING for name in called) else ""
        case DoBlock(inner=inner):
            return next(filter(None, map(beyond_database, inner)), "")
        case _:
            return ""
