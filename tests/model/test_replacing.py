"""A changed copy is the one that the standard library makes."""

from __future__ import annotations

import dataclasses

import pytest

from migrate_safe.model.names import Name
from migrate_safe.model.replacing import replace
from migrate_safe.model.schema import Column, Schema, Table, TypeName
from migrate_safe.rulebook.facts import Facts
from migrate_safe.rulebook.terms import ActionKind

TABLE = Table(Name("public", "t"), columns=(Column("a", TypeName("integer")),), rows=7)


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (TABLE, {"columns": (), "comment": "empty"}),
        (TABLE, {}),
        (Schema(tables={TABLE.name: TABLE}), {"search_path": ("s",)}),
        (Facts(ActionKind.ADD_COLUMN, scans=True), {"action": ActionKind.DROP_COLUMN}),
    ],
)
def test_it_is_the_same_as_that_of_the_standard_library(value: object, changes: dict[str, object]) -> None:
    before = repr(value)
    changed = replace(value, **changes)  # type: ignore[type-var]
    assert changed == dataclasses.replace(value, **changes)  # type: ignore[type-var]
    assert (type(changed), repr(value)) == (type(value), before)


def test_a_field_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        replace(TABLE, colour="red")  # type: ignore[call-arg]
