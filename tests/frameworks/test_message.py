"""One message of several statements, as golang-migrate and others send it: what is foretold, and what a server does."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.pq import ExecStatus

from migrate_safe.catalog.evolve import fold
from migrate_safe.effects.analyse import analyse
from migrate_safe.model.effect import Analysed
from migrate_safe.model.framework import Framework, Runner
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script

GIVEN = "CREATE TABLE t (a int);"
CIC = "CREATE INDEX CONCURRENTLY i ON t (a);"


def foretold(text: str) -> tuple[Analysed, ...]:
    script = parse_script(Source("1_a.up.sql", text), runner=Runner(Framework.GOLANG_MIGRATE))
    return analyse(script, fold(Schema(), parse_script(Source("g.sql", GIVEN))))


@pytest.mark.parametrize(
    "text",
    [
        CIC,
        f"{CIC}\n-- nothing more\n;;",
        f"SELECT 1; {CIC}",
        f"{CIC} SELECT 1;",
        f"BEGIN; COMMIT; {CIC}",
        f"COMMIT; {CIC}",
        f"BEGIN; ROLLBACK; {CIC}",
        "VACUUM t;",
        "SELECT 1; VACUUM t;",
        "ALTER TABLE t ADD b int; BEGIN; ALTER TABLE t ADD c int; COMMIT; ALTER TABLE t ADD d int;",
    ],
)
def test_a_message_is_a_transaction_if_it_holds_several_statements(text, each_database, connect):
    connection: psycopg.Connection = connect(each_database)
    connection.execute(GIVEN)
    result = connection.pgconn.exec_(text.encode())
    refused = result.status == ExecStatus.FATAL_ERROR
    assert bool([a for a in foretold(text) if a.effect.fails]) is refused, result.error_message


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("BEGIN; SELECT 1; COMMIT;", ""),
        ("SELECT 1; BEGIN; SELECT 1; COMMIT;", ""),
        ("BEGIN; BEGIN; COMMIT;", "already a transaction in progress"),
        ("BEGIN; COMMIT; BEGIN; COMMIT;", ""),
    ],
)
def test_a_begin_in_a_message_is_no_nested_one(text, warning, each_database, connect):
    connection: psycopg.Connection = connect(each_database)
    said: list[str] = []
    connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
    connection.pgconn.exec_(text.encode())
    assert warning in "".join(said)
    assert bool(said) is bool(warning)
    begins = [a for a in foretold(text) if a.statement.text == "BEGIN"]
    assert any(a.in_transaction and not a.implicit for a in begins) is bool(warning)


@pytest.mark.parametrize(
    ("text", "locked"),
    [
        ("ALTER TABLE t ADD b int; SELECT 1;", True),
        ("ALTER TABLE t ADD b int; COMMIT; SELECT 1;", False),
        ("ALTER TABLE t ADD b int; BEGIN; SELECT 1;", True),
        ("BEGIN; ALTER TABLE t ADD b int; COMMIT; SELECT 1;", False),
        ("COMMIT; ALTER TABLE t ADD b int; SELECT 1;", True),
    ],
)
def test_locks_are_held_to_the_end_of_the_message_or_a_commit(text, locked, each_database, connect):
    connection: psycopg.Connection = connect(each_database)
    connection.execute(GIVEN)
    held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 't'::regclass"
    connection.pgconn.send_query(text.replace("SELECT 1", held).encode())
    found = []
    while (result := connection.pgconn.get_result()) is not None:
        found.append(result)
    assert (found[-1].get_value(0, 0) == b"1") is locked
    last = foretold(text)[-1]
    assert bool(last.held) is locked
    assert last.in_transaction


def owners(text: str, **more) -> list[bool]:
    """Say for each statement whether the transaction it stands in is the runner's, not the file's own."""
    return [a.wrapped for a in analyse(parse_script(Source("1.sql", text), **more), Schema())]


def test_whose_a_transaction_is():
    message, wrapped = Runner(Framework.GOLANG_MIGRATE, forced=True), Runner(Framework.GOOSE, forced=True)
    text = "SELECT 1; BEGIN; SELECT 2; COMMIT; SELECT 3;"
    assert owners(text) == [False] * 5
    assert owners(text, runner=message) == [True, True, False, False, True]
    assert owners(text, runner=wrapped) == [True, True, True, True, False]
    again = "COMMIT; BEGIN; SELECT 2; COMMIT; SELECT 3;"
    assert owners(again, runner=wrapped) == [True, False, False, False, False]
    assert owners(again, runner=Runner(Framework.DBMATE, forced=True)) == [True, True, False, False, True]


def test_each_unit_starts_anew():
    text = "--changeset a:1 runInTransaction:false\nBEGIN; SELECT 1; COMMIT;\n--changeset a:2\nSELECT 2; BEGIN;\n"
    found = analyse(parse_script(Source("1.sql", text)), Schema())
    assert [a.wrapped for a in found] == [False, False, False, True, True]
    assert not any(a.implicit for a in found)
