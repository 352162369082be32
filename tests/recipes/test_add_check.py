from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, Refusal, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, age int, name text);
INSERT INTO users (age) SELECT g FROM generate_series(1, 200) g;
"""
WRITE = ("INSERT INTO users (age) VALUES (1000 + %(n)s) RETURNING id, age",)
SEEN = "SELECT id, age FROM users"


def case(name: str, migration: str, phases: tuple[str, ...] = ("contract",)) -> Case:
    return Case(name, BEFORE, migration, WRITE, WRITE, SEEN, SEEN, expected_phases=phases)


CASES = (
    case("plain", "ALTER TABLE users ADD CHECK (age > 0);"),
    case(
        "named",
        """ALTER TABLE users
           ADD CONSTRAINT "Ok?" CHECK (age > 0 OR name IN ('a', 'b''c') AND age <> 3 - 4) NO INHERIT;""",
    ),
    case("several", "ALTER TABLE users ADD CHECK (age > 0), ADD CHECK (age < 1000000);"),
    case("declared", "-- migrate-safe: old-app-keeps since v3\nALTER TABLE users ADD CHECK (age > 0);", ("migrate",)),
    case("left-unproven", "ALTER TABLE users ADD CONSTRAINT c CHECK (age > 50) NOT VALID;"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_rows_that_break_it_stop_it_with_their_key(each_database: str) -> None:
    with life(CASES[0], each_database) as it:
        it.owner.execute("INSERT INTO users (id, age) VALUES (777, -1)")
        with pytest.raises(Refusal, match="777"):
            list(it.forward(len(it.plan.steps)))
        assert it.position == 0
