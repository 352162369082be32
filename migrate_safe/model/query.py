"""The shape of a query: what it gives, and where that comes from. The catalog turns it into columns.

Rooms import this from `migrate_safe.model.statement`.
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.model.user_types import TypeName


class Source(Struct, frozen=True):
    """One item of FROM: the name by which the query knows it, and a relation, a query in it, or neither (a function).

    `columns` are the names that its alias gives to its first columns; of a function, all of them.
    """

    alias: str
    relation: Name | None = None
    shape: Shape | None = None
    columns: tuple[str, ...] = ()
    opaque: bool = False
    """Whether it may have other columns than those listed here."""
    qualified: bool = False
    """Whether its columns are seen behind its name alone."""
    calls: Name | None = None
    """The only function in this item."""


class Join(Struct, frozen=True):
    """Two items of FROM joined; the columns of USING are one, and come first under a star. None: NATURAL."""

    left: Source | Join
    right: Source | Join
    using: tuple[str, ...] | None = ()
    alias: str = ""


class Target(Struct, frozen=True):
    """One item of a SELECT list.

    A star has no name; `source` is the alias that qualifies it or a column. `column` is set for a reference to one,
    plain or inside a cast or a call that keeps its collation; `type` where the text alone tells it.
    """

    name: str | None
    source: str | None = None
    column: str | None = None
    type: TypeName | None = None
    collation: Name | None = None
    calls: Name | None = None
    """The function whose call it is."""

    @property
    def star(self) -> bool:
        """Whether it stands for all columns."""
        return self.name is None


class Scope(Struct, frozen=True):
    """What the names in one level of a statement may mean, and those that stand there.

    `references` are paths as written, the last of one with a star is `*`; `joined` are the columns of USING. What the
    scope number `above` offers is seen here, too. `settled` are the plain names that stand where every source is seen:
    two of these may not have such a column.
    """

    sources: tuple[Source, ...]
    references: tuple[tuple[str, ...], ...] = ()
    joined: tuple[str, ...] = ()
    above: int | None = None
    settled: tuple[str, ...] = ()


class Shape(Struct, frozen=True):
    """What a query gives: its SELECT list over its FROM.

    `names` are the names that a list of columns gives to the first ones. `arms` are the other queries of UNION and
    the like: types are known only where all agree.
    """

    targets: tuple[Target, ...]
    sources: tuple[Source | Join, ...] = ()
    names: tuple[str, ...] = ()
    arms: tuple[Shape, ...] = ()
