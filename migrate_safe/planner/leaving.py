"""Objects taken out of sight: moved into a schema of their own until purge drops them there.

One schema for each statement, so that names never clash and it goes with what is in it. Grants, dependents, owned
sequences, indexes and triggers stay with what is moved.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-SCHEMA
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.catalog.retired import RETIRED_SCHEMA
from migrate_safe.model.names import quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.planner.draft import Draft, Rank, draft, sql
from migrate_safe.planner.gone import Gone

_DEPENDENTS = """\
WITH RECURSIVE going (classid, objid) AS (
  SELECT * FROM (VALUES {objects}) AS named
  UNION
  SELECT d.classid, d.objid FROM going g
  JOIN pg_depend d ON d.refclassid = g.classid AND d.refobjid = g.objid AND d.deptype IN ('a', 'i', 'P', 'S'))
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) AS dependent
FROM pg_depend d JOIN going g ON d.refclassid = g.classid AND d.refobjid = g.objid
WHERE d.deptype = 'n' AND (d.classid, d.objid) NOT IN (SELECT classid, objid FROM going)
  AND position(' {retired}' IN pg_describe_object(d.classid, d.objid, d.objsubid)) = 0{before}"""
_IN_CATALOG = {
    "FUNCTION": "pg_proc",
    "PROCEDURE": "pg_proc",
    "AGGREGATE": "pg_proc",
    "TYPE": "pg_type",
    "DOMAIN": "pg_type",
}
_ALIASES = {"pg_class": "regclass", "pg_proc": "regprocedure", "pg_type": "regtype"}


class Leaving(Struct, frozen=True):
    """An object that is to go: `kind` as ALTER and DROP spell it, `schema` and `name` as SQL writes them.

    `name` of a routine has the types of its arguments behind it; `alone` is what suffices where nothing else is: a type
    among them may have gone out of sight as well.
    """

    kind: str
    schema: str
    name: str
    alone: str | None = None

    @property
    def full(self) -> str:
        """The name that statements use while the object is in its place."""
        return f"{quote_ident(self.schema)}.{self.name}"

    def inside(self, home: str) -> str:
        """Write the name that it has once it is out of sight."""
        return f"{quote_ident(home)}.{self.alone or self.name}"

    def moved_to(self, home: str) -> str:
        """Write the statement that takes it out of sight."""
        return f"ALTER {self.kind} {self.full} SET SCHEMA {quote_ident(home)}"

    def moved_back(self, home: str) -> str:
        """Write the statement that brings it back."""
        return f"ALTER {self.kind} {self.inside(home)} SET SCHEMA {quote_ident(self.schema)}"


def home_of(word: str) -> str:
    """Name the schema that holds what one statement retires."""
    return f"{RETIRED_SCHEMA}{word}"


def hide(leaving: tuple[Leaving, ...], word: str, target: str, does: str, gone: Gone) -> Draft:
    """Make the step that takes objects out of sight; one step brings them back."""
    home = home_of(word)
    away = tuple(item.moved_to(home) for item in leaving)
    back = tuple(item.moved_back(home) for item in reversed(leaving))
    kind = leaving[0].kind.lower().replace(" ", "-")
    guarded = tuple(item for item in leaving if item.kind != "STATISTICS")
    return draft(
        Rank.HIDE,
        f"hide-{kind}",
        target,
        does,
        sql(f"CREATE SCHEMA {quote_ident(home)}", *away, require=(_guard(guarded, gone),) if guarded else ()),
        sql(*back, f"DROP SCHEMA {quote_ident(home)}"),
    )


def purge(leaving: tuple[Leaving, ...], word: str, target: str, window: str, lost: str) -> Draft:
    """Make the step that drops for good what was taken out of sight: one statement for each kind, in order."""
    home = home_of(word)
    kinds = dict.fromkeys(item.kind for item in leaving)
    drops = [f"DROP {kind} {', '.join(i.inside(home) for i in leaving if i.kind == kind)}" for kind in kinds]
    return draft(
        Rank.DROP,
        f"drop-{leaving[0].kind.lower().replace(' ', '-')}",
        target,
        f"drop the retired {target}",
        sql(*drops, f"DROP SCHEMA {quote_ident(home)}"),
        None,
        not_before=window,
        irreversible=lost,
    )


def purge_in_place(leaving: tuple[Leaving, ...], target: str, window: str, lost: str) -> Draft:
    """Make the step that drops for good what was never taken out of sight."""
    kind = leaving[0].kind
    return draft(
        Rank.DROP,
        f"drop-{kind.lower().replace(' ', '-')}",
        target,
        f"drop {target}, which nothing uses any more",
        sql(f"DROP {kind} {', '.join(item.full for item in leaving)}"),
        None,
        not_before=window,
        irreversible=lost,
    )


def _guard(leaving: tuple[Leaving, ...], gone: Gone) -> Requirement:
    """Require that nothing else depends on what goes: the server would refuse to drop it in the end."""
    objects = ", ".join(_object(item) for item in leaving)
    names = ", ".join(item.full for item in leaving)
    return Requirement(
        _DEPENDENTS.format(objects=objects, retired=RETIRED_SCHEMA, before=gone.condition),
        f"{names} cannot go while something depends on it: change or drop that first",
    )


def _object(item: Leaving) -> str:
    catalog = _IN_CATALOG.get(item.kind, "pg_class")
    literal = quote_literal(item.full).strip()
    return f"('pg_catalog.{catalog}'::regclass::oid, {literal}::{_ALIASES[catalog]}::oid)"
