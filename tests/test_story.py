"""One whole story by the command line on a real server, and what people do wrong on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate_safe.adapters.release_files import read_release
from tests.support.cli import CommandLine, Ran
from tests.support.queries import broken_queries

BASE = """
CREATE TABLE users (
  id bigserial PRIMARY KEY,
  email text NOT NULL UNIQUE,
  name varchar(40),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE orders (
  id bigserial PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users,
  total numeric(10,2) NOT NULL CHECK (total >= 0)
);
"""
CHANGE = """
ALTER TABLE users RENAME COLUMN email TO email_address;
ALTER TABLE users ALTER COLUMN name SET NOT NULL;
CREATE INDEX orders_user ON orders (user_id);
"""
V41 = """
app: shop
version: v41
queries:
  - SELECT id, email FROM users WHERE id = %s
  - INSERT INTO users (email, name) VALUES (%(email)s, %(name)s) ON CONFLICT (email) DO NOTHING
  - UPDATE users SET email = %s WHERE id = %s
  - INSERT INTO orders (user_id, total) VALUES (%s, %s)
"""
V42 = (
    V41.replace("v41", "v42")
    .replace("SELECT id, email", "SELECT id, email_address")
    .replace("(email, name)", "(email_address, name)")
    .replace("(email) DO", "(email_address) DO")
    .replace("SET email =", "SET email_address =")
)

ROWS = """
INSERT INTO users (email, name) SELECT 'u' || i || '@example.org', 'name ' || i FROM generate_series(1, 3000) AS i;
INSERT INTO orders (user_id, total) SELECT 1 + i % 3000, i % 90 FROM generate_series(1, 5000) AS i;
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name in ("migrations", "releases", "plans"):
        (tmp_path / name).mkdir()
    (tmp_path / "migrations" / "0001_shop.sql").write_text(BASE)
    (tmp_path / "migrations" / "0002_rename.sql").write_text(CHANGE)
    (tmp_path / "releases" / "v41.yaml").write_text(V41)
    (tmp_path / "releases" / "v42.yaml").write_text(V42)
    return tmp_path


@pytest.fixture
def run(shop: Path) -> CommandLine:
    return CommandLine(shop)


@pytest.fixture
def live(database: str, connect) -> str:
    connect(database).execute(BASE + ROWS)
    return database


def emails(connect, dsn: str, column: str) -> dict[int, str]:
    return dict(connect(dsn).execute(f"SELECT id, {column} FROM users").fetchall())


def test_the_whole_story(shop: Path, run: CommandLine, live: str, server, connect, pg_tools):
    v41, v42 = (read_release(shop / "releases" / f"{v}.yaml") for v in ("v41", "v42"))
    at = ("--dsn", live)
    judges = ("--old", "releases/v41.yaml", "--new", "releases/v42.yaml", "--postgres", server.dsn())
    before = pg_tools.dump_schema(live)
    app = connect(live)

    linted = run("lint", "migrations/0002_rename.sql")
    assert linted.code == 1
    assert {"rename-column", "index-not-concurrent", "set-not-null-scan"} <= rules(linted)
    assert run("check", "migrations/0002_rename.sql", *judges).code == 1

    planned = run("plan", "migrations/0002_rename.sql", "-o", "plans/0002.yaml")
    assert planned.code == 0, planned.err
    checked = run("check", "plans/0002.yaml", *judges)
    assert checked.code == 0, checked.out

    assert broken_queries(live, v41) == {}
    expanded = run("apply", "plans/0002.yaml", "--through", "expand", *at)
    assert expanded.code == 0, expanded.err
    assert broken_queries(live, v41) == {}
    assert run("apply", "plans/0002.yaml", "--through", "migrate", *at).code == 0
    assert broken_queries(live, v41) == {}
    assert broken_queries(live, v42) == {}

    app.execute("UPDATE users SET email = 'old@example.org' WHERE id = 1")
    app.execute("UPDATE users SET email_address = 'new@example.org' WHERE id = 2")
    app.execute("INSERT INTO users (email, name) VALUES ('by-old@example.org', 'o')")
    app.execute("INSERT INTO users (email_address, name) VALUES ('by-new@example.org', 'n')")
    assert emails(connect, live, "email") == emails(connect, live, "email_address")

    assert run("apply", "plans/0002.yaml", "--through", "contract", *at).code == 0
    assert broken_queries(live, v42) == {}
    assert len(broken_queries(live, v41)) == 3
    app.execute("UPDATE users SET email_address = 'after@example.org' WHERE id = 3")
    app.execute("INSERT INTO users (email_address, name) VALUES ('late@example.org', 'l')")
    written = emails(connect, live, "email_address")

    back = run("rollback", "0002_rename", *at)
    assert back.code == 0, back.err
    assert broken_queries(live, v41) == {}
    assert broken_queries(live, v42) == {}
    assert emails(connect, live, "email") == written

    assert run("rollback", "0002_rename", "--to", "baseline", *at).code == 0
    assert pg_tools.dump_schema(live).text == before.text
    assert emails(connect, live, "email") == written

    assert run("apply", "plans/0002.yaml", "--through", "contract", *at).code == 0
    refused = run("purge", "0002_rename", *at)
    assert refused.code != 0
    assert "--now" in refused.err
    assert run("purge", "0002_rename", "--now", "--confirm", "0002_rename", *at).code == 0
    assert broken_queries(live, v42) == {}
    assert emails(connect, live, "email_address") == written
    status = json.loads(run("status", "--json", *at).out)
    assert "0002_rename" in json.dumps(status)

    naive = server.create_database()
    connect(naive).execute(BASE + CHANGE)
    assert pg_tools.dump_schema(live).text == pg_tools.dump_schema(naive).text
    server.drop_database(naive)


def test_a_contract_that_fails_half_way_is_taken_back(shop: Path, run: CommandLine, live: str, connect):
    """An analyst's open transaction is in the way of the first blocking lock; both versions work again afterwards."""
    v41, v42 = (read_release(shop / "releases" / f"{v}.yaml") for v in ("v41", "v42"))
    at = ("--dsn", live)
    assert run("plan", "migrations/0002_rename.sql", "-o", "plans/p.yaml").code == 0
    assert run("apply", "plans/p.yaml", *at).code == 0
    analyst = connect(live, autocommit=False)
    analyst.execute("SELECT count(*) FROM users")

    blocked = run("apply", "plans/p.yaml", "--through", "contract", "--give-up-after", "1", *at)
    assert blocked.code == 75, blocked
    assert f"pid {analyst.info.backend_pid}" in blocked.err
    assert "at contract" in run("status", *at).out
    assert broken_queries(live, v41) == broken_queries(live, v42) == {}
    connect(live).execute("UPDATE users SET email_address = 'meanwhile@example.org' WHERE id = 1")

    analyst.rollback()
    back = run("rollback", "plans/p.yaml", *at)
    assert back.code == 0, back.err
    assert "at migrate" in run("status", *at).out
    assert broken_queries(live, v41) == broken_queries(live, v42) == {}
    assert emails(connect, live, "email")[1] == "meanwhile@example.org"
    assert run("apply", "plans/p.yaml", "--through", "contract", *at).code == 0


def rules(linted: Ran) -> set[str]:
    return {line.rpartition(" ")[2] for line in linted.out.splitlines() if ": error: " in line or ": warning: " in line}


# ---- what people do wrong --------------------------------------------------------------------

BAD_FILES = {
    "empty.sql": b"",
    "binary.sql": b"\x7fELF\x02\x01\x00\x00\xff\xfe",
    "latin.sql": "ALTER TABLE users ADD naïve text;".encode("latin-1"),
    "syntax.sql": b"SELECT 1;\nALTER TABEL users ADD x text;\n",
}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("lint", "{bad}/empty.sql"), 0, ""),
        (("lint", "{bad}/binary.sql"), 2, "binary.sql:1"),
        (("lint", "{bad}/latin.sql"), 2, "latin.sql:1"),
        (("lint", "{bad}/syntax.sql"), 1, "syntax.sql:2"),
        (("lint", "{bad}/none.sql"), 2, "none.sql"),
        (("plan", "{bad}/empty.sql"), 2, "empty.sql"),
        (("plan", "{bad}/binary.sql"), 2, "binary.sql:1"),
        (("plan", "{bad}/latin.sql"), 2, "latin.sql:1"),
        (("plan", "{bad}/syntax.sql"), 2, "syntax.sql:2"),
        (("plan", "{bad}/none.sql"), 2, "none.sql"),
        (("explain", "no-such-rule"), 2, "no-such-rule"),
        (("apply", "{bad}/none.yaml", "--dsn", "{dsn}"), 2, "none.yaml"),
        (("apply", "{bad}/binary.sql", "--dsn", "{dsn}"), 2, "binary.sql"),
        (("status", "no-such-plan", "--dsn", "{dsn}"), 0, "nothing here yet"),
        (("rollback", "no-such-plan", "--dsn", "{dsn}"), 2, "no-such-plan"),
        (("purge", "no-such-plan", "--dsn", "{dsn}"), 2, "no-such-plan"),
        (("status", "--dsn", "host=/no/such/folder dbname=x password=secret"), 75, "cannot connect"),
        (("status", "--dsn", "postgresql://u:secret@[bad"), 2, "malformed"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_bad_input_gets_a_message_and_a_code(shop: Path, run: CommandLine, database: str, words, code, message):
    for name, raw in BAD_FILES.items():
        folder = shop / f"bad-{name}"
        folder.mkdir()
        (folder / name).write_bytes(raw)
    given = [w.replace("{dsn}", database) for w in words]
    given = [w.replace("{bad}", f"bad-{w.rpartition('/')[2]}") if "{bad}" in w else w for w in given]
    ran = run(*given)
    assert ran.code == code, ran
    assert message in ran.out + ran.err
    assert "secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("phase: expand", "phase: expend"),
        ("format: migrate-safe/plan/1", "format: migrate-safe/plan/9"),
        ("steps:", "stops:"),
        ("ACCESS EXCLUSIVE", "ACCESS EXTREME"),
        ("ALTER TABLE public.users ADD COLUMN", "ALTER TABEL public.users ADD COLUMN"),
    ],
)
def test_a_plan_edited_to_nonsense_is_refused_before_anything_happens(
    shop: Path, run: CommandLine, live: str, connect, old, new
):
    assert run("plan", "migrations/0002_rename.sql", "-o", "plans/p.yaml").code == 0
    plan = shop / "plans" / "p.yaml"
    assert old in plan.read_text()
    plan.write_text(plan.read_text().replace(old, new, 1))
    ran = run("apply", "plans/p.yaml", "--dsn", live)
    assert ran.code == 2, ran
    assert "p.yaml:" in ran.err
    assert connect(live).execute("SELECT to_regclass('migrate_safe.event')").fetchone() == (None,)


def test_a_plan_for_another_schema_is_refused_and_nothing_is_done(shop, run, database, connect):
    assert run("plan", "migrations/0002_rename.sql", "-o", "plans/p.yaml").code == 0
    missing = run("apply", "plans/p.yaml", "--dsn", database)
    assert missing.code == 77, missing
    assert "public.users" in missing.err
    connect(database).execute(BASE.replace("email text NOT NULL", "email varchar(99)"))
    drifted = run("apply", "plans/p.yaml", "--dsn", database)
    assert drifted.code == 77, drifted
    assert "email" in drifted.err
    columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'email_address'"
    assert connect(database).execute(columns).fetchone() == (0,)


def test_missing_privileges_are_named(shop, run, live, connect, server):
    owner = connect(live)
    role = f"guest_of_{owner.info.dbname}"  # roles are the server's: another test may have a guest too
    owner.execute(f"CREATE ROLE {role} LOGIN")
    try:
        assert run("plan", "migrations/0002_rename.sql", "-o", "plans/p.yaml").code == 0
        ran = run("apply", "plans/p.yaml", "--dsn", f"{live} user={role}")
        assert ran.code == 2, ran
        assert role in ran.err
        assert "next: " in ran.err
    finally:
        owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_ctrl_c_while_waiting_for_a_lock_leaves_a_state_that_status_shows(shop, run, live, connect):
    assert run("plan", "migrations/0002_rename.sql", "-o", "plans/p.yaml").code == 0
    analyst, observer = connect(live, autocommit=False), connect(live)
    analyst.execute("SELECT count(*) FROM users")
    ready = "SELECT to_regclass('migrate_safe.event') IS NOT NULL"

    def opened() -> bool:
        return bool(observer.execute(ready).fetchone()[0]) and bool(
            observer.execute("SELECT count(*) FROM migrate_safe.event").fetchone()[0]
        )

    ran = run.interrupted(opened, "apply", "plans/p.yaml", "--dsn", live)
    assert ran.code == 130, ran
    status = run("status", "--dsn", live)
    assert status.code == 0
    assert "0 of" in status.out
    analyst.rollback()
    assert run("apply", "plans/p.yaml", "--dsn", live).code == 0


def test_ctrl_c_in_a_check_leaves_no_database_behind(shop, run, server, connect):
    observer = connect(server.dsn())
    known = {row[0] for row in observer.execute("SELECT datname FROM pg_database")}
    at_work = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'migrate-safe check'"
    many = "\n".join(f"  - SELECT id, email FROM users WHERE id = {i}" for i in range(400))
    (shop / "releases" / "v41.yaml").write_text(f"app: shop\nversion: v41\nqueries:\n{many}\n")
    ran = run.interrupted(
        lambda: bool(observer.execute(at_work).fetchone()[0]),
        *("check", "migrations/0002_rename.sql", "--old", "releases/v41.yaml", "--postgres", server.dsn()),
    )
    assert ran.code == 130, ran
    assert {row[0] for row in observer.execute("SELECT datname FROM pg_database")} == known
