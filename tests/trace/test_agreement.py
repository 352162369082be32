"""Statements of which an observer could see less, or something else, than they do: none may look like a surprise."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.trace import TraceRequest, trace_path
from migrate_safe.model.trace import TraceReport
from migrate_safe.report.trace import trace_text

BEFORE = """
CREATE TABLE t (id int PRIMARY KEY, x int);
CREATE TABLE r (id int PRIMARY KEY, t_id int REFERENCES t DEFERRABLE INITIALLY DEFERRED);
CREATE SCHEMA z;
CREATE TABLE z.t (id int PRIMARY KEY, x int);
CREATE FUNCTION makes(name text) RETURNS int LANGUAGE plpgsql AS
    'BEGIN EXECUTE format(''CREATE TABLE %I (id int)'', name); RETURN 1; END';
CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t VALUES (-1); COMMIT; END';
"""


def traced(server: ScratchServer, folder: Path, sql: str) -> TraceReport:
    (folder / "0001.sql").write_text(BEFORE)
    (folder / "0002.sql").write_text(sql)
    return trace_path(folder / "0002.sql", TraceRequest(rows=20, postgres=server.home))


@pytest.mark.parametrize(
    "sql",
    [
        """
        CREATE TEMP TABLE u (id int, x text); INSERT INTO u VALUES (1); CREATE INDEX ON u (id);
        ALTER TABLE u ALTER id TYPE bigint; VACUUM FULL u; CREATE INDEX CONCURRENTLY v ON u (x);
        REINDEX TABLE CONCURRENTLY u; REINDEX INDEX CONCURRENTLY v; DROP INDEX CONCURRENTLY v; DROP TABLE u
        """,
        "CREATE TABLE copied AS SELECT * FROM t; SELECT * INTO copied_too FROM t",
        "CREATE MATERIALIZED VIEW one AS SELECT * FROM t WHERE id = 1; REFRESH MATERIALIZED VIEW one",
        "BEGIN; DECLARE c CURSOR FOR SELECT * FROM t; FETCH ALL FROM c; COMMIT",
        "PREPARE q (int) AS UPDATE t SET x = $1; BEGIN; EXECUTE q (2); COMMIT; DEALLOCATE q",
        "EXPLAIN ANALYZE SELECT * FROM t",
        "SELECT makes('n'); ALTER TABLE n ADD y int; BEGIN; SELECT makes('m'); INSERT INTO m VALUES (1); COMMIT",
        "VACUUM (SKIP_LOCKED) r",
        "DO 'BEGIN INSERT INTO t VALUES (-2); COMMIT; ALTER TABLE r ADD x int; END'; CALL p()",
        "COPY t TO STDOUT; ALTER TABLE t ADD y int",
        """
        ALTER TABLE t ALTER x TYPE bigint; ALTER TABLE z.t ALTER x TYPE bigint;
        CREATE INDEX CONCURRENTLY ON t (x); CREATE INDEX CONCURRENTLY ON z.t (x);
        ALTER TABLE t ADD CHECK (x > -99); ALTER TABLE z.t ADD CHECK (x > -99)
        """,
        "BEGIN; ALTER TABLE t ALTER x TYPE bigint; ALTER TABLE z.t ALTER x TYPE bigint; CREATE INDEX ON t (x); COMMIT",
    ],
)
def test_nothing_differs(each_server: ScratchServer, tmp_path: Path, sql: str) -> None:
    report = traced(each_server, tmp_path, sql)
    assert [(t.analysed.statement.text, t.differences) for t in report.differing] == []
    assert report.failed == ()


@pytest.mark.parametrize("sql", ["BEGIN; CALL p()", "SET bytea_output = nonsense"])
def test_an_unforeseen_refusal_differs_whatever_is_refused(
    each_server: ScratchServer, tmp_path: Path, sql: str
) -> None:
    last = traced(each_server, tmp_path, sql + "; ALTER TABLE t ADD y int").statements[-1]
    assert last.analysed.statement.text == sql.rpartition("; ")[2]
    assert last.differences[0].startswith("fails: predicted None")


@pytest.mark.parametrize(
    ("sql", "predicted"),
    [
        ("BEGIN; INSERT INTO r VALUES (-1, -1); COMMIT", "nothing of its values, for which it is refused"),
        (
            "INSERT INTO t VALUES (1), (1)",
            "that it is refused for rows of public.t that are equal, or in conflict, by t_pkey",
        ),
        ("UPDATE t SET x = 1 / 0", "nothing of its values, for which it is refused"),
        ("SELECT 'a'::int", "nothing of its values, for which it is refused"),
    ],
)
def test_a_refusal_for_values_is_a_failure_and_no_difference(
    each_server: ScratchServer, tmp_path: Path, sql: str, predicted: str
) -> None:
    report = traced(each_server, tmp_path, sql)
    assert (report.differing, report.failed) == ((), report.statements[-1:])
    assert f"predicted  {predicted}" in trace_text(report)


def test_behind_a_conditional_block_its_transaction_goes_on(each_server: ScratchServer, tmp_path: Path) -> None:
    block = "DO $$ BEGIN IF to_regclass('r') IS NULL THEN ALTER TABLE t ADD y int; END IF; END $$"
    report = traced(each_server, tmp_path, f"BEGIN; {block}; CREATE INDEX CONCURRENTLY i ON t (x); COMMIT")
    assert (report.differing, len(report.failed)) == ((), 1)


@pytest.mark.parametrize("kept", ["x", "y"])
def test_what_a_conditional_block_leaves_is_looked_at(each_server: ScratchServer, tmp_path: Path, kept: str) -> None:
    block = "DO $$ BEGIN IF to_regclass('r') IS NULL THEN ALTER TABLE t ADD y int, DROP x; END IF; END $$"
    wrapped = f"BEGIN; {block}; ALTER TABLE t ALTER x TYPE bigint; COMMIT"
    if kept == "y":
        wrapped = f"DROP TABLE r; {wrapped.replace('ALTER x', 'ALTER y')}"
    report = traced(each_server, tmp_path, wrapped)
    assert (report.differing, report.failed) == ((), ())
