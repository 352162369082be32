"""Others at work on the tables of a plan: who is in the way is named, and nobody is made to fail for us."""

from __future__ import annotations

from contextlib import closing

import pytest
from psycopg.pq import TransactionStatus

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.performer import Performer
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.status import status
from migrate_safe.executor.drive import Stopped
from migrate_safe.executor.intents import Check, Fill, Intent, Prove, SurveyKeys, Sweep
from migrate_safe.model.errors import Refused, TryLater
from migrate_safe.model.plan import Phase, Requirement, Sql, Step
from migrate_safe.model.values import replace
from tests.conftest import Connect
from tests.executor.plans import ADD, FILL, PROVE, fit, index_step, plan
from tests.executor.test_pressure import QUICK, running, story, unset
from tests.faults.paced import watched
from tests.support.processes import eventually


@pytest.mark.parametrize("at", [Check, SurveyKeys, Fill, Sweep, Prove], ids=lambda kind: kind.__name__)
def test_a_table_that_somebody_closes_on_the_way_is_waited_for_and_he_is_named(
    users: str, connect: Connect, at: type[Intent]
) -> None:
    needs = Sql((), require=(Requirement("SELECT id FROM users WHERE id < 0", "ids are negative"),))
    made = fit(users, plan(ADD, FILL, PROVE, Step("migrate.look", Phase.MIGRATE, "look", needs, Sql())))
    holder = connect(users, autocommit=False)

    def close(intent: Intent, _: Performer) -> None:
        if isinstance(intent, at) and holder.info.transaction_status == TransactionStatus.IDLE:
            holder.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")

    with watched(close), pytest.raises(TryLater, match=r'users.* \(application "test"'):
        apply(made, Target(users), settings=replace(QUICK, give_up_after=0.2))
    if at is Fill:
        with pytest.raises(TryLater, match=r'locked against its readers: .*users by .* \(application "test"'):
            apply("p", Target(users))
    holder.rollback()
    assert apply("p", Target(users)).stage == "migrate"


def test_sessions_of_our_own_are_not_in_the_way(users: str, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate_safe.app.status._OLD_MS", 0.0)
    apply(fit(users, plan(ADD, FILL)), Target(users), Wish(Phase.EXPAND))
    other = connect(users, autocommit=False)
    with closing(Database(users)) as own:
        for session in (own.connection, other):
            session.execute("BEGIN; LOCK TABLE users IN ACCESS SHARE MODE")
        assert [b.partition(" (")[0] for b in status(Target(users)).plans[0].blockers] == [
            f"pid {other.info.backend_pid}"
        ]


@pytest.mark.parametrize("change", ["PRIMARY KEY (tenant, id)", "PRIMARY KEY (tenant)", "CHECK (id > 0)"])
def test_a_backfill_that_was_cut_off_begins_anew_under_another_key(users: str, connect: Connect, change: str) -> None:
    c = connect(users)
    c.execute("ALTER TABLE users ADD tenant uuid NOT NULL DEFAULT gen_random_uuid()")
    fills = 0

    def stop(intent: Intent, _: Performer) -> None:
        nonlocal fills
        fills += isinstance(intent, Fill)
        if fills == 2:
            raise Stopped

    with watched(stop), pytest.raises(Stopped):
        apply(story(users), Target(users), settings=QUICK)
    c.execute(f"ALTER TABLE users DROP CONSTRAINT users_pkey, ADD {change}")
    with pytest.raises(Refused, match="have changed since its last step"):
        apply("p", Target(users), settings=QUICK)
    assert status(Target(users)).plans[0].next_move == (
        "undo what has changed, or accept it: apply p --accept-drift NAME; or take the plan back: abandon p"
    )
    assert apply("p", Target(users), Wish(accept_drift=("users",)), settings=QUICK).stage == "migrate"
    assert unset(users) == 0


def test_a_client_is_no_victim_of_a_batch_however_large_the_budget_is(users: str, connect: Connect) -> None:
    made = story(users)
    apply(made, Target(users), Wish(Phase.EXPAND))
    client, look = connect(users, autocommit=False), connect(users)
    client.execute("UPDATE users SET note = 'mine' WHERE id = 150")
    waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'migrate-safe' AND wait_event = 'transactionid'"
    with running(made, users, replace(QUICK, batch_rows=200, batch_max=200, stall_budget_ms=10_000)) as (_, future):
        assert eventually(lambda: look.execute(waiting).fetchone() is not None)
        client.execute("UPDATE users SET note = 'mine' WHERE id = 1")  # which the batch has locked: a deadlock
        client.commit()
        assert future.result(30).stage == "migrate"
    assert unset(users) == 0


def test_who_holds_what_a_build_would_wait_for_is_named_in_the_end(users: str, connect: Connect) -> None:
    holder = connect(users, autocommit=False)
    holder.execute("LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE")
    held = r'holds a lock on "public.users" that .* would wait for \(application "test", idle in transaction\)'
    with pytest.raises(TryLater, match=held):
        apply(fit(users, plan(index_step())), Target(users), settings=replace(QUICK, give_up_after=0.1))
