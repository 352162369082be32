"""Types: which are plain, and which changes of type leave the rows as they are."""

from __future__ import annotations

import re

from msgspec import Struct

from migrate_safe.catalog.builtin_types import is_builtin
from migrate_safe.catalog.casts import REGS
from migrate_safe.catalog.change import is_row_type, known_type
from migrate_safe.effects.doubts import Doubt
from migrate_safe.model.effect import Session
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, TypeName
from migrate_safe.model.table_action import AlterType
from migrate_safe.model.values import replace
from migrate_safe.sql.canonical import canonical

_EXTENSIONS = frozenset(
    """
    citext hstore ltree lquery cube seg isbn ean13 geometry geography raster box2d box3d vector halfvec sparsevec
    semver uint1 uint2 uint4 uint8 tdigest hll
    """.split()
)
"""Base types (never domains) of extensions that many databases have."""

_FIELDS = ("second", "minute", "hour", "day", "month", "year")
_COERCIBLE = frozenset(
    {
        *((number, reg) for number in ("integer", "oid") for reg in REGS),
        *((reg, number) for number in ("integer", "oid") for reg in REGS),
        ("regproc", "regprocedure"),
        ("regprocedure", "regproc"),
        ("regoper", "regoperator"),
        ("regoperator", "regoper"),
        ("character varying", "text"),
        ("text", "character varying"),
        ("bpchar", "text"),
        ("cidr", "inet"),
        ("xml", "text"),
        ("xml", "character varying"),
        ("integer", "oid"),
        ("oid", "integer"),
        ("bit", "bit varying"),
        ("citext", "text"),
        ("text", "citext"),
        ("citext", "character varying"),
        ("character varying", "citext"),
    }
)
"""Pairs without length whose values are stored alike: what pg_cast calls binary coercible."""

_TEMPORAL = ("timestamp without time zone", "timestamp with time zone", "time without time zone", "time with time zone")
_MAX_FRACTION = 6
_UTC = frozenset(
    """
    utc gmt uct zulu universal greenwich gmt0 gmt+0 gmt-0 etc/utc etc/gmt etc/uct etc/zulu etc/universal etc/greenwich
    etc/gmt0 etc/gmt+0 etc/gmt-0 0 +00 +00:00 utc+0 utc-0
    """.split()
)


class TypeChange(Struct, frozen=True):
    """The outcome of a type change: whether rows are written anew, and what that answer rests on.

    `reindex` says that indexes on the column are built again even without a rewrite.
    """

    rewrite: bool
    depends: tuple[str, ...] = ()
    reindex: bool = False


def is_plain_type(schema: Schema, type_name: TypeName) -> bool:
    """Say whether a type certainly is no domain: built in, an enum, or of a well-known extension."""
    name = type_name.name.partition("(")[0].strip('"')
    if type_name.schema in (None, "pg_catalog") and is_builtin(type_name.name):
        return True
    made = Name(type_name.schema, type_name.name)
    if made in schema.enums or made in schema.composites or is_row_type(schema, made) or name in _EXTENSIONS:
        return True
    return (
        (type_name.dimensions > 0 and made in schema.domains)
        or ("range", made) in schema.things
        or (
            "multirange",
            made,
        )
        in schema.things
    )


def type_change(schema: Schema, session: Session, old: TypeName | None, action: AlterType) -> TypeChange:
    """Judge ALTER COLUMN TYPE by the old and the new type and by USING."""
    new = known_type(schema, action.type)
    if action.using is not None and not _using_is_a_cast(action, new):
        return TypeChange(True, reindex=True)
    if old is None:
        return TypeChange(True, (Doubt.TYPE_NOW.because(action.column),), reindex=True)
    return _change(schema, session, old, new)


def _using_is_a_cast(action: AlterType, new: TypeName) -> bool:
    """Say whether USING is the column itself, or a cast of it to the very type that it becomes."""
    assert action.using is not None
    text = re.sub(r"[\s()\"]+", "", action.using.sql)
    plain = re.sub(r"[\s()\"]+", "", action.column)
    if text == plain or (canonical(action.using.sql) == f"col:{action.column}" and "::" not in text):
        return True
    head, cast, tail = text.partition("::")
    return bool(cast) and head == plain and tail in _spellings(new)


def _spellings(new: TypeName) -> set[str]:
    """Give the ways to write a type that a deparsed cast may use, without blanks and parentheses."""
    short = {
        "character varying": "varchar",
        "timestamp without time zone": "timestamp",
        "timestamp with time zone": "timestamptz",
        "integer": "int",
        "bigint": "int8",
    }
    names = {str(new), str(replace(new, name=short.get(new.name, new.name)))}
    return {re.sub(r"[\s()\"]+", "", n) for n in names}


def _change(schema: Schema, session: Session, old: TypeName, new: TypeName) -> TypeChange:
    if old == new:
        return TypeChange(False)
    if _is_domain(schema, new):
        return _to_domain(schema, session, old, new)
    if _is_domain(schema, old):
        base = schema.domains[Name(old.schema, old.name)].base
        return _change(schema, session, base, new)
    if not (is_plain_type(schema, old) and is_plain_type(schema, new)):
        return TypeChange(True, (Doubt.TYPE_STORED.because(old, new),), reindex=True)
    if old.dimensions or new.dimensions:
        return TypeChange(not _widens_array(old, new), reindex=True)
    if {old.name, new.name} == set(_TEMPORAL[:2]):
        return _between_timestamps(session, new)
    return TypeChange(not _keeps_rows(old, new), reindex=not _same_order(old, new))


def _is_domain(schema: Schema, type_name: TypeName) -> bool:
    return not type_name.dimensions and Name(type_name.schema, type_name.name) in schema.domains


def _to_domain(schema: Schema, session: Session, old: TypeName, new: TypeName) -> TypeChange:
    name = Name(new.schema, new.name)
    if schema.is_constrained(name):
        return TypeChange(True, reindex=True)
    return _change(schema, session, old, schema.domains[name].base)


def _widens_array(old: TypeName, new: TypeName) -> bool:
    """Say whether an array type only loses its length limit under one name."""
    return old.dimensions == new.dimensions and old.name == new.name and not new.modifiers


def _between_timestamps(session: Session, new: TypeName) -> TypeChange:
    """Judge timestamp <-> timestamptz: no rewrite where the session's TimeZone is UTC for all times.

    Values are cut to fewer digits than six after the conversion, whatever the old type had: that is a rewrite.
    """
    if _fraction(new) < _MAX_FRACTION:
        return TypeChange(True, reindex=True)
    if session.time_zone is None:
        return TypeChange(True, (Doubt.TIME_ZONE.because(),), reindex=True)
    return TypeChange(session.time_zone.strip("'").lower() not in _UTC, reindex=True)


def _fraction(type_name: TypeName) -> int:
    return type_name.modifiers[0] if type_name.modifiers else _MAX_FRACTION


def _keeps_rows(old: TypeName, new: TypeName) -> bool:
    """Say whether every stored value of the old type is one of the new type as it stands."""
    if old.name == new.name:
        return _widens(old, new)
    if old.name.startswith("interval") and new.name.startswith("interval"):
        return _widens_interval(old, new)
    if (old.name, new.name) not in _COERCIBLE:
        return False
    return not new.modifiers


def _widens_interval(old: TypeName, new: TypeName) -> bool:
    """Say whether the smallest field that is kept stays or gets smaller, and fractions of seconds are not cut."""
    least, wanted = (_FIELDS.index(t.name.split()[-1]) if " " in t.name else 0 for t in (old, new))
    return wanted <= least and (least > 0 or _fraction(new) >= _fraction(old))


def _widens(old: TypeName, new: TypeName) -> bool:
    match new.name:
        case "character varying" | "bit varying":
            return not new.modifiers or (bool(old.modifiers) and new.modifiers[0] >= old.modifiers[0])
        case "numeric":
            if not new.modifiers:
                return True
            same_scale = bool(old.modifiers) and old.modifiers[1:] == new.modifiers[1:]
            return same_scale and new.modifiers[0] >= old.modifiers[0]
        case name if name in _TEMPORAL or name.startswith("interval"):
            return _fraction(new) >= _fraction(old)
        case _:
            return old.modifiers == new.modifiers


def _same_order(old: TypeName, new: TypeName) -> bool:
    """Say whether indexes stay usable: both types are compared by the same operators."""
    one_family = ({"character varying", "text"}, {"inet", "cidr"}, {"oid", *REGS})
    intervals = old.name.startswith("interval") and new.name.startswith("interval")
    return old.name == new.name or intervals or any({old.name, new.name} <= family for family in one_family)
