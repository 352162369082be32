"""Facts and words that hang on the catalog, the session and the rest of the file, kind by kind of action."""

from __future__ import annotations

import re

from migrate_safe.catalog.evolve.views import serves_refresh
from migrate_safe.model.names import quote_literal
from migrate_safe.model.said import Dropped, OwnedBy
from migrate_safe.model.statement import (
    AlterDomain,
    AlterEnum,
    AlterSequence,
    CreateFunction,
    Dml,
    DomainVerb,
    DropConstraint,
    Other,
    RefreshView,
    Reindex,
    SetVariable,
    Transaction,
    TransactionVerb,
    Truncate,
)
from migrate_safe.model.values import replace
from migrate_safe.rulebook import of_columns, of_indexes, of_triggers
from migrate_safe.rulebook.differing import differing
from migrate_safe.rulebook.doings import Deed, Doings
from migrate_safe.rulebook.facts import Facts, Words
from migrate_safe.rulebook.of_partitions import new_partition
from migrate_safe.rulebook.overloads import rival_of
from migrate_safe.rulebook.parts import Part
from migrate_safe.rulebook.spoken import listed, plain
from migrate_safe.rulebook.taken import emptied_along, taken_along
from migrate_safe.rulebook.terms import ActionKind, Control

Told = tuple[Facts, Words]

_LIMIT = re.compile(r"\b(limit|between)\b", re.IGNORECASE)


def beside(told: Told, part: Part, doings: Doings) -> Told:
    """Add to facts and words what the catalog, the session and the rest of the file tell of the action."""
    facts, words = _timeouts(told, part)
    if part.thing:
        words = replace(words, object=part.thing)
    match part.kind:
        case ActionKind.TRANSACTION:
            return replace(facts, control=_control(part, doings)), words
        case ActionKind.SET_VARIABLE:
            return replace(facts, local=isinstance(part.action, SetVariable) and part.action.local), words
        case ActionKind.CREATE_INDEX:
            return _not_made(of_indexes.new_index((facts, words), part, doings), part)
        case ActionKind.DROP_INDEX:
            return of_indexes.dropped_index((facts, words), part, doings)
        case ActionKind.ADD_COLUMN if not part.inline:
            return _not_made((of_columns.new_column(facts, part), words), part)
        case ActionKind.CREATE_TABLE:
            return _not_made((facts, new_partition(words, part)), part)
        case ActionKind.ATTACH_PARTITION:
            return facts, new_partition(words, part)
        case ActionKind.ADD_COLUMN | ActionKind.ADD_CONSTRAINT:
            return of_columns.new_constraint(facts, part, doings), words
        case ActionKind.ALTER_TYPE | ActionKind.SET_DEFAULT:
            return of_columns.changed_column((facts, words), part, doings)
        case ActionKind.CREATE_TRIGGER:
            return of_triggers.new_trigger((facts, words), part, doings)
        case ActionKind.CREATE_RULE:
            return of_triggers.new_rule((facts, words), part, doings)
        case ActionKind.CREATE_POLICY | ActionKind.ALTER_POLICY | ActionKind.DROP_POLICY | ActionKind.ROW_SECURITY_ON:
            return of_triggers.policy((facts, words), part, doings)
        case _:
            return _rarer((facts, words), part)


def _rarer(told: Told, part: Part) -> Told:
    facts, words = told
    match part.action:
        case CreateFunction():
            rival = rival_of(part)
            return replace(facts, ambiguous=bool(rival)), replace(words, twin=rival)
        case AlterEnum(value=value, old=old):
            said = quote_literal(value if old is None else old)
            return facts, replace(words, value=said, new_name=quote_literal(value))
        case AlterSequence(options=options):
            return replace(facts, repeats=options.restart or bool(options.cycle)), words
        case Dml():
            limited = part.action.ranged or _LIMIT.search(part.whole.statement.text) is not None
            return replace(facts, system=_is_system(part), limited=limited), words
        case Reindex(kind="system"):
            return replace(facts, system=True), words
        case AlterDomain(verb=DomainVerb.VALIDATE):
            return replace(facts, validates=True), words
        case RefreshView(with_data=with_data):
            return replace(facts, empties=not with_data, keyless=_is_keyless(part)), words
        case Truncate(cascade=True):
            also = [plain(name) for name in emptied_along(part)]
            return replace(facts, cascade=True, takes=bool(also)), replace(words, taken=listed(also))
        case DropConstraint(cascade=False):
            return of_indexes.dropped_constraint(told, part)
        case _:
            return _dropped(told, part)


# ---- session and transaction -------------------------------------------------------------------


def _timeouts(told: Told, part: Part) -> Told:
    facts, words = told
    session = part.whole.session
    if session.lock_timeout is None and session.statement_timeout is None:
        return told
    ends = [ms for ms in (session.statement_timeout, session.lock_timeout) if ms]
    limit = min(ends, default=None) if not facts.concurrently else next(iter(ends), None)
    return (
        replace(facts, statement_timeout=bool(session.statement_timeout), lock_timeout_ms=min(ends, default=None)),
        replace(words, timeout=_duration(limit) if limit else ""),
    )


def _duration(milliseconds: int) -> str:
    for unit, size in (("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def _control(part: Part, doings: Doings) -> Control:
    assert isinstance(part.action, Transaction)
    statement = part.whole.statement
    if part.action.verb is TransactionVerb.BEGIN:
        if part.whole.in_transaction and not part.whole.implicit:
            return Control.NESTED
        return Control.NONE if any(doings.after(Deed.ENDS, "", statement)) else Control.LEFT_OPEN
    ends = part.action.verb in (TransactionVerb.COMMIT, TransactionVerb.ROLLBACK)
    first = not any(doings.before(Deed.ENDS, "", statement))
    return Control.ENDS_WRAPPING if ends and first and part.whole.wrapped else Control.NONE


def _is_keyless(part: Part) -> bool:
    known = part.whole.before.views.get(part.whole.before.resolve(part.relation)) if part.relation is not None else None
    return known is not None and not any(map(serves_refresh, known.indexes))


def _is_system(part: Part) -> bool:
    if part.relation is None:
        return False
    return part.whole.before.resolve(part.relation).schema == "pg_catalog"


# ---- what goes -----------------------------------------------------------------------------------


def _dropped(told: Told, part: Part) -> Told:
    facts, words = told
    cascade = _cascades(part)
    if not cascade and part.kind is not ActionKind.DROP_COLUMN:
        return told
    taken = taken_along(part)
    facts = replace(facts, cascade=cascade, takes=bool(taken))
    return facts, replace(words, taken=listed(taken))


def _cascades(part: Part) -> bool:
    action = part.action
    if isinstance(action, Other):
        return isinstance(action.says, Dropped | OwnedBy) and action.says.cascade
    return bool(getattr(action, "cascade", False)) and part.kind is not ActionKind.TRUNCATE


def _not_made(told: Told, part: Part) -> Told:
    """Tell how what IF NOT EXISTS finds differs from what it would make."""
    facts, words = told
    difference = differing(part)
    return (replace(facts, differs=True), replace(words, difference=difference)) if difference else told
