"""What statements about sequences do."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.evolve.drawing import sequences_of
from migrate_safe.catalog.evolve.identity import identity_sequence
from migrate_safe.catalog.evolve.sequences import drawing_columns
from migrate_safe.effects.combine import Scene, breaking, column_text, locking, merge
from migrate_safe.effects.doubts import Doubt
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Table
from migrate_safe.model.statement import (
    AlterSequence,
    ChangeIdentity,
    CreateSequence,
    Draw,
    DropIdentity,
    DropSequence,
    OtherTableAction,
    SequenceAction,
    SequenceOptions,
    TableAction,
)

_AX = LockMode.ACCESS_EXCLUSIVE
_SRX = LockMode.SHARE_ROW_EXCLUSIVE


def sequence_action(scene: Scene, action: SequenceAction) -> Effect:
    """Give the effect of a statement about sequences."""
    match action:
        case CreateSequence():
            return _owner(scene, action.options)
        case AlterSequence():
            return _alter(scene, action)
        case DropSequence():
            return drop_sequence(scene, action)


def _owner(scene: Scene, options: SequenceOptions) -> Effect:
    """OWNED BY looks at the owning table."""
    if options.owner is None:
        return Effect()
    return locking(LockMode.ACCESS_SHARE, scene.schema.resolve(options.owner[0]))


def _alter(scene: Scene, action: AlterSequence) -> Effect:
    """ALTER SEQUENCE blocks nextval(), and is written anew unless only its owner changes."""
    name = scene.schema.resolve(action.name)
    if scene.schema.complete and name not in scene.schema.sequences:
        return Effect()
    return merge(locking(_SRX, name), _owner(scene, action.options), _rewritten(action.options, name))


def _rewritten(options: SequenceOptions, *names: Name) -> Effect:
    only_owner = SequenceOptions(owner=options.owner, unowned=options.unowned)
    return Effect() if options == only_owner else Effect(rewrites=names)


def drop_sequence(scene: Scene, action: DropSequence) -> Effect:
    """DROP SEQUENCE; with CASCADE the defaults that draw from it go, under a lock on their table."""
    names = [scene.schema.resolve(n) for n in action.sequences]
    if scene.schema.complete:
        names = [n for n in names if n in scene.schema.sequences]
    drawing = [pair for n in names for pair in drawing_columns(scene.schema, n)] if action.cascade else []
    refused = [breaking(BreakKind.WRITE_REFUSED, column_text(t.name, c.name)) for t, c in drawing if c.not_null]
    gone = [breaking(BreakKind.GONE, str(n)) for n in names]
    return merge(locking(_AX, *names, *(t.name for t, _ in drawing)), *gone, *refused)


def drawing(scene: Scene, draws: Iterable[Draw]) -> Effect:
    """Give what calls of nextval() and the like lock: a sequence is written like a table."""
    return merge(*(_drawn(name, draw) for draw in draws for name in sequences_of(scene.schema, draw)))


def _drawn(name: Name, draw: Draw) -> Effect:
    return merge(locking(LockMode.ROW_EXCLUSIVE, name), Effect() if draw.sure else Doubt.DRAWN.effect(name))


def change_identity(scene: Scene, table: Table, action: ChangeIdentity, members: tuple[Table, ...]) -> Effect:
    """ADD GENERATED AS IDENTITY and SET: nothing is read; GENERATED ALWAYS refuses what apps wrote before."""
    locks = locking(_AX, *(m.name for m in members))
    owned = _behind(scene, table, action.column)
    altered = merge(locking(_SRX, *owned), _rewritten(action.sequence, *owned))
    refused = breaking(BreakKind.WRITE_REFUSED, column_text(table.name, action.column))
    always = action.identity is not None and action.identity == "always"
    changed = altered if not action.add else Effect()
    return merge(locks, changed, refused if always else Effect())


def drop_identity(scene: Scene, table: Table, action: DropIdentity, members: tuple[Table, ...]) -> Effect:
    """DROP IDENTITY: the sequence goes, and writes that left the column out are refused."""
    known = table.column(action.column)
    if action.if_exists and known is not None and known.identity is None:
        return locking(_AX, table.name)
    owned = _behind(scene, table, action.column)
    refused = breaking(BreakKind.WRITE_REFUSED, column_text(table.name, action.column))
    return merge(locking(_AX, *(m.name for m in members), *owned), refused if owned else Effect())


def _behind(scene: Scene, table: Table, column: str) -> tuple[Name, ...]:
    found = identity_sequence(scene.schema, table.name, column)
    return () if found is None else (found.name,)


def alter_as_table(scene: Scene, name: Name, actions: tuple[TableAction, ...]) -> Effect:
    """ALTER TABLE (or SEQUENCE) ... SET LOGGED, SET UNLOGGED, OWNER TO on a sequence."""
    kinds = {a.kind for a in actions if isinstance(a, OtherTableAction)}
    unlogged = scene.schema.sequences[name].persistence == "u"
    rewritten = ("SetLogged" if unlogged else "SetUnLogged") in kinds
    return merge(locking(_AX, name), Effect(rewrites=(name,) if rewritten else ()))
