from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, alike, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text UNIQUE NOT NULL, note text) WITH (fillfactor = 90);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
ALTER TABLE users CLUSTER ON users_pkey; ALTER TABLE users ALTER note SET STATISTICS 50;
ALTER TABLE users ALTER note SET (n_distinct = 5);
"""
WRITE = ("INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
SEEN = "SELECT id, name FROM users"
CHANGES = """
ALTER TABLE users SET (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off);
ALTER TABLE users REPLICA IDENTITY USING INDEX users_name_key; ALTER TABLE users CLUSTER ON users_name_key;
"""
BACK = """
ALTER TABLE users RESET (fillfactor); ALTER TABLE users SET WITHOUT CLUSTER; ALTER TABLE users REPLICA IDENTITY FULL;
"""
case = alike(BEFORE, WRITE, SEEN)
CASES = (case("set", CHANGES, "expand"), case("reset", BACK, "expand"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("SET UNLOGGED", "SET UNLOGGED writes all rows"),
        ("SET TABLESPACE pg_default", "SET TABLESPACE writes all rows"),
        ("REPLICA IDENTITY NOTHING", "publication p has public.users"),
    ],
)
def test_what_costs_or_breaks_is_refused(change: str, reason: str, database: str) -> None:
    published = BEFORE + ("CREATE PUBLICATION p FOR TABLE users;" if "REPLICA" in change else "")
    with (
        pytest.raises(Refused, match=reason),
        life(Case("no", published, f"ALTER TABLE users {change}", (), ()), database),
    ):
        pass
