"""Which values the server takes for a column of another type by itself: what pg_cast and the rules of SQL say.

https://www.postgresql.org/docs/current/typeconv-query.html
"""

from __future__ import annotations

from migrate_safe.catalog.change import known_type
from migrate_safe.catalog.things import fact
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Thing
from migrate_safe.model.schema import Schema, TypeName
from migrate_safe.model.values import replace

REGS = (
    "regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole"
    " regtype"
).split()
"""The types that show an oid as the name of what it is of."""
WHOLE = ("smallint", "integer", "bigint")
_NUMBERS = (*WHOLE, "numeric", "real", "double precision")
_CHAR, _CHAR_IS_NO_TEXT = '"char"', 15
_STAMP, _STAMP_TZ = "timestamp without time zone", "timestamp with time zone"
_TIME, _TIME_TZ = "time without time zone", "time with time zone"
TEXTS = frozenset({"text", "character varying", "character", "bpchar", "name"})
"""Types to which a value of any type is assigned, as text."""
_ASSIGNED: dict[str, frozenset[str]] = {
    **{number: frozenset(_NUMBERS) for number in _NUMBERS},
    "smallint": frozenset({*_NUMBERS, "oid", *REGS}),
    "integer": frozenset({*_NUMBERS, "oid", "money", *REGS}),
    "bigint": frozenset({*_NUMBERS, "oid", "money", *REGS}),
    "numeric": frozenset({*_NUMBERS, "money"}),
    "money": frozenset({"numeric"}),
    "oid": frozenset({"integer", "bigint", *REGS}),
    **{reg: frozenset({"oid", "integer", "bigint"}) for reg in REGS},
    "regproc": frozenset({"oid", "integer", "bigint", "regprocedure"}),
    "regprocedure": frozenset({"oid", "integer", "bigint", "regproc"}),
    "regoper": frozenset({"oid", "integer", "bigint", "regoperator"}),
    "regoperator": frozenset({"oid", "integer", "bigint", "regoper"}),
    "text": frozenset({'"char"', "regclass"}),
    "character varying": frozenset({'"char"', "regclass"}),
    "character": frozenset({'"char"'}),
    "bpchar": frozenset({'"char"'}),
    "bit": frozenset({"bit varying"}),
    "bit varying": frozenset({"bit"}),
    "cidr": frozenset({"inet"}),
    "inet": frozenset({"cidr"}),
    "macaddr": frozenset({"macaddr8"}),
    "macaddr8": frozenset({"macaddr"}),
    "json": frozenset({"jsonb"}),
    "jsonb": frozenset({"json"}),
    "date": frozenset({_STAMP, _STAMP_TZ}),
    _STAMP: frozenset({"date", _TIME, _STAMP_TZ}),
    _STAMP_TZ: frozenset({"date", _TIME, _TIME_TZ, _STAMP}),
    _TIME: frozenset({"interval", _TIME_TZ}),
    _TIME_TZ: frozenset({_TIME}),
    "interval": frozenset({_TIME}),
    "point": frozenset({"box"}),
    "box": frozenset({"polygon"}),
    "path": frozenset({"polygon"}),
    "polygon": frozenset({"path"}),
    **dict.fromkeys(
        (
            '"char" boolean bytea cid circle daterange datemultirange int4multirange int4range int8multirange int8range'
            " jsonpath line lseg name nummultirange numrange pg_lsn tid tsmultirange tsquery tsrange tstzmultirange"
            " tstzrange tsvector uuid xid xid8 xml"
        ).split(),
        frozenset[str](),
    ),
}
"""The built-in types -> those to which their values are assigned, beside TEXTS and themselves: 14 to 18 agree."""


def is_assigned(schema: Schema, old: TypeName, new: TypeName) -> bool | None:
    """Say whether a value of one type goes into a column of another without a cast; None where that is not known."""
    old, new = base_type(schema, old), base_type(schema, new)
    if (old.name, old.schema, old.dimensions) == (new.name, new.schema, new.dimensions):
        return True
    if old.dimensions and new.dimensions:
        return is_assigned(schema, replace(old, dimensions=0), replace(new, dimensions=0))
    made = _made_cast(schema, old, new)
    explicit = made is not None and fact(made, "context") == "explicit"
    if not (_is_known(schema, old) and _is_known(schema, new)) or (made is not None and not explicit):
        return None
    if explicit and new.name in TEXTS:
        return None
    if not new.dimensions and new.name in TEXTS:
        return True
    if new.name == _CHAR and schema.server_version < _CHAR_IS_NO_TEXT:
        return None
    if old.dimensions or new.dimensions:
        return False
    if all(Name(t.schema, t.name) in schema.composites for t in (old, new)):
        return None
    return new.name in _ASSIGNED.get(old.name, frozenset()) if old.schema is None and new.schema is None else False


def base_type(schema: Schema, type_name: TypeName) -> TypeName:
    """Give the type without what only narrows it: the domain over it, the fields of an interval."""
    found = known_type(schema, type_name)
    if found.schema is None:
        return replace(found, name="interval") if found.name.startswith("interval ") else found
    domain = schema.domains.get(Name(found.schema, found.name)) if not found.dimensions else None
    return found if domain is None else base_type(schema, domain.base)


def _is_known(schema: Schema, type_name: TypeName) -> bool:
    made = Name(type_name.schema, type_name.name)
    if type_name.schema is None:
        return type_name.name in _ASSIGNED
    things = any((kind, made) in schema.things for kind in ("range", "multirange"))
    return made in schema.enums or made in schema.composites or things


def _made_cast(schema: Schema, old: TypeName, new: TypeName) -> Thing | None:
    """Give the cast that somebody made between the types; which schemas these are in is not looked at."""
    plain = [str(replace(t, schema=None, modifiers=())) for t in (old, new)]
    return schema.things.get(("cast", Name(None, " as ".join(plain))))


_WIDENING = (
    ("smallint", "integer", "bigint", "numeric", "real", "double precision"),
    ("date", _STAMP, _STAMP_TZ),
    *(("text", "character varying"), ("character varying", "text"), ("character", "text", "character varying")),
    *((name,) for name in ("json", "jsonb", "uuid", "boolean", "bytea", "inet")),
)
"""Everyday types, each of which is taken for those behind it without a word."""
_EVERYDAY = frozenset(name for names in _WIDENING for name in names)


def is_implicit(given: TypeName, wanted: TypeName) -> bool | None:
    """Say whether a function of one type takes values of another; None but for everyday types."""
    if given.schema or wanted.schema or given.dimensions or wanted.dimensions:
        return None
    if not {given.name, wanted.name} <= _EVERYDAY or wanted.name == "character":
        return None
    return any(wanted.name in names[names.index(given.name) :] for names in _WIDENING if given.name in names)
