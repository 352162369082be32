from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, Refusal, life, live

BEFORE = """
CREATE TYPE "Mood" AS ENUM ('sad', 'ok');
CREATE TABLE users (id bigserial PRIMARY KEY, name text, mood "Mood" DEFAULT 'ok', moods "Mood"[]);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
"""
WRITE = ("INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
SEEN = "SELECT id, name FROM users"
ADD = "ALTER TYPE \"Mood\" ADD VALUE 'it''s' AFTER 'sad';"
CASE = Case("value", BEFORE, ADD, WRITE, WRITE, SEEN, SEEN, expected_phases=("expand",), left=ADD)


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


def test_rows_that_hold_the_value_hold_up_the_way_back(database: str) -> None:
    with life(CASE, database) as it:
        list(it.forward(1))
        it.owner.execute("UPDATE users SET moods = '{ok,it''s}' WHERE id = 3")
        with pytest.raises(Refusal, match=r"has rows with 'it''s' in moods.*\(3,\)"):
            list(it.back(0))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("RENAME VALUE 'ok' TO 'fine'", "the old app says 'ok' and the new one 'fine'"),
        ("RENAME TO humour", "a type has one name at a time"),
        ("SET SCHEMA pg_catalog", "one schema at a time|would refuse"),
    ],
)
def test_what_two_versions_cannot_both_have_is_refused(change: str, reason: str, database: str) -> None:
    wanted = Case("refused", BEFORE, f'ALTER TYPE "Mood" {change}', (), ())
    with pytest.raises(Refused, match=reason), life(wanted, database):
        pass
