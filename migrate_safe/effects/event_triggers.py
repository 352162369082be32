"""What event triggers do when a statement changes the catalog, as far as one can look into their functions.

https://www.postgresql.org/docs/current/event-trigger-matrix.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from migrate_safe.catalog.things import fact
from migrate_safe.effects.blocks import do_block
from migrate_safe.effects.combine import Scene, merge
from migrate_safe.effects.doubts import Doubt, Rows
from migrate_safe.model.effect import Effect
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.schema import Thing
from migrate_safe.model.statement import Statement
from migrate_safe.model.values import replace
from migrate_safe.sql.blocks import trigger_block
from migrate_safe.sql.parse import parse_statements

_WORDS = frozenset({"ALTER", "COMMENT", "CREATE", "DROP", "GRANT", "IMPORT", "REFRESH", "REVOKE", "SECURITY"})
_OF_CLUSTER = re.compile(r"(ON\s+)?(DATABASE|ROLE|USER(?!\s+MAPPING)|GROUP|TABLESPACE|EVENT|SYSTEM)\b", re.IGNORECASE)
"""What stands behind the first word of statements about what no single database has, and about event triggers."""

_TAGGED = 8
"""Among so many words of a statement stand those of its command tag: `CREATE TABLE IF NOT EXISTS t AS`."""

EffectIn = Callable[[Scene, Statement], Effect]


def fired_by_change(scene: Scene, statement: Statement, effect: Effect, effect_in: EffectIn) -> Effect:
    """Give what the event triggers of a statement with that effect may do, and that they may refuse it."""
    if all(kind != "event trigger" for kind, _ in scene.schema.things):
        return Effect()
    kept = {key: thing for key, thing in scene.schema.things.items() if key[0] != "event trigger"}
    within = scene.at(replace(scene.schema, things=kept))
    return merge(*(_fired(within, t, effect_in) for t in _firing(scene, statement, effect)))


def _firing(scene: Scene, statement: Statement, effect: Effect) -> Iterator[Thing]:
    first, _, rest = statement.text.lstrip().partition(" ")
    if first.upper() not in _WORDS or _OF_CLUSTER.match(rest.lstrip()):
        return
    events = {"ddl_command_start", "ddl_command_end"}
    events |= {"sql_drop"} if re.search(r"\bdrop\b", statement.text, re.IGNORECASE) else set()
    events |= {"table_rewrite"} if effect.rewrites else set()
    for (kind, _), thing in scene.schema.things.items():
        if kind == "event trigger" and fact(thing, "enabled") in ("O", "A", None) and fact(thing, "event") in events:
            tags = (fact(thing, "tags") or first).split(", ")
            yield from [thing] if any(_may_be(statement, tag) for tag in tags) else []


def _may_be(statement: Statement, tag: str) -> bool:
    """Say whether a statement may have a command tag: its words, in order, with others between them."""
    words = iter(statement.text.upper().split(maxsplit=_TAGGED)[:_TAGGED])
    return all(word in words for word in tag.upper().split())


def _fired(scene: Scene, thing: Thing, effect_in: EffectIn) -> Effect:
    doubt, refusal = Doubt.EVENT_TRIGGER.effect(thing.name), Rows.VETOED.effect(thing.name)
    name = parse_name(fact(thing, "function") or "")
    function = next((f for f in scene.schema.functions.get(_full(scene, name), ()) if not f.arguments), None)
    if function is None or function.language != "plpgsql":
        return merge(doubt, refusal)
    inside = do_block(scene, trigger_block(function.body, parse_statements), effect_in)
    felt = Effect(locks=inside.locks, rewrites=inside.rewrites, scans=inside.scans, builds=inside.builds)
    acts = felt != Effect() or inside.unknown is not None
    refuses = acts or re.search(r"\braise\b", function.body, re.IGNORECASE) is not None
    return merge(felt, doubt if acts else Effect(), refusal if refuses else Effect())


def _full(scene: Scene, name: Name) -> Name:
    places = [name] if name.schema is not None else [Name(s, name.name) for s in scene.schema.search_path]
    return next((n for n in places if n in scene.schema.functions), name)
