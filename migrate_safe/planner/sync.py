"""Keep two columns of one table in step while two app versions write: the triggers and their functions.

Each row trigger decides by values who wrote: the side that changed wins, a side that did not change is left alone.
Both fire after every trigger of the user, so that they see the row as it will be stored. docs/adr/0007 says why
neither the columns that a statement names nor search_path nor role can decide this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.schema import TypeName
from migrate_safe.planner.identifiers import function
from migrate_safe.planner.pairs import Kind, Pair, Sync, apply, differ, relation, row_of
from migrate_safe.planner.sync_bodies import (
    FLAGS,
    insert_body,
    marks,
    reverse_body,
    update_body,
)
from migrate_safe.planner.turns import Turn, dollar_quote, hand_over, turn_function

_FUNCTION = """\
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql{settings} AS {quote}
{declare}BEGIN
{body}  RETURN NEW;
END
{quote}"""

_TRIGGER = """\
CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{when}
  EXECUTE FUNCTION {function}()"""


def create_sync(sync: Sync) -> tuple[str, ...]:
    """Write the functions, the triggers and the coexistence defaults, for a table that has both columns."""
    insert, update = function("sync_i", sync.word), function("sync_u", sync.word)
    made = [
        _function(sync, insert, FLAGS, insert_body(sync)),
        _function(sync, update, FLAGS, update_body(sync)),
        _trigger(sync.insert_trigger, "INSERT", sync, "", insert),
        _trigger(sync.update_trigger, "UPDATE", sync, _when(sync, both=True), update),
        *create_turns(sync, sync.turns),
    ]
    if sync.keep is not None:
        made += sync.keep.create()
    return (*made, *(text for pair in sync.pairs for text in _defaults(sync, pair)))


def drop_sync(sync: Sync) -> tuple[str, ...]:
    """Drop the triggers and functions of `create_sync`; defaults stay for the caller to set."""
    kept = () if sync.keep is None else sync.keep.drop()
    return (
        *(f"DROP TRIGGER {quote_ident(t)} ON {sync.table}" for t in (sync.insert_trigger, sync.update_trigger)),
        *kept[:1],
        *(f"DROP FUNCTION {function(k, sync.word)}()" for k in ("sync_i", "sync_u")),
        *kept[1:],
        *drop_turns(sync),
    )


def create_reverse(sync: Sync, hidden: Mapping[str, str]) -> tuple[str, ...]:
    """Write the triggers that go on filling the retired columns; `hidden` maps old names to their present ones."""
    name = function("retired", sync.word)
    return (
        _function(sync, name, "", reverse_body(sync, hidden)),
        _trigger(sync.insert_trigger, "INSERT", sync, "", name),
        _trigger(sync.update_trigger, "UPDATE", sync, _when(sync, both=False), name),
        *create_turns(sync, (t.renamed({p.old.column: p.new.column for p in sync.pairs}) for t in sync.turns)),
    )


def drop_reverse(sync: Sync) -> tuple[str, ...]:
    """Drop what `create_reverse` made."""
    return (
        f"DROP TRIGGER {quote_ident(sync.insert_trigger)} ON {sync.table}",
        f"DROP TRIGGER {quote_ident(sync.update_trigger)} ON {sync.table}",
        f"DROP FUNCTION {function('retired', sync.word)}()",
        *drop_turns(sync),
    )


def create_turns(sync: Sync, turns: Iterable[Turn]) -> tuple[str, ...]:
    """Let inserts take turns by the keys of whichever columns both have an index and are filled for certain."""
    if not sync.turns:
        return ()
    name = function("turn", sync.word)
    return (
        turn_function(name, sync.table, sync.word, turns),
        hand_over(name, sync.table),
        _trigger(sync.turn_trigger, "INSERT", sync, "", name),
    )


def drop_turns(sync: Sync) -> tuple[str, ...]:
    """Drop what `create_turns` made."""
    if not sync.turns:
        return ()
    return (
        f"DROP TRIGGER {quote_ident(sync.turn_trigger)} ON {sync.table}",
        f"DROP FUNCTION {function('turn', sync.word)}()",
    )


def corresponds(pair: Pair) -> str:
    """Write the condition that a row's two values belong together: new = f(old) or old = g(new), NULL-safe."""
    return relation(pair, quote_ident(pair.old.column), quote_ident(pair.new.column))


def unset(pair: Pair) -> str:
    """Write the condition that the new side of a row still waits for the backfill."""
    old, new = quote_ident(pair.old.column), quote_ident(pair.new.column)
    return f"{new} IS NULL AND {apply(pair.forward, old)} IS NOT NULL"


def _when(sync: Sync, *, both: bool) -> str:
    sides = [s for p in sync.pairs for s in ((p.old, p.new) if both else (p.new,))]
    return "\n  WHEN (" + "\n    OR ".join(differ(s, row_of("NEW", s), row_of("OLD", s)) for s in sides) + ")"


_MARKING = "CASE WHEN set_config({mark}, '1', true) IS NOT NULL THEN ({value})::{type} END"


def _defaults(sync: Sync, pair: Pair) -> tuple[str, ...]:
    """Set the defaults of the coexistence, after ADD COLUMN: inside it a volatile one would rewrite the table.

    The new side's marking default yields NULL, so that a stale mark can never hide a value that was given.
    """
    match pair.kind:
        case Kind.PLAIN:
            return ()
        case Kind.DEFAULTS:
            return (set_default(sync.table, pair.new.column, pair.new.default),)
        case Kind.MARKER:
            mark = marks(sync, pair)
            old = _marking(mark["old_mark"], pair.old.default or "NULL", pair.old.type)
            new = _marking(mark["new_mark"], "NULL", pair.new.type)
            return (set_default(sync.table, pair.old.column, old), set_default(sync.table, pair.new.column, new))


def set_default(table: Name, column: str, default: str | None) -> str:
    """Write ALTER COLUMN SET DEFAULT, or DROP DEFAULT for None."""
    action = "DROP DEFAULT" if default is None else f"SET DEFAULT {default}"
    return f"ALTER TABLE {table} ALTER COLUMN {quote_ident(column)} {action}"


def _marking(mark: str, value: str, type_name: TypeName) -> str:
    return _MARKING.format(mark=quote_literal(mark), value=value, type=type_name)


def _function(sync: Sync, name: Name, declare: str, body: str) -> str:
    path = ", ".join(quote_ident(s) for s in (*sync.search_path, "pg_temp"))
    settings = f" SET search_path = {path}" if sync.search_path else ""
    return _FUNCTION.format(name=name, settings=settings, quote=dollar_quote(body), declare=declare, body=body)


def _trigger(name: str, event: str, sync: Sync, when: str, called: Name) -> str:
    return _TRIGGER.format(name=quote_ident(name), event=event, table=sync.table, when=when, function=called)
