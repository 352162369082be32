"""Closing a plan half-way, on real servers: undone, kept, or after somebody dropped its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate_safe.app.abandon import abandon
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.control import pause, submit, work
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.cli.main import main
from migrate_safe.executor.drive import Stopped
from migrate_safe.model.errors import Refused, StepFailed
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Phase, Sql, Step
from migrate_safe.model.values import replace
from migrate_safe.planner.voided import voided
from migrate_safe.report.status import status_text
from tests.conftest import Connect
from tests.executor.plans import ADD, HIDE, PURGE, STORY, USERS, fit, index_step, plan
from tests.support.pg import PgTools

ALL = Wish(Phase.CONTRACT)
OURS = "SELECT proname FROM pg_proc WHERE pronamespace = 'migrate_safe'::regnamespace AND proname ~ '_[0-9a-f]{8}$'"


def test_what_was_done_is_taken_back_and_the_plan_closed(users: str, pg_tools: PgTools) -> None:
    target, before = Target(users), pg_tools.dump_schema(users).text
    apply(fit(users, STORY), target, ALL)
    assert abandon("story", target).after.closed
    assert pg_tools.dump_schema(users).text == before
    assert abandon("story", target).before.closed  # once more does nothing
    assert apply(fit(users, STORY), target).stage == "migrate"  # taken back is not forbidden


def test_cut_off_anywhere_it_is_finished_by_the_next(users: str, pg_tools: PgTools) -> None:
    target, before, story = Target(users), pg_tools.dump_schema(users).text, fit(users, STORY)
    for n in (3, 9):
        apply(story, target, ALL)
        with pytest.raises(Stopped):
            abandon("story", target, stop_after=n)
        assert abandon("story", target).after.closed
        assert pg_tools.dump_schema(users).text == before


def test_what_was_done_may_be_kept(users: str, pg_tools: PgTools, capsys: pytest.CaptureFixture[str]) -> None:
    target = Target(users)
    apply(fit(users, STORY), target)
    between = pg_tools.dump_schema(users).text
    assert main(["abandon", "story", "--keep", "--dsn", users]) == 0
    assert main(["abandon", "story", "--keep", "--dsn", users]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "story: closed; abandoned, 4 of 9 steps done",
        "story: nothing to do; abandoned, 4 of 9 steps done",
    ]
    assert pg_tools.dump_schema(users).text == between
    for verb in (lambda: apply("story", target), lambda: rollback("story", target), lambda: purge("story", target)):
        with pytest.raises(Refused, match=r'plan "story" was abandoned, with 4 of 9 steps kept'):
            verb()
    with pytest.raises(Refused, match="was abandoned"):
        apply(STORY, target)
    shown = status_text(status(target))
    assert "story: abandoned, 4 of 9 steps done" in shown
    assert "plan what is left anew, under another name" in shown
    following = fit(users, plan(HIDE, PURGE, name="rest"))
    assert apply(following, target, ALL).stage == "contract"  # the table is free


def test_what_was_asked_of_workers_ends_with_the_plan(users: str) -> None:
    target = Target(users)
    apply(fit(users, STORY), target)
    submit("story", target, ALL)
    pause("story", target)
    assert abandon("story", target).after.closed
    assert work(target, once=True) == 0
    assert status(target).plans[0].position == 0


def test_an_index_half_built_does_not_stay_with_what_is_kept(users: str, connect: Connect) -> None:
    c, target = connect(users), Target(users)
    made = fit(users, plan(ADD, index_step()))
    for n in range(1, 20):
        with pytest.raises(Stopped):
            apply(made, target, stop_after=n)
        if status(target).plans[0].steps[1].state == "interrupted":
            break  # the build is journaled as begun
    c.execute("CREATE INDEX users_email_idx ON users (email)")
    c.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_email_idx'::regclass")
    assert abandon("p", target, keep_done=True).after.abandoned
    assert c.execute("SELECT to_regclass('users_email_idx')").fetchone() == (None,)
    assert c.execute("SELECT count(*) FROM pg_attribute WHERE attname = 'mail'").fetchone() == (1,)


def test_where_the_way_back_is_barred_it_is_refused_and_says_how_to_keep(users: str, connect: Connect) -> None:
    target = Target(users)
    apply(fit(users, STORY), target, ALL)
    connect(users).execute("UPDATE users SET mail = 'bad' WHERE id < 3")
    with pytest.raises(
        Refused, match=r"(?s)mail is bad: 2 rows, first: 1, 2.*or close the plan .* abandon story --keep"
    ):
        abandon("story", target)
    assert status(target).plans[0].position == 8
    connect(users).execute('ALTER TABLE users RENAME "~email" TO gone')  # what somebody has changed is no way back
    connect(users).execute("UPDATE users SET mail = 'good' WHERE mail = 'bad'")
    with pytest.raises(Refused, match=r'(?s)column "~email" does not exist.*abandon story --keep'):
        abandon("story", target)
    assert abandon("story", target, keep_done=True).after.abandoned


def test_what_purge_has_begun_cannot_be_taken_back(users: str) -> None:
    target = Target(users)
    second = replace(PURGE, id="purge.more", work=Sql(("DROP TABLE public.nosuch",)))
    apply(fit(users, plan(ADD, HIDE, PURGE, second)), target, ALL)
    with pytest.raises(StepFailed, match="nosuch"):
        purge("p", target, now=True, confirm="p")
    with pytest.raises(Refused, match=r'"purge.drop" has run and drops users.email'):
        abandon("p", target)
    assert abandon("p", target, keep_done=True).after.abandoned


def test_a_table_dropped_under_an_open_plan(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c, there = connect(each_database), ["--dsn", each_database]
    c.execute('CREATE TABLE "Old t" (id int PRIMARY KEY, a text NOT NULL UNIQUE); CREATE TABLE u (id int, b int)')
    (tmp_path / "m.sql").write_text('ALTER TABLE "Old t" RENAME a TO "New a"; ALTER TABLE u RENAME b TO c;')
    made = str(tmp_path / "m.yaml")
    assert main(["plan", str(tmp_path / "m.sql"), "--schema", each_database, "-o", made]) == 0
    assert main(["apply", made, "--through", "contract", *there]) == 0
    assert c.execute(OURS).fetchall()
    c.execute('DROP TABLE "Old t"')
    capsys.readouterr()
    assert main(["rollback", "m", "--to", "baseline", *there]) == 77
    assert main(["abandon", "m", *there, "--json"]) == 0
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (end["format"], end["to"], end["closed"]) == ("migrate-safe/abandon/1", 0, True)
    assert c.execute(OURS).fetchall() == []
    assert [
        r[0]
        for r in c.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'u'::regclass AND attnum > 0 AND NOT attisdropped"
        )
    ] == ["id", "b"]


def test_an_unknown_plan_is_a_usage_error(users: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["abandon", "nosuch", "--dsn", users]) == 2
    assert "was never applied to this database (known: none)" in capsys.readouterr().err


def test_of_a_way_back_only_what_names_other_tables_is_left() -> None:
    far = Name("public", "far")
    locks = (Lock(USERS, LockMode.ACCESS_EXCLUSIVE), Lock(far, LockMode.ACCESS_EXCLUSIVE))
    undo = Sql(("ALTER TABLE public.users DROP x", "ALTER TABLE public.far DROP y", "DROP FUNCTION f()"), locks)
    made = plan(Step("expand.two", Phase.EXPAND, "two", Sql(), undo))
    assert voided(made, {USERS}).steps[0].undo == Sql(undo.statements[1:], locks[1:])
    assert voided(made, {USERS, far}).steps[0].undo == Sql(undo.statements[2:])
    assert voided(made, set()) == made
