"""The types that every server has."""

from __future__ import annotations

_BUILTIN = frozenset(
    """
    smallint|integer|bigint|numeric|real|double precision|money|boolean|text|character varying|character|bpchar|"char"
    |name|bytea|bit|bit varying|date|timestamp without time zone|timestamp with time zone|time without time zone
    |time with time zone|interval|uuid|json|jsonb|jsonpath|xml|inet|cidr|macaddr|macaddr8|point|line|lseg|box|path
    |polygon|circle|tsvector|tsquery|oid|regclass|regtype|regproc|regprocedure|regoper|regoperator|regrole
    |regnamespace|regconfig|regdictionary|regcollation|xid|xid8|cid|tid|pg_lsn|txid_snapshot|pg_snapshot|int4range
    |int8range|numrange|tsrange|tstzrange|daterange|int4multirange|int8multirange|nummultirange|tsmultirange
    |tstzmultirange|datemultirange|oidvector|int2vector|refcursor
    """.replace("\n", "")
    .replace("    ", "")
    .split("|")
)


def is_builtin(spelled: str) -> bool:
    """Say whether a type, as format_type spells it without a schema, is of the server itself: those win over others."""
    bare = spelled.partition("(")[0].strip('"')
    return spelled in _BUILTIN or bare in _BUILTIN or spelled.startswith("interval")
