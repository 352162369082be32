"""Names that are longer than the server keeps."""

from __future__ import annotations

import re

from migrate_safe.model.names import MAX_IDENTIFIER_BYTES
from migrate_safe.sql.lexer import Kind, tokens

_LEAST = MAX_IDENTIFIER_BYTES // 4  # characters: none has more than four bytes
_PERHAPS = re.compile(rf"""[^\s(),;.'"]{{{_LEAST},}}|"[^"]{{{_LEAST},}}\"""")


def cut_name(text: str) -> tuple[str, str]:
    """Give the first name of a statement that the server cuts off, and what it keeps; both empty where none is."""
    if _PERHAPS.search(text) is None:
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
