"""The settings that are known are those of the servers."""

from __future__ import annotations

import re

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.evolve import fold
from migrate_safe.effects.analyse import analyse, schema_after
from migrate_safe.effects.effect import effect_of
from migrate_safe.effects.server_settings import is_setting
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script, parse_statements

_SETTINGS = "SELECT name, context, setting, unit FROM pg_settings WHERE name !~ '[.]'"
SEARCHED = "CREATE SCHEMA other; ALTER DATABASE {database} SET search_path = other"
_IN_A_SESSION = ("user", "superuser")


@pytest.fixture(scope="module")
def settings(each_server: ScratchServer) -> tuple[int, list[tuple[str, str, str, str | None]]]:
    dsn = each_server.create_database()
    with connect(dsn) as connection:
        found = connection.execute(_SETTINGS).fetchall(), connection.info.server_version // 10000
    each_server.drop_database(dsn)
    return found[1], found[0]


def test_every_setting_of_the_server_is_known(settings: tuple[int, list[tuple[str, str, str, str | None]]]) -> None:
    major, rows = settings
    assert [name for name, *_ in rows if not is_setting(name.lower(), major)] == []


def test_what_a_session_may_set_is_taken_with_the_value_that_it_has(
    settings: tuple[int, list[tuple[str, str, str, str | None]]],
) -> None:
    major, rows = settings
    schema = Schema(complete=True, server_version=major)
    for name, context, value, unit in rows:
        if re.fullmatch(r"-1", value):
            continue  # stands for something else, and may not be written
        given = f"{value}{unit}" if unit is not None and not unit[0].isdigit() else value
        (statement,) = parse_statements(f"SET {name} = '{given.replace(chr(39), '')}'")
        fails = effect_of(statement, schema).fails
        assert (fails is None) == (context in _IN_A_SESSION), (name, fails)


@pytest.mark.parametrize("back", ["RESET search_path", "SET search_path TO DEFAULT", "RESET ALL", "DISCARD ALL"])
def test_reset_goes_back_to_the_search_path_of_the_database(each_server: ScratchServer, back: str) -> None:
    dsn = each_server.create_database()
    with connect(dsn) as connection:
        connection.execute(SEARCHED.format(database=connection.info.dbname).encode())
    text = f"SET search_path = public; {back}; CREATE TABLE t (a int)"
    with connect(dsn) as connection:
        before, script = read_schema(connection), parse_script(Source("case.sql", text))
        for statement in script.statements:
            connection.execute(statement.text.encode())
        there = read_schema(connection).tables
    each_server.drop_database(dsn)
    assert schema_after(analyse(script, before), before).tables.keys() == there.keys() == {Name("other", "t")}
    assert fold(before, script).tables.keys() == there.keys()


@pytest.mark.parametrize("name", ["lock_timout", "statment_timeout", "work_memory", "nope"])
def test_a_misspelt_setting_is_refused_without_any_catalog(name: str) -> None:
    (statement,) = parse_statements(f"SET {name} = '1'")
    assert effect_of(statement, Schema()).fails == f"setting {name!r} does not exist"


@pytest.mark.parametrize("name", ["my.own", "rds_something", "aurora_x", "transaction_timeout", "force_parallel_mode"])
def test_a_setting_that_another_server_may_have_is_taken(name: str) -> None:
    (statement,) = parse_statements(f"SET {name} = '1'")
    assert effect_of(statement, Schema(server_version=14)).fails is None
