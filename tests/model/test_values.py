"""Copies keep what is not changed; what does not count does not tell values apart."""

from __future__ import annotations

import pytest

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Schema, Table, TypeName
from migrate_safe.model.table_parts import Index
from migrate_safe.model.values import PartlyCompared, replace

TABLE = Table(Name("public", "t"), columns=(Column("a", TypeName("integer")),), rows=7)


def test_a_changed_copy_has_all_the_other_fields() -> None:
    changed = replace(TABLE, columns=(), comment="empty")
    assert changed == Table(Name("public", "t"), columns=(), rows=7, comment="empty")
    assert TABLE.columns == (Column("a", TypeName("integer")),)


def test_a_field_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TypeError):
        replace(TABLE, colour="red")  # type: ignore[call-arg]


def test_what_does_not_count_tells_nothing_apart() -> None:
    schema = Schema(tables={TABLE.name: TABLE})
    same = replace(schema, absent=frozenset({Name("s", "t")}))
    assert schema == same
    assert not schema != same  # noqa: SIM202 - another method than ==
    assert schema != replace(schema, search_path=("s",))
    assert schema != TABLE


def test_equal_values_have_one_hash() -> None:
    class Told(PartlyCompared, frozen=True, eq=False):
        UNCOMPARED = frozenset({"comment"})
        name: str
        size: int = 1
        comment: str = ""

    assert len({Told("a"), Told("a", comment="x"), Told("b")}) == 2
    assert Told("a", 1) != Told("a", 2)


@pytest.mark.parametrize("kind", PartlyCompared.__subclasses__())
def test_what_does_not_count_is_a_field(kind: type[PartlyCompared]) -> None:
    assert kind.UNCOMPARED
    assert set(kind.__struct_fields__) >= kind.UNCOMPARED


def test_the_kinds_are_found() -> None:
    assert Index in PartlyCompared.__subclasses__()
