"""Connections to PostgreSQL: one way in, and errors that people can act on."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrate_safe.model.errors import MigrateSafeError, TryLater, UsageError
from migrate_safe.model.secrets import HIDDEN, hide

CONNECT_TIMEOUT = 10
"""Seconds to wait for a server that does not answer, unless the DSN or PGCONNECT_TIMEOUT says otherwise."""

_SECRETS = ("password", "sslpassword")
_QUOTED = re.compile(r"""((?:option|parameter:) )?"([^"]*)\"""")
_URI = re.compile(r"postgres(?:ql)?://([^?]*)", re.IGNORECASE)
_IN_BRACKETS, _NO_PORT = re.compile(r"\[[^\]]*\]"), re.compile(r":(?!\d*(?:,|$))")
_LIKELY = 0.75
"""How much an unknown option must look like a known one to be shown."""

# The server's own words at connection time; libpq hands out no SQLSTATE for them.
_WRONG_FOR_GOOD = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "is not permitted to log in",
    "permission denied for database",
    "is not currently accepting connections",
    "could not translate host name",
    "unrecognized configuration parameter",
    "invalid value for parameter",
    "permission denied to set parameter",
    "server does not support SSL, but SSL was required",
    "certificate verify failed",
    "server is not in hot standby mode",
    "session is not read-only",
    "definition of service",
    "service file",
    "root certificate",
    "invalid port number",
)
_WRONG_VALUE = re.compile(r"invalid \S+ value")
_NO_SUCH_HOST = tuple(
    f"[Errno {int(getattr(socket, name))}]"
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_SERVICE")
    if hasattr(socket, name)
)
"""How psycopg shows that a name or port means nothing; a resolver that gives no answer is EAI_AGAIN, and passes."""
# "connection to server on socket ... failed: No such file or directory" and PostgreSQL starting up pass by themselves.

_UNHEARD = logging.NullHandler()
"""What psycopg warns of when a connection is lost is said by an error of ours, and not on stderr as well."""


def connect(
    dsn: str = "", *, application_name: str = "migrate-safe", encoding: str | None = "UTF8", **options: Any
) -> psycopg.Connection[tuple[Any, ...]]:
    """Open an autocommit connection by DSN (URI or key=value text; empty: the PG* variables and service file).

    `options` go to `psycopg.connect` (prepare_threshold, cursor_factory...) or to libpq (connect_timeout,
    options...). An application_name in the DSN or in PGAPPNAME wins over the argument. Texts are sent and read in
    `encoding`, whatever DSN, environment and role say; None leaves it to them.

    Raises UsageError for a malformed DSN, a refused role or password, or a database that does not exist, and
    TryLater when the server cannot be reached now. Neither shows a password.
    """
    logging.getLogger("psycopg").addHandler(_UNHEARD)
    parts = parse_dsn(dsn)
    options.setdefault("autocommit", True)
    parts.setdefault("fallback_application_name", application_name)
    if encoding is not None:
        parts["client_encoding"] = encoding
    if "connect_timeout" not in parts and "connect_timeout" not in options:
        options["connect_timeout"] = CONNECT_TIMEOUT
    try:
        return psycopg.connect(make_conninfo("", **parts), **options)
    except psycopg.OperationalError as error:
        raise _explained(error, dsn) from None
    except (psycopg.ProgrammingError, UnicodeError) as error:
        raise _malformed(error) from None


@contextmanager
def legible() -> Iterator[None]:
    """Raise UsageError for text of the server that is no UTF-8: a database of encoding SQL_ASCII holds any bytes."""
    try:
        yield
    except psycopg.errors.CharacterNotInRepertoire as error:
        raise UsageError(
            f"the database holds text that is not UTF-8 ({error.diag.message_primary})",
            next_move="its encoding is SQL_ASCII, which takes any bytes: rename or rewrite what holds them",
        ) from None


def parse_dsn(dsn: str) -> dict[str, Any]:
    """Split a DSN into its libpq parameters; raises UsageError when libpq cannot read it."""
    _refuse_ambiguous(dsn)
    try:
        return dict(conninfo_to_dict(dsn))
    except (psycopg.ProgrammingError, UnicodeError) as error:
        raise _malformed(error) from None


def with_database(dsn: str, dbname: str) -> str:
    """Give the DSN of another database of the same server."""
    return make_conninfo("", **{**parse_dsn(dsn), "dbname": dbname})


def describe(dsn: str) -> str:
    """Say in words where a DSN leads, without any password: `shop on db.example.org:5432 as deploy`."""
    parts = parse_dsn(dsn)
    if "service" in parts:
        return f'service "{parts["service"]}"'
    where = parts.get("host") or parts.get("hostaddr") or "the default host"
    port = f":{parts['port']}" if "port" in parts else ""
    user = f" as {parts['user']}" if "user" in parts else ""
    return hide(f"{parts.get('dbname') or 'the default database'} on {where}{port}{user}", (dsn,))


def _refuse_ambiguous(dsn: str) -> None:
    """Raise UsageError for a URI in which the password, by all appearances, ends elsewhere than libpq thinks.

    libpq ends it at the first @, and sees none behind a /; a host name with @, or a port that is no number, tells.
    """
    found = _URI.match(dsn)
    before, mark, rest = [*re.split("([@/])", found[1] if found else "", maxsplit=1), "", ""][:3]
    strayed = mark == "@" and "@" in rest.partition("/")[0]
    cut = mark == "/" and "@" in rest and _NO_PORT.search(_IN_BRACKETS.sub("", before))
    if strayed or cut:
        raise UsageError(
            "malformed connection string: the password, or the user's name, holds a character that ends it",
            next_move="write @ as %40, / as %2F, : as %3A, % as %25; or give the password by PGPASSWORD or a passfile",
        )


def _explained(error: psycopg.OperationalError, dsn: str) -> MigrateSafeError:
    reason = _without_secrets(str(error).strip(), dsn)
    message = f"cannot connect to {describe(dsn)}: {reason}"
    if _is_wrong_for_good(str(error)):
        return UsageError(message, next_move="check the DSN (or the PG* variables) and the role's rights")
    return TryLater(message, next_move="see that the server runs and accepts connections, then run this again")


def _is_wrong_for_good(reason: str) -> bool:
    if "failed to resolve host" in reason:
        return any(number in reason for number in _NO_SUCH_HOST)
    return any(words in reason for words in _WRONG_FOR_GOOD) or _WRONG_VALUE.search(reason) is not None


def _malformed(error: Exception) -> UsageError:
    # libpq quotes pieces of the text, which may be pieces of a password; an option that is a known one misspelt is not.
    reason = "it is no text that a connection string can be made of"
    if not isinstance(error, UnicodeError):
        reason = _QUOTED.sub(_quoted_again, re.sub(r"(value for \w+: ).*", rf"\1{HIDDEN}", str(error).strip()))
    return UsageError(
        f"malformed connection string: {reason}",
        next_move="write postgresql://user@host:5432/database, or host=... dbname=... user=...",
    )


def _quoted_again(found: re.Match[str]) -> str:
    known = [option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()]
    near = get_close_matches(found[2], known, n=1, cutoff=_LIKELY)
    if not found[1] or not near:
        return f'{found[1] or ""}"..."'
    return found[0] if found[2] == near[0] else f'{found[0]} (did you mean "{near[0]}"?)'


def _without_secrets(text: str, dsn: str) -> str:
    for key in _SECRETS:
        secret = parse_dsn(dsn).get(key)
        if secret:
            text = text.replace(str(secret), HIDDEN)
    return hide(text, (dsn,))
