"""`migrate-safe capture` as people run it: on the tests of an app, and on pg_stat_statements."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg
import pytest

from migrate_safe.adapters.heard import heard_at
from migrate_safe.adapters.marks import Tests
from migrate_safe.adapters.scratch import scratch_server
from migrate_safe.adapters.wire import Parameter, Sent, Startup
from migrate_safe.cli.main import main
from tests.support.servers import source_of, wanted_majors

TESTS = """
import os
import psycopg
import pytest
import sqlalchemy as sa


@pytest.fixture(scope="session", autouse=True)
def shop():
    with psycopg.connect("", autocommit=True) as connection:
        connection.execute("CREATE TABLE item (id int PRIMARY KEY, name text UNIQUE, price numeric)")


def test_binds_on_the_server():
    with psycopg.connect("") as connection:
        for number in (1, 70000):
            connection.execute("INSERT INTO item (id, name) VALUES (%s, %s)", (number, f"n{number}"))
        with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction():
            connection.execute("INSERT INTO item (id, name) VALUES (%s, %s)", (1, "again"))
        with pytest.raises(psycopg.errors.UndefinedColumn), connection.transaction():
            connection.execute("SELECT nope FROM item")


def test_writes_values_into_the_text():
    with psycopg.connect("", cursor_factory=psycopg.ClientCursor) as connection:
        for name in ("x", "y's"):
            connection.execute("SELECT id, 'kind' FROM item WHERE name = %s AND price > -1.5 ORDER BY 1", (name,))
        connection.execute("SELECT to_jsonb(item) ? 'id' FROM item")
        connection.execute("LISTEN jobs")


def test_orm():
    engine = sa.create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"))
    item = sa.table("item", sa.column("id"), sa.column("name"))
    with engine.begin() as connection:
        connection.execute(sa.update(item).where(item.c.id == 1).values(name="z"))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    (tmp_path / "test_shop.py").write_text(TESTS)
    (tmp_path / "0001.sql").write_text("CREATE TABLE item (id int PRIMARY KEY, name text UNIQUE, price numeric);")
    (tmp_path / "0002.sql").write_text("ALTER TABLE item RENAME name TO title;")
    return tmp_path


def test_the_tests_of_an_app_become_a_release_whose_breaks_name_the_test(project, server, capfd):
    words = ["capture", "-o", "v1.json", "--postgres", server.dsn(), "--", sys.executable, "-m", "pytest", "-q"]
    assert main([*words, "-p", "no:cacheprovider"]) == 0, capfd.readouterr()
    told = capfd.readouterr().out
    assert "1 x failed (42703): SELECT nope FROM item" in told
    assert "1 x LISTEN cannot be prepared: LISTEN jobs" in told
    assert "controls a transaction or the session: BEGIN" in told
    kept = {one["sql"]: one for one in json.loads((project / "v1.json").read_text())["queries"]}
    insert = kept["INSERT INTO item (id, name) VALUES ($1, $2)"]
    assert (insert["types"], insert["count"]) == (["integer", ""], 3)
    line = next(n for n, text in enumerate(TESTS.splitlines(), 1) if "def test_binds" in text)
    assert insert["at"] == [f"test_shop.py:{line}"]
    select = kept["SELECT id, 'kind' FROM item WHERE name = $1 AND price > $2 ORDER BY 1"]
    assert (select["types"], select["count"]) == (["", "numeric"], 2)
    assert any(sql.startswith("UPDATE item SET name=$1") for sql in kept)

    code = main(["check", "0002.sql", "--old", "v1.json", "--postgres", server.dsn()])
    out = capfd.readouterr().out
    assert code == 1
    assert f"BREAKS  v1  test_shop.py:{line}\n  query       INSERT INTO item (id, name) VALUES ($1, $2)\n" in out
    assert out.endswith(f"3 breaks in {len(kept)} queries of v1\n")
    assert "SELECT to_jsonb(item) ? $1 FROM item" in kept


@pytest.mark.matrix
@pytest.mark.parametrize("major", wanted_majors())
def test_pg_stat_statements_becomes_a_release(project, capfd, major):
    settings = {"shared_preload_libraries": "pg_stat_statements"}
    with scratch_server(source_of(major), major=major, settings=settings) as server:
        dsn = server.create_database()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute((project / "0001.sql").read_text().encode())
            assert main(["capture", "-o", "v1.json", "--dsn", dsn]) == 2
            assert "CREATE EXTENSION pg_stat_statements" in capfd.readouterr().err
            connection.execute("CREATE EXTENSION pg_stat_statements")
            for number in (1, 2):
                connection.execute(f"SELECT name FROM item WHERE id = {number}".encode())
            connection.execute("SELECT id FROM item WHERE now() < now() - interval '1 day'")
        assert main(["capture", "-o", "v1.json", "--dsn", dsn]) == 0
        assert "CREATE EXTENSION" in capfd.readouterr().out
        kept = {one["sql"]: one["count"] for one in json.loads((project / "v1.json").read_text())["queries"]}
        assert kept["SELECT name FROM item WHERE id = $1"] == 2
        (project / "v1.yaml").write_text("app: shop\nversion: v1\nsources:\n  - pg_stat_statements: v1.json\n")
        assert main(["check", "0002.sql", "--old", "v1.yaml", "--postgres", server.dsn()]) == 1
        out = capfd.readouterr().out
        assert 'column "name" does not exist' in out
        assert "does not work even before" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name what to record: a command behind --"),
        (("--dsn", "x", "--", "true"), "name what to record"),
        (("--role", "x", "--", "true"), "--role is for --dsn"),
        (("--dsn", "host=127.0.0.1", "--schema", "x"), "--schema, --before and --env are for a command"),
        (("--", "true"), "never sent a statement"),
        (("--", "no-such-program"), 'cannot run "no-such-program"'),
        (("--env", "x", "--", "true"), '--env "x" is no NAME=TEMPLATE'),
        (("--before", "false", "--", "true"), '--before "false" ended with exit code 1'),
    ],
)
def test_what_cannot_be_recorded_is_said(project, server, capfd, words, said):
    options = [] if "--dsn" in words else ["--postgres", server.dsn()]
    assert main(["capture", "-o", "v1.json", *options, *words]) == 2
    assert said in capfd.readouterr().err
    assert not (project / "v1.json").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no recording"),
        ("[]", "is no recording"),
        (
            '{"format": "migrate-safe/queries/9", "of": "x", "normalised": false, "queries": []}',
            "cannot have the format",
        ),
        ('{"format": "migrate-safe/queries/1", "of": "x", "normalised": false, "queries": [{}]}', "is no recording"),
    ],
)
def test_a_broken_recording_is_named(project, capfd, text, said):
    (project / "v1.json").write_text(text)
    (project / "v1.yaml").write_text("app: shop\nversion: v1\nsources:\n  - recording: v1.json\n")
    assert main(["check", "0002.sql", "--old", "v1.yaml"]) == 2
    err = capfd.readouterr().err
    assert "v1.json" in err
    assert said in err


@pytest.mark.parametrize(("database", "types"), [("shop", ("mood",)), ("test_shop", ("",))])
def test_types_of_users_are_those_of_the_database_that_can_be_asked(database, types):
    sql = "SELECT 1 FROM t WHERE a = $1"
    sent = Sent(1, sql, True, 0.0, (Parameter(20_000, False, b"x"),), startup=Startup(database))
    (query,) = heard_at([sent], Tests(), "shop", lambda _: "mood").queries.values()
    assert query.types == types
