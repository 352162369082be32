"""Which columns a query reads and writes; what is missing; what cannot be told."""

import pytest

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Schema, Table, TypeName, View
from migrate_safe.sql.resolve import ColumnUse, Uses, uses_of

MERGE = """
    MERGE INTO users u USING orders o ON u.id = o.user_id
    WHEN MATCHED AND o.total > 1 THEN UPDATE SET email = '' WHEN NOT MATCHED THEN INSERT (id) VALUES (o.id)
"""


def table(name: str, *columns: str, schema: str = "public", partial: bool = False) -> Table:
    return Table(Name(schema, name), tuple(Column(c, TypeName("text")) for c in columns), partial=partial)


TABLES = (
    table("users", "id", "email", "Full Name"),
    table("orders", "id", "user_id", "total"),
    table("users", "zid", schema="other"),
    table("sketch", "a", partial=True),
)
VIEW = View(Name("public", "report"))
SCHEMA = Schema(tables={t.name: t for t in TABLES}, views={VIEW.name: VIEW}, complete=True)


def short(uses: frozenset[ColumnUse]) -> list[str]:
    return sorted(f"{use.table.name}.{use.column}" for use in uses)


def certain(sql: str) -> Uses:
    uses = uses_of(sql, SCHEMA)
    assert (uses.missing, uses.unsure) == ((), ())
    return uses


@pytest.mark.parametrize(
    ("sql", "reads", "writes"),
    [
        ("SELECT id FROM users WHERE email = %s", ["users.email", "users.id"], []),
        ('SELECT "Full Name", ctid FROM users', ["users.Full Name"], []),
        ("SELECT u.id, total FROM users u JOIN orders o ON o.user_id = u.id",
         ["orders.total", "orders.user_id", "users.id"], []),
        ("SELECT * FROM orders", ["orders.id", "orders.total", "orders.user_id"], []),
        ("SELECT zid FROM other.users", ["users.zid"], []),
        ("WITH c AS (SELECT email AS e FROM users) SELECT e FROM c", ["users.email"], []),
        ("SELECT (SELECT max(total) FROM orders WHERE user_id = users.id) FROM users",
         ["orders.total", "orders.user_id", "users.id"], []),
        ("SELECT x.total FROM users u, LATERAL (SELECT total FROM orders WHERE user_id = u.id) x",
         ["orders.total", "orders.user_id", "users.id"], []),
        ("INSERT INTO users (id, email) VALUES (%s, %s)", [], ["users.email", "users.id"]),
        ("INSERT INTO users VALUES (1)", [], ["users.Full Name", "users.email", "users.id"]),
        ("INSERT INTO users (email) SELECT total FROM orders RETURNING id",
         ["orders.total", "users.id"], ["users.email"]),
        ('INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET email = excluded."Full Name" || users.email',
         ["users.Full Name", "users.email", "users.id"], ["users.email", "users.id"]),
        ("UPDATE users SET email = total FROM orders WHERE user_id = users.id RETURNING orders.id",
         ["orders.id", "orders.total", "orders.user_id", "users.id"], ["users.email"]),
        ("UPDATE users SET (id, email) = (SELECT user_id, total FROM orders)",
         ["orders.total", "orders.user_id"], ["users.email", "users.id"]),
        ("DELETE FROM users USING orders WHERE total = 0 AND user_id = users.id",
         ["orders.total", "orders.user_id", "users.id"], []),
        ("WITH d AS (DELETE FROM orders WHERE total = 0 RETURNING user_id) UPDATE users SET email = '' FROM d",
         ["orders.total", "orders.user_id"], ["users.email"]),
        (MERGE,
         ["orders.id", "orders.total", "orders.user_id", "users.id"], ["users.email", "users.id"]),
    ],
)  # fmt: skip
def test_reads_and_writes(sql: str, reads: list[str], writes: list[str]) -> None:
    uses = certain(sql)
    assert (short(uses.reads), short(uses.writes)) == (reads, writes)


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("SELECT nope FROM users", "column nope"),
        ("SELECT u.nope FROM users u", "column nope"),
        ("SELECT * FROM nope", "relation public.nope"),
        ("SELECT full_name FROM users", "column full_name"),
        ("SELECT zid FROM users", "column zid"),
        ("INSERT INTO users (nope) VALUES (1)", "column public.users.nope"),
        ("UPDATE users SET nope = 1", "column public.users.nope"),
        ("UPDATE users SET email = nope", "column nope"),
        ("DELETE FROM users WHERE nope = 1", "column nope"),
        ("DELETE FROM users RETURNING nope", "column nope"),
        ("INSERT INTO users (id) VALUES (1) ON CONFLICT (nope) DO NOTHING", "column public.users.nope"),
        ("INSERT INTO users (id) VALUES (1) ON CONFLICT ON CONSTRAINT nope DO NOTHING",
         "constraint nope of public.users"),
    ],
)  # fmt: skip
def test_what_the_schema_does_not_have_is_missing(sql: str, missing: str) -> None:
    uses = uses_of(sql, SCHEMA)
    assert missing in uses.missing
    assert uses.unsure == ()


@pytest.mark.parametrize(
    ("sql", "unsure"),
    [
        ("SELECT a FROM report", "public.report is a view"),
        ("SELECT b FROM sketch", "column b was not found"),
        ("UPDATE sketch SET b = 1", "column public.sketch.b was not found"),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT 1; SELECT 2", "2 statements in one query"),
    ],
)
def test_what_cannot_be_told_is_unsure(sql: str, unsure: str) -> None:
    uses = uses_of(sql, SCHEMA)
    assert unsure in uses.unsure
    assert uses.missing == ()


def test_on_an_incomplete_schema_nothing_is_missing_for_certain() -> None:
    uses = uses_of("SELECT a FROM nope", Schema(tables={TABLES[0].name: TABLES[0]}))
    assert uses.missing == ()
    assert "relation public.nope is not known" in uses.unsure
