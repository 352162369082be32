"""What statements say that have no action of their own."""

import pytest

from migrate_safe.model.names import Name
from migrate_safe.model.said import (
    ChangeOwner,
    Cluster,
    Comment,
    DefaultPrivileges,
    Dropped,
    Extension,
    Grants,
    MoveAll,
    NewSchema,
    NewStatistics,
    OwnedBy,
    Privilege,
    PublicationChange,
    Renamed,
    Said,
    SetConstraints,
    StatisticsTarget,
    SubscriptionChange,
    Target,
    Tended,
    Vacuum,
)
from migrate_safe.model.schema import PublishedTable
from migrate_safe.model.statement import CreateTable, CreateView, Dml, DmlKind, Draw, LockTable, Other, Truncate
from tests.sql.reading import action

T = Name(None, "t")


def says(sql: str) -> Said | None:
    found = action(sql)
    assert isinstance(found, Other)
    return found.says


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("COMMENT ON TABLE s.t IS 'x'", Comment(Target("table", Name("s", "t")), "x")),
        ("COMMENT ON COLUMN s.t.c IS NULL", Comment(Target("column", Name("s", "t"), "c"), None)),
        ("COMMENT ON CONSTRAINT k ON t IS 'x'", Comment(Target("tabconstraint", T, "k"), "x")),
        ("COMMENT ON CONSTRAINT k ON DOMAIN s.d IS 'x'", Comment(Target("domconstraint", Name("s", "d"), "k"), "x")),
        ("COMMENT ON FUNCTION f(int, OUT x text) IS 'x'", Comment(Target("function", Name(None, "f"), "integer"), "x")),
        ("ALTER TYPE s.mood OWNER TO me", ChangeOwner(Target("type", Name("s", "mood")), "me")),
        (
            "ALTER FUNCTION f OWNER TO CURRENT_USER",
            ChangeOwner(Target("function", Name(None, "f"), "*"), "CURRENT_USER"),
        ),
        (
            "GRANT SELECT (a, b), UPDATE ON t TO x, PUBLIC WITH GRANT OPTION",
            Grants(
                "table",
                (Target("table", T),),
                (Privilege("SELECT", ("a", "b")), Privilege("UPDATE")),
                ("x", ""),
                option=True,
            ),
        ),
        (
            "REVOKE ALL ON ALL TABLES IN SCHEMA a FROM x",
            Grants(
                "table",
                (Target("schema", Name(None, "a")),),
                (Privilege("ALL"),),
                ("x",),
                grant=False,
                everywhere=True,
            ),
        ),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE x IN SCHEMA s GRANT SELECT ON TABLES TO y",
            DefaultPrivileges(Grants("table", (), (Privilege("SELECT"),), ("y",)), ("x",), ("s",)),
        ),
        ("REASSIGN OWNED BY a, b TO c", OwnedBy(("a", "b"), "c")),
        ("DROP OWNED BY a CASCADE", OwnedBy(("a",), cascade=True)),
        ("ALTER SCHEMA a RENAME TO b", Renamed(Target("schema", Name(None, "a")), "b")),
        ("ALTER STATISTICS s.st RENAME TO b", Renamed(Target("statistic ext", Name("s", "st")), "b")),
        ("DROP SCHEMA IF EXISTS a CASCADE", Dropped((Target("schema", Name(None, "a")),), True, True)),
        ("CREATE SCHEMA AUTHORIZATION x", NewSchema("x", "x")),
        ("CREATE EXTENSION IF NOT EXISTS x SCHEMA s CASCADE", Extension("create", "x", "s", True, True)),
        ("ALTER EXTENSION x SET SCHEMA s", Extension("move", "x", "s")),
        ("ALTER EXTENSION x DROP TABLE t", Extension("drop", "x")),
        ("CREATE STATISTICS st (mcv) ON a, b FROM t", NewStatistics(Name(None, "st"), (T,), ("a", "b"), (), ("mcv",))),
        ("ALTER STATISTICS st SET STATISTICS 5", StatisticsTarget(Name(None, "st"), 5)),
        ("ALTER STATISTICS st SET STATISTICS -1", StatisticsTarget(Name(None, "st"), None)),
        ("ALTER INDEX ALL IN TABLESPACE a SET TABLESPACE b", MoveAll("index", "a", "b")),
        ("VACUUM (FULL, ANALYZE) ONLY t (a)", Vacuum((Tended(T, ("a",), True),), full=True, analyze=True)),
        ("VACUUM (FULL off) t", Vacuum((Tended(T),))),
        ("ANALYZE", Vacuum((), vacuum=False, analyze=True)),
        ("CLUSTER t USING i", Cluster(T, "i")),
        ("CLUSTER", Cluster(None)),
        (
            "ALTER PUBLICATION p SET TABLE ONLY t (a), TABLES IN SCHEMA s",
            PublicationChange("set", "p", tables=(PublishedTable(T, ("a",)),), only=(T,), schemas=("s",)),
        ),
        (
            "ALTER PUBLICATION p SET (publish = 'update, insert', publish_via_partition_root)",
            PublicationChange("options", "p", operations=("insert", "update"), via_root=True),
        ),
        ("CREATE PUBLICATION p FOR ALL TABLES", PublicationChange("create", "p", all_tables=True)),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION a WITH (connect = false)",
            SubscriptionChange("create", "s", ("a",), (("connect", "false"),)),
        ),
        ("SET CONSTRAINTS ALL DEFERRED", SetConstraints((), True)),
    ],
)
def test_all_that_a_statement_says_is_read(sql: str, expected: Said) -> None:
    assert says(sql) == expected


def test_statements_inside_others_are_read() -> None:
    explained = action("EXPLAIN ANALYZE UPDATE t SET a = 1")
    assert isinstance(explained, Other)
    assert [s.action for s in explained.inner] == [action("UPDATE t SET a = 1")]
    made = action("CREATE SCHEMA s CREATE TABLE n (a int) CREATE VIEW v AS SELECT a FROM n")
    assert isinstance(made, Other)
    assert [type(s.action) for s in made.inner] == [CreateTable, CreateView]
    assert made.inner[0].text == "CREATE TABLE n (a int)"


def test_only_and_restart_are_read() -> None:
    assert action("TRUNCATE ONLY t, u RESTART IDENTITY") == Truncate((T, Name(None, "u")), False, (T,), True)
    assert action("LOCK TABLE ONLY t IN SHARE MODE") == LockTable((T,), 5, False, (T,))


@pytest.mark.parametrize(
    ("sql", "field", "expected"),
    [
        ("SELECT * FROM t x JOIN u y USING (a) FOR UPDATE OF x", "row_locked", (T,)),
        ("SELECT * FROM (SELECT * FROM t) s FOR SHARE", "row_locked", (T,)),
        ("SELECT * FROM ONLY t", "only", (T,)),
        ("SELECT nextval('s.q'::regclass)", "draws", (Draw(Name("s", "q"), sure=True),)),
        ("WITH x AS (DELETE FROM u) UPDATE t SET a = 1", "also", ((DmlKind.DELETE, Name(None, "u")),)),
        ("INSERT INTO t VALUES (1, DEFAULT), (2, 3)", "given", (0,)),
        ("INSERT INTO t DEFAULT VALUES", "given", ()),
        ("INSERT INTO t SELECT * FROM u", "given", None),
        ("INSERT INTO t (a, b) SELECT * FROM u", "given", (0, 1)),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING", "arbiter", True),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "arbiter", False),
        ("SELECT * FROM t WHERE a = 1", "filtered", True),
    ],
)
def test_where_rows_come_from(sql: str, field: str, expected: object) -> None:
    found = action(sql)
    assert isinstance(found, Dml)
    assert getattr(found, field) == expected
