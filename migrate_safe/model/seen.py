"""How the tables of a plan looked when it last changed them."""

from __future__ import annotations

from msgspec import Struct

SeenPart = tuple[str, str, str]
"""A part of a table: its key (`column a of public.t`), its text, its meaning as JSON."""


class Seen(Struct, frozen=True):
    """What was seen of a plan's tables after the event `seq`.

    `by` stands for the code that described them and for the server: descriptions by another are not compared.
    """

    plan: str
    seq: int
    by: str
    parts: tuple[SeenPart, ...]
