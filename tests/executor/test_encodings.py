"""Databases and roles with other encodings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.database import Database
from migrate_safe.adapters.postgres import connect as open_connection
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.apply import apply
from migrate_safe.app.doctor import doctor
from migrate_safe.app.executing import Target
from migrate_safe.app.plan import PlanRequest
from migrate_safe.app.plan import plan as make_plan
from migrate_safe.app.status import status
from migrate_safe.model.errors import UsageError

SNOW = 'CREATE TABLE "☃" (id int PRIMARY KEY, a text)'


@pytest.fixture
def ascii_database(each_server: ScratchServer) -> Iterator[str]:
    """A database of encoding SQL_ASCII."""
    with open_connection(each_server.dsn("postgres")) as connection:
        connection.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    yield each_server.dsn("ascii")
    each_server.drop_database("ascii")


def lead(dsn: str, folder: Path) -> None:
    """Plan, apply and look."""
    file = folder / "m.sql"
    file.write_text('ALTER TABLE "☃" RENAME COLUMN a TO "é";', encoding="utf-8")
    made = make_plan(PlanRequest(file, (dsn,)))
    assert apply(made, Target(dsn)).stage == "migrate"
    assert status(Target(dsn)).plans[0].drift == ()
    assert doctor(Target(dsn)) is not None


def test_sql_ascii_is_read_as_utf8(ascii_database: str, tmp_path: Path) -> None:
    with open_connection(ascii_database) as connection:
        connection.execute(SNOW)
        lead(ascii_database, tmp_path)
    with open_connection(ascii_database, encoding="SQL_ASCII") as connection:
        connection.execute(b'CREATE TABLE public."caf\xe9" (id int)')
    with pytest.raises(UsageError, match=r"the database holds text that is not UTF-8 .*0xe9"):
        make_plan(PlanRequest(tmp_path / "m.sql", (ascii_database,)))
    db = Database(ascii_database)
    with pytest.raises(UsageError, match="not UTF-8"):
        db.query("SELECT relname FROM pg_class")
    db.close()


def test_what_role_and_environment_say_of_the_encoding_does_not_matter(
    each_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    dsn = make_conninfo(each_database, options="-c client_encoding=LATIN1")
    with open_connection(dsn) as connection:
        connection.execute(SNOW)
        assert read_schema(connection).tables
    lead(dsn, tmp_path)
