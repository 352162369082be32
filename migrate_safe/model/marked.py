"""Mappings that know where to look: by a mark of their values, without going through all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MarksOf = Callable[[V, V | None], Iterable[Hashable]]
"""Gives the marks of a value; of one that takes the place of another, those that the other had may be left out."""


class Marked(dict[K, V], Generic[K, V]):
    """A dict of values that bear marks (a table those of its indexes); nobody changes it once it is made.

    What is made of it by `changed` shares its memory of where marks were seen. That memory only grows: it tells where
    a mark may be, and who asks looks there.
    """

    __slots__ = ("_marks_of", "_seen")

    def __init__(self, marks_of: MarksOf[V], given: Mapping[K, V]) -> None:
        super().__init__(given)
        self._marks_of = marks_of
        self._seen: dict[Hashable, dict[K, None]] | None = None

    def changed(self, put: Mapping[K, V], gone: Iterable[K] = ()) -> Marked[K, V]:
        """Give the mapping with some values put under their keys, and without some keys."""
        new = Marked(self._marks_of, self)
        new.update(put)
        for key in gone:
            new.pop(key, None)
        if self._seen is not None:
            new._seen = self._seen
            new._note(put, self)
        return new

    def bearing(self, mark: Hashable) -> Iterable[V]:
        """Give, in order, values that may bear a mark: all that do, and some that did in an earlier mapping."""
        keys = self._memory().get(mark)
        if keys is None:
            return ()
        here = [key for key in keys if key in self]
        if len(here) < 2:
            return [self[key] for key in here]
        return [value for key, value in self.items() if key in keys]

    def may_bear(self, mark: Hashable) -> bool:
        """Say whether a value may bear a mark."""
        return mark in self._memory()

    def _memory(self) -> dict[Hashable, dict[K, None]]:
        if self._seen is None:
            self._seen = {}
            self._note(self, {})
        return self._seen

    def _note(self, values: Mapping[K, V], known: Mapping[K, V]) -> None:
        assert self._seen is not None
        for key, value in values.items():
            for mark in self._marks_of(value, known.get(key)):
                self._seen.setdefault(mark, {})[key] = None

    def __reduce__(self) -> tuple[object, ...]:
        """Copy and pickle without the memory."""
        return Marked, (self._marks_of, dict(self))


def bearing(mapping: Mapping[K, V], mark: Hashable) -> Iterable[V]:
    """Give values of a mapping that may bear a mark; all of them where the mapping does not tell."""
    return mapping.bearing(mark) if isinstance(mapping, Marked) else mapping.values()


def may_bear(mapping: Mapping[K, V], mark: Hashable) -> bool:
    """Say whether a value of a mapping may bear a mark; any may where the mapping does not tell."""
    return mapping.may_bear(mark) if isinstance(mapping, Marked) else bool(mapping)


def changed(
    mapping: Mapping[K, V],
    marks_of: MarksOf[V],
    put: Mapping[K, V],
    gone: Iterable[K] = (),
) -> Marked[K, V]:
    """Give a mapping with some values put under their keys and without some keys, as one that knows where to look."""
    whole = mapping if isinstance(mapping, Marked) else Marked(marks_of, mapping)
    return whole.changed(put, gone)
