"""Types are spelled as the server's format_type() spells them."""

import psycopg
import pytest

from migrate_safe.model.schema import TypeName
from migrate_safe.model.statement import AddColumn
from tests.sql.reading import table_action

TYPES = """
    int int2 int4 int8 integer smallint bigint float float(10) float(30) float4 float8 real double precision
    boolean bool text uuid json jsonb bytea date money xml inet cidr macaddr point tsvector oid regclass int4range
    name "char" char char(3) character(7) bpchar varchar varchar(10) character varying(3) national character(2)
    nchar varying(4) bit bit(3) bit varying bit varying(5) varbit(2)
    numeric numeric(10) numeric(10,2) decimal(4) dec(5,1)
    timestamp timestamp(3) timestamptz timestamptz(0) timestamp with time zone timestamp(6) with time zone
    time time(2) timetz time(3) with time zone time without time zone
    interval interval(3) interval year interval year to month interval day interval day to second interval second(2)
    interval hour to minute interval day to second(4) interval minute to second interval month
    int[] int[][] text[3] varchar(5)[] numeric(3,1) array timestamptz(3)[] pg_catalog.int4 pg_catalog.varchar "text"
"""
_ONE_WORD_STARTS = {"double", "character", "national", "nchar", "bit", "timestamp", "time", "interval", "numeric(3,1)"}


def spelled() -> list[str]:
    """Cut the list above into types: a word that another one may follow goes on to the next type's first word."""
    words, types = TYPES.split(), list[str]()
    follow = {
        "precision",
        "varying",
        "varying(3)",
        "varying(4)",
        "varying(5)",
        "character(2)",
        "with",
        "without",
        "zone",
    }
    fields = {"year", "month", "day", "hour", "minute", "second", "second(2)", "second(4)", "to", "array"}
    for index, word in enumerate(words):
        goes_on = word in follow or (word in fields and types[-1].split()[0] in {"interval", "numeric(3,1)"})
        goes_on = goes_on or (word == "time" and words[index - 1] in {"with", "without"})
        if goes_on:
            types[-1] += " " + word
        else:
            types.append(word)
    return types


def read(text: str) -> TypeName:
    added = table_action(f"ADD COLUMN c {text}")
    assert isinstance(added, AddColumn)
    return added.definition.column.type


def test_types_are_spelled_as_the_server_does(database: str) -> None:
    types = spelled()
    assert len(types) > 80
    with psycopg.connect(database, autocommit=True) as connection:
        for text in types:
            connection.execute("DROP TABLE IF EXISTS t")
            connection.execute(f"CREATE TABLE t (c {text})")
            row = connection.execute(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
                " WHERE attrelid = 't'::regclass AND attnum = 1"
            ).fetchone()
            assert row is not None
            assert str(read(text)) == row[0], text
            assert read(str(read(text))) == read(text)


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("mood", TypeName("mood"), "mood"),
        ('"Mood"', TypeName("Mood"), '"Mood"'),
        ("public.mood[]", TypeName("mood", (), 1, "public"), "public.mood[]"),
        ('app."Mood"', TypeName("Mood", (), 0, "app"), 'app."Mood"'),
        ("geometry(Point,4326)", TypeName("geometry(point,4326)"), "geometry(point,4326)"),
    ],
)
def test_user_types_keep_their_names(text: str, value: TypeName, written: str) -> None:
    assert read(text) == value
    assert str(read(text)) == written
    assert read(written) == value


@pytest.mark.parametrize(
    ("text", "base"),
    [("serial", "integer"), ("bigserial", "bigint"), ("smallserial", "smallint"), ("serial8", "bigint")],
)
def test_serial_is_an_integer_with_a_sequence(text: str, base: str) -> None:
    added = table_action(f"ADD COLUMN c {text}")
    assert isinstance(added, AddColumn)
    assert added.definition.serial
    assert added.definition.column.type == TypeName(base)
    assert added.definition.column.not_null
    assert added.definition.column.default is None
