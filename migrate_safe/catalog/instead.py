"""Views for which triggers act: what is written to them goes to these, not to the tables below."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from migrate_safe.model.schema import View
from migrate_safe.model.statement import DmlKind

EVENTS: Mapping[DmlKind, tuple[str, ...]] = MappingProxyType(
    {
        DmlKind.INSERT: ("INSERT",),
        DmlKind.COPY_FROM: ("INSERT",),
        DmlKind.UPDATE: ("UPDATE",),
        DmlKind.DELETE: ("DELETE",),
        DmlKind.MERGE: ("INSERT", "UPDATE", "DELETE"),
    }
)
"""The events of triggers that a statement brings about."""


def acts_instead(view: View, kind: DmlKind) -> bool:
    """Say whether INSTEAD OF triggers take a kind of statement; those of another event leave it to the tables below."""
    events = EVENTS.get(kind, ())
    return any(t.timing == "INSTEAD OF" and set(events) & set(t.events) for t in view.triggers)
