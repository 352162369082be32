"""What may not run in a transaction block: predicted as the server says, also of what this server cannot run at all."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.effects.effect import effect_of
from migrate_safe.model.effect import TransactionRule
from migrate_safe.sql.parse import parse_statements
from tests.truth.run import RESET

SETUP = """
CREATE TABLE t (id int PRIMARY KEY, a int);
CREATE INDEX t_a ON t (a);
CREATE TABLE pt (k int PRIMARY KEY) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF pt FOR VALUES FROM (0) TO (10);
"""
FORBIDDEN = [
    ("VACUUM", 14),
    ("VACUUM t", 14),
    ("VACUUM (ONLY_DATABASE_STATS)", 16),
    ("VACUUM FULL pt", 14),
    ("CLUSTER", 14),
    ("CLUSTER pt USING pt_pkey", 15),
    ("REINDEX TABLE pt", 14),
    ("REINDEX INDEX pt_pkey", 14),
    ("REINDEX SCHEMA public", 14),
    ("REINDEX DATABASE", 16),
    ("REINDEX SYSTEM", 16),
    ("REINDEX TABLE CONCURRENTLY t", 14),
    ("CREATE DATABASE ms_truth_never", 14),
    ("DROP DATABASE IF EXISTS ms_truth_never", 14),
    ("ALTER DATABASE postgres SET TABLESPACE pg_default", 14),
    ("CREATE TABLESPACE ms_truth_never LOCATION '/nowhere'", 14),
    ("DROP TABLESPACE IF EXISTS ms_truth_never", 14),
    ("ALTER SYSTEM SET work_mem = '4MB'", 14),
    ("DISCARD ALL", 14),
    ("COMMIT PREPARED 'x'", 14),
    ("ROLLBACK PREPARED 'x'", 14),
    ("CREATE SUBSCRIPTION su CONNECTION 'dbname=x' PUBLICATION y", 14),
]
ALLOWED = [
    ("ANALYZE", 14),
    ("CHECKPOINT", 14),
    ("CLUSTER t USING t_a", 14),
    ("REINDEX TABLE t", 14),
    ("DISCARD PLANS", 14),
    ("CREATE SUBSCRIPTION su CONNECTION 'dbname=x' PUBLICATION y WITH (connect = false)", 14),
    ("ALTER DATABASE postgres CONNECTION LIMIT -1", 14),
]


@pytest.fixture(scope="module")
def scratch(each_server: ScratchServer) -> Iterator[psycopg.Connection[object]]:
    dsn = each_server.create_database()
    with connect(dsn) as connection:
        connection.execute(RESET)
        connection.execute(SETUP)
        yield connection
    each_server.drop_database(dsn)


@pytest.mark.parametrize(("sql", "since"), FORBIDDEN, ids=[sql for sql, _ in FORBIDDEN])
def test_the_server_refuses_it_in_a_block(scratch: psycopg.Connection[object], sql: str, since: int) -> None:
    (statement,) = parse_statements(sql)
    schema = read_schema(scratch)
    assert effect_of(statement, schema).transaction is TransactionRule.FORBIDDEN
    assert effect_of(statement, schema, in_transaction=True).fails
    scratch.execute("BEGIN")
    try:
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            scratch.execute(sql.encode())
    finally:
        scratch.execute("ROLLBACK")


@pytest.mark.parametrize(("sql", "since"), ALLOWED, ids=[sql for sql, _ in ALLOWED])
def test_the_server_takes_it_in_a_block(scratch: psycopg.Connection[object], sql: str, since: int) -> None:
    (statement,) = parse_statements(sql)
    effect = effect_of(statement, read_schema(scratch), in_transaction=True)
    assert effect.transaction is TransactionRule.ANY
    assert effect.fails is None
    scratch.execute("BEGIN")
    try:
        scratch.execute(sql.encode())
    finally:
        scratch.execute("ROLLBACK")
