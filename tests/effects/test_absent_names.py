"""Types, functions and collations that are not in a schema: which statements the server then certainly refuses."""

from __future__ import annotations

import pytest

from migrate_safe.catalog.evolve import fold
from migrate_safe.catalog.things import with_usual_things
from migrate_safe.effects.analyse import analyse
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script

MADE = """
CREATE SCHEMA other;
CREATE TYPE mood AS ENUM ('ok');
CREATE TYPE pair AS (x int);
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE TABLE t (a int, m mood);
CREATE VIEW v AS SELECT a AS shown FROM t;
"""
ABSENT = [
    "ALTER TABLE t ADD z nope",
    "CREATE INDEX i ON t (nope(a))",
    "ALTER TABLE t ADD z text COLLATE nope",
    "SELECT nope(a) FROM t",
    "CREATE TABLE n (z other.mood)",
]
PRESENT = [
    "ALTER TABLE t ADD z mood",
    "ALTER TABLE t ADD z public.mood[]",
    "ALTER TABLE t ADD z serial",
    'ALTER TABLE t ADD z text COLLATE "de_DE.utf8"',
    "CREATE VIEW n AS SELECT m(t), shown(v), x(p) FROM t, v, (SELECT NULL::pair AS p) s",
    "CREATE FUNCTION nope_in(cstring) RETURNS nope LANGUAGE c AS 'lib', 'nope_in'",
    "CREATE TABLE n (a int) WITH (fillfactor = 70, autovacuum_enabled = off)",
    "CREATE TABLE IF NOT EXISTS t (z nope)",
    "ALTER TABLE IF EXISTS nope ADD z nope",
    "ALTER TABLE t ADD IF NOT EXISTS a nope",
    "CREATE TYPE nope AS ENUM ('a'); ALTER TABLE t ADD z nope DEFAULT 'a'",
    "CREATE FUNCTION nope() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER TABLE t ADD z int DEFAULT nope()",
    "CREATE EXTENSION postgis; ALTER TABLE t ADD z geometry DEFAULT st_point(1, 1)",
    "DO $$ BEGIN EXECUTE 'CREATE TYPE nope AS ENUM ()'; END $$; ALTER TABLE t ADD z nope",
    "DO $$ BEGIN EXECUTE format('ALTER TABLE %I ADD nope int', tabs()); END $$; CREATE INDEX ON t (nope)",
    "DO $$ BEGIN EXECUTE format('CREATE TRIGGER nope %s', rest()); END $$; DROP TRIGGER nope ON t",
    "DO $$ BEGIN PERFORM nope(); EXCEPTION WHEN OTHERS THEN NULL; END $$",
    "DROP TYPE IF EXISTS nope",
    "DROP FUNCTION IF EXISTS nope(nope)",
    "SET search_path = other, information_schema; ALTER TABLE public.t ADD z sql_identifier",
]


def schema_of(*, complete: bool) -> Schema:
    made = fold(with_usual_things(Schema()), parse_script(Source("made.sql", MADE)))
    return replace(made, complete=complete)


def fails(sql: str, schema: Schema) -> list[str | None]:
    return [a.effect.fails for a in analyse(parse_script(Source("m.sql", sql)), schema)]


@pytest.mark.parametrize("sql", ABSENT)
def test_what_a_complete_schema_lacks_is_refused(sql: str) -> None:
    (reason,) = fails(sql, schema_of(complete=True))
    assert reason is not None
    assert reason.endswith("does not exist")


@pytest.mark.parametrize("sql", ABSENT)
def test_what_a_schema_of_migration_files_lacks_may_be_there(sql: str) -> None:
    assert fails(sql, schema_of(complete=False)) == [None]


@pytest.mark.parametrize("sql", ABSENT)
def test_extensions_may_bring_anything_along(sql: str) -> None:
    assert fails(f"CREATE EXTENSION postgis; {sql}", schema_of(complete=True)) == [None, None]


BROUGHT = (
    "ALTER TABLE spatial_ref_sys ADD z int",
    "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES spatial_ref_sys (srid)",
    "DROP TABLE spatial_ref_sys",
    "ANALYZE spatial_ref_sys",
    "ALTER SEQUENCE topology_id_seq RESTART",
)


@pytest.mark.parametrize("sql", BROUGHT)
@pytest.mark.parametrize(("extension", "refused"), [("postgis", False), ("pgcrypto", True)])
def test_a_relation_may_come_with_an_extension_that_brings_some(sql: str, extension: str, refused: bool) -> None:
    made, reason = fails(f"CREATE EXTENSION {extension}; {sql}", schema_of(complete=True))
    assert (made, reason is not None) == (None, refused)


@pytest.mark.parametrize("sql", PRESENT)
def test_what_is_there_or_not_looked_up_is_not_refused(sql: str) -> None:
    assert set(fails(sql, schema_of(complete=True))) == {None}


def test_what_is_certainly_refused_depends_on_nothing() -> None:
    (item,) = analyse(parse_script(Source("m.sql", "ALTER TABLE t ADD z int DEFAULT nope()")), schema_of(complete=True))
    assert (item.effect.depends, item.effect.fails) == ((), "function nope does not exist")
