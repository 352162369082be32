"""Statements that a scratch database does not contain: what they do stays on its server, or reaches others."""

from __future__ import annotations

from migrate_safe.model.statement import DoBlock, Other, Statement

_CLUSTER_WIDE = frozenset(
    """
    CreatedbStmt AlterDatabaseStmt AlterDatabaseSetStmt DropdbStmt AlterSystemStmt CreateTableSpaceStmt
    DropTableSpaceStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt DropRoleStmt GrantRoleStmt
    CreateSubscriptionStmt AlterSubscriptionStmt DropSubscriptionStmt
    """.split()
)


def beyond_database(statement: Statement) -> str:
    """Say why a statement, or one in its DO block, is not for a server that others use; nothing where it is."""
    match statement.action:
        case Other(kind=kind) if kind in _CLUSTER_WIDE:
            return "not run: it reaches beyond the database"
        case DoBlock(inner=inner):
            return next(filter(None, map(beyond_database, inner)), "")
        case _:
            return ""
