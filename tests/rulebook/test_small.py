"""On tables that a server knows to be small, what grows with their size is a notice; nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.app.lint import LintRequest, lint
from migrate_safe.model.finding import Severity
from migrate_safe.model.preferences import Preferences, SmallTable

GIVEN = """
CREATE TABLE little (id bigint PRIMARY KEY, a int, b varchar(20));
CREATE TABLE large (id bigint PRIMARY KEY, a int, b varchar(20));
CREATE TABLE untold (id bigint PRIMARY KEY, a int) WITH (autovacuum_enabled = false);
INSERT INTO little SELECT n, n, 'x' FROM generate_series(1, 100) n;
INSERT INTO large SELECT n, n, 'x' FROM generate_series(1, 20000) n;
CREATE TABLE empty (id bigint PRIMARY KEY, a int);
ANALYZE little, large, empty;
"""
ROWS, BYTES = SmallTable(rows=1000), SmallTable(bytes=100_000)


@pytest.fixture
def levels(tmp_path: Path, database, connect):
    """Give rule, severity and message of what is found in a migration on that database."""
    connect(database).execute(GIVEN)

    def ask(sql: str, small: SmallTable | None, **more) -> dict[str, tuple[str, str]]:
        (tmp_path / "1.sql").write_text(f"SET lock_timeout = '1s';\n{sql}\n")
        preferences = (Preferences(small_table=small, **more),)
        report = lint(LintRequest((tmp_path / "1.sql",), schema=(database,), preferences=preferences)).report
        return {f.rule: (str(f.severity), f.message) for f in report.findings}

    return ask


@pytest.mark.parametrize("small", [ROWS, BYTES])
@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("CREATE INDEX i ON {} (a);", "index-not-concurrent"),
        ("ALTER TABLE {} ADD CHECK (a > 0);", "add-check-scan"),
        ("ALTER TABLE {} ALTER a TYPE bigint;", "column-type-rewrite"),
        ("ALTER TABLE {} ADD COLUMN c float DEFAULT random();", "add-column-rewrite"),
        ("ALTER TABLE {} ADD UNIQUE (a);", "constraint-builds-index"),
    ],
)
def test_on_a_small_table_it_is_a_notice_that_says_the_size(levels, sql, rule, small):
    severity, message = levels(sql.format("little"), small)[rule]
    assert severity == Severity.NOTICE
    assert "public.little is small, about 100 rows and 8 kB" in message
    assert levels(sql.format("large"), small)[rule][0] == Severity.ERROR
    assert levels(sql.format("little"), None)[rule][0] == Severity.ERROR


@pytest.mark.parametrize("small", [ROWS, BYTES])
def test_a_table_that_is_known_to_be_empty_is_small(levels, small):
    severity, message = levels("CREATE INDEX i ON empty (a);", small)["index-not-concurrent"]
    assert severity == Severity.NOTICE
    assert "public.empty is small, about 0 rows and 0 bytes" in message


def test_a_size_that_is_not_known_changes_nothing(levels):
    assert levels("CREATE INDEX i ON untold (a);", BYTES)["index-not-concurrent"][0] == Severity.ERROR


def test_every_table_has_to_be_small(levels):
    key = "ALTER TABLE {} ADD FOREIGN KEY (a) REFERENCES {};"
    assert levels(key.format("little", "large"), ROWS)["add-foreign-key-scan"][0] == Severity.ERROR
    assert levels(key.format("large", "little"), ROWS)["add-foreign-key-scan"][0] == Severity.ERROR


def test_what_does_not_grow_with_size_stays_what_it_is(levels):
    found = levels("BEGIN; CREATE INDEX CONCURRENTLY i ON little (a); COMMIT; ALTER TABLE little DROP COLUMN a;", ROWS)
    assert found["concurrently-in-transaction"][0] == Severity.ERROR
    assert found["drop-column"][0] == Severity.WARNING


def test_a_table_of_settings_may_mean_other_files(levels):
    assert (
        levels("CREATE INDEX i ON little (a);", ROWS, match=("nowhere",))["index-not-concurrent"][0] == Severity.ERROR
    )
