from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, Refusal, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text, email text, tags int[]);
INSERT INTO users (name, email, tags) SELECT 'user ' || g, g, ARRAY[g] FROM generate_series(1, 200) g;
"""
WRITE = (
    "INSERT INTO users (name, email) VALUES ('by app', %(n)s::text || '@') RETURNING id, email",
    "UPDATE users SET email = '@' || %(n)s::text WHERE id = 3 RETURNING id, email",
)
SEEN = "SELECT id, email FROM users"


def case(name: str, migration: str, phases: tuple[str, ...] = ("expand",)) -> Case:
    return Case(name, BEFORE, migration, WRITE, WRITE, SEEN, SEEN, expected_phases=phases)


CASES = (
    case("plain", "CREATE INDEX ON users (name DESC NULLS LAST, lower(email)) INCLUDE (tags) WITH (fillfactor = 70);"),
    case("methods", "CREATE INDEX ON users USING gin (tags); CREATE INDEX IF NOT EXISTS h ON users USING hash (name);"),
    case("twice", "CREATE INDEX ON users (name); CREATE INDEX ON users (name) WHERE id > 7;"),
    case(
        "long-name",
        f"CREATE INDEX {'i' * 63} ON users (name); CREATE INDEX ON users (name, email, name, email, name, email, name,"
        " email, name, email, name, email, name, email);",
    ),
    case("unique", "CREATE UNIQUE INDEX ON users (email);", ("contract",)),
    case(
        "declared",
        "-- migrate-safe: old-app-keeps since v3\nCREATE UNIQUE INDEX u ON users (email, name);",
        ("migrate",),
    ),
    case("dropped-again", "CREATE INDEX i ON users (name); DROP INDEX i; CREATE INDEX j ON users (name);"),
)
STORED = "CREATE MATERIALIZED VIEW mails AS SELECT id, email FROM users;"
CASES += (
    Case(
        "materialized-view",
        BEFORE + STORED,
        """
        CREATE INDEX i ON mails (lower(email)); CREATE UNIQUE INDEX ON mails (id); CREATE INDEX ON users (name);
        CREATE MATERIALIZED VIEW names AS SELECT id, name FROM users; CREATE UNIQUE INDEX ON names (id);
        """,
        WRITE,
        (*WRITE, "REFRESH MATERIALIZED VIEW mails", "REFRESH MATERIALIZED VIEW CONCURRENTLY names"),
        SEEN,
        SEEN,
        expected_phases=("expand", "migrate", "contract"),
    ),
    Case(
        "again",
        BEFORE + "CREATE INDEX i ON users (name); CREATE UNIQUE INDEX u ON users (id, email);",
        "DROP INDEX i; CREATE INDEX i ON users (email, name); COMMENT ON INDEX i IS 'new';"
        " DROP INDEX u; CREATE INDEX u ON users (email);",
        WRITE,
        WRITE,
        SEEN,
        SEEN,
        expected_phases=("expand", "contract", "purge"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_duplicates_stop_a_unique_index_before_it_is_built(each_database: str) -> None:
    unique = next(c for c in CASES if c.name == "unique")
    with life(unique, each_database) as it:
        it.owner.execute("INSERT INTO users (email) VALUES ('same'), ('same')")
        with pytest.raises(Refusal, match=r"several rows with the same email.*same"):
            list(it.forward(len(it.plan.steps)))
        assert it.position == 0
