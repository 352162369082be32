"""A migration that runs on a scratch server: what is seen, what had been predicted, and how it is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest
from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.captured import Captured
from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.adapters.tracer import trace_script
from migrate_safe.app.trace import TraceRequest, trace_command, trace_path
from migrate_safe.model.errors import UsageError
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.source import Source
from migrate_safe.report.trace import trace_json, trace_schema_path, trace_text
from migrate_safe.sql.parse import parse_script
from tests.conftest import Connect
from tests.support.cli import CommandLine

FIRST = "CREATE TABLE users (id bigint PRIMARY KEY, email text, plan varchar(20), CHECK (plan <> ''));\n"
SECOND = """\
ALTER TABLE users ADD COLUMN n int;
CREATE INDEX CONCURRENTLY users_email ON users (email);
BEGIN;
ALTER TABLE users ALTER COLUMN id TYPE numeric;
SELECT count(*) FROM users;
COMMIT;
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "0001.sql").write_text(FIRST)
    (tmp_path / "0002.sql").write_text(SECOND)
    return tmp_path


def test_each_statement_beside_its_prediction(project: Path) -> None:
    report = trace_path(project / "0002.sql", TraceRequest(rows=500))
    assert [t.differences for t in report.statements] == [()] * 6
    by_word = {t.analysed.statement.text.split()[0] + t.analysed.statement.text[-4:]: t for t in report.statements}
    rewrite = by_word["ALTEReric"].observed
    assert rewrite is not None
    assert {n.name for n in rewrite.effect.rewrites} == {"users", "users_pkey", "users_email"}
    assert rewrite.effect.mode_on(Name("public", "users")) is LockMode.ACCESS_EXCLUSIVE
    assert rewrite.ms > 0
    numbers = [t.transaction for t in report.statements]
    assert numbers == [1, 2, 3, 3, 3, 3]
    assert {f.rule for f in report.lint.findings} >= {"column-type-rewrite"}
    assert report.lint.unanalysed == ()


def test_text_says_what_waits_and_json_keeps_to_its_schema(project: Path) -> None:
    report = trace_path(project / "0002.sql", TraceRequest(rows=20))
    text = trace_text(report)
    assert "locks      ACCESS EXCLUSIVE on users, users_email, users_pkey: stops reads, writes, DDL" in text
    assert "holds      ACCESS EXCLUSIVE on users from before" in text
    assert "waits for  older transactions: every transaction that holds a snapshot" in text
    assert "6 statements, all as predicted" in text
    value = json.loads(trace_json(report))
    jsonschema.validate(value, json.loads(trace_schema_path().read_text()))
    rewrite = value["statements"][3]
    assert rewrite["agrees"] and rewrite["blocks"] == ["reads", "writes", "DDL"]
    assert set(rewrite["predicted"]["rewrites"]) == set(rewrite["rewrites"])


def test_rows_that_are_changed_and_statements_under_a_lock_that_is_held_are_shown(tmp_path: Path) -> None:
    (tmp_path / "0001.sql").write_text(
        "CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 1); INSERT INTO t VALUES (1);"
    )
    second = tmp_path / "0002.sql"
    second.write_text(
        "BEGIN; ALTER TABLE t ADD b int; ALTER TABLE t ALTER a DROP DEFAULT; COMMIT;\n"
        "UPDATE t SET b = 1; INSERT INTO t VALUES (2);"
    )
    report = trace_path(second, TraceRequest())
    text = trace_text(report)
    assert "ALTER TABLE t ALTER a DROP DEFAULT" in text
    assert "2 statements that touch no table left out" in text
    assert text.count("rows       stops writes of the same rows") == 1
    blocks = {s["statement"].split()[0]: s["blocks"] for s in json.loads(trace_json(report))["statements"]}
    assert blocks["UPDATE"] == ["DDL", "writes of the same rows"]
    assert blocks["INSERT"] == ["DDL"]


def test_what_stands_behind_a_refused_statement_is_counted(tmp_path: Path) -> None:
    (tmp_path / "0001.sql").write_text(
        "CREATE TABLE t (id int);\nALTER TABLE nope ADD a int;\nALTER TABLE t ADD a int;"
    )
    (tmp_path / "0002.sql").write_text("ALTER TABLE t ADD b int;")
    notes = trace_path(tmp_path, TraceRequest()).notes
    assert [n.partition("0001.sql")[2] for n in notes] == [
        ":3: 2 statements from here on did not run, for the one before was refused"
    ]


def test_a_live_database_may_search_no_schema_at_all(tmp_path: Path, database: str, connect: Connect) -> None:
    live = connect(database)
    live.execute("CREATE TABLE t (id int)")
    live.execute(f"ALTER DATABASE {live.info.dbname} SET search_path = ''".encode())
    (tmp_path / "m.sql").write_text("ALTER TABLE public.t ADD a int; ALTER TABLE t ADD b int")
    report = trace_path(tmp_path / "m.sql", TraceRequest(schema=(database,)))
    assert [t.analysed.statement.text for t in report.failed] == ["ALTER TABLE t ADD b int"]
    assert report.differing == ()


def test_a_live_database_in_another_encoding_is_copied(tmp_path: Path, server: ScratchServer, connect: Connect) -> None:
    connect(server.home).execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
    try:
        connect(server.dsn("latin")).execute('CREATE TABLE "Übung" (id int)')
        (tmp_path / "m.sql").write_text('ALTER TABLE "Übung" ADD a int')
        report = trace_path(tmp_path / "m.sql", TraceRequest(schema=(server.dsn("latin"),)))
    finally:
        server.drop_database("latin")
    assert (report.failed, report.differing, len(report.statements)) == ((), (), 1)


def test_a_role_that_may_create_no_database_is_told_so(tmp_path: Path, server: ScratchServer, connect: Connect) -> None:
    (tmp_path / "m.sql").write_text("CREATE TABLE t (id int)")
    connect(server.home).execute("CREATE ROLE nobody_here LOGIN")
    try:
        with pytest.raises(UsageError, match="lets this role create no databases"):
            trace_path(tmp_path / "m.sql", TraceRequest(postgres=make_conninfo(server.home, user="nobody_here")))
    finally:
        connect(server.home).execute("DROP ROLE nobody_here")


def test_names_are_looked_up_where_sessions_of_the_live_database_do(
    tmp_path: Path, database: str, connect: Connect
) -> None:
    live = connect(database)
    live.execute("CREATE SCHEMA s; CREATE TABLE s.t (id int)")
    live.execute(f"ALTER DATABASE {live.info.dbname} SET search_path = s, public".encode())
    (tmp_path / "m.sql").write_text("ALTER TABLE t ADD a int")
    report = trace_path(tmp_path / "m.sql", TraceRequest(schema=(database,)))
    assert report.failed == ()
    assert report.statements[0].observed is not None
    assert [lock.relation for lock in report.statements[0].observed.effect.locks] == [Name("s", "t")]
    assert "statement-fails" not in {f.rule for f in report.lint.findings}
    program = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).execute('ALTER TABLE t ADD b int')"
    copied = trace_command((sys.executable, "-c", program), TraceRequest(schema=(database,)))
    assert (copied.failed, copied.differing, copied.command_code) == ((), (), 0)


def test_a_foreign_key_of_no_rows_reads_nothing_of_the_other_table(tmp_path: Path) -> None:
    (tmp_path / "0001.sql").write_text("CREATE TABLE far (id int PRIMARY KEY); INSERT INTO far VALUES (1), (2), (3);")
    second = tmp_path / "0002.sql"
    second.write_text(
        "CREATE TABLE near (id int, far_id int);\nALTER TABLE near ADD CONSTRAINT k FOREIGN KEY (far_id) REFERENCES far"
    )
    report = trace_path(second, TraceRequest())
    assert report.statements[-1].analysed.effect.scans
    assert report.differing == ()


def test_rows_that_were_predicted_to_be_refused(tmp_path: Path) -> None:
    (tmp_path / "0001.sql").write_text("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1);")
    second = tmp_path / "0002.sql"
    second.write_text("ALTER TABLE t ADD UNIQUE (a)")
    report = trace_path(second, TraceRequest())
    assert report.differing == ()
    assert "predicted  that it is refused for rows of public.t that are equal" in trace_text(report)
    value = json.loads(trace_json(report))
    jsonschema.validate(value, json.loads(trace_schema_path().read_text()))
    assert value["statements"][0]["predicted"]["refused_by"]


def test_a_wrong_prediction_is_named(database: str, connect: Connect) -> None:
    """The prediction is made on a schema that lacks an index and a foreign key which the database has."""
    c = connect(database)
    c.execute("CREATE TABLE far (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, a int)")
    believed = read_schema(c)
    c.execute("CREATE INDEX t_a ON t (a); ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES far; INSERT INTO far VALUES (1)")
    c.execute("INSERT INTO t VALUES (1, 1)")
    script = parse_script(Source("m.sql", "ALTER TABLE t ALTER a TYPE bigint; DROP TABLE far;"))
    first, second = trace_script(database, Captured(script, (None, None)), believed)
    assert "lock on public.t_a: predicted none, server: ACCESS EXCLUSIVE" in first.differences
    assert "lock on public.far: predicted none, server: ACCESS EXCLUSIVE" in first.differences
    assert second.differences[0].startswith("fails: predicted None, server: 'cannot drop table far because")


def test_a_statement_that_fails_ends_it_and_is_told(project: Path) -> None:
    (project / "0003.sql").write_text("ALTER TABLE users DROP COLUMN absent;\nALTER TABLE users ADD z int;\n")
    report = trace_path(project / "0003.sql", TraceRequest())
    (only,) = report.statements
    assert only.agrees
    assert [t.observed.effect.fails for t in report.failed if t.observed] == [
        'column "absent" of relation "users" does not exist'
    ]


def test_a_folder_is_traced_file_after_file(project: Path) -> None:
    report = trace_path(project, TraceRequest())
    assert {Path(t.analysed.statement.span.file).name for t in report.statements} == {"0001.sql", "0002.sql"}
    assert report.differing == ()


def test_what_a_psql_script_holds_beyond_sql_is_named_not_run(project: Path) -> None:
    (project / "0003.sql").write_text("\\set x 1\nCOPY users (id) FROM stdin;\n7\n\\.\nALTER TABLE users ADD w int;\n")
    notes = [t.note for t in trace_path(project / "0003.sql", TraceRequest()).statements]
    assert notes == ["not run: the psql command \\set", "not run: the data of COPY", ""]


# ---- the command line --------------------------------------------------------------------------


def test_exit_codes(tmp_path: Path) -> None:
    run = CommandLine(tmp_path)
    (tmp_path / "0001.sql").write_text("SET lock_timeout = '1s';\nCREATE TABLE a (id int PRIMARY KEY);\n")
    (tmp_path / "0002.sql").write_text("ALTER TABLE a DROP COLUMN b;\n")
    assert run("trace", "0001.sql").code == 0
    failed = run("trace", "0002.sql", "--json")
    assert failed.code == 1
    assert json.loads(failed.out)["failed"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name what to trace"),
        (("--",), "name what to trace"),
        (("0001.sql", "--postgres", "nope"), "a major version (14 to 18)"),
        (("0001.sql", "--", "true"), 'two things to trace: "0001.sql"'),
        (("absent.sql",), 'no file or folder "absent.sql"'),
        (("0001.sql", "--save", "x.sql"), "--save is for commands"),
        (("--env", "X", "--", "true"), "is no NAME=TEMPLATE"),
        (("--env", "X={nonsense}", "--", "true"), "{dbname}"),
        (("--", "no-such-program-anywhere"), 'cannot run "no-such-program-anywhere"'),
        (("--", "true"), "never connected to the scratch server"),
        (("--before", "'", "0001.sql"), "quote it as in a shell"),
        (("--before", "", "0001.sql"), "names no command"),
        (("--before", "false", "0001.sql"), "ended with exit code 1"),
        (("binary.sql",), "is not text"),
        (("0001.sql", "--schema", "absent"), "no such file or folder"),
    ],
)
def test_bad_input_is_an_error_with_the_next_move(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "0001.sql").write_text("SELECT 1;\n")
    (tmp_path / "binary.sql").write_bytes(b"SELECT\0")
    ran = CommandLine(tmp_path)("trace", *words)
    assert ran.code == 2, ran.err
    assert said in ran.err
    assert "next: " in ran.err
