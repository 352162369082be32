"""The journal goes when nothing is open, and takes nothing with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.rollback import rollback
from migrate_safe.app.uninstall import uninstall
from migrate_safe.cli.main import main
from migrate_safe.model.errors import StepFailed, TryLater
from migrate_safe.model.plan import Phase
from tests.conftest import Connect
from tests.executor.plans import STORY, fit, index_step, plan
from tests.support.pg import PgTools


def test_nothing_is_left_when_all_is_taken_back(
    users: str, pg_tools: PgTools, capsys: pytest.CaptureFixture[str]
) -> None:
    before, words = pg_tools.dump_schema(users).text, ["uninstall", "--dsn", users]
    assert main(words) == 0
    apply(fit(users, STORY), Target(users, environment="prod"))
    assert main(words) == 77
    assert main([*words, "--environment", "prod"]) == 77
    rollback("story", Target(users, environment="prod"), "baseline")
    assert main(words) == 77  # the environment is not confirmed
    assert main([*words, "--environment", "prod", "--json"]) == 0
    said = capsys.readouterr()
    assert 'plan "story" is open, and without the journal' in said.err
    assert said.out.splitlines()[0] == "nothing to do: migrate-safe is not installed in this database"
    assert json.loads(said.out.splitlines()[-1]) == {
        "format": "migrate-safe/uninstall/1",
        "removed": True,
        "plans": ["story"],
    }
    assert pg_tools.dump_schema(users).text == before
    assert apply(fit(users, STORY), Target(users)).stage == "migrate"  # and it can come again


def test_what_a_kept_plan_has_left_must_go_first(
    database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c, there = connect(database), ["--dsn", database]
    c.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
    (tmp_path / "m.sql").write_text("ALTER TABLE t RENAME a TO b;")
    made = str(tmp_path / "m.yaml")
    assert main(["plan", str(tmp_path / "m.sql"), "--schema", database, "-o", made]) == 0
    assert main(["apply", made, "--through", "contract", *there]) == 0
    assert main(["abandon", "m", "--keep", *there]) == 0
    capsys.readouterr()
    assert main(["uninstall", *there]) == 77
    told = [line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines() if line.startswith("  ")][:-1]
    assert len(told) == 2
    for statement in told:
        c.execute(statement.encode())
    assert main(["uninstall", *there]) == 0
    assert c.execute("SELECT to_regnamespace('migrate_safe'), count(*) FROM t").fetchone() == (None, 0)


def test_it_waits_for_whoever_is_at_work_and_spares_what_is_not_its_own(users: str, connect: Connect) -> None:
    c, target = connect(users), Target(users)
    apply(fit(users, plan(index_step())), target, Wish(Phase.CONTRACT))
    pid = c.execute("SELECT pg_backend_pid()").fetchone()[0]
    c.execute(
        "UPDATE migrate_safe.lease SET holder = 'h', backends = ARRAY[%s::int], expires = now() + interval '1 h'",
        (pid,),
    )
    with pytest.raises(TryLater, match='lease held by "h"'):
        uninstall(target)
    c.execute("UPDATE migrate_safe.lease SET holder = NULL; CREATE TABLE migrate_safe.mine (a int)")
    with pytest.raises(StepFailed, match="cannot drop schema migrate_safe because other objects depend on it"):
        uninstall(target)
    c.execute("DROP TABLE migrate_safe.mine")
    assert uninstall(target) == ("p",)
