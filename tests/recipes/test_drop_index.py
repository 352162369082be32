from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, Refusal, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text, email text);
INSERT INTO users (name, email) SELECT 'user ' || g, g FROM generate_series(1, 100) g;
CREATE INDEX by_name ON users (name DESC, lower(email)) WHERE id > 7;
CREATE UNIQUE INDEX one_email ON users (email) INCLUDE (name) WITH (fillfactor = 70);
COMMENT ON INDEX one_email IS 'it''s once';
CREATE TABLE events (id int, at int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE INDEX events_at ON events (at);
CREATE MATERIALIZED VIEW names AS SELECT id, name FROM users;
CREATE INDEX names_name ON names (name);
"""
OLD = (
    "INSERT INTO users (name, email) VALUES ('by app', %(n)s::text || '@') RETURNING id, email",
    "SELECT id FROM users WHERE lower(email) = 'x' AND name = 'y' AND id > 7",
    "INSERT INTO users (id, email) VALUES (3, '3') ON CONFLICT (email) DO NOTHING",
)
NEW = OLD[:2]
SEEN = "SELECT id, email FROM users"


def case(name: str, migration: str, phases: tuple[str, ...] = ("contract", "purge")) -> Case:
    return Case(name, BEFORE, migration, OLD, NEW, SEEN, SEEN, expected_phases=phases)


CASES = (
    case("plain", "DROP INDEX by_name, names_name; DROP INDEX IF EXISTS none; DROP INDEX events_at;"),
    case("unique", "DROP INDEX CONCURRENTLY one_email;", ("contract",)),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_duplicates_that_came_meanwhile_hold_up_the_way_back(database: str) -> None:
    with life(CASES[1], database) as it:
        list(it.forward(len(it.plan.steps)))
        it.owner.execute("INSERT INTO users (email) VALUES ('same'), ('same')")
        with pytest.raises(Refusal, match=r"several rows with the same email.*same"):
            list(it.back(0))
        assert it.position == len(it.plan.steps)


@pytest.mark.parametrize(
    ("more", "drop", "reason"),
    [
        ("", "DROP INDEX by_name CASCADE", "CASCADE drops what rests on the index"),
        ("ALTER TABLE users CLUSTER ON one_email;", "DROP INDEX one_email", "one_email for CLUSTER ON"),
        ("CREATE UNIQUE INDEX u ON events (at);", "DROP INDEX u", "would have to be built anew"),
    ],
)
def test_what_cannot_be_taken_back_is_refused(more: str, drop: str, reason: str, database: str) -> None:
    wanted = Case("refused", BEFORE + more, drop, (), ())
    with pytest.raises(Refused, match=reason), life(wanted, database):
        pass
