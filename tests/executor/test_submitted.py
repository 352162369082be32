"""What workers are asked for: taken back with the plan, ticked off, waited for while the server is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrate_safe.adapters import control
from migrate_safe.adapters.database import Database
from migrate_safe.app.abandon import abandon
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.control import submit, work
from migrate_safe.app.executing import Outcome, Target
from migrate_safe.app.replan import replan
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.executor.news import News, Noted, Waiting
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import Exit, MigrateSafeError, TryLater
from migrate_safe.model.plan import Phase
from migrate_safe.model.values import replace
from tests.conftest import Connect
from tests.executor.plans import ADD, CHECK, FILL, HIDE, STORY, fit, plan

ALL = Wish(Phase.CONTRACT)
QUICK = Settings(give_up_after=0.2, stall_budget_ms=200)


def notes(heard: list[News]) -> list[str]:
    return [news.text for news in heard if isinstance(news, Noted)]


def wanted(target: Target) -> str:
    return status(target).plans[0].asked.wanted


def test_what_is_taken_back_no_worker_does_again(users: str, connect: Connect) -> None:
    target, heard = Target(users), list[News]()
    apply(fit(users, STORY), target)
    submit("story", target, ALL)
    blocker = connect(users, autocommit=False)
    blocker.execute("SELECT FROM users LIMIT 1")
    assert work(target, QUICK, once=True) is Exit.TRY_LATER
    rollback("story", target, tell=heard.append)
    blocker.rollback()
    [note] = notes(heard)
    assert note.startswith("withdrawn: ")
    assert note.endswith("had submitted story through contract; when it is to go on: submit story")
    assert work(target, QUICK, once=True) is Exit.OK
    assert (status(target).plans[0].phase, wanted(target)) == ("migrate", "")


def test_what_was_taken_back_since_the_list_was_read_is_not_run(users: str) -> None:
    target = Target(users)
    submit(fit(users, STORY), target, ALL)
    db = Database(users)
    asked = control.read_control(db, "story")
    db.close()
    rollback("story", target)
    with pytest.raises(TryLater, match='what was submitted of plan "story" was taken back, or has changed'):
        apply("story", target, replace(ALL, submitted=asked.wanted_at))
    assert status(target).plans[0].position == 0


def test_what_was_submitted_was_the_plan_as_it_was(users: str) -> None:
    target, heard = Target(users), list[News]()
    made = fit(users, plan(ADD, FILL, CHECK))
    apply(made, target)
    submit("p", target, ALL)
    replan(made, target, tell=heard.append)
    assert (wanted(target), notes(heard)) == ("contract", [])
    replan(replace(made, steps=(ADD, FILL, CHECK, HIDE)), target, tell=heard.append)
    assert wanted(target) == ""
    assert "that was the plan as it was; as it is now: submit p" in notes(heard)[0]
    submit("p", target, ALL)
    abandon("p", target, tell=heard.append)
    assert "it is to be closed" in notes(heard)[1]


def test_a_run_by_hand_fulfils_what_was_submitted(users: str) -> None:
    target, heard = Target(users), list[News]()
    submit(fit(users, STORY), target, ALL)
    apply("story", target, tell=heard.append)
    assert wanted(target) == "contract"
    assert "has submitted story through contract: a worker goes on with it" in notes(heard)[0]
    apply("story", target, ALL, tell=heard.append)
    assert (wanted(target), len(notes(heard))) == ("", 1)


def test_a_worker_waits_for_a_server_that_is_away(users: str, tmp_path: Path) -> None:
    submit(fit(users, plan(ADD)), Target(users), ALL)
    parts, link = conninfo_to_dict(users), tmp_path / "s"
    away, heard, came = Target(make_conninfo("", **{**parts, "host": str(link)})), list[News](), list[str]()

    def tell(news: News) -> None:
        heard.append(news)
        if isinstance(news, Waiting):
            link.symlink_to(str(parts["host"]))  # the server is back

    def ended(name: str, result: Outcome | MigrateSafeError) -> None:
        came.append(name)
        raise KeyboardInterrupt

    with pytest.raises(TryLater, match="cannot connect"):
        work(away, QUICK, once=True)
    with pytest.raises(KeyboardInterrupt):
        work(away, QUICK, every=0.01, tell=tell, ended=ended)
    assert came == ["p"]
    assert next(news for news in heard if isinstance(news, Waiting)).reason.startswith("cannot connect")


def test_status_says_what_a_worker_needs_first(users: str, connect: Connect) -> None:
    target = Target(users)
    submit(fit(users, STORY), target, ALL)
    connect(users).execute("UPDATE users SET email = NULL WHERE id = 7")
    with pytest.raises(MigrateSafeError):
        apply("story", target, ALL)
    told = status(target).plans[0].next_move
    assert told.endswith("; then a worker runs it (migrate-safe work) through contract")
    assert "correct" in told
