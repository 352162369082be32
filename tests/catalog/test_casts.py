"""What goes into a column of another type, where not all is known."""

from __future__ import annotations

import pytest

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve import apply, fold
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script, parse_statements

MADE = """
CREATE TYPE st AS ENUM ('a');
CREATE TABLE t (v varchar, vd varchar DEFAULT 'a', n int, nd int DEFAULT nextval('q'), ia int[], x citext);
"""


def schema_of(sql: str = "", *, complete: bool) -> Schema:
    return replace(fold(Schema(), parse_script(Source("made.sql", MADE + sql))), complete=complete)


def change(schema: Schema, sql: str) -> None:
    (statement,) = parse_statements(sql)
    apply(schema, statement)


@pytest.mark.parametrize("sql", ["ALTER TABLE t ALTER v TYPE st", "ALTER TABLE t ALTER vd TYPE st USING vd::st"])
def test_only_where_all_is_known_nobody_made_a_cast_to_an_enum(sql: str) -> None:
    with pytest.raises(CannotApply, match=r"cannot be cast automatically to type public\.st"):
        change(schema_of(complete=True), sql)
    change(schema_of(complete=False), sql)
    change(schema_of("CREATE CAST (varchar AS st) WITH INOUT AS ASSIGNMENT;", complete=True), sql)


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE t ALTER x TYPE jsonb",
        "ALTER TABLE t ALTER v TYPE citext",
        "ALTER TABLE t ALTER v TYPE nope",
        "ALTER TABLE t ALTER v TYPE st USING v::st",
        "ALTER TABLE t ALTER nd TYPE bool USING nd > 0",
        "ALTER TABLE t ALTER ia TYPE numeric[]",
        "ALTER TABLE t ALTER n TYPE text",
        "ALTER TABLE t ALTER vd DROP DEFAULT, ALTER vd TYPE st USING vd::st",
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_what_is_not_certain_is_not_refused(sql: str, complete: bool) -> None:
    change(schema_of(complete=complete), sql)


def test_everyday_types_are_refused_also_where_little_is_known() -> None:
    with pytest.raises(CannotApply, match="cannot be cast automatically to type integer"):
        change(schema_of(complete=False), "ALTER TABLE t ALTER v TYPE int")


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE t ADD z st DEFAULT 'b'",
        "ALTER TABLE t ADD z nope DEFAULT 'b'",
        "ALTER TABLE t ADD z citext DEFAULT 1",
        "ALTER TABLE t ADD z citext DEFAULT now()",
        "ALTER TABLE t ADD z int DEFAULT later()",
        "ALTER TABLE t ADD z int DEFAULT other.now()",
        "ALTER TABLE t ADD z int DEFAULT 'a'::nope::int",
        "ALTER TABLE t ADD z int DEFAULT length('abc')",
        "ALTER TABLE t ALTER vd SET DEFAULT 1",
        "ALTER TABLE absent ALTER a SET DEFAULT 'abc'",
    ],
)
def test_a_default_that_may_be_a_value_is_not_refused(sql: str) -> None:
    change(schema_of(complete=False), sql)


@pytest.mark.parametrize("sql", ["ALTER TABLE t ADD z bool DEFAULT 0", "ALTER TABLE t ALTER n SET DEFAULT ''"])
@pytest.mark.parametrize("complete", [True, False])
def test_a_default_that_is_no_value_of_an_everyday_type_is_refused(sql: str, complete: bool) -> None:
    with pytest.raises(CannotApply, match="default"):
        change(schema_of(complete=complete), sql)
