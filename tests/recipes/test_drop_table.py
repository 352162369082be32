from __future__ import annotations

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from migrate_safe.model.values import replace
from tests.recipes.lifecycle import Case, Refusal, life, live, plan_of

BEFORE = """
CREATE TABLE orgs (id serial PRIMARY KEY, name text);
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
CREATE TABLE "Old Logs" (id bigserial PRIMARY KEY, org int NOT NULL REFERENCES orgs, by_user bigint, note text UNIQUE,
    CONSTRAINT "u" FOREIGN KEY (by_user) REFERENCES users ON DELETE SET NULL NOT VALID);
COMMENT ON CONSTRAINT u ON "Old Logs" IS 'who';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE INSERT ON "Old Logs" FOR EACH ROW EXECUTE FUNCTION touch();
GRANT SELECT, INSERT (note) ON "Old Logs" TO PUBLIC;
CREATE TABLE parts (id int, at int) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
INSERT INTO orgs (name) SELECT 'org ' || g FROM generate_series(1, 50) g;
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
INSERT INTO "Old Logs" (org, by_user, note) SELECT g, g, 'n' || g FROM generate_series(1, 20) g;
"""
NEW = ("INSERT INTO orgs (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
OLD = (
    *NEW,
    "INSERT INTO \"Old Logs\" (org, note) VALUES (7, 'o' || %(n)s::text)",
    'SELECT * FROM "Old Logs" WHERE id = 3',
)
SEEN = "SELECT id, name FROM orgs"
DROPS = 'DROP TABLE IF EXISTS none; DROP TABLE "Old Logs"; DROP TABLE parts, users;'
BOTH = ("expand", "contract", "purge")
CASE = Case("drop", BEFORE, DROPS, OLD, NEW, SEEN, SEEN, expected_phases=BOTH)


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    plan = live(CASE, each_server, each_database)
    assert [s.id.split(".")[1] for s in plan.steps if s.phase == "contract"].count("hide-table") == 2


def test_cascade_is_planned_as_the_drops_that_it_stands_for(database: str) -> None:
    more = (
        'CREATE VIEW noted AS SELECT note FROM "Old Logs"; CREATE MATERIALIZED VIEW held AS SELECT * FROM noted;'
        'CREATE TABLE kept (id int, log bigint CONSTRAINT k REFERENCES "Old Logs");'
    )
    single = 'ALTER TABLE kept DROP CONSTRAINT k; DROP MATERIALIZED VIEW held; DROP VIEW noted; DROP TABLE "Old Logs";'
    with life(Case("cascade", BEFORE + more, 'DROP TABLE IF EXISTS "Old Logs" CASCADE;', OLD, NEW), database) as it:
        spelled = plan_of(replace(it.case, migration=single), read_schema(it.owner))
        assert it.plan.steps == spelled.steps
        list(it.forward(len(it.plan.steps)))


def test_rows_that_lost_their_partner_meanwhile_hold_up_the_way_back(database: str) -> None:
    case = Case("drop", BEFORE, 'DROP TABLE "Old Logs"', OLD, NEW)
    with life(case, database) as it:
        list(it.forward(len(it.plan.steps) - 1))
        it.owner.execute("DELETE FROM orgs WHERE id = 5")
        with pytest.raises(Refusal, match=r"whose key is not in public\.orgs"):
            list(it.back(0))


def test_what_came_after_planning_and_depends_on_it_stops_the_first_step(database: str) -> None:
    with life(Case("drop", BEFORE, "DROP TABLE parts", OLD, NEW), database) as it:
        it.owner.execute("CREATE VIEW late AS SELECT id FROM parts")
        with pytest.raises(Refusal, match="rule _RETURN on view late"):
            list(it.forward(len(it.plan.steps)))


@pytest.mark.parametrize(
    ("drop", "reason"),
    [
        ("TABLE users CASCADE", "CASCADE drops"),
        ("TABLE parts_1", "is a partition of public.parts"),
        ("TABLE orgs", "server would refuse it"),
    ],
)
def test_what_would_take_more_with_it_is_refused(drop: str, reason: str, database: str) -> None:
    before = BEFORE + "CREATE FUNCTION n() RETURNS bigint BEGIN ATOMIC SELECT max(id) FROM users; END;"
    with pytest.raises(Refused, match=reason), life(Case("refused", before, f"DROP {drop}", (), ()), database):
        pass
