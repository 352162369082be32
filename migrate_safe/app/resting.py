"""What others have put on columns that a plan is to drop: what bars the drop, and what would go with it unseen."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from migrate_safe.adapters.database import Database
from migrate_safe.executor.news import Noted, Tell
from migrate_safe.model.errors import Refused
from migrate_safe.model.names import mentions
from migrate_safe.model.plan import Phase, Plan, Work
from migrate_safe.planner.codec import to_yaml
from migrate_safe.planner.way_back import dropped_columns, undos

_RESTING = """
WITH gone AS (SELECT to_regclass(of) AS of, name FROM unnest(%s::text[], %s::text[]) AS given (of, name))
SELECT format('%%I of %%s', a.attname, a.attrelid::regclass),
    CASE WHEN w.oid IS NULL THEN pg_describe_object(d.classid, d.objid, 0)
        ELSE pg_describe_object('pg_class'::regclass, w.ev_class, 0) END,
    coalesce(c.relname, k.conname, g.tgname, v.relname, s.stxname, p.polname, ''),
    d.deptype = 'n'
FROM gone
JOIN pg_attribute AS a ON a.attrelid = gone.of AND a.attname = gone.name AND NOT a.attisdropped
JOIN pg_depend AS d
    ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_constraint AS k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_trigger AS g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
LEFT JOIN pg_rewrite AS w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
LEFT JOIN pg_class AS v ON v.oid = w.ev_class
LEFT JOIN pg_statistic_ext AS s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid
LEFT JOIN pg_policy AS p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
LEFT JOIN pg_attrdef AS e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
LEFT JOIN pg_attribute AS o ON o.attrelid = e.adrelid AND o.attnum = e.adnum
LEFT JOIN gone AS too ON too.of = o.attrelid AND too.name = o.attname
WHERE d.deptype = 'n' AND coalesce(g.tgname, '') !~ '^~+ms_' AND too.of IS NULL
    OR d.deptype = 'a' AND (c.relkind = 'i' OR s.oid IS NOT NULL OR k.contype <> 'n')
ORDER BY 1, 2
"""


class Resting(Struct, frozen=True):
    """Something on a column; `bars` says that the column cannot be dropped before it."""

    column: str
    what: str
    bars: bool


def resting(db: Database, plan: Plan, works: Iterable[Work]) -> tuple[Resting, ...]:
    """Give what the plan does not name of all that rests on the columns that some of its work drops."""
    columns = dropped_columns(works)
    if not columns:
        return ()
    text = to_yaml(plan)
    rows = db.query(_RESTING, ([str(table) for table, _ in columns], [column for _, column in columns]))
    found = (Resting(column, what, bars) for column, what, name, bars in rows if not mentions(text, name))
    return tuple(dict.fromkeys(found))


def check_resting_back(db: Database, plan: Plan, position: int, target: int) -> None:
    """Raise Refused when somebody's object rests on a column that the way back drops; before anything is done."""
    bars = [it for it in resting(db, plan, undos(plan, position, target)) if it.bars]
    if bars:
        alone = f"; or take contract back alone: rollback {plan.name}"
        raise Refused(
            f"the way back drops columns that others use: {_listed(bars)}",
            next_move="drop or change it, then run this again"
            + (alone if position > plan.end_of(Phase.MIGRATE) else ""),
        )


def check_purged(db: Database, plan: Plan, position: int, tell: Tell) -> None:
    """Raise Refused when something bars the drop of a retired column, and say what else goes with it."""
    found = resting(db, plan, (step.work for step in plan.steps[position:]))
    bars = [it for it in found if it.bars]
    if bars:
        raise Refused(
            f"what is to be purged is in use: {_listed(bars)}", next_move="drop or change it, then run this again"
        )
    if found:
        tell(Noted(f"goes with it, and this plan did not make it: {_listed(found)}"))


def _listed(found: Iterable[Resting]) -> str:
    return "; ".join(f"{it.what} (on {it.column})" for it in found)
