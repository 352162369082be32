"""Values that a driver has written into the text of a query."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate_safe.model.names import quote_literal
from migrate_safe.sql.generalise import generalise, shape
from migrate_safe.sql.queries import prepare_form
from tests.conftest import Connect


@pytest.mark.parametrize(
    ("sql", "general", "types"),
    [
        ("SELECT 1 AS a FROM t WHERE a = -5", "SELECT 1 AS a FROM t WHERE a = $1", ("integer",)),
        ("SELECT a FROM t WHERE b IN (1, 'x')", "SELECT a FROM t WHERE b IN ($1, $2)", ("integer", "")),
        ("SELECT a FROM t WHERE b > interval '1 day'", None, ()),
        ("SELECT a FROM t WHERE b BETWEEN 1.5 AND 2e-3", "SELECT a FROM t WHERE b BETWEEN $1 AND $2", ("numeric",) * 2),
        ("SELECT f('x', 1) FROM t GROUP BY f('x', 1) ORDER BY 1", None, ()),
        ("SELECT a FROM t LIMIT 5 OFFSET 9999999999", "SELECT a FROM t LIMIT $1 OFFSET $2", ("integer", "bigint")),
        ("INSERT INTO t VALUES (1, NULL, true, 'é')", "INSERT INTO t VALUES ($1, NULL, true, $2)", ("integer", "")),
        ("UPDATE t SET a = E'it\\'s' WHERE b = 'x'::text", "UPDATE t SET a = $1 WHERE b = $2::text", ("", "")),
        ("DELETE FROM t WHERE a = $1 AND b = 2", None, ()),
        ("SELECT a FROM t WHERE b = /* 7 */ 3", "SELECT a FROM t WHERE b = /* 7 */ $1", ("integer",)),
        ("CREATE TABLE t (a int DEFAULT 1)", None, ()),
        ("nonsense 1", None, ()),
    ],
)
def test_values_become_parameters_and_what_belongs_to_the_query_stays(sql, general, types):
    found = generalise(sql)
    assert (found.sql, found.types) == (general or sql, types)


letters = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(st.one_of(st.integers(), letters, st.none()), min_size=1, max_size=6))
def test_any_values_make_one_query(values):
    written = ["NULL" if v is None else quote_literal(v).lstrip() if isinstance(v, str) else str(v) for v in values]
    number = count(1)
    general = ["NULL" if v is None else f"${next(number)}" for v in values]
    found = generalise(f"INSERT INTO t VALUES ({', '.join(written)})")
    assert found.sql == f"INSERT INTO t VALUES ({', '.join(general)})"
    assert len(found.types) == sum(v is not None for v in values)
    assert prepare_form(found.sql, recorded=True).problem is None


def test_queries_differ_that_differ_in_more_than_values():
    assert shape("SELECT a FROM t WHERE b IN (1, 2)") == shape("SELECT a FROM t WHERE b IN ($1, $2, $3)")
    assert shape("SELECT a FROM t WHERE b = 1") != shape("SELECT a FROM t WHERE c = 1")
    assert shape("nonsense 1") != shape("nonsense 2")


NUMBERS = "0 -5 2147483647 2147483648 -2147483648 -2147483649 9223372036854775808 -9223372036854775808 1.5 2e3"


@pytest.mark.matrix
@pytest.mark.parametrize("number", NUMBERS.split())
def test_numbers_have_the_types_of_the_server(each_database: str, connect: Connect, number: str):
    row = connect(each_database).execute(f"SELECT pg_typeof({number})::text".encode()).fetchone()
    assert generalise(f"SELECT a FROM t WHERE a = {number}").types == row
