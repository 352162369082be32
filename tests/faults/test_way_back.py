"""Rows that the old form cannot hold: the way back is refused before its first step, not in the middle of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migrate_safe.cli.main import main
from migrate_safe.executor.intents import Check, Offending
from migrate_safe.executor.settings import DEFAULTS
from migrate_safe.executor.transact import transact
from migrate_safe.model.errors import Refused
from migrate_safe.model.journal import Entry, EventKind
from migrate_safe.model.plan import Requirement, Sql
from migrate_safe.planner.codec import from_yaml
from migrate_safe.planner.way_back import demands
from tests.conftest import Connect

BEFORE = """
CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL, "B c" int);
INSERT INTO t SELECT g, g, g FROM generate_series(1, 9) g;
"""


@pytest.fixture
def dropped(each_database: str, connect: Connect, tmp_path: Path) -> Path:
    """A plan that has dropped a required column, up to the end of contract, and rows that were written since."""
    connect(each_database).execute(BEFORE)
    (tmp_path / "m.sql").write_text('ALTER TABLE t DROP COLUMN a; ALTER TABLE t RENAME "B c" TO "d %s";')
    made = tmp_path / "m.yaml"
    assert main(["plan", str(tmp_path / "m.sql"), "--schema", each_database, "-o", str(made)]) == 0
    assert main(["apply", str(made), "--through", "contract", "--dsn", each_database]) == 0
    connect(each_database).execute("INSERT INTO t (id) VALUES (1001), (1002)")
    return made


def test_it_is_refused_before_anything_is_done_and_the_advice_leads_out(
    dropped: Path, each_database: str, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--dsn", each_database]
    main(["status", *there])
    before = capsys.readouterr().out
    assert main(["rollback", "m", "--to", "baseline", *there]) == 77
    said = capsys.readouterr().err
    assert "public.t has rows without a: fill them first: 2 rows, first: 1001, 1002" in said
    assert "next: take contract back alone (rollback m); then correct or remove what is named here" in said
    assert "taken back" not in said
    assert main(["status", *there]) == 0
    assert capsys.readouterr().out == before

    assert main(["rollback", "m", *there]) == 0
    assert main(["rollback", "m", "--to", "baseline", *there]) == 77
    connect(each_database).execute("UPDATE t SET a = 'filled' WHERE a IS NULL")
    assert main(["rollback", "m", "--to", "baseline", *there]) == 0
    assert connect(each_database).execute('SELECT count(a), count("B c") FROM t').fetchone() == (11, 9)


def test_a_backfill_of_a_table_whose_name_begins_another_hides_no_demand(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c, there = connect(each_database), ["--dsn", each_database]
    c.execute("CREATE TABLE t (id int PRIMARY KEY, mail text NOT NULL)")
    c.execute("CREATE TABLE t_x (id int PRIMARY KEY, note text NOT NULL)")
    (tmp_path / "m.sql").write_text("ALTER TABLE t_x DROP COLUMN note; ALTER TABLE t RENAME COLUMN mail TO email;")
    made = str(tmp_path / "m.yaml")
    assert main(["plan", str(tmp_path / "m.sql"), "--schema", each_database, "-o", made]) == 0
    assert main(["apply", made, "--through", "contract", *there]) == 0
    c.execute("INSERT INTO t_x (id) VALUES (7777)")
    capsys.readouterr()
    assert main(["rollback", "m", "--to", "baseline", *there]) == 77
    said = capsys.readouterr().err
    assert "public.t_x has rows without note: fill them first: 1 row, first: 7777" in said
    assert "taken back" not in said


def test_the_demands_are_written_for_the_present_names(dropped: Path) -> None:
    plan = from_yaml(dropped.read_text(), str(dropped))
    hidden, shown = ([r.query for r in demands(plan, position, 0) if "without a" in r.message] for position in (10, 4))
    assert [re.sub("_[0-9a-f]{8}_", "_TAG_", q) for q in hidden] == [
        "SELECT id FROM public.t WHERE _ms_retired_TAG_a IS NULL"
    ]
    assert shown == ["SELECT id FROM public.t WHERE a IS NULL"]
    assert list(demands(plan, 0, 0)) == []


def test_rows_that_come_after_the_question_refuse_the_step_itself() -> None:
    asked = Sql(("SELECT 1",), require=(Requirement("SELECT 1", "rows are in the way"),))
    talk = transact(asked, Entry("p", EventKind.UNDONE, "s"), 0, DEFAULTS)
    assert next(talk) == Check(asked.require[0])
    with pytest.raises(Refused, match="rows are in the way: 2 rows, first: 7, 8"):
        talk.send(Offending(2, ("7", "8")))
