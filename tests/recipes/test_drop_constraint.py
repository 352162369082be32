from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, Refusal, life, live

BEFORE = """
CREATE TABLE orgs (id int PRIMARY KEY, code text CONSTRAINT one_code UNIQUE);
INSERT INTO orgs SELECT g, 'c' || g FROM generate_series(1, 50) g;
CREATE TABLE users (
    id int PRIMARY KEY, name text NOT NULL, age int CONSTRAINT grown CHECK (age >= 18),
    org int CONSTRAINT works REFERENCES orgs, boss int CONSTRAINT led REFERENCES users ON DELETE SET NULL,
    email text CONSTRAINT once UNIQUE DEFERRABLE, UNIQUE (org, name)
);
COMMENT ON CONSTRAINT grown ON users IS 'by law';
COMMENT ON CONSTRAINT once ON users IS 'who';
COMMENT ON INDEX once IS 'kept';
INSERT INTO users SELECT g, 'user ' || g, 17 + g, g FROM generate_series(1, 50) g;
"""
OLD = (
    "INSERT INTO users VALUES (100 + %(n)s, 'old' || %(n)s::text, 20, 1 + %(n)s %% 50) RETURNING id, name",
    "UPDATE users SET name = 'o' || %(n)s::text WHERE id = 3 RETURNING id, name",
)
SEEN = "SELECT id, name FROM users"


def case(name: str, migration: str, phases: tuple[str, ...], *new: str, before: str = BEFORE) -> Case:
    return Case(name, before, migration, OLD, (*OLD, *new), SEEN, SEEN, expected_phases=phases)


LOOSENED = case(
    "loosened",
    """
    ALTER TABLE users DROP CONSTRAINT grown, DROP CONSTRAINT works;
    ALTER TABLE users ADD CONSTRAINT grown CHECK (age >= 16) NOT VALID;
    """,
    ("expand", "contract"),
    "UPDATE users SET age = 16 + %(n)s WHERE id = 1",
)
KEYS = case(
    "keys",
    """
    ALTER TABLE users DROP CONSTRAINT once, DROP CONSTRAINT IF EXISTS led, DROP CONSTRAINT users_pkey;
    """,
    ("contract",),
)


DOUBLED = case(
    "doubled",
    """
    ALTER TABLE users DROP CONSTRAINT users_org_name_key, ADD CONSTRAINT named UNIQUE (name, org);
    DROP INDEX by_age; CREATE UNIQUE INDEX by_years ON users (age DESC) WHERE age > 70;
    """,
    ("contract",),
    "INSERT INTO users VALUES (200, 'name', 20, 1) ON CONFLICT (org, name) DO UPDATE SET boss = NULL",
    "INSERT INTO users VALUES (201, 'other', 200, 1) ON CONFLICT (age) WHERE age > 70 DO NOTHING",
    before=BEFORE + "CREATE UNIQUE INDEX by_age ON users (age) WHERE age > 70;",
)


@pytest.mark.parametrize("case", (LOOSENED, KEYS, DOUBLED), ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


@pytest.mark.parametrize(
    ("migration", "written", "told"),
    [
        ("DROP CONSTRAINT grown", "UPDATE users SET age = 3 WHERE id = 7", "break CHECK.*7"),
        ("DROP CONSTRAINT works", "UPDATE users SET org = 777 WHERE id = 7", "not in public.orgs.*777"),
        ("DROP CONSTRAINT once", "UPDATE users SET email = 'twice' WHERE id < 3", "same email.*twice"),
    ],
)
def test_the_way_back_shows_the_rows_that_broke_it_meanwhile(
    migration: str, written: str, told: str, database: str
) -> None:
    with life(case("dropped", f"ALTER TABLE users {migration}", ()), database) as it:
        list(it.forward(len(it.plan.steps)))
        it.owner.execute(written.encode())
        with pytest.raises(Refusal, match=told):
            list(it.back(0))
