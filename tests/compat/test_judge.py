"""The judge on a real server: what it finds out about single queries."""

from __future__ import annotations

import pytest

from migrate_safe.adapters.judge import failures, judge
from migrate_safe.adapters.seed import seed
from migrate_safe.compat.answers import Answer, Question
from migrate_safe.compat.matrix import Asked
from migrate_safe.model.names import Name
from migrate_safe.model.release import AppQuery

SHOP = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN zip AS text CHECK (VALUE ~ '^[0-9]{5}$' OR VALUE = '12345');
CREATE TABLE teams (id serial PRIMARY KEY, name varchar(8) NOT NULL UNIQUE);
CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  team_id int NOT NULL REFERENCES teams,
  email text NOT NULL UNIQUE CHECK (email LIKE '%@%'),
  country char(2) NOT NULL DEFAULT 'de',
  mood mood,
  zip zip,
  age smallint CHECK (age BETWEEN 18 AND 120),
  tags text[] NOT NULL DEFAULT '{}',
  joined timestamptz NOT NULL DEFAULT now(),
  full_email text GENERATED ALWAYS AS (email || ' ') STORED
);
"""


def question(sql: str) -> Question:
    writes = not sql.startswith("SELECT")
    return Question("v1", AppQuery(sql, "v1.yaml:1"), sql, writes=writes)


@pytest.fixture
def shop(database: str, connect):
    connect(database).execute(SHOP)
    assert seed(database) == ()
    return database


def ask(dsn: str, sql: str) -> Answer:
    with judge(dsn, (Asked("v1", False, (question(sql),), (), 0, 0, 0),)) as one:
        return one.ask(0)[0][0]


def test_every_table_is_seeded_with_two_rows_that_its_rules_accept(shop, connect):
    rows = connect(shop).execute("SELECT id, team_id, country, mood::text, zip, age FROM users ORDER BY id").fetchall()
    assert [row[:2] for row in rows] == [(9001, 9001), (9002, 9002)]
    assert all(18 <= row[5] <= 120 and row[4] == "12345" and len(row[2]) == 2 for row in rows)


CIRCLE = """
CREATE TABLE a (id text PRIMARY KEY CHECK (id LIKE 'a-%'), best_b int);
CREATE TABLE b (id int PRIMARY KEY, a_id text NOT NULL REFERENCES a, kind text, UNIQUE (id, a_id));
ALTER TABLE a ADD FOREIGN KEY (best_b) REFERENCES b;
CREATE TABLE c (id int PRIMARY KEY, b_id int, a_id text, FOREIGN KEY (b_id, a_id) REFERENCES b (id, a_id));
CREATE TABLE alone (id int PRIMARY KEY);
"""


def test_circles_of_references_and_keys_of_several_columns_are_seeded(database, connect):
    connection = connect(database)
    connection.execute(CIRCLE)
    assert seed(database, {Name(None, "c")}) == ()
    assert connection.execute("SELECT count(*), count(DISTINCT a_id) FROM c JOIN b USING (a_id)").fetchone() == (2, 2)
    assert connection.execute("SELECT count(*) FROM alone").fetchone() == (0,), "no query needs it"


def test_all_tables_are_seeded_when_a_query_names_something_else(database, connect):
    connect(database).execute(CIRCLE + "CREATE VIEW v AS SELECT * FROM alone")
    assert seed(database, {Name(None, "v")}) == ()
    assert connect(database).execute("SELECT count(*) FROM v").fetchone() == (2,)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO users (team_id, email) VALUES ($1, $2)",
        "INSERT INTO users (team_id, email, country, mood, zip, age, tags, joined) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)",
        "INSERT INTO teams (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING *",
        "UPDATE users SET email = $1, age = $2 WHERE id = $3",
        "UPDATE users SET team_id = $1 WHERE email = $2",
        "DELETE FROM users WHERE id = ANY($1)",
        "WITH gone AS (DELETE FROM users WHERE id = $1 RETURNING *) SELECT count(*) FROM gone",
    ],
)
def test_writes_are_accepted_and_reach_a_row(shop, connect, sql):
    answer = ask(shop, sql)
    assert answer.refused is None
    assert answer.sampled.refusal is None, answer.sampled.refusal
    assert answer.outcomes[0].rows == 1
    assert all(outcome.refusal is None for outcome in answer.outcomes)
    assert connect(shop).execute("SELECT count(*) FROM users").fetchone() == (2,), "everything was rolled back"


def test_values_are_as_fresh_and_repeated_as_the_schema_allows(shop):
    trials = {
        t.what: t.runs for t in ask(shop, "UPDATE users SET country = $1, mood = $2 WHERE id = $3").sampled.trials
    }
    ((country, _, key), (again, _, other_key)) = trials["when values repeat"]
    assert (key, other_key, again) == ("9001", "9002", country)
    assert "when $1 is ''" in trials


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("SELECT nothing FROM users", "42703"),
        ("SELECT 1 FROM nowhere", "42P01"),
        ("INSERT INTO users (email) VALUES ($1)", "23502"),
        ("INSERT INTO users (team_id, email, full_email) VALUES ($1, $2, $3)", "428C9"),
        ("INSERT INTO users (id, team_id, email) VALUES ($1, $2, $3)", "428C9"),
        ("INSERT INTO users (team_id, email) VALUES ($1, $2) ON CONFLICT (country) DO NOTHING", "42P10"),
    ],
)
def test_failures_are_those_that_no_values_explain(shop, sql, sqlstate):
    good = question("SELECT email FROM users WHERE id = $1 AND country = $2")
    ((found, refusal),) = failures(shop, (good, question(sql)))
    assert (found.sql, refusal.sqlstate) == (sql, sqlstate)
