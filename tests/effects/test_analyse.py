"""Statements in their place: transactions, sessions, held locks, what is new, what is unknown."""

from __future__ import annotations

import pytest

from migrate_safe.effects.analyse import analyse, schema_after
from migrate_safe.model.effect import Analysed, BreakKind, Session
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Wrapping
from migrate_safe.sql.parse import parse_script

T, U = Name("public", "t"), Name("public", "u")
AX = LockMode.ACCESS_EXCLUSIVE
KNOWN = Schema(complete=True)
UNKNOWN = Schema()
TABLE = "CREATE TABLE t (id int PRIMARY KEY, a int, b text);"


def analysed(
    sql: str, schema: Schema = UNKNOWN, *, wrapping: Wrapping | None = None, session: Session | None = None
) -> tuple[Analysed, ...]:
    return analyse(parse_script(Source("m.sql", sql), wrapping=wrapping), schema, session=session)


def last(sql: str, schema: Schema = UNKNOWN, *, wrapping: Wrapping | None = None) -> Analysed:
    return analysed(sql, schema, wrapping=wrapping)[-1]


# ---- locks held ----------------------------------------------------------------------------


def test_outside_a_transaction_nothing_is_held() -> None:
    assert last("ALTER TABLE t ADD x int; ALTER TABLE u ADD x int;").held == ()


def test_locks_add_up_in_a_transaction_and_the_strongest_counts() -> None:
    item = last("BEGIN; CREATE INDEX i ON t (a); ALTER TABLE t ADD x int; ALTER TABLE u ADD y int; SELECT 1;")
    assert item.in_transaction
    assert {lock.relation: lock.mode for lock in item.held} == {T: AX, U: AX}


def test_a_wrapped_file_is_one_transaction() -> None:
    item = last("ALTER TABLE t ADD x int; SELECT 1;", wrapping=Wrapping.FILE)
    assert item.in_transaction
    assert [lock.relation for lock in item.held] == [T]


def test_commit_and_rollback_let_go() -> None:
    for verb in ("COMMIT", "ROLLBACK"):
        item = last(f"BEGIN; ALTER TABLE t ADD x int; {verb}; SELECT 1;")
        assert (item.held, item.in_transaction) == ((), False)


def test_rollback_to_a_savepoint_lets_go_of_what_came_after_it() -> None:
    item = last("BEGIN; ALTER TABLE t ADD x int; SAVEPOINT s; ALTER TABLE u ADD x int; ROLLBACK TO s; SELECT 1;")
    assert [lock.relation for lock in item.held] == [T]


def test_commit_inside_a_wrapped_file_ends_the_runners_transaction() -> None:
    item = last("ALTER TABLE t ADD x int; COMMIT; SELECT 1;", wrapping=Wrapping.FILE)
    assert (item.held, item.in_transaction) == ((), False)


def test_a_held_lock_follows_the_new_name() -> None:
    item = last("BEGIN; ALTER TABLE t ADD x int; ALTER TABLE t RENAME TO u; SELECT 1;")
    assert [lock.relation for lock in item.held] == [U]


# ---- session -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SET lock_timeout = '2s';", 2000),
        ("SET lock_timeout = 500;", 500),
        ("SET lock_timeout TO '1min';", 60_000),
        ("SET lock_timeout = 0;", 0),
        ("SET LOCAL lock_timeout = '2s';", None),
        ("BEGIN; SET LOCAL lock_timeout = '2s';", 2000),
        ("BEGIN; SET LOCAL lock_timeout = '2s'; COMMIT;", None),
        ("SET lock_timeout = '1s'; BEGIN; SET LOCAL lock_timeout = '2s'; COMMIT;", 1000),
        ("BEGIN; SET lock_timeout = '2s'; COMMIT;", 2000),
        ("BEGIN; SET lock_timeout = '2s'; ROLLBACK;", None),
        ("BEGIN; SAVEPOINT s; SET lock_timeout = '2s'; ROLLBACK TO s;", None),
        ("SET lock_timeout = '2s'; RESET lock_timeout;", None),
        ("SET lock_timeout = '2s'; RESET ALL;", None),
        ("SET lock_timeout = '2s'; SET lock_timeout TO DEFAULT;", None),
        ("SET lock_timeout = '2s'; DISCARD ALL;", None),
        ("SELECT set_config('lock_timeout', '2s', false);", 2000),
        ("SELECT set_config('lock_timeout', '2s', true);", None),
        ("BEGIN; SELECT pg_catalog.set_config('lock_timeout', '2s', true);", 2000),
        ("SET statement_timeout = '2s';", None),
    ],
)
def test_the_lock_timeout_in_force(sql: str, expected: int | None) -> None:
    assert last(sql + "SELECT 1;").session.lock_timeout == expected


def test_set_local_lasts_through_a_wrapped_file() -> None:
    assert (
        last("SET LOCAL statement_timeout = '5s'; SELECT 1;", wrapping=Wrapping.FILE).session.statement_timeout == 5000
    )


def test_what_the_runner_sets_is_in_force_from_the_start() -> None:
    items = analysed("SELECT 1; RESET lock_timeout; SELECT 1;", session=Session(lock_timeout=100))
    assert [item.session.lock_timeout for item in items] == [100, 100, None]


def test_the_time_zone_decides_whether_timestamps_are_rewritten() -> None:
    sql = "CREATE TABLE t (a timestamp); {} ALTER TABLE t ALTER a TYPE timestamptz;"
    assert last(sql.format("SET TimeZone = 'UTC';"), KNOWN).effect.rewrites == ()
    assert last(sql.format("SET TIME ZONE 'UTC';"), KNOWN).effect.rewrites == ()
    assert last(sql.format("SET TimeZone = 'Europe/Berlin';"), KNOWN).effect.rewrites == (T,)
    unsure = last(sql.format(""), KNOWN).effect
    assert (unsure.rewrites, len(unsure.depends)) == ((T,), 1)


def test_the_search_path_decides_which_table_is_meant() -> None:
    item = last("SET search_path = shop; ALTER TABLE t ADD x int;")
    assert item.effect.mode_on(Name("shop", "t")) is AX


# ---- born here -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "schema", "born"),
    [
        ("CREATE TABLE t (a int);", UNKNOWN, {T}),
        ("CREATE TABLE IF NOT EXISTS t (a int);", UNKNOWN, set()),
        ("CREATE TABLE IF NOT EXISTS t (a int);", KNOWN, {T}),
        ("CREATE TABLE t AS SELECT 1;", UNKNOWN, {T}),
        ("CREATE TABLE t (a int); ALTER TABLE t RENAME TO u;", UNKNOWN, {U}),
        ("ALTER TABLE t RENAME TO u;", UNKNOWN, set()),
        ("CREATE TABLE t (a int); ALTER TABLE t RENAME TO u; CREATE TABLE t (a int);", UNKNOWN, {T, U}),
        ("CREATE TABLE t (a int); ALTER TABLE t SET SCHEMA s;", UNKNOWN, {Name("s", "t")}),
        ("CREATE TABLE t (a int); DROP TABLE t;", UNKNOWN, set()),
        ("BEGIN; CREATE TABLE t (a int); ROLLBACK;", UNKNOWN, set()),
        ("BEGIN; CREATE TABLE t (a int); COMMIT;", UNKNOWN, {T}),
        ("DO $$ BEGIN CREATE TABLE t (a int); END $$;", UNKNOWN, {T}),
        ("CREATE TEMP TABLE t (a int);", UNKNOWN, {Name("pg_temp", "t")}),
    ],
)
def test_what_is_born(sql: str, schema: Schema, born: set[Name]) -> None:
    assert last(sql + "SELECT 1;", schema).born == born


def test_a_table_that_was_there_before_is_not_born_by_if_not_exists() -> None:
    (item,) = analysed("ALTER TABLE t ADD x int;", schema_after(analysed(TABLE, KNOWN), KNOWN))
    assert item.born == frozenset()
    assert last("CREATE TABLE IF NOT EXISTS t (a int); SELECT 1;", item.after).born == frozenset()


def test_tables_of_unreleased_files_count_as_born() -> None:
    script = parse_script(Source("m.sql", "CREATE INDEX ON t (a);"))
    (item,) = analyse(script, UNKNOWN, unreleased=frozenset({T}))
    assert item.born == {T}


# ---- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN; CREATE INDEX CONCURRENTLY i ON t (a);",
        "BEGIN; DROP INDEX CONCURRENTLY i;",
        "BEGIN; REINDEX TABLE CONCURRENTLY t;",
        "BEGIN; VACUUM t;",
        "DROP INDEX CONCURRENTLY a, b;",
        "CREATE TYPE m AS ENUM ('a'); CREATE TABLE e (x m); BEGIN; ALTER TYPE m ADD VALUE 'b'; UPDATE e SET x = 'b';",
        "BEGIN; ALTER TYPE m ADD VALUE 'b'; SELECT 'b'::m;",
        "CREATE TABLE pt (a int) PARTITION BY RANGE (a); CREATE INDEX CONCURRENTLY i ON pt (a);",
    ],
)
def test_what_certainly_fails_says_why(sql: str) -> None:
    assert last(sql).effect.fails


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY i ON t (a);",
        "BEGIN; COMMIT; CREATE INDEX CONCURRENTLY i ON t (a);",
        "BEGIN; CREATE TYPE m AS ENUM ('a'); ALTER TYPE m ADD VALUE 'b'; SELECT 'b'::m;",
        "ALTER TYPE m ADD VALUE 'b'; SELECT 'b'::m;",
        "BEGIN; ALTER TYPE m ADD VALUE 'b'; COMMIT; SELECT 'b'::m;",
        "BEGIN; ALTER TYPE m ADD VALUE 'b'; UPDATE t SET note = 'b';",
        "ALTER TABLE t DROP COLUMN never_heard_of;",
        "DROP INDEX never_heard_of;",
    ],
)
def test_what_may_work_is_not_said_to_fail(sql: str) -> None:
    assert last(sql).effect.fails is None


def test_a_statement_that_fails_changes_nothing() -> None:
    items = analysed(TABLE + "BEGIN; CREATE INDEX CONCURRENTLY i ON t (a); COMMIT;", KNOWN)
    assert items[-1].after.tables[T].index("i") is None


# ---- the unknown ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "this is no SQL;",
        "DO $$ DECLARE x text; BEGIN SELECT sql INTO x FROM jobs; EXECUTE x; END $$;",
        "SELECT create_everything('t');",
        "DO LANGUAGE plpython3u 'x';",
        "CALL do_something();",
        "\\i other.sql\n",
        "VACUUM FULL;",
        "REINDEX DATABASE shop;",
    ],
)
def test_the_unknown_is_the_worst_case_and_says_why(sql: str) -> None:
    effect = last(sql).effect
    assert effect.unknown
    assert effect.grows_with_size


def test_statements_inside_a_do_block_have_their_effects() -> None:
    effect = last("DO $$ BEGIN ALTER TABLE t ADD COLUMN x uuid DEFAULT gen_random_uuid(); END $$;").effect
    assert effect.mode_on(T) is AX
    assert effect.rewrites == (T,)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT setval('s', max(id)) FROM t;",
        "SELECT count(*), lower('X') FROM t;",
        "SELECT * FROM generate_series(1, 3);",
    ],
)
def test_functions_of_the_server_are_no_riddle(sql: str) -> None:
    assert last(sql).effect.unknown is None


def test_harmless_psql_commands_do_nothing() -> None:
    assert last("\\set ON_ERROR_STOP on\n").effect.unknown is None


# ---- what linters get wrong ----------------------------------------------------------------

PROVEN = "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c;"


def test_validating_the_exact_constraint_proves_not_null() -> None:
    assert last(PROVEN + "ALTER TABLE t ALTER a SET NOT NULL;").effect.scans == ()
    assert last(TABLE + PROVEN + "ALTER TABLE t ALTER a SET NOT NULL;", KNOWN).effect.scans == ()


@pytest.mark.parametrize(
    "before",
    [
        PROVEN.replace("(a IS", "(b IS"),
        PROVEN.replace("VALIDATE CONSTRAINT c", "VALIDATE CONSTRAINT other"),
        PROVEN.partition(";")[0] + ";",
        PROVEN.replace("TABLE t", "TABLE u"),
        PROVEN + "ALTER TABLE t DROP CONSTRAINT c;",
        "BEGIN;" + PROVEN + "ROLLBACK;",
        PROVEN.replace("a IS NOT NULL", "a > 0"),
        PROVEN.replace("a IS NOT NULL", "a IS NOT NULL OR b IS NULL"),
    ],
)
def test_anything_less_does_not_prove_not_null(before: str) -> None:
    effect = last(before + "ALTER TABLE t ALTER a SET NOT NULL;").effect
    assert effect.scans == (T,)
    assert effect.mode_on(T) is AX


def test_not_valid_and_validate_in_one_statement_scan_under_the_strong_lock() -> None:
    effect = last("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID, VALIDATE CONSTRAINT c;").effect
    assert (effect.scans, effect.mode_on(T)) == ((T,), AX)


def test_validate_alone_lets_clients_write() -> None:
    effect = last("ALTER TABLE t VALIDATE CONSTRAINT c;").effect
    assert (effect.scans, effect.mode_on(T)) == ((T,), LockMode.SHARE_UPDATE_EXCLUSIVE)


@pytest.mark.parametrize(
    "default",
    """-1|(0)|CURRENT_DATABASE|CURRENT_USER|LOCALTIMESTAMP|(now() AT TIME ZONE 'utc')|md5('x')|pg_catalog.now()
    |CASE WHEN true THEN 1 END|COALESCE(NULL, 1)|current_setting('a.b')|jsonb_build_object('a', 1)|'{}'::jsonb
    |ARRAY[1, 2]|true|NULL|CURRENT_DATE|concat_ws('-', 'a', 'b')|timezone('utc', now())""".split("|"),
)
def test_defaults_that_rewrite_nothing(default: str) -> None:
    default = default.strip().replace("CURRENT_DATABASE", "CURRENT_CATALOG")
    effect = last(f"ALTER TABLE t ADD COLUMN x text DEFAULT {default};").effect
    assert (effect.rewrites, effect.scans, effect.depends) == ((), (), ())


@pytest.mark.parametrize(
    "column",
    """uuid DEFAULT gen_random_uuid()|float[] DEFAULT ARRAY[random()]|bigserial|int GENERATED ALWAYS AS IDENTITY
    |int GENERATED ALWAYS AS (a + 1) STORED|timestamptz DEFAULT clock_timestamp()|int DEFAULT nextval('s')
    |uuid DEFAULT uuid_generate_v4()|uuid DEFAULT extensions.uuid_generate_v4()
    |float DEFAULT CASE WHEN true THEN random() END|float DEFAULT COALESCE(random(), 1)""".split("|"),
)
def test_columns_that_rewrite_the_table(column: str) -> None:
    effect = last(f"ALTER TABLE t ADD COLUMN x {column.strip()};").effect
    assert T in effect.rewrites
    assert effect.depends == ()


def test_a_function_that_nobody_knows_counts_as_volatile_and_says_so() -> None:
    effect = last("ALTER TABLE t ADD COLUMN x text DEFAULT make_code();").effect
    assert effect.rewrites == (T,)
    assert effect.depends == ("whether function make_code is volatile is not known",)


@pytest.mark.parametrize(("volatility", "rewritten"), [("IMMUTABLE", False), ("STABLE", False), ("VOLATILE", True)])
def test_a_function_of_the_users_is_judged_by_its_own_word(volatility: str, rewritten: bool) -> None:
    sql = f"CREATE FUNCTION code() RETURNS text LANGUAGE plpgsql {volatility} AS 'begin return 1; end';"
    effect = last(sql + "ALTER TABLE t ADD COLUMN x text DEFAULT code();").effect
    assert (bool(effect.rewrites), effect.depends) == (rewritten, ())


def test_a_type_that_nobody_knows_may_be_a_constrained_domain() -> None:
    effect = last("ALTER TABLE t ADD COLUMN x shop.price;").effect
    assert effect.rewrites == (T,)
    assert len(effect.depends) == 1


def test_a_type_change_from_an_unknown_type_depends() -> None:
    effect = last("ALTER TABLE t ALTER b TYPE text;").effect
    assert effect.rewrites == (T,)
    assert len(effect.depends) == 1


def test_a_check_on_a_new_column_reads_every_row() -> None:
    effect = last("ALTER TABLE t ADD COLUMN n int CHECK (n > 0);").effect
    assert (effect.scans, effect.mode_on(T)) == ((T,), AX)


def test_an_index_on_a_table_that_may_be_old_builds_under_a_lock() -> None:
    item = last("CREATE TABLE IF NOT EXISTS t (a int); CREATE INDEX ON t (a);")
    assert item.effect.builds == (T,)
    assert T not in item.born


# ---- what breaks ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("ALTER TABLE t DROP COLUMN a;", BreakKind.GONE),
        ("ALTER TABLE t DROP COLUMN a;", BreakKind.SHAPE),
        ("ALTER TABLE t RENAME COLUMN a TO c;", BreakKind.GONE),
        ("ALTER TABLE t RENAME TO x;", BreakKind.GONE),
        ("DROP TABLE t;", BreakKind.GONE),
        ("ALTER TABLE t ADD COLUMN c int;", BreakKind.SHAPE),
        ("ALTER TABLE t ADD COLUMN c int NOT NULL;", BreakKind.WRITE_REFUSED),
        ("ALTER TABLE t ALTER a SET NOT NULL;", BreakKind.WRITE_REFUSED),
        ("ALTER TABLE t ADD CHECK (a > 0) NOT VALID;", BreakKind.WRITE_REFUSED),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u NOT VALID;", BreakKind.WRITE_REFUSED),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);", BreakKind.WRITE_REFUSED),
        ("ALTER TABLE t DROP CONSTRAINT t_pkey;", BreakKind.ARBITER),
        ("ALTER TABLE t ALTER a DROP NOT NULL;", BreakKind.VALUE),
        ("ALTER TABLE t ALTER a TYPE bigint;", BreakKind.SHAPE),
        ("ALTER TYPE m ADD VALUE 'x';", BreakKind.VALUE),
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY;", BreakKind.VALUE),
        ("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();", BreakKind.WRITE_REFUSED),
    ],
)
def test_what_breaks_running_apps(sql: str, kind: BreakKind) -> None:
    assert kind in {b.kind for b in last(TABLE + sql, KNOWN).effect.breaks}


@pytest.mark.parametrize(
    ("sql", "lost"),
    [
        ("ALTER TABLE t DROP COLUMN a;", ("column public.t.a",)),
        ("DROP TABLE t;", ("table public.t",)),
        ("TRUNCATE t;", ("rows of table public.t",)),
        ("DELETE FROM t;", ("rows of table public.t",)),
        ("DELETE FROM t WHERE id = 1;", ()),
        ("ALTER TABLE t ADD c int;", ()),
    ],
)
def test_what_is_lost(sql: str, lost: tuple[str, ...]) -> None:
    assert last(TABLE + sql, KNOWN).effect.loses == lost


def test_unseen_triggers_may_write_through_a_view() -> None:
    view = "CREATE TABLE t (a int); CREATE VIEW v AS SELECT DISTINCT a FROM t; DELETE FROM v"
    assert last(view, KNOWN).effect.fails is not None
    assert last(view).effect.fails is None


def test_rows_that_a_rule_keeps_need_no_identity_to_be_published() -> None:
    table = "CREATE TABLE t (a int); CREATE PUBLICATION p FOR TABLE t;"
    assert last(table + "DELETE FROM t", KNOWN).effect.fails is not None
    kept = last(table + "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING; DELETE FROM t", KNOWN)
    assert kept.effect.fails is None
    assert (
        last(table + "CREATE RULE r AS ON DELETE TO t DO ALSO NOTHING; DELETE FROM t", KNOWN).effect.fails is not None
    )


def test_what_a_rule_of_a_view_makes_of_a_write_is_not_known_beside_triggers_too() -> None:
    view = TABLE + "CREATE VIEW v AS SELECT id, a FROM t;"
    trigger = "CREATE TRIGGER tr INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f();"
    rule = "CREATE RULE ru AS ON UPDATE TO v DO INSTEAD UPDATE t SET a = NEW.a WHERE id = OLD.id;"
    for before in (view + rule, view + trigger + rule):
        assert (
            last(before + "UPDATE v SET a = 1 WHERE id = 1;").effect.unknown
            == "what rule 'ru' makes of it is not known"
        )
        assert last(before + "DELETE FROM v WHERE id = 1;").effect.unknown is None


def test_what_is_not_understood_may_have_made_anything() -> None:
    """An absent table is refused, unless something ran before that nobody can see into."""
    assert last("ALTER TABLE n ADD a int", KNOWN).effect.fails is not None
    assert last("SELECT own.makes('n'); ALTER TABLE n ADD a int", KNOWN).effect.fails is None


def test_lock_table_needs_a_transaction() -> None:
    """A DO block is one, to what it runs."""
    assert last("LOCK TABLE t").effect.fails == "LOCK TABLE needs a transaction, and none is open"
    assert last("DO $$BEGIN LOCK TABLE t; END$$").effect.fails is None
    assert last("BEGIN; LOCK TABLE t").effect.fails is None
    assert last("LOCK TABLE t", wrapping=Wrapping.FILE).effect.fails is None
