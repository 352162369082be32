from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.values import replace
from tests.recipes.lifecycle import Case, Refusal, life, live

BEFORE = """
CREATE TABLE orgs (id int PRIMARY KEY);
INSERT INTO orgs SELECT g FROM generate_series(1, 100) g;
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 200) g;
"""
OLD = (
    "INSERT INTO users (name) VALUES ('old' || %(n)s::text) RETURNING id, name",
    "UPDATE users SET name = 'o' || %(n)s::text WHERE id = 3 RETURNING id, name",
)
SEEN = "SELECT id, name FROM users"
PLAIN = ("expand",)


def case(name: str, migration: str, new: str, phases: tuple[str, ...] = PLAIN, before: str = BEFORE) -> Case:
    return Case(name, before, migration, OLD, (*OLD, new), SEEN, SEEN, expected_phases=phases)


CASES = (
    case("nullable", "ALTER TABLE users ADD COLUMN age int;", "UPDATE users SET age = %(n)s WHERE id = 7"),
    case(
        "constant",
        'ALTER TABLE users ADD state text NOT NULL DEFAULT \'new\', ADD "Odd one" int DEFAULT 7 CHECK ("Odd one" > 0);',
        "UPDATE users SET state = 'x' || %(n)s::text WHERE id = 7",
        ("expand", "migrate"),
    ),
    case(
        "stable",
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS made timestamptz NOT NULL DEFAULT now();",
        "UPDATE users SET made = now() WHERE id = %(n)s",
    ),
    case(
        "domain",
        "ALTER TABLE users ADD COLUMN kind kind, ADD COLUMN top top DEFAULT NULL;",
        "UPDATE users SET kind = kind, top = NULL WHERE id = %(n)s",
        before="CREATE DOMAIN kind AS text DEFAULT 'plain'; CREATE DOMAIN top AS kind;" + BEFORE,
    ),
    case(
        "volatile",
        "ALTER TABLE users ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT one UNIQUE;",
        "INSERT INTO users (name, token) VALUES ('n', gen_random_uuid()) RETURNING id, name",
        ("expand", "migrate"),
    ),
    case(
        "sequence",
        "CREATE SEQUENCE numbers; ALTER TABLE users ADD COLUMN number bigint DEFAULT nextval('numbers');",
        "INSERT INTO users (name, number) VALUES ('n', -%(n)s) RETURNING id, name",
        ("expand", "migrate"),
    ),
    case(
        "constrained",
        """
        ALTER TABLE users ADD COLUMN org int REFERENCES orgs ON DELETE SET NULL,
            ADD COLUMN code text UNIQUE CHECK (length(code) < 9);
        ANALYZE users (org), orgs;
        CREATE INDEX ON users (org, code);
        COMMENT ON COLUMN users.org IS 'where they belong';
        """,
        "UPDATE users SET org = 1 + %(n)s %% 100, code = %(n)s::text WHERE id = %(n)s",
        ("expand", "migrate"),
    ),
    case(
        "new-table-and-type",
        """
        CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TABLE pets (id int PRIMARY KEY, owner bigint REFERENCES users, m mood DEFAULT 'ok');
        CREATE INDEX CONCURRENTLY ON pets (owner);
        ALTER TABLE pets ADD COLUMN name text NOT NULL;
        INSERT INTO pets VALUES (1, 1, 'sad', 'Rex');
        COMMENT ON TABLE pets IS 'dogs';
        ALTER TABLE users ADD COLUMN feels mood DEFAULT 'ok';
        CREATE VIEW sad AS SELECT owner FROM pets WHERE m = 'sad';
        ALTER TABLE users ALTER COLUMN name SET DEFAULT 'nobody';
        """,
        "INSERT INTO pets VALUES (%(n)s + 100, 1, 'ok', 'Max')",
        PLAIN,
    ),
)

TOGETHER = case(
    "new-tables",
    """
    CREATE TABLE pets (id int PRIMARY KEY, owner bigint REFERENCES users);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE toys (id int PRIMARY KEY, pet int);
    CREATE TRIGGER touched BEFORE INSERT ON pets FOR EACH ROW EXECUTE FUNCTION touch();
    ALTER TABLE pets ADD COLUMN toy int REFERENCES toys; ALTER TABLE toys ADD FOREIGN KEY (pet) REFERENCES pets;
    COMMENT ON FUNCTION touch IS 'does';
    """,
    "SELECT * FROM pets, toys",
)
AGAIN = case(
    "again",
    "ALTER TABLE users DROP COLUMN age, ADD COLUMN age text NOT NULL DEFAULT 'x' CHECK (age <> '');",
    "SELECT age::text FROM users",
    ("contract", "purge"),
    BEFORE + "ALTER TABLE users ADD age int NOT NULL DEFAULT 7; CREATE INDEX ON users (age);",
)
REQUIRED = Case(
    "required",
    "CREATE TABLE users (id bigserial PRIMARY KEY, name text);",
    "ALTER TABLE users ADD COLUMN code text NOT NULL UNIQUE, ADD COLUMN more int CONSTRAINT given NOT NULL;",
    OLD[1:],
    ("INSERT INTO users (name, code, more) VALUES ('n', %(n)s::text, 1) RETURNING id, name",),
    SEEN,
    SEEN,
    expected_phases=("expand", "migrate", "contract"),
)


@pytest.mark.parametrize("case", (*CASES, TOGETHER, AGAIN, REQUIRED), ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_the_way_back_waits_while_rows_hold_what_only_the_new_app_knows(each_database: str) -> None:
    with life(CASES[0], each_database) as it:
        assert [s.phase for s in it.forward(1)] == ["expand"]
        it.use("new")
        with pytest.raises(Refusal, match="would lose"):
            list(it.back(0))
        it.owner.execute("UPDATE users SET age = NULL")
        list(it.back(0))


def test_a_required_column_waits_until_every_row_has_a_value(database: str) -> None:
    with life(replace(REQUIRED, before=BEFORE), database) as it:
        with pytest.raises(Refusal, match="has rows without code: fill them first"):
            list(it.forward(len(it.plan.steps)))
        it.owner.execute("UPDATE users SET code = id, more = 2")
        list(it.forward(len(it.plan.steps)))
