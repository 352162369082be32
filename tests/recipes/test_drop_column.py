from __future__ import annotations

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.diff import diff
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Phase, PlanSource
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.planner.build import build_plan
from migrate_safe.sql.parse import parse_script
from tests.recipes.lifecycle import Case, Refusal, assert_same, contract_and_back, life, live, plain_end, there_and_back
from tests.support.pg import PgTools

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text, {column});
INSERT INTO users (name, email) SELECT 'n' || g, g FROM generate_series(1, 200) g;
{more}
"""
OLD = (
    "INSERT INTO users (name, email) VALUES ('old', '@' || %(n)s::text) RETURNING id, name",
    "SELECT email FROM users WHERE id = %(n)s",
)
NEW = (
    "INSERT INTO users (name) VALUES ('new' || %(n)s::text) RETURNING id, name",
    "UPDATE users SET name = 'n' || %(n)s::text WHERE id = 3 RETURNING id, name",
)
SEEN = "SELECT id, name FROM users"
DROP = "ALTER TABLE users DROP COLUMN email;"


def case(
    name: str, column: str, more: str = "", drop: str = DROP, phases: tuple[str, ...] = ("contract", "purge")
) -> Case:
    before = BEFORE.format(column=column, more=more)
    return Case(name, before, drop, OLD, NEW, SEEN, SEEN, expected_phases=phases)


CASES = (
    case("nullable", "email text UNIQUE", "CREATE INDEX ON users (name, email); COMMENT ON COLUMN users.email IS 'x';"),
    case(
        "default",
        "email text NOT NULL DEFAULT 'x' CHECK (email <> name)",
        drop="ALTER TABLE users DROP IF EXISTS email;",
        phases=("expand", "contract", "purge"),
    ),
    case(
        "reserved",
        '"order" int, email text',
        'ALTER TABLE users ADD "to" int;',
        'ALTER TABLE users DROP COLUMN "order", DROP email, DROP "to";',
    ),
)


HELD = """
CREATE TABLE far (k text PRIMARY KEY); INSERT INTO far SELECT g FROM generate_series(1, 400) g;
ALTER TABLE users ADD CONSTRAINT refers FOREIGN KEY (email) REFERENCES far,
    ADD CONSTRAINT acts FOREIGN KEY (email) REFERENCES far ON DELETE CASCADE NOT VALID,
    ADD CONSTRAINT clears FOREIGN KEY (email) REFERENCES far ON DELETE SET NULL ON UPDATE CASCADE,
    ADD CONSTRAINT two CHECK (name <> 'n-7' OR email = '7'), ADD CONSTRAINT pair UNIQUE (email, name);
CREATE UNIQUE INDEX pairs ON users (name, lower(email)); COMMENT ON CONSTRAINT acts ON users IS 'a';
"""


def test_what_would_act_on_rows_from_before_is_lifted(each_server: ScratchServer, each_database: str) -> None:
    held = case("held", "email text", HELD, phases=("expand", "contract", "purge"))
    plan = live(replace(held, old=OLD[1:]), each_server, each_database)
    ids = {s.id.removesuffix(".public.users.email") for s in plan.steps if "users.clears" in s.id or "pair" in s.id}
    assert {i.split(".")[0] for i in ids} == {"contract"}
    assert not any("clears" in i for i in ids)
    with life(replace(held, old=OLD[1:]), each_server.create_database()) as it:
        list(it.forward(it.plan.end_of(Phase.EXPAND)))
        it.owner.execute("UPDATE users SET name = 'n-7' WHERE id = 9")
        list(it.forward(it.plan.end_of(Phase.CONTRACT)))
        it.owner.execute("UPDATE users SET name = 'n-7'")
        it.owner.execute("DELETE FROM far")
        assert it.owner.execute("SELECT count(*) FROM users").fetchone() == (200,)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


REQUIRED = case("required", "email text NOT NULL", phases=("expand", "contract", "purge"))


def test_a_required_column_is_relaxed_before_the_new_app_starts(each_server: ScratchServer, each_database: str) -> None:
    with life(REQUIRED, each_database) as it:
        start = read_schema(it.owner)
        there_and_back(it, it.plan.end_of(Phase.MIGRATE), start)
        list(it.forward(it.plan.end_of(Phase.MIGRATE)))
        it.use("old", "new", "old")
        both = read_schema(it.owner)
        contract_and_back(it, it.position, it.plan.end_of(Phase.CONTRACT), both)
        with pytest.raises(Refusal, match="rows without email"):
            list(it.back(0))
        it.owner.execute("UPDATE users SET email = '?' WHERE email IS NULL")
        list(it.back(0))
        assert diff(start, read_schema(it.owner)) == ()
        list(it.forward(len(it.plan.steps)))
        it.use("new")
        tools = PgTools.of(each_server)
        assert_same(tools.dump_schema(each_database), plain_end(REQUIRED, each_server, tools))


SHARED = """
CREATE INDEX plain ON users (name, email); CREATE UNIQUE INDEX part ON users (name) WHERE email = '';
CREATE INDEX covering ON users (name) INCLUDE (email); CREATE INDEX computed ON users (lower(name || email));
ALTER TABLE users ADD CONSTRAINT once UNIQUE (name, email), ADD CONSTRAINT either CHECK (name <> '' OR email <> '');
CREATE INDEX kept ON users (lower(name)); ALTER TABLE users ADD CONSTRAINT filled CHECK (name <> '');
"""
RENAME = "ALTER TABLE users RENAME COLUMN name TO full_name;"


@pytest.mark.parametrize("migration", [RENAME + DROP, DROP + RENAME], ids=["rename-first", "drop-first"])
def test_what_a_renamed_and_a_dropped_column_share_goes_with_the_drop(
    migration: str, each_server: ScratchServer, each_database: str
) -> None:
    phases = ("expand", "migrate", "contract", "purge")
    shared = case("shared", "email text", SHARED, migration, phases)
    new = tuple(text.replace("name", "full_name") for text in NEW)
    live(replace(shared, new=new, seen_by_new=SEEN.replace("name", "full_name")), each_server, each_database)


LOOSE = case(
    "loose",
    "email text CONSTRAINT sent CHECK (email IS NOT NULL), x text",
    """
    CREATE TABLE pairs (a text, b text, PRIMARY KEY (a, b));
    INSERT INTO pairs SELECT g, g FROM generate_series(1, 200) g;
    UPDATE users SET x = email; ALTER TABLE users ADD CONSTRAINT two CHECK (num_nonnulls(name, email) = 2) NOT VALID,
        ADD CONSTRAINT pair FOREIGN KEY (x, email) REFERENCES pairs MATCH FULL DEFERRABLE,
        ADD CONSTRAINT plain CHECK (email <> '' AND length(email) < 99);
    COMMENT ON CONSTRAINT two ON users IS 'b';
    """,
    phases=("expand", "contract", "purge"),
)


def test_what_would_refuse_rows_without_the_column_is_put_aside_first(
    each_server: ScratchServer, each_database: str
) -> None:
    old = ("SELECT email FROM users WHERE id = %(n)s",)
    new = ("INSERT INTO users (name, x) VALUES ('new' || %(n)s::text, '1') RETURNING id, name",)
    with life(replace(LOOSE, old=old, new=new), each_database) as it:
        start = read_schema(it.owner)
        does = ["quiet sent", "prove sent", "quiet two", "quiet pair", "prove pair"]
        expand = {s.id for s in it.plan.steps[: it.plan.end_of(Phase.EXPAND)]}
        assert expand == {f"expand.{x.replace(' ', '-constraint.public.users.')}" for x in does}
        there_and_back(it, it.plan.end_of(Phase.MIGRATE), start)
        list(it.forward(it.plan.end_of(Phase.MIGRATE)))
        it.use("old", "new", "old")
        with pytest.raises(Refusal, match="rows whose key is not in"):
            list(it.back(0))
        it.owner.execute("UPDATE users SET email = 1, x = 1 WHERE email IS NULL")
        list(it.back(0))
        assert diff(start, read_schema(it.owner)) == ()
        list(it.forward(len(it.plan.steps)))
        it.use("new")
        tools = PgTools.of(each_server)
        assert_same(tools.dump_schema(each_database), plain_end(LOOSE, each_server, tools))


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("k text NOT NULL DEFAULT 'x' UNIQUE", "unique index t_k_key"),
        ("k text, UNIQUE NULLS NOT DISTINCT (k)", "unique index t_k_key"),
        ("k d", "domain public.d, which takes no NULL"),
        ("k text DEFAULT 'x', EXCLUDE USING btree (k WITH =)", "exclusion constraint t_k_excl"),
        ("k int, a int, EXCLUDE USING btree (k WITH =, a WITH =)", "exclusion constraint t_k_a_excl, when they change"),
        ("k text DEFAULT gen_random_uuid() UNIQUE, a int, UNIQUE (a, k)", ""),
        ("k f, a text UNIQUE, UNIQUE (a, k)", ""),
        ("k text DEFAULT 'x' CHECK (k IN ('x', 'y')), a text UNIQUE", ""),
    ],
)
def test_what_would_refuse_them_and_cannot_be_put_aside_bars_the_plan(table: str, named: str) -> None:
    domains = "CREATE DOMAIN d AS text CHECK (VALUE IS NOT NULL); CREATE DOMAIN f AS text CHECK (VALUE <> '');"
    text = f"{domains} CREATE TABLE t (id int PRIMARY KEY, {table});"
    schema = fold(Schema(), parse_script(Source("s.sql", text)))
    script = parse_script(Source("m.sql", "ALTER TABLE t DROP COLUMN k;"))
    if not named:
        made = build_plan(script, schema, name="p", source=PlanSource("m.sql", "00"))
        assert {s.phase for s in made.steps} == {Phase.CONTRACT, Phase.PURGE}
        return
    with pytest.raises(Refused, match=f"rows of the new app may be refused by {named}"):
        build_plan(script, schema, name="p", source=PlanSource("m.sql", "00"))
