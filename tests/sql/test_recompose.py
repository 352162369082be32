from __future__ import annotations

import pytest

from migrate_safe.sql.recompose import (
    Thing,
    bare_column,
    certainly_created,
    comment_target,
    index_statement,
    one_action,
    qualified,
    without_default,
)


def resolve(thing: Thing, name: str) -> str | None:
    known = {Thing.RELATION: {"t": "app", "ü": "Odd"}, Thing.TYPE: {"mood": "app"}, Thing.FUNCTION: {"f": "app"}}
    return known[thing].get(name)


QUALIFIED = {
    "ALTER TABLE t ADD COLUMN m mood DEFAULT f('t')": "ALTER TABLE app.t ADD COLUMN m app.mood DEFAULT app.f('t')",
    "ALTER TABLE  t -- t\n DROP COLUMN t": "ALTER TABLE  app.t -- t\n DROP COLUMN t",
    "CREATE TABLE u (é text, a int REFERENCES t (t))": "CREATE TABLE u (é text, a int REFERENCES app.t (t))",
    'SELECT * FROM "ü", s.t': 'SELECT * FROM "Odd"."ü", s.t',
    "WITH t AS (SELECT 1) SELECT * FROM t": "WITH t AS (SELECT 1) SELECT * FROM t",
    "SELECT nextval('t'::regclass)": "SELECT nextval('app.t'::regclass)",
    "SELECT pg_get_serial_sequence('t', 'id')": "SELECT pg_get_serial_sequence('app.t', 'id')",
    "SELECT 'é', setval('\"ü\"', 1), currval('T')": "SELECT 'é', setval('\"Odd\".\"ü\"', 1), currval('app.T')",
    "SELECT nextval('s.t'), nextval('u'), nextval(E't'), 't'::text": (
        "SELECT nextval('s.t'), nextval('u'), nextval(E't'), 't'::text"
    ),
    "COMMENT ON COLUMN t.c IS 'x'": "COMMENT ON COLUMN app.t.c IS 'x'",
    "COMMENT ON TABLE s.t IS NULL": "COMMENT ON TABLE s.t IS NULL",
}


@pytest.mark.parametrize("text", QUALIFIED)
def test_names_get_their_schema_and_nothing_else_changes(text: str) -> None:
    assert qualified(text, resolve) == QUALIFIED[text]


def test_one_action_of_several_is_written_alone() -> None:
    text = "ALTER TABLE s.t ADD COLUMN a int DEFAULT 1, DROP COLUMN b, ALTER COLUMN c SET NOT NULL"
    assert one_action(text, 0) == "ALTER TABLE s.t ADD COLUMN a int DEFAULT 1"
    assert one_action(text, 2) == "ALTER TABLE s.t ALTER COLUMN c SET NOT NULL"
    assert one_action("ALTER  TABLE t DROP b", 0) == "ALTER  TABLE t DROP b"


def test_a_column_can_be_stripped_of_its_constraints_and_default() -> None:
    text = "ALTER TABLE t ADD COLUMN IF NOT EXISTS a int NOT NULL DEFAULT 1 CHECK (a > 0) UNIQUE REFERENCES u"
    bare = bare_column(text)
    assert bare == "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 1"
    assert without_default(bare) == "ALTER TABLE t ADD COLUMN a int"
    assert bare_column("ALTER TABLE t  ADD a int") == "ALTER TABLE t  ADD a int"


def test_an_index_is_built_under_a_certain_name() -> None:
    text = "CREATE UNIQUE INDEX IF NOT EXISTS i ON s.t USING gin (lower(a) gin_trgm_ops(siglen='32')) WHERE a > ''"
    assert index_statement(text, "Näme", concurrently=True) == (
        "CREATE UNIQUE INDEX CONCURRENTLY \"Näme\" ON s.t USING gin (lower(a) gin_trgm_ops(siglen='32')) WHERE a > ''"
    )


def test_a_comment_tells_its_object() -> None:
    text = "COMMENT ON COLUMN s.\"T\".c IS 'it''s'"
    assert comment_target(text) == ("column", ("s", "T", "c"))


def test_a_table_is_created_for_certain() -> None:
    assert certainly_created("CREATE TABLE IF NOT EXISTS s.t (a int)") == "CREATE TABLE s.t (a int)"
    assert certainly_created("CREATE  TABLE t ()") == "CREATE  TABLE t ()"
