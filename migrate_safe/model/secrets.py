"""Passwords in connection strings, however malformed, are hidden in whatever people are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

HIDDEN = "***"

_URI = re.compile(r"\w[\w+.-]*:/+")
_POSTGRES = re.compile(r"postgres\w*[\w+.-]*:/+", re.IGNORECASE)
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_NO_PORT = re.compile(r"[^:/?]*:(?!\d+(?:[,/?]|$))(.*)", re.DOTALL)
"""What stands where a port would, when the host and its @ are missing."""
_KEYS = """
service servicefile user passfile channel_binding connect_timeout dbname host hostaddr port client_encoding options
application_name fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count
tcp_user_timeout replication gssencmode sslmode sslnegotiation sslcompression sslcert sslkey sslcertmode sslrootcert
sslcrl sslcrldir sslsni requirepeer require_auth min_protocol_version max_protocol_version ssl_min_protocol_version
ssl_max_protocol_version krbsrvname gsslib gssdelegation target_session_attrs load_balance_hosts
""".split()
_NEXT = rf"[\s&?]+(?:{'|'.join(_KEYS)})\s*="
_QUOTED = rf"""'(?:[^'\\]|\\.)*'(?={_NEXT}|\s*$)|'.*$"""
_GIVEN = re.compile(
    rf"(?<!\w)(?!(?:pg)?passfile)\w*(?:pas|pwd|secret)\w*\s*=\s*({_QUOTED}|.*?(?={_NEXT}|$))", re.IGNORECASE | re.DOTALL
)
"""A password given by its key, or by a key misspelt: up to the next key that libpq knows, or to the end of the word
where a quote in it is not closed as it should be."""
_BREAKS = re.compile(r"""[@/:?#&=%\s'"\\,\[\]]+""")
"""Where libpq may break a malformed connection string into pieces, which it then quotes one by one."""
_COMMON = re.compile(r"[a-z]*|\w{,3}")
"""What is hidden only where it stands as a word of its own: "postgres" may be a password, but not in postgresql://."""

_IN_TEXT = re.compile(
    r"""(\w[\w+.-]*:/+[^:/@\s]*:)\S*@|((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&]+)""", re.IGNORECASE
)


def hide(text: str, given: Iterable[str] = ()) -> str:
    """Give a text without passwords: those of the connection strings in it, and those of the words `given`.

    `given` is what a person wrote (arguments, environment variables). A malformed connection string does not say
    where its password ends, so every part of it that may belong to the password is hidden: rather too much.
    """
    for secret in sorted({s for word in given for s in secrets_of(word)}, key=len, reverse=True):
        text = _without(text, secret)
    return _IN_TEXT.sub(lambda m: f"{m[1]}{HIDDEN}@" if m[1] else f"{m[2]}{HIDDEN}", text)


def secrets_of(word: str) -> frozenset[str]:
    """Give everything in a word that may be a password or a part of one, as written and as libpq would read it."""
    found = {secret.strip() for secret in _passwords(word)} - {"", "''"}
    broken = {piece for secret in found if _BREAKS.search(secret) for piece in _BREAKS.split(secret)}
    read = {_unquoted(secret) for secret in found | broken if "%" in secret}
    return frozenset((found | broken | read) - {""})


def _passwords(word: str) -> Iterator[str]:
    for key in _GIVEN.finditer(word):
        yield key[1].strip("'") if key[1].startswith("'") else key[1]
    for scheme in _URI.finditer(word):
        user, at, _ = word[scheme.end() :].rpartition("@")
        if at:
            yield user.partition(":")[2]
        elif _POSTGRES.match(scheme[0]) and (port := _NO_PORT.match(word, scheme.end())):
            yield port[1]


def _unquoted(text: str) -> str:
    """Read %XX as libpq does."""
    written = text.encode("utf-8", "surrogateescape")
    return _PERCENT.sub(lambda m: bytes([int(m[1], 16)]), written).decode("utf-8", "replace")


def _without(text: str, secret: str) -> str:
    if _COMMON.fullmatch(secret):
        return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    return text.replace(secret, HIDDEN)
