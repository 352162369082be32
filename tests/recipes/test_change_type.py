from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
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


BESIDE = replace(
    WIDENED,
    name="beside",
    migration="""
    ALTER TABLE users ALTER name TYPE varchar(40), ALTER name DROP NOT NULL, ALTER id TYPE int, ALTER note TYPE text;
    CREATE INDEX ON users (note);
    ALTER TABLE users ALTER price TYPE numeric(10, 2), ALTER price SET NOT NULL, ADD UNIQUE (note, id);
    """,
    old=("INSERT INTO users (id, name, price) VALUES (100 + %(n)s, 'o' || %(n)s::text, 1) RETURNING id, name::text",),
    new=("INSERT INTO users (id, name, price) VALUES (100 + %(n)s, 'n' || %(n)s::text, 1) RETURNING id, name::text",),
    expected_phases=("expand", "contract"),
)


@pytest.mark.parametrize("case", (WIDENED, BESIDE), ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_longer_values_stop_the_way_back_of_a_longer_type(database: str) -> None:
    names = Case("longer", "CREATE TABLE t (id int, n varchar(3))", "ALTER TABLE t ALTER n TYPE varchar(9)", (), ())
    with life(names, database) as it:
        list(it.forward(1))
        it.owner.execute("INSERT INTO t VALUES (1, 'long')")
        with pytest.raises(Refusal, match=r"varying\(3\) cannot hold"):
            list(it.back(0))
