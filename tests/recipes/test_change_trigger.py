from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, alike, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text, changed text);
CREATE TABLE parts (id int) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF TG_LEVEL = ''ROW'' THEN NEW.changed := TG_ARGV[0]; END IF; RETURN NEW; END';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER "Touch" BEFORE INSERT OR UPDATE OF name, changed ON users FOR EACH ROW WHEN (NEW.name <> 'x')
    EXECUTE FUNCTION touch('it''s', 'b');
COMMENT ON TRIGGER "Touch" ON users IS 'x';
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER rows AFTER UPDATE ON users REFERENCING OLD TABLE AS o NEW TABLE AS "N" EXECUTE FUNCTION note();
ALTER TABLE users ENABLE ALWAYS TRIGGER late;
CREATE TRIGGER each AFTER INSERT ON parts FOR EACH ROW EXECUTE FUNCTION note();
"""
WRITE = (
    "INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",
    "UPDATE users SET name = 'u' || %(n)s::text WHERE id = 3 RETURNING id, name",
)
SEEN = "SELECT id, name FROM users"
case = alike(BEFORE, WRITE, SEEN)

CASES = (
    case(
        "made",
        "CREATE TRIGGER more BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch('m');"
        'CREATE OR REPLACE TRIGGER "Touch" BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch();'
        "CREATE OR REPLACE TRIGGER rows AFTER DELETE ON users EXECUTE FUNCTION note();"
        "ALTER TRIGGER late ON users RENAME TO later;",
        "expand",
    ),
    case(
        "dropped",
        'DROP TRIGGER "Touch" ON users; DROP TRIGGER late ON users; DROP TRIGGER each ON parts;',
        "contract",
        "purge",
    ),
    case(
        "switched", "ALTER TABLE users DISABLE TRIGGER USER; ALTER TABLE users ENABLE REPLICA TRIGGER rows;", "contract"
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)
