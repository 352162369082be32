"""Functions, triggers, views, types, sequences, and statements that no room models."""

import pytest

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Domain, DomainConstraint, Expr, TypeName
from migrate_safe.model.statement import (
    Action,
    AlterComposite,
    AlterDomain,
    AlterEnum,
    AlterForeign,
    AlterSequence,
    AttributeChange,
    CreateComposite,
    CreateDomain,
    CreateEnum,
    CreateForeign,
    CreateRange,
    CreateSequence,
    CreateView,
    DomainVerb,
    DropColumn,
    DropForeign,
    DropSequence,
    DropTable,
    DropTrigger,
    DropType,
    DropView,
    ForeignKind,
    ImportForeignSchema,
    OptionChange,
    Other,
    RefreshView,
    RenameAttribute,
    RenameDomainConstraint,
    RenameType,
    SequenceOptions,
    SetTypeSchema,
)
from tests.sql.reading import action

F = Name(None, "f")
INT = TypeName("integer")
POSITIVE = Expr("value > 0", frozenset({"value"}))


def test_views() -> None:
    read = action(
        "CREATE OR REPLACE VIEW s.v AS WITH c AS (SELECT a FROM t) SELECT c.a, u.* FROM c JOIN s.u ON u.id = c.a"
    )
    assert isinstance(read, CreateView)
    assert (read.replace, read.view.name, read.view.materialized) == (True, Name("s", "v"), False)
    assert read.view.relations == {Name(None, "t"), Name("s", "u")}
    assert (read.view.columns, read.view.star) == ({"a", "id"}, True)
    assert read.view.definition == "WITH c AS (SELECT a FROM t) SELECT c.a, u.* FROM c JOIN s.u ON u.id = c.a"


def test_materialized_views() -> None:
    read = action("CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT a FROM t WITH NO DATA")
    assert isinstance(read, CreateView)
    assert (read.view.materialized, read.if_not_exists, read.view.star) == (True, True, False)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TYPE s.mood AS ENUM ('a', 'b''c')", CreateEnum(Name("s", "mood"), ("a", "b'c"))),
        ("ALTER TYPE mood ADD VALUE 'x'", AlterEnum(Name(None, "mood"), "x")),
        (
            "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'x' BEFORE 'a'",
            AlterEnum(Name(None, "mood"), "x", None, True, "a", after=False),
        ),
        ("ALTER TYPE mood ADD VALUE 'x' AFTER 'a'", AlterEnum(Name(None, "mood"), "x", neighbour="a")),
        ("ALTER TYPE mood RENAME VALUE 'a' TO 'b'", AlterEnum(Name(None, "mood"), "b", "a")),
        ("CREATE DOMAIN d AS varchar(3)", CreateDomain(Name(None, "d"), Domain(TypeName("character varying", (3,))))),
        (
            "CREATE DOMAIN d AS int CONSTRAINT k CHECK (VALUE > 0) DEFAULT 1",
            CreateDomain(
                Name(None, "d"),
                Domain(INT, default=Expr("1", constant=True), constraints=(DomainConstraint("k", POSITIVE),)),
            ),
        ),
        (
            "CREATE DOMAIN d AS int NOT NULL",
            CreateDomain(Name(None, "d"), Domain(INT, not_null=True, constraints=(DomainConstraint(None),))),
        ),
        (
            "ALTER DOMAIN s.d ADD CONSTRAINT k CHECK (VALUE > 0) NOT VALID",
            AlterDomain(Name("s", "d"), DomainVerb.ADD, DomainConstraint("k", POSITIVE, validated=False)),
        ),
        (
            "ALTER DOMAIN d DROP CONSTRAINT IF EXISTS k CASCADE",
            AlterDomain(Name(None, "d"), DomainVerb.DROP, DomainConstraint("k"), None, True, True),
        ),
        ("ALTER DOMAIN d DROP DEFAULT", AlterDomain(Name(None, "d"), DomainVerb.DROP_DEFAULT)),
        ("ALTER DOMAIN d RENAME CONSTRAINT a TO b", RenameDomainConstraint(Name(None, "d"), "a", "b")),
        ("ALTER DOMAIN d RENAME TO e", RenameType(Name(None, "d"), "e", domain=True)),
        ("ALTER TYPE y RENAME TO z", RenameType(Name(None, "y"), "z")),
        ("ALTER TYPE s.y SET SCHEMA o", SetTypeSchema(Name("s", "y"), "o")),
        ("CREATE TYPE y AS (a int, b text)", CreateComposite(Name(None, "y"), (("a", INT), ("b", TypeName("text"))))),
        (
            "ALTER TYPE y DROP ATTRIBUTE IF EXISTS a CASCADE",
            AlterComposite(Name(None, "y"), (AttributeChange(DropColumn("a", True, True), cascade=True),)),
        ),
        ("ALTER TYPE y RENAME ATTRIBUTE a TO b CASCADE", RenameAttribute(Name(None, "y"), "a", "b", cascade=True)),
        (
            "CREATE TYPE y AS RANGE (subtype = int4, multirange_type_name = m)",
            CreateRange(Name(None, "y"), INT, Name(None, "m")),
        ),
        ("DROP TYPE IF EXISTS s.y, z CASCADE", DropType((Name("s", "y"), Name(None, "z")), False, True, True)),
        ("DROP DOMAIN d", DropType((Name(None, "d"),), domain=True)),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY s.v", RefreshView(Name("s", "v"), concurrently=True)),
        ("REFRESH MATERIALIZED VIEW v WITH NO DATA", RefreshView(Name(None, "v"), with_data=False)),
        ("CREATE SEQUENCE s", CreateSequence(Name(None, "s"))),
        (
            "CREATE SEQUENCE IF NOT EXISTS a.s AS int OWNED BY a.t.c",
            CreateSequence(Name("a", "s"), SequenceOptions("integer", owner=(Name("a", "t"), "c")), True),
        ),
        ("CREATE SEQUENCE s OWNED BY NONE", CreateSequence(Name(None, "s"), SequenceOptions(unowned=True))),
        (
            "ALTER SEQUENCE IF EXISTS s NO MINVALUE MAXVALUE -5 INCREMENT -1 NO CYCLE CACHE 3 START 2 RESTART 7",
            AlterSequence(
                Name(None, "s"),
                SequenceOptions(
                    None, 2, -1, None, -5, no_minimum=True, cycle=False, cache=3, restart=True, restart_at=7
                ),
                if_exists=True,
            ),
        ),
        ("DROP SEQUENCE s CASCADE", DropSequence((Name(None, "s"),), cascade=True)),
        (
            "CREATE SERVER s TYPE 'k' FOREIGN DATA WRAPPER w OPTIONS (a 'b')",
            CreateForeign(
                ForeignKind.SERVER, Name(None, "s"), (("wrapper", "w"), ("type", "k")), (OptionChange("add", "a", "b"),)
            ),
        ),
        (
            "ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (DROP a)",
            AlterForeign(ForeignKind.MAPPING, Name("s", ""), (), (OptionChange("drop", "a"),)),
        ),
        ("DROP SERVER IF EXISTS a, b", DropForeign(ForeignKind.SERVER, (Name(None, "a"), Name(None, "b")), True)),
        ("IMPORT FOREIGN SCHEMA r FROM SERVER s INTO l", ImportForeignSchema("s", "l")),
        ("DROP TABLE IF EXISTS a, s.b CASCADE", DropTable((Name(None, "a"), Name("s", "b")), True, True)),
        ("DROP FOREIGN TABLE a", DropTable((Name(None, "a"),), foreign=True)),
        ("DROP VIEW a, b", DropView((Name(None, "a"), Name(None, "b")))),
        ("DROP MATERIALIZED VIEW IF EXISTS s.a", DropView((Name("s", "a"),), True, True)),
        ("DROP TRIGGER IF EXISTS x ON s.t", DropTrigger(Name("s", "t"), "x", True)),
    ],
)
def test_types_sequences_and_drops(sql: str, expected: Action) -> None:
    assert action(sql) == expected


@pytest.mark.parametrize(
    ("sql", "kind", "objects", "detail"),
    [
        ("VACUUM", "VacuumStmt", [], "vacuum"),
        ("VACUUM (FULL, ANALYZE) a, s.b", "VacuumStmt", ["a", "s.b"], "vacuum full"),
        ("VACUUM FULL a", "VacuumStmt", ["a"], "vacuum full"),
        ("VACUUM (FULL off) a", "VacuumStmt", ["a"], "vacuum"),
        ("ANALYZE a (b)", "VacuumStmt", ["a"], "analyze"),
        ("CLUSTER a USING i", "ClusterStmt", ["a"], ""),
        ("COMMENT ON TABLE s.t IS 'x'", "CommentStmt", ["s.t"], "table"),
        ("GRANT SELECT ON s.t TO joe", "GrantStmt", ["s.t"], "grant"),
        ("REVOKE ALL ON t FROM joe", "GrantStmt", ["t"], "revoke"),
        ("DROP SCHEMA a, b CASCADE", "DropStmt", ["a", "b"], "schema"),
        ("DROP EXTENSION x", "DropStmt", ["x"], "extension"),
        ("CREATE EXTENSION IF NOT EXISTS pgcrypto", "CreateExtensionStmt", ["pgcrypto"], ""),
        ("CREATE SCHEMA a", "CreateSchemaStmt", ["a"], ""),
        ("CREATE SCHEMA a CREATE TABLE t ()", "CreateSchemaStmt", ["a"], "with elements"),
        ("EXPLAIN SELECT * FROM t", "ExplainStmt", ["t"], ""),
        ("EXPLAIN ANALYZE DELETE FROM t", "ExplainStmt", ["t"], "analyze"),
        ("CREATE STATISTICS x ON a, b FROM t", "CreateStatsStmt", ["t", "x"], ""),
        ("CREATE DATABASE d", "CreatedbStmt", ["d"], ""),
        ("NOTIFY x", "NotifyStmt", [], ""),
    ],
)
def test_other_statements_keep_kind_objects_and_variant(sql: str, kind: str, objects: list[str], detail: str) -> None:
    read = action(sql)
    assert isinstance(read, Other)
    assert (read.kind, sorted(map(str, read.objects)), read.detail) == (kind, sorted(objects), detail)
