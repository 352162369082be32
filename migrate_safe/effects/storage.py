"""What changing how and where relations are stored does, and who owns them."""

from __future__ import annotations

from migrate_safe.catalog.change import is_partitioned
from migrate_safe.catalog.privileges import role_name
from migrate_safe.effects.combine import Scene, family, locking, merge, rewriting
from migrate_safe.effects.doubts import Doubt
from migrate_safe.effects.maintenance import stored
from migrate_safe.effects.rights import changing_hands
from migrate_safe.model.effect import Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Table
from migrate_safe.model.statement import OtherTableAction

_AX = LockMode.ACCESS_EXCLUSIVE
_SUX = LockMode.SHARE_UPDATE_EXCLUSIVE
_SEQUENCES_FOLLOW_PERSISTENCE = 15
"""From this major version on SET LOGGED and SET UNLOGGED take owned sequences along."""
_STRONG_OPTIONS = frozenset({"user_catalog_table", "security_barrier", "security_invoker", "check_option"})
"""Parameters that change how queries run; every other one says how autovacuum, inserts or index scans go about it."""
_WEAK_INDEX_OPTIONS = frozenset({"fillfactor", "deduplicate_items"})


def table_action(scene: Scene, table: Table, action: OtherTableAction, *, only: bool) -> Effect | None:
    """Give the effect of an action of ALTER TABLE about storage or ownership; None for any other."""
    name = table.name
    match action.kind:
        case "SetStatistics":
            return locking(_SUX, *_names(scene, table, only=only))
        case "SetStorage":
            return locking(_AX, *_names(scene, table, only=only))
        case "SetOptions" | "ResetOptions" | "DropCluster":
            return locking(_SUX, name)
        case "SetCompression" | "DropOids":
            return locking(_AX, name)
        case "ClusterOn":
            return locking(_SUX, name, Name(name.schema, action.argument))
        case "SetRelOptions" | "ResetRelOptions":
            return locking(_AX if set(_words(action.argument)) & _STRONG_OPTIONS else _SUX, name)
        case "ReplicaIdentity":
            index = locking(LockMode.SHARE, Name(name.schema, action.argument)) if action.value == "i" else Effect()
            return merge(locking(_AX, name), index)
        case "ChangeOwner":
            return _change_owner(scene, name, table.owner, action.argument)
        case "SetTableSpace":
            return (
                set_tablespace(table.name, table.tablespace, action.argument, unsure=_unsure(scene, table))
                if not (is_partitioned(table))
                else locking(_AX, name)
            )
        case "SetLogged" | "SetUnLogged":
            return _persistence(scene, table, "u" if action.kind == "SetUnLogged" else "p")
        case "SetAccessMethod":
            unchanged = (action.argument or "heap") == table.access_method or is_partitioned(table)
            return locking(_AX, name) if unchanged else rewriting(table)
        case _:
            return None


def index_options(name: Name, text: str) -> Effect:
    """SET and RESET of an index block everybody, but for what only later inserts look at."""
    return locking(_SUX if set(_words(text)) <= _WEAK_INDEX_OPTIONS else _AX, name)


def _names(scene: Scene, table: Table, *, only: bool) -> list[Name]:
    return [m.name for m in family(scene.schema, table, only=only)]


def _words(text: str) -> list[str]:
    """Give the names of parameters in `fillfactor=70, toast.autovacuum_enabled`."""
    return [part.partition("=")[0].strip().lower() for part in text.split(",")]


def _unsure(scene: Scene, table: Table) -> bool:
    """Say whether the tablespace and the like of a table are not known: only a whole catalog tells them."""
    return table.partial or not scene.schema.complete


def _change_owner(scene: Scene, name: Name, owner: str | None, role: str) -> Effect:
    """OWNER TO locks the relation alone where it is owned already."""
    if owner is not None and owner == role_name(scene.schema, role):
        return locking(_AX, name)
    return changing_hands(scene, name)


def set_tablespace(name: Name, here: str | None, wanted: str, *, unsure: bool) -> Effect:
    """SET TABLESPACE copies the relation, but not into the tablespace where it is; its indexes stay where they are."""
    if unsure:
        return merge(locking(_AX, name), Effect(rewrites=(name,)), Doubt.TABLESPACE.effect(name))
    moved = here != (wanted if wanted != "pg_default" else None)
    return merge(locking(_AX, name), Effect(rewrites=(name,) if moved else ()))


def _persistence(scene: Scene, table: Table, persistence: str) -> Effect:
    """SET LOGGED and UNLOGGED write the table anew, unless it is what it is to become."""
    known = not table.partial
    if is_partitioned(table) or (known and table.persistence == persistence):
        return locking(_AX, table.name)
    follow = scene.version >= _SEQUENCES_FOLLOW_PERSISTENCE
    sequences = scene.schema.sequences.items() if follow else ()
    owned = [n for n, s in sequences if s.owner is not None and s.owner[0] == table.name]
    return merge(rewriting(table), locking(_AX, *owned), Effect(rewrites=tuple(owned)))


def of_other_relation(scene: Scene, name: Name, action: OtherTableAction) -> Effect | None:
    """Give the effect of an action on a view, materialized view, index or sequence; None for any other action."""
    match action.kind:
        case "ChangeOwner":
            view, sequence = scene.schema.views.get(name), scene.schema.sequences.get(name)
            owner = view.owner if view is not None else sequence.role if sequence is not None else None
            return _change_owner(scene, name, owner, action.argument)
        case "SetTableSpace":
            return _move(scene, name, action.argument)
        case "SetLogged" | "SetUnLogged":
            return merge(locking(_AX, name), Effect(rewrites=(name,)))
        case _:
            view = scene.schema.views.get(name)
            if view is None or not view.materialized:
                return None
            return table_action(scene, stored(scene, name), action, only=True)


def _move(scene: Scene, name: Name, tablespace: str) -> Effect:
    table = scene.schema.index_table(name)
    index = table.index(name.name) if table is not None else None
    if table is not None and is_partitioned(table):
        return locking(_AX, name)
    return set_tablespace(name, index.tablespace if index is not None else None, tablespace, unsure=index is None)
