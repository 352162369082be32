from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, alike, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text UNIQUE, email text);
INSERT INTO users (name, email) SELECT 'user ' || g, g FROM generate_series(1, 100) g;
CREATE INDEX by_name ON users (name, (lower(email))) WITH (fillfactor = 80);
CREATE INDEX plain ON users (email);
"""
WRITE = ("INSERT INTO users (email) VALUES (%(n)s::text || '@') RETURNING id, email",)
SEEN = "SELECT id, email FROM users"
case = alike(BEFORE, WRITE, SEEN)

CASES = (
    case("plain", 'ALTER INDEX by_name RENAME TO "By Name"; ALTER TABLE plain RENAME TO p;', "expand"),
    case("constraint", "ALTER INDEX users_name_key RENAME TO one_name;", "contract"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)
