"""A plan does not bar its own way, forward or back: what it drops or puts right itself is nothing that bars a step."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.cli.main import main
from tests.conftest import Connect

BEFORE = """
CREATE TYPE mood AS ENUM ('ok');
CREATE TABLE orgs (id int PRIMARY KEY);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION fine(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TABLE t (id int PRIMARY KEY, x int, "A b" int REFERENCES orgs, m mood,
    CONSTRAINT once UNIQUE (x, "A b"), CONSTRAINT fair CHECK ("A b" > 0));
CREATE INDEX "by A" ON t ("A b"); CREATE UNIQUE INDEX one ON t ("A b"); CREATE INDEX calling ON t (fine(x));
CREATE TRIGGER touches BEFORE UPDATE OF "A b" ON t FOR EACH ROW WHEN (new."A b" > 5) EXECUTE FUNCTION touch();
CREATE POLICY p ON t USING (fine("A b"));
CREATE TABLE other (m mood);
CREATE VIEW "V w" AS SELECT id, "A b" FROM t; CREATE MATERIALIZED VIEW kept AS SELECT "A b", m FROM t;
"""
DROPS = """
DROP VIEW "V w"; DROP MATERIALIZED VIEW kept; DROP TABLE other;
DROP INDEX "by A", one, calling;
DROP TRIGGER touches ON t; DROP FUNCTION touch();
DROP POLICY p ON t; DROP FUNCTION fine(int);
ALTER TABLE t DROP CONSTRAINT "t_A b_fkey", DROP CONSTRAINT once, DROP CONSTRAINT fair;
ALTER TABLE t DROP COLUMN "A b", DROP COLUMN m;
DROP TYPE mood;
"""
LEFT = """
SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped
"""


def planned(folder: Path, dsn: str, migration: str) -> str:
    (folder / "m.sql").write_text(migration)
    made = str(folder / "m.yaml")
    assert main(["plan", str(folder / "m.sql"), "--schema", dsn, "-o", made]) == 0
    return made


def test_what_the_plan_drops_does_not_bar_what_it_drops_after(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c, there = connect(each_database), ["--dsn", each_database]
    c.execute(BEFORE)
    made = planned(tmp_path, each_database, DROPS)
    assert main(["apply", made, "--through", "contract", *there]) == 0
    assert main(["rollback", "m", *there]) == 0
    assert main(["apply", "m", "--through", "contract", *there]) == 0
    assert main(["rollback", "m", "--to", "baseline", *there]) == 0

    assert main(["apply", made, *there]) == 0
    c.execute("CREATE TABLE theirs (m mood); CREATE TRIGGER theirs BEFORE INSERT ON t EXECUTE FUNCTION touch()")
    c.execute('CREATE VIEW theirs_too AS SELECT "A b" FROM t; CREATE INDEX their_index ON t ("A b")')
    capsys.readouterr()
    for told, mended in {
        "public.touch() cannot go while something depends on it: change or drop that first: 1 row, first: "
        "trigger theirs on table t": "DROP TRIGGER theirs ON t",
        "view theirs_too": "DROP VIEW theirs_too",
        "1 row, first: index their_index": "DROP INDEX their_index",
        "1 row, first: column m of table theirs": "DROP TABLE theirs",
    }.items():
        assert main(["apply", made, "--through", "contract", "--accept-drift", "public.t", *there]) == 77
        assert told in capsys.readouterr().err
        c.execute(mended.encode())
    assert main(["apply", made, "--through", "contract", *there]) == 0
    assert main(["purge", "m", "--now", "--confirm", "m", *there]) == 0
    assert c.execute(LEFT).fetchone() == ("id x",)
    assert c.execute("SELECT to_regtype('mood'), to_regproc('touch'), to_regclass('other')").fetchone() == (None,) * 3


@pytest.mark.parametrize(
    ("until", "change"), [("DROP CONSTRAINT", 'RENAME "A b" TO c'), ("DROP COLUMN", 'ALTER "A b" TYPE text')]
)
def test_nor_what_gets_another_name_or_type_after(
    until: str, change: str, each_database: str, connect: Connect, tmp_path: Path
) -> None:
    connect(each_database).execute(BEFORE)
    there, drops = ["--dsn", each_database], DROPS[: DROPS.index(f"ALTER TABLE t {until}")]
    made = planned(tmp_path, each_database, f"{drops} ALTER TABLE t {change};")
    assert main(["apply", made, "--through", "contract", *there]) == 0
    assert main(["rollback", "m", "--to", "baseline", *there]) == 0
    assert main(["apply", made, "--through", "contract", *there]) == 0
    assert main(["purge", "m", "--now", "--confirm", "m", *there]) == 0


ROWS = "CREATE TABLE t (id int PRIMARY KEY, s int); INSERT INTO t SELECT g FROM generate_series(1, 30) g;"
FILL = "-- migrate-safe: undo nothing\nUPDATE t SET s = 0 WHERE s IS NULL{};\nALTER TABLE t ALTER s SET NOT NULL;"


def test_what_raw_sql_fills_first_does_not_bar_contract(each_database: str, connect: Connect, tmp_path: Path) -> None:
    connect(each_database).execute(ROWS.encode())
    made = planned(tmp_path, each_database, FILL.format(""))
    assert main(["apply", made, "--through", "contract", "--dsn", each_database]) == 0


def test_what_raw_sql_leaves_is_told_before_contract_begins(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(each_database).execute(ROWS.encode())
    made, there = planned(tmp_path, each_database, FILL.format(" AND id < 10")), ["--dsn", each_database]
    assert main(["apply", made, "--through", "contract", *there]) == 77
    assert "public.t has rows without s: fill them first: 21 rows" in capsys.readouterr().err
    assert main(["status", *there]) == 0
    assert "1 of 5 steps done" in capsys.readouterr().out


UNDOES = {
    "a column that is emptied": (
        "ALTER TABLE t ADD COLUMN b int;\n-- migrate-safe: undo UPDATE t SET b = NULL{};\nUPDATE t SET b = id;",
        "public.t has rows with values in b that dropping it would lose: clear them first: 21 rows",
        "UPDATE t SET b = NULL",
    ),
    "a column that is filled": (
        "ALTER TABLE t ALTER id DROP NOT NULL;\n-- migrate-safe: undo UPDATE t SET id = -s{};\nUPDATE t SET id = NULL;",
        "public.t has rows without id: fill them first: 21 rows",
        "UPDATE t SET id = -s",
    ),
}


@pytest.mark.parametrize("what", UNDOES)
def test_what_the_undo_of_raw_sql_puts_right_does_not_bar_the_way_back(
    what: str, each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c, there = connect(each_database), ["--dsn", each_database]
    migration, told, mended = UNDOES[what]
    c.execute("CREATE TABLE t (id int NOT NULL, s int); INSERT INTO t SELECT -g, g FROM generate_series(1, 30) g")
    made = planned(tmp_path, each_database, migration.format(""))
    assert main(["apply", made, *there]) == 0
    assert main(["rollback", "m", "--to", "baseline", *there]) == 0

    half = planned(tmp_path, each_database, migration.format(" WHERE s < 10"))
    assert main(["apply", half, *there]) == 0
    capsys.readouterr()
    assert main(["rollback", "m", "--to", "baseline", *there]) == 77
    said = capsys.readouterr()
    assert told in said.err
    assert "run-sql" in said.out + said.err
    c.execute(mended.encode())
    assert main(["rollback", "m", "--to", "baseline", *there]) == 0


def test_raw_sql_that_takes_nothing_back_puts_nothing_right(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(each_database).execute(ROWS.encode())
    raw = "-- migrate-safe: undo nothing\nUPDATE t SET b = id;"
    made, there = planned(tmp_path, each_database, f"ALTER TABLE t ADD COLUMN b int;\n{raw}"), ["--dsn", each_database]
    assert main(["apply", made, *there]) == 0
    capsys.readouterr()
    assert main(["rollback", "m", "--to", "baseline", *there]) == 77
    said = capsys.readouterr()
    assert "clear them first: 30 rows" in said.err
    assert "run-sql" not in said.out + said.err
