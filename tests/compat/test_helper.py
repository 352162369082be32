"""The helper that says whether an app version works on a database now."""

from __future__ import annotations

import pytest

from tests.support.queries import broken_queries


def test_working_and_broken_queries(database: str, connect):
    connect(database).execute("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)")
    good = ["SELECT a FROM t WHERE id = %s", "INSERT INTO t (id, a) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING"]
    assert broken_queries(database, good) == {}
    assert broken_queries(database, [*good, "SELECT b FROM t", "INSERT INTO t (id) VALUES (%s)"]) == {
        "SELECT b FROM t": 'column "b" does not exist',
        "INSERT INTO t (id) VALUES (%s)": 'null value in column "a" of relation "t" violates not-null constraint',
    }
    assert connect(database).execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_what_cannot_be_prepared_fails_the_test(database: str):
    with pytest.raises(AssertionError, match="LISTEN"):
        broken_queries(database, ["LISTEN x"])
