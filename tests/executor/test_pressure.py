"""Backfills hold back: for replicas, slots and the archive that do not follow, and for people who ask."""

from __future__ import annotations

import getpass
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migrate_safe.adapters.control import whoami
from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import read_lease
from migrate_safe.adapters.postgres import connect as open_connection
from migrate_safe.adapters.pressure import read_pressure
from migrate_safe.adapters.scratch import ScratchServer, scratch_server, standby_of
from migrate_safe.adapters.walker import fill_batch, survey
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.control import pause, resume, submit, tune, work
from migrate_safe.app.executing import Outcome, Target
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.cli.main import main
from migrate_safe.executor.intents import Fill, ReadOnly, Survey, SurveyKeys
from migrate_safe.executor.news import Building, Moved, News, Noted, Waiting
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import Exit, MigrateSafeError, TryLater
from migrate_safe.model.journal import Progress
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Backfill, Phase, Plan
from migrate_safe.model.values import replace
from migrate_safe.planner.codec import to_yaml
from migrate_safe.report.status import status_text
from tests.conftest import Connect
from tests.executor.plans import ADD, FILL, PROVE, SCHEMA, STORY, USERS, fit, index_step, plan
from tests.support.processes import eventually
from tests.support.servers import source_of

BULK = "INSERT INTO users SELECT g, repeat('x', 400), 'n' FROM generate_series(1000, 9000) AS g"
QUICK = Settings(batch_rows=100, batch_max=100, max_lag_mb=1, give_up_after=30.0, poll=0.05)


class Listener:
    """Hears the news of a run and can wait for one."""

    def __init__(self) -> None:
        self.heard: list[News] = []
        self._more = threading.Condition()

    def __call__(self, news: News) -> None:
        with self._more:
            self.heard.append(news)
            self._more.notify_all()

    def wait_for(self, wanted: Callable[[News], bool], after: int = 0) -> None:
        with self._more:
            assert self._more.wait_for(lambda: any(map(wanted, self.heard[after:])), 30), self.heard[-3:]


def waits(word: str) -> Callable[[News], bool]:
    return lambda news: isinstance(news, Waiting) and word in news.reason


def moved(news: News) -> bool:
    return isinstance(news, Moved)


@contextmanager
def running(made: Plan, dsn: str, settings: Settings = QUICK) -> Iterator[tuple[Listener, Future[Outcome]]]:
    """Apply in a thread; whatever holds it is taken away at the end."""
    heard = Listener()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(apply, made, Target(dsn), settings=settings, tell=heard)
        try:
            yield heard, future
        finally:
            with suppress(MigrateSafeError):
                resume(made.name, Target(dsn))


@pytest.fixture(scope="module")
def primary(each_server: ScratchServer) -> Iterator[ScratchServer]:
    """A server of its own, for its replicas and slots would hold up the others."""
    settings = {
        "wal_level": "logical",
        "archive_mode": "on",
        "archive_command": "true",
        "max_prepared_transactions": "2",
    }
    with scratch_server(source_of(each_server.version), major=each_server.version, settings=settings) as made:
        yield made


@pytest.fixture
def bulk(primary: ScratchServer) -> Iterator[str]:
    """A database of that server with some megabytes of rows."""
    dsn = primary.create_database()
    with open_connection(dsn) as connection:
        connection.execute(SCHEMA.format(rows=200).encode())
        connection.execute(BULK)
    yield dsn
    primary.drop_database(dsn)


def story(dsn: str) -> Plan:
    return fit(dsn, plan(ADD, FILL))


def unset(dsn: str) -> int:
    with open_connection(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM users WHERE mail IS DISTINCT FROM email").fetchone()
    assert row is not None
    return int(row[0])


def test_a_replica_that_does_not_follow_is_waited_for(primary: ScratchServer, bulk: str) -> None:
    with standby_of(primary) as standby, open_connection(standby.home) as there:
        there.execute("SELECT pg_wal_replay_pause()")
        with running(story(bulk), bulk) as (heard, future):
            heard.wait_for(waits('replica "standby" is '))
            assert any(map(moved, heard.heard))
            assert not future.done()
            there.execute("SELECT pg_wal_replay_resume()")
            assert future.result(30).stage == "migrate"
    assert unset(bulk) == 0


@pytest.mark.parametrize(
    "made",
    ["pg_create_physical_replication_slot('behind', true)", "pg_create_logical_replication_slot('behind', 'pgoutput')"],
    ids=["physical", "logical"],
)
def test_a_slot_that_nobody_reads_ends_a_backfill_for_now(primary: ScratchServer, bulk: str, made: str) -> None:
    with open_connection(bulk) as c:
        c.execute("CHECKPOINT")  # from where a physical slot keeps WAL
        c.execute(f"SELECT {made}".encode())
        try:
            with pytest.raises(TryLater, match=r'slot "behind" is \d MB of WAL behind \(limit 1 MB\)') as told:
                apply(story(bulk), Target(bulk), settings=replace(QUICK, give_up_after=0.2))
            assert "tune p --max-lag MB" in told.value.next_move
            assert 0 < unset(bulk) < 8201
            tune("p", Target(bulk), {"max_lag_mb": 100})
            assert apply("p", Target(bulk), settings=replace(QUICK, give_up_after=0.2)).stage == "migrate"
        finally:
            c.execute("SELECT pg_drop_replication_slot('behind')")
    assert unset(bulk) == 0


def test_an_archive_that_fails_is_waited_for(primary: ScratchServer, bulk: str) -> None:
    with open_connection(bulk) as c:
        archiving(c, "false")
        c.execute("SELECT pg_switch_wal()")
        with running(story(bulk), bulk) as (heard, future):
            heard.wait_for(waits("archiving of WAL fails, last for 0000"))
            archiving(c, "true")
            assert future.result(30).stage == "migrate"
    assert unset(bulk) == 0


def test_files_that_wait_to_be_archived_are_counted(primary: ScratchServer, bulk: str) -> None:
    with open_connection(bulk) as c:
        archiving(c, "sleep 1")
        db = Database(bulk)
        eventually(lambda: "WAL files wait to be archived" in read_pressure(db, "p", 0).archive)
        assert read_pressure(db, "p", 2**40).archive == ""
        db.close()
        archiving(c, "true")


def archiving(c: psycopg.Connection[Any], command: str) -> None:
    c.execute(f"ALTER SYSTEM SET archive_command = '{command}'".encode())
    c.execute("SELECT pg_reload_conf()")
    if command == "false":
        return
    c.execute("SELECT pg_switch_wal()")


def test_a_role_that_may_not_see_replicas_is_told_so(primary: ScratchServer, bulk: str) -> None:
    with standby_of(primary), open_connection(bulk) as c:
        c.execute(f"CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE {c.info.dbname} TO plain".encode())
        c.execute("ALTER TABLE users OWNER TO plain; GRANT CREATE ON SCHEMA public TO plain")
        try:
            heard = Listener()
            apply(story(bulk), Target(bulk, "plain"), settings=QUICK, tell=heard)
            assert any(map(waits("the role may not see how far 1 replicas have come (pg_monitor)"), heard.heard))
        finally:
            c.execute("DROP OWNED BY plain CASCADE; DROP ROLE plain")


def test_a_prepared_transaction_in_the_way_is_named_as_the_server_knows_it(primary: ScratchServer, bulk: str) -> None:
    with open_connection(bulk) as c:
        c.execute("BEGIN; UPDATE users SET note = 'n' WHERE id = 1; PREPARE TRANSACTION 'it''s night'")
        try:
            with pytest.raises(
                TryLater, match=r"the prepared transaction 'it''s night' \(role \w+, transaction open for"
            ):
                apply(fit(bulk, plan(ADD)), Target(bulk), settings=replace(QUICK, give_up_after=0.1))
        finally:
            c.execute("ROLLBACK PREPARED 'it''s night'")


# ---- what people ask for ---------------------------------------------------------------------


def test_pause_holds_a_backfill_and_resume_lets_it_go_on(users: str, connect: Connect) -> None:
    connect(users).execute(BULK)
    target, slow = Target(users), replace(QUICK, batch_rows=1, batch_max=1)
    with running(story(users), users, slow) as (heard, future):
        heard.wait_for(moved)
        assert pause("p", target).paused_by
        heard.wait_for(waits("paused by"))
        left, count = unset(users), len(heard.heard)
        assert left
        said = status_text(status(target))
        assert "paused by" in said
        assert "next: migrate-safe resume p: it is paused" in said
        tune("p", target, {"batch_max": 500})
        heard.wait_for(waits("paused by"), after=count)
        assert unset(users) == left
        resume("p", target)
        assert future.result(60).stage == "migrate"
    assert unset(users) == 0
    rows = [[n.rows for n in part if isinstance(n, Moved)] for part in (heard.heard[:count], heard.heard[count:])]
    assert max(rows[0]) == 1 < max(rows[1])


def test_rollback_is_not_held_by_a_pause(users: str) -> None:
    """Nor where it proves something, or fills."""

    def hear(news: News) -> None:
        assert not waits("paused by")(news)

    target, back = Target(users), replace(PROVE, undo=PROVE.work)
    apply(fit(users, plan(ADD, FILL, back, replace(FILL, id="migrate.again", undo=FILL.work))), target, settings=QUICK)
    pause("p", target)
    assert rollback("p", target, "baseline", tell=hear).after.position == 0


def test_several_workers_fill_every_row_once(users: str, connect: Connect) -> None:
    c = connect(users)
    c.execute(BULK)
    heard = Listener()
    apply(story(users), Target(users), settings=replace(QUICK, workers=3), tell=heard)
    assert unset(users) == 0
    last = [n.progress for n in heard.heard if isinstance(n, Moved)][-1]
    assert (last.rows_done, last.filled) == (8201, 8201)
    ours = "SELECT FROM pg_stat_activity WHERE application_name = 'migrate-safe' AND datname = current_database()"
    eventually(lambda: c.execute(ours).fetchone() is None)


def test_what_one_worker_could_not_lock_is_filled_later(users: str, connect: Connect) -> None:
    made = story(users)
    apply(made, Target(users), Wish(Phase.EXPAND))
    holder = connect(users, autocommit=False)
    holder.execute("SELECT FROM users WHERE id = 150 FOR UPDATE")
    with running(made, users, replace(QUICK, workers=2)) as (heard, future):
        heard.wait_for(waits('rows of "public.users" are locked'))
        assert unset(users) == 100  # the other worker's batch stands
        holder.rollback()
        assert future.result(30).stage == "migrate"
    assert unset(users) == 0


def test_clients_that_wait_for_a_batch_are_counted(users: str, connect: Connect) -> None:
    apply(fit(users, plan(ADD)), Target(users))
    c, ended = connect(users), threading.Event()

    def write() -> None:
        while not ended.is_set():
            c.execute("UPDATE users SET note = note || '!' WHERE id = 1")

    slow = Backfill(USERS, (("mail", "email || pg_sleep(0.005)::text"),), "mail IS NULL")
    db = Database(users)
    db.query("UPDATE migrate_safe.lease SET holder = 'me'")
    token = read_lease(db).token
    survey = Survey(("id",), ("bigint",), 200, 1)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        batch = fill_batch(db, Fill(slow, survey, Progress("p", "x", None, 0, 200), 40), token, Settings(10_000))
        ended.set()
        writing.result()
    db.close()
    assert (batch.changed, batch.waiting) == (40, 1)


def test_a_worker_runs_what_was_submitted(users: str, connect: Connect) -> None:
    target, ended = Target(users), list[tuple[str, object]]()

    def note(name: str, came: object) -> None:
        ended.append((name, came))

    assert work(target, QUICK, once=True) is Exit.OK  # nothing was ever installed
    submit(story(users), target, Wish(Phase.MIGRATE))
    assert status(target).plans[0].phase == "baseline"
    assert "a worker runs it (migrate-safe work) through migrate" in status_text(status(target))
    pause("p", target)
    assert work(target, QUICK, once=True, ended=note) is Exit.TRY_LATER
    resume("p", target)
    c = connect(users)
    c.execute(
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', "
        "current_database()); END$$"
    )
    assert work(target, QUICK, once=True, ended=note) is Exit.TRY_LATER
    assert isinstance(ended[1][1], ReadOnly)
    c.execute(
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END$$"
    )
    assert work(target, QUICK, once=True, ended=note) is Exit.OK
    assert [name for name, _ in ended] == ["p", "p", "p"]
    assert unset(users) == 0
    assert not status(target).plans[0].asked.wanted
    assert work(target, QUICK, once=True, ended=note) is Exit.OK
    assert len(ended) == 3


def test_a_plan_that_fails_in_a_worker_waits_for_a_person(users: str, connect: Connect) -> None:
    target = Target(users)
    submit(fit(users, STORY), target, Wish(Phase.CONTRACT))
    connect(users).execute("UPDATE users SET email = NULL WHERE id = 7")
    came: list[object] = []
    assert work(target, QUICK, once=True, ended=lambda _, x: came.append(x)) is Exit.FAILED
    assert work(target, QUICK, once=True) is Exit.OK
    assert status(target).plans[0].failure


def test_the_commands_say_what_they_did(users: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(to_yaml(story(users)))
    told = []
    for words in (
        ("submit", str(file)),
        ("pause", "p"),
        ("work", "--once"),
        ("tune", "p", "--max-lag", "9", "--workers", "2"),
        ("tune", "p", "--reset"),
        ("tune", "p"),
        ("resume", "p"),
        ("resume", "p"),
        ("work", "--once"),
        ("pause", "q"),
    ):
        code = main((*words, "--dsn", users))
        said = capsys.readouterr()
        told.append((code, (said.out + said.err).strip().splitlines()[0].partition("@")[0]))
    assert [t for t in told if "begin" not in t[1] and "done  " not in t[1]] == [
        (0, "p: submitted through migrate; a worker runs it (migrate-safe work)"),
        (0, f"p: paused by {getpass.getuser()}"),
        (75, f"p: paused by {getpass.getuser()}"),
        (0, "p: max_lag_mb 9, workers 2"),
        (0, "p: as apply was started"),
        (2, "migrate-safe: nothing to tune"),
        (0, "p: goes on"),
        (0, "p: was not paused"),
        (0, "p: 2 steps done; at migrate, 2 of 2 steps done"),
        (2, 'migrate-safe: plan "q" was never applied to this database (known: "p")'),
    ]
    assert unset(users) == 0
    for words, key, value in (
        (("pause", "p"), "paused_by", whoami()),
        (("tune", "p", "--workers", "3"), "tuned", {"workers": 3}),
        (("resume", "p"), "paused_by", ""),
        (("submit", "p"), "wanted", "migrate"),
    ):
        assert main((*words, "--json", "--dsn", users)) == 0
        told_json = json.loads(capsys.readouterr().out)
        assert (told_json["format"], told_json["plan"], told_json[key]) == ("migrate-safe/control/1", "p", value)
    for number in ("nan", "inf", "-1"):
        assert main(("apply", "p", "--give-up-after", number, "--dsn", users)) == 2
        assert "--give-up-after" in capsys.readouterr().err
    assert main(("tune", "p", "--stall-budget", "60001", "--dsn", users)) == 2


# ---- index builds ----------------------------------------------------------------------------


def test_a_build_tells_whom_it_waits_for_and_how_far_it_is(users: str, connect: Connect) -> None:
    writer = connect(users, autocommit=False)
    writer.execute("SET application_name = 'shop'")
    writer.execute("UPDATE users SET note = 'x' WHERE id = 1")
    with running(fit(users, plan(index_step())), users) as (heard, future):
        heard.wait_for(lambda n: isinstance(n, Building) and f"pid {writer.info.backend_pid} (shop)" in n.waits_for)
        writer.rollback()
        assert future.result(30).after.closed
    told = next(n for n in heard.heard if isinstance(n, Building))
    assert (told.index, told.phase, told.percent) == ("public.users_email_idx", "waiting for writers before build", 0)


def test_a_row_that_is_slower_than_the_budget_is_told_once(users: str, connect: Connect) -> None:
    connect(users).execute("""
        DELETE FROM users WHERE id > 3;
        CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep(0.06) FROM current_setting('migrate_safe.backfill', true) AS s WHERE s = 'on';
            RETURN NULL; END $$;
        CREATE TRIGGER nap AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION nap();
    """)
    heard: list[News] = []
    apply(story(users), Target(users), settings=Settings(stall_budget_ms=40), tell=heard.append)
    [note] = [news.text for news in heard if isinstance(news, Noted)]
    assert note.startswith('filling one row of "public.users" took ')
    assert "beyond the stall budget of 40 ms" in note


def test_a_partition_that_was_never_analysed_does_not_hide_the_others(users: str, connect: Connect) -> None:
    connect(users).execute("""
        CREATE TABLE parted (id int PRIMARY KEY, t text) PARTITION BY RANGE (id);
        CREATE TABLE one PARTITION OF parted FOR VALUES FROM (0) TO (10000) WITH (autovacuum_enabled = false);
        CREATE TABLE two PARTITION OF parted FOR VALUES FROM (10000) TO (20000) WITH (autovacuum_enabled = false);
        INSERT INTO parted SELECT g, 'x' FROM generate_series(1, 5000) g; ANALYZE one;
        INSERT INTO parted VALUES (10000, 'x');
    """)
    db = Database(users)
    assert survey(db, SurveyKeys(Name("public", "parted"))).rows == 5050
    db.close()
