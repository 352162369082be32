"""What the fault campaign has found, each as a test of its own."""

from __future__ import annotations

from contextlib import closing, suppress

import pytest
from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.database import Database
from migrate_safe.app.apply import apply
from migrate_safe.app.executing import Target, leased
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.executor.drive import Stopped
from migrate_safe.executor.intents import Build, Check, Drop, Inspect, LeaseLost, NotAsPlanned, Transact
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.model.errors import Interrupted, TryLater
from migrate_safe.model.journal import Entry, EventKind
from migrate_safe.model.names import Name
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently, Requirement
from migrate_safe.model.status import PlanStatus
from tests.conftest import Connect
from tests.executor.plans import ADD, USERS, fit, index_step, plan, sql
from tests.faults.grounds import Grounds, as_deployer
from tests.faults.operations import OPERATIONS, Operation, Place


def only(target: Target) -> PlanStatus:
    (it,) = status(target).plans
    return it


def operation(name: str) -> Operation:
    return next(o for o in OPERATIONS if o.name == name)


def test_status_of_a_plan_that_was_cut_off_between_its_last_step_and_its_last_entry(users: str) -> None:
    made, target = fit(users, plan(ADD)), Target(users)
    intents = 0
    while intents < 2 or only(target).position == 0:
        intents += 1
        with suppress(Stopped):
            apply(made, target, stop_after=intents)
    assert not only(target).closed
    assert only(target).next_move == "apply p: every step is done, which is still to be written down"
    assert apply("p", target).after.closed
    assert only(target).next_move == "nothing: all done"


def test_a_way_back_that_failed_is_not_hidden_by_all_being_done(users: str, connect: Connect) -> None:
    made, target, holder = fit(users, plan(ADD)), Target(users), connect(users)
    apply(made, target)
    holder.execute("BEGIN; LOCK TABLE users IN SHARE MODE")
    with pytest.raises(TryLater):
        rollback("p", target, "baseline", Settings(give_up_after=0.2))
    holder.execute("ROLLBACK")
    assert only(target).next_move == (
        "end those transactions or wait for them, then rollback p --to baseline (or go forward again: apply p)"
    )
    assert apply("p", target).after.failure is None
    assert only(target).next_move == "nothing: all done"


def test_an_interruption_beside_the_steps_says_what_to_do_too(users: str) -> None:
    target = Target(users)
    with closing(Database(users)) as db, pytest.raises(Interrupted) as caught, leased(db, target, DEFAULTS):
        raise KeyboardInterrupt
    assert caught.value.next_move == "migrate-safe status says where the plan stands"
    assert status(target).lease is None


def test_who_has_lost_the_lease_is_told_so_and_not_what_the_other_has_changed(users: str, connect: Connect) -> None:
    connect(users).execute("ALTER TABLE users ADD mail text")
    late = Transact(sql("ALTER TABLE users ADD mail text"), Entry("p", EventKind.DONE, "x"))
    with closing(Database(users)) as db, leased(db, Target(users), DEFAULTS) as performer:
        with pytest.raises(NotAsPlanned, match="already exists"):
            performer(late)
        connect(users).execute("UPDATE migrate_safe.lease SET token = token + 1")
        build = index_step().work
        assert isinstance(build, BuildIndex)
        looks = (
            Inspect(USERS, Name("public", "users_pkey")),
            Check(Requirement("SELECT id FROM users", "rows are in the way")),
        )
        for intent in (late, *looks, Build(build), Drop(DropIndexConcurrently(USERS, Name("public", "users_pkey")))):
            with pytest.raises(LeaseLost, match="has passed to another executor"):
                performer(intent)
    assert connect(users).execute("SELECT to_regclass('users_email_idx'), to_regclass('users_pkey')").fetchone() == (
        None,
        "users_pkey",
    )


def test_apps_go_on_when_the_deploying_role_has_lost_its_rights(grounds: Grounds, connect: Connect) -> None:
    made = operation("rename")
    template = grounds.stage(grounds.reference(made), Place.MIGRATE).template
    with grounds.copy_of(template) as dsn:
        admin = connect(dsn)
        (acl,) = admin.execute("SELECT nspacl::text FROM pg_namespace WHERE nspname = 'migrate_safe'").fetchone()
        assert "owner=" not in acl.replace("owner=/", "")
        admin.execute("REVOKE owner FROM deployer")
        try:
            app = connect(make_conninfo(dsn, user="app"))
            for n, column in ((1000, "email"), (1001, "email_address")):
                app.execute(f"INSERT INTO users (id, {column}) OVERRIDING SYSTEM VALUE VALUES ({n}, 'm{n}')")
        finally:
            admin.execute("GRANT owner TO deployer")


def test_a_copy_that_was_taken_over_gives_no_number_of_its_journal_twice_after_a_crash(grounds: Grounds) -> None:
    """CREATE DATABASE of PostgreSQL 15 and later copies a sequence so that a crash would repeat its next numbers."""
    made = operation("create-indexes")
    template = grounds.stage(grounds.reference(made), Place.MIGRATE).template
    with grounds.copy_of(template) as dsn:
        target = Target(as_deployer(dsn))
        rollback(made.name, target, "baseline")
        grounds.server.stop_immediate()
        grounds.server.start()
        assert apply(made.name, target).after.closed
