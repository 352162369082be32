"""What a later step would fail on is told before the first one runs, with the rows or objects and exit code 77."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.cli.main import main
from migrate_safe.executor.intents import Check, NotAsPlanned, Offending
from migrate_safe.executor.settings import DEFAULTS
from migrate_safe.executor.transact import transact
from migrate_safe.model.errors import Exit
from migrate_safe.model.journal import Entry, EventKind
from migrate_safe.model.plan import Requirement, Sql
from tests.conftest import Connect

BEFORE = """
CREATE TABLE orgs (id int PRIMARY KEY);
CREATE TABLE users (id int PRIMARY KEY, org int, age int, name text, code text NOT NULL DEFAULT 'c');
"""
ROWS = """
INSERT INTO orgs SELECT g FROM generate_series(1, 5) g;
INSERT INTO users SELECT g, 1 + g % 5, g, 'n' || g FROM generate_series(1, 20) g;
"""
WIDER = "ALTER TABLE users ADD COLUMN note text; "
BROKEN = {
    "check": (
        WIDER + "ALTER TABLE users ADD CONSTRAINT old CHECK (age > 2);",
        "users has rows that break CHECK (age > 2): correct them first: 2 rows, first: 1, 2",
        "UPDATE users SET age = 5 WHERE age < 3",
    ),
    "foreign key": (
        WIDER + "ALTER TABLE users ADD FOREIGN KEY (age) REFERENCES orgs;",
        "users has rows whose key is not in public.orgs: correct them first: 16 rows, first: 6, 7, 8",
        "UPDATE users SET age = 5 WHERE age > 5",
    ),
    "not null": (
        WIDER + "ALTER TABLE users ALTER name SET NOT NULL;",
        "users has rows without name: fill them first: 1 row, first: 99",
        "DELETE FROM users WHERE id = 99",
    ),
    "unique": (
        WIDER + "CREATE UNIQUE INDEX one ON users (org);",
        "several rows with the same org: merge them first: 5 rows, first:",
        "DELETE FROM users WHERE id > 4",
    ),
    "a constraint that a backfill meets": (
        "ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid();",
        "users has rows that break unproven, so that they cannot be written anew: correct them first: 3 rows",
        "UPDATE users SET age = 50 WHERE age <= 3",
    ),
    "a function that no file tells": (
        WIDER + "ALTER TABLE users DROP COLUMN code;",
        "1 row, first: function uses()",
        "DROP FUNCTION uses",
    ),
}
UNTOLD = """
INSERT INTO users (id, org, age) VALUES (99, 1, 99);
CREATE FUNCTION uses() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(code) FROM users; END;
"""


@pytest.mark.parametrize("what", BROKEN)
def test_it_is_refused_before_anything_is_done_and_the_advice_leads_on(
    what: str, each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migration, told, mended = BROKEN[what]
    before = BEFORE
    if "backfill" in what:
        before += "ALTER TABLE users ADD CONSTRAINT unproven CHECK (age > 3) NOT VALID;"
    c = connect(each_database)
    c.execute(BEFORE + ROWS + before.removeprefix(BEFORE) + UNTOLD)
    (tmp_path / "1.sql").write_text(before)
    (tmp_path / "2.sql").write_text(migration)
    made = str(tmp_path / "plan.yaml")
    there = ["--dsn", each_database]
    assert main(["plan", str(tmp_path / "2.sql"), "-o", made]) == 0

    assert main(["apply", made, "--through", "contract", "--dry-run", *there]) == 77
    assert told in capsys.readouterr().err
    assert main(["apply", made, "--through", "contract", *there]) == 77
    said = capsys.readouterr().err
    assert told in said
    assert "next: correct or remove what is named here, then run this again" in said
    columns = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'users'::regclass"
    assert c.execute(f"{columns} AND attnum > 0").fetchone() == ("id org age name code",)

    c.execute(mended.encode())
    assert main(["apply", made, "--through", "contract", *there]) == 0


def test_rows_that_the_old_app_may_still_write_do_not_stop_what_comes_before_contract(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c = connect(each_database)
    c.execute(BEFORE + "INSERT INTO users (id, age) VALUES (1, NULL)")
    (tmp_path / "1.sql").write_text(BEFORE)
    (tmp_path / "2.sql").write_text("ALTER TABLE users ADD COLUMN note text; ALTER TABLE users ALTER age SET NOT NULL;")
    made, there = str(tmp_path / "plan.yaml"), ["--dsn", each_database]
    assert main(["plan", str(tmp_path / "2.sql"), "-o", made]) == 0
    assert main(["apply", made, "--through", "migrate", *there]) == 0
    assert main(["apply", made, "--through", "contract", *there]) == 77
    assert "has rows without age" in capsys.readouterr().err
    c.execute("UPDATE users SET age = 1")
    assert main(["apply", made, "--through", "contract", *there]) == 0


ALIKE = {
    "a column in another's name": ("ALTER TABLE t RENAME old TO age; ALTER TABLE t ADD CHECK (stage > 0);", "no plans"),
    "a table in another's name": ("ALTER TABLE t RENAME old TO age; ALTER TABLE t_x ADD CHECK (age > 0);", "no plans"),
    "the column that is filled first": (
        "ALTER TABLE t RENAME old TO age; ALTER TABLE t ADD CHECK (age > 0);",
        "at migrate",
    ),
}


@pytest.mark.parametrize("what", ALIKE)
def test_contract_does_not_begin_with_what_it_cannot_end(
    what: str, each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c, (migration, place) = connect(each_database), ALIKE[what]
    c.execute("CREATE TABLE t (id int PRIMARY KEY, old int, stage int); CREATE TABLE t_x (id int PRIMARY KEY, age int)")
    c.execute("INSERT INTO t VALUES (1, 1, 1), (7, -1, -1); INSERT INTO t_x VALUES (7, -1)")
    (tmp_path / "m.sql").write_text(migration)
    made, there = str(tmp_path / "plan.yaml"), ["--dsn", each_database]
    assert main(["plan", str(tmp_path / "m.sql"), "--schema", each_database, "-o", made, "--name", "p"]) == 0
    capsys.readouterr()
    assert main(["apply", made, "--through", "contract", *there]) == 77
    assert "1 row, first: 7" in capsys.readouterr().err
    old = "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'old'"
    assert c.execute(old).fetchone() == (1,)
    assert main(["status", *there]) == 0
    assert place in capsys.readouterr().out
    c.execute("UPDATE t SET stage = 1, old = 1; UPDATE t_x SET age = 1")
    assert main(["apply", made, "--through", "contract", *there]) == 0


def test_a_value_that_leaves_the_row_unset_is_told_and_not_written_for_ever(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c = connect(each_database)
    c.execute("CREATE FUNCTION nobody() RETURNS text LANGUAGE sql VOLATILE AS 'SELECT NULL::text'")
    c.execute("CREATE TABLE keyed (id int PRIMARY KEY); CREATE TABLE bare (id int)")
    c.execute("INSERT INTO keyed SELECT generate_series(1, 50); INSERT INTO bare SELECT generate_series(1, 50)")
    for table in ("keyed", "bare"):
        (tmp_path / "m.sql").write_text(f"ALTER TABLE {table} ADD COLUMN who text DEFAULT nobody();")
        made, there = str(tmp_path / f"{table}.yaml"), ["--dsn", each_database]
        assert main(["plan", str(tmp_path / "m.sql"), "--schema", each_database, "-o", made, "--name", table]) == 0
        assert main(["apply", made, *there]) == 1
        said = capsys.readouterr().err
        assert f'backfill of "public.{table}" leaves rows unset that it cannot fill, first: ' in said
        assert main(["rollback", table, "--to", "baseline", *there]) == 0


def test_rows_that_come_after_the_question_refuse_the_step_itself() -> None:
    asked = Sql(("SELECT 1",), require=(Requirement("SELECT 1", "rows are in the way"),))
    talk = transact(asked, Entry("p", EventKind.DONE, "s"), 0, DEFAULTS)
    assert next(talk) == Check(asked.require[0])
    with pytest.raises(NotAsPlanned, match="rows are in the way: 2 rows, first: 7, 8") as caught:
        talk.send(Offending(2, ("7", "8")))
    assert caught.value.code is Exit.REFUSED


def test_what_somebody_else_has_changed_is_no_failed_step(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c = connect(each_database)
    c.execute(BEFORE + ROWS)
    (tmp_path / "2.sql").write_text(WIDER)
    made = str(tmp_path / "plan.yaml")
    there = ["--dsn", each_database]
    assert main(["plan", str(tmp_path / "2.sql"), "--schema", each_database, "-o", made, "--name", "wider"]) == 0
    assert main(["apply", made, *there]) == 0
    c.execute("ALTER TABLE users DROP COLUMN note")
    assert main(["rollback", "wider", "--to", "baseline", *there]) == 77
    assert 'the database is not as the plan expects it: column "note"' in capsys.readouterr().err
