"""What the linters of the field get wrong or pass over, fifteen points: each is right here."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from migrate_safe.app.lint import LintRequest, analyse_both_ways, lint
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.effect import BreakKind, Session
from migrate_safe.model.finding import Finding
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Wrapping
from migrate_safe.report.lint_json import lint_json
from migrate_safe.report.lint_sarif import lint_sarif
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.match import judgement
from migrate_safe.sql.parse import parse_script
from tests.support.queries import broken_queries

RULES = load_rules()
USERS = "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), age int);"
PARTS = """
CREATE TABLE events (at date NOT NULL, kind int) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
"""
THAT_YEAR = "FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')"
REWRITES = {"add-column-rewrite", "add-serial-column", "add-identity-column", "add-stored-column", "add-domain-column"}
TYPES = {"column-type-rewrite", "column-type-recheck", "column-type-narrower", "column-type-time-zone"}
WRAPPED = Wrapping.FILE


def found(
    sql: str,
    given: str = USERS,
    wrapping: Wrapping = Wrapping.STATEMENT,
    version: int | None = None,
    lock_timeout: int | None = 2000,
) -> tuple[Finding, ...]:
    known = Schema(server_version=version) if version is not None else Schema()
    script = parse_script(Source("x.sql", sql), wrapping=wrapping)
    schema = fold(known, parse_script(Source("given.sql", given)))
    analysed = analyse_both_ways(script, schema, session=Session(lock_timeout=lock_timeout))
    return judgement(analysed, script, RULES, version=version).findings


def rules(sql: str, given: str = USERS, **more: object) -> set[str]:
    return {f.rule for f in found(sql, given, **more)}  # type: ignore[arg-type]


# ---- 1 to 3: what proves, and what is new --------------------------------------------------------


def test_1_only_the_very_constraint_proves_not_null_across_files(tmp_path: Path):
    files = {
        "1.sql": USERS + "CREATE TABLE orders (id bigint PRIMARY KEY, note text, total int);",
        "2.sql": "ALTER TABLE users ADD CONSTRAINT there CHECK (age IS NOT NULL) NOT VALID;"
        "ALTER TABLE orders ADD CONSTRAINT total_there CHECK (total > 0) NOT VALID;",
        "3.sql": "ALTER TABLE users VALIDATE CONSTRAINT there; ALTER TABLE orders VALIDATE CONSTRAINT total_there;",
        "4.sql": "ALTER TABLE users ALTER COLUMN age SET NOT NULL;",
        "5.sql": "ALTER TABLE orders ALTER COLUMN total SET NOT NULL;",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    told = lint(LintRequest((tmp_path,))).report.findings
    assert [Path(f.span.file).name for f in told if f.rule == "set-not-null-scan"] == ["5.sql"]


def test_2_not_valid_and_validate_in_one_statement():
    sql = "ALTER TABLE users ADD CONSTRAINT old CHECK (age > 0) NOT VALID, VALIDATE CONSTRAINT old;"
    assert "validate-while-locked" in rules(sql)


def test_3_if_not_exists_makes_no_known_table_new():
    sql = "CREATE TABLE IF NOT EXISTS users (id bigint PRIMARY KEY); CREATE INDEX i ON users (email);"
    assert "index-not-concurrent" in rules(sql)
    assert "index-not-concurrent" not in rules(sql.replace("IF NOT EXISTS ", "").replace("users", "people"))


# ---- 4 to 8: rewrites, scans and locks that are missed -------------------------------------------


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("a float[] DEFAULT ARRAY[random()]", "add-column-rewrite"),
        ("a float DEFAULT CASE WHEN true THEN random() ELSE 0 END", "add-column-rewrite"),
        ("a uuid DEFAULT coalesce(NULL, gen_random_uuid())", "add-column-rewrite"),
        ("a bigserial", "add-serial-column"),
        ("a bigint GENERATED ALWAYS AS IDENTITY", "add-identity-column"),
        ("a positive", "add-domain-column"),
        ("a positive DEFAULT 1", "add-domain-column"),
    ],
)
def test_4_hidden_rewrites(column: str, rule: str):
    given = USERS + "CREATE DOMAIN positive AS int CHECK (VALUE > 0);"
    assert rules(f"ALTER TABLE users ADD COLUMN {column};", given) & REWRITES == {rule}


def test_5_a_check_on_a_new_column_scans():
    assert "add-check-scan" in rules("ALTER TABLE users ADD COLUMN n int CHECK (n > 0);")


def test_6_a_primary_key_over_a_nullable_column_scans():
    given = "CREATE TABLE users (id bigint); CREATE UNIQUE INDEX pk ON users (id);"
    sql = "ALTER TABLE users ADD CONSTRAINT pk PRIMARY KEY USING INDEX pk;"
    assert rules(sql, given) == {"primary-key-scan"}
    assert rules(sql, given.replace("bigint", "bigint NOT NULL")) == set()


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("DO $$ BEGIN CREATE INDEX i ON users (email); END $$;", "index-not-concurrent"),
        ("DO $$ BEGIN IF true THEN ALTER TABLE users ADD CHECK (age > 0); END IF; END $$;", "add-check-scan"),
        ("DO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$;", "drop-table"),
        ("DO $$ BEGIN EXECUTE 'DROP TABLE ' || (SELECT 'users'); END $$;", "unknown-statement"),
    ],
)
def test_7_statements_inside_do_blocks(sql: str, rule: str):
    assert rule in rules(sql)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("VACUUM FULL users;", "vacuum-full"),
        ("CLUSTER users USING users_pkey;", "vacuum-full"),
        ("REFRESH MATERIALIZED VIEW totals;", "refresh-not-concurrent"),
        ("ALTER TABLE users SET UNLOGGED;", "storage-rewrite"),
        ("ALTER TABLE users SET TABLESPACE fast;", "storage-rewrite"),
        ("ALTER TABLE users SET ACCESS METHOD columnar;", "storage-rewrite"),
        ("BEGIN; LOCK TABLE users; COMMIT;", "lock-table"),
        ("TRUNCATE users;", "truncate"),
        ("CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION f();", "new-trigger"),
        (f"ALTER TABLE events ATTACH PARTITION old {THAT_YEAR};", "attach-partition-scan"),
        (f"CREATE TABLE new PARTITION OF events {THAT_YEAR};", "partition-beside-default"),
        ("UPDATE users SET age = 0;", "unbatched-update"),
    ],
)
def test_8_statements_that_others_have_no_rule_for(sql: str, rule: str):
    given = f"""
        {USERS} {PARTS} CREATE TABLE events_rest PARTITION OF events DEFAULT;
        CREATE TABLE old (at date NOT NULL, kind int);
        CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM users;
    """
    assert rule in rules(sql, given)


# ---- 9 to 11: false alarms and advice that fails -------------------------------------------------


@pytest.mark.parametrize(
    "default",
    """
    -1|(0)|CURRENT_DATE|CURRENT_USER|LOCALTIMESTAMP|now() AT TIME ZONE 'utc'|md5('x')|pg_catalog.now()|
    CASE WHEN true THEN 1 END|COALESCE(NULL, 1)|current_setting('a')|jsonb_build_object('a', 1)
    """.replace("\n", "").split("|"),
)
def test_9_defaults_that_rewrite_nothing(default: str):
    assert not rules(f"ALTER TABLE users ADD COLUMN a text DEFAULT {default.strip()};") & REWRITES


def test_9_a_virtual_column_rewrites_nothing():
    assert not rules("ALTER TABLE users ADD COLUMN a int GENERATED ALWAYS AS (age + 1) VIRTUAL;") & REWRITES


@pytest.mark.parametrize(
    ("old", "change"),
    [
        ("varchar(100)", "TYPE varchar(200)"),
        ("varchar(100)", "TYPE text"),
        ("varchar(100)", "TYPE text USING c::text"),
        ("numeric(10,2)", "TYPE numeric(14,2)"),
        ("cidr", "TYPE inet"),
    ],
)
def test_10_types_that_rewrite_nothing(old: str, change: str):
    assert not rules(f"ALTER TABLE t ALTER COLUMN c {change};", f"CREATE TABLE t (c {old});") & TYPES


def test_10_under_utc_a_timestamp_becomes_one_with_time_zone_without_a_rewrite():
    change = "ALTER TABLE t ALTER COLUMN c TYPE timestamptz;"
    given = "CREATE TABLE t (c timestamp);"
    assert rules(f"SET timezone = 'UTC'; {change}", given) & TYPES == set()
    assert rules(f"SET timezone = 'Asia/Tokyo'; {change}", given) & TYPES == {"column-type-time-zone"}


@pytest.mark.parametrize(
    ("sql", "given", "version", "never"),
    [
        ("ALTER TABLE users ADD UNIQUE (email);", USERS, None, "NOT VALID"),
        ("ALTER TABLE u ADD PRIMARY KEY (id);", "CREATE TABLE u (id bigint NOT NULL);", None, "NOT VALID"),
        ("ALTER TABLE r ADD EXCLUDE USING gist (d WITH &&);", "CREATE TABLE r (d tsrange);", None, "NOT VALID"),
        ("ALTER TABLE events ADD FOREIGN KEY (kind) REFERENCES users;", USERS + PARTS, 17, "NOT VALID"),
        ("CREATE INDEX i ON events (kind);", PARTS, None, "CONCURRENTLY i ON events "),
        ("CREATE INDEX CONCURRENTLY i ON events (kind);", PARTS, None, "CONCURRENTLY i ON events "),
        ("ALTER TABLE events DETACH PARTITION events_2024;", PARTS + "CREATE TABLE r PARTITION OF events DEFAULT;",
         None, "CONCURRENTLY"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users (email);", USERS, None, "CONCURRENTLY IF NOT EXISTS i ON"),
        ("CREATE INDEX i ON users (email);", USERS, None, "timeout"),
    ],
)  # fmt: skip
def test_11_no_advice_that_fails_or_harms(sql: str, given: str, version: int | None, never: str):
    told = found(sql, given, version=version, lock_timeout=None if "CONCURRENTLY" in sql else 2000)
    assert told
    assert not [f.safe for f in told if never in f.safe]


def test_11_on_a_newer_server_a_foreign_key_of_a_partitioned_table_can_be_not_valid():
    sql = "ALTER TABLE events ADD FOREIGN KEY (kind) REFERENCES users;"
    told = found(sql, USERS + PARTS, version=18)
    assert ["NOT VALID" in f.safe for f in told if f.rule == "add-foreign-key-scan"] == [True]


def test_11_a_concurrent_build_is_not_asked_for_a_timeout_but_freed_of_one():
    build = "CREATE INDEX CONCURRENTLY i ON users (email);"
    assert rules(build, lock_timeout=None) == set()
    (told,) = found(f"SET statement_timeout = '5s'; {build}", lock_timeout=None)
    assert (told.rule, told.safe.splitlines()[0]) == ("concurrent-build-under-timeout", "SET statement_timeout = 0;")


# ---- 12 and 13: sessions and transactions ----------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "set_"),
    [
        ("SET lock_timeout = '2s';", True),
        ("SELECT set_config('lock_timeout', '2s', false);", True),
        ("SET lock_timeout = 0;", False),
        ("SET LOCAL lock_timeout = '2s';", False),
        ("SET lock_timeout = '2s'; RESET lock_timeout;", False),
        ("SET lock_timeout = '2s'; RESET ALL;", False),
        ("BEGIN; SET lock_timeout = '2s'; ROLLBACK;", False),
        ("BEGIN; SET LOCAL lock_timeout = '2s'; COMMIT;", False),
        ("SELECT set_config('lock_timeout', '2s', true);", False),
    ],
)
def test_12_whether_a_lock_timeout_is_in_force(before: str, set_: bool):
    told = rules(f"{before} ALTER TABLE users ADD COLUMN a int;", lock_timeout=None)
    assert ("lock-timeout-missing" not in told) is set_


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("DROP INDEX CONCURRENTLY a;", "concurrently-in-transaction"),
        ("REINDEX TABLE CONCURRENTLY users;", "concurrently-in-transaction"),
        ("VACUUM users;", "concurrently-in-transaction"),
        ("ALTER TYPE mood ADD VALUE 'fair'; UPDATE moods SET m = 'fair';", "statement-fails"),
    ],
)
def test_13_what_a_transaction_refuses(sql: str, rule: str):
    given = f"""{USERS} CREATE INDEX a ON users (email);
        CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE moods (m mood);"""
    assert rule in rules(sql, given, wrapping=WRAPPED)
    assert rule not in rules(sql, given)


def test_13_two_indexes_are_not_dropped_concurrently_at_once():
    given = USERS + "CREATE INDEX a ON users (email); CREATE INDEX b ON users (age);"
    assert "statement-fails" in rules("DROP INDEX CONCURRENTLY a, b;", given)


# ---- 14: files ---------------------------------------------------------------------------------------


def test_14_no_file_hides_another(tmp_path: Path):
    (tmp_path / "1.sql").write_text(USERS)
    (tmp_path / "2.sql").write_bytes(b"SELECT '\xff\xfe';")
    (tmp_path / "3.sql").write_text("\n-- a comment\nALTER TABLE users\n  DROP COLUMN age;")
    outcome = lint(LintRequest((tmp_path,)))
    drop = next(f for f in outcome.report.findings if f.rule == "drop-column")
    assert [Path(u.file).name for u in outcome.unread] == ["2.sql"]
    assert (drop.span.line, drop.span.end_line) == (3, 4)
    told = next(f for f in json.loads(lint_json(outcome.report))["findings"] if f["rule"] == "drop-column")
    assert (told["line"], told["end_line"]) == (3, 4)
    results = json.loads(lint_sarif(outcome.report))["runs"][0]["results"]
    place = next(r for r in results if r["ruleId"] == "drop-column")["locations"][0]["physicalLocation"]["region"]
    assert place["startLine"] == 3


def test_14_a_table_is_new_in_its_own_file_alone(tmp_path: Path):
    (tmp_path / "1.sql").write_text(USERS + "ALTER TABLE users DROP COLUMN email;")
    (tmp_path / "2.sql").write_text("ALTER TABLE users DROP COLUMN age;")
    told = lint(LintRequest((tmp_path,))).report.findings
    assert [Path(f.span.file).name for f in told if f.rule == "drop-column"] == ["2.sql"]


# ---- 15: the app version that is running -------------------------------------------------------------

BREAKING = [
    (
        "CREATE TRIGGER guard BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION guard();",
        "CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;",
        "UPDATE users SET age = 1",
        "new-trigger",
    ),
    (
        "DROP INDEX CONCURRENTLY by_email;",
        "CREATE UNIQUE INDEX by_email ON users (email);",
        "INSERT INTO users (id, email) VALUES (7, 'x') ON CONFLICT (email) DO NOTHING",
        "drop-unique-key",
    ),
    (
        "ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 18) NOT VALID;",
        "",
        "INSERT INTO users (id, age) VALUES (8, 7)",
        "new-constraint-refuses-writes",
    ),
    (
        "CREATE FUNCTION greet(n text, t text DEFAULT '', e text DEFAULT '!') RETURNS text LANGUAGE sql AS 'SELECT n';",
        "CREATE FUNCTION greet(n text, t text DEFAULT '') RETURNS text LANGUAGE sql AS 'SELECT n';",
        "SELECT greet('kim')",
        "ambiguous-overload",
    ),
    (
        "ALTER TABLE users ADD COLUMN extra json;",
        "",
        "SELECT DISTINCT * FROM users",
        "json-column",
    ),
    (
        "ALTER TABLE users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;",
        "",
        "INSERT INTO users (id) VALUES (9)",
        "identity-always",
    ),
    (
        "ALTER TYPE mood RENAME VALUE 'bad' TO 'sad';",
        "CREATE TYPE mood AS ENUM ('good', 'bad');",
        "SELECT 'bad'::mood",
        "rename-enum-value",
    ),
    (
        "ALTER FUNCTION twice(int) RENAME TO doubled;",
        "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';",
        "SELECT twice(1)",
        "rename-object",
    ),
    (
        "DROP FUNCTION twice(int);",
        "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';",
        "SELECT twice(1)",
        "drop-object",
    ),
    (
        "ALTER SEQUENCE numbers RESTART WITH 1;",
        "CREATE SEQUENCE numbers START 2;",
        "INSERT INTO users (id) VALUES (nextval('numbers'))",
        "sequence-repeats",
    ),
    (
        "CREATE PUBLICATION changes FOR TABLE visits;",
        "CREATE TABLE visits (at int); INSERT INTO visits VALUES (1);",
        "UPDATE visits SET at = 2",
        "published-without-identity",
    ),
    (
        "ALTER TABLE users REPLICA IDENTITY NOTHING;",
        "CREATE PUBLICATION changes FOR TABLE users;",
        "UPDATE users SET age = 2",
        "unpublished",
    ),
]


@pytest.mark.parametrize(("change", "given", "query", "rule"), BREAKING, ids=[b[3] for b in BREAKING])
def test_15_what_breaks_the_old_app_is_told_and_true(each_database: str, connect, change, given, query, rule):
    session = connect(each_database)
    session.execute(f"{USERS} INSERT INTO users VALUES (1, 'a', 30); {given}")
    session.execute(f"BEGIN; {query}; ROLLBACK")
    session.execute(change)
    with pytest.raises(psycopg.Error):
        session.execute(query)
    assert rule in rules(change, f"{USERS} {given}")


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("ALTER TABLE users ENABLE ROW LEVEL SECURITY;", "row-security-on"),
        ("REVOKE SELECT ON users FROM app;", "revoke"),
        ("ALTER TABLE numbered ALTER COLUMN id TYPE bigint;", "sequence-stays-short"),
    ],
)
def test_15_what_breaks_it_without_an_error_at_once(sql: str, rule: str):
    assert rule in rules(sql, USERS + "CREATE TABLE numbered (id serial PRIMARY KEY);")


def test_15_a_new_column_is_judged_by_the_queries_of_the_app(database: str, connect):
    """Nearly every migration adds one: without the queries a finding on each would say nothing."""
    session, query = connect(database), "SELECT note FROM users JOIN orders ON orders.user_id = users.id"
    session.execute(f"{USERS} CREATE TABLE orders (user_id bigint, note text);")
    change = "ALTER TABLE users ADD COLUMN note text;"
    assert broken_queries(session.info.dsn, [query]) == {}
    session.execute(change)
    assert "ambiguous" in broken_queries(session.info.dsn, [query])[query]
    script = parse_script(Source("x.sql", change))
    (analysed,) = analyse_both_ways(script, fold(Schema(), parse_script(Source("given.sql", USERS))))
    assert BreakKind.SHAPE in {b.kind for b in analysed.effect.breaks}
    assert rules(change) == set()
