from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Phase
from tests.recipes.lifecycle import Case, assert_same, life, live, plain_end
from tests.support.pg import PgTools

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text, age int);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE VIEW "All" AS SELECT id, name FROM users; COMMENT ON VIEW "All" IS 'x'; GRANT SELECT ON "All" TO PUBLIC;
CREATE VIEW few AS SELECT * FROM "All" WHERE id < 5;
CREATE MATERIALIZED VIEW kept AS SELECT id, name FROM users; CREATE INDEX ON kept (name);
CREATE SEQUENCE counter START 7;
CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN word AS text CHECK (value <> '');
CREATE FUNCTION twice(a int, b mood DEFAULT 'ok') RETURNS int LANGUAGE sql AS 'SELECT 2 * a';
CREATE PROCEDURE run() LANGUAGE sql AS 'SELECT 1';
CREATE STATISTICS s ON name, age FROM users;
"""
NEW = ("INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
OLD = (
    *NEW,
    'SELECT * FROM "All", few, kept LIMIT 1',
    "SELECT nextval('counter'), twice(2)",
    "CALL run()",
    "SELECT 'ok'::mood, 'x'::word",
)
SEEN = "SELECT id, name FROM users"
DROPS = 'DROP VIEW "All" CASCADE; DROP FUNCTION twice(int, mood); DROP TYPE mood;'
OTHERS = "DROP MATERIALIZED VIEW kept; DROP SEQUENCE counter; DROP ROUTINE run; DROP DOMAIN word; DROP STATISTICS s"
CASE = Case("drop", BEFORE, DROPS, OLD, NEW, SEEN, SEEN, expected_phases=("contract", "purge"))
EACH_KIND = Case("others", BEFORE, OTHERS, OLD, NEW)


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


def test_each_kind_goes_and_comes_back_as_it_was(each_server: ScratchServer, each_database: str) -> None:
    tools = PgTools.of(each_server)
    with life(EACH_KIND, each_database) as it:
        start = tools.dump_schema(each_database)
        list(it.forward(it.plan.end_of(Phase.CONTRACT)))
        list(it.back(0))
        assert tools.dump_schema(each_database) == start
        it.use("old")
        list(it.forward(len(it.plan.steps)))
        assert_same(tools.dump_schema(each_database), plain_end(EACH_KIND, each_server, tools))


@pytest.mark.parametrize(
    ("drop", "reason"),
    [
        ("TYPE mood CASCADE", "CASCADE drops"),
        ('VIEW "All"', "server would refuse it"),
        ("FUNCTION now()", "is not known here|would refuse it"),
    ],
)
def test_what_would_take_more_with_it_is_refused(drop: str, reason: str, database: str) -> None:
    with pytest.raises(Refused, match=reason), life(Case("refused", BEFORE, f"DROP {drop}", (), ()), database):
        pass
