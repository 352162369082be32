"""Apply, rollback, purge and status on a real server."""

from __future__ import annotations

import json
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import jsonschema
import pytest

from migrate_safe.adapters.database import Database
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.executor.news import Journaled, Moved, News, Sent
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import Refused, StepFailed, TryLater, UsageError
from migrate_safe.model.journal import EventKind
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Backfill, Phase, Plan, Sql, Step
from migrate_safe.model.values import replace
from migrate_safe.planner.codec import to_yaml
from migrate_safe.report.status import status_json, status_schema_path, status_text
from tests.conftest import Connect
from tests.executor.plans import ADD, FILL, HIDE, PURGE, STORY, USERS, fit, index_step, plan, sql
from tests.support.pg import PgTools

ALL = Wish(Phase.CONTRACT)
QUICK = Settings(batch_rows=60)


def test_a_story_from_baseline_to_purge_and_what_status_says(users: str, connect: Connect) -> None:
    target, story = Target(users), fit(users, STORY)
    assert not status(target).installed
    assert apply(story, target, settings=QUICK).stage == "migrate"
    assert apply("story", target, ALL).stage == "contract"
    assert apply(story, target, ALL).before.position == 8
    with pytest.raises(Refused, match=r'"purge.drop" waits until .* \(7d after contract\)'):
        purge("story", target)
    with pytest.raises(UsageError, match="before its window has passed"):
        purge("story", target, now=True, confirm="sotry")
    report = status(target)
    assert report.plans[0].phase == "contract"
    assert report.plans[0].retired[0].due is not None
    assert purge("story", target, now=True, confirm="story").after.closed
    assert [r[0] for r in connect(users).execute("SELECT mail FROM users WHERE id < 3 ORDER BY id")] == ["u1@x", "u2@x"]
    with pytest.raises(Refused, match=r'"purge.drop" has run and drops users.email'):
        rollback("story", target)
    assert "next: nothing: all done" in status_text(status(target))


def test_purge_runs_when_the_window_has_passed_by_the_servers_clock(users: str, connect: Connect) -> None:
    target = Target(users)
    apply(fit(users, STORY), target, ALL)
    connect(users).execute("UPDATE migrate_safe.event SET at = at - interval '7 days' WHERE step = 'contract.hide'")
    assert purge("story", target).after.closed


def test_purge_before_contract_is_refused(users: str) -> None:
    target = Target(users)
    apply(fit(users, STORY), target)
    with pytest.raises(Refused, match="has not finished contract: 4 of 8 steps are done"):
        purge("story", target, now=True, confirm="story")


def test_rollback_takes_contract_back_and_the_baseline_is_the_start(users: str, pg_tools: PgTools) -> None:
    target, before = Target(users), pg_tools.dump_schema(users).text
    story = fit(users, STORY)
    apply(story, target)
    between = pg_tools.dump_schema(users).text
    apply(story, target, ALL)
    assert rollback("story", target).stage == "migrate"
    assert pg_tools.dump_schema(users).text == between
    assert rollback("story", target, "expand").stage == "expand"
    assert rollback("story", target, "expand.add-column").after.position == 1
    assert rollback("story", target, "baseline").after.closed
    assert pg_tools.dump_schema(users).text == before
    assert apply(story, target).stage == "migrate"


def test_rollback_of_an_unknown_step_names_the_known_ones(users: str) -> None:
    apply(fit(users, plan(ADD)), Target(users))
    with pytest.raises(UsageError, match=r"name baseline, expand, migrate, or one of: expand.add-column"):
        rollback("p", Target(users), "nonsense")


def test_a_requirement_of_the_way_back_shows_the_rows_before_anything_is_done(users: str, connect: Connect) -> None:
    target = Target(users)
    apply(fit(users, STORY), target, ALL)
    connect(users).execute("UPDATE users SET mail = 'bad' WHERE id IN (3, 4)")
    with pytest.raises(Refused, match="mail is bad: 2 rows, first: 3, 4"):
        rollback("story", target)
    found = status(target).plans[0]
    assert (found.position, found.failure) == (8, None)
    connect(users).execute("UPDATE users SET mail = 'good' WHERE mail = 'bad'")
    assert rollback("story", target).stage == "migrate"


def test_a_failing_statement_leaves_nothing_and_says_why(users: str, pg_tools: PgTools) -> None:
    broken = replace(ADD, id="expand.broken", work=sql("ALTER TABLE users ADD x int", "ALTER TABLE users ADD x int"))
    before = pg_tools.dump_schema(users).text
    with pytest.raises(StepFailed, match='column "x" of relation "users" already exists'):
        apply(fit(users, plan(broken)), Target(users))
    assert pg_tools.dump_schema(users).text == before
    text = status_text(status(Target(users)))
    assert "! expand.broken" in text
    assert "already exists" in text


def test_a_failed_verification_counts_and_shows(users: str, connect: Connect) -> None:
    target = Target(users)
    apply(fit(users, replace(STORY, steps=STORY.steps[:3])), target)
    connect(users).execute("UPDATE users SET mail = 'x' WHERE id > 197")
    longer = replace(STORY, name="next", steps=(replace(STORY.steps[3], id="migrate.verify-again"),))
    rollback("story", target, "expand")  # its other half: the same table is free once it is taken back
    rollback("story", target, "baseline")
    connect(users).execute("ALTER TABLE users ADD mail text; UPDATE users SET mail = email WHERE id <= 197")
    with pytest.raises(StepFailed, match=r'mail differs: 3 rows of "public.users", first: id=198, id=199, id=200'):
        apply(fit(users, longer), target)


def test_a_unique_violation_names_the_key_and_leaves_no_index(users: str, connect: Connect) -> None:
    connect(users).execute("UPDATE users SET email = 'same' WHERE id < 3")
    with pytest.raises(StepFailed, match=r"Key \(email\)=\(same\) is duplicated"):
        apply(fit(users, plan(index_step("UNIQUE"))), Target(users))
    assert connect(users).execute("SELECT to_regclass('users_email_idx')").fetchone() == (None,)
    assert status(Target(users)).plans[0].steps[0].state == "failed"


def test_a_build_that_somebody_cancels_ends_the_run_with_the_reason(users: str, connect: Connect) -> None:
    blocker, other, target = connect(users, autocommit=False), connect(users), Target(users)
    blocker.execute("UPDATE users SET note = 'x' WHERE id = 1")
    cancel = (
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'CREATE %CONCURRENTLY users_em%'"
    )
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(apply, fit(users, plan(index_step())), target)
        while not run.done() and other.execute(cancel).fetchone() == (0,):
            sleep(0.02)
        with pytest.raises(TryLater, match=r'somebody has cancelled the work on index "public.users_email_idx"'):
            run.result()
    blocker.rollback()
    assert "find out who, and why" in status(target).plans[0].next_move
    assert apply("p", target).after.closed


def test_an_index_of_that_name_which_is_not_ours_is_refused(users: str, connect: Connect) -> None:
    connect(users).execute("CREATE INDEX users_email_idx ON users (note)")
    with pytest.raises(StepFailed, match="exists already, and this plan did not build it"):
        apply(fit(users, plan(index_step())), Target(users))


def test_the_journals_copy_rules_once_a_step_began(users: str, tmp_path: Path) -> None:
    target, file = Target(users), tmp_path / "p.yaml"
    file.write_text(to_yaml(fit(users, STORY)))
    apply(file, target)
    changed = replace(STORY, steps=(*STORY.steps[:7], replace(HIDE, does="hide it"), PURGE))
    file.write_text(to_yaml(fit(users, changed)))
    with pytest.raises(Refused, match=r"(?s)-.*does: hide users.email.*\+.*does: hide it"):
        apply(file, target, ALL)
    assert apply("story", target, ALL).stage == "contract"
    file.unlink()
    rollback("story", target, "baseline")
    file.write_text(to_yaml(fit(users, changed)))
    assert apply(file, target, ALL).stage == "contract"


def test_two_plans_on_different_tables_are_open_at_once(users: str, connect: Connect) -> None:
    connect(users).execute("CREATE TABLE orders (id int PRIMARY KEY)")
    orders = Name("public", "orders")
    add = sql("ALTER TABLE orders ADD a int", table=orders)
    drop = sql("ALTER TABLE orders DROP a", table=orders)
    more = Step("contract.more", Phase.CONTRACT, "more", Sql(), Sql())
    other = plan(Step("expand.a", Phase.EXPAND, "a", add, drop), more, name="other", touches=(orders,))
    target = Target(users)
    apply(fit(users, STORY), target)
    apply(fit(users, other), target)
    apply("story", target, ALL)
    rollback("other", target, "baseline")
    places = {p.name: p.phase for p in status(target).plans}
    assert places == {"story": "contract", "other": "baseline"}


def test_two_open_plans_on_one_table_are_refused(users: str) -> None:
    target = Target(users)
    second = fit(users, plan(index_step(), name="second"))
    apply(fit(users, STORY), target)
    for wish in (Wish(), Wish(accept_drift=("users",)), Wish(dry_run=True)):  # what the other has changed is no drift
        with pytest.raises(Refused, match=r'plan "story" is open and touches "public.users" as well') as caught:
            apply(second, target, wish)
        assert "drift" not in str(caught.value)
    rollback("story", target, "baseline")
    assert apply(fit(users, second), target).after.closed


def test_what_a_later_plan_rests_on_is_not_taken_back(users: str) -> None:
    target = Target(users)
    apply(fit(users, plan(ADD, name="first")), target)
    apply(fit(users, plan(FILL, name="second")), target)
    with pytest.raises(Refused, match=r'plan "second" came later and rests on "public.users"'):
        rollback("first", target, "baseline")
    rollback("second", target, "baseline")
    assert rollback("first", target, "baseline").after.closed


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE users (a text, b int, email text, mail text, PRIMARY KEY (a, b))",
        'CREATE TABLE users (a text COLLATE "C" PRIMARY KEY, b int, email text, mail text)',
        "CREATE TABLE users (a text, b int NOT NULL UNIQUE, email text, mail text)",
        "CREATE TABLE users (a text, b int, email text, mail text)",
        (
            "CREATE TABLE users (a text, b int, email text, mail text, PRIMARY KEY (a, b)) PARTITION BY HASH (a);"
            "CREATE TABLE u0 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
            "CREATE TABLE u1 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 1)"
        ),
        (
            "CREATE TABLE users (a text, b int, email text, mail text) PARTITION BY HASH (a);"
            "CREATE TABLE u0 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
            "CREATE TABLE u1 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 1)"
        ),
    ],
    ids=["composite", "text", "unique", "ctid", "partitioned", "partitioned-ctid"],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_backfill_walks_any_table_to_its_end(database: str, connect: Connect, table: str, workers: int) -> None:
    c = connect(database)
    c.execute(table)
    key = "g % 700" if "(a, b)" in table else "g"
    c.execute(f"""
        INSERT INTO users SELECT 'k''\\' || {key}, g, CASE WHEN g % 5 > 0 THEN 'm' || g END
        FROM generate_series(1, 7000) AS g""")
    news: list[News] = []
    settings = replace(QUICK, workers=workers, batch_max=400)
    apply(fit(database, plan(FILL, STORY.steps[3])), Target(database), settings=settings, tell=news.append)
    assert c.execute("SELECT count(*) FROM users WHERE mail IS DISTINCT FROM email").fetchone() == (0,)
    moved = [n for n in news if isinstance(n, Moved) and n.progress.step == "migrate.backfill"]
    assert len(moved) > 5 // workers
    done = next(n.entry for n in news if isinstance(n, Journaled) and n.entry.kind is EventKind.DONE)
    assert done.detail["rows"] == 5600


def test_a_backfill_marks_its_transactions_and_fills_only_what_is_unset(users: str, connect: Connect) -> None:
    connect(users).execute("""
        ALTER TABLE users ADD mail text; UPDATE users SET mail = 'kept' WHERE id = 7;
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.note := current_setting('migrate_safe.backfill', true); RETURN NEW; END $$;
        CREATE TRIGGER note BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION note()""")
    apply(fit(users, plan(FILL)), Target(users), settings=QUICK)
    found = connect(users).execute("SELECT note, count(*), min(mail) FROM users GROUP BY note ORDER BY note").fetchall()
    assert found == [("n", 1, "kept"), ("on", 199, "u100@x")]


def test_environments_must_agree_once_named(users: str) -> None:
    story = fit(users, STORY)
    apply(story, Target(users, environment="prod"))
    for wrong in ("staging", None):
        with pytest.raises(Refused, match='this database is environment "prod"'):
            apply(story, Target(users, environment=wrong), ALL)
    with pytest.raises(Refused, match="say --environment prod"):
        rollback("story", Target(users))
    assert rollback("story", Target(users, environment="prod"), "baseline").after.closed


def test_a_plan_for_another_schema_is_refused_and_leaves_no_trace(database: str, connect: Connect) -> None:
    with pytest.raises(Refused, match=r'plan "story" is for another schema: table "public.users" does not exist here'):
        apply(STORY, Target(database))
    assert connect(database).execute("SELECT to_regnamespace('migrate_safe')").fetchone() == (None,)


def test_drift_is_refused_with_the_difference_and_can_be_accepted(users: str, connect: Connect, tmp_path: Path) -> None:
    story, target = fit(users, STORY), Target(users)
    (tmp_path / "schema.sql").write_text("CREATE TABLE users (id bigint PRIMARY KEY, email text, note text);")
    connect(users).execute("ALTER TABLE users ADD surprise int")
    with pytest.raises(Refused, match=r"has drifted since plan .* made; name what it was made from with --schema"):
        apply(story, target)
    with pytest.raises(Refused, match=r"made:\n\+ .*surprise"):
        apply(story, target, Wish(schema=(str(tmp_path / "schema.sql"),)))
    assert not status(target).installed
    assert apply(story, target, Wish(accept_drift=("public.users",))).stage == "migrate"
    assert apply(story, target, ALL).stage == "contract"  # drift is asked about before the first step only


def test_a_plan_for_a_newer_server_is_refused(users: str) -> None:
    with pytest.raises(Refused, match="is for PostgreSQL >=99, this server runs"):
        apply(replace(STORY, postgres=">=99"), Target(users))


@pytest.fixture
def stranger(users: str, connect: Connect) -> str:
    """A role that owns nothing."""
    name = "stranger_" + connect(users).info.dbname
    connect(users).execute(f'CREATE ROLE "{name}" LOGIN')
    yield name
    connect(users).execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')


def test_missing_privileges_are_named(users: str, connect: Connect, stranger: str) -> None:
    with pytest.raises(UsageError, match=r'does not own "public.users", and only its owner'):
        apply(fit(users, STORY), Target(users, role=stranger))
    connect(users).execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # it has it up to PostgreSQL 14
    connect(users).execute(f'ALTER TABLE users OWNER TO "{stranger}"')
    with pytest.raises(UsageError, match="may not create tables and indexes in schema public"):
        apply(fit(users, STORY), Target(users, role=stranger))
    connect(users).execute(f'GRANT CREATE ON SCHEMA public TO "{stranger}"')
    with pytest.raises(UsageError, match='may not create the schema "migrate_safe"'):
        apply(fit(users, STORY), Target(users, role=stranger))
    assert not status(Target(users)).installed
    connect(users).execute(f'GRANT CREATE ON DATABASE "{connect(users).info.dbname}" TO "{stranger}"')
    assert apply(fit(users, STORY), Target(users, role=stranger)).stage == "migrate"


def test_an_unusual_owner_is_named_as_it_must_be_typed(database: str, connect: Connect, stranger: str) -> None:
    c = connect(database)
    c.execute('CREATE ROLE "Own er\'s"')
    try:
        c.execute('CREATE SCHEMA "App" AUTHORIZATION "Own er\'s"; GRANT USAGE ON SCHEMA "App" TO PUBLIC')
        c.execute('SET ROLE "Own er\'s"; CREATE TABLE "App".users (id int); RESET ROLE')
        name = Name("App", "users")
        step = replace(ADD, work=sql('ALTER TABLE "App".users ADD a int', table=name))
        with pytest.raises(UsageError) as caught:
            apply(fit(database, plan(step, touches=(name,))), Target(database, role=stranger))
    finally:
        c.execute('DROP SCHEMA IF EXISTS "App" CASCADE; DROP ROLE "Own er\'s"')
    assert caught.value.message == (
        f'role "{stranger}" does not own "App".users, and only its owner "Own er\'s" may alter it'
    )
    typed = shlex.split(caught.value.next_move.split(", or GRANT")[0])
    assert typed == ["run", "as", "--role", "Own er's"]


def test_a_journal_of_another_role_is_named(users: str, connect: Connect, stranger: str) -> None:
    owner = connect(users).info.user
    apply(fit(users, STORY), Target(users))
    connect(users).execute(f'ALTER TABLE users OWNER TO "{stranger}"')
    for told in (lambda: apply("story", Target(users, role=stranger)), lambda: status(Target(users, role=stranger))):
        with pytest.raises(UsageError, match=f'belongs to role "{owner}", and role "{stranger}" may not use'):
            told()


def test_a_read_only_database_is_left_alone(users: str, connect: Connect) -> None:
    name = connect(users).info.dbname
    connect(users).execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with pytest.raises(UsageError, match="this database is read-only"):
        apply(fit(users, STORY), Target(users))


def test_a_role_that_does_not_exist_is_a_usage_error(users: str) -> None:
    with pytest.raises(UsageError, match='role "nobody-here" does not exist'):
        status(Target(users, role="nobody-here"))


def test_a_dry_run_prints_the_messages_that_a_real_run_sends(users: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[News] = []
    one_batch = Settings(batch_rows=1000)
    apply(fit(users, STORY), Target(users), replace(ALL, dry_run=True), one_batch, tell=told.append)
    printed = [n.sql for n in told if isinstance(n, Sent)]
    assert not status(Target(users)).installed

    sent: list[str] = []
    send, query, look = Database.send, Database.query, Database.look
    monkeypatch.setattr(Database, "send", lambda db, m: (sent.append(m), send(db, m))[1])
    monkeypatch.setattr(Database, "query", lambda db, q, p=None: (sent.append(q), query(db, q, p))[1])
    monkeypatch.setattr(Database, "look", lambda db, q: (sent.append(q), look(db, q))[1])  # in a message with its limit
    apply(fit(users, STORY), Target(users), ALL, one_batch)
    rows = re.compile(r'"rows": \d+')
    real = {rows.sub("", s.rstrip(";")) for s in sent}
    missing = [p for p in printed if rows.sub("", p.rstrip(";")) not in real]
    assert missing == []


def test_a_dry_run_goes_on_past_a_table_that_is_not_there_yet(users: str) -> None:
    made = Step("expand.create", Phase.EXPAND, "create", Sql(("CREATE TABLE public.fresh (a int, b int)",)), Sql())
    work = Backfill(Name("public", "fresh"), (("b", "a"),), "b IS NULL AND a IS NOT NULL")
    filled = Step("migrate.fill", Phase.MIGRATE, "fill", work, Sql())
    told: list[News] = []
    apply(fit(users, plan(made, filled)), Target(users), Wish(dry_run=True), tell=told.append)
    assert any("CREATE TABLE public.fresh" in n.sql for n in told if isinstance(n, Sent))
    assert not status(Target(users)).installed


def test_status_json_is_stable(users: str) -> None:
    apply(fit(users, STORY), Target(users, environment="prod"), settings=QUICK)
    value = json.loads(status_json(status(Target(users))))
    jsonschema.validate(value, json.loads(status_schema_path().read_text()))
    assert value["format"] == "migrate-safe/status/1"
    assert (value["environment"], value["lease"]) == ("prod", None)
    found = value["plans"][0]
    assert {k: found[k] for k in ("name", "phase", "position", "closed", "failure", "retired", "next")} == {
        "name": "story",
        "phase": "migrate",
        "position": 4,
        "closed": False,
        "failure": None,
        "retired": [],
        "next": "when no old app version is left: apply story --through contract",
    }
    filled = found["steps"][2]
    assert {k: filled[k] for k in ("id", "state", "attempts", "rows_done", "rows_total")} == {
        "id": "migrate.backfill",
        "state": "done",
        "attempts": 1,
        "rows_done": 200,
        "rows_total": 200,
    }


def test_passwords_reach_neither_journal_nor_status(users: str, connect: Connect) -> None:
    dsn = f"{users}&password=hunter2" if "?" in users else f"{users} password=hunter2"
    apply(fit(users, STORY), Target(dsn), settings=QUICK)
    kept = (
        connect(users)
        .execute(
            "SELECT string_agg(t::text, '') FROM (SELECT p::text FROM migrate_safe.plan p UNION ALL "
            "SELECT e::text FROM migrate_safe.event e UNION ALL SELECT l::text FROM migrate_safe.lease l) AS t"
        )
        .fetchone()
    )
    assert "hunter2" not in str(kept)
    assert "hunter2" not in status_text(status(Target(dsn)))


def test_the_plan_in_the_tests_reads_as_the_model_says() -> None:
    assert isinstance(STORY, Plan)
    assert STORY.touches == (USERS,)
