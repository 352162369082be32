from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, life, live
from tests.recipes.test_rename_index import BEFORE, case

CHANGES = """
ALTER INDEX by_name SET (fillfactor = 70); ALTER INDEX plain SET (fillfactor = 90, deduplicate_items = off);
ALTER INDEX by_name ALTER COLUMN 2 SET STATISTICS 500;
"""
CASE = case("set", CHANGES, "expand")


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("SET TABLESPACE pg_default", "copies the whole index"),
        ("SET (fillfactor = 60, deduplicate_items = off)", "some were not"),
    ],
)
def test_what_cannot_be_taken_back_is_refused(change: str, reason: str, database: str) -> None:
    wanted = Case("refused", BEFORE, f"ALTER INDEX by_name {change}", (), ())
    with pytest.raises(Refused, match=reason), life(wanted, database):
        pass
