"""Read a live database of PostgreSQL 14 to 18 as a Schema."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import psycopg

from migrate_safe.adapters.catalog_objects import (
    Row,
    bare_types,
    domain_of,
    expression_of,
    foreign_of,
    sequence_of,
    type_name_of,
    type_of,
    view_of,
)
from migrate_safe.adapters.catalog_programs import (
    read_functions,
    read_policy,
    read_rule,
    read_thing,
    read_trigger,
    with_schemas,
)
from migrate_safe.adapters.catalog_queries import read_parts
from migrate_safe.adapters.catalog_remarks import with_remarks
from migrate_safe.catalog.definition import constraint_definition
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name
from migrate_safe.model.postgres import MAJORS
from migrate_safe.model.schema import (
    Column,
    ColumnGrant,
    Constraint,
    ConstraintKind,
    Generated,
    Identity,
    Index,
    IndexKey,
    Reference,
    Schema,
    Table,
    TableKind,
    Thing,
    TypeName,
    View,
)
from migrate_safe.model.values import replace

_SCHEMAS = """n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate_safe')
    AND n.nspname NOT LIKE 'migrate\\_safe\\_retired\\_%%'
    AND n.nspname NOT LIKE 'pg\\_toast%%' AND n.nspname NOT LIKE 'pg\\_temp\\_%%'"""
_SHOWN = (
    _SCHEMAS
    + """ AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
    WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')"""
)
_KINDS = {
    "c": ConstraintKind.CHECK,
    "f": ConstraintKind.FOREIGN,
    "n": ConstraintKind.NOT_NULL,
    "p": ConstraintKind.PRIMARY,
    "u": ConstraintKind.UNIQUE,
    "x": ConstraintKind.EXCLUDE,
}
_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_MATCHES = {"f": "FULL", "p": "PARTIAL", "s": "SIMPLE"}
_TABLE_KINDS = {"r": TableKind.TABLE, "p": TableKind.PARTITIONED, "f": TableKind.FOREIGN}
_STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
_COMPRESSION = {"p": "pglz", "l": "lz4"}
_APART = ("sequences", "types", "composites", "things", "foreign", "functions", "program_things")
"""What is read beside tables and views."""
_QUERIES = ("catalog_reader.sql", "catalog_programs.sql")


def read_schema(connection: psycopg.Connection[Any], only: Sequence[int] | None = None) -> Schema:
    """Read everything that is modelled, but for system schemas, `migrate_safe`, temporary and extensions' relations.

    With `only`, nothing is read but the tables and views of these oids, without grants, comments and publications.
    Numbers of rows and bytes are estimates. Raises UsageError for a server older than all that are supported.
    """
    version = connection.info.server_version // 10000
    if version < MAJORS[0]:
        raise UsageError(f"PostgreSQL {version} is not supported", next_move=f"use PostgreSQL {MAJORS[0]} or later")
    shown = _SHOWN if only is None else f"{_SHOWN} AND c.oid IN ({', '.join(map(str, (0, *only)))})"
    rows = _read(connection, version, shown, skip=() if only is None else _APART)
    read = Schema(
        tables={t.name: t for t in _tables(rows)},
        views=_views(rows),
        functions=read_functions(rows["functions"]),
        sequences={s.name: s for s in map(sequence_of, rows["sequences"])},
        enums={type_name_of(r): tuple(r["labels"]) for r in rows["types"] if r["typtype"] == "e"},
        domains={type_name_of(r): domain_of(r) for r in rows["types"] if r["typtype"] == "d"},
        composites=_composites(rows),
        things={(t.kind, t.name): t for t in _things(rows)},
        extension_types={r["typname"]: r["type_schema"] for r in rows["columns"] if r["of_extension"]},
        search_path=_search_path(connection),
        complete=True,
        server_version=version,
    )
    if only is not None:
        return read
    return with_schemas(with_remarks(connection, read, {"shown": shown, "schemas": _SCHEMAS}))


def _read(connection: psycopg.Connection[Any], version: int, shown: str, skip: Collection[str]) -> dict[str, list[Row]]:
    words = {
        "shown": shown,
        "schemas": _SCHEMAS,
        "enforced": "k.conenforced" if version >= 18 else "true",
        "period": "k.conperiod" if version >= 18 else "false",
        "cleared": "k.confdelsetcols" if version >= 15 else "NULL::int2[]",
        "nulls_not_distinct": "i.indnullsnotdistinct" if version >= 15 else "false",
    }
    found: dict[str, list[Row]] = {}
    for file in _QUERIES:
        found |= read_parts(connection, file, words, skip)
    return found


def _search_path(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    row = connection.execute("SELECT pg_catalog.current_schemas(false)").fetchone()
    found = [s for s in (row[0] if row is not None else ()) if s != "pg_catalog" and not s.startswith("pg_temp")]
    return tuple(found)


def _tables(rows: Mapping[str, list[Row]]) -> Iterable[Table]:
    columns, constraints = _by(rows["columns"], "attrelid"), _by(rows["constraints"], "conrelid")
    indexes, triggers = _by(rows["indexes"], "indrelid"), _by(rows["triggers"], "tgrelid")
    policies, rules = _by(rows["policies"], "polrelid"), _by(rows["rules"], "ev_class")
    for row in rows["tables"]:
        oid = row["oid"]
        found = tuple(map(_index, indexes[oid]))
        yield Table(
            name=_name(row),
            columns=tuple(map(_column, columns[oid])),
            constraints=tuple(_constraint(r, found) for r in constraints[oid]),
            indexes=found,
            triggers=tuple(map(read_trigger, triggers[oid])),
            kind=_TABLE_KINDS[row["relkind"]],
            parents=tuple(Name(*parent) for parent in row["parents"]),
            partition_key=row["partition_key"],
            partition_bound=row["partition_bound"],
            detaching=Name(*row["detaching"]) if row["detaching"] else None,
            of_type=Name(*row["of_type"]) if row["of_type"] else None,
            persistence=row["relpersistence"],
            row_security=row["relrowsecurity"],
            server=row["server"],
            forced_row_security=row["relforcerowsecurity"],
            policies=tuple(map(read_policy, policies[oid])),
            rules=tuple(map(read_rule, rules[oid])),
            comment=row["comment"],
            rows=row["rows"],
            bytes=row["bytes"],
        )


def _by(rows: Iterable[Row], key: str) -> defaultdict[int, list[Row]]:
    grouped: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[key]].append(row)
    return grouped


def _name(row: Row) -> Name:
    return Name(row["nspname"], row.get("relname") or row["typname"])


def _column(row: Row) -> Column:
    generated = {"s": Generated.STORED, "v": Generated.VIRTUAL}.get(row["attgenerated"])
    identity = {"a": Identity.ALWAYS, "d": Identity.BY_DEFAULT}.get(row["attidentity"])
    return Column(
        name=row["attname"],
        type=type_of(row),
        not_null=row["attnotnull"],
        default=expression_of(row["default_text"]),
        generated=generated,
        identity=identity,
        collation=Name(*row["collation"]) if row["collation"] else None,
        comment=row["comment"],
        grants=tuple(ColumnGrant(what, who, again == "true") for what, who, again in row["grants"]),
        settings=_settings(row),
        local=row["attislocal"],
    )


def _settings(row: Row) -> tuple[str, ...]:
    """Give what was set for a column beyond its definition, as actions of ALTER COLUMN."""
    found = []
    if row["statistics"] is not None:
        found.append(f"SET STATISTICS {row['statistics']}")
    if row["storage"] is not None:
        found.append(f"SET STORAGE {_STORAGE[row['storage']]}")
    if row["compression"]:
        found.append(f"SET COMPRESSION {_COMPRESSION[row['compression']]}")
    if row["options"]:
        found.append(f"SET ({', '.join(row['options'])})")
    return tuple(found)


def _constraint(row: Row, indexes: tuple[Index, ...]) -> Constraint:
    kind = _KINDS[row["contype"]]
    index = next((i for i in indexes if i.constraint == row["conname"]), None)
    columns = tuple(row["columns"])
    if kind is ConstraintKind.EXCLUDE and index is not None:
        columns = tuple(k.column for k in index.keys if k.column is not None)
    made = Constraint(
        kind=kind,
        columns=tuple(sorted(columns)) if kind is ConstraintKind.CHECK else columns,
        name=row["conname"],
        expression=expression_of(row["check_text"]) if kind is ConstraintKind.CHECK else None,
        references=_reference(row) if kind is ConstraintKind.FOREIGN else None,
        validated=row["convalidated"],
        deferrable=row["condeferrable"],
        deferred=row["condeferred"],
        no_inherit=row["connoinherit"] and kind in (ConstraintKind.CHECK, ConstraintKind.NOT_NULL),
        enforced=row["enforced"],
        include=index.include if index is not None else (),
        nulls_not_distinct=index.nulls_not_distinct if index is not None else False,
        definition=row["definition"],
        operators=tuple(row["operators"]) if kind is ConstraintKind.EXCLUDE else (),
        period=row["period"],
        local=row["conislocal"],
    )
    if kind in (ConstraintKind.PRIMARY, ConstraintKind.UNIQUE) and index is not None:
        keys = tuple(k.column for k in index.keys if k.column is not None)
        made = replace(made, columns=keys)
    return made if kind is ConstraintKind.EXCLUDE else replace(made, definition=constraint_definition(made))


def _reference(row: Row) -> Reference:
    return Reference(
        table=Name(row["far_schema"], row["far_table"]),
        columns=tuple(row["far_columns"]),
        on_delete=_ACTIONS[row["confdeltype"]],
        on_update=_ACTIONS[row["confupdtype"]],
        match=_MATCHES[row["confmatchtype"]],
        cleared=tuple(row["cleared"]),
    )


def _index(row: Row) -> Index:
    keys, count = row["keys"], row["indnkeyatts"]
    ordered = row["amname"] == "btree"
    options = [o.partition("=") for o in row["reloptions"] or ()]
    return Index(
        name=row["relname"],
        keys=tuple(_key(k, ordered) for k in keys[:count]),
        unique=row["indisunique"],
        method=row["amname"],
        include=tuple(k["column"] for k in keys[count:]),
        predicate=expression_of(row["predicate"]),
        nulls_not_distinct=row["nulls_not_distinct"],
        valid=row["indisvalid"],
        constraint=row["owner"],
        options=tuple((name, value) for name, _, value in options),
        tablespace=row["tablespace"],
        parent=Name(*row["parent"]) if row["parent"] else None,
        statistics=tuple((place, target) for place, target in row["statistics"]),
    )


def _key(key: Mapping[str, Any], ordered: bool) -> IndexKey:
    descending, nulls_first = bool(key["option"] & 1), bool(key["option"] & 2)
    return IndexKey(
        column=key["column"],
        expression=expression_of(key["expression"]),
        collation=Name(None, key["collation"]) if key["collation"] else None,
        opclass=key["opclass"],
        descending=ordered and descending,
        nulls_first=nulls_first if ordered and nulls_first != descending else None,
        parameters=tuple((name, value) for name, _, value in (o.partition("=") for o in key["parameters"] or ())),
    )


def _thing(row: Row) -> Thing:
    return Thing(row["kind"], Name(row["nspname"], row["name"]))


def _views(rows: Mapping[str, list[Row]]) -> dict[Name, View]:
    columns, indexes = _by(rows["columns"], "attrelid"), _by(rows["indexes"], "indrelid")
    triggers, rules = _by(rows["triggers"], "tgrelid"), _by(rows["rules"], "ev_class")
    found: dict[Name, View] = {}
    for row in rows["views"]:
        oid = row["oid"]
        view = view_of(row, columns[oid], tuple(map(_index, indexes[oid])))
        acting = tuple(map(read_trigger, triggers[oid])), tuple(map(read_rule, rules[oid]))
        found[view.name] = replace(view, triggers=acting[0], rules=acting[1])
    return found


def _things(rows: Mapping[str, list[Row]]) -> Iterable[Thing]:
    programs = map(read_thing, rows["program_things"])
    return (*map(_thing, rows["things"]), *programs, *bare_types(rows["types"]), *map(foreign_of, rows["foreign"]))


def _composites(rows: Mapping[str, list[Row]]) -> dict[Name, tuple[tuple[str, TypeName], ...]]:
    columns = _by(rows["columns"], "attrelid")
    return {_name(r): tuple((c["attname"], type_of(c)) for c in columns[r["oid"]]) for r in rows["composites"]}
