"""Deep nesting is read as far as it may go, and refused with the reason beyond: nothing ends the process."""

import pytest

from migrate_safe.model.statement import CreateTable, Dml, DropTable, Unparsed
from migrate_safe.sql.parse import parse_statements
from migrate_safe.sql.tree import MAX_DEPTH
from tests.sql.reading import action, script

CHAINS = {
    "operators": lambda n: "SELECT " + "||".join(["a"] * n),
    "calls": lambda n: "SELECT " + "f(" * n + "1" + ")" * n,
    "unions": lambda n: " UNION ".join(["SELECT 1"] * n),
    "subqueries": lambda n: "SELECT " + "(SELECT " * n + "1" + ")" * n,
    "joins": lambda n: "SELECT * FROM a" + " JOIN b USING (x)" * n,
    "casts": lambda n: "SELECT a" + "::int" * n,
    "nots": lambda n: "SELECT " + "NOT " * n + "a",
    "cases": lambda n: "SELECT " + "CASE WHEN a THEN 1 ELSE " * n + "1" + " END" * n,
    "arrays": lambda n: "SELECT " + "ARRAY[" * n + "1" + "]" * n,
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("depth", [60, 100, 1000])
def test_statements_of_programs_are_read(chain: str, depth: int) -> None:
    assert isinstance(action(CHAINS[chain](depth)), Dml)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("depth", [20_000])
def test_beyond_all_measure_is_refused_with_the_reason(chain: str, depth: int) -> None:
    read = script(f"DROP TABLE a;\n{CHAINS[chain](depth)};\nDROP TABLE b")
    assert [type(s.action) for s in read.statements] == [DropTable, Unparsed, DropTable]
    refused = read.statements[1].action
    assert isinstance(refused, Unparsed)
    assert "deep" in refused.reason or "memory exhausted" in refused.reason


@pytest.mark.parametrize("opened", ["/*", "/*+/*-", "--x\n/*"])
def test_comments_in_comments_are_refused_before_the_scanner_takes_hours(opened: str) -> None:
    read = script(f"DROP TABLE a;\nSELECT 1 {opened * 300_000}")
    assert [type(s.action) for s in read.statements] == [DropTable, Unparsed]


def test_a_line_of_signs_is_no_nesting() -> None:
    assert isinstance(action("SELECT 1 -- " + "*/" * 50_000), Dml)
    assert isinstance(action("SELECT 1 /* " + "=" * 50_000 + " */"), Dml)


def test_long_is_not_deep() -> None:
    rows = ", ".join(f"({n}, 'a' || 'b')" for n in range(MAX_DEPTH + 1_000))
    conditions = " OR ".join(f"a = {n}" for n in range(MAX_DEPTH + 1_000))
    columns = ", ".join(f"c{n} text DEFAULT 'x' NOT NULL" for n in range(1_200))
    assert isinstance(action(f"INSERT INTO t VALUES {rows}"), Dml)
    assert isinstance(action(f"DELETE FROM t WHERE {conditions}"), Dml)
    assert isinstance(action(f"CREATE TABLE t ({columns})"), CreateTable)


def test_a_deep_default_keeps_its_facts_without_text() -> None:
    read = action("CREATE TABLE t (a text DEFAULT " + " || ".join(["f()"] * (MAX_DEPTH // 4)) + ")")
    assert isinstance(read, CreateTable)
    default = read.columns[0].column.default
    assert default is not None
    assert {str(name) for name in default.functions} == {"f"}
    assert not default.constant


def test_shallow_statements_are_read_as_before_after_a_deep_one() -> None:
    deep, shallow = parse_statements(CHAINS["operators"](500) + "; SELECT a FROM b")
    assert isinstance(deep.action, Dml)
    assert isinstance(shallow.action, Dml)
