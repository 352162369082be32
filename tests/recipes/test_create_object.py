from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.planner.test_build import ids, known, planned
from tests.recipes.lifecycle import Case, alike, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text, age int);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE STATISTICS held ON name, age FROM users;
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE mood AS ENUM ('ok');
CREATE MATERIALIZED VIEW stored AS SELECT 1 AS one; COMMENT ON MATERIALIZED VIEW stored IS 'was';
ALTER TABLE users ADD CONSTRAINT aged CHECK (age > 0); COMMENT ON CONSTRAINT aged ON users IS 'was';
"""
WRITE = ("INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
SEEN = "SELECT id, name FROM users"
MADE = """
CREATE SCHEMA IF NOT EXISTS public; CREATE SCHEMA side; CREATE STATISTICS made ON name, age FROM users;
ALTER STATISTICS held SET STATISTICS 50; CREATE DOMAIN word AS text CHECK (value <> '');
CREATE TYPE pair AS (a int, b word);
CREATE MATERIALIZED VIEW names AS SELECT id, name FROM users;
"""
SAID = """
COMMENT ON FUNCTION f(int) IS 'it''s'; COMMENT ON TYPE mood IS 'x'; COMMENT ON MATERIALIZED VIEW stored IS NULL;
COMMENT ON CONSTRAINT aged ON users IS 'now'; COMMENT ON SEQUENCE users_id_seq IS 'x'; COMMENT ON SCHEMA public IS 'x';
"""
case = alike(BEFORE, WRITE, SEEN)
CASES = (case("made", MADE, "expand"), case("comments", SAID, "expand"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_comments_that_no_catalog_keeps_are_refused(database: str) -> None:
    wanted = Case("refused", BEFORE, "COMMENT ON ROLE postgres IS 'x'", (), ())
    with pytest.raises(Refused, match="comment on this role is not known here"), life(wanted, database):
        pass


def test_a_materialized_view_comes_once_what_it_reads_has_values() -> None:
    schema = known("CREATE TABLE t (id int PRIMARY KEY, a int);")
    stored = "CREATE MATERIALIZED VIEW mv AS SELECT id, c FROM t; CREATE UNIQUE INDEX u ON mv (id);"
    for change, phase in (
        ("ADD c uuid DEFAULT gen_random_uuid()", "migrate"),
        ("RENAME a TO c", "migrate"),
        ("ADD c int DEFAULT 1", "migrate"),
        ("ADD c int", "expand"),
    ):
        found = ids(planned(f"ALTER TABLE t {change}; {stored}", schema))
        made, built = f"{phase}.create-materialized-view.public.mv", "migrate.build-index.public.u"
        assert made in found
        assert found.index(made) < found.index(built)
