"""What a migration has dropped before one of its statements: no dependent that could bar what comes after.

It is still in its place when a phase is asked about ahead, and out of sight, under another name or in another schema,
when the step comes: a condition on pg_depend knows it in both forms.

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-OBJECT
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from migrate_safe.catalog.retired import RETIRED_SCHEMA
from migrate_safe.model.names import Name, quote_literal
from migrate_safe.model.schema import Schema, Table
from migrate_safe.planner.identifiers import retired, tag

Part = tuple[str, tuple[str, ...]]
"""An object as pg_identify_object_as_address() gives it: its type and its names, from the schema down."""

_CONDITION = """
  AND NOT EXISTS (
    SELECT FROM pg_identify_object_as_address(d.classid, d.objid, d.objsubid) AS gone (type, names, args)
    WHERE {tests})"""
_ROUTINES = "d.classid = 'pg_proc'::regclass AND d.objid = ANY (ARRAY[{routines}]::oid[])"


class Gone(Struct, frozen=True):
    """What is gone: relations with all that is on them, parts of tables that stay, routines with their arguments."""

    relations: tuple[Name, ...] = ()
    parts: tuple[Part, ...] = ()
    routines: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """Write the part of a query over `pg_depend AS d` that leaves out what is gone; empty where nothing is."""
        tests = "\n      OR ".join(self._tests())
        return _CONDITION.format(tests=tests) if tests else ""

    def _tests(self) -> Iterator[str]:
        if self.relations:
            whole = ", ".join(_array((n.schema or "", n.name)) for n in self.relations)
            yield f"cardinality(gone.names) > 2 AND gone.names[:2] IN ({whole})"
            names = ", ".join(_text(n.name) for n in self.relations)
            yield f"starts_with(gone.names[1], '{RETIRED_SCHEMA}') AND gone.names[2] IN ({names})"
        if self.parts:
            yield f"(gone.type, gone.names) IN ({', '.join(f'({_text(t)}, {_array(n)})' for t, n in self.parts)})"
        if self.routines:
            yield _ROUTINES.format(routines=", ".join(f"to_regprocedure({_text(n)})" for n in self.routines))


NOTHING_GONE = Gone()


def gone_before(start: Schema, now: Schema, plan: str) -> Gone:
    """Give what is in the schema before a migration and no longer at a place in it; `plan` is the plan's name.

    So is what was made anew, as it was: what it is now counts where the planner looks for dependents.
    """
    relations = tuple(n for n in (*start.tables, *start.views) if n not in now.tables and _is_gone(n, start, now))
    routines = [f for fs in start.functions.values() for f in fs if f not in now.functions.get(f.name, ())]
    parts = (part for table in start.tables.values() for part in _parts(table, now.tables.get(table.name), plan))
    return Gone(relations, tuple(dict.fromkeys(parts)), tuple(f"{f.name}({f.arguments})" for f in routines))


def _is_gone(name: Name, start: Schema, now: Schema) -> bool:
    return (name in start.tables and name not in now.views) or now.views.get(name) != start.views.get(name)


def _parts(table: Table, now: Table | None, plan: str) -> Iterator[Part]:
    if now is table:
        return
    held = (table.name.schema or "", table.name.name)
    left = {i.name for i in now.indexes} if now is not None else set()
    for index in (i.name for i in table.indexes if i.name is not None and i.constraint is None and i.name not in left):
        yield "index", (held[0], index)
        yield "index", (held[0], retired(index, tag(plan, str(table.name), index)))
    if now is None:
        return
    for column in (c.name for c in table.columns if now.column(c.name) is None):
        for name in (column, retired(column, tag(plan, str(table.name), column))):
            yield "table column", (*held, name)
            yield "default value", (*held, name)
    for kind, before, after in (
        ("table constraint", table.constraints, now.constraints),
        ("trigger", table.triggers, now.triggers),
        ("policy", table.policies, now.policies),
        ("rule", table.rules, now.rules),
    ):
        stay = {part.name for part in after if kind == "table constraint" or part in before}
        yield from ((kind, (*held, part.name)) for part in before if part.name is not None and part.name not in stay)


def _array(names: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(map(_text, names))}]"


def _text(word: str) -> str:
    return quote_literal(word).strip()
