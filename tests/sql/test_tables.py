"""CREATE TABLE and ALTER TABLE as values."""

import pytest

from migrate_safe.model.names import Name
from migrate_safe.model.said import Renamed, Target
from migrate_safe.model.schema import ConstraintKind, Expr, Generated, Identity, Reference, TypeName
from migrate_safe.model.statement import (
    AddColumn,
    AddConstraint,
    AlterConstraint,
    AlterTable,
    AlterType,
    AttachPartition,
    ChangeIdentity,
    ChangeParent,
    ChangeType,
    CreateTable,
    DetachPartition,
    DropColumn,
    DropConstraint,
    DropExpression,
    DropIdentity,
    DropNotNull,
    Other,
    OtherTableAction,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SequenceOptions,
    SetDefault,
    SetExpression,
    SetNotNull,
    SetSchema,
    TableAction,
    ValidateConstraint,
)
from migrate_safe.model.values import replace
from tests.sql.reading import action, table_action

TEXT = TypeName("text")
INTEGER = TypeName("integer")
LIKE_ALL = frozenset("comments compression constraints defaults generated identity indexes statistics storage".split())


def created(sql: str) -> CreateTable:
    read = action(sql)
    assert isinstance(read, CreateTable)
    return read


def added(sql: str) -> AddColumn:
    read = table_action(f"ADD COLUMN {sql}")
    assert isinstance(read, AddColumn)
    return read


def test_names_are_as_the_server_stores_them() -> None:
    assert created('CREATE TABLE Users ("Id" int, NAME text)').table == Name(None, "users")
    assert [d.column.name for d in created('CREATE TABLE x ("Id" int, NAME text)').columns] == ["Id", "name"]
    assert created('CREATE TABLE "S"."ü""t" ()').table == Name("S", 'ü"t')


@pytest.mark.parametrize(
    ("sql", "facts"),
    [
        ("CREATE TABLE t ()", {}),
        ("CREATE TABLE IF NOT EXISTS t ()", {"if_not_exists": True}),
        ("CREATE UNLOGGED TABLE t ()", {"persistence": "u"}),
        ("CREATE TEMP TABLE t ()", {"persistence": "t"}),
        ("CREATE TABLE t (LIKE a INCLUDING ALL)", {"like": (Name(None, "a"),), "like_options": (LIKE_ALL,)}),
        (
            "CREATE TABLE t (LIKE a INCLUDING ALL EXCLUDING COMMENTS, LIKE b)",
            {"like": (Name(None, "a"), Name(None, "b")), "like_options": (LIKE_ALL - {"comments"}, frozenset())},
        ),
        ("CREATE TABLE t OF s.u", {"of_type": Name("s", "u")}),
        ("CREATE TABLE t () INHERITS (a, s.b)", {"inherits": (Name(None, "a"), Name("s", "b"))}),
        ("CREATE TABLE t () PARTITION BY LIST (lower(a), b)", {"partition_key": "LIST ((lower(a)), b)"}),
        ("CREATE TABLE t PARTITION OF p DEFAULT", {"partition_of": Name(None, "p"), "partition_bound": "DEFAULT"}),
        (
            "CREATE TABLE t PARTITION OF p FOR VALUES FROM (1) TO (2)",
            {"partition_of": Name(None, "p"), "partition_bound": "FOR VALUES FROM (1) TO (2)"},
        ),
        (
            "CREATE TABLE t PARTITION OF p FOR VALUES IN ('a', NULL)",
            {"partition_of": Name(None, "p"), "partition_bound": "FOR VALUES IN ('a', NULL)"},
        ),
        (
            "CREATE TABLE t PARTITION OF p FOR VALUES WITH (MODULUS 4, REMAINDER 1)",
            {"partition_of": Name(None, "p"), "partition_bound": "FOR VALUES WITH (MODULUS 4, REMAINDER 1)"},
        ),
        ("CREATE TABLE t AS SELECT * FROM a, s.b", {"as_query": True, "reads": (Name(None, "a"), Name("s", "b"))}),
        ("CREATE TABLE t AS SELECT 1 WITH NO DATA", {"as_query": True, "with_data": False}),
        ("SELECT 1 INTO t FROM a", {"as_query": True, "reads": (Name(None, "a"),)}),
        (
            "SELECT 1 INTO t FROM a UNION SELECT 2 FROM b",
            {"as_query": True, "reads": (Name(None, "a"), Name(None, "b"))},
        ),
        ("CREATE TABLE t OF s.y", {"of_type": Name("s", "y")}),
        ("CREATE TEMP TABLE t () ON COMMIT DROP", {"persistence": "t", "on_commit": "drop"}),
        ("CREATE FOREIGN TABLE t () SERVER s", {"foreign": "s"}),
    ],
)
def test_create_table(sql: str, facts: dict[str, object]) -> None:
    assert replace(created(sql), shape=None) == CreateTable(Name(None, "t"), **facts)


def test_a_column_is_read_with_all_that_stands_at_it() -> None:
    sql = """a varchar(5) COLLATE "C" NOT NULL DEFAULT 'x' CHECK (a > '') UNIQUE CONSTRAINT fk REFERENCES s.o (id)
        MATCH FULL ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED"""
    definition = added(sql).definition
    assert definition.column.type == TypeName("character varying", (5,))
    assert definition.column.not_null
    assert definition.column.default == Expr("'x'", constant=True)
    assert definition.column.collation == Name(None, "C")
    check, unique, foreign = definition.constraints
    assert (check.kind, check.columns, check.definition) == (ConstraintKind.CHECK, ("a",), "CHECK (a > '')")
    assert (unique.kind, unique.columns, unique.definition) == (ConstraintKind.UNIQUE, ("a",), "UNIQUE (a)")
    assert (foreign.name, foreign.columns) == ("fk", ("a",))
    assert foreign.references == Reference(Name("s", "o"), ("id",), "SET NULL", "CASCADE", "FULL")
    assert foreign.deferrable
    assert foreign.deferred
    assert foreign.definition == (
        "FOREIGN KEY (a) REFERENCES s.o (id) MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL"
        " DEFERRABLE INITIALLY DEFERRED"
    )


def test_the_columns_that_a_foreign_key_sets_on_delete() -> None:
    made = created("CREATE TABLE t (a int, b int, FOREIGN KEY (a, b) REFERENCES o ON DELETE SET DEFAULT (b))")
    assert made.constraints[0].references == Reference(Name(None, "o"), on_delete="SET DEFAULT", cleared=("b",))


def test_generated_and_identity_columns() -> None:
    stored = added("a int GENERATED ALWAYS AS (b * 2) STORED").definition.column
    assert (stored.generated, stored.default) == (Generated.STORED, Expr("b * 2", frozenset({"b"})))
    assert added("a int GENERATED ALWAYS AS (b) VIRTUAL").definition.column.generated is Generated.VIRTUAL
    always = added("a int GENERATED ALWAYS AS IDENTITY").definition.column
    assert (always.identity, always.not_null) == (Identity.ALWAYS, True)
    assert added("a int GENERATED BY DEFAULT AS IDENTITY").definition.column.identity is Identity.BY_DEFAULT


def test_a_named_not_null_is_a_constraint_too() -> None:
    definition = added("a int CONSTRAINT nn NOT NULL").definition
    assert definition.column.not_null
    assert [(c.kind, c.name, c.columns) for c in definition.constraints] == [(ConstraintKind.NOT_NULL, "nn", ("a",))]
    assert added("a int NOT NULL").definition.constraints == ()


def test_attributes_belong_to_the_constraint_before_them() -> None:
    unique, foreign = added("a int UNIQUE DEFERRABLE REFERENCES b NOT DEFERRABLE").definition.constraints
    assert (unique.deferrable, foreign.deferrable) == (True, False)
    (check,) = added("a int CHECK (a > 0) NOT ENFORCED").definition.constraints
    assert (check.enforced, check.validated) == (False, False)


def test_table_constraints() -> None:
    read = created(
        "CREATE TABLE t (CONSTRAINT k PRIMARY KEY (a, b) INCLUDE (c), UNIQUE NULLS NOT DISTINCT (d),"
        " EXCLUDE USING gist (e WITH =, (f + 1) WITH &&), CHECK (g > h) NO INHERIT, FOREIGN KEY (i, j) REFERENCES o)"
    )
    key, unique, exclude, check, foreign = read.constraints
    assert (key.kind, key.name, key.columns, key.include) == (ConstraintKind.PRIMARY, "k", ("a", "b"), ("c",))
    assert (unique.columns, unique.nulls_not_distinct) == (("d",), True)
    assert (exclude.kind, exclude.columns) == (ConstraintKind.EXCLUDE, ("e",))
    assert exclude.definition == "EXCLUDE USING gist (e WITH =, (f + 1) WITH &&)"
    assert (check.columns, check.no_inherit) == (("g", "h"), True)
    assert (foreign.columns, foreign.references) == (("i", "j"), Reference(Name(None, "o")))


@pytest.mark.parametrize(
    ("sql", "validated"),
    [
        ("ADD CHECK (a > 0)", True),
        ("ADD CHECK (a > 0) NOT VALID", False),
        ("ADD FOREIGN KEY (a) REFERENCES b NOT VALID", False),
        ("ADD CONSTRAINT n NOT NULL a NOT VALID", False),
        ("ADD UNIQUE (a)", True),
    ],
)
def test_not_valid(sql: str, validated: bool) -> None:
    read = table_action(sql)
    assert isinstance(read, AddConstraint)
    assert read.constraint.validated is validated


def test_not_valid_means_nothing_for_a_new_table() -> None:
    assert created("CREATE TABLE t (a int, FOREIGN KEY (a) REFERENCES b NOT VALID)").constraints[0].validated


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DROP COLUMN a", DropColumn("a")),
        ("DROP IF EXISTS a CASCADE", DropColumn("a", if_exists=True, cascade=True)),
        ("ALTER a TYPE text", AlterType("a", TEXT)),
        (
            'ALTER a SET DATA TYPE int COLLATE "C" USING a::int',
            AlterType("a", INTEGER, Expr("a::int", frozenset({"a"})), Name(None, "C")),
        ),
        ("ALTER a SET DEFAULT 1", SetDefault("a", Expr("1", constant=True))),
        ("ALTER a DROP DEFAULT", SetDefault("a", None)),
        ("ALTER a SET NOT NULL", SetNotNull("a")),
        ("ALTER a DROP NOT NULL", DropNotNull("a")),
        ("VALIDATE CONSTRAINT c", ValidateConstraint("c")),
        ("DROP CONSTRAINT IF EXISTS c CASCADE", DropConstraint("c", if_exists=True, cascade=True)),
        ("ATTACH PARTITION p DEFAULT", AttachPartition(Name(None, "p"), "DEFAULT")),
        ("ATTACH PARTITION p FOR VALUES IN (1)", AttachPartition(Name(None, "p"), "FOR VALUES IN (1)")),
        ("DETACH PARTITION p", DetachPartition(Name(None, "p"))),
        ("DETACH PARTITION s.p CONCURRENTLY", DetachPartition(Name("s", "p"), concurrently=True)),
        ("DETACH PARTITION p FINALIZE", DetachPartition(Name(None, "p"), finalize=True)),
        ("SET TABLESPACE x", OtherTableAction("SetTableSpace", "x")),
        (
            "SET (fillfactor = 70, autovacuum_enabled)",
            OtherTableAction("SetRelOptions", "fillfactor=70, autovacuum_enabled"),
        ),
        ("RESET (fillfactor)", OtherTableAction("ResetRelOptions", "fillfactor")),
        ("SET UNLOGGED", OtherTableAction("SetUnLogged")),
        ("OWNER TO joe", OtherTableAction("ChangeOwner", "joe")),
        ("REPLICA IDENTITY FULL", OtherTableAction("ReplicaIdentity", "FULL", "f")),
        ("REPLICA IDENTITY USING INDEX i", OtherTableAction("ReplicaIdentity", "i", "i")),
        ("DISABLE TRIGGER ALL", OtherTableAction("DisableTrigAll")),
        ("ENABLE TRIGGER x", OtherTableAction("EnableTrig", "x")),
        ("ENABLE ROW LEVEL SECURITY", OtherTableAction("EnableRowSecurity")),
        ("INHERIT p", ChangeParent(Name(None, "p"))),
        ("NO INHERIT s.p", ChangeParent(Name("s", "p"), leaves=True)),
        ("OF s.u", ChangeType(Name("s", "u"))),
        ("NOT OF", ChangeType(None)),
        ("CLUSTER ON i", OtherTableAction("ClusterOn", "i")),
        ("ALTER a SET STATISTICS 100", OtherTableAction("SetStatistics", "a", "100")),
        ("ALTER a ADD GENERATED ALWAYS AS IDENTITY", ChangeIdentity("a", True, Identity.ALWAYS, SequenceOptions())),
        (
            "ALTER a SET INCREMENT 2 RESTART",
            ChangeIdentity("a", False, None, SequenceOptions(increment=2, restart=True)),
        ),
        ("ALTER a DROP IDENTITY IF EXISTS", DropIdentity("a", if_exists=True)),
        ("ALTER a SET EXPRESSION AS (b)", SetExpression("a", Expr("b", frozenset({"b"})))),
        ("ALTER a DROP EXPRESSION", DropExpression("a")),
        ("ALTER a DROP EXPRESSION IF EXISTS", DropExpression("a", if_exists=True)),
        ("ALTER CONSTRAINT c DEFERRABLE", AlterConstraint("c", deferrable=True, deferred=False)),
        ("ALTER CONSTRAINT c INITIALLY DEFERRED", AlterConstraint("c", deferrable=True, deferred=True)),
        ("ALTER CONSTRAINT c NOT ENFORCED", AlterConstraint("c", enforced=False)),
        ("ALTER CONSTRAINT c NO INHERIT", AlterConstraint("c", no_inherit=True)),
        ("ALTER CONSTRAINT c INHERIT", AlterConstraint("c", no_inherit=False)),
    ],
)
def test_actions(sql: str, expected: TableAction) -> None:
    assert table_action(sql) == expected


def test_using_index() -> None:
    read = table_action("ADD CONSTRAINT k PRIMARY KEY USING INDEX i")
    assert isinstance(read, AddConstraint)
    assert (read.constraint.using_index, read.constraint.columns) == ("i", ())


def test_all_actions_stay_in_order_beside_an_unknown_one() -> None:
    read = action("ALTER TABLE IF EXISTS ONLY s.t DROP a, SET LOGGED, ADD b int")
    assert isinstance(read, AlterTable)
    assert (read.table, read.if_exists, read.only) == (Name("s", "t"), True, True)
    assert [type(a) for a in read.actions] == [DropColumn, OtherTableAction, AddColumn]


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("ALTER INDEX i SET (fillfactor = 70)", "index"),
        ("ALTER VIEW v ALTER a SET DEFAULT 1", "view"),
        ("ALTER MATERIALIZED VIEW v SET TABLESPACE x", "materialized view"),
        ("ALTER SEQUENCE s OWNER TO joe", "sequence"),
        ("ALTER FOREIGN TABLE f ADD a int", "foreign table"),
    ],
)
def test_what_is_altered_like_a_table_says_so(sql: str, word: str) -> None:
    read = action(sql)
    assert isinstance(read, AlterTable)
    assert read.object == word


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE a RENAME TO b", RenameTable(Name(None, "a"), "b")),
        ("ALTER TABLE IF EXISTS s.a RENAME TO b", RenameTable(Name("s", "a"), "b", if_exists=True)),
        ("ALTER INDEX a RENAME TO b", RenameTable(Name(None, "a"), "b", object="index")),
        ("ALTER VIEW a RENAME TO b", RenameTable(Name(None, "a"), "b", object="view")),
        ("ALTER TABLE t RENAME COLUMN a TO b", RenameColumn(Name(None, "t"), "a", "b")),
        ("ALTER TABLE t RENAME a TO b", RenameColumn(Name(None, "t"), "a", "b")),
        ("ALTER VIEW t RENAME COLUMN a TO b", RenameColumn(Name(None, "t"), "a", "b", object="view")),
        ("ALTER TABLE t RENAME CONSTRAINT a TO b", RenameConstraint(Name(None, "t"), "a", "b")),
        ("ALTER TABLE t SET SCHEMA s", SetSchema(Name(None, "t"), "s")),
        ("ALTER SEQUENCE t SET SCHEMA s", SetSchema(Name(None, "t"), "s", object="sequence")),
        (
            "ALTER SCHEMA a RENAME TO b",
            Other("RenameStmt", (Name(None, "a"),), "schema", Renamed(Target("schema", Name(None, "a")), "b")),
        ),
    ],
)
def test_renames_and_moves(sql: str, expected: object) -> None:
    assert action(sql) == expected


def test_a_constraint_says_which_index_it_asks_for() -> None:
    read = table_action(
        "ADD CONSTRAINT x EXCLUDE USING gist (a WITH =, (b + 1) WITH &&) WITH (fillfactor = 50) WHERE (c)"
    )
    assert isinstance(read, AddConstraint)
    constraint = read.constraint
    assert constraint.operators == ("=", "&&")
    assert constraint.backing is not None
    assert [k.column for k in constraint.backing.keys] == ["a", None]
    assert (constraint.backing.method, constraint.backing.options) == ("gist", (("fillfactor", "50"),))
    assert constraint.backing.predicate == Expr("c", frozenset({"c"}))


def test_a_key_says_which_columns_it_clears_and_whether_it_is_about_a_period() -> None:
    read = table_action("ADD FOREIGN KEY (a, b) REFERENCES r ON DELETE SET NULL (b)")
    assert isinstance(read, AddConstraint)
    assert read.constraint.references is not None
    assert read.constraint.references.cleared == ("b",)
    period = table_action("ADD FOREIGN KEY (a, PERIOD p) REFERENCES r (a, PERIOD p)")
    assert isinstance(period, AddConstraint)
    assert period.constraint.period
    assert period.constraint.columns == ("a", "p")


def test_storage_and_compression_are_settings_of_a_column() -> None:
    column = added("x text STORAGE external COMPRESSION lz4").definition.column
    assert column.settings == ("SET STORAGE EXTERNAL", "SET COMPRESSION lz4")
    assert added("x text STORAGE default COMPRESSION default").definition.column.settings == ()


def test_null_written_out_is_kept_in_mind() -> None:
    assert added("x int NULL").definition.nullable
    assert not added("x int").definition.nullable


def test_only_is_kept_in_renames() -> None:
    assert action("ALTER TABLE ONLY t RENAME COLUMN a TO b") == RenameColumn(Name(None, "t"), "a", "b", only=True)
    assert action("ALTER TABLE ONLY t RENAME CONSTRAINT a TO b") == RenameConstraint(
        Name(None, "t"), "a", "b", only=True
    )
