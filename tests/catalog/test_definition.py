"""Constraints as SQL text."""

import pytest

from migrate_safe.catalog.definition import constraint_definition
from migrate_safe.model.statement import AddConstraint, AlterTable
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
