"""Capture: the queries of an app version, overheard while its tests run, or read from pg_stat_statements."""

from __future__ import annotations

import shlex

from msgspec import Struct

from migrate_safe.adapters.capture import listening
from migrate_safe.adapters.commands import run_command
from migrate_safe.adapters.heard import Heard, heard_at, heard_by_server
from migrate_safe.adapters.marks import marking
from migrate_safe.adapters.postgres import connect, parse_dsn
from migrate_safe.adapters.recording import FORMAT, Recording
from migrate_safe.adapters.runnable import Values
from migrate_safe.adapters.scratch import scratch_server
from migrate_safe.app.scratch_base import build_named, run_before
from migrate_safe.model.errors import UsageError


class CaptureRequest(Struct, frozen=True):
    """On what the command runs: see TraceRequest."""

    schema: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    postgres: str = "auto"
    variables: tuple[tuple[str, str], ...] = ()


class Capture(Struct, frozen=True):
    """What was recorded, the exit code of the command (0 where there was none), and what else is to be told."""

    recording: Recording
    code: int = 0
    notes: tuple[str, ...] = ()


def capture_command(command: tuple[str, ...], request: CaptureRequest) -> Capture:
    """Run a command against a scratch server and keep each distinct query that it sends, to whichever database of it.

    Raises UsageError when the command cannot be started or never connects, TryLater when the server is out of reach.
    """
    name = shlex.join(command)
    with scratch_server(request.postgres, listen="loopback") as server:
        dsn = server.create_database()
        base = build_named(dsn, request.schema, server.bin)
        run_before(request.before, dsn, request.variables)
        where = parse_dsn(dsn)
        with listening(str(where.get("host", "")), int(where.get("port", 5432))) as door, marking() as marks:
            code = run_command(command, dsn, door.port, (*request.variables, *marks.variables))
            tests = marks.read()
        if not door.log:
            raise UsageError(
                f'"{name}" never sent a statement to the scratch server (its exit code: {code})',
                next_move="see that it takes its database from DATABASE_URL or PG*, or name its variable: "
                "--env SHOP_DSN={dsn}",
            )
        with connect(dsn) as connection:
            connection.execute("SET search_path = ''")  # types are named with their schema
            heard = heard_at(door.log, tests, str(where["dbname"]), Values(connection).type_name)
    crowd = f"the tests ran in {tests.processes} processes at once: of no query the test is known"
    notes = (*base.notes, *door.notes, *((crowd,) if tests.processes > 1 else ()))
    return Capture(_recording(name, heard, normalised=False), code, notes)


def capture_statistics(dsn: str, role: str | None) -> Capture:
    """Keep the queries that pg_stat_statements of a live database shows, of one role or of all.

    Raises UsageError where it has no such view or hides them, TryLater when the server is out of reach.
    """
    with connect(dsn) as connection:
        heard = heard_by_server(connection, role)
    return Capture(_recording("pg_stat_statements", heard, normalised=True))


def _recording(of: str, heard: Heard, *, normalised: bool) -> Recording:
    return Recording(FORMAT, of, normalised, tuple(heard.queries.values()), tuple(heard.left.values()))
