"""What is read from a live database, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, ConstraintKind, Expr, Identity, Schema, TypeName
from tests.truth.run import RESET

SETUP = """
CREATE SCHEMA other;
CREATE SCHEMA migrate_safe;
CREATE TABLE migrate_safe.events (id int);
CREATE TEMP TABLE mine (id int);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE > 0);
CREATE DOMAIN fee AS price;
CREATE DOMAIN note AS text;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
CREATE FUNCTION code(int, text) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE TABLE t (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email varchar(50) COLLATE "C" NOT NULL DEFAULT 'x',
    at timestamp(3) with time zone DEFAULT now(),
    m mood, tags text[], dropped int, d price,
    span interval day to second(2)
);
ALTER TABLE t DROP COLUMN dropped;
COMMENT ON TABLE t IS 'people';
COMMENT ON COLUMN t.email IS 'where to write';
CREATE TABLE other.t (t_id int REFERENCES t ON DELETE CASCADE ON UPDATE SET NULL NOT NULL);
ALTER TABLE t ADD CONSTRAINT pending CHECK (email <> '') NOT VALID;
CREATE UNIQUE INDEX odd ON t (lower(email) DESC, id) INCLUDE (at) WITH (fillfactor = 80) WHERE id > 3;
CREATE INDEX invalid ON t (at);
CREATE INDEX tuned ON t USING brin (at, id int4_minmax_multi_ops (values_per_range = 16));
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'invalid'::regclass;
CREATE TRIGGER tr BEFORE INSERT OR UPDATE OF email ON t FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW v AS SELECT t.email FROM t JOIN other.t o ON o.t_id = t.id;
CREATE MATERIALIZED VIEW mv AS SELECT email FROM v;
CREATE POLICY p ON t USING (true);
INSERT INTO t (email) SELECT 'a' || i FROM generate_series(1, 100) i;
ANALYZE t;
"""
T = Name("public", "t")


@pytest.fixture(scope="module")
def read(each_server: ScratchServer) -> Iterator[Schema]:
    dsn = each_server.create_database()
    with connect(dsn) as connection:
        connection.execute(RESET)
        connection.execute(SETUP)
        yield read_schema(connection)
    each_server.drop_database(dsn)


def test_own_temporary_and_system_relations_are_left_out(read: Schema) -> None:
    assert set(read.tables) == {T, Name("other", "t")}
    assert set(read.sequences) == {Name("public", "t_id_seq")}
    assert read.complete


def test_columns_are_as_a_person_would_define_them(read: Schema) -> None:
    table = read.tables[T]
    assert [str(c.type) for c in table.columns] == [
        "integer",
        "character varying(50)",
        "timestamp(3) with time zone",
        "public.mood",
        "text[]",
        "public.price",
        "interval day to second(2)",
    ]
    assert table.column("email") == Column(
        "email",
        TypeName("character varying", (50,)),
        not_null=True,
        default=Expr("'x'::varchar", constant=True),
        collation=Name("pg_catalog", "C"),
        comment="where to write",
    )
    assert table.column("id").identity is Identity.ALWAYS  # type: ignore[union-attr]
    assert table.column("at").default.functions == {Name(None, "now")}  # type: ignore[union-attr]


def test_not_null_is_a_constraint_from_18_on(read: Schema) -> None:
    named = {c.name for c in read.tables[T].constraints if c.kind is ConstraintKind.NOT_NULL}
    assert named == ({"t_id_not_null", "t_email_not_null"} if read.server_version >= 18 else set())


def test_constraints_say_what_they_are_worth(read: Schema) -> None:
    table = read.tables[T]
    assert not table.constraint("pending").validated  # type: ignore[union-attr]
    assert table.primary_key == ("id",)
    key = read.tables[Name("other", "t")].constraint("t_t_id_fkey")
    assert key is not None
    assert key.references is not None
    assert key.definition == "FOREIGN KEY (t_id) REFERENCES public.t(id) ON UPDATE SET NULL ON DELETE CASCADE"


def test_indexes_have_their_keys_options_and_validity(read: Schema) -> None:
    odd, invalid = read.tables[T].index("odd"), read.tables[T].index("invalid")
    assert odd is not None
    assert invalid is not None
    assert not invalid.valid
    assert (odd.unique, odd.include, odd.options, str(odd.predicate)) == (
        True,
        ("at",),
        (("fillfactor", "80"),),
        "id > 3",
    )
    assert [(k.column, str(k.expression), k.descending) for k in odd.keys] == [
        (None, "lower(email::text)", True),
        ("id", "None", False),
    ]
    tuned = read.tables[T].index("tuned")
    assert tuned is not None
    assert [(k.column, k.opclass, k.parameters) for k in tuned.keys] == [
        ("at", None, ()),
        ("id", "int4_minmax_multi_ops", (("values_per_range", "16"),)),
    ]
    assert read.tables[T].index("t_pkey").constraint == "t_pkey"  # type: ignore[union-attr]


def test_triggers_functions_types_and_views(read: Schema) -> None:
    (trigger,) = read.tables[T].triggers
    assert (trigger.timing, trigger.events, trigger.columns) == ("BEFORE", ("INSERT", "UPDATE"), ("email",))
    (code,) = read.functions[Name("public", "code")]
    assert (code.arguments, code.volatility) == ("integer, text", "stable")
    assert read.enums == {Name("public", "mood"): ("sad", "ok")}
    assert {n.name: read.is_constrained(n) for n in read.domains} == {
        "price": True,
        "fee": True,
        "note": False,
    }
    view = read.views[Name("public", "v")]
    assert view.relations == {T, Name("other", "t")}
    assert view.columns == {"email", "id", "t_id"}
    assert read.views[Name("public", "mv")].materialized
    assert read.views[Name("public", "mv")].relations == {Name("public", "v")}
    assert [p.name for p in read.tables[T].policies] == ["p"]


def test_sizes_are_estimates(read: Schema) -> None:
    assert read.tables[T].rows == 100
    assert read.tables[T].bytes == 8192
    assert read.tables[T].comment == "people"


def test_reading_waits_for_nobody_who_changes_a_table(each_server: ScratchServer) -> None:
    dsn = each_server.create_database()
    with connect(dsn) as one, connect(dsn) as two:
        one.execute("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)")
        one.execute("BEGIN; LOCK TABLE t")
        two.execute("SET lock_timeout = '2s'")
        assert T in read_schema(two).tables
        one.execute("ROLLBACK")
    each_server.drop_database(dsn)


def test_the_search_path_of_the_session_counts(each_server: ScratchServer) -> None:
    dsn = each_server.create_database()
    with connect(dsn) as connection:
        connection.execute("CREATE SCHEMA shop; SET search_path = shop, public, absent")
        assert read_schema(connection).search_path == ("shop", "public")
        connection.execute("SET search_path = ''")
        assert read_schema(connection).search_path == ()
    each_server.drop_database(dsn)
