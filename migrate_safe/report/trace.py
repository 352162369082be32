"""A trace in words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from migrate_safe.model.effect import Effect, TransactionRule
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.statement import Dml, DmlKind
from migrate_safe.model.trace import Traced, TraceReport
from migrate_safe.report.excerpt import printable
from migrate_safe.report.lint_json import lint_data
from migrate_safe.report.lint_text import lint_text

FORMAT = "migrate-safe/trace/1"
ROWS = "writes of the same rows"
_OF_ROWS = (DmlKind.UPDATE, DmlKind.DELETE, DmlKind.MERGE)
_OF_ONE_RUN = ("  time ", "  parameters ")
"""How the lines begin that tell of one run of a statement."""
LONGEST = 160
"""Characters of a statement that are shown."""


def trace_json(report: TraceReport) -> str:
    """Write a trace for machines; the JSON Schema ships beside this file (`schemas/trace-1.json`)."""
    value = {
        "format": FORMAT,
        "subject": report.subject,
        "server": report.server,
        "provider": report.provider,
        "schema": list(report.base),
        "rows": report.rows,
        "command_exit_code": report.command_code,
        "statements": [_statement(traced) for traced in report.statements],
        "differ": len(report.differing),
        "failed": len(report.failed),
        "lint": lint_data(report.lint),
        "notes": list(report.notes),
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def trace_text(report: TraceReport, *, everything: bool = False, colour: bool = False) -> str:
    """Write a trace for people; statements that touch no relation are counted, and shown if `everything` is wanted."""
    shown = [t for t in report.statements if everything or not _says_nothing(t)]
    blocks = ["\n".join(_head(report)), *_blocks(shown)]
    hidden = len(report.statements) - len(shown)
    if hidden:
        said = "1 statement that touches" if hidden == 1 else f"{hidden} statements that touch"
        blocks.append(f"{said} no table left out (--all shows all)")
    if report.notes:
        blocks.append("\n".join(["notes:", *(f"  {printable(note)}" for note in report.notes)]))
    if report.lint.findings or report.lint.unanalysed:
        blocks.append("lint:\n\n" + lint_text(report.lint, colour=colour).rstrip())
    return "\n\n".join([*blocks, _sum(report)]) + "\n"


def trace_schema_path() -> Path:
    """Find the JSON Schema of the format."""
    return Path(__file__).parent / "schemas" / "trace-1.json"


# ---- JSON ------------------------------------------------------------------------------------


def _statement(traced: Traced) -> dict[str, object]:
    span = traced.analysed.statement.span
    seen = traced.observed
    return {
        "file": span.file,
        "line": span.line,
        "statement": traced.analysed.statement.text,
        "parameters": list(traced.parameters),
        "transaction": traced.transaction,
        "ms": round(seen.ms, 3) if seen is not None else None,
        **_effect(seen.effect if seen is not None else Effect()),
        "held": [_lock(lock) for lock in (seen.held if seen is not None else ())],
        "blocks": [*blocked(seen.effect.locks), *_rows_blocked(traced)] if seen is not None else [],
        "error": seen.effect.fails if seen is not None else None,
        "predicted": {
            **_effect(traced.analysed.effect),
            "error": traced.analysed.effect.fails,
            "depends": list(traced.analysed.effect.depends),
            "refused_by": list(traced.analysed.effect.refused_by),
            "unknown": traced.analysed.effect.unknown,
        },
        "agrees": traced.agrees,
        "differences": list(traced.differences),
        "note": traced.note,
    }


def _effect(effect: Effect) -> dict[str, object]:
    return {
        "locks": [_lock(lock) for lock in effect.locks],
        "rewrites": [str(name) for name in effect.rewrites],
        "scans": [str(name) for name in effect.scans],
        "builds": [str(name) for name in effect.builds],
        "forbidden_in_transaction": effect.transaction is TransactionRule.FORBIDDEN,
        "waits_for_old_transactions": effect.waits_for_old_transactions,
        "waits_for_snapshots": effect.waits_for_snapshots,
    }


def _lock(lock: Lock) -> dict[str, str]:
    return {"relation": str(lock.relation), "mode": lock.mode.sql}


# ---- words -----------------------------------------------------------------------------------


def blocked(locks: tuple[Lock, ...]) -> tuple[str, ...]:
    """Say what locks make wait: reads, writes, DDL. ALTER TABLE waits for any lock on its table."""
    modes = [lock.mode for lock in locks]
    found = []
    if any(mode.blocks_reads for mode in modes):
        found.append("reads")
    if any(mode.blocks_writes for mode in modes):
        found.append("writes")
    if any(mode.conflicts_with(LockMode.ACCESS_EXCLUSIVE) for mode in modes):
        found.append("DDL")
    return tuple(found)


def _rows_blocked(traced: Traced) -> tuple[str, ...]:
    """Say that writes of the same rows wait, behind statements that change or lock single rows."""
    action, seen = traced.analysed.statement.action, traced.observed
    if seen is None or seen.effect.fails or not isinstance(action, Dml):
        return ()
    return (ROWS,) if action.kind in _OF_ROWS or action.row_locked else ()


def _head(report: TraceReport) -> Iterator[str]:
    yield f"{report.subject}, on {report.server}"
    yield f"schema before it: {', '.join(report.base) or 'nothing (an empty database)'}"
    if report.rows:
        yield f"rows in each table: {report.rows:,}"
    if report.command_code:
        killed = report.command_code < 0
        how = f"was ended by signal {-report.command_code}" if killed else f"ended with exit code {report.command_code}"
        yield f"the command {how}"


def _says_nothing(traced: Traced) -> bool:
    """Say whether a statement did nothing to any relation, as predicted: steering, or reads of the catalog."""
    seen = traced.observed
    if traced.note or traced.differences or (seen is not None and seen.effect.fails):
        return False
    predicted = traced.analysed.effect
    if predicted.locks or predicted.rewrites or predicted.scans:
        return False  # it may need no more than its transaction has
    return seen is None or not (seen.effect.locks or seen.effect.rewrites or seen.effect.scans or seen.effect.builds)


def _blocks(shown: Sequence[Traced]) -> Iterator[str]:
    """Write each statement, of those in a row that are the same and do the same only the first."""
    written = [(traced, list(_block(traced))) for traced in shown]
    for _, alike in groupby(written, key=lambda one: (one[0].analysed.statement.text, _said_of(one[1]))):
        (_, lines), *more = alike
        yield "\n".join([*lines, *_repeated([traced for traced, _ in more])])


def _said_of(lines: Sequence[str]) -> tuple[str, ...]:
    """Give the lines about a statement that tell it from one of the same text elsewhere."""
    return tuple(line for line in lines[1:] if not line.startswith(_OF_ONE_RUN))


def _repeated(more: Sequence[Traced]) -> Iterator[str]:
    if not more:
        return
    times = "once" if len(more) == 1 else f"{len(more):,} times"
    other = ", with parameters of their own" if any(traced.parameters for traced in more) else ""
    ms = sum(traced.observed.ms for traced in more if traced.observed is not None)
    yield f"  repeated   {times} more in {_time(ms)}{other}"


def _block(traced: Traced) -> Iterator[str]:
    span, seen = traced.analysed.statement.span, traced.observed
    text = " ".join(traced.analysed.statement.text.split())
    yield printable(f"{span.file}:{span.line}  {text if len(text) <= LONGEST else text[: LONGEST - 3] + '...'}")
    if traced.parameters:
        yield f"  parameters {', '.join(map(printable, traced.parameters))}"
    if traced.note:
        yield f"  {traced.note}"
    if seen is None:
        return
    yield f"  time       {_time(seen.ms)}, transaction {traced.transaction}"
    if seen.effect.fails:
        yield f"  FAILS      {printable(seen.effect.fails)}"
    yield from _seen_lines(seen.effect, _held_before(traced, seen.held))
    if _rows_blocked(traced):
        yield f"  rows       stops {ROWS}"
    yield from _verdict(traced)


def _held_before(traced: Traced, held: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Keep the locks that make others wait, on tables and views that were there before the transaction."""
    before = traced.analysed.before
    known = {*before.tables, *before.views} - traced.analysed.born
    return tuple(lock for lock in held if lock.mode.blocks_writes and lock.relation in known)


def _seen_lines(effect: Effect, held: tuple[Lock, ...]) -> Iterator[str]:
    for mode in sorted({lock.mode for lock in effect.locks}, reverse=True):
        relations = [lock.relation for lock in effect.locks if lock.mode is mode]
        stops = blocked(tuple(lock for lock in effect.locks if lock.mode is mode))
        yield f"  locks      {mode.sql} on {_names(relations)}{': stops ' + ', '.join(stops) if stops else ''}"
    for mode in sorted({lock.mode for lock in held}, reverse=True):
        relations = [lock.relation for lock in held if lock.mode is mode]
        yield f"  holds      {mode.sql} on {_names(relations)} from before"
    for word, names in (("rewrites", effect.rewrites), ("scans", effect.scans), ("builds", effect.builds)):
        if names:
            yield f"  {word:<10} {'an index on ' if word == 'builds' else ''}{_names(names)}"
    if effect.transaction is TransactionRule.FORBIDDEN:
        yield "  runs       outside of transactions only"
    if effect.waits_for_old_transactions or effect.waits_for_snapshots:
        who = "every transaction that holds a snapshot" if effect.waits_for_snapshots else "those that use the table"
        yield f"  waits for  older transactions: {who}"


def _verdict(traced: Traced) -> Iterator[str]:
    effect = traced.analysed.effect
    for difference in traced.differences:
        yield f"  DIFFERS    {printable(difference)}"
    if effect.unknown is not None:
        yield f"  predicted  the worst: {printable(effect.unknown)}"
    elif effect.depends:
        yield f"  predicted  the worse, for it depends: {printable('; '.join(effect.depends))}"
    elif traced.observed is not None and traced.observed.effect.fails and effect.refused_by:
        yield f"  predicted  that it is refused for {printable('; '.join(effect.refused_by))}"
    elif traced.observed is not None and traced.observed.effect.fails and not (effect.fails or traced.differences):
        yield "  predicted  nothing of its values, for which it is refused"
    elif not traced.differences:
        yield "  predicted  the same"


def _time(ms: float) -> str:
    return f"{ms / 1000:,.1f} s" if ms >= 10_000 else f"{ms:,.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


def _names(names: Sequence[Name]) -> str:
    return ", ".join(str(Name(None, n.name) if n.schema == "public" else n) for n in names)


def _sum(report: TraceReport) -> str:
    count = len(report.statements)
    said = [f"{count} statement{'s' if count != 1 else ''}"]
    said.append(
        f"{len(report.differing)} did something else than predicted" if report.differing else "all as predicted"
    )
    if report.failed:
        said.append(f"{len(report.failed)} failed")
    found = len(report.lint.findings)
    said.append(f"{found} finding{'s' if found != 1 else ''}" if found else "no findings")
    return ", ".join(said)
