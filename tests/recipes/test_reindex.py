from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, alike, life, live
from tests.recipes.test_rename_index import BEFORE, SEEN, WRITE

MARKED = """
CREATE UNIQUE INDEX u ON users (email COLLATE "C" DESC); COMMENT ON INDEX by_name IS 'x';
ALTER INDEX by_name ALTER COLUMN 2 SET STATISTICS 500;
CREATE INDEX tuned ON users USING brin (name, id int8_minmax_multi_ops (values_per_range = 16));
"""
REBUILT = "REINDEX INDEX CONCURRENTLY by_name; REINDEX INDEX u; REINDEX INDEX tuned;"
CASE = alike(BEFORE + MARKED, WRITE, SEEN)("rebuilt", REBUILT, "expand", "purge")


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


@pytest.mark.parametrize(
    ("what", "reason"),
    [("INDEX users_pkey", "of constraint users_pkey"), ("TABLE users", "is upkeep"), ("INDEX plain", "CLUSTER ON")],
)
def test_what_cannot_change_places_is_refused(what: str, reason: str, database: str) -> None:
    clustered = BEFORE + "ALTER TABLE users CLUSTER ON plain;"
    with pytest.raises(Refused, match=reason), life(Case("refused", clustered, f"REINDEX {what}", (), ()), database):
        pass
