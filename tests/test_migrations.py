"""Ordinary migrations of a filled shop, planned from the files before them, through the whole life of a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.plan import PlanRequest, plan
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.model.plan import Phase
from tests.conftest import Connect
from tests.recipes.lifecycle import assert_same
from tests.support.pg import PgTools

SHOP = """
CREATE SCHEMA app;
CREATE SCHEMA "Sales";
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE TABLE orgs (id int PRIMARY KEY, name text NOT NULL, plan varchar(20) DEFAULT 'free');
CREATE TABLE users (
  id bigserial PRIMARY KEY, org_id int REFERENCES orgs (id), email varchar(200) NOT NULL UNIQUE, full_name text,
  age int CHECK (age BETWEEN 0 AND 200), state mood DEFAULT 'ok', settings jsonb NOT NULL DEFAULT '{"b":1, "a": 2}',
  ttl interval DEFAULT '90 minutes', created_at timestamptz NOT NULL DEFAULT now(), is_admin boolean DEFAULT 'f');
CREATE INDEX users_lower ON users (lower(email));
CREATE INDEX users_recent ON users (created_at) WHERE is_admin = 'f';
COMMENT ON COLUMN users.full_name IS 'as on the passport';
CREATE TABLE app.events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL,
  kind text NOT NULL);
CREATE TABLE "Sales"."Order" ("Id" int PRIMARY KEY, "User Id" bigint, "Total €" numeric NOT NULL DEFAULT 0);
CREATE TABLE logs (id bigint, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2026-01-01');
INSERT INTO orgs SELECT g, 'o' || g FROM generate_series(1, 5) g;
INSERT INTO users (org_id, email, full_name, age, created_at)
  SELECT g % 5 + 1, 'e' || g, 'n' || g, g, '2024-01-01' FROM generate_series(1, 50) g;
INSERT INTO app.events (user_id, kind) SELECT g, 'k' FROM generate_series(1, 50) g;
INSERT INTO "Sales"."Order" ("Id", "User Id") SELECT g, g FROM generate_series(1, 30) g;
INSERT INTO logs SELECT g, date '2024-06-01' + g FROM generate_series(1, 40) g;
"""
TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'app', 'Sales')
"""
MIGRATIONS = {
    "columns": """
        ALTER TABLE users ADD COLUMN verified boolean NOT NULL DEFAULT 'no',
            ADD COLUMN zip text CHECK (length(zip) < 12);
        ALTER TABLE logs ADD COLUMN level int DEFAULT 1;
        COMMENT ON COLUMN users.zip IS 'where they live';
    """,
    "enforce": """
        ALTER TABLE users ALTER COLUMN full_name SET NOT NULL, ADD CONSTRAINT age_ok CHECK (age IN (1, 2) OR age > 2);
        ALTER TABLE app.events ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
        ALTER TABLE orgs ADD CONSTRAINT one_name UNIQUE (name);
    """,
    "indexes": """
        CREATE INDEX ON users (org_id, created_at DESC NULLS LAST) INCLUDE (email);
        CREATE UNIQUE INDEX one_admin ON users (org_id, age) WHERE is_admin;
        CREATE UNIQUE INDEX one_name ON users (lower(full_name));
        CREATE INDEX "Order by Total" ON "Sales"."Order" ("Total €" DESC);
    """,
    "renames": """
        ALTER TABLE users RENAME COLUMN full_name TO name;
        ALTER TABLE users RENAME created_at TO born_at;
        ALTER TABLE "Sales"."Order" RENAME COLUMN "User Id" TO "Buyer Id";
    """,
    "drops": """
        ALTER TABLE users DROP COLUMN age, DROP COLUMN org_id;
        ALTER TABLE app.events DROP COLUMN kind;
        ALTER TABLE "Sales"."Order" DROP COLUMN "Total €";
    """,
    "all kinds": """
        ALTER TABLE users RENAME email TO mail;
        ALTER TABLE users DROP COLUMN ttl;
        ALTER TABLE users ADD COLUMN nick text DEFAULT 'x' NOT NULL;
        CREATE INDEX ON users (nick);
        ALTER TABLE users ALTER state SET DEFAULT 'bad';
    """,
    "new things": """
        CREATE TYPE tier AS ENUM ('gold', 'silver');
        ALTER TABLE orgs ADD COLUMN tier tier NOT NULL DEFAULT 'silver';
        CREATE TABLE teams (id serial PRIMARY KEY, org_id int NOT NULL REFERENCES orgs (id), UNIQUE (org_id));
        ALTER TABLE users ADD COLUMN team_id int REFERENCES teams (id);
        CREATE INDEX users_team ON users (team_id);
        CREATE VIEW people AS SELECT id, email FROM users;
    """,
    "written to run twice": """
        DROP TABLE IF EXISTS tmp_import;
        CREATE TABLE IF NOT EXISTS orgs (id int);
        ALTER TABLE IF EXISTS users ADD COLUMN IF NOT EXISTS bio text;
        ALTER TABLE users DROP CONSTRAINT IF EXISTS bio_len;
        ALTER TABLE users ADD CONSTRAINT bio_len CHECK (length(bio) < 1000);
    """,
}


@pytest.mark.parametrize("name", MIGRATIONS)
def test_forward_back_forward_and_purged_it_ends_as_the_plain_migration(
    name: str, each_server: ScratchServer, each_database: str, connect: Connect, tmp_path: Path
) -> None:
    tools, here = PgTools.of(each_server), Target(each_database)
    (tmp_path / "1.sql").write_text(SHOP)
    (tmp_path / "2.sql").write_text(MIGRATIONS[name])
    tools.psql(each_database, SHOP)
    start, rows = tools.dump_schema(each_database), rows_of(connect(each_database))
    made = plan(PlanRequest(tmp_path / "2.sql", version=each_server.version))

    for phase in (Phase.EXPAND, Phase.MIGRATE):
        apply(made, here, Wish(phase))
    rollback(made, here, "baseline")
    assert_same(tools.dump_schema(each_database), start)
    assert rows_of(connect(each_database)) == rows

    apply(made, here, Wish(Phase.CONTRACT))
    rollback(made, here)
    apply(made, here, Wish(Phase.CONTRACT))
    purge(made, here, now=True, confirm=made.name)

    plain = each_server.create_database()
    tools.psql(plain, SHOP + MIGRATIONS[name])
    assert_same(tools.dump_schema(each_database), tools.dump_schema(plain))
    assert rows_of(connect(each_database)) == rows_of(connect(plain))


def rows_of(c: Any) -> dict[str, list[str]]:
    """Give the rows of every table, without the order of columns."""
    tables = [t for (t,) in c.execute(TABLES)]
    return {t: sorted(r for (r,) in c.execute(f"SELECT to_jsonb(t)::text FROM {t} t")) for t in tables}
