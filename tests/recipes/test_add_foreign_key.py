from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.plan import Sql
from tests.recipes.lifecycle import Case, Refusal, life, live

BEFORE = """
CREATE TABLE orgs (id int PRIMARY KEY, a int, b int, UNIQUE (a, b));
INSERT INTO orgs SELECT g, g, g FROM generate_series(1, 200) g;
CREATE TABLE users (id bigserial PRIMARY KEY, org int, b int);
INSERT INTO users (org, b) SELECT g, g FROM generate_series(1, 200) g;
"""
WRITE = (
    "INSERT INTO users (org) VALUES (1 + %(n)s %% 200) RETURNING id, org",
    "INSERT INTO orgs VALUES (1000 + %(n)s)",
)
SEEN = "SELECT id, org FROM users"


def case(name: str, migration: str, phases: tuple[str, ...] = ("contract",)) -> Case:
    return Case(name, BEFORE, migration, WRITE, WRITE, SEEN, SEEN, expected_phases=phases)


CASES = (
    case("plain", "ALTER TABLE users ADD FOREIGN KEY (org) REFERENCES orgs;"),
    case(
        "named",
        'ALTER TABLE users ADD CONSTRAINT "Fk" FOREIGN KEY (org, b) REFERENCES orgs (a, b) ON DELETE CASCADE'
        " ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED;",
    ),
    case("full", "ALTER TABLE users ADD FOREIGN KEY (org) REFERENCES orgs MATCH FULL;"),
    case(
        "declared",
        "-- migrate-safe: old-app-keeps since v3\nALTER TABLE users ADD FOREIGN KEY (org) REFERENCES orgs;",
        ("migrate",),
    ),
    case("left-unproven", "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (org) REFERENCES orgs NOT VALID;"),
    case(
        "by-hand",
        """
        ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (org) REFERENCES orgs NOT VALID;
        ALTER TABLE users VALIDATE CONSTRAINT f;
    """,
    ),
    case("to-itself", "ALTER TABLE orgs ADD FOREIGN KEY (b) REFERENCES orgs (id);"),
    case(
        "to-a-new-table",
        """
        CREATE TABLE places (id int PRIMARY KEY); INSERT INTO places SELECT generate_series(1, 200);
        ALTER TABLE users ADD FOREIGN KEY (org) REFERENCES places;
    """,
        ("expand", "contract"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_orphans_stop_it_with_their_key(each_database: str) -> None:
    with life(CASES[0], each_database) as it:
        it.owner.execute("INSERT INTO users (org) VALUES (-77)")
        with pytest.raises(Refusal, match=r"not in public\.orgs.*-77"):
            list(it.forward(len(it.plan.steps)))
        assert it.position == 0


def test_both_tables_are_locked_the_one_that_clients_lock_first_in_front(each_database: str) -> None:
    with life(CASES[0], each_database) as it:
        work = it.plan.steps[0].work
        assert isinstance(work, Sql)
        assert [str(x) for x in work.locks] == [
            "SHARE ROW EXCLUSIVE on public.users",
            "SHARE ROW EXCLUSIVE on public.orgs",
        ]
