"""Backfills of planned migrations change their own columns, whatever triggers of the user do."""

from __future__ import annotations

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.rollback import rollback
from migrate_safe.model.plan import Phase, Plan, PlanSource
from migrate_safe.model.source import Source
from migrate_safe.planner.build import build_plan
from migrate_safe.sql.parse import parse_script
from tests.conftest import Connect
from tests.support.pg import PgTools

TOUCHED = """
ALTER TABLE users ADD touched int DEFAULT 0;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
"""
RENAME = "ALTER TABLE users RENAME COLUMN email TO mail;"
FILLED = "ALTER TABLE users ADD COLUMN tok uuid DEFAULT gen_random_uuid(), ADD COLUMN roll float8 DEFAULT random();"
COUNTS = "SELECT count(*), count(tok), count(roll), max(touched) FROM users"


def planned(dsn: str, connect: Connect, text: str) -> Plan:
    script = parse_script(Source("m.sql", text))
    return build_plan(script, read_schema(connect(dsn)), name="p", source=PlanSource("m.sql", "00"))


def test_a_backfill_of_defaults_keeps_what_a_trigger_would_touch(
    users: str, connect: Connect, pg_tools: PgTools
) -> None:
    c = connect(users)
    c.execute(TOUCHED)
    before = pg_tools.dump_schema(users).text
    assert apply(planned(users, connect, FILLED), Target(users)).after.closed
    assert c.execute(COUNTS).fetchone() == (200, 200, 200, 0)
    assert c.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall() == [("touch",)]
    assert c.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'keep%'").fetchall() == []
    rollback("p", Target(users), "baseline")
    assert pg_tools.dump_schema(users).text == before


def test_backfills_of_one_table_do_not_undo_each_other(users: str, connect: Connect, pg_tools: PgTools) -> None:
    c, target = connect(users), Target(users)
    c.execute(TOUCHED)
    before = pg_tools.dump_schema(users).text
    apply(planned(users, connect, RENAME + FILLED), target)
    assert c.execute(COUNTS).fetchone() == (200, 200, 200, 0)
    assert c.execute("SELECT count(*) FROM users WHERE mail = email").fetchone() == (200,)
    c.execute("UPDATE users SET mail = 'm' WHERE id = 1")
    assert c.execute("SELECT email, touched FROM users WHERE id = 1").fetchone() == ("m", 1)
    rollback("p", target, "baseline")
    assert pg_tools.dump_schema(users).text == before


def test_types_change_and_rows_are_numbered_beside_a_trigger(users: str, connect: Connect, pg_tools: PgTools) -> None:
    c, target = connect(users), Target(users)
    c.execute(TOUCHED + "ALTER TABLE users ADD a text DEFAULT '1', ADD b text DEFAULT '2';")
    c.execute("ALTER TABLE users ALTER a DROP DEFAULT, ALTER b DROP DEFAULT")
    before = pg_tools.dump_schema(users).text
    types = "ALTER TABLE users ALTER a TYPE int USING a::int; ALTER TABLE users ALTER b TYPE int USING b::int;"
    made = planned(users, connect, types + "ALTER TABLE users ADD n serial;")
    apply(made, target, Wish(Phase.CONTRACT))
    sums = "SELECT max(touched), sum(a), sum(b), count(DISTINCT n) FROM users"
    assert c.execute(sums).fetchone() == (0, 200, 400, 200)
    rollback("p", target, "baseline")
    assert pg_tools.dump_schema(users).text == before


def test_what_a_trigger_writes_elsewhere_while_rows_are_filled_stays(users: str, connect: Connect) -> None:
    c = connect(users)
    c.execute(TOUCHED)
    c.execute("""
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.id = 7 AND to_jsonb(NEW) ->> 'mail' IS NOT NULL THEN
                UPDATE users SET note = 'told' WHERE id = 8; END IF;
            RETURN NULL; END $$;
        CREATE TRIGGER tell AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION tell();
    """)
    apply(planned(users, connect, RENAME), Target(users))
    assert c.execute("SELECT note, touched FROM users WHERE id = 8").fetchone() == ("told", 1)
