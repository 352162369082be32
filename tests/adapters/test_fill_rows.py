"""Rows of every kind of table: typed, distinct where they must be, with foreign keys that hold."""

from __future__ import annotations

from pathlib import Path

from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.fill_rows import fill
from migrate_safe.adapters.scratch import ScratchServer
from tests.conftest import Connect

EVERY_KIND = Path(__file__).with_name("every_kind_of_table.sql")
ROWS = 30
SINCE_18 = """
CREATE TABLE u_nulls (a bool UNIQUE NULLS NOT DISTINCT);
CREATE TABLE g_virtual (a int NOT NULL, b int GENERATED ALWAYS AS (a * 2) CHECK (b > 100 AND b < 120));
CREATE TABLE e_periods (id int4range, during daterange, PRIMARY KEY (id, during WITHOUT OVERLAPS));
CREATE TABLE c_not_enforced (a int CHECK (a < 0) NOT ENFORCED);
"""
FEWER = {
    "u_bool": (6, "their keys do not allow for more"),
    "x_never": (0, 'no value is known for "a" that its type and constraints accept'),
    "x_no": (0, "a trigger refuses rows: not today"),
    "x_parent": (0, "a trigger refuses rows: not today"),
    "x_child": (0, 'the table that "a" refers to is empty'),
    "x_seven": (7, "a trigger refuses rows: seven are enough"),
    "x_nothing": (0, "its triggers or rules let no row in"),
    "x_rule": (0, "its triggers or rules let no row in"),
    "x_parted": (0, "it has no partition that holds rows"),
}
NO_XML = (0, 'no value is known for "a" that its type and constraints accept (unsupported XML feature)')
TABLES = """
SELECT c.oid::regclass::text, c.relispartition, c.relkind = 'p' FROM pg_class AS c
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""


def test_every_kind_of_table_takes_as_many_rows_as_it_can(each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    c.execute(EVERY_KIND.read_bytes())
    if c.info.server_version >= 180000:
        c.execute(SINCE_18)
    notes = dict(note.removeprefix("public.").split(" has ", 1) for note in fill(each_database, ROWS))
    fewer = {**FEWER, **({"t_xml": NO_XML} if "t_xml" in notes else {})}
    fewer |= {"u_nulls": (3, "their keys do not allow for more")} if c.info.server_version >= 180000 else {}
    assert notes == {table: f"{count} row{'s' * (count != 1)}: {why}" for table, (count, why) in fewer.items()}
    counts = {
        (table, part): c.execute(f"SELECT count(*) FROM {'' if parted else 'ONLY '}{table}".encode()).fetchone()
        for table, part, parted in c.execute(TABLES).fetchall()
    }
    assert {t: n for (t, part), n in counts.items() if not part and n != (ROWS,)} == {
        table: (count,) for table, (count, _) in fewer.items()
    }
    assert [table for (table, part), n in counts.items() if part and n == (0,)] == []


def test_rows_differ_where_they_may(database: str, connect: Connect) -> None:
    c = connect(database)
    c.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    c.execute("CREATE TABLE teams (id uuid PRIMARY KEY DEFAULT gen_random_uuid())")
    c.execute(
        "CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood, x text, "
        "team uuid NOT NULL REFERENCES teams, boss bigint REFERENCES people, CHECK (x <> ''))"
    )
    assert list(fill(database, 300)) == []
    query = (
        "SELECT count(DISTINCT team), count(DISTINCT m), count(DISTINCT x) > 50, count(DISTINCT boss) > 100 FROM people"
    )
    assert c.execute(query).fetchone() == (300, 2, True, True)


def test_row_security_that_is_forced_upon_the_owner_does_not_keep_rows_out(
    database: str, server: ScratchServer, connect: Connect
) -> None:
    c = connect(database)
    c.execute("CREATE ROLE rows_owner LOGIN")
    try:
        c.execute(
            f"CREATE TABLE t (id int); ALTER TABLE t OWNER TO rows_owner; ALTER TABLE t ENABLE ROW LEVEL SECURITY; "
            f"ALTER TABLE t FORCE ROW LEVEL SECURITY; GRANT TEMP ON DATABASE {c.info.dbname} TO rows_owner".encode()
        )
        assert list(fill(make_conninfo(database, user="rows_owner"), 20)) == []
        assert c.execute(
            "SELECT count(*), (SELECT relforcerowsecurity FROM pg_class WHERE relname = 't') FROM t"
        ).fetchone() == (20, True)
    finally:
        c.execute("DROP OWNED BY rows_owner; DROP ROLE rows_owner")


def test_tables_that_have_rows_are_left_alone(database: str, connect: Connect) -> None:
    c = connect(database)
    c.execute("CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept VALUES (1)")
    assert list(fill(database, 300)) == []
    assert c.execute("SELECT count(*) FROM kept").fetchone() == (1,)


def test_a_database_without_tables_is_told(database: str) -> None:
    assert list(fill(database, 5)) == ["no rows were made: there is no table yet"]


def test_no_rows_are_wanted(database: str, connect: Connect) -> None:
    connect(database).execute("CREATE TABLE t (id int)")
    assert list(fill(database, 0)) == []
    assert connect(database).execute("SELECT count(*) FROM t").fetchone() == (0,)
