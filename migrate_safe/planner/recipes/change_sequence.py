"""Change the options or the owner of a sequence.

Harm of the plain form: none that lasts; ALTER SEQUENCE keeps nextval() waiting for an instant. RESTART moves the
sequence, which nothing can take back once values were drawn. Phases: expand, with the former options as undo.

https://www.postgresql.org/docs/current/sql-altersequence.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.model.names import quote_ident
from migrate_safe.model.schema import Sequence
from migrate_safe.model.statement import AlterSequence, SequenceOptions
from migrate_safe.planner.changes import BY_HAND, GIVE_SCHEMA, Change, proven
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.operations import Operation


def change_sequence(operation: Operation) -> Outcome | None:
    """Plan ALTER SEQUENCE; None for other operations."""
    if not isinstance(operation.action, AlterSequence):
        return None
    options = operation.action.options
    known = operation.before.sequences.get(operation.before.resolve(operation.action.name))
    if options.restart:
        raise CannotPlan("RESTART moves the sequence, and values that were drawn since cannot be taken back", BY_HAND)
    if known is None:
        raise CannotPlan(f"the options of {operation.action.name} now are not known here", GIVE_SCHEMA)
    touched = tuple(o[0] for o in (known.owner, options.owner) if o is not None)
    tables = tuple(dict.fromkeys(operation.before.resolve(t) for t in touched))
    if operation.before == operation.after:
        return Outcome(touches=tables)
    back = f"ALTER SEQUENCE {known.name} {' '.join(_former(known, options))}"
    does = f"change the options of sequence {known.name}"
    change = Change(Rank.SHAPE, "alter-sequence", str(known.name), does, (operation.text,), (back,), tables)
    return proven(operation, change)


def _former(known: Sequence, options: SequenceOptions) -> Iterator[str]:
    """Write the former value of each option that is given, and of the bounds that follow the type."""
    retyped = options.type is not None
    if retyped:
        yield f"AS {known.type}"
    if options.increment is not None:
        yield f"INCREMENT BY {known.increment}"
    if retyped or options.minimum is not None or options.no_minimum or options.increment is not None:
        yield f"MINVALUE {known.minimum}" if known.minimum is not None else "NO MINVALUE"
    if retyped or options.maximum is not None or options.no_maximum or options.increment is not None:
        yield f"MAXVALUE {known.maximum}" if known.maximum is not None else "NO MAXVALUE"
    if options.start is not None:
        yield f"START WITH {known.start}"
    if options.cycle is not None:
        yield "CYCLE" if known.cycle else "NO CYCLE"
    if options.cache is not None:
        yield f"CACHE {known.cache}"
    if options.owner is not None or options.unowned:
        owner = known.owner
        yield f"OWNED BY {owner[0]}.{quote_ident(owner[1])}" if owner is not None else "OWNED BY NONE"
