from __future__ import annotations

import psycopg
import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.plan import Phase
from migrate_safe.model.values import replace
from tests.recipes.lifecycle import Case, Refusal, life, live

WIDENED = Case(
    "widened",
    """
    CREATE TABLE users (id int PRIMARY KEY, name varchar(20) NOT NULL DEFAULT 'none' UNIQUE CHECK (length(name) > 1),
        note varchar(9), price numeric(8, 2), made timestamp(3));
    CREATE INDEX ON users (price);
    INSERT INTO users SELECT g, 'user ' || g, 'n', g, now() FROM generate_series(1, 50) g;
    """,
    """
    ALTER TABLE users ALTER name TYPE varchar(40), ALTER note TYPE text, ALTER price TYPE numeric(10, 2);
    ALTER TABLE users ALTER COLUMN made SET DATA TYPE timestamp;
    ALTER TABLE users ALTER name SET DEFAULT 'nobody';
    """,
    (
        "INSERT INTO users VALUES (100 + %(n)s, 'old' || %(n)s::text) RETURNING id, name::text",
        "UPDATE users SET note = 'x', price = %(n)s WHERE id = 3 RETURNING id, name::text",
    ),
    ("INSERT INTO users VALUES (100 + %(n)s, 'new' || %(n)s::text) RETURNING id, name::text",),
    "SELECT id, name::text FROM users",
    "SELECT id, name::text FROM users",
    expected_phases=("expand",),
)

NUMBERS = Case(
    "key",
    """
    CREATE TABLE orders (id serial PRIMARY KEY, price int NOT NULL DEFAULT 0 CHECK (price >= 0),
        code varchar(9) UNIQUE, UNIQUE (id, price));
    CREATE INDEX ON orders (price DESC, id) INCLUDE (code) WHERE price > 3;
    COMMENT ON COLUMN orders.price IS 'in cents';
    INSERT INTO orders (price, code) SELECT g, 'c' || g FROM generate_series(1, 50) g;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.code := NEW.code; RETURN NEW; END';
    CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
    """,
    "ALTER TABLE orders ALTER price TYPE bigint, ALTER price SET DEFAULT 7;",
    (
        "INSERT INTO orders (price, code) VALUES (%(n)s, 'o' || %(n)s::text) RETURNING id, price::text",
        "UPDATE orders SET price = price + 1 WHERE id = 3 RETURNING id, price::text",
    ),
    (
        """INSERT INTO orders (id, price, code) VALUES (1000 + %(n)s, %(n)s, 'n' || %(n)s::text)
        ON CONFLICT (id) DO NOTHING RETURNING id, price::text""",
        "UPDATE orders SET price = %(n)s WHERE id = 4 RETURNING id, price::text",
    ),
    "SELECT id, price::text FROM orders",
    "SELECT id, price::text FROM orders",
)

KEY = Case(
    "primary",
    """
    CREATE TABLE far (id int PRIMARY KEY);
    INSERT INTO far SELECT g FROM generate_series(1, 9999) g;
    CREATE TABLE lines (a int, b serial CONSTRAINT away REFERENCES far ON DELETE CASCADE, note text DEFAULT 'x',
        PRIMARY KEY (b, a));
    INSERT INTO lines (a) SELECT g FROM generate_series(1, 50) g;
    """,
    "ALTER TABLE lines ALTER b TYPE bigint;",
    (
        "INSERT INTO lines (a, note) VALUES (%(n)s + 100, 'o' || %(n)s::text) RETURNING a, note",
        "UPDATE lines SET note = 'p' || %(n)s::text WHERE b = 4 RETURNING a, note",
    ),
    (
        """INSERT INTO lines (a, b, note) VALUES (%(n)s + 100, %(n)s + 1000, 'n' || %(n)s::text) ON CONFLICT (b, a)
        DO UPDATE SET note = excluded.note RETURNING a, note""",
    ),
    "SELECT a, note FROM lines",
    "SELECT a, note FROM lines",
)

IDENTITY = Case(
    "identity",
    """
    CREATE TABLE lines (id int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 2) PRIMARY KEY, note text);
    INSERT INTO lines (note) SELECT 'x' FROM generate_series(1, 50) g;
    """,
    "ALTER TABLE lines ALTER id TYPE bigint;",
    ("INSERT INTO lines (note) VALUES ('o' || %(n)s::text) RETURNING id::text, note",),
    ("INSERT INTO lines (note) VALUES ('n' || %(n)s::text) RETURNING id::text, note",),
    "SELECT id::text, note FROM lines",
    "SELECT id::text, note FROM lines",
)

CONVERTED = Case(
    "converted",
    """
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE t (id int PRIMARY KEY, m text NOT NULL DEFAULT 'ok');
    CREATE INDEX ON t (m);
    INSERT INTO t SELECT g, 'sad' FROM generate_series(1, 50) g;
    """,
    "ALTER TABLE t ALTER m DROP DEFAULT, ALTER m TYPE mood USING m::mood, ALTER m SET DEFAULT 'sad';",
    (
        "INSERT INTO t (id, m) VALUES (100 + %(n)s, 'ok') RETURNING id, m::text",
        "UPDATE t SET m = 'ok' WHERE id = 3 RETURNING id, m::text",
    ),
    ("UPDATE t SET m = 'ok' WHERE id = %(n)s RETURNING id, m::text",),
    "SELECT id, m::text FROM t",
    "SELECT id, m::text FROM t",
)


@pytest.mark.parametrize("case", (WIDENED, NUMBERS, KEY, IDENTITY, CONVERTED), ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


TEXTS = Case(
    "texts", "CREATE TABLE t (id int PRIMARY KEY, age text); INSERT INTO t VALUES (1, '7'), (2, NULL)", "", (), ()
)


def test_values_that_do_not_convert_stop_it_at_once_and_later_writers_are_never_refused(database: str) -> None:
    with life(replace(TEXTS, migration="ALTER TABLE t ALTER age TYPE int USING age::int"), database) as it:
        it.owner.execute("INSERT INTO t VALUES (77, 'old')")
        with pytest.raises(Refusal, match=r"do not convert to integer.*77"):
            list(it.forward(len(it.plan.steps)))
        it.owner.execute("DELETE FROM t WHERE id = 77")
        list(it.forward(it.plan.end_of(Phase.MIGRATE)))
        it.owner.execute("INSERT INTO t VALUES (78, 'older')")
        with pytest.raises(Refusal, match=r"do not convert to integer.*78"):
            list(it.forward(len(it.plan.steps)))


def test_values_that_only_the_new_type_holds_stop_the_way_back_with_their_keys(database: str) -> None:
    numbers = replace(
        TEXTS, before="CREATE TABLE t (id int PRIMARY KEY, n int)", migration="ALTER TABLE t ALTER n TYPE bigint"
    )
    with life(numbers, database) as it:
        list(it.forward(it.plan.end_of(Phase.CONTRACT)))
        it.owner.execute("INSERT INTO t (id, n) VALUES (1, 5), (79, 5000000000)")
        with pytest.raises(psycopg.errors.RaiseException, match="order of columns has changed"):
            it.owner.execute("INSERT INTO t VALUES (2, 6)")
        with pytest.raises(Refusal, match=r"integer cannot hold.*79"):
            list(it.back(0))
        it.owner.execute("UPDATE t SET n = 6 WHERE id = 79")
        list(it.back(0))
        assert it.owner.execute("SELECT id, n FROM t ORDER BY id").fetchall() == [(1, 5), (79, 6)]


def test_longer_values_stop_the_way_back_of_a_longer_type(database: str) -> None:
    names = replace(
        TEXTS, before="CREATE TABLE t (id int, n varchar(3))", migration="ALTER TABLE t ALTER n TYPE varchar(9)"
    )
    with life(names, database) as it:
        list(it.forward(1))
        it.owner.execute("INSERT INTO t VALUES (1, 'long')")
        with pytest.raises(Refusal, match=r"varying\(3\) cannot hold"):
            list(it.back(0))
