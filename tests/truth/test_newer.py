"""Which major brought which syntax: a server takes a statement from that major on, and not before."""

from __future__ import annotations

import psycopg
import pytest

from migrate_safe.sql.newer import SINCE, newest_feature
from tests.truth.run import RESET, Bench

TABLES = """
CREATE TABLE s (id int PRIMARY KEY, b int);
CREATE TABLE t (id int PRIMARY KEY, a int, b int, x text, g int GENERATED ALWAYS AS (1) STORED);
ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES s;
"""
SPANS = "CREATE TABLE spans (x int4range, r int4range, PRIMARY KEY (x, r WITHOUT OVERLAPS));"
HELD = "CREATE TABLE held (a int CONSTRAINT n NOT NULL NO INHERIT);"
# statement, what it needs that older servers may not know either
STATEMENTS = [
    ("MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE", ""),
    ("CREATE UNIQUE INDEX ON t (a) NULLS NOT DISTINCT", ""),
    ("ALTER TABLE t ADD UNIQUE NULLS NOT DISTINCT (a)", ""),
    ("CREATE TABLE n (a int, FOREIGN KEY (a) REFERENCES s ON DELETE SET NULL (a))", ""),
    ("CREATE PUBLICATION px FOR TABLE t (id)", ""),
    ("CREATE PUBLICATION px FOR TABLE t WHERE (id > 0)", ""),
    ("CREATE PUBLICATION px FOR TABLES IN SCHEMA public", ""),
    ("ALTER TABLE t SET ACCESS METHOD heap", ""),
    ("CREATE TABLE n (a text STORAGE EXTERNAL)", ""),
    ("SELECT 1 FROM (SELECT 1)", ""),
    ("CREATE STATISTICS ON a, b FROM t", ""),
    ("REINDEX SYSTEM", ""),
    ("SELECT '{}' IS JSON", ""),
    ("SELECT JSON_OBJECT('a': 1)", ""),
    ("SELECT JSON_ARRAY(1)", ""),
    ("SELECT JSON_ARRAY(SELECT 1)", ""),
    ("SELECT JSON_OBJECTAGG(id: a) FROM t", ""),
    ("SELECT JSON_ARRAYAGG(a) FROM t", ""),
    ("ALTER TABLE t ALTER g SET EXPRESSION AS (2)", ""),
    ("MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE RETURNING t.id", ""),
    ("MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE", ""),
    ("SELECT JSON_VALUE('{}'::jsonb, '$.a')", ""),
    ("SELECT * FROM JSON_TABLE('{}'::jsonb, '$' COLUMNS (a int)) x", ""),
    ("SELECT JSON('{}' WITH UNIQUE KEYS)", ""),
    ("SELECT JSON_SCALAR(1)", ""),
    ("SELECT JSON_SERIALIZE('{}')", ""),
    ("CREATE TABLE n (a int, CONSTRAINT c NOT NULL a)", ""),
    ("ALTER TABLE t ADD CONSTRAINT c NOT NULL a", ""),
    ("ALTER TABLE t ADD CHECK (a > 0) NOT ENFORCED", ""),
    ("CREATE TABLE n (a int CHECK (a > 0) ENFORCED)", ""),
    ("ALTER TABLE t ALTER CONSTRAINT k NOT ENFORCED", ""),
    (SPANS.rstrip(";"), ""),
    ("CREATE TABLE n (x int4range, r int4range, FOREIGN KEY (x, PERIOD r) REFERENCES spans (x, PERIOD r))", SPANS),
    ("ALTER TABLE held ALTER CONSTRAINT n INHERIT", HELD),
    ("VACUUM (PROCESS_MAIN FALSE) t", ""),
    ("VACUUM (SKIP_DATABASE_STATS) t", ""),
    ("VACUUM (ONLY_DATABASE_STATS)", ""),
    ("VACUUM (BUFFER_USAGE_LIMIT '1MB') t", ""),
    ("ANALYZE (BUFFER_USAGE_LIMIT '1MB') t", ""),
    ("CREATE PUBLICATION px FOR TABLE t WITH (publish_generated_columns = 'stored')", ""),
    ("ALTER PUBLICATION px SET (publish_generated_columns = 'stored')", "CREATE PUBLICATION px;"),
    ("ALTER TABLE t ALTER b SET STORAGE DEFAULT", ""),
    ("ALTER TABLE t ALTER b SET STATISTICS DEFAULT", ""),
    ("ANALYZE ONLY t", ""),
    ("UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.a", ""),
]


def test_every_piece_of_syntax_is_shown() -> None:
    shown = [newest_feature(sql) for sql, _ in STATEMENTS]
    assert {f.words for f in shown if f is not None} == {words for _, _, words, _ in SINCE}


@pytest.mark.parametrize(("sql", "needs"), STATEMENTS, ids=[sql for sql, _ in STATEMENTS])
def test_the_server_takes_it_from_that_major_on(bench: Bench, sql: str, needs: str) -> None:
    connection, feature = bench.connection, newest_feature(sql)
    assert feature is not None
    known = connection.info.server_version // 10000 >= feature.since
    connection.execute("RESET ALL")
    connection.execute(RESET)
    connection.execute(TABLES)
    connection.execute("BEGIN")
    try:
        if needs and (known or "PUBLICATION" in needs):
            connection.execute(needs.encode())
        connection.execute(sql.encode())
        taken = True
    except psycopg.errors.ActiveSqlTransaction:
        taken = True
    except (psycopg.errors.SyntaxError, psycopg.errors.UndefinedFunction):
        taken = False
    finally:
        connection.execute("ROLLBACK")
    assert taken == known
