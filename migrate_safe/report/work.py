"""A piece of a plan's work in one line."""

from __future__ import annotations

from typing import assert_never

from migrate_safe.model.plan import Backfill, BuildIndex, DropIndexConcurrently, Sql, Verify, Work


def in_short(work: Work) -> str:
    """Say in a line what a piece of work does."""
    match work:
        case Sql(statements=statements):
            return "; ".join(" ".join(statement.split()).rstrip(";") for statement in statements) or "nothing to do"
        case BuildIndex(statement=statement):
            return statement
        case DropIndexConcurrently(index=index):
            return f"DROP INDEX CONCURRENTLY {index}"
        case Backfill(table=table, assign=assign):
            return f"fill {', '.join(column for column, _ in assign)} of {table} in batches"
        case Verify(message=message):
            return f"prove first: {message}"
        case _:
            assert_never(work)
