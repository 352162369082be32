"""What foreign keys carry on: rows that are deleted or changed along with those to which they refer."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.catalog.change import is_partitioned
from migrate_safe.effects.combine import Scene, family
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, Table
from migrate_safe.model.statement import DmlKind

CHANGING = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})
"""What a foreign key says of rows that it changes itself."""


class Carried(Struct, frozen=True):
    """A write to rows of a table: UPDATE of columns, or DELETE; `by` is the foreign key that brought it, if one did.

    `rule` is then what the key says: CASCADE, SET NULL or SET DEFAULT.
    """

    kind: DmlKind
    table: Table
    columns: frozenset[str] = frozenset()
    by: Constraint | None = None
    rule: str = ""

    def reaches(self, key: Constraint) -> str | None:
        """Give what a key that points at the table says of the write; None where it does not look at it."""
        assert key.references is not None
        if self.kind is DmlKind.DELETE:
            return key.references.on_delete
        return (
            key.references.on_update if self.columns & set(key.references.columns or self.table.primary_key) else None
        )


def carried(scene: Scene, write: Carried) -> tuple[Carried, ...]:
    """Give a write and all that foreign keys make of it, each once."""
    found = [write]
    for one in found:
        for near, key in pointing(scene, one.table):
            rule = one.reaches(key)
            if rule is not None and rule in CHANGING:
                more = _along(one, near, key, rule)
                found.extend([more] if more not in found else [])
    return tuple(found)


def _along(write: Carried, near: Table, key: Constraint, rule: str) -> Carried:
    if write.kind is DmlKind.DELETE and rule == "CASCADE":
        return Carried(DmlKind.DELETE, near, by=key, rule=rule)
    cleared = key.references.cleared if key.references is not None and write.kind is DmlKind.DELETE else ()
    return Carried(DmlKind.UPDATE, near, frozenset(cleared or key.columns), key, rule)


def pointing(scene: Scene, table: Table) -> list[tuple[Table, Constraint]]:
    """Give the foreign keys that point at rows of a table: also by a table above a partition, or by one below."""
    below = family(scene.schema, table) if is_partitioned(table) else (table,)
    names = [*(m.name for m in below), *(ancestors(scene, table) if table.partition_bound is not None else ())]
    return [(t, k) for name in names for t, k in scene.schema.referencing(name) if k.enforced]


def ancestors(scene: Scene, table: Table) -> list[Name]:
    """Give the tables above a partition."""
    found: list[Name] = []
    for parent in table.parents:
        found.append(parent)
        known = scene.schema.tables.get(parent)
        found.extend(ancestors(scene, known) if known is not None else [])
    return found
