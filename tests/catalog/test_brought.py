"""Extensions that are said to bring no relations along, held to those that a server has."""

from __future__ import annotations

import psycopg
import pytest

from migrate_safe.catalog.brought import WITHOUT_RELATIONS
from tests.conftest import Connect

BROUGHT = """
SELECT c.relname FROM pg_depend AS d JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
WHERE d.deptype = 'e' AND c.relkind <> 'c' AND c.relname NOT LIKE 'pg\\_%'
"""


@pytest.mark.matrix
def test_extensions_without_relations_bring_none(each_database: str, connect: Connect) -> None:
    connection, made = connect(each_database), 0
    for (name,) in connection.execute("SELECT name FROM pg_available_extensions").fetchall():
        if name in WITHOUT_RELATIONS:
            try:
                connection.execute(f'CREATE EXTENSION IF NOT EXISTS "{name}" CASCADE'.encode())
            except psycopg.Error:
                continue  # its library, or a language, is not on this machine
            made += 1
    assert connection.execute(BROUGHT.encode()).fetchall() == []
    assert made > 20
