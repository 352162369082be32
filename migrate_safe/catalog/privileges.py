"""Privileges: which ones an object has, and what GRANT and REVOKE make of those that were given.

What the owner holds on its own objects is left out: it can always be taken back. So is who granted a privilege.
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import CannotApply
from migrate_safe.model.objects import Grant
from migrate_safe.model.said import Grants
from migrate_safe.model.schema import Schema

_MAINTAIN = 17
"""The first major version with the privilege MAINTAIN."""
_OF_COLUMNS = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
_OF_TABLES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
_OF_KINDS = {
    "sequence": ("USAGE", "SELECT", "UPDATE"),
    "function": ("EXECUTE",),
    "procedure": ("EXECUTE",),
    "routine": ("EXECUTE",),
    "schema": ("CREATE", "USAGE"),
    "type": ("USAGE",),
    "domain": ("USAGE",),
    "largeobject": ("SELECT", "UPDATE"),
}
_OPTION = " with grant option"
_TO_EVERYBODY = {
    "function": "EXECUTE",
    "procedure": "EXECUTE",
    "routine": "EXECUTE",
    "type": "USAGE",
    "domain": "USAGE",
}


def privileges_of(kind: str, version: int) -> tuple[str, ...]:
    """Give all privileges that there are on a kind of object; none for kinds that are not kept."""
    if kind == "table":
        return (*_OF_TABLES, "MAINTAIN") if version >= _MAINTAIN else _OF_TABLES
    return _OF_COLUMNS if kind == "column" else _OF_KINDS.get(kind, ())


def given_to_all(kind: str) -> tuple[Grant, ...]:
    """Give what everybody may do with a new object of a kind, unless default privileges say otherwise."""
    return (Grant(_TO_EVERYBODY[kind], ""),) if kind in _TO_EVERYBODY else ()


def granted(held: Iterable[Grant], change: Grants, words: Iterable[str], roles: Iterable[str]) -> tuple[Grant, ...]:
    """Give the privileges after GRANT, REVOKE or REVOKE GRANT OPTION FOR of those words."""
    found = {(g.privilege, g.role): g.grantable for g in held}
    for key in [(word, role) for word in words for role in roles]:
        if change.grant:
            found[key] = found.get(key, False) or change.option
        elif change.option:
            found |= {key: False} if key in found else {}
        else:
            found.pop(key, None)
    return tuple(sorted(Grant(word, role, grantable) for (word, role), grantable in found.items()))


def words_for(schema: Schema, change: Grants, kind: str, *, columns: bool = False) -> tuple[str, ...]:
    """Give the privileges that a statement names on whole objects, or on columns; ALL stands for all of the kind.

    Raises CannotApply for one that there is not on that kind.
    """
    every = privileges_of("column" if columns else kind, schema.server_version)
    named = [p.word for p in change.privileges if bool(p.columns) == columns]
    for word in named:
        if word not in (*every, "ALL"):
            raise CannotApply(f"invalid privilege type {word} for {'column' if columns else kind}")
    return every if "ALL" in named else tuple(named)


def role_name(schema: Schema, role: str) -> str:
    """Give the role that CURRENT_USER and SESSION_USER stand for, any other as it is."""
    return schema.role if role in ("CURRENT_USER", "SESSION_USER") and schema.role is not None else role


def without_owner(grants: Iterable[Grant], owner: str | None) -> tuple[Grant, ...]:
    """Leave out what the owner holds."""
    return tuple(sorted(g for g in grants if g.role != owner))


def grant_text(grant: Grant) -> str:
    """Write a grant as a fact of a thing."""
    return f"{grant.privilege} to {grant.role or 'PUBLIC'}{_OPTION if grant.grantable else ''}"


def grant_of(text: str) -> Grant:
    """Read a grant as `grant_text` writes it."""
    word, _, rest = text.partition(" to ")
    role = rest.removesuffix(_OPTION)
    return Grant(word, "" if role == "PUBLIC" else role, role != rest)
