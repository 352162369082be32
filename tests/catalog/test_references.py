"""Names that are not there: refused where that is known, never where it is not."""

from __future__ import annotations

import pytest

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script

MADE = "CREATE TABLE t (id int PRIMARY KEY, a int);"


def _failures(sql: str, schema: Schema | None = None) -> list[str]:
    found = analyse(parse_script(Source("m.sql", sql)), schema or Schema())
    return [a.effect.fails for a in found if a.effect.fails is not None]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nope FROM unseen",
        "SELECT nope FROM t, unseen",
        "SELECT t.a, unseen.nope FROM t JOIN unseen USING (id)",
        "SELECT * FROM (SELECT * FROM unseen) s WHERE s.nope = 1",
        "SELECT nope FROM t, f(t.a)",
        "SELECT nope FROM seen_view",
        "UPDATE unseen SET x = y WHERE z = 1",
        "INSERT INTO unseen (x) VALUES (1) ON CONFLICT (x) DO NOTHING",
        "INSERT INTO unseen SELECT 1, 2, 3",
        "CREATE TABLE IF NOT EXISTS kept (x int); SELECT y FROM kept",
        "CREATE TABLE IF NOT EXISTS kept (x int); INSERT INTO kept VALUES (1) ON CONFLICT (x) DO NOTHING",
        "CREATE VIEW v AS SELECT * FROM unseen; SELECT other FROM v",
        "DROP ROLE unseen_role; GRANT SELECT ON t TO other_role; ALTER TABLE t OWNER TO unseen_role",
        "DO $$ DECLARE nope int; BEGIN SELECT nope INTO nope FROM t; UPDATE t SET a = nope; END $$",
        "DO $$ DECLARE nope int; BEGIN CREATE TABLE n AS SELECT nope AS q FROM t; END $$; SELECT q FROM n",
    ],
)
def test_what_may_be_there_is_not_refused(sql: str) -> None:
    assert _failures(MADE + "CREATE VIEW seen_view AS SELECT * FROM unseen;" + sql) == []


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM t", "column 'nope' does not exist"),
        ("SELECT t.nope FROM t, unseen", "column t.nope does not exist"),
        ("SELECT x.a FROM t", "missing FROM-clause entry for table 'x'"),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING",
            "public.t has no unique index over exactly a for ON CONFLICT",
        ),
    ],
)
def test_what_the_same_files_made_is_known(sql: str, reason: str) -> None:
    assert _failures(MADE + sql) == [reason]


def test_roles_that_a_block_may_have_made_unseen_are_not_refused() -> None:
    known = Schema(roles=frozenset({"postgres"}))
    assert _failures(MADE + "GRANT SELECT ON t TO app", known) == ["role 'app' does not exist"]
    made = "DO $$ BEGIN EXECUTE 'CREATE ROLE ' || current_setting('x.role'); END $$;"
    assert _failures(MADE + made + "GRANT SELECT ON t TO app", known) == []
