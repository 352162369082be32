"""Names as the server writes and chooses them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.evolve import evolve
from migrate_safe.catalog.naming import make_object_name
from migrate_safe.model.names import quote_ident, quote_literal, shorten
from migrate_safe.model.schema import Schema
from migrate_safe.sql.parse import parse_statements
from tests.truth.run import RESET

LONG = "a_name_of_sixty_characters_that_the_server_does_not_yet_cut"
WIDE = "größenmaßstabsänderungsübersichtsverzeichnisführungsgehäuse"
SCRIPTS = [
    "CREATE TABLE t (a int UNIQUE, b int CHECK (b > 0), c int CHECK (c > a), d serial, e int REFERENCES t (a))",
    "CREATE TABLE t (a int)"
    + "; CREATE INDEX ON t (a)" * 2
    + "; CREATE INDEX t_a_idx3 ON t (a); CREATE INDEX ON t (a)",
    "CREATE TABLE t (a int, CHECK (a > 0), CHECK (a > 1), CONSTRAINT t_a_check2 CHECK (a > 2), CHECK (a > 3))",
    "CREATE TABLE t_a_seq (x int); CREATE TABLE t (a serial)",
    "CREATE TABLE t_pkey (x int); CREATE TABLE t (a int PRIMARY KEY)",
    "CREATE TABLE o (x int CONSTRAINT t_a_key CHECK (x > 0)); CREATE TABLE t (a int UNIQUE)",
    "CREATE TABLE o (x int CONSTRAINT t_a_check CHECK (x > 0)); CREATE TABLE t (a int CHECK (a > 0))",
    "CREATE TABLE o (x int CONSTRAINT t_a_idx CHECK (x > 0)); CREATE TABLE t (a int); CREATE INDEX ON t (a)",
    f"CREATE TABLE {LONG} ({LONG} serial UNIQUE, b int CHECK (b > 0), CHECK ({LONG} > b), UNIQUE (b, {LONG}))",
    f"CREATE TABLE {LONG} (b int PRIMARY KEY, c int REFERENCES {LONG}); CREATE INDEX ON {LONG} (b, c, (b + c))",
    f'CREATE TABLE "{WIDE}" ("{WIDE}" int UNIQUE, ü int CHECK (ü > 0)); CREATE INDEX ON "{WIDE}" (ü, "{WIDE}")',
    "CREATE TABLE t (a text, b text); CREATE INDEX ON t (lower(a), lower(b), a, (a || b), (b || a), upper(a))",
    "CREATE TABLE t (a int, b int, c int, UNIQUE (a, b) INCLUDE (c)); CREATE INDEX ON t (a) INCLUDE (b, c)",
    'CREATE TABLE "Mixed Case" ("Big" int PRIMARY KEY, "sel""ect" int UNIQUE)',
    "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int NOT NULL, UNIQUE (b), UNIQUE (a, b), UNIQUE (b, a))",
]


@pytest.fixture(scope="module")
def scratch(each_server: ScratchServer) -> Iterator[psycopg.Connection[Any]]:
    dsn = each_server.create_database()
    with connect(dsn) as connection:
        yield connection
    each_server.drop_database(dsn)


def test_quote_ident_quotes_exactly_the_words_that_the_server_quotes(scratch: psycopg.Connection[Any]) -> None:
    rows = scratch.execute("SELECT word, quote_ident(word) FROM pg_get_keywords()").fetchall()
    major = scratch.info.server_version // 10000
    differing = {word for word, quoted in rows if quote_ident(word) != quoted}
    # Quoting more than an old server demands is harmless: the set is that of the newest one.
    assert all(quote_ident(word) == f'"{word}"' for word in differing)
    assert major < 18 or differing == set()


@pytest.mark.parametrize("word", ["plain", "Upper", "with space", 'quo"te', "ü", "1st", "a$b", "_x", "é9", "a-b", ""])
def test_quote_ident_quotes_other_words_as_the_server_does(scratch: psycopg.Connection[Any], word: str) -> None:
    quoted = scratch.execute("SELECT quote_ident(%s)", [word]).fetchone()
    assert quoted == (quote_ident(word),)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_quote_literal_reads_back_as_it_was(scratch: psycopg.Connection[Any], text: str) -> None:
    assert scratch.execute(f"SELECT {quote_literal(text)}".encode()).fetchone() == (text,)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_shorten_cuts_as_a_cast_to_name_does(scratch: psycopg.Connection[Any], text: str) -> None:
    assert scratch.execute("SELECT %s::text::name::text", [text]).fetchone() == (shorten(text),)


@pytest.mark.parametrize("script", SCRIPTS)
def test_automatic_names_are_those_of_the_server(scratch: psycopg.Connection[Any], script: str) -> None:
    scratch.execute(RESET)
    schema = Schema(complete=True, server_version=scratch.info.server_version // 10000)
    for statement in parse_statements(script):
        schema = evolve(schema, statement)
    scratch.execute(script.encode())
    assert _names(schema) == _names(read_schema(scratch))


def _names(schema: Schema) -> set[str]:
    found = {str(s) for s in schema.sequences}
    for table in schema.tables.values():
        found |= {f"constraint {c.name}" for c in table.constraints} | {f"index {i.name}" for i in table.indexes}
    return found


def test_a_name_that_fits_is_not_cut() -> None:
    assert make_object_name("users", "email", "key") == "users_email_key"
    assert make_object_name("users", None, "pkey") == "users_pkey"


def test_the_longer_part_of_a_name_is_cut_first() -> None:
    name = make_object_name("t" * 60, "column", "key")
    assert name == "t" * 52 + "_column_key"
    assert len(name) == 63
