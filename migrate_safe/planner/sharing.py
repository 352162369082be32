"""Whether two plans may be open on one table at once: never on one column."""

from __future__ import annotations

import re

from migrate_safe.model.plan import Backfill, BuildIndex, Phase, Plan, Sql, Verify, Work

_OWN = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION migrate_safe\.")
_OF_ROW = re.compile(r'(?<!\'migrate_safe)\.(?:"((?:[^"]|"")+)"|([^\W\d][\w$]*))')
"""In functions that plans make for themselves columns are those of a row, behind NEW or OLD; the rest is our own."""
_WORD = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')


def words(plan: Plan) -> frozenset[str]:
    """Give every identifier that the statements of a plan use, forward and back: columns, and much else."""
    works = [work for step in plan.steps for work in (step.work, step.undo) if work is not None]
    texts = [text for work in works for text in _texts(work)]
    return frozenset(
        quoted.replace('""', '"') if quoted else plain.lower()
        for text in texts
        for quoted, plain in (_OF_ROW if _OWN.match(text) else _WORD).findall(text)
    )


def is_contracted(plan: Plan, position: int) -> bool:
    """Say whether only purge is left of a plan: no app version uses its old form, no backfill of it is to come."""
    return 0 < plan.end_of(Phase.CONTRACT) <= position


def _texts(work: Work) -> tuple[str, ...]:
    match work:
        case Sql(statements=statements):
            return statements
        case Backfill(assign=assign, unset=unset):
            return (*(f'"{column}" {expression}' for column, expression in assign), unset)
        case Verify(holds=holds):
            return (holds,)
        case BuildIndex(statement=statement):
            return (statement,)
        case _:
            return ()
