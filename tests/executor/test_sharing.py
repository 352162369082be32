"""Two plans on one table: while the one waits for its purge the other goes all its way, on other columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.cli.main import main
from migrate_safe.model.plan import Phase
from migrate_safe.planner.sharing import is_contracted, words
from tests.conftest import Connect
from tests.executor.plans import ADD, CHECK, FILL, HIDE, PROVE, PURGE, STORY, index_step, plan
from tests.support.pg import PgTools

TABLE = """
CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL UNIQUE, age int, e int);
INSERT INTO t SELECT g, 'a' || g, g, g FROM generate_series(1, 30) AS g;
"""
FIRST = "ALTER TABLE t RENAME a TO b; ALTER TABLE t DROP COLUMN e;"
SECOND = "ALTER TABLE t RENAME age TO settled; CREATE INDEX t_d ON t (settled);"
"""Columns of these names are in nobody's way, though the first plan makes functions that use such words."""


def test_one_goes_its_way_while_the_other_waits_for_its_purge(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str], pg_tools: PgTools
) -> None:
    c, there = connect(each_database), ["--dsn", each_database]
    c.execute(TABLE)
    files = {"schema.sql": TABLE, "first.sql": FIRST, "second.sql": SECOND, "third.sql": "ALTER TABLE t RENAME b TO x;"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = ["--schema", str(tmp_path / "schema.sql")]
    for name in ("first", "second", "third"):
        made = [str(tmp_path / f"{name}.sql"), *before, "-o", str(tmp_path / f"{name}.yaml")]
        assert main(["plan", *made]) == 0
        before += ["--schema", str(tmp_path / f"{name}.sql")]  # from files, which tell nothing of what is put aside
    first, second, third = (str(tmp_path / f"{name}.yaml") for name in ("first", "second", "third"))

    assert main(["apply", first, *there]) == 0
    assert main(["apply", second, *there]) == 77  # both versions still write the first one's columns
    assert main(["apply", "first", "--through", "contract", *there]) == 0
    capsys.readouterr()
    assert main(["apply", third, *there]) == 77
    assert 'plan "first" is open and touches column "b" of "public.t" as well' in capsys.readouterr().err
    assert main(["apply", second, *there]) == 0
    assert main(["apply", "first", "--through", "contract", *there]) == 0  # a job that runs again finds nothing to do
    assert main(["status", *there]) == 0
    assert "changed since" not in capsys.readouterr().out
    assert main(["rollback", "first", *there]) == 77
    assert 'plan "second" is open and touches "public.t" as well' in capsys.readouterr().err
    assert main(["purge", "first", "--now", "--confirm", "first", *there]) == 0
    c.execute("INSERT INTO t (id, b, age) VALUES (100, 'x', 1); UPDATE t SET age = 2 WHERE id = 100")
    assert main(["apply", "second", "--through", "contract", *there]) == 0, capsys.readouterr().err
    assert main(["rollback", "second", *there]) == 0
    assert main(["apply", "second", "--through", "contract", *there]) == 0
    assert main(["purge", "second", "--now", "--confirm", "second", *there]) == 0
    assert c.execute("SELECT b, settled FROM t WHERE id IN (1, 100) ORDER BY id").fetchall() == [("a1", 1), ("x", 2)]
    assert main(["uninstall", *there]) == 0
    ours = pg_tools.dump_schema(each_database).text
    c.execute("DROP TABLE t; " + TABLE + FIRST + SECOND)
    assert ours == pg_tools.dump_schema(each_database).text


def test_what_came_later_goes_back_first(
    database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str], pg_tools: PgTools
) -> None:
    c, there = connect(database), ["--dsn", database]
    c.execute(TABLE)
    start = pg_tools.dump_schema(database).text
    for name, text in (("first", "ALTER TABLE t DROP COLUMN e;"), ("second", "ALTER TABLE t RENAME age TO d;")):
        (tmp_path / f"{name}.sql").write_text(text)
        made = str(tmp_path / f"{name}.yaml")
        assert main(["plan", str(tmp_path / f"{name}.sql"), "--schema", database, "-o", made]) == 0
        assert main(["apply", made, "--through", "contract", *there]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert main(["rollback", "first", *there]) == 77
    assert 'plan "second" came later and rests on "public.t"' in capsys.readouterr().err
    assert main(["rollback", "second", "--to", "baseline", *there]) == 0
    assert main(["rollback", "first", "--to", "baseline", *there]) == 0
    assert main(["uninstall", *there]) == 0
    assert pg_tools.dump_schema(database).text == start


def test_the_words_of_a_plan_are_those_of_its_statements() -> None:
    assert {"mail", "email", "~email", "users_email_idx", "ms_nn"} <= words(STORY)
    assert "note" not in words(STORY)
    assert "id" not in words(STORY)  # which only requirements name, to show rows
    assert words(plan(FILL)) == {"mail", "email", "is", "null", "and", "not"}


def test_a_plan_is_contracted_when_only_purge_is_left() -> None:
    made = plan(ADD, index_step(), FILL, PROVE, CHECK, HIDE, PURGE)
    assert [is_contracted(made, n) for n in (0, 5, 6, 7)] == [False, False, True, True]
    assert made.end_of(Phase.CONTRACT) == 6
    assert not is_contracted(plan(PURGE), 0)
