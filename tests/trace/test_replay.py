"""What a command sent, once more on the copy: failures, sessions that end, and what is not for the copy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.trace import TraceRequest, trace_command, trace_path
from migrate_safe.model.trace import TraceReport
from tests.conftest import Connect

CONNECT = """
import os, psycopg
def connect(**how):
    return psycopg.connect(os.environ["DATABASE_URL"], **how)
def refused(connection, sql):
    try:
        connection.execute(sql)
    except psycopg.Error as error:
        print(error)
"""


def replayed(server: ScratchServer, python: str) -> TraceReport:
    report = trace_command((sys.executable, "-c", CONNECT + python), TraceRequest(postgres=server.home))
    assert report.command_code == 0
    return report


def told(report: TraceReport) -> list[str]:
    """Give each statement with what is said of it: that it was not run, or the server's refusal."""
    refusals = [t.observed.effect.fails if t.observed is not None else None for t in report.statements]
    return [
        f"{t.analysed.statement.text}: {t.note or refusal}" if t.note or refusal else t.analysed.statement.text
        for t, refusal in zip(report.statements, refusals, strict=True)
    ]


def test_a_statement_that_fails_takes_its_transaction_with_it(each_server: ScratchServer) -> None:
    """What comes after is predicted without the tables that the transaction had made."""
    report = replayed(
        each_server,
        """
c = connect()
c.execute("CREATE TABLE a (i int)")
refused(c, "SELECT 1/0")
refused(c, "SELECT 1")
c.commit()
c.execute("CREATE TABLE a (k int)")
c.execute("SAVEPOINT s")
refused(c, "SELECT 1/0")
c.execute("ROLLBACK TO s")
c.execute("ALTER TABLE a ADD l int")
c.commit()
refused(connect(autocommit=True), "CREATE TABLE b (i int); SELECT 1/0; CREATE TABLE c (i int)")
connect(autocommit=True).execute("CREATE TABLE b (i int)")
""",
    )
    assert told(report) == [
        "BEGIN",
        "CREATE TABLE a (i int)",
        "SELECT 1/0: division by zero",
        "ROLLBACK",
        "BEGIN",
        "CREATE TABLE a (k int)",
        "SAVEPOINT s",
        "SELECT 1/0: division by zero",
        "ROLLBACK TO s",
        "ALTER TABLE a ADD l int",
        "COMMIT",
        "BEGIN",
        "CREATE TABLE b (i int)",
        "SELECT 1/0: division by zero",
        "ROLLBACK",
        "CREATE TABLE b (i int)",
    ]
    assert [note.partition(" (it")[0] for note in report.notes] == [
        "not run again: SELECT 1",
        "not run again: CREATE TABLE c (i int)",
    ]
    assert report.differing == ()


@pytest.mark.parametrize(
    "left",
    [
        'a = connect(); a.execute("SELECT FROM t"); a.close()',
        'a = connect(); a.execute("SELECT pg_advisory_lock(42) FROM t"); a.commit(); a.close()',
    ],
    ids=["an open transaction", "a lock of the session"],
)
def test_a_session_that_is_gone_stands_in_nobodys_way(each_server: ScratchServer, left: str) -> None:
    report = replayed(
        each_server,
        f"""
connect(autocommit=True).execute("CREATE TABLE t (id int)")
connect(autocommit=True).execute("INSERT INTO t VALUES (1)")
{left}
c = connect()
c.execute("SELECT pg_advisory_lock(42)")
c.execute("ALTER TABLE t ADD x int")
c.commit()
""",
    )
    assert report.differing == report.failed == ()


def test_copy_in_and_out(each_server: ScratchServer) -> None:
    report = replayed(
        each_server,
        """
c = connect()
c.execute("CREATE TABLE t (id int)")
with c.cursor().copy("COPY t FROM /* seven */ STDIN") as copy:
    copy.write_row((7,))
c.pgconn.send_query(b"COPY t FROM STDIN; COPY t FROM STDIN")
data = [b"8\\n", b"9\\n10\\n"]
while result := c.pgconn.get_result():
    if result.status == psycopg.pq.ExecStatus.COPY_IN:
        c.pgconn.put_copy_data(data.pop(0))
        c.pgconn.put_copy_end()
with c.cursor().copy("COPY t TO STDOUT") as copy:
    print(*copy)
c.execute("SELECT 1 / (count(*) - 3) FROM t")
c.execute("ALTER TABLE t ADD CHECK (id BETWEEN 7 AND 10)")
c.execute("SELECT 1 / (sum(id) / 34) FROM t")
c.commit()
""",
    )
    assert len(report.statements) == 10
    assert report.differing == report.failed == ()


def test_values_that_the_server_made_for_the_command_do_not_end_the_second_run(each_server: ScratchServer) -> None:
    report = replayed(
        each_server,
        """
for c in (connect(), connect(autocommit=True)):
    c.execute("CREATE TABLE p (id uuid PRIMARY KEY DEFAULT gen_random_uuid())")
    c.execute("CREATE TABLE c (id uuid REFERENCES p)")
    (made,) = c.execute("INSERT INTO p DEFAULT VALUES RETURNING id").fetchone()
    c.execute(f"INSERT INTO c VALUES ('{made}')")
    c.execute("ALTER TABLE c ADD a int")
    c.commit()
    c.execute("DROP TABLE c, p")
    c.commit()
""",
    )
    refused = [t for t in report.statements if t.observed is not None and t.observed.effect.fails]
    assert [t.note for t in refused] == ["it did not fail for the command"] * 2
    assert [t.analysed.statement.text for t in report.statements].count("ALTER TABLE c ADD a int") == 2
    assert report.differing == ()


def test_what_steers_a_session_is_left_to_the_command(each_server: ScratchServer) -> None:
    report = replayed(
        each_server,
        """
c = connect(autocommit=True)
c.execute("BEGIN")
c.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
c.execute("CREATE TABLE t (a int)")
c.execute("COMMIT")
c.execute("SET lock_timeout = '5ms'")
c.execute("SET statement_timeout = '200ms'")
c.execute("CREATE INDEX CONCURRENTLY i ON t (a)")
c.execute("SELECT 1 AS x", prepare=True)
c.execute('DEALLOCATE "_pg3_0"')
c.execute("DROP TABLE t")
""",
    )
    assert report.failed == report.differing == ()
    assert "DROP TABLE t" in told(report)
    assert any('"_pg3_0" was made by a message of the protocol' in note for note in report.notes)


# ---- beyond the database -----------------------------------------------------------------------

BEYOND = """\
CREATE ROLE passer_by;
DO $$BEGIN IF true THEN CREATE ROLE passer_by; END IF; END$$;
ALTER SYSTEM SET work_mem = '5MB';
ALTER DATABASE postgres OWNER TO postgres;
COMMENT ON DATABASE postgres IS 'seen';
COMMENT ON ROLE postgres IS 'seen';
GRANT ALL ON DATABASE postgres TO pg_monitor;
ALTER ROLE postgres RENAME TO someone;
REASSIGN OWNED BY pg_monitor TO postgres;
SELECT pg_reload_conf();
CREATE FUNCTION sly() RETURNS void LANGUAGE plpgsql AS $$BEGIN CREATE ROLE passer_by; END$$;
SELECT sly();
CREATE TABLE t (id int);
"""
NOT_RUN = "not run: it reaches beyond the database"


def test_a_server_of_the_user_keeps_nothing_of_a_file(
    each_server: ScratchServer, tmp_path: Path, connect: Connect
) -> None:
    (tmp_path / "0001.sql").write_text(BEYOND)
    report = trace_path(tmp_path / "0001.sql", TraceRequest(postgres=each_server.home))
    assert [t.note for t in report.statements] == [NOT_RUN] * 10 + ["", NOT_RUN, ""]
    assert report.failed == report.differing == ()
    server = connect(each_server.home)
    assert server.execute("SELECT FROM pg_roles WHERE rolname = 'passer_by'").fetchall() == []
    assert server.execute("SELECT FROM pg_file_settings WHERE name = 'work_mem'").fetchall() == []
    assert server.execute("SELECT FROM pg_shdescription WHERE description = 'seen'").fetchall() == []


def test_a_server_of_our_own_runs_all_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "0001.sql").write_text("CREATE ROLE passer_by; GRANT CREATE ON SCHEMA public TO passer_by;")
    report = trace_path(tmp_path / "0001.sql", TraceRequest())
    assert [t.note for t in report.statements] == ["", ""]
    assert report.failed == ()


def test_what_a_command_did_to_the_whole_server_is_not_done_twice() -> None:
    python = """
c = connect(autocommit=True)
c.execute("CREATE ROLE passer_by")
c.execute("CREATE DATABASE elsewhere")
c.execute("CREATE TABLE t (id int)")
c.execute("GRANT SELECT ON t TO passer_by")
"""
    report = trace_command((sys.executable, "-c", CONNECT + python), TraceRequest())
    assert [t.note for t in report.statements] == [NOT_RUN, NOT_RUN, "", ""]
    assert report.failed == report.differing == ()
