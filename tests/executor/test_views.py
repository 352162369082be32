"""Steps on views: LOCK TABLE on a view would lock the tables behind it as well."""

from __future__ import annotations

import pytest

from migrate_safe.app.apply import apply
from migrate_safe.app.executing import Target
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import TryLater
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Phase, Plan, Sql, Step
from tests.conftest import Connect
from tests.executor.plans import SCHEMA, fit, plan

OVER = {
    "view": "CREATE VIEW over AS SELECT id, email FROM users",
    "materialized view": "CREATE MATERIALIZED VIEW over AS SELECT id, email FROM users",
}
WATCH = "CREATE TABLE taken (relation text, mode text)"
NOTE = """
INSERT INTO taken SELECT relation::regclass::text, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation IN ('users'::regclass, 'over'::regclass)
"""
PATIENT = Settings(give_up_after=60.0)
HASTY = Settings(give_up_after=0.3)


def one_step(*statements: str) -> Plan:
    """A plan that says of its one step that it locks the view, as plans do and people write."""
    work = Sql(statements, (Lock(Name("public", "over"), LockMode.ACCESS_EXCLUSIVE),))
    return plan(Step("expand.view", Phase.EXPAND, "change the view", work, Sql()))


@pytest.mark.parametrize(
    ("kind", "statement", "below"),
    [
        ("view", "CREATE OR REPLACE VIEW over AS SELECT id, email FROM users WHERE id > 0", {"AccessShareLock"}),
        ("view", "ALTER VIEW over ALTER id SET DEFAULT 7", set()),
        ("view", "ALTER VIEW over OWNER TO CURRENT_USER", set()),
        ("materialized view", "ALTER MATERIALIZED VIEW over SET (fillfactor = 70)", set()),
    ],
)
def test_a_step_on_a_view_locks_of_its_tables_only_what_its_statement_does(
    kind: str, statement: str, below: set[str], each_database: str, connect: Connect
) -> None:
    users = each_database
    owner, client = connect(users), connect(users, autocommit=False)
    owner.execute(f"{SCHEMA.format(rows=9)}{OVER[kind]}; {WATCH}")
    client.execute("UPDATE users SET note = 'x' WHERE id = 1")
    assert apply(fit(users, one_step(statement, NOTE)), Target(users), settings=PATIENT).after.closed
    client.rollback()
    taken = owner.execute("SELECT relation, mode FROM taken").fetchall()
    assert {mode for relation, mode in taken if relation == "users"} == below
    if kind == "view":
        assert ("over", "AccessExclusiveLock") in taken


@pytest.mark.parametrize("statement", ["DROP VIEW over", "ALTER VIEW over SET SCHEMA aside"])
def test_who_uses_a_view_is_named_and_not_waited_for_beyond_the_budget(
    statement: str, users: str, connect: Connect
) -> None:
    owner, client = connect(users), connect(users, autocommit=False)
    owner.execute(f"{OVER['view']}; CREATE SCHEMA aside")
    client.execute("SELECT FROM over LIMIT 1")
    made, pid = fit(users, one_step(statement)), client.info.backend_pid
    with pytest.raises(TryLater, match=rf"could not get .*public\.over.*blocked by pid {pid} "):
        apply(made, Target(users), settings=HASTY)
    client.rollback()
    assert apply(made, Target(users)).after.closed
    assert owner.execute("SELECT to_regclass('public.over')").fetchone() == (None,)


def test_a_view_whose_owner_may_not_lock_its_tables_can_be_changed(users: str, connect: Connect) -> None:
    owner = connect(users)
    role = f"reader_{users.rpartition('/')[2].partition('?')[0]}"
    owner.execute(f'{OVER["view"]}; CREATE ROLE "{role}"; GRANT SELECT ON users TO "{role}"')
    owner.execute(f'ALTER VIEW over OWNER TO "{role}"')
    try:
        assert apply(fit(users, one_step("ALTER VIEW over ALTER id SET DEFAULT 7")), Target(users)).after.closed
    finally:
        owner.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
