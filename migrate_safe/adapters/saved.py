r"""What a command sent, as a file for psql that does the same: in its order, each session with its own settings.

psql has one connection: where several sessions took turns, each turn begins with `\connect` and the settings that the
session has by then. What cannot be carried over so, such as its temporary tables, cannot be saved.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec import Struct, field

from migrate_safe.adapters.captured import commented, copy_data, short, transactions
from migrate_safe.adapters.runnable import Unwritable, Values, as_psql
from migrate_safe.adapters.said import Said
from migrate_safe.adapters.wire import Sent, Startup
from migrate_safe.catalog.settings import setting_of
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import quote_ident, quote_literal
from migrate_safe.model.said import SessionName
from migrate_safe.model.statement import Action, Other, SetVariable, TransactionVerb, Unparsed
from migrate_safe.sql.parse import parse_statements

_UTF8 = "SET client_encoding = 'UTF8';\n"
_COME_BACK = """\
The command had several sessions, which took turns. Each turn connects anew, and sets again what the session had set;
what functions of yours set for a session, and locks that it held between transactions, are not there any more."""
_NOT_SET = ("client_encoding", "application_name")
"""Settings that a session began with, and that are others in psql."""
_LISTS = ("search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries")
"""Settings that are lists of names: in quotes they would be one."""
_TEMPORARY = re.compile(r"\b(?:create|into)\s+(?:or\s+replace\s+)?(?:(?:local|global)\s+)?temp(?:orary)?\b|\bpg_temp\b")
_OWN = ("PrepareStmt", "DeallocateStmt", "LoadStmt")
_BINARY = b"PGCOPY\n\xff\r\n\0"


class Saved(Struct, frozen=True):
    """A file for psql, and what is to be told of it."""

    text: str
    notes: tuple[str, ...] = ()


class _Kept(Struct):
    """What a session keeps between its transactions: statements that bring it about, and what none can."""

    again: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def saved_script(log: Sequence[Sent], database: str, values: Values) -> Saved:
    """Write what was sent to a database (empty: to any) for psql.

    What failed for the command did nothing, and is a comment, as is what cannot be written; notes tell of the latter.
    """
    notes, kept, bodies = list[str](), defaultdict[int, _Kept](_Kept), list[str]()
    turns = [(n, list(t)) for n, t in groupby(transactions(log, database), lambda said: said[0].sent.session)]
    for session, done in turns:
        startup, mine = done[0][0].sent.startup, kept[session]
        if mine.lost:
            return _refused(session, mine.lost[0])
        body = "".join([*_settings(startup), *mine.again])
        bodies.append(body + "".join(part for one in done for part in _written(one, startup, values, mine, notes)))
    head = "" if all(map(str.isascii, bodies)) else _UTF8
    told = commented(_COME_BACK) if len(turns) > len(kept) else ""
    return Saved(told + "\\connect\n".join(head + body for body in bodies), tuple(notes))


def _refused(session: int, thing: str) -> Saved:
    reason = f"session {session} comes back after others with what no other connection has: {thing}"
    return Saved(commented(f"Not saved: {reason}"), (f"--save: nothing is saved, for {reason}",))


def _written(
    transaction: Sequence[Said], startup: Startup, values: Values, kept: _Kept, notes: list[str]
) -> Iterator[str]:
    """Write a transaction, and note what of it the session keeps."""
    ours = _Kept()
    marks: dict[str, tuple[int, int]] = {}
    for said in transaction:
        if said.did_nothing or said.sent.error is not None:
            yield commented(f"not run: {said.fate}\n{said.sent.text}")
            if said.verb is TransactionVerb.COMMIT:
                yield "ROLLBACK;\n"
                ours = _Kept()
            continue
        action = _action(said.sent.text)
        setting = setting_of(action)
        if setting is not None and setting.variable.lower() in ("client_encoding", "names") and setting.value:
            yield commented(f"left out, for this file is in UTF-8: {said.sent.text}")
            continue
        try:
            written = as_psql(said.sent, action, values) + _data(said.sent)
        except Unwritable as reason:
            yield commented(f"left out: {reason}\n{said.sent.text}")
            notes.append(f"--save: left out: {short(said.sent.text)} ({reason})")
            continue
        written += "".join(_settings(startup, setting)) if setting is not None and _resets(setting) else ""
        yield written
        if isinstance(action, Other) and setting is not None:  # DISCARD ALL
            kept.again, kept.lost = [], []
            continue
        _keep(ours, said.sent.text, written, action)
        ours = _after_control(kept, ours, marks, said, action)
    if transaction[-1].sent.idle or transaction[-1].verb is TransactionVerb.COMMIT:
        _move(ours, kept)


def _action(text: str) -> Action:
    try:
        (statement,) = parse_statements(text)
    except (UsageError, ValueError):
        return Unparsed("")
    return statement.action


def _data(sent: Sent) -> str:
    r"""Write the data of COPY, ended by `\.`; raises Unwritable for what is no text."""
    if not sent.copied:
        return ""
    data = copy_data(sent)
    if data is None or sent.copied[0].startswith(_BINARY):
        raise Unwritable(f"its {len(sent.copied[0])} bytes of data are no lines of text")
    if re.search(r"\bencoding\b", sent.text, re.IGNORECASE) and not data.isascii():
        raise Unwritable("its data is in an encoding of its own")
    return f"{data}\\.\n"


def _settings(startup: Startup, reset: SetVariable | None = None) -> Iterator[str]:
    """Write the settings that a session began with; `reset` tells which of them, where it is not `all`."""
    for name, value in startup.settings:
        if name not in _NOT_SET and (reset is None or reset.variable.lower() in ("all", name)):
            yield f"SET {name} = {_list(value) if name in _LISTS else quote_literal(value).lstrip()};\n"
    if reset is not None and reset.variable.lower() == "all":
        yield _UTF8


def _list(value: str) -> str:
    names = re.findall(r'"(?:[^"]|"")*"|[^,\s"]+', value)
    return ", ".join(n if n.startswith('"') else quote_ident(n.lower()) for n in names) or "''"


def _resets(setting: SetVariable) -> bool:
    return setting.value is None or setting.value.lower() == "default"


def _keep(kept: _Kept, text: str, written: str, action: Action) -> None:
    """Note what a statement leaves behind in its session."""
    setting, words = setting_of(action), text.lower()
    kind = action.kind if isinstance(action, Other) else ""
    held = isinstance(action, Other) and isinstance(action.says, SessionName) and action.says.hold
    of_session = kind in _OWN or (kind == "VariableSetStmt" and "characteristics" in words)
    if of_session or (setting is not None and not setting.local):
        kept.again.append(written)
    elif held or (_TEMPORARY.search(words) and "on commit drop" not in words):
        kept.lost.append(short(text))


def _after_control(kept: _Kept, ours: _Kept, marks: dict[str, tuple[int, int]], said: Said, action: Action) -> _Kept:
    """Take the end of a transaction, and savepoints."""
    name = getattr(action, "name", None) or ""
    match said.verb:
        case TransactionVerb.COMMIT:
            _move(ours, kept)
            return _Kept()
        case TransactionVerb.ROLLBACK:
            return _Kept()
        case TransactionVerb.SAVEPOINT:
            marks[name] = len(ours.again), len(ours.lost)
        case TransactionVerb.ROLLBACK_TO:
            settings, things = marks.get(name, (0, 0))
            return _Kept(ours.again[:settings], ours.lost[:things])
        case _:
            pass
    return ours


def _move(ours: _Kept, kept: _Kept) -> None:
    kept.again += ours.again
    kept.lost += ours.lost
    ours.again, ours.lost = [], []
