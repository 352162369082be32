from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, life, live

BEFORE = """
CREATE DOMAIN word AS text DEFAULT 'x' CONSTRAINT given CHECK (value <> '');
CREATE TABLE users (id bigserial PRIMARY KEY, name word);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
"""
WRITE = ("INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
SEEN = "SELECT id, name FROM users"
CHANGES = """
ALTER DOMAIN word SET DEFAULT 'y'; ALTER DOMAIN word RENAME CONSTRAINT given TO filled;
ALTER DOMAIN word ADD CHECK (value <> 'nobody') NOT VALID; ALTER DOMAIN word DROP DEFAULT;
"""
CASE = Case("changes", BEFORE, CHANGES, WRITE, WRITE, SEEN, SEEN, expected_phases=("expand", "contract"))


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("ADD CHECK (value <> 'x')", "reads every table that uses public.word"),
        ("SET NOT NULL", "reads every table"),
        ("DROP CONSTRAINT given", "may keep the constraint of public.word from coming back"),
    ],
)
def test_what_reads_tables_or_cannot_come_back_is_refused(change: str, reason: str, database: str) -> None:
    wanted = Case("refused", BEFORE, f"ALTER DOMAIN word {change}", (), ())
    with pytest.raises(Refused, match=reason), life(wanted, database):
        pass
