from __future__ import annotations

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Phase
from tests.conftest import Connect
from tests.recipes.lifecycle import Case, life, live, plan_of

BEFORE = """
CREATE SCHEMA "New Place";
CREATE TABLE orgs (id int PRIMARY KEY);
CREATE TABLE users (id bigserial PRIMARY KEY, "Name" text NOT NULL DEFAULT 'x', email text UNIQUE,
    org int REFERENCES orgs, low text GENERATED ALWAYS AS (lower(email)) STORED);
CREATE TABLE notes (id int, by_user bigint REFERENCES users);
CREATE VIEW named AS SELECT id, "Name" FROM users;
CREATE MATERIALIZED VIEW kept AS SELECT id FROM users;
GRANT SELECT, INSERT ON users TO PUBLIC;
GRANT UPDATE (email) ON users TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO PUBLIC;
INSERT INTO users (email) SELECT 'user ' || g FROM generate_series(1, 50) g;
"""


def app(table: str, view: str) -> tuple[str, ...]:
    return (
        f"INSERT INTO {table} (email) VALUES ('e' || %(n)s::text) RETURNING id, email",
        f"UPDATE {table} SET email = email || '!' WHERE id = 7 RETURNING id, email",
        f"SELECT * FROM {table} WHERE id = 3",
        f"INSERT INTO {table} (id, email) VALUES (3, 'x') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email",
        f"DELETE FROM {table} WHERE email = 'e' || (%(n)s - 9)::text AND id < 0",
        f"UPDATE {view} SET \"Name\" = 'y' WHERE id = 4",
    )


def seen(table: str) -> str:
    return f"SELECT id, email FROM {table}"


def case(name: str, migration: str, table: str, view: str = "named") -> Case:
    old = app("users", "named")
    phases = ("expand", "contract")
    return Case(name, BEFORE, migration, old, app(table, view), seen("users"), seen(table), expected_phases=phases)


CASES = (
    case(
        "names",
        'ALTER TABLE users RENAME TO accounts; ALTER VIEW named RENAME TO "Names"; ALTER MATERIALIZED VIEW kept'
        " RENAME TO stored",
        "accounts",
        '"Names"',
    ),
    case(
        "stand-in",
        "ALTER TABLE users RENAME TO accounts; CREATE VIEW users AS SELECT id, email FROM accounts; "
        "COMMENT ON VIEW users IS 'for reports'",
        "accounts",
    ),
    case("schema", 'ALTER TABLE users SET SCHEMA "New Place"', '"New Place".users'),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


KEYED = "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE w (id int PRIMARY KEY, t int REFERENCES t);"
FILLED = "INSERT INTO t SELECT g FROM generate_series(1, 9) g; INSERT INTO w SELECT g, g FROM generate_series(1, 9) g;"


@pytest.mark.parametrize(
    ("change", "phases"),
    [
        ("RENAME COLUMN t TO u", ("expand", "migrate", "contract", "purge")),
        ("ALTER COLUMN t TYPE bigint", ("expand", "migrate", "contract", "purge")),
        ("DROP CONSTRAINT w_t_fkey", ("expand", "contract")),
        ("ADD FOREIGN KEY (id) REFERENCES u", ("expand", "contract")),
    ],
)
def test_a_table_that_refers_to_it_is_changed_before_or_after_it(
    change: str, phases: tuple[str, ...], server: ScratchServer, database: str
) -> None:
    migration = f"ALTER TABLE t RENAME TO u; ALTER TABLE w {change}"
    live(Case("keyed", f"{KEYED}{FILLED}", migration, (), (), expected_phases=phases), server, database)


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE t RENAME TO u; CREATE TABLE o (x int REFERENCES u)",
        "ALTER TABLE t RENAME TO u; CREATE VIEW o AS SELECT id FROM u",
        "ALTER TABLE w ADD FOREIGN KEY (id) REFERENCES t; ALTER TABLE t RENAME TO u",
    ],
)
def test_what_needs_the_table_under_its_new_name_before_contract_is_told_so(migration: str, database: str) -> None:
    told = r"(?s)until contract public\.t keeps its name.*give public\.t its other name in a migration of its own"
    with pytest.raises(Refused, match=told), life(Case("keyed", KEYED, migration, (), ()), database):
        pass


@pytest.mark.parametrize("case", CASES, ids=str)
def test_contract_can_be_done_again_after_it_was_taken_back(case: Case, database: str, connect: Connect) -> None:
    owner, target, through = connect(database), Target(database), Wish(Phase.CONTRACT)
    owner.execute(case.before)
    plan = plan_of(case, read_schema(owner))
    assert apply(plan, target, through).after.closed
    for _ in range(2):
        assert rollback(plan.name, target).stage == "expand"
        assert status(target).plans[0].drift == ()
        assert apply(plan.name, target, through).after.closed
    rollback(plan.name, target)
    owner.execute("CREATE VIEW guest AS SELECT id FROM users")
    with pytest.raises(Refused, match=r"\+ view public\.guest on public\.users"):
        apply(plan.name, target, through)


RIGHTS = """
SELECT array_agg(DISTINCT a.privilege_type ORDER BY a.privilege_type) FROM pg_class c, aclexplode(c.relacl) a
WHERE c.oid = %s::regclass AND a.grantee = 0
"""


def test_the_view_has_the_grants_of_the_table_and_its_policies(database: str) -> None:
    secured = (
        BEFORE.replace("GRANT UPDATE (email) ON users TO PUBLIC;", "")
        + """
        ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON users USING (id < 5);
        CREATE ROLE reader_of_users;
    """
    )
    with life(Case("secured", secured, "ALTER TABLE users RENAME TO accounts", (), ()), database) as it:
        try:
            list(it.forward(1))
            given = [it.owner.execute(RIGHTS, [name]).fetchone() for name in ("users", "accounts")]
            assert given == [(["INSERT", "SELECT"],)] * 2
            it.owner.execute("SET ROLE reader_of_users")
            assert it.owner.execute("SELECT count(*) FROM accounts").fetchone() == (4,)
        finally:
            it.owner.execute("RESET ROLE; DROP ROLE reader_of_users")


REFUSED = {
    "CREATE PUBLICATION p FOR TABLE users": "publication p has it",
    "CREATE PUBLICATION p FOR ALL TABLES": "publication p has it",
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY": "both policies and grants on columns",
}


@pytest.mark.parametrize("more", REFUSED)
def test_what_cannot_live_with_a_view_is_named(more: str, database: str) -> None:
    wanted = Case("refused", f"{BEFORE}{more};", "ALTER TABLE users RENAME TO accounts", (), ())
    with pytest.raises(Refused, match=REFUSED[more]), life(wanted, database):
        pass


@pytest.mark.parametrize(
    ("migration", "reason"),
    [
        ("ALTER TABLE users RENAME TO a; ALTER TABLE a ADD x int", "changed by another statement"),
        ("CREATE INDEX ON users (email); ALTER TABLE users RENAME TO a;", "changed by another statement"),
        ("ALTER SEQUENCE users_id_seq RENAME TO s", "no object can stand in for it"),
    ],
)
def test_what_cannot_be_had_under_two_names_is_refused(migration: str, reason: str, database: str) -> None:
    with pytest.raises(Refused, match=reason), life(Case("refused", BEFORE, migration, (), ()), database):
        pass
