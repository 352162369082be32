"""What a command sent, as one script: its transactions one after the other, in the order in which they ended."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from typing import Any

import psycopg
from msgspec import Struct
from psycopg.pq import ExecStatus

from migrate_safe.adapters.said import Said, said_by
from migrate_safe.adapters.wire import Parameter, Sent
from migrate_safe.catalog.timeline import ENDS
from migrate_safe.effects.effect import effect_of
from migrate_safe.model.effect import TransactionRule
from migrate_safe.model.errors import UsageError
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Direction, Dml, DmlKind, Script, Statement, TransactionVerb, Wrapping
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script, parse_statements

_FINE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY)
_SHOWN = 80
"""Characters of a statement that a note shows."""
FIRST_OF_USERS = 16384
"""The oid from which on objects are not the server's own."""
_LONGEST = 200
"""Bytes of a parameter that are shown."""


class Captured(Struct, frozen=True):
    """The script, and for each of its statements the message that carried it, None in a file.

    `notes` tell what was sent and is not in the script.
    """

    script: Script
    messages: tuple[Sent | None, ...]
    notes: tuple[str, ...] = ()


def captured(log: Sequence[Sent], name: str, database: str = "") -> Captured:
    """Write down as a script what was sent to a database (empty: to any); `name` stands for its file in findings.

    Several statements in one message, or in a pipeline up to its Sync, are one transaction, as the server takes them:
    BEGIN and COMMIT are put around.
    What failed for the command by circumstances (a timeout, a deadlock) did nothing, and is left out.
    """
    text, places, notes = "", list[tuple[int, Sent]](), _elsewhere(log, database)
    for said in chain.from_iterable(transactions(log, database)):
        places.append((len(text), said.sent))
        if said.did_nothing or _runs_into_the_next(said.sent):
            text += f"-- not run again: {said.fate}\n" if said.did_nothing else commented(said.sent.text)
            notes.append(f"not run again: {short(said.sent.text)} ({said.fate})")
        else:
            text += _as_sql(said.sent)
    script = parse_script(Source(name, text), wrapping=Wrapping.STATEMENT)
    statements = tuple(replace(s, direction=Direction.UP) for s in script.statements)
    messages = tuple(_at(places, s.span.start) for s in statements)
    return Captured(replace(script, statements=statements, markers=()), messages, tuple(notes))


def transactions(log: Sequence[Sent], database: str = "") -> Iterator[list[Said]]:
    """Give the statements that were sent to a database (empty: to any), transaction by transaction."""
    for transaction in _one_after_the_other([s for s in log if database in ("", s.startup.database)]):
        yield list(_written(transaction))


def _runs_into_the_next(sent: Sent) -> bool:
    """Say whether a text that the server refused would swallow what is written behind it: it leaves something open."""
    if sent.error is None:
        return False
    try:
        return len(parse_statements(f"{sent.text}\n;\nSELECT 1;")) != len(parse_statements(sent.text)) + 1
    except UsageError:
        return True


def commented(text: str) -> str:
    """Write a text as comments."""
    return "".join(f"-- {line}\n" for line in text.splitlines())


def run_again(connection: psycopg.Connection[Any], statement: Statement, sent: Sent | None) -> None:
    """Send a statement as it was sent: with its parameters, with the data of its COPY.

    Raises psycopg.Error where the server refuses it.
    """
    text = statement.text.encode(sent.encoding if sent is not None else "utf-8", "replace")
    kind = statement.action.kind if isinstance(statement.action, Dml) else None
    if sent is not None and sent.copied:
        with connection.cursor().copy(text) as copy:
            copy.write(bytes(sent.copied[0]))
    elif kind is DmlKind.COPY_TO and "stdout" in statement.text.lower():
        with connection.cursor().copy(text) as copy:
            deque(copy, maxlen=0)
    elif sent is not None and sent.extended and sent.parameters:
        _with_parameters(connection, text, sent.parameters)
    else:
        connection.execute(text)


def shown(parameter: Parameter) -> str:
    """Write a parameter for people."""
    if parameter.value is None:
        return "NULL"
    if len(parameter.value) > _LONGEST:
        return f"{shown(replace(parameter, value=parameter.value[:_LONGEST]))}... ({len(parameter.value)} bytes)"
    if parameter.binary:
        return f"0x{parameter.value.hex()}"
    return repr(parameter.value.decode(parameter.encoding, "replace"))


def _elsewhere(log: Sequence[Sent], database: str) -> list[str]:
    """Say what was sent to other databases: on the copy of this one it would be another statement."""
    others: defaultdict[str, list[str]] = defaultdict(list)
    for sent in log:
        if database not in ("", sent.startup.database) and sent.text.strip():
            others[sent.startup.database].append(short(sent.text))
    return [f'not run again, for it was sent to the database "{name}": {"; ".join(t)}' for name, t in others.items()]


def short(text: str) -> str:
    """Write a statement on one line, for notes."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."


def _one_after_the_other(log: Sequence[Sent]) -> list[list[Sent]]:
    """Give the messages transaction by transaction; those of sessions that ran at once do not mingle."""
    open_ones: defaultdict[int, list[Sent]] = defaultdict(list)
    done: list[list[Sent]] = []
    for sent in log:
        open_ones[sent.session].append(sent)
        if sent.idle:
            done.append(open_ones.pop(sent.session))
    return sorted([*done, *open_ones.values()], key=lambda t: t[-1].ended or t[-1].began)


def _written(transaction: Sequence[Sent]) -> Iterator[Said]:
    """Give the statements of a transaction, with BEGIN and COMMIT around those that one round made one."""
    is_open = False
    for _, round_ in groupby(transaction, attrgetter("round")):
        messages = tuple(round_)
        statements = [said for sent in messages for said in said_by(sent)]
        ours = False
        for said in statements:
            if said.skipped:
                yield said
                continue
            alone = len(statements) == 1 or is_open or _commits_itself(said)
            if not alone and said.verb not in (*ENDS, TransactionVerb.BEGIN):
                yield Said(_ours(said.sent, "BEGIN"))
                is_open = ours = True
            if ours and said.verb is TransactionVerb.BEGIN:
                ours = False  # it goes on with the transaction that the round has opened
                continue
            yield said
            is_open = said.verb is TransactionVerb.BEGIN or (is_open and (said.chain or said.verb not in ENDS))
            ours = ours and is_open
        if ours:
            yield Said(_ours(messages[-1], "ROLLBACK" if messages[-1].error else "COMMIT"))
            is_open = False


def _commits_itself(said: Said) -> bool:
    """Say whether a statement of a pipeline did what no transaction allows: the server commits it at once.

    Only the first of a pipeline may; to one of those that share a message it is refused.
    """
    if not said.sent.extended or said.sent.error is not None:
        return False
    return any(
        effect_of(statement, Schema()).transaction is TransactionRule.FORBIDDEN
        for statement in parse_statements(said.sent.text)
    )


def _ours(sent: Sent, text: str = "") -> Sent:
    """Make a message of the same session that it has not sent."""
    return Sent(sent.session, text, extended=False, began=sent.began, startup=sent.startup)


def _as_sql(sent: Sent) -> str:
    remarks = [f"-- ${n} = {' '.join(shown(p).splitlines())}\n" for n, p in enumerate(sent.parameters, start=1)]
    return "".join([*remarks, sent.text, ";\n", _data(sent)])


def _data(sent: Sent) -> str:
    r"""Write the data of COPY, ended by `\.`; data that cannot stand in a script is named only."""
    if not sent.copied:
        return ""
    data = copy_data(sent)
    return f"{data}\\.\n" if data is not None else f"-- {len(sent.copied[0])} bytes of data are left out here\n\\.\n"


def copy_data(sent: Sent) -> str | None:
    """Give the data of the one COPY as lines of a script, None where it cannot stand in one: it is binary."""
    data = bytes(sent.copied[0])
    lines = data.decode(sent.encoding, "replace").removesuffix("\n").removesuffix("\\.")
    lines = f"{lines}\n" if lines and not lines.endswith("\n") else lines
    return None if "\0" in lines or "\n\\.\n" in f"\n{lines}" else lines


def _at(places: Sequence[tuple[int, Sent]], offset: int) -> Sent | None:
    number = bisect_right(places, offset, key=itemgetter(0))
    return places[number - 1][1] if number else None


def _with_parameters(connection: psycopg.Connection[Any], text: bytes, parameters: Sequence[Parameter]) -> None:
    types = [p.type if p.type < FIRST_OF_USERS else 0 for p in parameters]  # those of users have other oids here
    run = partial(connection.pgconn.exec_params, text)
    result = run([p.value for p in parameters], types, [int(p.binary) for p in parameters])
    if result.status not in _FINE:
        raise psycopg.errors.error_from_result(result)
