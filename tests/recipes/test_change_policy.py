from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, alike, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text, org int DEFAULT 1);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE TABLE open (id int);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY "All" ON users USING (true) WITH CHECK (org < 9);
COMMENT ON POLICY "All" ON users IS 'it''s open';
CREATE POLICY tight ON users AS RESTRICTIVE FOR UPDATE TO CURRENT_USER USING (org = (SELECT 1));
"""
WRITE = ("INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
SEEN = "SELECT id, name FROM users"
case = alike(BEFORE, WRITE, SEEN)

CASES = (
    case(
        "made",
        "CREATE POLICY few ON users FOR SELECT TO PUBLIC USING (id < 5 AND name <> 'x');"
        "CREATE POLICY less ON users AS RESTRICTIVE USING (id > 0);",
        "expand",
        "contract",
    ),
    case(
        "changed",
        'ALTER POLICY "All" ON users USING (org < 7) WITH CHECK (org < 8); ALTER POLICY tight ON users RENAME TO t;'
        "ALTER TABLE users FORCE ROW LEVEL SECURITY; ALTER TABLE open DISABLE ROW LEVEL SECURITY;",
        "expand",
        "contract",
    ),
    case(
        "dropped",
        'DROP POLICY tight ON users; DROP POLICY "All" ON users; ALTER TABLE users DISABLE ROW LEVEL SECURITY;'
        "\n-- migrate-safe: old-app-keeps it works as the owner\nALTER TABLE open ENABLE ROW LEVEL SECURITY;",
        "expand",
        "migrate",
        "contract",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)
