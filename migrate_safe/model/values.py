"""What the values of the model, all of them `msgspec.Struct`, need besides: copies, and equality by some fields."""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

if TYPE_CHECKING:
    from dataclasses import replace as replace  # mypy holds its arguments to the fields
else:
    from msgspec.structs import replace as replace


class PartlyCompared(Struct, frozen=True, eq=False):
    """A value that equals another of its class when all fields do but those named in `UNCOMPARED`."""

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset()

    def __eq__(self, other: object) -> bool:
        """Compare what counts."""
        kind = type(self)
        return type(other) is kind and (self is other or _compared(kind)(self) == _compared(kind)(other))

    def __ne__(self, other: object) -> bool:
        """Compare what counts: `Struct` has a `!=` of its own, which asks for identity."""
        return not self == other

    def __hash__(self) -> int:
        """Hash what counts."""
        return hash(_compared(type(self))(self))


@cache
def _compared(kind: type[PartlyCompared]) -> Any:
    return attrgetter(*(field for field in kind.__struct_fields__ if field not in kind.UNCOMPARED))
