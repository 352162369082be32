"""Transactions, settings, and what a session has by name."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import quote_ident
from migrate_safe.model.said import SessionName
from migrate_safe.model.statement import Other, SetVariable, Transaction, TransactionVerb
from migrate_safe.sql.tree import inner, kind_of

_HOLD = 0x0020
"""CURSOR_OPT_HOLD of the grammar."""
_VERBS = {
    pb.TRANS_STMT_BEGIN: TransactionVerb.BEGIN,
    pb.TRANS_STMT_START: TransactionVerb.BEGIN,
    pb.TRANS_STMT_COMMIT: TransactionVerb.COMMIT,
    pb.TRANS_STMT_ROLLBACK: TransactionVerb.ROLLBACK,
    pb.TRANS_STMT_SAVEPOINT: TransactionVerb.SAVEPOINT,
    pb.TRANS_STMT_RELEASE: TransactionVerb.RELEASE,
    pb.TRANS_STMT_ROLLBACK_TO: TransactionVerb.ROLLBACK_TO,
    pb.TRANS_STMT_PREPARE: TransactionVerb.PREPARE,
}


def transaction(node: Any) -> Transaction | Other:
    """Read a TransactionStmt; COMMIT PREPARED and ROLLBACK PREPARED stay outside the session's transaction."""
    verb = _VERBS.get(node.kind)
    if verb is None:
        words = pb.TransactionStmtKind.Name(node.kind).removeprefix("TRANS_STMT_")
        return Other("TransactionStmt", detail=words.replace("_", " ").lower())
    return Transaction(verb, node.savepoint_name or node.gid or None, bool(node.chain))


def set_variable(node: Any) -> SetVariable | Other:
    """Read a VariableSetStmt; SET ... TO DEFAULT is what RESET is."""
    match node.kind:
        case pb.VAR_SET_VALUE:
            words = (_value(inner(item)) for item in node.args)
            value = ", ".join(quote_ident(w) if node.name.lower() == "search_path" else w for w in words)
            return SetVariable(node.name.lower(), value, node.is_local)
        case pb.VAR_SET_DEFAULT | pb.VAR_RESET:
            return SetVariable(node.name.lower(), None, node.is_local)
        case pb.VAR_RESET_ALL:
            return SetVariable("all", None)
        case _:
            return Other("VariableSetStmt", detail=node.name.lower())


def prepared(node: Any) -> SessionName:
    """Read PREPARE, EXECUTE, DEALLOCATE."""
    return SessionName("prepared statement", node.name or None)


def cursor(node: Any) -> SessionName:
    """Read DECLARE, FETCH, MOVE, CLOSE."""
    hold = kind_of(node) == "DeclareCursorStmt" and bool(node.options & _HOLD)
    return SessionName("cursor", node.portalname or None, hold)


def _value(message: Any) -> str:
    """Write a value as given, without quotes: a number, a word, a string, INTERVAL '1 hour'."""
    match kind_of(message):
        case "TypeCast":
            return _value(inner(message.arg))
        case "A_Const" if message.HasField("ival"):
            return str(message.ival.ival)
        case "A_Const" if message.HasField("fval"):
            return str(message.fval.fval)
        case "A_Const" if message.HasField("boolval"):
            return "true" if message.boolval.boolval else "false"
        case "A_Const" if message.HasField("sval"):
            return str(message.sval.sval)
        case _:
            return ""
