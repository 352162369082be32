from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Phase
from migrate_safe.model.values import replace
from tests.recipes.lifecycle import Case, Refusal, life, live

OLD = (
    "SELECT id, email FROM users WHERE id = %(n)s",
    "INSERT INTO users (email) VALUES ('old' || %(n)s::text) RETURNING id, email",
    "UPDATE users SET email = 'by old ' || %(n)s::text WHERE id = 3 + %(n)s %% 50 RETURNING id, email",
)
NEW = (
    "SELECT id, email_address FROM users WHERE id = %(n)s",
    "INSERT INTO users (email_address) VALUES ('new' || %(n)s::text) RETURNING id, email_address",
    "UPDATE users SET email_address = 'by new ' || %(n)s::text WHERE id = 3 + %(n)s %% 50 RETURNING id, email_address",
)
SEEN_OLD, SEEN_NEW = "SELECT id, email FROM users", "SELECT id, email_address FROM users"
RENAME = "ALTER TABLE users RENAME COLUMN email TO email_address;"
FILL = "INSERT INTO users (email) SELECT 'user ' || g FROM generate_series(1, 200) g;"


ODD, ODDER = '"' + "é" * 31 + '"', '"' + "é" * 30 + 'ü"'
KINDS = {"email": "email_address", "b": "b2", "c": "c2", "d": "d2", "e": "e2", "f": "f2", "g": "g2"}
NULLS = "NULL, NULL, NULL, NULL, NULL, NULL"
ALL_OLD = "id, email, b, c::text, d, e::text, f, g"
ALL_NEW = "id, email_address, b2, c2::text, d2, e2::text, f2, g2"
OWN_TYPES = """
CREATE SCHEMA kinds; CREATE EXTENSION citext;
CREATE TYPE kinds.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN kinds.word AS text;
CREATE SEQUENCE kinds.words;
CREATE FUNCTION kinds.next_word() RETURNS text LANGUAGE sql AS $$ SELECT 'w' || nextval('kinds.words') $$;
"""
FAR = """
CREATE TABLE far (id int PRIMARY KEY, b int, UNIQUE (b, id));
INSERT INTO far SELECT g, g FROM generate_series(1, 200) g;
"""


def case(name: str, columns: str, after: str = "", migration: str = RENAME, **more: object) -> Case:
    before = f"CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {columns});\n{after}\n{FILL}"
    given = {"old": OLD, "new": NEW, "seen_by_old": SEEN_OLD, "seen_by_new": SEEN_NEW, **more}
    return Case(name, before, migration, **given)  # type: ignore[arg-type]


CASES = (
    case("nullable", "email text"),
    case("not-null-unique", "email text NOT NULL CONSTRAINT odd UNIQUE"),
    case(
        "everything",
        "email varchar(80) COLLATE \"C\" DEFAULT 'none' CHECK (email <> 'email'), tenant int DEFAULT 1,"
        " CONSTRAINT multi CHECK (tenant > 0 OR email = 'x'), UNIQUE (tenant, email)",
        """
        ALTER TABLE users ALTER COLUMN email SET NOT NULL, ALTER COLUMN email DROP DEFAULT;
        ALTER TABLE users ALTER COLUMN email SET DEFAULT 'none';
        CREATE INDEX ON users (lower(email) DESC NULLS LAST, tenant) WHERE email <> 'y';
        CREATE INDEX covering ON users (tenant) INCLUDE (email);
        CREATE INDEX ops ON users (email varchar_pattern_ops);
        CREATE INDEX tuned ON users USING brin (email text_bloom_ops (n_distinct_per_range = 20));
        CREATE INDEX said ON users (lower(email), (email || 'x'));
        ALTER INDEX said ALTER COLUMN 2 SET STATISTICS 77;
        COMMENT ON INDEX said IS '100% "of" it'; COMMENT ON CONSTRAINT multi ON users IS 'c';
        COMMENT ON CONSTRAINT users_tenant_email_key ON users IS 'k'; COMMENT ON INDEX users_tenant_email_key IS 'i';
        COMMENT ON COLUMN users.email IS 'it''s the \\ address';
        ALTER TABLE users ALTER email SET STATISTICS 500, ALTER email SET STORAGE EXTERNAL;
        ALTER TABLE users ALTER email SET (n_distinct = -0.5);
        GRANT SELECT (email), UPDATE (email) ON users TO pg_monitor WITH GRANT OPTION;
        GRANT SELECT (email, tenant) ON users TO PUBLIC;
        """,
        old=(*OLD, "INSERT INTO users (tenant) VALUES (%(n)s) RETURNING id, email"),
        new=(*NEW, "INSERT INTO users (tenant) VALUES (%(n)s) RETURNING id, email_address"),
    ),
    case(
        "volatile-default",
        "email text NOT NULL DEFAULT 'u' || random()::text UNIQUE",
        old=(*OLD, "INSERT INTO users DEFAULT VALUES RETURNING id, email"),
        new=(*NEW, "INSERT INTO users DEFAULT VALUES RETURNING id, email_address"),
    ),
    case(
        "serial",
        "email serial",
        old=(
            "INSERT INTO users DEFAULT VALUES RETURNING id, email",
            "UPDATE users SET email = -%(n)s WHERE id = %(n)s RETURNING id, email",
        ),
        new=(
            "INSERT INTO users DEFAULT VALUES RETURNING id, email_address",
            "UPDATE users SET email_address = -%(n)s WHERE id = %(n)s RETURNING id, email_address",
        ),
    ),
    case(
        "json-and-user-trigger",
        "email json, touched int NOT NULL DEFAULT 0",
        """
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END $$;
        CREATE TRIGGER "~touch" BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
        """,
        old=(
            "INSERT INTO users (email) VALUES (to_json(%(n)s::int)) RETURNING id, email::text",
            "UPDATE users SET email = to_json('o' || %(n)s::text) WHERE id = 3 + %(n)s %% 9 RETURNING id, email::text",
        ),
        new=(
            "INSERT INTO users (email_address) VALUES (to_json(%(n)s::int)) RETURNING id, email_address::text",
            """UPDATE users SET email_address = to_json('n' || %(n)s::text) WHERE id = 3 + %(n)s %% 9
               RETURNING id, email_address::text""",
        ),
        seen_by_old="SELECT id, email::text FROM users",
        seen_by_new="SELECT id, email_address::text FROM users",
    ),
    case(
        "foreign-keys",
        "email int REFERENCES far (id) ON DELETE CASCADE, two int, UNIQUE (email, two),"
        " CONSTRAINT pair FOREIGN KEY (two, email) REFERENCES far (b, id)",
        old=(
            "INSERT INTO users (email) VALUES (1 + %(n)s %% 200) RETURNING id, email",
            "UPDATE users SET email = 7, two = NULL WHERE id = 3 + %(n)s %% 50 RETURNING id, email",
        ),
        new=(
            "INSERT INTO users (email_address) VALUES (1 + %(n)s %% 200) RETURNING id, email_address",
            "UPDATE users SET email_address = 7, two = NULL WHERE id = 3 + %(n)s %% 50 RETURNING id, email_address",
        ),
    ),
    case(
        "defaults-of-all-kinds",
        """email timestamptz NOT NULL DEFAULT now(), b numeric(8,2) DEFAULT 1.005, c kinds.mood DEFAULT 'ok',
           d kinds.word DEFAULT kinds.next_word(), e citext DEFAULT 'Aa', f int[] DEFAULT '{1}',
           g uuid DEFAULT gen_random_uuid()""",
        migration="".join(f"ALTER TABLE users RENAME {c} TO {n};" for c, n in KINDS.items()),
        old=(
            f"INSERT INTO users DEFAULT VALUES RETURNING {ALL_OLD}",
            f"INSERT INTO users (b, c, d, e, f, g) VALUES ({NULLS}) RETURNING {ALL_OLD}",
            f"UPDATE users SET e = 'aA', b = %(n)s, c = 'sad', f = ARRAY[%(n)s::int] WHERE id = 5 RETURNING {ALL_OLD}",
        ),
        new=(
            f"INSERT INTO users DEFAULT VALUES RETURNING {ALL_NEW}",
            f"INSERT INTO users (b2, c2, d2, e2, f2, g2) VALUES ({NULLS}) RETURNING {ALL_NEW}",
            f"UPDATE users SET e2 = 'AA', b2 = -%(n)s, d2 = 'w', g2 = NULL WHERE id = 5 RETURNING {ALL_NEW}",
        ),
        seen_by_old=f"SELECT {ALL_OLD} FROM users",
        seen_by_new=f"SELECT {ALL_NEW} FROM users",
    ),
    case(
        "combined",
        "email text NOT NULL, name text DEFAULT 'x'",
        migration="""
        ALTER TABLE users RENAME email TO email_address;
        ALTER TABLE users ALTER COLUMN name SET NOT NULL, ALTER COLUMN email_address SET DEFAULT 'later';
        CREATE INDEX ON users (email_address, name);
        ALTER TABLE users ADD CHECK (email_address <> '' AND name <> '');
        CREATE UNIQUE INDEX only_one ON users (email_address) WHERE name = 'only one';
        """,
    ),
    case(
        "odd-names",
        f'{ODD} text NOT NULL UNIQUE, "we""ird" int',
        f'CREATE INDEX "{"i" * 63}" ON "Big Shop".users (upper({ODD}), "we""ird");',
        migration=f'SET search_path = "Big Shop"; ALTER TABLE users RENAME {ODD} TO {ODDER};',
        old=(f"""INSERT INTO "Big Shop".users ({ODD}) VALUES ('o' || %(n)s::text) RETURNING id, {ODD}""",),
        new=(f"""INSERT INTO "Big Shop".users ({ODDER}) VALUES ('n' || %(n)s::text) RETURNING id, {ODDER}""",),
        seen_by_old=f'SELECT id, {ODD} FROM "Big Shop".users',
        seen_by_new=f'SELECT id, {ODDER} FROM "Big Shop".users',
    ),
    case(
        "two-of-one-table",
        "email text NOT NULL, name text UNIQUE, UNIQUE (email, name)",
        migration="ALTER TABLE users RENAME email TO email_address; ALTER TABLE users RENAME name TO full_name;",
        old=(
            *OLD,
            "INSERT INTO users (name, email) VALUES ('n' || %(n)s::text, 'e') RETURNING id, email",
            "UPDATE users SET name = 'm' || %(n)s::text WHERE id = 3 RETURNING id, email",
        ),
        new=(
            *NEW,
            "INSERT INTO users (full_name, email_address) VALUES ('f' || %(n)s::text, 'e') RETURNING id, email_address",
            "UPDATE users SET full_name = 'g' || %(n)s::text WHERE id = 3 RETURNING id, email_address",
        ),
    ),
)


def adapted(it: Case) -> Case:
    """Give the cases whose rows are not texts rows of their own."""
    rows = {
        "serial": "INSERT INTO users (id) OVERRIDING SYSTEM VALUE SELECT g FROM generate_series(1, 200) g;"
        " SELECT setval(pg_get_serial_sequence('users', 'id'), 1000);",
        "json-and-user-trigger": "INSERT INTO users (email) SELECT to_json(g) FROM generate_series(1, 200) g;",
        "defaults-of-all-kinds": "INSERT INTO users (b) SELECT g FROM generate_series(1, 200) g;",
        "odd-names": f"INSERT INTO users ({ODD}) SELECT g FROM generate_series(1, 200) g;",
        "foreign-keys": "INSERT INTO users (email, two) SELECT g, g FROM generate_series(1, 200) g;",
    }
    if it.name not in rows:
        return it
    first = {
        "foreign-keys": FAR,
        "defaults-of-all-kinds": OWN_TYPES,
        "odd-names": 'CREATE SCHEMA "Big Shop"; SET search_path = "Big Shop";',
    }
    before = first.get(it.name, "") + it.before.replace(FILL, rows[it.name])
    return replace(it, before=before + "\nRESET search_path;")


CASES = tuple(map(adapted, CASES))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


@pytest.mark.parametrize("sets", ["two", "email"])
def test_the_columns_that_a_foreign_key_sets_on_delete_are_kept(
    sets: str, each_server: ScratchServer, each_database: str
) -> None:
    if each_server.version < 15:
        pytest.skip("ON DELETE SET NULL (columns) came with PostgreSQL 15")
    key = f"CONSTRAINT pair FOREIGN KEY (email, two) REFERENCES far (b, id) ON DELETE SET NULL ({sets})"
    gone = "DELETE FROM far WHERE id = 100 + %(n)s %% 100"
    made = case("sets", f"email int, two int, {key}")
    given = FAR + made.before.replace(
        FILL, "INSERT INTO users (email, two) SELECT g, g FROM generate_series(1, 200) g;"
    )
    live(replace(made, before=given, old=(gone,), new=(gone,)), each_server, each_database)


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        ("pair", "no copy can keep step"),
        ("defaulted", "no copy can keep step"),
        ("checked", "whose constraint makes a second column"),
    ],
)
def test_types_with_rules_of_their_own_are_refused_before_anything_changes(
    database: str, type_: str, reason: str
) -> None:
    types = "CREATE TYPE pair AS (x int, y int); CREATE DOMAIN defaulted AS int DEFAULT 7;"
    types += " CREATE DOMAIN checked AS int CHECK (VALUE > 0);"
    it = Case("types", f"{types} CREATE TABLE users (id int PRIMARY KEY, email {type_});", RENAME, (), ())
    with pytest.raises((Refusal, Refused), match=reason), life(it, database) as there:
        next(there.forward(1))


def test_what_went_round_the_triggers_after_contract_is_told_on_the_way_back(database: str) -> None:
    it = Case("round", "CREATE TABLE users (id int PRIMARY KEY, email text);", RENAME, (), ())
    with life(it, database) as there:
        for _ in there.forward(there.plan.end_of(Phase.CONTRACT)):
            pass
        there.owner.execute("SET session_replication_role = replica")
        there.owner.execute("INSERT INTO users (id, email_address) VALUES (1, 'from far')")
        there.owner.execute("RESET session_replication_role")
        with pytest.raises(Refusal, match="differ"):
            for _ in there.back(there.plan.end_of(Phase.MIGRATE)):
                pass
        assert there.owner.execute("SELECT email, email_address FROM users").fetchall() == [(None, "from far")]
        there.owner.execute("UPDATE users SET email = email_address")
        for _ in there.back(0):
            pass


def test_what_went_round_the_triggers_before_contract_is_told_before_the_new_column_goes(database: str) -> None:
    it = Case("round", "CREATE TABLE users (id int PRIMARY KEY, email text);", RENAME, (), ())
    with life(it, database) as there:
        for _ in there.forward(there.plan.end_of(Phase.MIGRATE)):
            pass
        there.owner.execute("SET session_replication_role = replica")
        there.owner.execute("INSERT INTO users (id, email_address) VALUES (1, 'from far')")
        there.owner.execute("RESET session_replication_role")
        with pytest.raises(Refusal, match="differ"):
            for _ in there.back(0):
                pass
        assert there.owner.execute("SELECT email, email_address FROM users").fetchall() == [(None, "from far")]


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ("COMMENT ON INDEX users_email_idx IS 'for search'", "comment on index users_email_idx"),
        ("COMMENT ON CONSTRAINT users_email_key ON users IS 'one each'", "comment on constraint users_email_key"),
        ("COMMENT ON INDEX users_email_key IS 'one each'", "comment on index users_email_key"),
        ("COMMENT ON CONSTRAINT users_email_check ON users IS 'an at'", "comment on constraint users_email_check"),
        ("ALTER TABLE users CLUSTER ON users_email_idx", "CLUSTER ON users_email_idx"),
        ("ALTER INDEX users_lower_idx ALTER COLUMN 1 SET STATISTICS 77", "statistics target of index users_lower_idx"),
        ("COMMENT ON COLUMN users.email IS 'kept'; COMMENT ON INDEX users_pkey IS 'kept'", None),
    ],
)
def test_what_copies_would_lose_and_no_plan_knows_is_refused(each_database: str, extra: str, named: str | None) -> None:
    table = (
        "CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE CHECK (email <> ''));"
        " CREATE INDEX users_email_idx ON users (email); CREATE INDEX users_lower_idx ON users (lower(email));"
        " COMMENT ON INDEX users_email_idx IS 'known'; ALTER INDEX users_lower_idx ALTER COLUMN 1 SET STATISTICS 9;"
    )
    with life(Case("extras", table, RENAME, (), ()), each_database) as there:
        there.owner.execute(extra)
        if named is None:
            next(there.forward(1))
            return
        with pytest.raises(Refusal, match=named):
            next(there.forward(1))


def test_a_cluster_mark_that_the_copy_would_lose_is_refused_by_the_plan(database: str) -> None:
    table = "CREATE TABLE users (id int, email text); CREATE INDEX i ON users (email); ALTER TABLE users CLUSTER ON i;"
    with pytest.raises(Refused, match="CLUSTER ON i would be lost"), life(Case("c", table, RENAME, (), ()), database):
        pass


def test_a_default_means_the_same_for_a_client_without_the_schema_in_its_search_path(each_database: str) -> None:
    it = Case("path", "CREATE TABLE users (id int, email serial); INSERT INTO users VALUES (1);", RENAME, (), ())
    with life(it, each_database) as there:
        for _ in there.forward(there.plan.end_of(Phase.MIGRATE)):
            pass
        there.owner.execute("SET search_path = ''")
        there.owner.execute("UPDATE public.users SET email_address = DEFAULT")
        there.owner.execute("UPDATE public.users SET email = DEFAULT")
        there.owner.execute("INSERT INTO public.users DEFAULT VALUES")
        rows = there.owner.execute("SELECT email, email_address FROM public.users").fetchall()
        assert len(rows) == 2 and all(old == new for old, new in rows)
