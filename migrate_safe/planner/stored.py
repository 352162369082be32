"""Materialized views: they keep what they read when they were made."""

from __future__ import annotations

from migrate_safe.model.names import Name
from migrate_safe.planner.draft import Rank
from migrate_safe.planner.surroundings import Surroundings


def full_rank(name: Name, around: Surroundings) -> Rank:
    """Give the first move in which what a new materialized view reads has its values; the first one for others."""
    view = around.end.views.get(name)
    if view is None or not view.materialized or name in around.start.views:
        return Rank.SHAPE
    if around.reads(view, around.converted):
        return Rank.ENFORCE
    return Rank.COPY if around.reads(view, around.filled) else Rank.SHAPE
