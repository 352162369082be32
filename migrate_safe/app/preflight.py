"""What is looked at before anything is written: version, tables, rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.performer import check
from migrate_safe.app.resting import check_resting_back
from migrate_safe.executor.intents import FailedClean
from migrate_safe.executor.settings import Settings
from migrate_safe.executor.transact import held_back, held_up
from migrate_safe.model.errors import Refused
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Backfill, Phase, Plan, Requirement
from migrate_safe.planner.subjects import moved_tables
from migrate_safe.planner.way_back import demands, demands_ahead, is_raw

_MISSING = "SELECT n FROM unnest(%s::text[]) AS n WHERE to_regclass(n) IS NULL"
_UNPROVEN = """
SELECT format('SELECT %%s FROM %%s WHERE NOT (%%s)', coalesce(p.keys, 'ctid'), %(table)s::text, w.must),
    format('%%s has rows that break %%I, so that they cannot be written anew: correct them first', %(table)s::text,
        k.conname)
FROM pg_constraint AS k
CROSS JOIN LATERAL (SELECT CASE k.contype WHEN 'c' THEN pg_get_expr(k.conbin, k.conrelid)
    ELSE (SELECT quote_ident(a.attname) || ' IS NOT NULL' FROM pg_attribute AS a
        WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1]) END) AS w (must)
CROSS JOIN LATERAL (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
    FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = k.conrelid AND i.indisprimary) AS p (keys)
WHERE k.conrelid = to_regclass(%(table)s) AND k.contype IN ('c', 'n') AND NOT k.convalidated
    AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
ORDER BY k.conname
"""
# Constraints that are NOT VALID: a backfill fails on the old rows that break them, for every UPDATE tests them.


def check_version(db: Database, plan: Plan) -> None:
    """Raise Refused when the server is older than the plan asks for."""
    found = re.fullmatch(r">=\s*(\d+)", plan.postgres)
    if found and db.major < int(found[1]):
        raise Refused(
            f'plan "{plan.name}" is for PostgreSQL {plan.postgres}, this server runs {db.major}',
            next_move=f"plan it anew with --postgres {db.major}",
        )


def missing_tables(db: Database, tables: Iterable[Name]) -> tuple[Name, ...]:
    """Give those tables that are not there, in the order in which they are asked for."""
    names = {str(t): t for t in tables}
    missing = {row[0] for row in db.query(_MISSING, (list(names),))}
    return tuple(table for name, table in names.items() if name in missing)


def gone_tables(db: Database, plan: Plan) -> frozenset[Name]:
    """Give the tables of a plan that are not there, though the plan itself neither renames nor drops them."""
    return frozenset(missing_tables(db, set(plan.touches) - moved_tables(plan)))


def check_way_ahead(db: Database, plan: Plan, position: int, target: int, settings: Settings) -> None:
    """Raise Refused, with count and keys, when a step on the way would find what it cannot bear; before the first.

    What a later phase demands is asked when its turn comes: until then the old app may well write such rows. So is what
    comes after raw SQL, which may put right what it finds.
    """
    ahead = takewhile(lambda s: not is_raw(s, s.work), plan.steps[position:target])
    filled = dict.fromkeys(s.work.table for s in ahead if isinstance(s.work, Backfill))
    unproven = (Requirement(*row) for table in filled for row in db.query(_UNPROVEN, {"table": str(table)}))
    for requirement in (*demands_ahead(plan, position, target), *unproven):
        try:
            found = check(db, requirement, settings)
        except FailedClean:
            continue  # what cannot be asked from here is asked when its step comes
        if found.count:
            raise held_back(requirement, found)


def check_way_back(db: Database, plan: Plan, position: int, target: int, settings: Settings) -> None:
    """Raise Refused when rows (with count and keys) or others' objects stand in the way back; before it begins."""
    check_resting_back(db, plan, position, target)
    to_coexistence = set(demands(plan, position, plan.end_of(Phase.MIGRATE)))
    for requirement in demands(plan, position, target):
        try:
            found = check(db, requirement, settings)
        except FailedClean:
            continue  # what cannot be asked from here is asked when its step comes
        if found.count and (requirement in to_coexistence or position <= plan.end_of(Phase.MIGRATE)):
            raise held_up(requirement, found)
        if found.count:
            raise held_up(requirement, found, f"take contract back alone (rollback {plan.name}); then ")
