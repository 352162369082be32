"""What a session has by name: statements that it prepared, and cursors that it declared."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.shapes import columns_given
from migrate_safe.effects.combine import Scene
from migrate_safe.model.effect import Cursor, Prepared, SessionNames
from migrate_safe.model.said import SessionName
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import Action, CreateTable, Dml, DmlKind, Other, Statement, TransactionVerb
from migrate_safe.model.values import replace

_ENDING = ("DeallocateStmt", "ClosePortalStmt")


def named_statement(scene: Scene, statement: Statement) -> Statement:
    """Give the statement that EXECUTE runs, or that a cursor reads; any other one, and an unknown one, as it is."""
    action, names = statement.action, scene.session.names
    if isinstance(action, CreateTable):
        made = _made_by(action, names)
        return statement if made == action else replace(statement, action=made)
    if not isinstance(action, Other) or not isinstance(action.says, SessionName):
        return statement
    name = action.says.name or ""
    if action.kind == "ExecuteStmt" and name in names.prepared:
        return names.prepared[name].statement
    if action.kind == "FetchStmt" and name in names.cursors:
        return names.cursors[name].query or statement
    return statement


def _made_by(action: CreateTable, names: SessionNames) -> CreateTable:
    """Give CREATE TABLE AS EXECUTE with the query of the prepared statement, where that is known."""
    prepared = names.prepared.get(action.executes) if action.executes is not None else None
    query = prepared.statement.action if prepared is not None else None
    if not isinstance(query, Dml) or query.kind is not DmlKind.SELECT:
        return action
    shape = replace(query.shape, names=action.named) if query.shape is not None else None
    made = replace(action, shape=shape, reads=query.reads, draws=query.draws)
    return replace(made, texts=query.texts, scopes=query.scopes)


def refused_name(scene: Scene, action: Action) -> str | None:
    """Say why the server refuses a name that is taken already, or that nothing has, or None.

    That nothing has it is certain only where all is known that the session did, and with a complete catalog.
    """
    says, names = _said(action), scene.session.names
    if says is None or not isinstance(action, Other | CreateTable):
        return None
    if isinstance(action, CreateTable):
        action = Other("ExecuteStmt", says=says)
    if says.name is None and action.kind in _ENDING:
        return None
    taken = (says.name or "") in (names.cursors if says.kind == "cursor" else names.prepared)
    if action.kind == "DeclareCursorStmt" and not says.hold and not scene.in_transaction:
        return "a cursor without HOLD needs a transaction, and none is open"
    if action.kind in ("PrepareStmt", "DeclareCursorStmt"):
        return f"{says.kind} {says.name!r} already exists" if taken else None
    if not taken and names.whole and scene.schema.complete:
        return f"{says.kind} {says.name!r} does not exist"
    if action.kind == "ExecuteStmt" and taken and _changed(scene.schema, names.prepared[says.name or ""]):
        return (
            f"the columns that prepared statement {says.name!r} gives are others now: the server keeps to the old ones"
        )
    return None


def _said(action: Action) -> SessionName | None:
    if isinstance(action, CreateTable) and action.executes is not None:
        return SessionName("prepared statement", action.executes)
    return action.says if isinstance(action, Other) and isinstance(action.says, SessionName) else None


def names_after(names: SessionNames, statement: Statement, schema: Schema, *, in_transaction: bool) -> SessionNames:
    """Give what a session has by name after a statement that worked."""
    action = statement.action
    if not isinstance(action, Other):
        return names
    if action.kind == "DiscardStmt" and action.detail == "all":
        return SessionNames()
    if not isinstance(action.says, SessionName):
        return names
    name = action.says.name
    match action.kind:
        case "PrepareStmt" if name is not None and action.inner:
            made = Prepared(action.inner[0], _columns(schema, action.inner[0]))
            return replace(names, prepared={**names.prepared, name: made})
        case "DeclareCursorStmt" if name is not None and action.inner:
            query = action.inner[0] if in_transaction else None
            return replace(names, cursors={**names.cursors, name: Cursor(query, action.says.hold)})
        case "DeallocateStmt":
            kept = {k: v for k, v in names.prepared.items() if name is not None and k != name}
            return replace(names, prepared=kept, whole=names.whole and name is not None)
        case "ClosePortalStmt":
            return replace(names, cursors={k: v for k, v in names.cursors.items() if name is not None and k != name})
        case _:
            return names


def names_kept(before: SessionNames, saved: SessionNames, verb: TransactionVerb) -> SessionNames:
    """Give what is left after a transaction control statement; `saved` is what was there at the point it goes back to.

    What was prepared stays. COMMIT reads cursors WITH HOLD to their end and closes the others; what goes back closes
    those that were declared meanwhile, and opens none again.
    """
    if not before.cursors:
        return before
    match verb:
        case TransactionVerb.COMMIT | TransactionVerb.PREPARE:
            return replace(before, cursors={k: Cursor(None, True) for k, c in before.cursors.items() if c.hold})
        case TransactionVerb.ROLLBACK | TransactionVerb.ROLLBACK_TO:
            return replace(before, cursors={k: c for k, c in before.cursors.items() if k in saved.cursors})
        case _:
            return before


def _columns(schema: Schema, statement: Statement) -> tuple[tuple[str, str], ...] | None:
    """Give names and types of what a query gives; None where they are not all known."""
    if not isinstance(statement.action, Dml) or statement.action.kind is not DmlKind.SELECT:
        return None
    try:
        found = columns_given(schema, statement.action.shape)
    except CannotApply:
        return None
    if found is None or any(c.type is None for c in found):
        return None
    return tuple((c.name, str(c.type)) for c in found)


def _changed(schema: Schema, prepared: Prepared) -> bool:
    if prepared.columns is None:
        return False
    now = _columns(schema, prepared.statement)
    return now is not None and now != prepared.columns
