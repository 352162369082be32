from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
CREATE TABLE notes (id int, note text);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE PUBLICATION held FOR TABLE users WITH (publish = 'insert');
"""
WRITE = (
    "INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",
    "UPDATE users SET name = 'u' || %(n)s::text WHERE id = 3 RETURNING id, name",
    "UPDATE notes SET note = 'x' WHERE id = 3",
)
SEEN = "SELECT id, name FROM users"
CHANGES = "ALTER PUBLICATION held ADD TABLE notes; CREATE PUBLICATION made FOR TABLE users;"
CASE = Case("changes", BEFORE, CHANGES, WRITE, WRITE, SEEN, SEEN, expected_phases=("expand",))


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("CREATE PUBLICATION p FOR TABLE notes", "public.notes has no primary key and no replica identity"),
        ("CREATE PUBLICATION p FOR ALL TABLES", "public.notes has no primary key"),
        ("ALTER PUBLICATION held SET TABLE notes", "subscribers of held would miss"),
        ("DROP PUBLICATION held", "subscribers of held would miss"),
    ],
)
def test_what_breaks_writers_or_subscribers_is_refused(change: str, reason: str, database: str) -> None:
    with pytest.raises(Refused, match=reason), life(Case("refused", BEFORE, change, (), ()), database):
        pass
