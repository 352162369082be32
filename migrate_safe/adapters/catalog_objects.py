"""Turn rows of the catalog queries into types, sequences and views, for catalog_reader.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from migrate_safe.catalog.evolve.sequences import bounds
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Domain, DomainConstraint, Expr, Index, Sequence, Thing, TypeName, View
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_expression

Row = Mapping[str, Any]

_MODIFIERS = re.compile(r"\((-?\d+(?:,-?\d+)*)\)")


def expression_of(text: str | None) -> Expr | None:
    """Read an expression as pg_get_expr() prints it; one that does not parse is kept as text."""
    if text is None:
        return None
    try:
        return parse_expression(text)
    except UsageError:
        return Expr(text)


def type_of(row: Row) -> TypeName:
    """Read a type; the row tells its schema, and what its elements are where it is an array."""
    array = row["is_array"]
    schema = row["element_schema"] if array else row["type_schema"]
    spelled = row["spelled"].removesuffix("[]") if array else row["spelled"]
    if schema == "pg_catalog":
        return _spelled(spelled, array)
    if row["of_extension"]:
        return TypeName(spelled.rpartition(".")[2], (), 1 if array else 0)
    return TypeName(row["element_name"] if array else row["typname"], (), 1 if array else 0, schema)


def _spelled(text: str, array: bool) -> TypeName:
    """Read a type as format_type() spells it: the modifiers may stand inside, as in timestamp(3) with time zone."""
    found = _MODIFIERS.search(text)
    numbers = tuple(int(n) for n in found[1].split(",")) if found else ()
    return TypeName(_MODIFIERS.sub("", text), numbers, 1 if array else 0)


def type_name_of(row: Row) -> Name:
    """Give the name of the type that a row is about."""
    return Name(row["nspname"], row["name"])


def domain_of(row: Row) -> Domain:
    """Read a domain."""
    return Domain(
        base=type_of(row),
        not_null=row["typnotnull"],
        default=expression_of(row["typdefault"]),
        collation=Name(*row["collation"]) if row["collation"] else None,
        constraints=tuple(
            DomainConstraint(c["name"], expression_of(c["check"]), c["validated"]) for c in row["constraints"]
        ),
    )


def bare_types(rows: Iterable[Row]) -> Iterator[Thing]:
    """Read ranges, multiranges, and types of which only the name is known."""
    for row in rows:
        name = type_name_of(row)
        match row["typtype"]:
            case "r":
                yield Thing("range", name, (("subtype", str(type_of(row))),))
            case "m":
                yield Thing("multirange", name, (("range", str(Name(row["type_schema"], row["typname"]))),))
            case "b":
                yield Thing("base type", name)
            case "p":
                yield Thing("shell type", name)


def sequence_of(row: Row) -> Sequence:
    """Read a sequence; bounds that its type and direction give are left out."""
    owner = None
    if row["owner_table"] is not None:
        owner = (Name(row["owner_schema"], row["owner_table"]), row["owner_column"])
    name = Name(row["nspname"], row["relname"])
    bare = Sequence(name, row["type"], owner, row["seqstart"], row["seqincrement"], cycle=row["seqcycle"])
    low, high = bounds(bare)
    return replace(
        bare,
        minimum=row["seqmin"] if row["seqmin"] != low else None,
        maximum=row["seqmax"] if row["seqmax"] != high else None,
        cache=row["seqcache"],
        persistence=row["relpersistence"],
    )


def view_of(row: Row, columns: Iterable[Row], indexes: tuple[Index, ...]) -> View:
    """Read a view with its columns and, of a materialized one, its indexes."""
    parts = [tuple(p) for p in row["parts"]]
    shown = list(columns)
    options = [o.partition("=") for o in row["reloptions"] or ()]
    return View(
        name=Name(row["nspname"], row["relname"]),
        materialized=row["relkind"] == "m",
        relations=frozenset(Name(schema, relation) for schema, relation, _ in parts),
        columns=frozenset(column for _, _, column in parts if column),
        uses=frozenset((Name(schema, relation), column) for schema, relation, column in parts if column),
        definition=row["definition"],
        shows=tuple(c["attname"] for c in shown),
        types=tuple(map(type_of, shown)),
        collations=tuple(Name(*c["collation"]) if c["collation"] else None for c in shown),
        defaults=tuple((c["attname"], d) for c in shown if (d := expression_of(c["default_text"])) is not None),
        indexes=indexes,
        options=tuple((name, value) for name, _, value in options),
        populated=row["relispopulated"],
    )


def foreign_of(row: Row) -> Thing:
    """Read a foreign data wrapper, a server, or a user mapping, which is named server.user."""
    facts = {word: row[word] for word in ("wrapper", "type", "version", "handler") if row[word]}
    given = (o.partition("=") for o in row["options"] or ())
    facts |= {f"option {name}": value for name, _, value in given}
    return Thing(row["kind"], Name(row["nspname"], row["name"]), tuple(sorted(facts.items())))
