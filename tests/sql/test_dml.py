"""Data statements: what they write and what they read."""

import pytest

from migrate_safe.model.names import Name
from migrate_safe.model.statement import Dml, DmlKind, LockTable, SetVariable, Truncate
from tests.sql.reading import action


def dml(sql: str) -> Dml:
    read = action(sql)
    assert isinstance(read, Dml), read
    return read


def names(sql: str) -> list[str]:
    return [str(name) for name in dml(sql).reads]


@pytest.mark.parametrize(
    ("sql", "kind", "target"),
    [
        ("SELECT * FROM a", DmlKind.SELECT, None),
        ("VALUES (1)", DmlKind.SELECT, None),
        ("TABLE a", DmlKind.SELECT, None),
        ("INSERT INTO a DEFAULT VALUES", DmlKind.INSERT, "a"),
        ("UPDATE ONLY s.a SET b = 1", DmlKind.UPDATE, "s.a"),
        ("DELETE FROM a USING b", DmlKind.DELETE, "a"),
        ("MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN DELETE", DmlKind.MERGE, "a"),
        ("COPY a (b) FROM '/x'", DmlKind.COPY_FROM, "a"),
        ("COPY a TO '/x'", DmlKind.COPY_TO, None),
        ("COPY (SELECT * FROM a) TO STDOUT", DmlKind.COPY_TO, None),
        ("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", DmlKind.DELETE, "a"),
        ("WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x", DmlKind.INSERT, "a"),
    ],
)
def test_kind_and_target(sql: str, kind: DmlKind, target: str | None) -> None:
    read = dml(sql)
    assert read.kind is kind
    assert (str(read.target) if read.target else None) == target


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT 1", []),
        ("SELECT * FROM a JOIN s.b USING (x), LATERAL (SELECT * FROM c) d", ["a", "s.b", "c"]),
        ("SELECT (SELECT 1 FROM a) FROM b WHERE EXISTS (SELECT FROM c)", ["a", "b", "c"]),
        ("SELECT * FROM a UNION SELECT * FROM b EXCEPT SELECT * FROM c", ["a", "b", "c"]),
        ("WITH x AS (SELECT * FROM a) SELECT * FROM x, b", ["a", "b"]),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", ["a"]),
        ("WITH RECURSIVE a AS (SELECT 1 UNION SELECT * FROM a) SELECT * FROM a", []),
        ("WITH x AS (SELECT * FROM a), y AS (SELECT * FROM x, z) SELECT * FROM y", ["a", "z"]),
        ("WITH x AS (SELECT 1) SELECT * FROM s.x", ["s.x"]),
        ("SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) y, x", ["x"]),
        ("INSERT INTO a SELECT * FROM b", ["b"]),
        ("INSERT INTO a SELECT * FROM a", ["a"]),
        ("WITH a AS (SELECT 1) INSERT INTO a SELECT * FROM a", []),
        ("UPDATE a SET b = c.d FROM c WHERE a.x IN (SELECT x FROM e)", ["c", "e"]),
        ("DELETE FROM a WHERE x IN (SELECT x FROM a LIMIT 10)", ["a"]),
        ("MERGE INTO a USING (SELECT * FROM b) c ON a.x = c.x WHEN MATCHED THEN DELETE", ["b"]),
        ("COPY (SELECT * FROM a, b) TO STDOUT", ["a", "b"]),
        ("COPY a TO STDOUT", ["a"]),
        ("SELECT * FROM a FOR UPDATE OF a", ["a"]),
    ],
)
def test_reads_are_the_relations_named_besides_the_target(sql: str, reads: list[str]) -> None:
    assert sorted(names(sql)) == sorted(reads)


@pytest.mark.parametrize(
    ("sql", "bounded"),
    [
        ("UPDATE t SET a = 1", False),
        ("UPDATE t SET a = 1 WHERE true", False),
        ("UPDATE t SET a = 1 WHERE now() > '2020-01-01'", False),
        ("UPDATE t SET a = 1 WHERE id = 1", True),
        ("DELETE FROM t", False),
        ("DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 10)", True),
        ("DELETE FROM t WHERE CURRENT OF c", True),
        ("INSERT INTO t VALUES (1)", True),
        ("WITH x AS (DELETE FROM t RETURNING 1) INSERT INTO u SELECT * FROM x", False),
    ],
)
def test_bounded(sql: str, bounded: bool) -> None:
    assert dml(sql).bounded is bounded


@pytest.mark.parametrize(
    ("sql", "from_query"),
    [
        ("INSERT INTO t VALUES (1), ((SELECT 2))", False),
        ("INSERT INTO t DEFAULT VALUES", False),
        ("INSERT INTO t SELECT 1", True),
        ("INSERT INTO t TABLE a", True),
        ("INSERT INTO t (SELECT 1 UNION SELECT 2)", True),
    ],
)
def test_from_query(sql: str, from_query: bool) -> None:
    assert dml(sql).from_query is from_query


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("INSERT INTO t (a, B) VALUES (1, 2)", ("a", "b")),
        ("INSERT INTO t VALUES (1)", ()),
        ("UPDATE t SET a = 1, (b, c) = (2, 3)", ("a", "b", "c")),
        ("COPY t (a, b) FROM STDIN", ("a", "b")),
        ("MERGE INTO t USING s ON true WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT (b) VALUES (1)",
         ("a", "b")),
    ],
)  # fmt: skip
def test_columns_written(sql: str, columns: tuple[str, ...]) -> None:
    assert dml(sql).columns == columns


def test_functions_are_named_for_a_select_may_do_anything() -> None:
    assert dml("SELECT app.migrate_all(now())").functions == {Name("app", "migrate_all"), Name(None, "now")}
    assert dml("UPDATE t SET a = f(a)").functions == {Name(None, "f")}


def test_for_update() -> None:
    assert dml("SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED").for_update
    assert dml("SELECT * FROM (SELECT * FROM t FOR SHARE) x").for_update
    assert not dml("SELECT * FROM t").for_update


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT set_config('lock_timeout', '5s', false)", SetVariable("lock_timeout", "5s")),
        ("SELECT pg_catalog.set_config('search_path', '', true)", SetVariable("search_path", "", local=True)),
        ("SELECT set_config('Lock_Timeout', '1', 't'::bool)", SetVariable("lock_timeout", "1", local=True)),
    ],
)
def test_set_config_is_a_set(sql: str, expected: SetVariable) -> None:
    assert action(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT set_config('a', b, true) FROM t",
        "SELECT set_config('a', 'b', x())",
        "SELECT set_config('a', 'b', true), 1",
    ],
)
def test_set_config_with_unknown_values_stays_a_select(sql: str) -> None:
    assert dml(sql).functions >= {Name(None, "set_config")}


def test_truncate_and_lock() -> None:
    assert action("TRUNCATE a, s.b CASCADE") == Truncate((Name(None, "a"), Name("s", "b")), cascade=True)
    assert action("LOCK TABLE a IN SHARE ROW EXCLUSIVE MODE NOWAIT") == LockTable((Name(None, "a"),), 6, nowait=True)
    assert action("LOCK a") == LockTable((Name(None, "a"),), 8)
