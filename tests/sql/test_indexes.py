"""Indexes as values."""

import pytest

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Expr, Index, IndexKey
from migrate_safe.model.statement import Action, CreateIndex, DropIndex, Reindex
from tests.sql.reading import action


def index(sql: str) -> Index:
    read = action(sql)
    assert isinstance(read, CreateIndex)
    return read.index


def test_the_whole_form() -> None:
    read = action(
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s.t USING gist"
        ' (a COLLATE "C" app.ops DESC NULLS LAST, lower(b), c NULLS FIRST) INCLUDE (d, e) NULLS NOT DISTINCT'
        " WITH (fillfactor = 70, buffering = on) TABLESPACE x WHERE f IS NOT NULL"
    )
    assert read == CreateIndex(
        table=Name("s", "t"),
        index=Index(
            name="i",
            keys=(
                IndexKey("a", None, Name(None, "C"), "app.ops", True, False),
                IndexKey(None, Expr("lower(b)", frozenset({"b"}), frozenset({Name(None, "lower")}))),
                IndexKey("c", nulls_first=True),
            ),
            unique=True,
            method="gist",
            include=("d", "e"),
            predicate=Expr("f IS NOT NULL", frozenset({"f"})),
            nulls_not_distinct=True,
            options=(("fillfactor", "70"), ("buffering", "on")),
            tablespace="x",
        ),
        concurrently=True,
        if_not_exists=True,
        only=True,
    )


def test_the_shortest_form() -> None:
    assert action("CREATE INDEX ON t (a)") == CreateIndex(Name(None, "t"), Index(None, (IndexKey("a"),)))


def test_an_index_knows_every_column_it_mentions() -> None:
    assert index("CREATE INDEX ON t (a, (b || c)) INCLUDE (d) WHERE e > 0").columns == {"a", "b", "c", "d", "e"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DROP INDEX i", DropIndex((Name(None, "i"),))),
        ("DROP INDEX IF EXISTS a, s.b CASCADE", DropIndex((Name(None, "a"), Name("s", "b")), False, True, True)),
        ("DROP INDEX CONCURRENTLY i", DropIndex((Name(None, "i"),), concurrently=True)),
        ("REINDEX INDEX s.i", Reindex("index", Name("s", "i"))),
        ("REINDEX TABLE CONCURRENTLY t", Reindex("table", Name(None, "t"), concurrently=True)),
        ("REINDEX (VERBOSE, CONCURRENTLY) INDEX i", Reindex("index", Name(None, "i"), concurrently=True)),
        ("REINDEX (CONCURRENTLY false) INDEX i", Reindex("index", Name(None, "i"))),
        ("REINDEX SCHEMA s", Reindex("schema", Name(None, "s"))),
        ("REINDEX DATABASE d", Reindex("database", Name(None, "d"))),
    ],
)
def test_dropping_and_rebuilding(sql: str, expected: Action) -> None:
    assert action(sql) == expected
