"""What the planner refuses, how it names and orders, and that its own steps are beyond reproach."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.errors import Refused, UsageError
from migrate_safe.model.plan import Plan, PlanRelease, PlanSource, Sql
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.planner.build import build_plan
from migrate_safe.planner.draft import Rank
from migrate_safe.sql.parse import parse_script
from tests.conftest import Connect
from tests.recipes.lifecycle import Case, Refusal, life
from tests.support.linted import found_in

SHOP = """
CREATE TABLE orgs (id int PRIMARY KEY);
CREATE TABLE users (id bigint PRIMARY KEY, org int REFERENCES orgs, email text NOT NULL UNIQUE, name text, age int);
CREATE INDEX ON users (lower(email));
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE days (at timestamp);
CREATE TYPE mood AS ENUM ('ok');
CREATE MATERIALIZED VIEW held AS SELECT 1 AS id;
"""


def known(sql: str = SHOP, **changes: object) -> Schema:
    schema = fold(Schema(**changes), parse_script(Source("before.sql", sql)))  # type: ignore[arg-type]
    return Schema(**{f: getattr(schema, f) for f in schema.__struct_fields__ if f != "complete"}, complete=True)


def planned(migration: str, schema: Schema | None = None, name: str = "0042") -> Plan:
    source = PlanSource("m.sql", "0" * 64)
    return build_plan(parse_script(Source("m.sql", migration)), schema or known(), name=name, source=source)


def ids(plan: Plan) -> list[str]:
    return [s.id for s in plan.steps]


# ---- refusals ------------------------------------------------------------------------------

REFUSED = {
    "ALTER TABLE users RENAME name TO a; ALTER TABLE users RENAME a TO b": "gets its name by another rename",
    "ALTER TABLE users ALTER age TYPE text USING 'a' || age": "add it above",
    "ALTER TABLE users ALTER age TYPE int USING id + age": "follow from other columns too: id",
    "ALTER TABLE users ALTER email TYPE int USING email::int": "unique index users_email_key",
    "ALTER TABLE orgs ALTER id TYPE bigint": "foreign key users_org_fkey of public.users",
    "ALTER TABLE users ALTER age TYPE bigint; CREATE INDEX ON users (age)": "changed by another statement",
    "ALTER TABLE days ALTER at TYPE timestamptz": "say which it is: USING at AT TIME ZONE 'UTC'",
    "ALTER TABLE days ALTER at TYPE text": "how at is written as text",
    "ALTER TABLE users ALTER name SET NOT NULL, ALTER name DROP NOT NULL": "is made NOT NULL by this migration",
    "ALTER TABLE users DROP CONSTRAINT users_email_key; ALTER TABLE users RENAME email TO mail": "renames the column",
    "ALTER TABLE orgs DROP CONSTRAINT orgs_pkey": "server would refuse it",
    "ALTER TABLE orgs DROP CONSTRAINT orgs_pkey CASCADE": "CASCADE takes along foreign key users_org_fkey",
    "ALTER TABLE parts ADD EXCLUDE USING btree (at WITH =)": "is a partitioned table",
    "ALTER TABLE days ADD COLUMN a int DEFAULT 1 PRIMARY KEY": "before its rows have values",
    "ALTER TABLE users ADD COLUMN a int GENERATED ALWAYS AS (age + 1) STORED": "writes every row anew",
    "ALTER TABLE users ADD PRIMARY KEY (email)": "server would refuse it",
    "ALTER TABLE users ADD EXCLUDE USING btree (age WITH =)": "only be added under a lock",
    "ALTER TABLE users SET UNLOGGED": "writes all rows",
    "ALTER TABLE users DISABLE TRIGGER ALL": "checks of foreign keys",
    "ALTER TABLE users SET SCHEMA pg_temp": "server would refuse it",
    "DROP TYPE mood CASCADE": "drops whatever depends",
    "DROP MATERIALIZED VIEW held; CREATE MATERIALIZED VIEW held AS SELECT id FROM users": "make it under another name",
    "UPDATE users SET age = 1": "locks all its rows",
    "CREATE TABLE p1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')": "partitions",
    "CREATE TABLE copy AS SELECT * FROM users": "may run long",
    "CREATE TEMP TABLE t (id int)": "lives in one session",
    "-- migrate-safe: old-app-keeps\nALTER TABLE users ALTER name SET NOT NULL": "without a reason",
    "CREATE RULE r AS ON INSERT TO users DO NOTHING": "not planned yet",
    "SET session_replication_role = replica": "may change what statements do",
    "ROLLBACK": "takes back",
    "BEGIN; ALTER TABLE users ADD x int": "never committed",
    "COMMENT ON COLUMN users.nothing IS 'x'": "server would refuse it",
    "\\i other.sql": "not SQL",
    "selec 1": "cannot be read",
    "ALTER TABLE users RENAME nothing TO something": "server would refuse it",
    "ALTER TABLE users RENAME id TO number": "the primary key",
    "ALTER TABLE users ADD x int; ALTER TABLE users RENAME x TO y": "changed by another statement",
    "CREATE INDEX ON users (name); ALTER TABLE users RENAME name TO full_name": "changed by another statement",
    "ALTER TABLE users DROP name, ADD name text; CREATE INDEX ON users (name)": "changed by another",
    "DO $$ BEGIN PERFORM 1; END $$": "not planned yet",
}


@pytest.mark.parametrize("migration", REFUSED)
def test_what_has_no_safe_road_is_refused_with_statement_reason_and_advice(migration: str) -> None:
    with pytest.raises(Refused) as caught:
        planned(migration)
    assert REFUSED[migration] in caught.value.message
    assert re.search(r"m\.sql:[12]:\d+: ", caught.value.message)
    assert "\n    do: " in caught.value.message
    assert caught.value.code == 77


def test_a_foreign_key_as_django_writes_it_is_planned() -> None:
    plan = planned(
        "BEGIN; ALTER TABLE users ADD COLUMN boss_id bigint NULL CONSTRAINT boss REFERENCES users (id)"
        " DEFERRABLE INITIALLY DEFERRED; SET CONSTRAINTS boss IMMEDIATE; COMMIT;"
    )
    assert ids(plan)[-1] == "migrate.validate-constraint.public.users.boss"
    with pytest.raises(Refused, match="say how it is taken back: -- migrate-safe: undo SQL"):
        planned("SET CONSTRAINTS ALL DEFERRED")


def test_every_refused_statement_is_listed_in_order() -> None:
    with pytest.raises(Refused) as caught:
        planned("DROP TYPE mood CASCADE;\nALTER TABLE orgs ADD ok int;\nselec 1;\nUPDATE orgs SET id = 1;")
    assert re.findall(r"m\.sql:(\d):", caught.value.message) == ["1", "3", "4"]


def test_a_migration_without_effect_is_bad_usage() -> None:
    for text in ("", "-- nothing", "BEGIN; COMMIT;", "ALTER TABLE users ALTER email SET NOT NULL;"):
        with pytest.raises(UsageError, match="changes nothing"):
            planned(text)


MIXED = """
CREATE MATERIALIZED VIEW ages AS SELECT age FROM users;
CREATE VIEW names AS SELECT name FROM users;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""
WITHOUT_A_WORD = (
    "CREATE INDEX i ON ages (age)",
    "CREATE UNIQUE INDEX i ON ages (age)",
    "DROP MATERIALIZED VIEW ages",
    "ALTER MATERIALIZED VIEW ages RENAME TO old_ages",
    "ALTER MATERIALIZED VIEW ages RENAME COLUMN age TO years",
    "ALTER TABLE names RENAME COLUMN name TO title",
    "ALTER VIEW names ALTER COLUMN name SET DEFAULT 'x'",
    "REFRESH MATERIALIZED VIEW ages",
    "CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()",
    "ALTER TABLE users DISABLE TRIGGER ALL",
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON users USING (true)",
    "CREATE RULE r AS ON DELETE TO users DO ALSO NOTHING",
    "CREATE STATISTICS s ON name, age FROM users",
    "GRANT SELECT ON users TO PUBLIC",
    "ALTER TABLE users REPLICA IDENTITY FULL",
    "ALTER TABLE users ALTER name SET STATISTICS 100",
    "ALTER TABLE users CLUSTER ON users_pkey",
    "ALTER INDEX users_lower_idx RENAME TO i",
    "REINDEX TABLE users",
    "VACUUM users",
    "TRUNCATE users",
    "DO $$ BEGIN ALTER TABLE users ADD x int; END $$",
    "CREATE INDEX IF NOT EXISTS users_lower_idx ON users (age); DROP INDEX users_lower_idx",
    "ALTER SEQUENCE s RESTART",
    "CREATE EXTENSION citext",
    "CREATE PUBLICATION p FOR TABLE users",
)


def test_a_foreign_key_whose_copy_would_find_its_key_changed_by_the_original_is_refused() -> None:
    for action, refused in {
        "ON DELETE SET NULL": True,
        "ON UPDATE CASCADE": True,
        "ON DELETE SET NULL (name)": False,
        "ON DELETE SET NULL (age)": False,
        "ON DELETE CASCADE ON UPDATE RESTRICT": False,
    }.items():
        schema = known(f"""
            CREATE TABLE far (a text, b int, PRIMARY KEY (a, b));
            CREATE TABLE users (id int PRIMARY KEY, name text, age int,
                CONSTRAINT pair FOREIGN KEY (name, age) REFERENCES far {action});
        """)
        both = "ALTER TABLE users RENAME name TO n; ALTER TABLE users RENAME age TO a;"
        assert planned(both, schema)
        if refused:
            with pytest.raises(Refused, match="foreign key pair writes several columns"):
                planned("ALTER TABLE users RENAME name TO n", schema)
        else:
            assert planned("ALTER TABLE users RENAME name TO n", schema)


@pytest.mark.parametrize("statement", WITHOUT_A_WORD)
def test_no_statement_is_dropped_without_a_word_beside_one_that_is_planned(statement: str) -> None:
    schema = known(SHOP + MIXED)
    try:
        steps = ids(planned(f"{statement}; CREATE INDEX ti ON orgs (id);", schema))
    except Refused as refused:
        assert statement.partition(";")[0] in refused.message or statement.rpartition("; ")[2] in refused.message
    else:
        assert len(steps) > 1, steps


def test_what_is_there_already_needs_no_step() -> None:
    plan = planned("""
        CREATE TABLE IF NOT EXISTS users (id int);
        ALTER TABLE users ADD COLUMN IF NOT EXISTS name text, DROP COLUMN IF EXISTS nothing;
        ALTER TABLE IF EXISTS nobody ADD COLUMN x int;
        CREATE INDEX IF NOT EXISTS users_lower_idx ON users (age);
        SET lock_timeout = '1s'; LOCK TABLE users;
        CREATE TABLE IF NOT EXISTS fresh (id int);
    """)
    assert ids(plan) == ["expand.create-table.public.fresh"]
    work = plan.steps[0].work
    assert isinstance(work, Sql)
    assert work.statements == ("CREATE TABLE public.fresh (id int)",)


def test_a_rename_on_unknown_ground_asks_for_the_schema_and_other_recipes_do_not_need_it() -> None:
    with pytest.raises(Refused, match="are not known"):
        planned("ALTER TABLE users RENAME email TO mail", Schema())
    assert ids(planned("CREATE INDEX ON users (email)", Schema())) == ["expand.build-index.public.users_email_idx"]
    assert len(planned("ALTER TABLE users ALTER email SET NOT NULL", Schema()).steps) == 4


TRIGGER = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {} RETURN NEW; END'; CREATE TRIGGER t {}"
DEPENDENTS = {
    "CREATE VIEW v AS SELECT email FROM users": "view public.v",
    "CREATE MATERIALIZED VIEW v AS SELECT * FROM users": "materialized view public.v",
    "ALTER TABLE users ADD g text GENERATED ALWAYS AS (email || 'x') STORED": "generated column g",
    "CREATE TABLE far (e text REFERENCES users (email))": "foreign key far_e_fkey of public.far",
    "CREATE TABLE kid () INHERITS (users)": "table public.kid inherits it",
    TRIGGER.format("NEW.Email := 1;", "AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION f()"): (
        "trigger t: its function public.f mentions it"
    ),
    TRIGGER.format("", "BEFORE UPDATE OF email ON users FOR EACH ROW EXECUTE FUNCTION f()"): (
        "trigger t fires on UPDATE OF it"
    ),
    TRIGGER.format("", "AFTER UPDATE ON users FOR EACH ROW WHEN (NEW.email = 'x') EXECUTE FUNCTION f()"): (
        "trigger t: its WHEN mentions it"
    ),
    "CREATE POLICY v ON orgs USING (EXISTS (SELECT FROM users WHERE email = 'x'))": "policy 'v' of public.orgs",
    "CREATE RULE v AS ON DELETE TO users WHERE OLD.email = 'x' DO INSTEAD NOTHING": "rule 'v' of public.users",
    "CREATE PUBLICATION v FOR TABLE users (id, email)": "publication v names it",
    "CREATE PUBLICATION v FOR TABLE users WHERE (email <> '') WITH (publish = insert)": "publication v names it",
    "ALTER TABLE users REPLICA IDENTITY USING INDEX users_email_key": "replica identity index users_email_key",
    "CREATE FUNCTION v() RETURNS void BEGIN ATOMIC INSERT INTO users (id, email) VALUES (1, 'x'); END": "public.v()",
    "CREATE FUNCTION v() RETURNS void BEGIN ATOMIC UPDATE users SET email = ''; END": "public.v()",
    "CREATE EXTENSION btree_gist; ALTER TABLE users ADD EXCLUDE USING gist (email WITH =)": "exclusion constraint",
}


@pytest.mark.parametrize("made", DEPENDENTS)
def test_dependents_that_cannot_be_carried_are_named_before_anything_runs(
    made: str, database: str, connect: Connect
) -> None:
    c = connect(database)
    c.execute(SHOP)
    c.execute(made.encode())
    schema = read_schema(c)
    with pytest.raises(Refused) as caught:
        planned("ALTER TABLE users RENAME email TO mail", schema)
    assert DEPENDENTS[made] in caught.value.message
    if "EXCLUDE" not in made:
        with pytest.raises(Refused, match=r"\b(v|g|far_e_fkey|kid|t|users_email_key)\b"):
            planned("ALTER TABLE users DROP email", schema)


def test_statistics_objects_go_with_a_dropped_column_and_are_named_before_a_rename(
    database: str, connect: Connect
) -> None:
    c = connect(database)
    c.execute(SHOP + "CREATE STATISTICS s ON name, age FROM users")
    with pytest.raises(Refused, match=r"statistics object public\.s"):
        planned("ALTER TABLE users RENAME name TO title", read_schema(c))
    assert planned("ALTER TABLE users DROP name", read_schema(c)).steps


UNSEEN = {
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON users USING (email <> '')": "policy p",
    "CREATE PUBLICATION pub FOR TABLE users (id, email)": "publication",
    "CREATE STATISTICS s ON email, name FROM users": "statistics object",
    "CREATE FUNCTION f() RETURNS text BEGIN ATOMIC SELECT email FROM users; END": "function f()",
    "CREATE INDEX later ON users (email)": "index later",
    "ALTER TABLE users ADD CONSTRAINT later CHECK (email <> 'x')": "constraint later",
    "CREATE VIEW v AS SELECT email FROM users": "rule _RETURN on view v",
    "ALTER TABLE users REPLICA IDENTITY USING INDEX users_email_key": "replica identity",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    "CREATE TRIGGER t AFTER UPDATE ON users FOR EACH ROW WHEN (NEW.email = 'x') EXECUTE FUNCTION f()": "trigger t",
}


@pytest.mark.parametrize("made", UNSEEN)
def test_what_came_after_planning_or_no_file_tells_stops_the_first_step(made: str, database: str) -> None:
    rename = Case("rename", SHOP, "ALTER TABLE users RENAME email TO mail", (), ())
    with life(rename, database) as it:
        it.owner.execute(made.encode())
        with pytest.raises(Refusal) as caught:
            list(it.forward(1))
        assert UNSEEN[made] in str(caught.value)
        assert it.position == 0


def test_grants_that_files_do_not_tell_stop_a_plan_made_from_files(database: str, connect: Connect) -> None:
    c = connect(database)
    c.execute(SHOP)
    before = fold(Schema(), parse_script(Source("before.sql", SHOP)))
    work = planned("ALTER TABLE users RENAME email TO mail", before).steps[0].work
    assert isinstance(work, Sql)
    assert not any(c.execute(r.query.encode()).fetchall() for r in work.require)
    c.execute("GRANT SELECT (email) ON users TO PUBLIC")
    assert [("email",)] in [c.execute(r.query.encode()).fetchall() for r in work.require]


# ---- shape ---------------------------------------------------------------------------------

STORY = """
ALTER TABLE users RENAME COLUMN email TO email_address;
ALTER TABLE users ALTER COLUMN name SET NOT NULL;
CREATE INDEX ON users (email_address);
CREATE INDEX ON users (age);
ALTER TABLE users ADD COLUMN state text DEFAULT 'new', DROP COLUMN org;
ALTER TABLE orgs ADD COLUMN token uuid DEFAULT gen_random_uuid();
"""


def test_independent_changes_share_phases_and_contract_proves_before_it_hides_and_hides_before_it_enforces() -> None:
    plan = planned(STORY)
    assert [s.phase.order for s in plan.steps] == sorted(s.phase.order for s in plan.steps)
    assert len(set(ids(plan))) == len(plan.steps)
    moves = [i.split(".")[1] for i in ids(plan) if i.startswith("contract.")]
    last_check = max(i for i, m in enumerate(moves) if m.startswith("verify"))
    hides = [i for i, m in enumerate(moves) if m == "hide-column"]
    assert last_check < min(hides)
    assert max(hides) < moves.index("add-not-null-check")
    assert ids(plan)[0] == "expand.add-synced-column.public.users.email_address"
    assert "migrate.build-index.public.users_email_address_idx" in ids(plan)
    assert "expand.build-index.public.users_age_idx" in ids(plan)
    assert [str(t) for t in plan.touches] == ["public.users", "public.orgs"]


def test_every_step_but_purge_has_an_undo_and_purge_waits() -> None:
    for step in planned(STORY).steps:
        if step.phase == "purge":
            assert step.undo is None and step.irreversible and step.not_before == "7d"
        else:
            assert step.undo is not None and step.irreversible is None
        assert step.does


def test_ranks_follow_the_phases() -> None:
    orders = [rank.phase.order for rank in Rank]
    assert orders == sorted(orders)


def test_notes_tell_the_runner_what_to_prepare_anew_and_how_columns_are_kept_in_step() -> None:
    notes = "\n".join(planned(STORY).notes)
    assert "mark m.sql as applied" in notes
    assert "prepared SELECT * or RETURNING * on public.orgs, public.users" in notes
    assert "email and email_address are kept in step by triggers (kind A)" in notes


def test_the_same_migration_gives_the_same_plan_and_another_name_other_objects() -> None:
    assert planned(STORY) == planned(STORY)
    one, other = (str(planned(STORY, name=n).steps) for n in ("a", "b"))
    assert not set(re.findall(r"sync_i_(\w+)", one)) & set(re.findall(r"sync_i_(\w+)", other))


def test_the_release_is_carried() -> None:
    release = PlanRelease("shop", "v41", "v42")
    script = parse_script(Source("m.sql", "CREATE INDEX ON users (age)"))
    plan = build_plan(script, known(), name="n", source=PlanSource("m.sql", ""), release=release)
    assert plan.release == release


OF_COLUMNS = """
ALTER TABLE users ALTER email DROP NOT NULL, DROP CONSTRAINT users_org_fkey, DROP CONSTRAINT users_email_key;
ALTER TABLE users ADD s serial, ADD i int GENERATED ALWAYS AS IDENTITY, ALTER name SET STATISTICS 300;
ALTER TABLE users ALTER age TYPE bigint, ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;
ALTER TABLE days ALTER at SET NOT NULL, ADD PRIMARY KEY (at);
"""


PROGRAMS = """
CREATE VIEW named AS SELECT id, name, age FROM users;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON users USING (id > 7); CREATE INDEX i ON users (name);
"""
OF_NAMES = """
DROP VIEW named; ALTER TABLE users DROP COLUMN age, ADD COLUMN age text, ADD COLUMN code text NOT NULL;
CREATE VIEW named AS SELECT id, name FROM users;
DROP TRIGGER touched ON users; DROP FUNCTION touch; DROP POLICY own ON users;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER touched BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.id > 7) EXECUTE FUNCTION touch();
CREATE POLICY own ON users USING (id > 8); DROP INDEX i; CREATE INDEX i ON users (name, id);
"""


@pytest.mark.parametrize(
    ("story", "meant"),
    [
        (OF_NAMES, {("hide-column", "rename-column"), ("drop-column", "drop-column")}),
        (
            STORY,
            {
                ("add-synced-column", "new-trigger"),  # it raises where somebody breaks into the plan
                ("add-synced-column", "unknown-statement"),  # a function is given to the table's owner, whoever that is
                ("hide-column", "unknown-statement"),
                ("build-index", "duplicate-index"),  # the story asks for it
                ("hide-column", "rename-column"),
                ("drop-column", "drop-column"),
            },
        ),
        (
            OF_COLUMNS,
            {
                ("exchange-columns", "rename-column"),
                ("drop-column", "drop-column"),
                ("drop-column", "drop-object"),  # the plan's own functions
                ("make-identity", "drop-object"),  # and its own sequence
                ("make-identity", "identity-always"),  # the story asks for it
            },
        ),
    ],
    ids=["names", "story", "columns"],
)
def test_steps_have_no_findings_but_what_contract_and_purge_are_for(story: str, meant: set[tuple[str, str]]) -> None:
    schema = known(SHOP + PROGRAMS if story is OF_NAMES else SHOP)
    found = found_in(planned(story, schema), schema)
    assert {(kind.partition(".")[2], rule) for kind, rule in found} == meant


def test_a_plan_from_files_has_the_steps_of_a_plan_from_the_server(database: str, connect: Connect) -> None:
    c = connect(database)
    c.execute(SHOP)
    assert ids(planned(STORY, read_schema(c))) == ids(planned(STORY))


def test_recipes_and_pages_go_together() -> None:
    root = Path(__file__).parents[2]
    recipes = {p.stem for p in (root / "migrate_safe/planner/recipes").glob("*.py") if not p.stem.startswith("_")}
    pages = {p.stem.replace("-", "_") for p in (root / "docs/operations").glob("*.md")} - {"README"}
    assert recipes == pages
