"""Trace: run a migration on a scratch server, see what each statement does, and hold it to what is predicted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from migrate_safe.adapters.capture import Door, listening
from migrate_safe.adapters.captured import Captured, captured
from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.commands import run_command
from migrate_safe.adapters.files import find_histories, is_down, write_text
from migrate_safe.adapters.fill_rows import fill
from migrate_safe.adapters.postgres import connect, parse_dsn
from migrate_safe.adapters.runnable import Values
from migrate_safe.adapters.saved import saved_script
from migrate_safe.adapters.scratch import ScratchServer, scratch_server
from migrate_safe.adapters.scratch_load import adopt_search_path
from migrate_safe.adapters.tracer import trace_script
from migrate_safe.app.lint import LintRequest, lint_analysed
from migrate_safe.app.scratch_base import Base, build_base, build_named, read_script, run_before
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Finding, Severity
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import Direction, Script
from migrate_safe.model.trace import Traced, TraceReport
from migrate_safe.model.values import replace

DIFFERS = "prediction-differs"
"""The finding of a statement that did something else than was predicted; no rule on statements can know it."""


class TraceRequest(Struct, frozen=True):
    """What to trace and on what.

    `schema` says where the state before comes from (see scratch_base), `before` are commands that build it, `rows` is
    the number of rows to put into every empty table, `postgres` which scratch server to use. `variables` are further
    environment variables for commands, as templates: `{dsn}`, `{host}`, `{port}`, `{user}`, `{password}`, `{dbname}`.
    `save` is where the captured SQL is written. `rules` chooses the rules of lint.
    """

    schema: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    rows: int = 0
    postgres: str = "auto"
    variables: tuple[tuple[str, str], ...] = ()
    save: Path | None = None
    rules: LintRequest = field(default_factory=lambda: LintRequest(()))


def trace_path(path: Path, request: TraceRequest) -> TraceReport:
    """Trace a SQL file on what the earlier files of its folder leave, or all files of a folder one after the other.

    Raises UsageError for input that cannot be understood, TryLater when the server is out of reach.
    """
    files = _files(path)
    scripts = [read_script(file) for file in files]
    with scratch_server(request.postgres, listen="loopback") as server:
        dsn = server.create_database()
        base = _build(server, dsn, request, files[0])
        notes = (*base.notes, *fill(dsn, request.rows))
        done: list[_Done] = []
        for script in scripts:
            unsent = Captured(script, (None,) * len(script.statements))
            done.append(_Done(script, trace_script(dsn, unsent, _schema(dsn), contained=server.borrowed)))
            if done[-1].refused:
                notes = (*notes, *_not_reached(scripts, done))
                break
        report = _report(str(path), server, request, done)
        return replace(report, base=base.sources, notes=notes)


def trace_command(command: tuple[str, ...], request: TraceRequest) -> TraceReport:
    """Run a command against a scratch server, capture every statement that it sends, and trace them on a copy.

    Raises UsageError when the command cannot be started or never connects, TryLater when the server is out of reach.
    """
    name = shlex.join(command)
    with scratch_server(request.postgres, listen="loopback") as server:
        dsn = server.create_database()
        base = _build(server, dsn, request, None)
        notes = (*base.notes, *fill(dsn, request.rows))
        copy = server.create_database(template=parse_dsn(dsn)["dbname"])
        adopt_search_path(copy, dsn)
        where = parse_dsn(dsn)
        with listening(str(where.get("host", "")), int(where.get("port", 5432))) as door:
            code = run_command(command, dsn, door.port, request.variables)
        found = captured(door.log, name, str(where["dbname"]))
        if not any(sent.startup.database == where["dbname"] for sent in door.log):
            told = "; ".join([f"its exit code: {code}", *door.notes, *found.notes])
            raise UsageError(
                f'"{name}" never connected to the scratch server\'s database ({told})',
                next_move="see that it takes its database from DATABASE_URL or PG*, or name its variable: "
                "--env SHOP_DSN={dsn}",
            )
        saved = _saved(door, dsn, request.save)
        traced = trace_script(copy, found, _schema(copy), contained=True)  # the command has done it on this server
        done = _Done(found.script, traced)
        report = _report(name, server, request, [done])
        return replace(report, base=base.sources, notes=(*notes, *door.notes, *found.notes, *saved), command_code=code)


# ---- below -----------------------------------------------------------------------------------


class _Done(Struct, frozen=True):
    """A script and what came of it."""

    script: Script
    traced: tuple[Traced, ...]

    @property
    def refused(self) -> bool:
        return any(t.observed is not None and t.observed.effect.fails for t in self.traced)


def _saved(door: Door, dsn: str, file: Path | None) -> tuple[str, ...]:
    """Write what a command sent to a file, and give what is to be told of it."""
    if file is None:
        return ()
    with connect(dsn) as connection:
        connection.execute("SET search_path = ''")  # types are named with their schema
        saved = saved_script(door.log, str(parse_dsn(dsn)["dbname"]), Values(connection))
    write_text(file, saved.text)
    return saved.notes


def _not_reached(scripts: Sequence[Script], done: Sequence[_Done]) -> Iterator[str]:
    """Say what did not run because a statement before it was refused."""
    ran = {t.analysed.statement.span for one in done for t in one.traced}
    left = [s.span for script in scripts for s in script.statements if s.direction is Direction.UP]
    left = [span for span in left if span not in ran]
    if left:
        count = "1 statement" if len(left) == 1 else f"{len(left)} statements"
        yield f"{left[0].file}:{left[0].line}: {count} from here on did not run, for the one before was refused"


def _files(path: Path) -> tuple[Path, ...]:
    [(_, meant)] = find_histories([path])
    return tuple(f for f in meant if not is_down(f)) or meant


def _build(server: ScratchServer, dsn: str, request: TraceRequest, file: Path | None) -> Base:
    """Build the state before: the schema, then what the commands before make of it."""
    if file is not None and not request.before:
        base = build_base(dsn, file, request.schema, server.bin)
    else:
        base = build_named(dsn, request.schema, server.bin)
    run_before(request.before, dsn, request.variables)
    return Base((*base.sources, *request.before), base.notes)


def _schema(dsn: str) -> Schema:
    with connect(dsn) as connection:
        return read_schema(connection)


def _report(subject: str, server: ScratchServer, request: TraceRequest, done: Sequence[_Done]) -> TraceReport:
    judged = [(one.script, [t.analysed for t in one.traced]) for one in done]
    lint = lint_analysed(request.rules, judged, server.version)
    wrong = tuple(_wrong(t) for one in done for t in one.traced if not t.agrees)
    return TraceReport(
        subject=subject,
        server=f"PostgreSQL {server.version}",
        provider=server.provider,
        base=(),
        rows=request.rows,
        statements=tuple(t for one in done for t in one.traced),
        lint=replace(lint, findings=(*wrong, *lint.findings)),
    )


def _wrong(traced: Traced) -> Finding:
    """Make a finding of a prediction that the server has refuted: what rests on it, lint's words too, is in doubt."""
    return Finding(
        rule=DIFFERS,
        severity=Severity.WARNING,
        span=traced.analysed.statement.span,
        message=f"The server did something else than was predicted ({'; '.join(traced.differences)}). It is right: "
        "judge this statement by what is shown here, and report it, for the prediction is wrong.",
        statement=traced.analysed.statement.text,
    )
