"""While two unique indexes hold one key, clients wait as they would for one, and never meet in the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.plan import Phase
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script
from tests.conftest import Connect
from tests.recipes.lifecycle import Case, Life, Refusal, life, plan_of
from tests.support.processes import eventually

RENAME = "ALTER TABLE users RENAME COLUMN email TO mail;"
USERS = "CREATE TABLE users (id bigserial PRIMARY KEY, email text UNIQUE, hits int NOT NULL DEFAULT 0);"
ROWS = "INSERT INTO users (email) VALUES ('a'), ('b');"
PHASES = (Phase.MIGRATE, Phase.CONTRACT)
BLOCKED = "SELECT cardinality(pg_blocking_pids(%s)) > 0"


def case(before: str) -> Case:
    return Case("turns", before, RENAME, (), ())


@contextmanager
def through(phase: Phase, before: str, dsn: str) -> Iterator[Life]:
    """Bring a database to the end of a phase of the rename."""
    with life(case(before), dsn) as it:
        for _ in it.forward(it.plan.end_of(phase)):
            pass
        yield it


def columns(phase: Phase) -> tuple[str, str]:
    """Name the column by which each of two clients writes."""
    return ("email", "mail") if phase is Phase.MIGRATE else ("mail", "mail")


def add(column: str, key: str, does: str = "NOTHING") -> str:
    return f"INSERT INTO users ({column}) VALUES ('{key}') ON CONFLICT ({column}) DO {does}"


def upsert(column: str, key: str) -> str:
    return add(column, key, "UPDATE SET hits = users.hits + 1")


class Client:
    """A client that may be made to wait."""

    def __init__(self, dsn: str) -> None:
        self.own = psycopg.connect(dsn, autocommit=True)
        self.failed: list[str] = []
        self._thread: threading.Thread | None = None

    def start(self, *statements: str) -> None:
        self._thread = threading.Thread(target=self._run, args=(statements,))
        self._thread.start()

    def end(self) -> list[str]:
        assert self._thread is not None
        self._thread.join()
        return self.failed

    def _run(self, statements: tuple[str, ...]) -> None:
        try:
            for statement in statements:
                self.own.execute(statement.encode())
        except psycopg.Error as error:
            self.failed.append(str(error))


@pytest.fixture
def client(each_database: str) -> Iterator[Callable[[], Client]]:
    made: list[Client] = []

    def make() -> Client:
        made.append(Client(each_database))
        return made[-1]

    yield make
    for one in made:
        one.own.close()


def impatient(connect: Connect, dsn: str) -> psycopg.Connection[Any]:
    """Connect a client that fails where it has to wait, in a transaction of its own."""
    c = connect(dsn)
    c.execute("SET lock_timeout = '500ms'; BEGIN")
    return c


@pytest.mark.parametrize("phase", PHASES)
def test_keys_that_are_there_are_waited_for_by_nobody(phase: Phase, each_database: str, connect: Connect) -> None:
    with through(phase, USERS + ROWS, each_database):
        one, other = impatient(connect, each_database), impatient(connect, each_database)
        old, new = columns(phase)
        one.execute(add(old, "a").encode())
        other.execute(add(new, "b").encode())
        one.execute(add(old, "b").encode())
        other.execute(add(new, "a").encode())
        other.execute(add(old, "a").encode())


@pytest.mark.parametrize("phase", PHASES)
def test_keys_that_are_not_equal_are_waited_for_by_nobody(phase: Phase, each_database: str, connect: Connect) -> None:
    with through(phase, USERS + ROWS, each_database):
        one, other = impatient(connect, each_database), impatient(connect, each_database)
        old, new = columns(phase)
        one.execute(add(old, "new").encode())
        other.execute(add(new, "NEW").encode())


def test_a_key_that_was_there_before_an_update_or_a_lock_is_still_there(each_database: str, connect: Connect) -> None:
    with through(Phase.MIGRATE, USERS + ROWS, each_database):
        connect(each_database).execute(upsert("email", "a").encode())
        holder = impatient(connect, each_database)
        holder.execute("SELECT 1 FROM users WHERE email IN ('a', 'b') FOR KEY SHARE")
        one, other = impatient(connect, each_database), impatient(connect, each_database)
        one.execute(add("email", "a").encode())
        other.execute(add("mail", "b").encode())
        one.execute(add("email", "b").encode())
        other.execute(add("mail", "a").encode())


KINDS = {
    "text": (USERS, "k", "k"),
    "citext": (f"CREATE EXTENSION citext; {USERS.replace('text', 'citext')}", "Key", "kEY"),
    "citext-elsewhere": (
        "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; SET search_path = public, ext;"
        + USERS.replace("text", "citext"),
        "Key",
        "kEY",
    ),
    "numeric": (USERS.replace("text", "numeric"), "1.0", "1.00"),
    "enum": (f"CREATE TYPE mood AS ENUM ('sad'); {USERS.replace('text', 'mood')}", "sad", "sad"),
    "domain": (f"CREATE DOMAIN word AS text; {USERS.replace('text', 'word')}", "k", "k"),
    "timestamptz": (USERS.replace("text", "timestamptz"), "2024-01-01 00:00+00", "2024-01-01 02:00+02"),
}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_key_is_waited_for_and_then_found(
    kind: str, phase: Phase, each_database: str, client: Callable[[], Client], connect: Connect
) -> None:
    before, key, equal = KINDS[kind]
    with through(phase, before, each_database):
        first, second = client(), client()
        second.own.execute("SET timezone = 'Asia/Tokyo'")
        c = connect(each_database)
        old, new = columns(phase)
        first.own.execute(f"BEGIN; {upsert(old, key)}".encode())
        second.start(upsert(new, equal))
        assert eventually(lambda: c.execute(BLOCKED, (second.own.info.backend_pid,)).fetchone() == (True,))
        first.own.execute("COMMIT")
        assert second.end() == []
        assert c.execute("SELECT count(*), sum(hits) FROM users").fetchone() == (1, 1)


INDEXES = {
    "expression": ("CREATE UNIQUE INDEX ON users (lower(email))", "(lower({}))", "A", "a"),
    "partial": ("CREATE UNIQUE INDEX ON users (email) WHERE email <> 'free'", "({0}) WHERE {0} <> 'free'", "a", "a"),
    "several": ("CREATE UNIQUE INDEX ON users (hits, email DESC)", "(hits, {})", "a", "a"),
}


@pytest.mark.parametrize("kind", INDEXES)
def test_turns_are_taken_by_what_the_index_holds(
    kind: str, each_database: str, client: Callable[[], Client], connect: Connect
) -> None:
    index, target, key, equal = INDEXES[kind]
    with through(Phase.MIGRATE, f"{USERS.replace(' UNIQUE', '')} {index};", each_database):
        c, first, second = connect(each_database), client(), client()

        def insert(column: str, value: str) -> str:
            return f"INSERT INTO users ({column}) VALUES ('{value}') ON CONFLICT {target.format(column)} DO NOTHING"

        first.own.execute(f"BEGIN; {insert('email', key)}; {insert('email', 'free')}".encode())
        second.start(insert("mail", equal))
        assert eventually(lambda: c.execute(BLOCKED, (second.own.info.backend_pid,)).fetchone() == (True,))
        if kind == "partial":
            impatient(connect, each_database).execute(insert("mail", "free").encode())
        first.own.execute("COMMIT")
        assert second.end() == []
        impatient(connect, each_database).execute(insert("email", key).encode())


@pytest.mark.parametrize("phase", PHASES)
def test_those_who_wait_for_a_delete_do_not_meet(
    phase: Phase, each_database: str, client: Callable[[], Client], connect: Connect
) -> None:
    with through(phase, USERS, each_database):
        c, deleter, clients = connect(each_database), client(), [client() for _ in range(4)]
        for turn in range(15):
            c.execute(upsert("mail", "k").encode())
            deleter.own.execute("BEGIN; DELETE FROM users")
            for at, one in enumerate(clients):
                one.start(upsert(columns(phase)[at % 2], "k"))
            pids = [one.own.info.backend_pid for one in clients]
            assert eventually(lambda p=pids: all(c.execute(BLOCKED, (pid,)).fetchone() == (True,) for pid in p))
            deleter.own.execute("COMMIT")
            assert [one.end() for one in clients] == [[]] * len(clients), turn
            assert c.execute("SELECT sum(hits) FROM users").fetchone() == (len(clients) - 1,)
            c.execute("DELETE FROM users")


def test_a_delete_that_is_taken_back_leaves_nobody_waiting(
    each_database: str, client: Callable[[], Client], connect: Connect
) -> None:
    with through(Phase.MIGRATE, USERS + ROWS, each_database):
        c, deleter, waiting = connect(each_database), client(), client()
        deleter.own.execute("BEGIN; DELETE FROM users")
        waiting.own.execute("BEGIN")
        waiting.start(add("email", "a"))
        assert eventually(lambda: c.execute(BLOCKED, (waiting.own.info.backend_pid,)).fetchone() == (True,))
        deleter.own.execute("ROLLBACK")
        assert waiting.end() == []
        impatient(connect, each_database).execute(add("mail", "a").encode())
        c.execute("SET lock_timeout = '500ms'; DELETE FROM users")  # no row stays locked by a look at it


def test_an_app_that_may_only_insert_needs_nothing_more(each_database: str, connect: Connect) -> None:
    with through(Phase.MIGRATE, USERS + ROWS, each_database) as it:
        it.owner.execute("CREATE ROLE writer_only LOGIN")
        try:
            it.owner.execute(
                "GRANT INSERT ON users TO writer_only; GRANT USAGE ON SEQUENCE users_id_seq TO writer_only"
            )
            c = connect(each_database)
            c.execute("SET ROLE writer_only; SET search_path = ''")
            c.execute("INSERT INTO public.users (email) VALUES ('c'), ('d')")
            c.execute("INSERT INTO public.users (mail) VALUES ('c') ON CONFLICT DO NOTHING")
            c.execute("RESET ROLE")
        finally:
            it.owner.execute("DROP OWNED BY writer_only; DROP ROLE writer_only")


def test_a_table_that_another_migration_renames_is_still_written(each_database: str, connect: Connect) -> None:
    with through(Phase.MIGRATE, USERS + ROWS, each_database) as it:
        it.owner.execute("ALTER TABLE users RENAME TO people")
        it.owner.execute("CREATE VIEW users AS SELECT 1 / (random() * 0) AS email")  # must never be looked into
        it.owner.execute("INSERT INTO people (email) VALUES ('c')")


def test_the_bound_of_a_transaction_is_that_of_the_server(each_database: str, connect: Connect) -> None:
    with through(Phase.MIGRATE, USERS + ROWS, each_database):
        c = connect(each_database)
        c.execute("BEGIN; INSERT INTO users (email) SELECT 'k' || g FROM generate_series(1, 500) g")
        taken = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert (
            c.execute(taken).fetchone()
            == c.execute("SELECT current_setting('max_locks_per_transaction')::int").fetchone()
        )


UNGUARDED = {
    "own function": "CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';"
    " CREATE UNIQUE INDEX odd ON users (f(email));",
    "own operator": "CREATE FUNCTION f(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 = $2';"
    " CREATE OPERATOR <=> (FUNCTION = f, LEFTARG = text, RIGHTARG = text);"
    " CREATE UNIQUE INDEX odd ON users ((email <=> 'a'));",
    "own predicate": "CREATE FUNCTION g(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';"
    " CREATE UNIQUE INDEX odd ON users (email) WHERE g(email);",
    "collation": 'CREATE UNIQUE INDEX odd ON users (email COLLATE "C");',
    "type without a hash": "ALTER TABLE users ADD b bit(3); CREATE UNIQUE INDEX odd ON users (b, email);",
}


@pytest.mark.parametrize("kind", UNGUARDED)
def test_what_cannot_be_looked_into_is_told(kind: str, each_database: str, connect: Connect) -> None:
    before = f"{USERS.replace(' UNIQUE', '')} {UNGUARDED[kind]}"
    with through(Phase.MIGRATE, before, each_database) as it:
        assert any("odd rests on what is not built in" in note for note in it.plan.notes), it.plan.notes
        it.owner.execute("INSERT INTO users (email) VALUES ('a')")


def test_a_deferrable_constraint_takes_no_turns(database: str, connect: Connect) -> None:
    c = connect(database)
    c.execute(USERS.replace("UNIQUE", "UNIQUE DEFERRABLE").encode())
    plan = plan_of(case(""), read_schema(c))
    assert "ms_turn" not in str(plan)
    assert not any("ON CONFLICT" in note for note in plan.notes)


def test_citext_is_looked_for_where_the_plan_expects_it(database: str) -> None:
    text = f"CREATE EXTENSION citext; {USERS.replace('text', 'citext')}"
    plan = plan_of(case(""), fold(Schema(), parse_script(Source("files.sql", text))))
    with life(case(KINDS["citext-elsewhere"][0]), database) as it:
        it.plan = plan
        with pytest.raises(Refusal, match="another schema"):
            next(it.forward(1))
