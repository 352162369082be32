"""What is assigned to what, and what is stored alike, held to pg_cast."""

from __future__ import annotations

from itertools import product

from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.casts import is_assigned
from migrate_safe.effects.types import type_change
from migrate_safe.model.effect import Session
from migrate_safe.model.schema import Schema, TypeName
from migrate_safe.model.table_action import AlterType

TYPES = """
SELECT format_type(oid, NULL), typcategory = 'S' FROM pg_type
WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype <> 'p' AND typrelid = 0 AND typelem = 0
    AND typname !~ '^(_|pg_(?!lsn))'
"""
CASTS = """
SELECT format_type(castsource, NULL), format_type(casttarget, NULL), castmethod = 'b' FROM pg_cast
WHERE castcontext IN ('a', 'i')
"""
NOT_JUDGED = {"aclitem", "gtsvector", "refcursor", "txid_snapshot"}
"""Types that no table has, or that follow the text types in all."""
ALIKE_WITH_LENGTH = {"character", "bit"}
"""Types that have a length even where none is written."""


def test_what_is_assigned_by_itself_is_what_pg_cast_says(each_server: ScratchServer) -> None:
    with connect(each_server.dsn()) as connection:
        schema = Schema(server_version=connection.info.server_version // 10000)
        types = dict(connection.execute(TYPES).fetchall())
        casts = {(source, target) for source, target, _ in connection.execute(CASTS).fetchall()}
    wrong = [
        (one, two, told)
        for one, two in product(types, types)
        if (told := is_assigned(schema, TypeName(one), TypeName(two))) is not None
        and told != (one == two or types[two] or (one, two) in casts)
    ]
    assert wrong == []
    assert {t for t in types if is_assigned(schema, TypeName(t), TypeName("text")) is None} <= NOT_JUDGED


def test_what_is_stored_alike_is_what_pg_cast_says(each_server: ScratchServer) -> None:
    with connect(each_server.dsn()) as connection:
        casts = connection.execute(CASTS).fetchall()
    alike = {(source, target) for source, target, binary in casts if binary and not source.startswith("pg_")}
    judged = {pair for pair in alike if pair[1] not in ALIKE_WITH_LENGTH}
    rewritten = {
        (one, two)
        for one, two in judged
        if type_change(Schema(), Session(), TypeName(one), AlterType("c", TypeName(two))).rewrite
    }
    assert rewritten == set()
