"""Real clients through the door: what they sent, in order and transaction by transaction, and once more."""

from __future__ import annotations

import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.capture import Door
from migrate_safe.adapters.captured import captured, run_again
from migrate_safe.adapters.scratch import scratch_server
from tests.conftest import Connect
from tests.support.door import door_to
from tests.support.pg import PgTools

TABLE = "CREATE TABLE t (id int PRIMARY KEY, x text)"


def texts(door: Door) -> list[str]:
    return [sent.text for sent in door.log]


def test_parameters_pipelines_copies_and_errors(database: str) -> None:
    with door_to(database) as (door, dsn):
        with psycopg.connect(dsn) as c:
            c.execute(TABLE)
            with c.pipeline():
                c.execute("INSERT INTO t VALUES (%s, %s)", (1, "é"))
                c.execute("INSERT INTO t VALUES (%s, %s)", (2, None))
            with c.cursor().copy("COPY t FROM STDIN") as copy:
                copy.write_row((3, "z"))
            c.commit()
            with pytest.raises(psycopg.errors.UndefinedColumn):
                c.execute("SELECT nothing FROM t")
        found = captured(door.log, "it")
    insert = "INSERT INTO t VALUES ($1, $2)"
    assert texts(door) == [
        *["BEGIN", TABLE, insert, insert, "COPY t FROM STDIN", "COMMIT"],
        *["BEGIN", "SELECT nothing FROM t", "COMMIT"],
    ]
    assert [p.value for p in door.log[2].parameters][1] == "é".encode()
    assert door.log[-2].sqlstate == "42703"
    assert [s.text for s in found.script.statements] == [*texts(door)[:-1], "ROLLBACK"]  # as the server took it


PIPELINES = {
    ("INSERT 1", "INSERT 2"): ["BEGIN", "INSERT 1", "INSERT 2", "COMMIT"],
    ("INSERT 1", "INSERT 1", "INSERT 2"): ["BEGIN", "INSERT 1", "INSERT 1", "ROLLBACK"],
    ("VACUUM", "INSERT 1", "INSERT 2"): ["VACUUM", "BEGIN", "INSERT 1", "INSERT 2", "COMMIT"],
    ("INSERT 1", "VACUUM", "INSERT 2"): ["BEGIN", "INSERT 1", "VACUUM", "ROLLBACK"],
    ("INSERT 1", "BEGIN", "INSERT 2", "ROLLBACK"): ["BEGIN", "INSERT 1", "INSERT 2", "ROLLBACK"],
    ("INSERT 1", "COMMIT", "INSERT 2", "INSERT 2"): [
        *["BEGIN", "INSERT 1", "COMMIT", "BEGIN", "INSERT 2", "INSERT 2", "ROLLBACK"]
    ],
    ("INSERT 1", "ROLLBACK", "INSERT 2"): ["BEGIN", "INSERT 1", "ROLLBACK", "BEGIN", "INSERT 2", "COMMIT"],
    ("INSERT 1",): ["INSERT 1"],
}


@pytest.mark.parametrize("sent", PIPELINES, ids=" ".join)
def test_a_pipeline_is_one_transaction(database: str, connect: Connect, sent: tuple[str, ...]) -> None:
    words = {"INSERT 1": "INSERT INTO t VALUES (1)", "INSERT 2": "INSERT INTO t VALUES (2)", "VACUUM": "VACUUM t"}
    plain = connect(database)
    plain.execute(TABLE)
    with (
        door_to(database) as (door, dsn),
        psycopg.connect(dsn, autocommit=True) as c,
        suppress(psycopg.Error),
        c.pipeline(),
    ):
        for word in sent:
            c.execute(words.get(word, word))
    rows = plain.execute("SELECT id FROM t ORDER BY id").fetchall()
    plain.execute("DELETE FROM t")
    found = captured(door.log, "it")
    assert [s.text for s in found.script.statements] == [words.get(w, w) for w in PIPELINES[sent]]
    for statement, message in zip(found.script.statements, found.messages, strict=True):
        with suppress(psycopg.Error):
            run_again(plain, statement, message)
    assert plain.execute("SELECT id FROM t ORDER BY id").fetchall() == rows


def test_what_was_sent_runs_again_with_the_same_outcome(database: str, connect: Connect) -> None:
    with door_to(database) as (door, dsn), psycopg.connect(dsn, autocommit=True) as c:
        c.execute(TABLE)
        c.execute("INSERT INTO t VALUES (%s, %s), (%s, %s)", (1, "a", 2, None))
        c.cursor().execute("UPDATE t SET x = %b WHERE id = %b", ("bin", 2))
        with c.cursor().copy("COPY t FROM STDIN") as copy:
            copy.write_row((3, "z"))
    plain = connect(database)
    rows = plain.execute("SELECT * FROM t ORDER BY id").fetchall()
    plain.execute("DROP TABLE t")
    found = captured(door.log, "it")
    for statement, sent in zip(found.script.statements, found.messages, strict=True):
        run_again(plain, statement, sent)
    assert plain.execute("SELECT * FROM t ORDER BY id").fetchall() == rows == [(1, "a"), (2, "bin"), (3, "z")]


def test_several_statements_in_one_message_are_one_transaction(database: str, pg_tools: PgTools) -> None:
    with door_to(database) as (door, dsn):
        pg_tools.run("psql", "-X", "-q", "-d", dsn, "-c", f"{TABLE}; INSERT INTO t VALUES (1); ANALYZE t")
        pg_tools.run("psql", "-X", "-q", "-d", dsn, "-c", "BEGIN; DELETE FROM t; COMMIT")
        pg_tools.run("psql", "-X", "-q", "-d", dsn, "-c", "VACUUM t")
    words = [s.text.split()[0] for s in captured(door.log, "it").script.statements]
    assert words == ["BEGIN", "CREATE", "INSERT", "ANALYZE", "COMMIT", "BEGIN", "DELETE", "COMMIT", "VACUUM"]


def test_transactions_that_ran_at_once_are_told_one_after_the_other(database: str) -> None:
    with door_to(database) as (door, dsn), psycopg.connect(dsn) as one, psycopg.connect(dsn) as two:
        one.execute("SELECT 'one begins'")
        two.execute("SELECT 'two'")
        two.commit()
        one.execute("SELECT 'one ends'")
        one.commit()
    shown = [s.text for s in captured(door.log, "it").script.statements if "SELECT" in s.text]
    assert shown == ["SELECT 'two'", "SELECT 'one begins'", "SELECT 'one ends'"]


def test_a_client_is_asked_for_its_password_as_ever_and_may_be_killed() -> None:
    with scratch_server("embedded", listen="loopback") as guarded, door_to(guarded.home) as (door, dsn):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(make_conninfo(dsn, password="wrong"))
        with psycopg.connect(dsn) as c:
            c.execute("SELECT 1")
            c.pgconn.finish()  # gone without a word
        assert "SELECT 1" in texts(door)


def test_a_query_can_be_cancelled_through_the_door(database: str, connect: Connect) -> None:
    with door_to(database) as (_, dsn), psycopg.connect(dsn) as c, ThreadPoolExecutor(1) as pool:
        cancelled = pool.submit(_cancel_once_it_sleeps, c, connect(database))
        with pytest.raises(psycopg.errors.QueryCanceled):
            c.execute("SELECT pg_sleep(60)")
        cancelled.result()


def _cancel_once_it_sleeps(sleeper: psycopg.Connection, watcher: psycopg.Connection) -> None:
    sleeping = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
    while watcher.execute(sleeping, [sleeper.info.backend_pid]).fetchone() is None:
        time.sleep(0.01)
    sleeper.cancel_safe()


def test_what_stood_before_a_commit_in_one_message_is_one_transaction(database: str, pg_tools: PgTools) -> None:
    with door_to(database) as (door, dsn):
        pg_tools.run("psql", "-X", "-q", "-d", dsn, "-c", f"{TABLE}; ALTER TABLE t ADD a int; COMMIT; DROP TABLE t")
    words = [s.text.split()[0] for s in captured(door.log, "it").script.statements]
    assert words == ["BEGIN", "CREATE", "ALTER", "COMMIT", "BEGIN", "DROP", "COMMIT"]


def test_what_stands_behind_a_failure_in_one_message_was_never_run(database: str) -> None:
    with door_to(database) as (door, dsn), psycopg.connect(dsn, autocommit=True) as c:
        for message in (f"{TABLE}; SELECT 1/0; SELECT 2", "SELECT 3; SELEC 4; SELECT 5"):
            with pytest.raises(psycopg.Error):
                c.execute(message)
    found = captured(door.log, "it")
    told = [(s.text, m and m.sqlstate) for s, m in zip(found.script.statements, found.messages, strict=True)]
    assert told == [
        *[("BEGIN", None), (TABLE, None), ("SELECT 1/0", "22012"), ("ROLLBACK", None)],
        ("SELEC 4", "42601"),
    ]
    assert found.notes == ("not run again: SELECT 2 (it stood behind a statement that failed for the command)",)


def test_what_failed_by_circumstances_is_told_and_not_run_again(database: str, connect: Connect) -> None:
    connect(database).execute(TABLE)
    with door_to(database) as (door, dsn), psycopg.connect(dsn, autocommit=True) as c, psycopg.connect(dsn) as holder:
        holder.execute("LOCK TABLE t IN SHARE MODE")
        c.execute("SET lock_timeout = '50ms'; SET statement_timeout = 0")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            c.execute("ALTER TABLE t ADD z int")
        with pytest.raises(psycopg.errors.LockNotAvailable), c.transaction():
            c.execute("ALTER TABLE t ADD y int")
        holder.rollback()
        c.execute("ALTER TABLE t ADD z int")
        with pytest.raises(KeyError), c.cursor().copy("COPY t (id) FROM STDIN") as copy:
            copy.write_row((1,))
            raise KeyError
    found = captured(door.log, "it")
    shown = [s.text for s in found.script.statements if s.text.startswith(("ALTER", "COPY"))]
    assert shown == ["ALTER TABLE t ADD z int"]
    refused = "it failed for the command: canceling statement due to lock timeout, 55P03"
    assert found.notes[:2] == tuple(f"not run again: ALTER TABLE t ADD {c} int ({refused})" for c in "zy")
    assert found.notes[2].startswith(
        "not run again: COPY t (id) FROM STDIN (it failed for the command: COPY from stdin"
    )


def test_a_copy_whose_client_is_gone_is_not_run_again(database: str, connect: Connect) -> None:
    connect(database).execute(TABLE)
    with door_to(database) as (door, dsn):
        c = psycopg.connect(dsn, autocommit=True)
        c.pgconn.exec_(b"COPY t (id) FROM STDIN")
        c.pgconn.put_copy_data(b"1\n")
        c.pgconn.finish()
        while connect(database).execute("SELECT FROM pg_stat_activity WHERE query LIKE 'COPY t (id)%'").fetchone():
            time.sleep(0.01)
    found = captured(door.log, "it")
    assert found.script.statements == ()
    assert found.notes[0].startswith("not run again: COPY t (id) FROM STDIN")


def test_what_leaves_something_open_does_not_swallow_the_next(database: str) -> None:
    broken = ("SELECT 'abc", "SELECT $$ foo", "SELECT 1 /* open", 'SELECT "x', "SELEC 1", "SELECT (1")
    with door_to(database) as (door, dsn), psycopg.connect(dsn, autocommit=True) as c:
        for text in broken:
            with pytest.raises(psycopg.Error):
                c.execute(text.encode())
            c.execute("SELECT 2")
    found = captured(door.log, "it")
    texts = [s.text for s in found.script.statements]
    assert texts.count("SELECT 2") == len(broken)
    noted = [note.partition("not run again: ")[2].partition(" (it failed")[0] for note in found.notes]
    assert sorted([*noted, *(t for t in texts if t != "SELECT 2")]) == sorted(broken)


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "KOI8R", "EUC_JP", "UTF8"])
def test_what_was_sent_in_another_encoding_is_the_same_text(database: str, connect: Connect, encoding: str) -> None:
    word = {"KOI8R": "имя", "EUC_JP": "名前"}.get(encoding, "é")
    with door_to(database) as (door, dsn), psycopg.connect(dsn, autocommit=True) as c:
        c.execute(f"SET client_encoding = {encoding}")
        c.execute(f'CREATE TABLE "{word}" (x text)')
        c.execute(f'INSERT INTO "{word}" VALUES (%s)', (word,))
    plain = connect(database)
    plain.execute(f'DROP TABLE "{word}"')
    found = captured(door.log, "it")
    assert [s.text for s in found.script.statements] == texts(door)
    assert f'CREATE TABLE "{word}" (x text)' in texts(door)
    for statement, sent in zip(found.script.statements, found.messages, strict=True):
        run_again(plain, statement, sent)
    plain.execute("SET client_encoding = UTF8")
    assert plain.execute(f'SELECT x FROM "{word}"').fetchone() == (word,)


def test_a_value_of_a_type_that_the_command_made_is_sent_again(database: str, connect: Connect) -> None:
    with door_to(database) as (door, dsn), psycopg.connect(dsn, autocommit=True) as c:
        c.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        c.execute("CREATE TABLE t (m mood)")
        mood = c.execute("SELECT 'mood'::regtype::oid::int").fetchone()
        assert mood is not None
        c.pgconn.exec_params(b"INSERT INTO t VALUES ($1)", [b"ok"], [mood[0]], [1])
    plain = connect(database)
    plain.execute("DROP TABLE t; DROP TYPE mood")
    found = captured(door.log, "it")
    for statement, sent in zip(found.script.statements, found.messages, strict=True):
        run_again(plain, statement, sent)
    assert plain.execute("SELECT m::text FROM t").fetchall() == [("ok",)]


def test_a_commit_that_failed_by_circumstances_ends_its_transaction(database: str, connect: Connect) -> None:
    connect(database).execute("CREATE TABLE t (i int); INSERT INTO t VALUES (1)")
    with door_to(database) as (door, dsn), psycopg.connect(dsn) as c, psycopg.connect(dsn) as d:
        for one in (c, d):
            one.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
            one.execute("SELECT sum(i) FROM t")
        for one in (c, d):
            one.execute("INSERT INTO t VALUES (2)")
        c.commit()
        with pytest.raises(psycopg.errors.SerializationFailure):
            d.commit()
    ends = [s.text for s in captured(door.log, "it").script.statements if s.text in ("COMMIT", "ROLLBACK")]
    assert ends == ["COMMIT", "ROLLBACK"]


def test_the_script_holds_the_data_of_copy(database: str, connect: Connect, pg_tools: PgTools) -> None:
    connect(database).execute(TABLE)
    with door_to(database) as (door, dsn), psycopg.connect(dsn, autocommit=True) as c:
        for text, data in (("COPY t FROM STDIN", "1\tone\n2\t\\N\n"), ("COPY t FROM STDIN (FORMAT csv)", "3,;é")):
            with c.cursor().copy(text.encode()) as copy:
                copy.write(data)
        c.execute("SELECT 1")
    plain = connect(database)
    rows = plain.execute("SELECT * FROM t ORDER BY id").fetchall()
    plain.execute("DELETE FROM t")
    found = captured(door.log, "it")
    assert [s.text for s in found.script.statements] == texts(door)
    pg_tools.psql(database, found.script.source.text)
    assert plain.execute("SELECT * FROM t ORDER BY id").fetchall() == rows == [(1, "one"), (2, None), (3, ";é")]


GARBAGE = (
    b"GET / HTTP/1.1\r\n\r\n",
    struct.pack("!II", 4, 196608),
    struct.pack("!II", 2**31 - 1, 196608),
    struct.pack("!II", 8, 80877103) + b"\x16\x03\x01" + bytes(200),
)


def test_garbage_closes_its_own_connection_with_a_protocol_error(
    database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with door_to(database) as (door, dsn):
        for junk in GARBAGE:
            with socket.create_connection(("127.0.0.1", door.port)) as raw:
                raw.sendall(junk)
                assert b"C08P01\0" in _all_of(raw)
        with psycopg.connect(dsn, autocommit=True) as c, socket.socket(fileno=c.fileno()) as raw:
            c.execute("SELECT 1")
            raw.setblocking(True)
            raw.sendall(b"B\0\0\0\5x")
            assert b"C08P01\0" in _all_of(raw)
            raw.detach()
        with psycopg.connect(dsn, autocommit=True) as c:
            c.execute("SELECT 2")
    assert texts(door) == ["SELECT 1", "SELECT 2"]
    assert len(door.notes) == len(GARBAGE) + 1
    assert capfd.readouterr().err == ""


def _all_of(raw: socket.socket) -> bytes:
    found = b""
    while part := raw.recv(1000):
        found += part
    return found
