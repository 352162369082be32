from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, Refusal, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text, age int);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE VIEW "Names" (number, "Name") WITH (security_barrier = true) AS SELECT id, name FROM users WHERE id < 9;
CREATE VIEW more AS SELECT id, lower(name) AS low FROM users;
COMMENT ON VIEW more IS 'it''s more'; GRANT SELECT, UPDATE ON more TO PUBLIC; ALTER VIEW more ALTER id SET DEFAULT 7;
CREATE VIEW resting AS SELECT number FROM "Names";
"""
WRITE = (
    "INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",
    'SELECT number, "Name" FROM "Names"',
    "SELECT id, low FROM more",
    "SELECT * FROM resting",
)
SEEN = "SELECT id, name FROM users"
CHANGES = """
CREATE OR REPLACE VIEW "Names" AS SELECT id AS number, upper(name) AS "Name" FROM users;
CREATE OR REPLACE VIEW more AS SELECT id, upper(name) AS low, age FROM users WHERE id > 3;
CREATE OR REPLACE VIEW fresh AS SELECT 1 AS one;
"""
CASE = Case("changes", BEFORE, CHANGES, WRITE, WRITE, SEEN, SEEN, expected_phases=("expand",))


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


def test_a_view_that_would_have_to_be_dropped_under_others_is_refused(database: str) -> None:
    grown = 'CREATE OR REPLACE VIEW "Names" AS SELECT id AS number, name AS "Name", age FROM users'
    wanted = Case("refused", BEFORE, grown, (), ())
    with (
        pytest.raises(Refused, match=r"dropped on the way back, with view public\.resting"),
        life(wanted, database),
    ):
        pass


@pytest.mark.parametrize(
    ("migration", "said"),
    [
        (
            "CREATE OR REPLACE VIEW more AS SELECT id, lower(name) AS low, age FROM users",
            "GRANT SELECT (low) ON more TO pg_monitor",
        ),
        (
            "DROP VIEW more; CREATE VIEW more AS SELECT lower(name) AS low, id FROM users",
            "COMMENT ON COLUMN more.low IS 'low'",
        ),
    ],
)
def test_rights_and_comments_of_columns_that_the_way_back_would_lose_stop_it(
    migration: str, said: str, database: str
) -> None:
    with life(Case("lost", BEFORE, migration, (), ()), database) as it:
        it.owner.execute(said)
        with pytest.raises(Refusal, match="have rights or comments of their own"):
            list(it.forward(1))
        assert it.position == 0
