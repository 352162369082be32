"""Functions that are run without the session's search_path, and so do not find what they name without its schema.

From PostgreSQL 17 on whatever computes indexes and materialized views searches pg_catalog and temporary objects alone.
https://www.postgresql.org/docs/17/release-17.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from migrate_safe.catalog.evolve.routines import body_block
from migrate_safe.catalog.presence import is_of_system
from migrate_safe.effects.builtin_names import may_be_builtin_function
from migrate_safe.effects.combine import Scene
from migrate_safe.effects.doubts import Rows
from migrate_safe.model.effect import Effect
from migrate_safe.model.names import Name
from migrate_safe.model.schema import TEMPORARY, Function, Index, Schema
from migrate_safe.model.statement import Action, CreateIndex, CreateView, Dml, RefreshView, Statement
from migrate_safe.sql.mentions import mentions_of
from migrate_safe.sql.touched import functions_of

_SAFE_PATH = 17


class _Lost(Struct, frozen=True):
    """A name that a function does not find; `at_once` says that planning the call is enough for that."""

    function: Name
    word: str
    name: Name
    at_once: bool


def unfound(scene: Scene, action: Action) -> Effect:
    """Say that a function does not find what it names: certain where the server puts its body in place of the call."""
    if scene.version < _SAFE_PATH:
        return Effect()
    lost = list(_lost(scene.schema, _computing(scene.schema, action), frozenset()))
    sure = next((one for one in lost if one.at_once), None)
    if sure is not None:
        return Effect(
            fails=f"{sure.word} {sure.name} does not exist where function {sure.function} looks for it:"
            " what computes indexes and materialized views searches no schema, so it has to name that of"
            f" {sure.name}, or SET search_path"
        )
    return Rows.UNFOUND.effect(lost[0].function, lost[0].name) if lost else Effect()


def _computing(schema: Schema, action: Action) -> Iterable[Name]:
    """Give the functions, as written, that a statement computes an index or a materialized view by."""
    match action:
        case CreateIndex(index=index):
            return _of_index(index)
        case CreateView(view=view) if view.materialized and view.populated:
            return functions_of(view.definition)
        case RefreshView(view=name, with_data=True) if schema.resolve(name) in schema.views:
            return functions_of(schema.views[schema.resolve(name)].definition)
        case _:
            return ()


def _of_index(index: Index) -> frozenset[Name]:
    expressions = [e for e in (index.predicate, *(k.expression for k in index.keys)) if e is not None]
    return frozenset().union(*(e.functions for e in expressions))


def _lost(schema: Schema, called: Iterable[Name], seen: frozenset[Name]) -> Iterator[_Lost]:
    """Yield the names that functions do not find, and those that they call; of one that is overloaded nothing."""
    for name in sorted(called, key=str):
        places = (name.schema,) if name.schema is not None else schema.search_path
        found = [f for place in places for f in schema.functions.get(Name(place, name.name), ())]
        if len(found) == 1 and found[0].name not in seen and not _has_path(found[0]):
            yield from _lost_in(schema, found[0], seen | {found[0].name})


def _has_path(function: Function) -> bool:
    return any(word == "set search_path" for word, _ in function.options)


def _lost_in(schema: Schema, function: Function, seen: frozenset[Name]) -> Iterator[_Lost]:
    block = body_block(function)
    for statement in block.inner if block is not None else ():
        for word, name in _plain_names(statement):
            if _is_elsewhere(schema, word, name):
                yield _Lost(function.name, word, name, _is_inlined(function))
        qualified = [n for n in mentions_of(statement.text).functions if n.schema is not None]
        yield from _lost(schema, qualified, seen)


def _plain_names(statement: Statement) -> Iterator[tuple[str, Name]]:
    if isinstance(statement.action, Dml):
        targets = [] if statement.action.target is None else [statement.action.target]
        for name in (*targets, *statement.action.reads):
            if name.schema is None:
                yield "relation", name
    yield from (("function", n) for n in mentions_of(statement.text).functions if n.schema is None)


def _is_elsewhere(schema: Schema, word: str, name: Name) -> bool:
    if word == "function":
        return not may_be_builtin_function(name.name, schema.server_version)
    return not is_of_system(name) and schema.resolve(name).schema != TEMPORARY


def _is_inlined(function: Function) -> bool:
    """Say whether the server looks into a body when it plans a call, whatever rows there are."""
    words = {word for word, _ in function.options}
    apart = "security" in words or any(w.startswith("set ") for w in words)
    return function.language == "sql" and not function.returns_set and not apart
