"""Names of database objects, and how to write them in SQL."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from typing import NamedTuple

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")

MAX_IDENTIFIER_BYTES = 63
"""NAMEDATALEN - 1: longer identifiers are cut by the server."""

# Every keyword that quote_ident() quotes: all that are not "unreserved" in
# pg_get_keywords(). tests/truth/test_names.py holds this set to servers 14 and 18.
_KEYWORDS = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
    boolean both case cast char character check coalesce collate collation column concurrently
    constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user dec decimal default deferrable desc distinct do else end except
    exists extract false fetch float for foreign freeze from full grant greatest group grouping having
    ilike in initially inner inout int integer intersect interval into is isnull join json json_array
    json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
    json_table json_value lateral leading least left like limit localtime localtimestamp merge_action
    national natural nchar none normalize not notnull null nullif numeric offset on only or order out
    outer overlaps overlay placing position precision primary real references returning right row
    select session_user setof similar smallint some substring symmetric system_user table tablesample
    then time timestamp to trailing treat trim true union unique user using values varchar variadic
    verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces
    xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split()
)


@lru_cache(maxsize=16_384)
def quote_ident(identifier: str) -> str:
    """Write an identifier as the server function of that name does: quoted only where it must be."""
    if _PLAIN.match(identifier) and identifier not in _KEYWORDS:
        return identifier
    return '"' + identifier.replace('"', '""') + '"'


def as_role(role: str) -> str:
    """Write a role that something is granted to; an empty one is PUBLIC."""
    return quote_ident(role) if role else "PUBLIC"


def mentions(text: str, name: str) -> bool:
    """Say whether SQL, or YAML that holds SQL, has an identifier in it, quoted or not."""
    quoted = name.replace('"', '""')
    forms = {name, quoted, quoted.replace("\\", "\\\\").replace('"', '\\"')}
    return bool(name) and any(re.search(rf"(?<![\w$]){re.escape(form)}(?![\w$])", text) for form in forms)


def quote_literal(text: str) -> str:
    """Write a string literal that means the same whatever standard_conforming_strings says."""
    body = text.replace("'", "''")
    if "\\" in text:
        return " E'" + body.replace("\\", "\\\\") + "'"
    return "'" + body + "'"


def shorten(identifier: str, limit: int = MAX_IDENTIFIER_BYTES) -> str:
    """Cut an identifier to `limit` bytes as the server does, never inside a character."""
    return identifier.encode()[:limit].decode(errors="ignore")


NOWHERE = ""
"""The schema of a name that was looked for where there is no schema to look in."""


class Name(NamedTuple):
    """A possibly schema-qualified name, unquoted and case-folded as the server stores it.

    `schema` is None where the text named none; the catalog resolves it by search_path. Such names come first in order.
    A tuple, for names are the keys of almost everything: no other value is hashed and compared as often.
    """

    schema: str | None
    name: str

    def __lt__(self, other: Name) -> bool:  # type: ignore[override]  # names are compared with names
        """Compare by schema, then by name."""
        return (self.schema or "", self.name) < (other.schema or "", other.name)

    def __gt__(self, other: Name) -> bool:  # type: ignore[override]  # names are compared with names
        """Compare by schema, then by name."""
        return other < self

    def __str__(self) -> str:
        """Write the name in SQL, quoted where needed."""
        if not self.schema:
            return quote_ident(self.name)
        return f"{quote_ident(self.schema)}.{quote_ident(self.name)}"

    def within(self, schema: str) -> Name:
        """Give the same name, qualified by `schema` unless it already names one."""
        return self if self.schema is not None else Name(schema, self.name)


_PART = re.compile(r'"((?:[^"]|"")*)"|([^".\s]+)')


def in_quotes(name: str) -> str:
    """Set off a name as SQL writes it for people: one that bears quotes already needs no more."""
    return name if '"' in name else f'"{name}"'


def as_argument(identifier: str) -> str:
    """Write an SQL identifier for a shell: without the quotes of SQL, with those of the shell where it needs them."""
    return shlex.quote(parse_name(identifier).name)


def parse_name(text: str) -> Name:
    """Read a name as SQL writes it: parts folded to lower case unless quoted, of three the last two."""
    parts = [quoted.replace('""', '"') if quoted else plain.lower() for quoted, plain in _PART.findall(text)]
    if not parts:
        return Name(None, "")
    return Name(parts[-2] if len(parts) > 1 else None, parts[-1])
