from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE EXTENSION pg_trgm;
"""
WRITE = ("INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
SEEN = "SELECT id, name FROM users"
CHANGES = "CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE EXTENSION IF NOT EXISTS hstore; DROP EXTENSION pg_trgm;"
CASE = Case("changes", BEFORE, CHANGES, WRITE, WRITE, SEEN, SEEN, expected_phases=("expand", "purge"))


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("ALTER EXTENSION pg_trgm UPDATE", "only its author knows"),
        ("DROP EXTENSION pg_trgm CASCADE", "CASCADE drops"),
    ],
)
def test_what_cannot_be_taken_back_is_refused(change: str, reason: str, database: str) -> None:
    with pytest.raises(Refused, match=reason), life(Case("refused", BEFORE, change, (), ()), database):
        pass
