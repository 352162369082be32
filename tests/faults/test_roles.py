"""Owners that are no superusers, with policies on their tables and settings of their own, by the command line."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrate_safe.adapters.database import open_session
from migrate_safe.cli.main import main
from tests.conftest import Connect
from tests.faults.processes import finish

TABLE = """
CREATE TABLE t (id int PRIMARY KEY, a text DEFAULT 'it''s \\', at date DEFAULT '2020-03-04', team int);
INSERT INTO t (id, team) SELECT g, g % 3 FROM generate_series(1, 300) g;
"""
RENAMES = "ALTER TABLE t RENAME a TO b; ALTER TABLE t RENAME at TO day;"


@pytest.fixture
def owned(database: str, connect: Connect) -> Iterator[str]:
    """The DSN of an ordinary role that owns the database and the table in it."""
    yield from owner_of(database, connect)


@pytest.fixture
def owned_on_each(each_database: str, connect: Connect) -> Iterator[str]:
    """The same on every major of the matrix."""
    yield from owner_of(each_database, connect)


def owner_of(database: str, connect: Connect) -> Iterator[str]:
    role, admin = f"owner_{secrets.token_hex(4)}", connect(database)
    admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    admin.execute(f"ALTER DATABASE {conninfo_to_dict(database)['dbname']} OWNER TO {role}")
    admin.execute(f"GRANT ALL ON SCHEMA public TO {role}")
    dsn = make_conninfo(database, user=role, password="x")
    connect(dsn).execute(TABLE)
    yield dsn
    admin.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
    admin.execute(f"DROP OWNED BY {role}")
    admin.execute(f"DROP ROLE {role}")


def plan_file(folder: Path, dsn: str, migration: str = RENAMES) -> str:
    source, made = folder / "m.sql", str(folder / "m.yaml")
    source.write_text(migration)
    code, _, err = finish("plan", str(source), "--schema", dsn, "-o", made)
    assert code == 0, err
    return made


def test_rows_that_a_policy_hides_are_not_left_out_in_silence(owned: str, connect: Connect, tmp_path: Path) -> None:
    plan, owner = plan_file(tmp_path, owned), connect(owned)
    owner.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    owner.execute("CREATE POLICY mine ON t USING (team = 1)")
    code, _, err = finish("apply", plan, "--dsn", owned, "--accept-drift", "t")
    assert code == 2
    assert 'row-level security hides rows of "public.t"' in err
    assert "BYPASSRLS" in err
    assert owner.execute("SELECT count(*) FROM pg_attribute WHERE attname = 'b'").fetchone() == (0,)


def test_policies_that_spare_the_owner_are_no_obstacle(owned: str, connect: Connect, tmp_path: Path) -> None:
    owner = connect(owned)
    owner.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    owner.execute("CREATE POLICY mine ON t USING (team = 1)")
    code, _, err = finish("apply", plan_file(tmp_path, owned), "--dsn", owned)
    assert code == 0, err
    assert owner.execute("SELECT count(*) FROM t WHERE b IS NULL").fetchone() == (0,)


def test_settings_of_a_role_change_nothing(owned_on_each: str, connect: Connect, tmp_path: Path) -> None:
    owned, owner = owned_on_each, connect(owned_on_each)
    for setting in (
        "standard_conforming_strings = off",
        "quote_all_identifiers = on",
        "datestyle = 'SQL, DMY'",
        "default_transaction_isolation = serializable",
        "statement_timeout = 50",
        "lock_timeout = 1",
        "idle_session_timeout = 200",
        "idle_in_transaction_session_timeout = 1",
    ):
        owner.execute(f"ALTER ROLE CURRENT_USER SET {setting}")
    plan = plan_file(tmp_path, owned)
    for done in (("apply", plan, "--through", "contract"), ("rollback", "m", "--to", "baseline")):
        code, _, err = finish(*done, "--dsn", owned)
        assert code == 0, err


def test_any_search_path_serves(owned_on_each: str, connect: Connect, tmp_path: Path) -> None:
    plan = plan_file(tmp_path, owned_on_each, "ALTER TABLE public.t RENAME a TO b; CREATE INDEX ti ON public.t (team);")
    for path in ("''", "'', public", '"user", public', "nosuch", "pg_catalog"):
        connect(owned_on_each).execute(f"ALTER ROLE CURRENT_USER SET search_path = {path}")
        assert main(["apply", plan, "--through", "contract", "--dsn", owned_on_each]) == 0, path
        assert main(["rollback", "m", "--to", "baseline", "--dsn", owned_on_each]) == 0, path


def test_a_search_path_that_set_would_not_read_serves(owned: str, tmp_path: Path) -> None:
    """In settings files and connection options names may stand without quotes, also `user` and `$user`."""
    plan, dsn = plan_file(tmp_path, owned), make_conninfo(owned, options="-c search_path=$user,user,public")
    assert main(["apply", plan, "--through", "contract", "--dsn", dsn]) == 0
    assert main(["rollback", "m", "--to", "baseline", "--dsn", dsn]) == 0


def test_a_session_has_no_time_limits_but_for_the_sleep_of_its_executor(owned_on_each: str, connect: Connect) -> None:
    admin, known = (
        connect(owned_on_each),
        "name ~ '^(lock|statement|transaction|idle_session|idle_in_transaction_session)_timeout$'",
    )
    names = [row[0] for row in admin.execute(f"SELECT name FROM pg_settings WHERE {known}").fetchall()]
    assert ("transaction_timeout" in names) == (admin.info.server_version >= 170000)
    for name in names:
        admin.execute(f"ALTER ROLE CURRENT_USER SET {name} = '5s'")
    with closing(open_session(owned_on_each, None)) as session:
        found = session.execute(f"SELECT name, setting FROM pg_settings WHERE {known}").fetchall()
    wanted = dict.fromkeys(names, "0") | {"idle_in_transaction_session_timeout": "20000"}  # ms; a lease lasts as long
    assert dict(found) == wanted


def test_dates_of_a_migration_are_read_in_the_order_of_the_database(
    owned: str, connect: Connect, tmp_path: Path
) -> None:
    connect(owned).execute("ALTER ROLE CURRENT_USER SET datestyle = 'ISO, DMY'")
    plan = plan_file(tmp_path, owned, "ALTER TABLE t ADD COLUMN since date DEFAULT '01/02/03';")
    code, _, err = finish("apply", plan, "--dsn", owned)
    assert code == 0, err
    assert connect(owned).execute("SELECT DISTINCT since::text FROM t").fetchall() == [("2003-02-01",)]


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE near ADD CONSTRAINT k FOREIGN KEY (f) REFERENCES far (id);",
        "ALTER TABLE keyed RENAME f TO g;",
    ],
    ids=["add", "rename"],
)
def test_the_far_table_of_a_foreign_key_need_not_be_owned(
    owned_on_each: str, each_database: str, connect: Connect, tmp_path: Path, migration: str
) -> None:
    admin, role = connect(each_database), conninfo_to_dict(owned_on_each)["user"]
    admin.execute("CREATE TABLE far (id int PRIMARY KEY); INSERT INTO far VALUES (1)")
    admin.execute(f"GRANT REFERENCES, SELECT ON far TO {role}")
    connect(owned_on_each).execute("""
        CREATE TABLE near (id int PRIMARY KEY, f int); INSERT INTO near VALUES (1, 1);
        CREATE TABLE keyed (id int PRIMARY KEY, f int REFERENCES far); INSERT INTO keyed VALUES (1, 1)""")
    plan = plan_file(tmp_path, owned_on_each, migration)
    for words in (
        ("apply", plan, "--through", "contract"),
        ("rollback", "m", "--to", "baseline"),
        ("apply", plan, "--through", "contract"),
    ):
        assert main([*words, "--dsn", owned_on_each]) == 0, words
    assert main(["purge", "m", "--now", "--confirm", "m", "--dsn", owned_on_each]) == 0


def test_what_a_foreign_key_asks_of_its_far_table_is_named(
    owned: str, database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    admin, role = connect(database), conninfo_to_dict(owned)["user"]
    admin.execute(f"CREATE TABLE far (id int PRIMARY KEY); GRANT SELECT ON far TO {role}")
    connect(owned).execute("CREATE TABLE near (id int PRIMARY KEY, f int)")
    plan = plan_file(tmp_path, owned, "ALTER TABLE near ADD CONSTRAINT k FOREIGN KEY (f) REFERENCES far (id);")
    assert main(["apply", plan, "--dsn", owned]) == 2  # before anything is done, though the key comes in contract
    said = capsys.readouterr().err
    assert f'role "{role}" may not make foreign keys that refer to "public.far"' in said
    assert f"next: GRANT REFERENCES, SELECT ON public.far TO {role}" in said


@pytest.mark.parametrize("migration", ["CREATE INDEX i ON shut.t (a);", "ALTER TABLE shut.t ADD UNIQUE (a);"])
def test_a_right_to_create_that_is_missing_is_named_before_anything_is_done(
    migration: str,
    owned_on_each: str,
    each_database: str,
    connect: Connect,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The owner of a table may not make indexes on it without CREATE on its schema: so says the server."""
    admin, role = connect(each_database), conninfo_to_dict(owned_on_each)["user"]
    admin.execute(f"CREATE SCHEMA shut; GRANT USAGE ON SCHEMA shut TO {role}; CREATE TABLE shut.t (a int)")
    admin.execute(f"ALTER TABLE shut.t OWNER TO {role}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect(owned_on_each).execute(migration.encode())
    plan = plan_file(tmp_path, owned_on_each, migration)
    assert main(["apply", plan, "--through", "contract", "--dsn", owned_on_each]) == 2
    assert f"next: GRANT CREATE ON SCHEMA shut TO {role}, as the owner" in capsys.readouterr().err
    assert main(["status", "--dsn", owned_on_each]) == 0
    assert "nothing here yet" in capsys.readouterr().out
    admin.execute(f"GRANT CREATE ON SCHEMA shut TO {role}")
    assert main(["apply", plan, "--through", "contract", "--dsn", owned_on_each]) == 0
