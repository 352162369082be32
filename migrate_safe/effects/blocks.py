"""What DO blocks and psql commands do, as far as one can see inside."""

from __future__ import annotations

from collections.abc import Callable

from migrate_safe.catalog.evolve import evolve
from migrate_safe.effects.births import beside, born_after, moves, named
from migrate_safe.effects.combine import Scene, merge
from migrate_safe.effects.doubts import Doubt
from migrate_safe.effects.unknown import Unknown
from migrate_safe.model.effect import Effect
from migrate_safe.model.names import Name
from migrate_safe.model.statement import DoBlock, PsqlCommand, Statement
from migrate_safe.model.values import replace

_HARMLESS = frozenset(
    r"""
    set unset echo qecho warn timing pset x t a f h q if elif else endif encoding prompt password conninfo errverbose
    d dt di dn df dv du l ? copyright
    """.split()
)


def do_block(scene: Scene, block: DoBlock, effect_in: Callable[[Scene, Statement], Effect]) -> Effect:
    """Add up the effects of the static statements of a DO block, all of them assumed to run in one transaction.

    None is sure to fail where there is a condition (IF NOT EXISTS ...) or an exception handler, or behind something
    that cannot be seen; else the first that the server refuses ends the block. In SQL a parameter may look like a
    missing column. What it does to relations that it made itself, nobody can see.
    """
    parts: list[Effect] = []
    sure = not block.conditional and block.opaque is None and block.language == "plpgsql"
    fails: str | None = None
    inside = replace(scene, in_transaction=True)
    before: dict[Name, Name] = {}
    born: frozenset[Name] = frozenset()
    for statement in block.inner:
        parts.append(named(beside(effect_in(inside, statement), inside.schema, born), before))
        fails = fails or (parts[-1].fails if sure else None)
        sure = sure and parts[-1].unknown is None
        moved = moves(inside.schema, statement)
        before = {**before, **{new: before.get(old, old) for old, new in moved.items()}}
        after = evolve(inside.schema, statement)
        born = born_after(inside.schema, after, born, statement) if after.complete or not block.conditional else born
        inside = inside.at(after)
    if block.opaque is not None:
        parts.append(Unknown.BLOCK.effect(block.opaque))
    if block.conditional and any(part != Effect() for part in parts):
        parts.append(Doubt.CONDITIONAL.effect())
    return replace(merge(*parts), fails=fails or (block.raises if sure else None))


def psql_command(action: PsqlCommand) -> Effect:
    r"""Judge a psql command: \set and the like do nothing, \i and \gexec may do anything."""
    word = action.command.lstrip("\\")
    if word in _HARMLESS or word.startswith("d"):
        return Effect()
    return Unknown.PSQL.effect(word)
