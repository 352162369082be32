"""Migrations run as they stand: which queries of which version they break, and since when."""

from __future__ import annotations

import pytest

from migrate_safe.model.effect import BreakKind
from migrate_safe.model.errors import UsageError

USERS = """
CREATE TABLE teams (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (
  id bigserial PRIMARY KEY,
  team_id int REFERENCES teams,
  email varchar(80) NOT NULL,
  age int,
  status text NOT NULL DEFAULT 'new'
);
CREATE UNIQUE INDEX users_email ON users (email);
"""


def test_a_rename_breaks_the_old_version_at_once_and_lets_the_new_one_start(run_check):
    found = run_check(
        base=USERS,
        migration="ALTER TABLE users RENAME COLUMN email TO email_address;\nSELECT 1;\n",
        old=("SELECT id, email FROM users WHERE id = %s", "UPDATE users SET age = %s WHERE id = %s"),
        new=("SELECT email_address FROM users WHERE id = %s",),
    )
    (verdict,) = found.matrix.breaks
    assert (verdict.version, verdict.kind, verdict.object) == ("v41", BreakKind.GONE, "users.email")
    assert verdict.state.endswith("0002_change.sql:1")
    assert verdict.place.endswith("v41.yaml:5")
    new = [(v.works, v.alive) for v in found.matrix.verdicts if v.version == "v42"]
    assert new == [(False, False), (True, False), (True, True)]


# migration, old query, kind, object, words of the reason
BREAKS = [
    ("ALTER TABLE users DROP COLUMN age", "SELECT age FROM users", BreakKind.GONE, "users.age", "does not exist"),
    ("DROP TABLE users", "DELETE FROM users WHERE id = %s", BreakKind.GONE, "users", "does not exist"),
    (
        "ALTER TABLE users ADD COLUMN phone text NOT NULL",
        "INSERT INTO users (email) VALUES (%s)",
        BreakKind.WRITE_REFUSED,
        "users.phone",
        "not-null",
    ),
    (
        "ALTER TABLE users ALTER COLUMN age SET NOT NULL",
        "INSERT INTO users (email) VALUES (%(email)s)",
        BreakKind.WRITE_REFUSED,
        "users.age",
        "not-null",
    ),
    (
        "ALTER TABLE users ADD CONSTRAINT one_status UNIQUE (status)",
        "UPDATE users SET status = :status WHERE id = :id",
        BreakKind.WRITE_REFUSED,
        "one_status on users",
        "when values repeat",
    ),
    (
        "ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 0)",
        "UPDATE users SET age = $1 WHERE id = $2",
        BreakKind.WRITE_REFUSED,
        "grown on users",
        "when $1 is '-7'",
    ),
    (
        "ALTER TABLE users ADD CONSTRAINT known CHECK (status IN ('new', 'paid'))",
        "UPDATE users SET status = $1 WHERE id = $2",
        BreakKind.WRITE_REFUSED,
        "known on users",
        "check constraint",
    ),
    (
        "ALTER TABLE users ADD CONSTRAINT grouped FOREIGN KEY (age) REFERENCES teams",
        "UPDATE users SET age = $1 WHERE id = $2",
        BreakKind.WRITE_REFUSED,
        "grouped on users",
        "foreign key",
    ),
    (
        (
            "BEGIN; ALTER TABLE users DROP COLUMN age;"
            "ALTER TABLE users ADD COLUMN age int GENERATED ALWAYS AS (1) STORED; COMMIT"
        ),
        "UPDATE users SET age = $1 WHERE id = $2",
        BreakKind.WRITE_REFUSED,
        "users.age",
        "DEFAULT",
    ),
    (
        "DROP INDEX users_email",
        "INSERT INTO users (email) VALUES (%s) ON CONFLICT (email) DO NOTHING",
        BreakKind.ARBITER,
        "ON CONFLICT (email) of users",
        "no unique or exclusion constraint",
    ),
    (
        "ALTER TABLE users ADD COLUMN phone text",
        "SELECT * FROM users WHERE id = %s",
        BreakKind.SHAPE,
        "+phone text",
        "cached plan must not change result type",
    ),
    (
        "ALTER TABLE users ADD COLUMN phone text",
        "INSERT INTO users (email) VALUES (%s) RETURNING *",
        BreakKind.SHAPE,
        "+phone text",
        "cached plan must not change result type",
    ),
    (
        "ALTER TABLE users ALTER COLUMN email TYPE varchar(90)",
        "SELECT email FROM users WHERE id = %s",
        BreakKind.SHAPE,
        "-email character varying(80), +email character varying(90)",
        "cached plan must not change result type",
    ),
    (
        'ALTER TABLE users ALTER COLUMN email TYPE varchar(90) COLLATE "C"',
        "SELECT email FROM users WHERE id = %s",
        BreakKind.SHAPE,
        "-email character varying(80), +email character varying(90)",
        "cached plan must not change result type",
    ),
    (
        "ALTER TABLE users ALTER COLUMN email TYPE varchar(20)",
        "UPDATE users SET email = %s WHERE id = %s",
        BreakKind.WRITE_REFUSED,
        "",
        "value too long",
    ),
    (
        "ALTER TABLE users ALTER COLUMN age TYPE text",
        "DELETE FROM users WHERE age = $1",
        BreakKind.VALUE,
        "$1",
        "is now of type text, was integer",
    ),
    (
        "ALTER TABLE users ALTER COLUMN age TYPE text",
        "UPDATE users SET age = $1 WHERE id = $2",
        BreakKind.VALUE,
        "$1",
        "is now of type text, was integer",
    ),
    (
        (
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'frozen'; END $$;"
            "CREATE TRIGGER frozen BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION no()"
        ),
        "UPDATE users SET age = $1 WHERE id = $2",
        BreakKind.VALUE,
        "",
        "frozen",
    ),
]


@pytest.mark.parametrize(("migration", "query", "kind", "object_", "words"), BREAKS)
def test_each_kind_of_break_names_its_object(run_check, migration, query, kind, object_, words):
    found = run_check(base=USERS, migration=migration, old=(query, "SELECT count(*) FROM teams"))
    (verdict,) = found.matrix.breaks
    assert (verdict.kind, verdict.object) == (kind, object_), verdict.reason
    assert words in verdict.reason
    assert not found.matrix.untried


ORDERS = """
CREATE TABLE orders (id bigserial PRIMARY KEY, total int, amount numeric(10,2), note varchar(600), status text);
"""

# migration, old query, words of the reason
NARROWER = [
    ("ALTER TABLE orders ALTER total TYPE smallint", "INSERT INTO orders(total) VALUES (%s)", "out of range"),
    ("ALTER TABLE orders ALTER amount TYPE numeric(6,2)", "INSERT INTO orders(amount) VALUES (%s)", "numeric field"),
    ("ALTER TABLE orders ALTER note TYPE varchar(500)", "INSERT INTO orders(note) VALUES (%s)", "value too long"),
    (
        "ALTER TABLE orders ADD CONSTRAINT few CHECK (total <= 150)",
        "INSERT INTO orders(total) VALUES (%s)",
        "when $1 is '151'",
    ),
    (
        "ALTER TABLE orders ADD CONSTRAINT few CHECK (total < 50000) NOT VALID",
        "INSERT INTO orders(total) VALUES (%s)",
        "when $1 is '50000'",
    ),
    (
        "ALTER TABLE orders ADD CONSTRAINT few CHECK (total > -40) NOT VALID",
        "UPDATE orders SET total = %s WHERE id = %s",
        "when $1 is '-40'",
    ),
    (
        "ALTER TABLE orders ADD CONSTRAINT open CHECK (status <> 'paid')",
        "UPDATE orders SET status = %s WHERE id = %s",
        "when $1 is 'paid'",
    ),
    (
        "ALTER TABLE orders ADD CONSTRAINT short CHECK (length(note) <= 400)",
        "INSERT INTO orders(note) VALUES (%s)",
        "when $1 has 401 characters",
    ),
]


@pytest.mark.parametrize(("migration", "query", "words"), NARROWER)
def test_a_new_limit_that_the_old_version_may_pass_is_a_break(run_check, migration, query, words):
    found = run_check(base=ORDERS, migration=migration, old=(query,))
    (verdict,) = found.matrix.breaks
    assert verdict.kind is BreakKind.WRITE_REFUSED
    assert words in verdict.reason


def test_limits_that_the_schema_had_before_are_no_break(run_check):
    found = run_check(
        base="CREATE TABLE orders (id serial PRIMARY KEY, total int CHECK (total BETWEEN 0 AND 99), note varchar(9))",
        migration="ALTER TABLE orders ADD CONSTRAINT few CHECK (total < 50000), ALTER note TYPE varchar(20)",
        old=("INSERT INTO orders(total, note) VALUES (%s, %s)", "UPDATE orders SET total = total + 1 WHERE id = %s"),
    )
    assert found.matrix.breaks == ()


# what looks dangerous and breaks nothing
HARMLESS = [
    ("ALTER TABLE users ADD COLUMN phone text", "SELECT id, email FROM users WHERE id = %s"),
    ("ALTER TABLE users ADD COLUMN phone text NOT NULL DEFAULT ''", "INSERT INTO users (email) VALUES (%s)"),
    ("ALTER TABLE users ALTER COLUMN age SET NOT NULL", "INSERT INTO users (email, age) VALUES (%s, %s)"),
    ("ALTER TABLE users DROP COLUMN age", "UPDATE users SET status = %s WHERE id = %s"),
    ("ALTER TABLE users ADD UNIQUE (team_id)", "UPDATE users SET email = %s WHERE id = %s"),
    ("ALTER TABLE users ALTER COLUMN email TYPE text", "DELETE FROM users WHERE email = %s"),
    ("DROP INDEX users_email; CREATE UNIQUE INDEX other ON users (email)", "SELECT 1 FROM users WHERE email = %s"),
    (
        "CREATE UNIQUE INDEX other ON users (email); DROP INDEX users_email",
        "INSERT INTO users (email) VALUES (%s) ON CONFLICT (email) DO UPDATE SET age = 1",
    ),
    ("ALTER TABLE users ADD CONSTRAINT ok CHECK (age < 1000000) NOT VALID", "INSERT INTO users (email) VALUES (%s)"),
    (
        "BEGIN; ALTER TABLE users RENAME TO people; CREATE VIEW users AS SELECT * FROM people; COMMIT",
        "SELECT * FROM users",
    ),
]


@pytest.mark.parametrize(("migration", "query"), HARMLESS)
def test_what_breaks_nothing_is_not_called_a_break(run_check, migration, query):
    found = run_check(base=USERS, migration=migration, old=(query,))
    assert found.matrix.breaks == ()
    assert not found.matrix.untried


def test_a_transaction_is_one_state(run_check):
    found = run_check(
        base=USERS,
        migration="BEGIN;\nALTER TABLE users DROP COLUMN age;\nALTER TABLE users ADD COLUMN age int;\nCOMMIT;\n",
        old=("SELECT id, age FROM users",),
    )
    assert [state.id.rpartition("/")[2] for state in found.matrix.timeline.states] == [
        "baseline",
        "0002_change.sql:2-3",
    ]
    assert found.matrix.breaks == ()


def test_what_did_not_work_before_is_said_so_and_counted(run_check):
    found = run_check(
        base=USERS,
        migration="ALTER TABLE users ADD COLUMN phone text",
        old=("SELECT fax FROM users", "INSERT INTO users (age) VALUES (%s)"),
        new=("SELECT fone FROM users",),
    )
    reasons = {v.version + " " + v.object: v.reason for v in found.matrix.breaks}
    assert set(reasons) == {"v41 users.fax", "v41 users.email", "v42 users.fone"}
    assert reasons["v41 users.fax"].startswith("does not work even before the migration: ")
    assert reasons["v42 users.fone"].startswith("does not work on the schema that v42 is to start on: ")


def test_what_cannot_be_prepared_is_listed_never_dropped(run_check):
    queries = (
        "SELECT 1; SELECT 2",
        "COPY users TO STDOUT",
        "LISTEN jobs",
        "CREATE TABLE x ()",
        "SELECT pg_terminate_backend(%s)",
        "SELECT email FROM users",
    )
    found = run_check(base=USERS, migration="SELECT 1", old=queries)
    (who,) = found.matrix.asked
    assert [u.query.sql for u in who.unasked] == list(queries[:4])
    assert all(u.reason for u in who.unasked)
    assert [(u.query, u.reason) for u in found.matrix.untried] == [(queries[4], "it calls pg_terminate_backend")]
    assert found.matrix.breaks == ()


def test_quoted_names_and_other_schemas(run_check):
    found = run_check(
        base='CREATE SCHEMA "My App"; CREATE TABLE "My App"."Order" ("Id" int PRIMARY KEY, "select" text);'
        "CREATE SCHEMA billing; CREATE TABLE billing.invoice (id int PRIMARY KEY, note text)",
        migration='ALTER TABLE "My App"."Order" RENAME COLUMN "select" TO "Choice";'
        "ALTER TABLE billing.invoice DROP note",
        old=(
            'SELECT o."select" FROM "My App"."Order" o WHERE "Id" = %s',
            'INSERT INTO "Order" ("Id", "select") VALUES (%s, %s) ON CONFLICT ("Id") DO UPDATE SET "select" = \'%%\'',
            "SELECT note FROM invoice",
            'SELECT "Id" FROM "Order"',
        ),
        extra='search_path: ["My App", billing]\n',
    )
    assert [v.object for v in found.matrix.breaks] == ['o."select"', '"Order"."select"', "invoice.note"]


@pytest.mark.parametrize("query", ["%s", "%(id)s", ":id", "$1", "?"])
def test_placeholders_of_every_style(run_check, query):
    found = run_check(
        base=USERS, migration="ALTER TABLE users DROP COLUMN age", old=(f"SELECT age FROM users WHERE id = {query}",)
    )
    assert [v.object for v in found.matrix.breaks] == ["users.age"]


def test_a_statement_that_fails_on_rows_is_noted_and_the_check_goes_on(run_check):
    found = run_check(
        base=USERS,
        migration="ALTER TABLE users ADD COLUMN phone text NOT NULL",
        old=("DELETE FROM users WHERE id = %s",),
    )
    assert found.matrix.breaks == ()
    assert "0002_change.sql:1: fails on rows like the sample ones in public.users" in found.notes[0]


def test_a_concurrent_build_that_sample_rows_refuse_is_noted_and_the_check_goes_on(run_check, each_server):
    """The two sample rows cannot differ in a column that knows one value; the failed build leaves an invalid index."""
    found = run_check(
        base="CREATE TYPE one AS ENUM ('only'); CREATE TABLE items (id int PRIMARY KEY, kind one NOT NULL, name text)",
        migration="CREATE UNIQUE INDEX CONCURRENTLY single ON items (kind)",
        old=("UPDATE items SET name = %s WHERE id = %s",),
        postgres=each_server.dsn(),
    )
    assert found.matrix.breaks == ()
    assert "0002_change.sql:1: fails on rows like the sample ones in " in found.notes[0]


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE items ALTER name TYPE varchar(3)",
        "ALTER TABLE items ALTER amount TYPE numeric(4,2)",
        "ALTER TABLE items ALTER code TYPE date USING code::date",
        "ALTER TABLE items ALTER tags TYPE int[] USING tags::int[]",
        "BEGIN; ALTER TABLE items RENAME TO things; ALTER TABLE things ALTER name TYPE varchar(3); COMMIT",
    ],
)
def test_a_change_of_type_that_sample_rows_refuse_is_noted_and_the_check_goes_on(run_check, migration):
    base = "CREATE TABLE items (id int PRIMARY KEY, name text, amount numeric(10,2), code text, tags text[])"
    found = run_check(base=base, migration=migration, old=("SELECT id FROM items WHERE id = %s",))
    assert "fails on rows like the sample ones in items: " in found.notes[0].replace("public.", "")


def test_a_statement_that_fails_without_any_row_is_to_be_corrected(run_check):
    with pytest.raises(UsageError, match="invalid input syntax") as caught:
        run_check(base=USERS, migration="UPDATE users SET age = 'x'", old=("SELECT id FROM users",))
    assert caught.value.next_move == "correct the statement"


@pytest.mark.parametrize(("migration", "query", "kind", "object_", "words"), BREAKS)
def test_every_major_gives_the_same_verdict(run_check, each_server, migration, query, kind, object_, words):
    found = run_check(base=USERS, migration=migration, old=(query,), postgres=each_server.dsn())
    assert [(v.kind, v.object) for v in found.matrix.breaks] == [(kind, object_)]
    assert found.server == f"PostgreSQL {each_server.version}"
