"""What a whole schema does not hold, and when that means that it does not exist."""

import pytest

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve import apply, fold
from migrate_safe.catalog.presence import surely_absent
from migrate_safe.catalog.things import fact, put_thing, with_fact, with_usual_things
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Thing
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script, parse_statements

DUMPED = with_usual_things(
    replace(fold(Schema(), parse_script(Source("dump.sql", "CREATE TABLE public.t (a int);"))), complete=True)
)


@pytest.mark.parametrize(
    "sql",
    [
        "GRANT USAGE ON SCHEMA public TO me",
        "GRANT USAGE ON SCHEMA information_schema TO me",
        "COMMENT ON EXTENSION plpgsql IS 'x'",
        "CREATE TABLE public.u (a int)",
        "CREATE TEMP TABLE u (a int)",
        "SELECT * FROM pg_class JOIN information_schema.tables ON true",
        "GRANT SELECT ON pg_stat_activity TO me",
        "GRANT EXECUTE ON FUNCTION now() TO me",
        "GRANT SELECT ON t TO a_role_of_the_cluster",
    ],
)
def test_what_every_database_has_is_there(sql: str) -> None:
    (statement,) = parse_statements(sql)
    apply(DUMPED, statement)


@pytest.mark.parametrize(
    "sql", ["GRANT USAGE ON SCHEMA absent TO me", "CREATE TABLE absent.u (a int)", "SELECT * FROM absent"]
)
def test_what_is_surely_absent_makes_the_server_refuse(sql: str) -> None:
    (statement,) = parse_statements(sql)
    with pytest.raises(CannotApply, match="does not exist"):
        apply(DUMPED, statement)
    apply(replace(DUMPED, complete=False), statement)


def test_what_an_extension_brings_along_may_be_anything() -> None:
    with_extension = put_thing(DUMPED, Thing("extension", Name(None, "postgis")))
    assert surely_absent(DUMPED, Name(None, "spatial_ref_sys"))
    assert not surely_absent(with_extension, Name(None, "spatial_ref_sys"))


def test_facts_are_set_and_taken_away() -> None:
    thing = with_fact(with_fact(Thing("schema", Name(None, "s")), "owner", "me"), "comment", "x")
    assert (fact(thing, "owner"), fact(thing, "comment")) == ("me", "x")
    assert with_fact(thing, "comment", None).facts == (("owner", "me"),)
