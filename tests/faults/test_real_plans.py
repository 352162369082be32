"""A plan as the planner makes it, stopped at many places of its way: it goes on and back like one by hand."""

from __future__ import annotations

from contextlib import suppress

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.executor.drive import Stopped
from migrate_safe.executor.settings import Settings
from migrate_safe.model.plan import Phase, PlanSource
from migrate_safe.model.source import Source
from migrate_safe.planner.build import build_plan
from migrate_safe.sql.parse import parse_script
from tests.conftest import Connect
from tests.support.pg import PgTools

START = """
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL, note text);
CREATE UNIQUE INDEX users_email_key ON users (email);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint, junk int);
INSERT INTO users (email) SELECT 'u' || g FROM generate_series(1, 300) AS g;
INSERT INTO orders (user_id, junk) SELECT g, g FROM generate_series(1, 300) AS g;
"""
NAIVE = """
ALTER TABLE users RENAME COLUMN email TO email_address;
ALTER TABLE orders ALTER COLUMN user_id SET NOT NULL;
ALTER TABLE orders ADD CONSTRAINT orders_user_fk FOREIGN KEY (user_id) REFERENCES users (id);
CREATE INDEX orders_user_id_idx ON orders (user_id);
ALTER TABLE orders DROP COLUMN junk;
"""
ALL, SETTINGS, EVERY = Wish(Phase.CONTRACT), Settings(batch_rows=100, batch_max=100), 9


def test_stopped_at_many_places_it_ends_where_it_should(database: str, connect: Connect, pg_tools: PgTools) -> None:
    c, target = connect(database), Target(database)
    c.execute(START)
    plan = build_plan(
        parse_script(Source("m.sql", NAIVE)), read_schema(c), name="real", source=PlanSource("m.sql", "00")
    )

    def look() -> tuple[str, object]:
        rows = [c.execute(f"SELECT t::text FROM {t} AS t ORDER BY id").fetchall() for t in ("users", "orders")]
        return pg_tools.dump_schema(database).text, rows

    start = look()
    apply(plan, target, ALL, SETTINGS)
    end = look()
    n, stopped = 1, True
    while stopped:
        with suppress(Stopped):
            rollback("real", target, "baseline", SETTINGS, stop_after=n)
        rollback("real", target, "baseline", SETTINGS)
        assert look() == start, f"way back stopped after {n}"
        stopped = False
        try:
            apply(plan, target, ALL, SETTINGS, stop_after=n)
        except Stopped:
            stopped = True
        apply(plan, target, ALL, SETTINGS)
        assert look() == end, f"way forward stopped after {n}"
        n += EVERY
    assert n > 30
    purge("real", target, SETTINGS, now=True, confirm="real")


def test_the_end_is_that_of_the_naive_migration(database: str, connect: Connect, pg_tools: PgTools) -> None:
    c, target = connect(database), Target(database)
    c.execute(START)
    plan = build_plan(
        parse_script(Source("m.sql", NAIVE)), read_schema(c), name="real", source=PlanSource("m.sql", "00")
    )
    apply(plan, target, ALL, SETTINGS)
    purge("real", target, SETTINGS, now=True, confirm="real")
    ours = pg_tools.dump_schema(database).text
    c.execute("DROP TABLE orders, users")
    c.execute(START + NAIVE)
    assert ours == pg_tools.dump_schema(database).text
