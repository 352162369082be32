"""Cut a file of application queries into its statements, whatever placeholders they carry."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.sql.pieces import PieceKind, read_piece
from migrate_safe.sql.places import BOM, places_of


class QueryText(Struct, frozen=True):
    """One statement of a query file and the line, counted from 1, on which it begins."""

    sql: str
    line: int


def split_queries(text: str) -> tuple[QueryText, ...]:
    """Give the statements of a text in order, without their semicolons and the comments around them.

    Works on tokens alone, for placeholders such as `%(name)s` and `:name` are no SQL. Semicolons inside strings,
    quoted names, dollar quotes, parentheses and comments do not end a statement.
    """
    places = places_of(text, "")
    found, position = [], len(BOM) if text.startswith(BOM) else 0
    while position < len(text):
        piece = read_piece(text, position)
        if piece.kind is not PieceKind.NOTHING:
            found.append(QueryText(text[piece.start : piece.end], places.position(piece.start)[0]))
        position = piece.after
    return tuple(found)
