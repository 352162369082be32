"""Random migrations: whatever happens to a schema, evolve says what the server's catalog says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.diff import differences
from migrate_safe.catalog.evolve import apply
from migrate_safe.catalog.fingerprint import fingerprint
from migrate_safe.model.schema import Schema
from migrate_safe.sql.parse import parse_statements
from tests.truth.run import RESET

TABLES = st.sampled_from(["a", "b"])
COLUMNS = st.sampled_from(["id", "x", "y", "z"])
NAMES = st.sampled_from(["k1", "k2", "a_pkey", "a_x_key", "b_x_idx", "a_x_check"])
TYPES = st.sampled_from(
    ["int", "bigint", "text", "varchar(20)", "varchar(40)", "numeric(10,2)", "timestamptz", "serial"]
)
DEFAULTS = st.sampled_from(["", " DEFAULT NULL", " NOT NULL", " UNIQUE", " CHECK ({c} IS NOT NULL)", " PRIMARY KEY"])
CHECKS = st.sampled_from(["{c} IS NOT NULL", "{c} IS NOT NULL AND {d} IS NOT NULL", "{c} = {c} OR {d} IS NULL"])


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Give one statement over two tables with a few columns; many of them the server refuses."""
    t, u = draw(TABLES), draw(TABLES)
    c, d, name = draw(COLUMNS), draw(COLUMNS), draw(NAMES)
    default = draw(DEFAULTS).format(c=c)
    check = draw(CHECKS).format(c=c, d=d)
    cascade = draw(st.sampled_from(["", " CASCADE"]))
    valid = draw(st.sampled_from(["", " NOT VALID"]))
    return draw(
        st.sampled_from(
            [
                f"CREATE TABLE {t} (id int PRIMARY KEY, {c}2 text)",
                f"CREATE TABLE {t} (id serial, x int UNIQUE, y text NOT NULL, UNIQUE (x, id))",
                f"CREATE TABLE {t} (LIKE {u} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
                f"DROP TABLE {t}{cascade}",
                f"ALTER TABLE {t} ADD COLUMN {c} {draw(TYPES)}{default}",
                f"ALTER TABLE {t} ADD COLUMN {c} int REFERENCES {u}",
                f"ALTER TABLE {t} DROP COLUMN {c}{cascade}",
                f"ALTER TABLE {t} RENAME COLUMN {c} TO {d}",
                f"ALTER TABLE {t} ALTER COLUMN {c} SET NOT NULL",
                f"ALTER TABLE {t} ALTER COLUMN {c} DROP NOT NULL",
                f"ALTER TABLE {t} ALTER COLUMN {c} SET DEFAULT NULL",
                f"ALTER TABLE {t} ALTER COLUMN {c} DROP DEFAULT",
                f"ALTER TABLE {t} ADD CONSTRAINT {name} CHECK ({check}){valid}",
                f"ALTER TABLE {t} ADD CHECK ({check})",
                f"ALTER TABLE {t} ADD CONSTRAINT {name} UNIQUE ({c}, {d})",
                f"ALTER TABLE {t} ADD UNIQUE ({c})",
                f"ALTER TABLE {t} ADD PRIMARY KEY ({c})",
                f"ALTER TABLE {t} ADD CONSTRAINT {name} FOREIGN KEY ({c}) REFERENCES {u} ({d}){valid}",
                f"ALTER TABLE {t} ADD CONSTRAINT {name} UNIQUE USING INDEX {draw(NAMES)}",
                f"ALTER TABLE {t} VALIDATE CONSTRAINT {name}",
                f"ALTER TABLE {t} DROP CONSTRAINT {name}{cascade}",
                f"ALTER TABLE {t} RENAME CONSTRAINT {name} TO {draw(NAMES)}",
                f"CREATE INDEX ON {t} ({c}, {d})",
                f"CREATE UNIQUE INDEX {name} ON {t} ({c})",
                f"CREATE INDEX {name} ON {t} ({c}) WHERE {d} IS NOT NULL",
                f"DROP INDEX {name}",
                f"ALTER INDEX {name} RENAME TO {draw(NAMES)}",
                f"ALTER TABLE {t} RENAME TO {u}",
                f"CREATE VIEW v AS SELECT * FROM {t}",
                "DROP VIEW IF EXISTS v",
                f"ALTER TABLE {t} ADD COLUMN {c} int, ADD CHECK ({check}), DROP CONSTRAINT IF EXISTS {name}",
                f"ALTER TABLE {t} ADD COLUMN {c} boolean GENERATED ALWAYS AS ({d} IS NULL) STORED",
                f"ALTER TABLE {t} ALTER COLUMN {c} DROP EXPRESSION IF EXISTS",
                f"ALTER TABLE {t} ADD COLUMN {c} int GENERATED ALWAYS AS IDENTITY",
                f"ALTER TABLE {t} ADD CONSTRAINT {name} EXCLUDE ({c} WITH =) WHERE ({d} IS NOT NULL)",
                f"ALTER TABLE {t} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {draw(NAMES)}",
                f"ALTER TABLE {t} DROP COLUMN {c}, ADD COLUMN {c} {draw(TYPES)}{default}",
                f"ALTER TABLE {t} DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({check}){valid}",
                f"CREATE INDEX ON {t} (({c} IS NULL), {d} DESC) INCLUDE ({c})",
                f"CREATE TABLE {t} (LIKE {u} INCLUDING ALL)",
                f"CREATE TABLE IF NOT EXISTS {t} ({c} int PRIMARY KEY, {d} int REFERENCES {u} DEFERRABLE)",
                f"DROP INDEX IF EXISTS {name}, {draw(NAMES)}",
            ]
        )
    )


MEMBERS = st.sampled_from(["p", "p1", "p2", "n", "par", "chi"])
PARTS = st.sampled_from(["p1", "p2", "n"])
BOUNDS = st.sampled_from(["FROM (0) TO (10)", "FROM (10) TO (20)", "FROM (5) TO (15)", "FROM (20) TO (MAXVALUE)"])
FAMILY = [
    "CREATE TABLE p (id int NOT NULL, x int, y text, CONSTRAINT k1 CHECK (x > 0)) PARTITION BY RANGE (id)",
    "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)",
    "CREATE TABLE n (y text, x int, id int NOT NULL, CONSTRAINT k1 CHECK (x > 0))",
    "CREATE TABLE par (id int PRIMARY KEY, x int NOT NULL, z int)",
    "CREATE TABLE chi (x int, w int) INHERITS (par)",
]


@st.composite
def family_statements(draw: st.DrawFn) -> str:
    """Give one statement over a partitioned table with two partitions, one to attach, and a parent with a child."""
    t, part, c, d = draw(MEMBERS), draw(PARTS), draw(COLUMNS), draw(COLUMNS)
    name, only = draw(st.sampled_from(["k1", "k2", "k3"])), draw(st.sampled_from(["", "", "ONLY "]))
    how = draw(st.sampled_from(["", "", " NOT VALID", " NO INHERIT"]))
    cascade = draw(st.sampled_from(["", " CASCADE"]))
    return draw(
        st.sampled_from(
            [
                f"ALTER TABLE p ATTACH PARTITION {part} FOR VALUES {draw(BOUNDS)}",
                f"ALTER TABLE p ATTACH PARTITION {part} DEFAULT",
                f"ALTER TABLE p DETACH PARTITION {part}",
                f"CREATE TABLE n PARTITION OF p FOR VALUES {draw(BOUNDS)}",
                f"ALTER TABLE {only}{t} ADD COLUMN {c} int{draw(DEFAULTS).format(c=c)}",
                f"ALTER TABLE {only}{t} DROP COLUMN {c}{cascade}",
                f"ALTER TABLE {only}{t} RENAME COLUMN {c} TO {d}",
                f"ALTER TABLE {t} ALTER COLUMN {c} TYPE bigint",
                f"ALTER TABLE {only}{t} ALTER COLUMN {c} SET NOT NULL",
                f"ALTER TABLE {only}{t} ALTER COLUMN {c} DROP NOT NULL",
                f"ALTER TABLE {only}{t} ALTER COLUMN {c} SET DEFAULT NULL",
                f"ALTER TABLE {only}{t} ADD CONSTRAINT {name} CHECK ({c} IS NOT NULL){how}",
                f"ALTER TABLE {only}{t} DROP CONSTRAINT {name}",
                f"ALTER TABLE {only}{t} RENAME CONSTRAINT {name} TO {draw(st.sampled_from(['k1', 'k4']))}",
                f"ALTER TABLE {only}{t} VALIDATE CONSTRAINT {name}",
                f"ALTER TABLE {t} ADD UNIQUE ({c}, {d})",
                f"ALTER TABLE {t} ADD CONSTRAINT {name} UNIQUE (id)",
                f"ALTER TABLE {only}{t} ADD PRIMARY KEY (id)",
                f"ALTER TABLE {t} ADD CONSTRAINT {name} FOREIGN KEY ({c}) REFERENCES par (id)",
                f"CREATE INDEX ON {only}{t} ({c}, {d})",
                f"CREATE INDEX i_{t} ON {t} ({c})",
                f"DROP INDEX i_{t}",
                f"ALTER INDEX i_{t} RENAME TO i_{draw(MEMBERS)}",
                f"ALTER INDEX i_p ATTACH PARTITION i_{part}",
                f"ALTER TABLE {t} INHERIT par",
                f"ALTER TABLE {t} NO INHERIT par",
                f"DROP TABLE {t}{cascade}",
                f"ALTER TABLE {t} RENAME TO {draw(MEMBERS)}",
            ]
        )
    )


@pytest.fixture(scope="module")
def scratch(each_server: ScratchServer) -> Iterator[psycopg.Connection[Any]]:
    dsn = each_server.create_database()
    with connect(dsn) as connection:
        yield connection
    each_server.drop_database(dsn)


# The same examples every time: a new corner found by chance is for whoever looks for one, not for whoever pushes.
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(migration=st.lists(statements(), min_size=4, max_size=25))
def test_evolve_follows_the_server_through_any_migration(
    scratch: psycopg.Connection[Any], migration: list[str]
) -> None:
    first = ["CREATE TABLE a (id int PRIMARY KEY, x int, y text)", "CREATE TABLE b (id serial, x int UNIQUE)"]
    _follow(scratch, [*first, *migration])


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(migration=st.lists(family_statements(), min_size=4, max_size=20))
def test_evolve_follows_the_server_through_partitions_and_inheritance(
    scratch: psycopg.Connection[Any], migration: list[str]
) -> None:
    _follow(scratch, [*FAMILY, *migration])


def _follow(scratch: psycopg.Connection[Any], migration: list[str]) -> None:
    """Run a migration on the server and on the value side by side; both refuse the same and end up the same."""
    scratch.execute(RESET)
    schema = read_schema(scratch)
    for text in migration:
        (statement,) = parse_statements(text)
        evolved, reason = _applied(schema, statement)
        refusal = _run(scratch, text)
        note(f"{text}  -- server: {refusal}, evolve: {reason}")
        assert (refusal is None) == (reason is None), (text, refusal, reason)
        schema = evolved
    live = read_schema(scratch)
    assert differences(schema, live) == ()
    assert fingerprint(schema, schema.tables) == fingerprint(live, schema.tables)
    assert schema.sequences == live.sequences


def _applied(schema: Schema, statement: Any) -> tuple[Schema, str | None]:
    try:
        return apply(schema, statement), None
    except CannotApply as refusal:
        return schema, refusal.reason


def _run(connection: psycopg.Connection[Any], text: str) -> str | None:
    try:
        connection.execute(text.encode())
    except psycopg.Error as error:
        return str(error).splitlines()[0]
    return None
