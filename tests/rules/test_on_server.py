"""Examples on a real server: what a rule advises runs, and what it calls good or bad is SQL that runs as well."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from migrate_safe.model.source import Source
from migrate_safe.model.statement import Direction, PsqlCommand, Wrapping
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.rule import Example, Rule
from migrate_safe.sql.parse import parse_script

RULES = load_rules()
ABOUT_WHAT_FAILS = {
    "concurrent-index-on-partitioned",
    "syntax-error",
    "unknown-statement",
    "statement-fails",
    "concurrently-in-transaction",
}

CLEAN = """
DO $$ DECLARE found text; BEGIN
  FOR found IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', found);
  END LOOP;
  FOR found IN SELECT pubname FROM pg_publication LOOP
    EXECUTE format('DROP PUBLICATION %I', found);
  END LOOP;
  CREATE SCHEMA public;
END $$
"""

Session = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def session(database: str, connect) -> Session:
    return connect(database)


def run(session: Session, sql: str, wrapping: Wrapping = Wrapping.STATEMENT) -> None:
    """Send a file as its runner would, its way forward only."""
    script = parse_script(Source("example.sql", sql), wrapping=wrapping)
    texts = [s.text for s in script.statements if s.direction is Direction.UP and not isinstance(s.action, PsqlCommand)]
    wrapped = wrapping is Wrapping.FILE
    for text in ["BEGIN", *texts, "COMMIT"] if wrapped else texts:
        session.execute(text)  # type: ignore[call-overload]


def prepare(session: Session, example: Example) -> None:
    session.execute("ROLLBACK")
    session.execute(CLEAN)
    run(session, example.given)
    run(session, example.unseen)


@pytest.mark.parametrize("rule", [r for r in RULES if any(e.safe for e in r.examples)], ids=lambda rule: rule.id)
def test_what_to_write_instead_runs(session: Session, rule: Rule):
    run_advice(session, rule, major=18)


def test_what_to_write_instead_runs_on_every_major(each_server, each_database, connect):
    session = connect(each_database)
    for rule in RULES:
        run_advice(session, rule, major=each_server.version)


def run_advice(session: Session, rule: Rule, *, major: int) -> None:
    for example in rule.examples:
        if example.safe and (example.postgres or 14) <= major:
            prepare(session, example)
            in_place = Wrapping.FILE if "SET LOCAL" in example.safe else Wrapping.STATEMENT
            run(session, _with_what_comes_before(rule, example), in_place)


@pytest.mark.parametrize("rule", [r for r in RULES if r.id not in ABOUT_WHAT_FAILS], ids=lambda rule: rule.id)
def test_examples_run(session: Session, rule: Rule):
    for example in rule.examples:
        prepare(session, example)
        run(session, example.sql, example.wrapping)


def _with_what_comes_before(rule: Rule, example: Example) -> str:
    """Advice to validate later needs the constraint, which the example adds first."""
    if rule.id != "validate-while-locked" or "ADD CONSTRAINT" not in example.sql:
        return example.safe
    added = "ALTER TABLE users ADD CONSTRAINT age_positive CHECK (age > 0) NOT VALID;"
    return f"BEGIN; {added} {example.safe}" if example.safe.startswith("COMMIT") else f"{added} {example.safe}"


@pytest.mark.parametrize("name", ["attach-partition-scan", "partition-beside-default"])
def test_the_checks_that_are_advised_spare_the_server_the_look(each_database: str, connect, name: str):
    session, told = connect(each_database), []
    session.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    rule = next(r for r in RULES if r.id == name)
    for example in (e for e in rule.examples if e.safe):
        prepare(session, example)
        session.execute("SET client_min_messages = debug1")
        told.clear()
        run(session, example.safe)
        session.execute("RESET client_min_messages")
        implied = [text for text in told if "implied by existing constraints" in text]
        assert len(implied) == example.safe.count(" VALIDATE CONSTRAINT "), told


def test_numbers_come_once_where_an_identity_goes_on_from_another_sequence(session: Session):
    example = next(e for r in RULES if r.id == "add-identity-column" for e in r.examples if "START WITH" in e.sql)
    prepare(session, example)
    session.execute("INSERT INTO users SELECT generate_series(1, 5)")
    before, _, after = example.safe.partition("-- now fill old rows")
    run(session, before)
    session.execute("INSERT INTO users (id) VALUES (6)")
    session.execute("UPDATE users SET number = nextval('users_number_numbers') WHERE number IS NULL")
    run(session, after.partition("\n")[2])
    session.execute("INSERT INTO users (id) VALUES (7), (8)")
    numbers = [n for (n,) in session.execute("SELECT number FROM users ORDER BY number").fetchall()]
    assert numbers == [1000, 1005, 1010, 1015, 1020, 1025, 1035, 1040]


def test_a_lock_timeout_cuts_a_concurrent_build_off(each_server, each_database, connect):
    builder, writer = connect(each_database), connect(each_database)
    builder.execute("CREATE TABLE users (id bigint)")
    with writer.transaction():
        writer.execute("INSERT INTO users VALUES (1)")
        builder.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            builder.execute("CREATE INDEX CONCURRENTLY users_id_idx ON users (id)")
    (valid,) = builder.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_id_idx'::regclass").fetchone()
    assert valid is False
