"""Rows of every kind of table: typed, distinct where they must be, with foreign keys that hold."""

from __future__ import annotations

from migrate_safe.adapters.fill_rows import fill
from tests.conftest import Connect

TABLES = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE teams (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), code char(5) NOT NULL, size smallint);
CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, team uuid NOT NULL REFERENCES teams,
    email varchar(12) UNIQUE, born date, at timestamptz, m mood, j jsonb, tags text[], age int CHECK (age > 0),
    price numeric(6,2), ip inet, boss bigint REFERENCES people, twice int GENERATED ALWAYS AS (age * 2) STORED);
CREATE TABLE logs (id int, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE logs_all PARTITION OF logs DEFAULT;
CREATE TABLE few (id bool PRIMARY KEY);
CREATE TABLE picky (a int, b text, CHECK (a = 5 OR a = 7), UNIQUE (b));
CREATE TABLE kept (id int PRIMARY KEY);
INSERT INTO kept VALUES (1);
"""


def test_every_empty_table_is_filled(each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    c.execute(TABLES)
    notes = list(fill(each_database, 300))
    counts = {
        table: c.execute(f"SELECT count(*) FROM {table}").fetchone()
        for table in ("teams", "people", "logs", "few", "kept")
    }
    assert counts == {"teams": (300,), "people": (300,), "logs": (300,), "few": (2,), "kept": (1,)}
    assert [note.partition(" has")[0] for note in notes if "picky" not in note] == ["public.few"]
    shown = c.execute(
        "SELECT count(DISTINCT team) > 250, count(DISTINCT email), count(DISTINCT m) FROM people"
    ).fetchone()
    assert shown == (True, 300, 2)


def test_a_check_that_few_values_satisfy_is_met_by_the_sample(database: str, connect: Connect) -> None:
    c = connect(database)
    c.execute("CREATE TABLE picky (id int PRIMARY KEY, a int CHECK (a > 9000 AND a < 9100), b text)")
    assert list(fill(database, 50)) == []
    assert c.execute("SELECT count(*), min(a) > 9000 FROM picky").fetchone() == (50, True)


def test_no_rows_are_wanted(database: str, connect: Connect) -> None:
    connect(database).execute("CREATE TABLE t (id int)")
    assert list(fill(database, 0)) == []
    assert connect(database).execute("SELECT count(*) FROM t").fetchone() == (0,)
