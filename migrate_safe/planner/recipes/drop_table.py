"""Drop a table.

Harm of the plain form: every query of the old app that names the table fails at once, and the rows are gone before
anybody knows whether the release stays. Phases: expand lifts the table's foreign keys that only refuse (they would keep
the new app from deleting rows elsewhere); contract lifts those that act, and moves the table, with indexes, grants and
owned sequences, into a schema that nobody may look into; the way back brings it with all its rows, and proves the keys
again; purge drops it.

https://www.postgresql.org/docs/current/sql-droptable.html
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.schema import Constraint
from migrate_safe.planner.constraints import offending_rows
from migrate_safe.planner.draft import NOTHING, PURGE_WINDOW, Draft, Outcome, Rank, draft, sql
from migrate_safe.planner.gone import Gone
from migrate_safe.planner.leaving import Leaving, hide, purge
from migrate_safe.planner.loosening import acts


class Key(Struct, frozen=True):
    """A foreign key of a table that goes, to one that stays. `keys` find a row of the table."""

    table: Name
    constraint: Constraint
    keys: str


class DropTable(Struct, frozen=True):
    """Tables to drop, each before its partitions; `word` names the schema that holds them until purge."""

    tables: tuple[Name, ...]
    foreign_keys: tuple[Key, ...]
    word: str
    kind: str = "TABLE"
    gone: Gone = Gone()
    window: str = PURGE_WINDOW

    def steps(self) -> Outcome:
        """Plan the drop."""
        names = ", ".join(map(str, self.tables))
        leaving = tuple(Leaving(self.kind, t.schema or "", quote_ident(t.name)) for t in self.tables)
        does = f"move {names} out of sight, rows and grants included: queries fail, and one step brings it back"
        far = tuple(k.constraint.references.table for k in self.foreign_keys if k.constraint.references is not None)
        drafts = (
            *(d for key in self.foreign_keys for d in _lift(key)),
            hide(leaving, self.word, names, does, self.gone),
            purge(leaving, self.word, names, self.window, f"drops {names} with all rows"),
        )
        return Outcome(drafts, f"drop table {names}", (), tuple(dict.fromkeys((*self.tables, *far))))


def _lift(key: Key) -> tuple[Draft, ...]:
    """Lift a foreign key; on the way back it is added again for new rows, then proven of the old ones."""
    name = quote_ident(key.constraint.name or "")
    alter, target = f"ALTER TABLE {key.table}", f"{key.table}.{name}"
    body = key.constraint.definition.removesuffix(" NOT VALID")
    offending = offending_rows(key.table, key.constraint, key.keys)
    said = key.constraint.comment
    comment = () if said is None else (f"COMMENT ON CONSTRAINT {name} ON {key.table} IS {quote_literal(said).strip()}",)
    rank = Rank.QUIET if acts(key.constraint) else Rank.SHAPE
    proven = draft(
        rank,
        "prove-foreign-key",
        target,
        f"nothing; on the way back, proves {name} of every row",
        NOTHING,
        sql(f"{alter} VALIDATE CONSTRAINT {name}"),
    )
    lifted = draft(
        rank,
        "lift-foreign-key",
        target,
        f"drop {name}, which would keep rows elsewhere from being deleted",
        sql(f"{alter} DROP CONSTRAINT {name}"),
        sql(
            f"{alter} ADD CONSTRAINT {name} {body} NOT VALID",
            *comment,
            require=(offending,) if offending is not None and key.constraint.validated else (),
        ),
    )
    return (proven, lifted) if key.constraint.validated else (lifted,)
