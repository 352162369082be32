"""Constraints as SQL text."""

import pytest

from migrate_safe.catalog.definition import constraint_definition, index_definition
from migrate_safe.model.names import Name
from migrate_safe.model.statement import AddConstraint, AlterTable, CreateIndex
from migrate_safe.sql.parse import parse_statements


@pytest.mark.parametrize(
    "text",
    [
        "CHECK (a > 0) NO INHERIT",
        "CHECK (a > 0) NOT VALID",
        "CHECK (a > 0) NOT ENFORCED",
        "NOT NULL a",
        "NOT NULL a NO INHERIT NOT VALID",
        "UNIQUE NULLS NOT DISTINCT (a, b) INCLUDE (c) DEFERRABLE",
        "PRIMARY KEY (a, span WITHOUT OVERLAPS)",
        "UNIQUE (span WITHOUT OVERLAPS)",
        "FOREIGN KEY (a) REFERENCES r(id) ON DELETE SET NULL",
        "FOREIGN KEY (a, b) REFERENCES r(id, n) ON UPDATE CASCADE ON DELETE SET NULL (b)",
        'FOREIGN KEY (a, "B") REFERENCES r(id, n) MATCH FULL ON DELETE SET DEFAULT ("B")',
        "FOREIGN KEY (a, PERIOD span) REFERENCES r(id, PERIOD span)",
        "FOREIGN KEY (a) REFERENCES r DEFERRABLE INITIALLY DEFERRED NOT VALID",
    ],
)
def test_a_constraint_is_written_as_it_was_read(text: str) -> None:
    (statement,) = parse_statements(f"ALTER TABLE t ADD {text}")
    assert isinstance(statement.action, AlterTable)
    (added,) = statement.action.actions
    assert isinstance(added, AddConstraint)
    assert constraint_definition(added.constraint) == text


def test_an_index_is_written_with_the_parameters_of_its_operator_classes() -> None:
    text = "CREATE INDEX i ON t USING brin (a, b x.ops (values_per_range='16', odd='it''s') DESC)"
    (statement,) = parse_statements(text)
    assert isinstance(statement.action, CreateIndex)
    assert index_definition(Name(None, "t"), statement.action.index) == text
