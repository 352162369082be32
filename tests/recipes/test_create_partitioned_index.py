from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, Refusal, alike, life, live

BEFORE = """
CREATE TABLE events (id bigserial, at int, name text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100);
CREATE TABLE "events 2" PARTITION OF events FOR VALUES FROM (100) TO (200) PARTITION BY LIST (at);
CREATE TABLE events_2a PARTITION OF "events 2" FOR VALUES IN (100, 101);
CREATE TABLE events_2b PARTITION OF "events 2" DEFAULT;
INSERT INTO events (at, name) SELECT g, 'n' || g FROM generate_series(1, 150) g;
"""
WRITE = (
    "INSERT INTO events (at, name) VALUES (%(n)s %% 200, 'n' || %(n)s::text) RETURNING id, at",
    "SELECT id FROM events WHERE at = 100",
)
SEEN = "SELECT id, at FROM events"
case = alike(BEFORE, WRITE, SEEN)

CASES = (
    case("plain", "CREATE INDEX ON events (at, lower(name)) WHERE id > 3;", "expand"),
    case("unique", "CREATE UNIQUE INDEX ON events (id DESC, at) INCLUDE (name);", "contract"),
    case("alone", "CREATE INDEX i ON ONLY events (name);", "expand"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_duplicates_stop_a_unique_index_before_anything_is_built(database: str) -> None:
    with life(CASES[1], database) as it:
        it.owner.execute("INSERT INTO events (id, at) VALUES (1, 1)")
        with pytest.raises(Refusal, match="several rows with the same id, at"):
            list(it.forward(len(it.plan.steps)))
        assert it.position == 0


def test_an_index_that_would_be_taken_in_is_named(database: str) -> None:
    held = BEFORE + "CREATE INDEX held ON events_1 (name);"
    wanted = Case("held", held, "CREATE INDEX ON events (name)", (), ())
    with pytest.raises(Refused, match=r"index held of partition public\.events_1"), life(wanted, database):
        pass
