"""Build a schema on a scratch database from SQL files and dumps, statement by statement."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from migrate_safe.adapters.beyond import beyond_database
from migrate_safe.adapters.postgres import connect
from migrate_safe.model.errors import TryLater, UsageError
from migrate_safe.model.statement import (
    AlterTable,
    Direction,
    Dml,
    DmlKind,
    Other,
    OtherTableAction,
    PsqlCommand,
    Script,
    SetVariable,
    Statement,
)

_WHO_MAY = frozenset("GrantStmt AlterOwnerStmt AlterDefaultPrivilegesStmt ReassignOwnedStmt SecLabelStmt".split())
"""Statements about roles, which a scratch server does not have; queries are judged as a superuser's."""

_NO_EXTENSION = ("0A000", "58P01")
"""CREATE EXTENSION of what the server has no files for, by newer and older servers."""

_NOT_HERE = "not run: the "

_MISSING = "42704"
"""Undefined object: a role, or a setting of a newer server."""


def load(dsn: str, script: Script, notes: list[str]) -> None:
    """Run the way forward of a file and add to `notes` what was left out and is worth knowing, as `file:line: reason`.

    Each statement commits by itself unless the file says BEGIN. Owners, grants, data blocks, extensions that the server
    does not have and what would reach beyond the database are left out. Raises UsageError with file, line and the
    server's message.
    """
    left_out: dict[str, list[str]] = {}
    with connect(dsn, application_name="migrate-safe scratch", prepare_threshold=None) as connection:
        for statement in script.statements:
            if statement.direction is Direction.DOWN or _says_who_may(statement):
                continue
            reason = (
                beyond_database(statement) or _left_out(statement) or _run(connection, statement, [*notes, *left_out])
            )
            if reason:
                left_out.setdefault(reason, []).append(f"{statement.span.file}:{statement.span.line}")
    for reason, (first, *more) in left_out.items():
        again = f" (as in {len(more)} more {'place' if len(more) == 1 else 'places'})" if more else ""
        notes.append(f"{first}: {reason}{again}")


def adopt_search_path(dsn: str, source: str) -> None:
    """Let sessions of a scratch database look for names where sessions of another database do.

    That comes from settings of the database or of the role, which a dump does not bring.
    """
    with connect(source) as other, connect(dsn) as connection:
        path = other.execute("SHOW search_path").fetchone()
        if path != connection.execute("SHOW search_path").fetchone():
            connection.execute("SELECT set_config('search_path', %s, false)", path)
            name = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL("ALTER DATABASE {} SET search_path FROM CURRENT").format(name))


def _says_who_may(statement: Statement) -> bool:
    match statement.action:
        case Other(kind=kind):
            return kind in _WHO_MAY
        case SetVariable(variable="role" | "session_authorization"):
            return True
        case AlterTable(actions=actions):
            return all(isinstance(a, OtherTableAction) and a.kind == "ChangeOwner" for a in actions)
        case PsqlCommand(command=command):
            return command in ("restrict", "unrestrict", "echo", "set", "timing", "pset")
        case _:
            return False


def _left_out(statement: Statement) -> str:
    match statement.action:
        case PsqlCommand(command=command):
            return f"not run: the psql command \\{command}"
        case Dml(kind=DmlKind.COPY_FROM | DmlKind.COPY_TO):
            return "not run: COPY"
        case _:
            return ""


def _run(connection: psycopg.Connection[tuple[Any, ...]], statement: Statement, notes: list[str]) -> str:
    """Run a statement; give why it is left out where the server refuses it for what does not matter here."""
    place = f"{statement.span.file}:{statement.span.line}"
    try:
        connection.execute(statement.text.encode())
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise TryLater(f"the scratch server went away: {error}", place=place, next_move="run this again") from None
        words = error.diag.message_primary or str(error)
        if error.sqlstate == _MISSING and isinstance(statement.action, SetVariable):
            return ""
        if error.sqlstate in _NO_EXTENSION and isinstance(statement.action, Other) and "extension" in words:
            return f"{_NOT_HERE}{words.partition(': ')[0]}"
        if error.sqlstate == _MISSING and words.startswith("role "):
            return f"not run: {words}"
        raise _refused(error, words, place, notes) from None
    return ""


def _refused(error: psycopg.Error, words: str, place: str, notes: list[str]) -> UsageError:
    detail = f" ({error.diag.message_detail})" if error.diag.message_detail else ""
    missing = [note.partition(_NOT_HERE)[2] for note in notes if _NOT_HERE in note]
    if "migrate_safe" in words:
        move = "a plan is under way in that database: take it back, or give the schema before it: --schema FILE"
    elif missing:
        move = f"perhaps because {'; '.join(missing)}: use a server that has it, with --postgres DSN"
    else:
        move = "correct it, or give the state before the migration with --schema FILE|DIR|DSN"
    return UsageError(f"the scratch server refuses this: {words}{detail}", place=place, next_move=move)
