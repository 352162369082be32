"""Several migration files as one: their statements in order, as if they stood in one file."""

from __future__ import annotations

from collections.abc import Sequence

from migrate_safe.model.source import Source
from migrate_safe.model.statement import Directive, Script, Statement, Unit
from migrate_safe.model.values import replace


def joined(scripts: Sequence[Script]) -> Script:
    """Put scripts behind each other; places, directives and transactions stay those of each file."""
    if len(scripts) == 1:
        return scripts[0]
    statements: list[Statement] = []
    directives: list[Directive] = []
    units: list[Unit] = []
    for script in scripts:
        own = script.units or (Unit(script.wrapping),)
        kept = [d for d in script.directives if d.statement is None or d.statement < len(script.statements)]
        directives += [
            replace(d, statement=None if d.statement is None else d.statement + len(statements)) for d in kept
        ]
        statements += [replace(s, unit=s.unit + len(units)) for s in script.statements]
        units += own
    path = ", ".join(s.source.path for s in scripts)
    text = "\n".join(s.source.text for s in scripts)
    return replace(
        scripts[0],
        source=Source(path, text),
        statements=tuple(statements),
        directives=tuple(directives),
        units=tuple(units),
    )
