"""What a command sent, as a file for psql: run by psql, it leaves what the command left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from psycopg import generators

from migrate_safe.adapters.runnable import Values
from migrate_safe.adapters.saved import Saved, saved_script
from tests.conftest import Connect
from tests.support.door import door_to
from tests.support.pg import PgTools

Connection = psycopg.Connection[tuple[object, ...]]
Open = Callable[..., Connection]
Command = Callable[[Open], None]
FRESH = "DROP SCHEMA IF EXISTS s1, public CASCADE; CREATE SCHEMA public"
TABLE = "CREATE TABLE t (id int PRIMARY KEY, a text)"


def utility_statements(open_: Open) -> None:
    c = open_(autocommit=False)
    c.execute(TABLE)
    c.execute("INSERT INTO t SELECT i, '$1' FROM generate_series(1, 20) i")
    with c.cursor(name="srv") as cursor:
        cursor.execute("SELECT id FROM t /* $1 */ WHERE id > %s AND a = ANY (%s)", (15, ["$1", "it's"]))
        assert len(cursor.fetchall()) == 5
    c.execute("CREATE TABLE z AS SELECT id, %s::text AS said FROM t WHERE id > %s", ("a'b\\c", -3))
    c.execute("CREATE PROCEDURE p(int) LANGUAGE sql AS 'UPDATE t SET a = $1'")
    c.execute("CALL p(%s)", (3,))
    c.commit()


def a_binary_copy(open_: Open) -> None:
    c = open_(autocommit=False)
    c.execute(TABLE)
    with c.cursor().copy("COPY t (id, a) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        copy.write_row((7, "bin"))
    c.execute("DELETE FROM t")
    c.execute("ALTER TABLE t ADD b int")
    c.commit()


def types_that_the_server_finds(open_: Open) -> None:
    c = open_()
    c.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    c.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric, m mood, j jsonb, v interval)")
    c.pgconn.prepare(b"s", b"INSERT INTO t VALUES ($1, 2.50, $2, $3, $4)")
    c.pgconn.send_describe_prepared(b"s")
    c.wait(generators.execute(c.pgconn))  # the blocking call would keep the door's thread from running
    day = (1000).to_bytes(8, "big") + (1).to_bytes(4, "big") + bytes(4)
    done = c.pgconn.exec_prepared(b"s", [b"\0\0\0\7", b"ok", b'\1{"a": "\xc3\xa9"}', day], [1] * 4)
    assert done.error_message == b""


def another_encoding(open_: Open) -> None:
    c = open_(autocommit=False)
    c.execute(TABLE)
    c.execute("SET client_encoding TO 'LATIN1'")
    c.execute("INSERT INTO t VALUES (1, 'é')")
    c.execute('ALTER TABLE t ADD "ü" int')
    with c.cursor().copy("COPY t (id, a) FROM STDIN") as copy:
        copy.write(b"2\t\xe9\n")
    c.commit()
    c.autocommit = True
    c.execute("DISCARD ALL")
    c.execute("COMMENT ON TABLE t IS 'é'")


def sessions_that_take_turns(open_: Open) -> None:
    d = open_()
    d.execute("CREATE SCHEMA s1")
    c = open_(options="-c search_path=s1,public")
    c.execute("CREATE TABLE in_s1 (id int)")
    d.execute("CREATE TABLE d (id int)")
    c.execute("SET search_path = public")
    d.execute("ALTER TABLE d ADD x int")
    c.execute("CREATE TABLE e (id int)")
    c.execute("BEGIN")
    c.execute("SET search_path = nowhere")
    c.execute("ROLLBACK")
    d.execute("ALTER TABLE d ADD y int")
    c.execute("CREATE TABLE f (id int)")
    c.execute("RESET search_path")
    d.execute("ALTER TABLE d ADD z int")
    c.execute("CREATE TABLE g (id int)")


def what_failed(open_: Open) -> None:
    c = open_()
    c.execute(TABLE)
    for text in ("SELECT 1/0", "SELECT 'open", "CREATE TABLE u (i int); SELECT 1/0", "CREATE TABLE t (i int)"):
        with suppress(psycopg.Error):
            c.execute(text.encode())
    c.execute("CREATE TABLE v (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with suppress(psycopg.Error), c.transaction():
        c.execute("INSERT INTO v VALUES (1), (1)")
    c.execute("ALTER TABLE t ADD b int")
    c.execute("BEGIN")
    c.execute("DROP TABLE t")


COMMANDS: dict[Command, tuple[str, ...]] = {
    utility_statements: (),
    a_binary_copy: ("--save: left out: COPY t (id, a) FROM STDIN (FORMAT binary) (its 38 bytes of data are no lines",),
    types_that_the_server_finds: (),
    another_encoding: (),
    sessions_that_take_turns: (),
    what_failed: (),
}


def saved_of(command: Command, database: str, plain: Connection) -> Saved:
    with door_to(database) as (door, dsn):
        opened: list[Connection] = []

        def open_(*, autocommit: bool = True, **how: str) -> Connection:
            opened.append(psycopg.connect(dsn, autocommit=autocommit, **how))  # type: ignore[arg-type]
            return opened[-1]

        command(open_)
        for connection in opened:
            connection.close()
    return saved_script(door.log, "", Values(plain))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_psql_leaves_what_the_command_left(
    database: str, connect: Connect, pg_tools: PgTools, command: Command
) -> None:
    plain = connect(database)
    plain.execute(FRESH)
    saved = saved_of(command, database, plain)
    left = pg_tools.run("pg_dump", "--inserts", "-d", database)
    plain.execute(FRESH)
    pg_tools.psql(database, saved.text)
    assert without_keys(pg_tools.run("pg_dump", "--inserts", "-d", database)) == without_keys(left)
    assert len(saved.notes) == len(COMMANDS[command])
    assert all(note.startswith(told) for note, told in zip(saved.notes, COMMANDS[command], strict=True))


def without_keys(dump: str) -> list[str]:
    """Leave out the random words of a dump."""
    return [line for line in dump.splitlines() if "restrict" not in line]


@pytest.mark.parametrize(
    "thing", ["CREATE TEMP TABLE x (i int)", "DO $$BEGIN CREATE TEMPORARY VIEW y AS SELECT 1; END$$"]
)
def test_what_no_other_connection_has_is_not_saved(database: str, connect: Connect, thing: str) -> None:
    def command(open_: Open) -> None:
        c, d = open_(), open_()
        c.execute(thing.encode())
        d.execute("CREATE TABLE t (i int)")
        c.execute("SELECT 1")

    saved = saved_of(command, database, connect(database))
    assert "CREATE TABLE" not in saved.text
    assert saved.notes == (
        f"--save: nothing is saved, for session 1 comes back after others with what no other connection has: {thing}",
    )


def test_what_is_saved_runs_in_psql_with_its_parameters(database: str, connect: Connect, pg_tools: PgTools) -> None:
    day = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    with door_to(database) as (door, dsn), psycopg.connect(dsn, autocommit=True) as c:
        c.execute("CREATE TABLE t (id int PRIMARY KEY, x text, at timestamptz, b bytea, u uuid, n numeric, a int[])")
        for number, kind in enumerate(("%s", "%b", "%t")):
            values = (number, "it's \\ é", day, b"\0\1", UUID(int=7), Decimal("1.50"), [1, 2])
            c.execute(f"INSERT INTO t VALUES ({', '.join([kind] * 7)})".encode(), values)
        c.execute("UPDATE t SET x = %s WHERE id = %s", (None, 2))
    plain = connect(database)
    rows = plain.execute("SELECT * FROM t ORDER BY id").fetchall()
    script = saved_script(door.log, "", Values(plain)).text
    plain.execute("DROP TABLE t")
    pg_tools.psql(database, script)
    assert plain.execute("SELECT * FROM t ORDER BY id").fetchall() == rows
