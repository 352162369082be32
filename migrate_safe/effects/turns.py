"""Sessions that take turns: each finds its settings, and what only it sees, as it left them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field

from migrate_safe.catalog.change import TEMPORARY, without_temporary
from migrate_safe.catalog.settings import parse_search_path
from migrate_safe.effects.settings import Settings, changed
from migrate_safe.model.effect import Session, SessionNames
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import SetVariable, Statement
from migrate_safe.model.values import replace


class Seat(Struct, frozen=True):
    """What a session has for itself while another one works; its temporary tables are those of `schema`."""

    schema: Schema
    settings: Settings
    names: SessionNames = field(default_factory=SessionNames)


class Turns(Struct):
    """Whose turn it is, and the seats of the others.

    `sender` gives for a statement the number of its session and the settings that this one began with.
    """

    sender: Callable[[Statement], tuple[int, Iterable[tuple[str, str]]]]
    default_path: tuple[str, ...]
    now: int | None = None
    _left: dict[int, Seat] = field(default_factory=dict)
    _defaults: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def comes(self, statement: Statement) -> bool:
        """Say whether a statement comes from another session than the one before."""
        return self.sender(statement)[0] != self.now

    def seated(self, statement: Statement, last: Seat) -> Seat:
        """Give what the sender of a statement has when its turn comes; `last` is what the session before it has."""
        number, begun_with = self.sender(statement)
        if self.now is not None:
            self._left[self.now] = last
        self.now, back = number, self._left.pop(number, None)
        shared = without_temporary(last.schema)
        if back is not None:
            return replace(
                back, schema=replace(_with_temporary(shared, back.schema), search_path=back.schema.search_path)
            )
        given = dict(begun_with)
        path = parse_search_path(given["search_path"]) if "search_path" in given else self.default_path
        self._defaults[number] = path
        return Seat(replace(shared, search_path=path), _begun(given, path))

    def default_of(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Give the search_path to which RESET leads in the present session; `path` where none has had a turn."""
        return path if self.now is None else self._defaults[self.now]


def _begun(given: dict[str, str], path: tuple[str, ...]) -> Settings:
    session = Session()
    for name, value in given.items():
        if name != "search_path":
            session = changed(session, SetVariable(name, value))
    return Settings(session, session, path)


def _with_temporary(schema: Schema, own: Schema) -> Schema:
    """Give the schema with the temporary tables, sequences and views of another."""
    tables = [t for t in own.tables.values() if t.name.schema == TEMPORARY]
    sequences = [s for s in own.sequences.values() if s.name.schema == TEMPORARY]
    views = [v for v in own.views.values() if v.name.schema == TEMPORARY]
    if not tables and not sequences and not views:
        return schema
    return schema.with_tables(*tables).with_sequences(*sequences).with_views(*views)
