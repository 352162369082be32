"""Read what is said of objects beside their definition: owners, grants, comments, storage, publications..."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import psycopg

from migrate_safe.adapters.catalog_queries import Row, read_parts
from migrate_safe.catalog.evolve.holders import REMARKS
from migrate_safe.catalog.evolve.rights import DEFAULTS
from migrate_safe.catalog.privileges import given_to_all, grant_text
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Grant, Publication, PublishedTable, Thing
from migrate_safe.model.schema import Expr, Schema, Table, View
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_expression

_IDENTITIES = {"d": "default", "f": "full", "n": "nothing"}
_DEFAULT_KINDS = {"r": "table", "S": "sequence", "f": "function", "T": "type", "n": "schema", "L": "largeobject"}
_ROUTINE_KINDS = {"f": "function", "p": "procedure", "a": "aggregate", "w": "function"}
_PUBLISHED_SCHEMAS = """ARRAY(
        SELECT n.nspname::text FROM pg_catalog.pg_publication_namespace x
        JOIN pg_catalog.pg_namespace n ON n.oid = x.pnnspid WHERE x.pnpubid = p.oid ORDER BY 1
    )"""
_PUBLISHED_COLUMNS = """ARRAY(
        SELECT a.attname::text FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = x.prrelid AND a.attnum = ANY (x.prattrs::int2[]) ORDER BY a.attnum
    )"""


def with_remarks(connection: psycopg.Connection[Any], schema: Schema, words: Mapping[str, str]) -> Schema:
    """Give the schema with everything that is said of its objects; `words` are the texts that all queries share."""
    rows = _read(connection, schema.server_version, words)
    row = connection.execute("SELECT current_user::text").fetchone()
    roles = frozenset(name for (name,) in connection.execute("SELECT rolname::text FROM pg_catalog.pg_roles"))
    schema = replace(schema, role=row[0] if row is not None else None, roles=roles)
    schema = _on_parts(_on_relations(schema, rows["relations"]), rows["parts"])
    schema = replace(schema, publications=_publications(rows["publications"], rows["published"]))
    schema = _on_functions(schema, rows["functions"])
    kept = {k: t for k, t in schema.things.items() if t.kind not in ("extension", "statistics", "publication")}
    return replace(schema, things={**kept, **{(t.kind, t.name): t for t in _things(schema, rows)}})


def _read(connection: psycopg.Connection[Any], version: int, words: Mapping[str, str]) -> dict[str, list[Row]]:
    given = {
        **words,
        "generated": "p.pubgencols::text" if version >= 18 else "'n'",
        "published_schemas": _PUBLISHED_SCHEMAS if version >= 15 else "'{}'::text[]",
        "published_columns": _PUBLISHED_COLUMNS if version >= 15 else "'{}'::text[]",
        "published_rows": "pg_catalog.pg_get_expr(x.prqual, x.prrelid)" if version >= 15 else "NULL::text",
        "target": "nullif(s.stxstattarget, -1)",
    }
    return read_parts(connection, "catalog_remarks.sql", given)


def _grants(row: Row) -> tuple[Grant, ...]:
    """Give the privileges; who granted them is left out, so that one role may have one twice."""
    found: dict[tuple[str, str], bool] = defaultdict(bool)
    for word, role, grantable in row["grants"]:
        found[word, role] |= grantable == "true"
    return tuple(sorted(Grant(word, role, grantable) for (word, role), grantable in found.items()))


# ---- relations -----------------------------------------------------------------------------


def _on_relations(schema: Schema, rows: Iterable[Row]) -> Schema:
    tables, views, sequences = dict(schema.tables), dict(schema.views), dict(schema.sequences)
    for row in rows:
        name = Name(row["nspname"], row["relname"])
        if name in tables:
            tables[name] = _table(tables[name], row)
        elif name in views:
            views[name] = _view(views[name], row)
        elif name in sequences:
            sequences[name] = replace(
                sequences[name],
                role=row["owner"],
                grants=_grants(row),
                comment=row["comment"],
                persistence=row["relpersistence"],
            )
    return replace(schema, tables=tables, views=views, sequences=sequences)


def _table(table: Table, row: Row) -> Table:
    identity = _IDENTITIES.get(row["identity"], "nothing")
    if row["identity"] == "i" and row["identifying"] is not None:
        identity = f"index {row['identifying']}"
    return replace(
        table,
        owner=row["owner"],
        grants=_grants(row),
        options=_options(row),
        tablespace=row["tablespace"],
        access_method=row["access_method"] or "heap",
        clustered_on=row["clustered"],
        replica_identity=identity,
    )


def _view(view: View, row: Row) -> View:
    return replace(view, owner=row["owner"], grants=_grants(row), comment=row["comment"])


def _options(row: Row) -> tuple[tuple[str, str], ...]:
    """Give the storage parameters, those of the TOAST table with `toast.` before their names."""
    own = [option.partition("=") for option in row["reloptions"] or ()]
    toast = [option.partition("=") for option in row["toast_options"] or ()]
    return tuple(sorted([*((k, v) for k, _, v in own), *((f"toast.{k}", v) for k, _, v in toast)]))


def _on_parts(schema: Schema, rows: Iterable[Row]) -> Schema:
    """Give constraints, indexes, triggers, policies and rules their comments."""
    change: Callable[..., Any] = replace
    for row in rows:
        name, field = Name(row["nspname"], row["relname"]), row["field"]
        held: Any = schema.tables.get(name) or schema.views.get(name)
        if held is None or not hasattr(held, field):
            continue
        said = tuple(
            replace(p, comment=row["description"]) if p.name == row["name"] else p for p in getattr(held, field)
        )
        changed = change(held, **{field: said})
        if name in schema.tables:
            schema = replace(schema, tables={**schema.tables, name: changed})
        else:
            schema = replace(schema, views={**schema.views, name: changed})
    return schema


# ---- all the rest --------------------------------------------------------------------------


def _on_functions(schema: Schema, rows: Iterable[Row]) -> Schema:
    said = {(Name(r["nspname"], r["proname"]), r["arguments"]): r for r in rows}
    functions = {}
    for name, overloads in schema.functions.items():
        found = []
        for function in overloads:
            row = said.get((name, function.arguments))
            if row is not None:
                kind = _ROUTINE_KINDS.get(row["prokind"], function.kind)
                said_of = {"owner": row["owner"], "grants": _grants(row), "comment": row["comment"]}
                function = replace(function, kind=kind, **said_of)
            found.append(function)
        functions[name] = tuple(found)
    return replace(schema, functions=functions)


def _publications(rows: Iterable[Row], published: Iterable[Row]) -> dict[str, Publication]:
    tables: defaultdict[str, list[PublishedTable]] = defaultdict(list)
    for row in published:
        shown = PublishedTable(Name(row["nspname"], row["relname"]), tuple(row["columns"]), _expr(row["condition"]))
        tables[row["pubname"]].append(shown)
    return {
        row["name"]: Publication(
            name=row["name"],
            all_tables=row["puballtables"],
            tables=tuple(sorted(tables[row["name"]], key=lambda t: t.table)),
            schemas=tuple(row["schemas"]),
            operations=tuple(w for w in ("insert", "update", "delete", "truncate") if row[f"pub{w}"]),
            via_root=row["pubviaroot"],
            generated="stored" if row["generated"] == "s" else "none",
            owner=row["owner"],
            comment=row["comment"],
        )
        for row in rows
    }


def _expr(text: str | None) -> Expr | None:
    if text is None:
        return None
    try:
        return parse_expression(text)
    except UsageError:
        return Expr(text)


def _things(schema: Schema, rows: Mapping[str, list[Row]]) -> Iterable[Thing]:
    for row in rows["schemas"]:
        yield _said("schema", row, [("owner", row["owner"])], [grant_text(g) for g in _grants(row)])
    for row in rows["extensions"]:
        yield _said("extension", row, [])
    for row in rows["statistics"]:
        yield _said("statistics", row, _statistics(row))
    for row in rows["subscriptions"]:
        listed = ", ".join(sorted(row["subpublications"]))
        facts = [("publications", listed), ("enabled", "true" if row["subenabled"] else "false")]
        facts += [("slot", row["slot"])] if row["slot"] is not None else []
        yield _said("subscription", row, [*facts, ("owner", row["owner"])])
    for row in rows["defaults"]:
        kind = _DEFAULT_KINDS[row["kind"]]
        given = tuple(("grant", grant_text(g)) for g in _grants(row))
        yield Thing(DEFAULTS, Name(row["place"], f"{kind} by {row['creator']}"), given)
    for row in rows["types"]:
        yield from _remarks(schema, row)


def _said(kind: str, row: Row, facts: list[tuple[str, str]], grants: Iterable[str] = ()) -> Thing:
    said = [("comment", row["comment"])] if row["comment"] is not None else []
    name = Name(row.get("nspname"), row["name"])
    return Thing(kind, name, tuple(sorted([*facts, *(("grant", g) for g in grants), *said])))


def _statistics(row: Row) -> list[tuple[str, str]]:
    facts = [
        ("table", str(Name(row["table_schema"], row["table_name"]))),
        ("columns", ", ".join(row["columns"])),
        ("kinds", "".join(row["kinds"])),
        ("owner", row["owner"]),
    ]
    facts += [("expressions", str(row["expressions"]))] if row["expressions"] else []
    return facts + ([("target", str(row["target"]))] if row["target"] is not None else [])


def _remarks(schema: Schema, row: Row) -> Iterable[Thing]:
    """Keep of a type no more than what differs from what every type has."""
    grants = _grants(row)
    facts = [("owner", row["owner"])] if row["owner"] != schema.role else []
    if grants != given_to_all("type"):
        facts += [("grant", grant_text(g)) for g in grants] or [("no grants", "")]
    facts += [("comment", row["comment"])] if row["comment"] is not None else []
    if facts:
        yield Thing(REMARKS, Name(row["nspname"], row["typname"]), tuple(sorted(facts)))
