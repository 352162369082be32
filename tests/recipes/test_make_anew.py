from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, alike, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name varchar(20), age int, changed text);
INSERT INTO users (name, age) SELECT 'user ' || g, g FROM generate_series(1, 50) g;
CREATE VIEW aged AS SELECT id, name, age FROM users WHERE age > 3;
GRANT SELECT ON aged TO pg_monitor; COMMENT ON VIEW aged IS 'it''s'; ALTER VIEW aged ALTER age SET DEFAULT 7;
CREATE VIEW names AS SELECT id, name FROM aged;
ALTER VIEW names OWNER TO pg_signal_backend; GRANT SELECT ON aged TO pg_signal_backend;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changed := TG_NAME; RETURN NEW; END';
REVOKE EXECUTE ON FUNCTION touch FROM PUBLIC; COMMENT ON FUNCTION touch IS 'touches';
CREATE TRIGGER touched BEFORE INSERT OR UPDATE OF name ON users FOR EACH ROW WHEN (NEW.name <> 'x')
    EXECUTE FUNCTION touch();
COMMENT ON TRIGGER touched ON users IS 't'; ALTER TABLE users ENABLE ALWAYS TRIGGER touched;
CREATE FUNCTION old_names(n int DEFAULT 3) RETURNS TABLE (name text) LANGUAGE sql STABLE AS 'SELECT ''x''';
CREATE POLICY own ON users FOR SELECT TO pg_monitor USING (id < 7);
COMMENT ON POLICY own ON users IS 'p';
"""
WRITE = (
    "INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name::text",
    "UPDATE users SET name = 'u' || %(n)s::text WHERE id = 3 RETURNING id, name::text",
    "SELECT name FROM old_names(2)",
    "SELECT id, name::text FROM names",
)
SEEN = "SELECT id, name::text FROM users"
case = alike(BEFORE, WRITE, SEEN)

CASES = (
    case(
        "programs",
        "DROP TRIGGER touched ON users; DROP FUNCTION IF EXISTS touch();"
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changed := ''new''; RETURN NEW; END';"
        "CREATE TRIGGER touched BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch();"
        "DROP FUNCTION old_names(int); CREATE FUNCTION old_names(n int DEFAULT 3) RETURNS TABLE (name text)"
        " LANGUAGE sql AS 'SELECT ''y'''; GRANT EXECUTE ON FUNCTION old_names TO pg_monitor;"
        "ALTER TABLE users ADD COLUMN more int; DROP VIEW names; DROP VIEW aged;"
        "CREATE VIEW aged AS SELECT id, more, age, name FROM users; GRANT SELECT ON aged TO pg_signal_backend;"
        "CREATE VIEW names AS SELECT more, id, name FROM aged WHERE id > 2; COMMENT ON VIEW names IS 'new';",
        "expand",
    ),
    case(
        "column dropped",
        "DROP VIEW aged CASCADE; ALTER TABLE users DROP COLUMN age; CREATE VIEW aged AS SELECT id, name FROM users;"
        "CREATE VIEW names AS SELECT id, name FROM aged;"
        "DROP POLICY own ON users; CREATE POLICY own ON users FOR SELECT TO pg_monitor USING (id < 9);",
        "contract",
        "purge",
    ),
    case(
        "wider, converted",
        "DROP VIEW names, aged; DROP TRIGGER touched ON users;"
        "ALTER TABLE users ALTER name TYPE varchar(40);"
        "CREATE VIEW aged AS SELECT id, name FROM users; CREATE VIEW names AS SELECT id, name FROM aged;"
        "CREATE TRIGGER touched BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.name <> 'y') EXECUTE FUNCTION touch();",
        "contract",
    ),
    case(
        "converted",
        "CREATE VIEW other AS SELECT id FROM users; DROP VIEW names, aged; ALTER TABLE users ALTER age TYPE bigint;"
        "CREATE VIEW late AS SELECT age FROM users;"
        "CREATE VIEW aged AS SELECT id, name, age FROM users; CREATE VIEW names AS SELECT id, name FROM aged;",
        "expand",
        "migrate",
        "contract",
        "purge",
    ),
    case(
        "filled",
        "DROP VIEW names; ALTER TABLE users ADD COLUMN code uuid DEFAULT gen_random_uuid();"
        "CREATE VIEW names AS SELECT id, name, code FROM users;"
        "DROP FUNCTION old_names(int); CREATE FUNCTION old_names(n int) RETURNS TABLE (name text, also int)"
        " LANGUAGE sql AS 'SELECT ''y'', 2';",
        "expand",
        "migrate",
        "contract",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DROP FUNCTION atomic(); CREATE FUNCTION atomic() RETURNS int LANGUAGE sql AS 'SELECT 2'", "is not kept by"),
    ],
)
def test_what_cannot_be_taken_back_is_refused(change: str, reason: str, database: str) -> None:
    before = BEFORE + "CREATE FUNCTION atomic() RETURNS int BEGIN ATOMIC SELECT 1; END;"
    with pytest.raises(Refused, match=reason), life(Case("refused", before, change, (), ()), database):
        pass
