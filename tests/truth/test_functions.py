"""The lists of volatile and other functions, held to pg_proc."""

from __future__ import annotations

import pytest
from psycopg.sql import SQL, Identifier

from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.effects.builtin_functions import NOT_VOLATILE, OF_EXTENSIONS, VOLATILE
from migrate_safe.effects.builtin_names import (
    may_be_builtin_collation,
    may_be_builtin_function,
    may_be_builtin_type,
)

OVERLOADS = """
SELECT proname, bool_or(provolatile = 'v'), bool_and(provolatile = 'v')
FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY proname
"""
ODD = {
    "timezone",  # of its variants only that for time with time zone was volatile, up to 14
    "ts_rewrite",  # of its variants only one is volatile: the worse counts
}
COMMON = "now random gen_random_uuid lower md5 to_char nextval jsonb_build_object date_trunc clock_timestamp".split()


def test_every_listed_function_has_the_volatility_that_the_server_says(each_server: ScratchServer) -> None:
    with connect(each_server.dsn()) as connection:
        rows = {name: (some, every) for name, some, every in connection.execute(OVERLOADS).fetchall()}
    wrong = {n for n in NOT_VOLATILE if n in rows and rows[n][0]} | {
        n for n in VOLATILE if n in rows and not rows[n][1]
    }
    assert wrong - ODD == set()


def test_functions_of_extensions_are_as_volatile_as_these_declare_them(each_server: ScratchServer) -> None:
    with connect(each_server.dsn()) as connection:
        for extension in ("uuid-ossp", "pgcrypto", "unaccent"):
            if connection.execute("SELECT FROM pg_available_extensions WHERE name = %s", [extension]).fetchone():
                connection.execute(SQL("CREATE EXTENSION IF NOT EXISTS {}").format(Identifier(extension)))
        declared = connection.execute(
            "SELECT proname, provolatile = 'v' FROM pg_proc WHERE pronamespace <> 'pg_catalog'::regnamespace"
        ).fetchall()
        connection.rollback()
    assert {name: OF_EXTENSIONS[name] for name, _ in declared if name in OF_EXTENSIONS} == {
        name: volatile for name, volatile in declared if name in OF_EXTENSIONS
    }


def test_no_function_is_on_both_lists_and_the_common_ones_are_on_one() -> None:
    assert set() == NOT_VOLATILE & VOLATILE
    assert set(COMMON) <= NOT_VOLATILE | VOLATILE


def test_every_listed_function_exists_somewhere(each_server: ScratchServer) -> None:
    with connect(each_server.dsn()) as connection:
        major = connection.info.server_version // 10000
        present = {name for (name,) in connection.execute("SELECT proname FROM pg_proc").fetchall()}
    later = {"uuidv4", "uuidv7", "random_normal"} | {n for n in NOT_VOLATILE | VOLATILE if n.startswith("pg_")}
    missing = (NOT_VOLATILE | VOLATILE) - present - later
    assert major < 18 or len(missing) < 10, missing


def test_every_function_type_and_collation_of_the_server_is_taken_to_be_there(each_server: ScratchServer) -> None:
    with connect(each_server.dsn()) as connection:
        major = connection.info.server_version // 10000
        functions, types, collations = (
            [
                name
                for (name,) in connection.execute(f"SELECT {column} FROM {catalog} WHERE {place}".encode()).fetchall()
            ]
            for column, catalog, place in (
                ("proname", "pg_proc", "pronamespace = 'pg_catalog'::regnamespace"),
                ("typname", "pg_type", "typnamespace = 'pg_catalog'::regnamespace"),
                ("collname", "pg_collation", "collnamespace = 'pg_catalog'::regnamespace"),
            )
        )
    assert {name for name in functions if not may_be_builtin_function(name, major)} == set()
    assert {name for name in types if not may_be_builtin_type(name)} == set()
    assert {name for name in collations if not may_be_builtin_collation(name)} == set()
    listed = {name for name in NOT_VOLATILE | VOLATILE if may_be_builtin_function(name, major)}
    assert listed - set(functions) == set()


@pytest.mark.parametrize("name", ["nope", "getdate", "uuid_generate_v4", "ifnull", "unaccent", "set_updated_at"])
def test_a_function_of_somebody_else_is_not_taken_for_a_built_in_one(name: str) -> None:
    assert not may_be_builtin_function(name, 18)


@pytest.mark.parametrize(
    "name", ["en_US", "de-x-icu", "C.utf8", "fr", "german", "English_United States.1252", "und-x-icu"]
)
def test_what_may_be_a_locale_of_some_system_is_taken_for_a_collation(name: str) -> None:
    assert may_be_builtin_collation(name)
