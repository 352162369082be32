from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, email text, name text);
INSERT INTO users (email) SELECT g FROM generate_series(1, 200) g;
"""
WRITE = ("INSERT INTO users (email) VALUES ('@' || %(n)s::text) RETURNING id, email",)
SEEN = "SELECT id, email FROM users"


def case(name: str, migration: str, phases: tuple[str, ...] = ("contract",)) -> Case:
    return Case(name, BEFORE, migration, WRITE, WRITE, SEEN, SEEN, expected_phases=phases)


CASES = (
    case("plain", "ALTER TABLE users ADD UNIQUE (email);"),
    case(
        "named", "ALTER TABLE users ADD CONSTRAINT u UNIQUE (email, name) INCLUDE (id) DEFERRABLE INITIALLY DEFERRED;"
    ),
    case("declared", "-- migrate-safe: old-app-keeps since v3\nALTER TABLE users ADD UNIQUE (email);", ("migrate",)),
    case(
        "by-hand",
        """
        CREATE UNIQUE INDEX CONCURRENTLY i ON users (email);
        ALTER TABLE users ADD CONSTRAINT u UNIQUE USING INDEX i;
    """,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)
