"""Names that are longer than the server keeps."""

from __future__ import annotations

import re

from migrate_safe.model.names import MAX_IDENTIFIER_BYTES
from migrate_safe.sql.lexer import Kind, tokens


def _of_length(least: int) -> re.Pattern[str]:
    return re.compile(rf"""[^\s(),;.'"]{{{least},}}|"[^"]{{{least},}}\"""")


_IN_ASCII = _of_length(MAX_IDENTIFIER_BYTES - 3)  # the marks of U&"..." count too
_PERHAPS = _of_length(MAX_IDENTIFIER_BYTES // 4)  # characters: none has more than four bytes


def cut_name(text: str) -> tuple[str, str]:
    """Give the first name of a statement that the server cuts off, and what it keeps; both empty where none is."""
    simple = text.isascii() and '""' not in text
    if (_IN_ASCII if simple else _PERHAPS).search(text) is None:
        return "", ""
    for token in tokens(text):
        word = text[token.start : token.end]
        if token.kind is Kind.QUOTED and word[0] == '"':
            word = word[1:-1].replace('""', '"')
        elif token.kind is not Kind.WORD:
            continue
        raw = word.encode()
        if len(raw) > MAX_IDENTIFIER_BYTES:
            return word, raw[:MAX_IDENTIFIER_BYTES].decode(errors="ignore")
    return "", ""
