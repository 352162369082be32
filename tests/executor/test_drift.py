"""What others change of a plan's tables while it is open: shown, refused, accepted by name; and what is no drift."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.adapters import witness
from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.database import Database
from migrate_safe.adapters.touched import look
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.control import pause, resume
from migrate_safe.app.executing import Target
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.catalog.describe import parts_of
from migrate_safe.cli.main import main
from migrate_safe.executor.drift import not_accepted, since
from migrate_safe.executor.drive import Stopped
from migrate_safe.executor.intents import NotAsPlanned
from migrate_safe.executor.news import Journaled, Moved, News, Waiting
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import MigrateSafeError, Refused, StepFailed
from migrate_safe.model.journal import EventKind
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.plan import Phase, Sql, Step
from migrate_safe.model.values import replace
from migrate_safe.report.status import status_text
from tests.conftest import Connect
from tests.executor.plans import ADD, CHECK, FILL, HIDE, PURGE, STORY, USERS, fit, index_step, plan, sql

ALL = Wish(Phase.CONTRACT)
ODD = """
CREATE SCHEMA "Two";
CREATE TABLE far (id int PRIMARY KEY);
CREATE TABLE "Two"."t of u" (id int PRIMARY KEY, "a b" text DEFAULT 'x' CHECK ("a b" <> ''), far int REFERENCES far);
CREATE UNIQUE INDEX "i of t" ON "Two"."t of u" (lower("a b")) WHERE id > 0;
CREATE VIEW v AS SELECT id FROM "Two"."t of u";
CREATE MATERIALIZED VIEW mv AS SELECT id FROM far; CREATE INDEX ON mv (id);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE UPDATE ON "Two"."t of u" FOR EACH ROW EXECUTE FUNCTION f();
CREATE TABLE p (id int, at date) PARTITION BY RANGE (at); CREATE INDEX ON p (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
"""


def test_the_tables_of_a_plan_are_read_alone_as_they_are_with_all_others(each_database: str, connect: Connect) -> None:
    connect(each_database).execute(ODD)
    names = (Name("Two", "t of u"), Name("public", "p"), Name("public", "far"), Name("public", "mv"))
    db = Database(each_database)
    whole = read_schema(connect(each_database))
    try:
        told = [(part.key, part.text) for name in sorted(names) for part in parts_of(whole, name) if part.rests]
        assert [(key, text) for key, text, _ in look(db, names)] == told
        assert any(key == "index i of t of " + str(names[0]) for key, _ in told)
    finally:
        db.close()


def test_drift_is_shown_refused_and_accepted_by_name(
    users: str, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    c, target = connect(users), Target(users)
    apply(fit(users, STORY), target)
    c.execute("ALTER TABLE users ADD surprise int, ALTER note SET DEFAULT 'none'")
    words = ["apply", "story", "--through", "contract", "--dsn", users]
    for dry in ([], ["--dry-run"]):
        assert main([*words, *dry]) == 77
        said = capsys.readouterr().err
        assert 'tables of plan "story" have changed since its last step, and not by a plan:\n' in said
        assert "\n~ column note of public.users: text DEFAULT 'none'::text (was: text)\n" in said
        assert "\n+ column surprise of public.users: integer\n" in said
        assert "--accept-drift NAME" in said
    report = status(target)
    assert report.plans[0].drift[1] == "+ column surprise of public.users: integer"
    assert "changed since, not by a plan: + column surprise" in status_text(report)
    assert main([*words, "--accept-drift", "surprise"]) == 77
    said = capsys.readouterr().err
    assert "column note" in said
    assert "surprise of" not in said
    assert main([*words, "--accept-drift", "users.surprise", "--accept-drift", "note"]) == 0
    assert status(target).plans[0].drift == ()
    assert main(["rollback", "story", "--dsn", users]) == 0
    assert main(words) == 0  # what was accepted is known from then on


def test_what_is_accepted_is_kept_when_the_run_changes_nothing(users: str, connect: Connect) -> None:
    target = Target(users)
    apply(fit(users, STORY), target)
    connect(users).execute("ALTER TABLE users ADD surprise int")
    apply("story", target, Wish(accept_drift=("public.users",)))
    assert status(target).plans[0].drift == ()
    assert apply("story", target).stage == "migrate"


@pytest.mark.parametrize(
    "change",
    [
        "GRANT SELECT ON users TO PUBLIC; GRANT UPDATE (note) ON users TO PUBLIC",
        "COMMENT ON TABLE users IS 'x'; COMMENT ON COLUMN users.note IS 'y'",
        "INSERT INTO users VALUES (1000); ANALYZE users",
        "CREATE TABLE other (id bigint REFERENCES users)",
        "CREATE TABLE users_2021 (LIKE users); ALTER TABLE users SET (fillfactor = 70)",
    ],
)
def test_what_says_nothing_about_the_plan_is_no_drift(users: str, connect: Connect, change: str) -> None:
    apply(fit(users, plan(ADD, CHECK)), Target(users))
    connect(users).execute("UPDATE users SET mail = email")
    connect(users).execute(change.encode())
    assert status(Target(users)).plans[0].drift == ()
    assert apply("p", Target(users)).stage == "expand"


def test_partitions_that_come_and_go_are_no_drift(each_database: str, connect: Connect) -> None:
    c, target, p = connect(each_database), Target(each_database), Name("public", "p")
    part = "CREATE TABLE p{0} PARTITION OF p FOR VALUES FROM ('20{0}-01-01') TO ('20{0}-12-31');"
    c.execute("CREATE TABLE p (id int, at date, a int) PARTITION BY RANGE (at); CREATE INDEX ON p (a);")
    c.execute(part.format(20))
    add = Step("expand.b", Phase.EXPAND, "b", sql("ALTER TABLE p ADD b int", table=p), sql("ALTER TABLE p DROP b"))
    null = sql("ALTER TABLE p ALTER b DROP NOT NULL", table=p)
    hold = Step("contract.b", Phase.CONTRACT, "b", sql("ALTER TABLE p ALTER b SET NOT NULL", table=p), null)
    made = fit(each_database, plan(add, hold, touches=(p,)))
    c.execute(part.format(21))
    assert apply(made, target).stage == "expand"
    c.execute(part.format(22) + "DROP TABLE p20; GRANT SELECT ON p TO PUBLIC")
    assert apply("p", target, ALL).stage == "contract"
    c.execute(part.format(23) + "ALTER TABLE p DETACH PARTITION p21")
    assert status(target).plans[0].drift == ()


def test_what_the_plan_made_counts_too(
    database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c, there = connect(database), ["--dsn", database]
    c.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
    (tmp_path / "m.sql").write_text("ALTER TABLE t RENAME a TO b;")
    made = str(tmp_path / "m.yaml")
    assert main(["plan", str(tmp_path / "m.sql"), "--schema", database, "-o", made]) == 0
    assert main(["apply", made, *there]) == 0
    name = c.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE '~ms_sync_u%'").fetchone()[0]
    c.execute(f'ALTER TABLE t DISABLE TRIGGER "{name}"')
    assert main(["apply", "m", "--through", "contract", *there]) == 77
    assert f"~ trigger {name} of public.t: " in capsys.readouterr().err
    c.execute(f'ALTER TABLE t ENABLE TRIGGER "{name}"')
    assert main(["apply", "m", "--through", "contract", *there]) == 0


def test_a_table_that_is_gone_is_told_in_one_line_with_the_way_out(
    users: str, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(fit(users, STORY), Target(users))
    connect(users).execute("DROP TABLE users")
    assert "next: a table of it is gone: abandon story" in status_text(status(Target(users)))
    assert main(["apply", "story", "--through", "contract", "--dsn", users]) == 77
    said = capsys.readouterr().err
    assert "not by a plan:\n- table public.users\n  next:" in said
    assert "close it: abandon story" in said
    assert main(["abandon", "story", "--dsn", users]) == 0


def test_a_plan_that_nothing_is_done_of_may_be_made_anew(users: str, connect: Connect) -> None:
    broken = replace(ADD, work=sql("ALTER TABLE users ADD x nosuchtype"))
    with pytest.raises(StepFailed, match="nosuchtype"):
        apply(fit(users, plan(broken)), Target(users))
    connect(users).execute("ALTER TABLE users ADD surprise int")
    assert status(Target(users)).plans[0].drift == ()
    assert apply(fit(users, plan(ADD)), Target(users)).after.closed


def test_the_way_back_does_not_ask(users: str, connect: Connect) -> None:
    apply(fit(users, STORY), Target(users), ALL)
    connect(users).execute("ALTER TABLE users ADD surprise int")
    assert rollback("story", Target(users)).stage == "migrate"
    assert status(Target(users)).plans[0].drift == ("+ column surprise of public.users: integer",)


def test_the_way_back_does_not_ask_in_its_middle_either(
    users: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness, "LOOK_AGAIN", 0.0)
    apply(fit(users, STORY), Target(users), ALL)
    told: list[object] = []

    def meddle(news: object) -> None:
        if isinstance(news, Journaled) and not told:
            told.append(connect(users).execute("ALTER TABLE users ADD surprise int"))

    assert rollback("story", Target(users), "baseline", tell=meddle).after.closed


@pytest.mark.parametrize(
    ("table", "column", "accepted"),
    [
        ('"S 1"."T of ""x"""', '"p on q"', "p on q"),
        ('s2."%s"', '"Zahl é"', "%s.Zahl é"),
        ('s2."%s"', "plain", 's2."%s".plain'),
        ("s2.users", "more", "s2.users"),
    ],
)
def test_unusual_names_in_several_schemas(users: str, connect: Connect, table: str, column: str, accepted: str) -> None:
    c, target, name = connect(users), Target(users), parse_name(table)
    c.execute(f'CREATE SCHEMA "S 1"; CREATE SCHEMA s2; CREATE TABLE {table} (id int)')
    add = Step("expand.a", Phase.EXPAND, "a", sql(f"ALTER TABLE {table} ADD a int", table=name), Sql())
    more = Step("contract.b", Phase.CONTRACT, "b", sql(f"ALTER TABLE {table} ADD b int", table=name), Sql())
    apply(fit(users, plan(add, more, touches=(name, USERS))), target)
    c.execute(f"ALTER TABLE {table} ADD {column} int")
    (told,) = status(target).plans[0].drift
    assert told.endswith(f" of {table}: integer")
    with pytest.raises(Refused, match="have changed since"):
        apply("p", target, replace(ALL, accept_drift=("users.note",)))
    assert apply("p", target, replace(ALL, accept_drift=(accepted,))).stage == "contract"


def test_an_index_that_a_cut_off_build_finishes_is_no_drift(users: str, connect: Connect) -> None:
    target, made = Target(users), fit(users, plan(ADD, index_step(), CHECK))
    for n in range(1, 20):
        with pytest.raises(Stopped):
            apply(made, target, stop_after=n)
        if status(target).plans[0].steps[1].state == "interrupted":
            break  # the build is journaled as begun
    connect(users).execute("CREATE INDEX users_email_idx ON users (email)")
    assert apply("p", Target(users)).stage == "expand"


def test_what_changes_during_a_long_walk_stops_the_next_step(
    users: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness, "LOOK_AGAIN", 0.0)
    c, target, done = connect(users), Target(users), []

    def meddle(news: object) -> None:
        if isinstance(news, Moved) and not done:
            done.append(c.execute("ALTER TABLE users ADD surprise int"))

    with pytest.raises(StepFailed, match=r"(?s)have changed since its last step.*\+ column surprise") as caught:
        apply(fit(users, plan(ADD, FILL, CHECK)), target, ALL, Settings(batch_rows=60), tell=meddle)
    assert caught.value.code == 77
    assert status(target).plans[0].position == 2
    with pytest.raises(Refused, match="surprise"):
        apply("p", target, ALL)
    assert apply("p", target, replace(ALL, accept_drift=("users.surprise",))).stage == "contract"


def test_a_view_that_comes_and_goes_during_a_run_is_no_drift(users: str, connect: Connect) -> None:
    c, target = connect(users), Target(users)

    def meddle(news: News) -> None:
        if isinstance(news, Journaled) and (news.entry.step, news.entry.kind) == ("expand.add-column", EventKind.DONE):
            c.execute("CREATE VIEW guest AS SELECT id FROM users")

    apply(fit(users, STORY), target, tell=meddle)
    (drift,) = status(target).plans[0].drift
    assert drift.startswith("+ view public.guest on public.users")
    with pytest.raises(Refused, match=r"view public\.guest"):
        apply("story", target, ALL)
    c.execute("DROP VIEW guest")
    assert status(target).plans[0].drift == ()
    assert apply("story", target, ALL).stage == "contract"


def test_drift_since_planning_that_cannot_be_told_is_accepted_table_by_table(
    users: str, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    story = fit(users, STORY)
    connect(users).execute("ALTER TABLE users ADD surprise int")
    with pytest.raises(Refused, match=r"or --accept-drift public\.users if the difference does not matter"):
        apply(story, Target(users))
    with pytest.raises(Refused):
        apply(story, Target(users), Wish(accept_drift=("surprise",)))
    assert apply(story, Target(users), Wish(accept_drift=("users",))).stage == "migrate"


def test_drift_since_planning_is_accepted_object_by_object(users: str, connect: Connect, tmp_path: Path) -> None:
    before = tmp_path / "schema.sql"
    before.write_text("CREATE TABLE users (id bigint PRIMARY KEY, email text, note text);")
    story, wish = fit(users, STORY), Wish(schema=(str(before),))
    connect(users).execute("ALTER TABLE users ADD surprise int; CREATE INDEX more ON users (note)")
    with pytest.raises(Refused, match=r"made:\n\+ index more of public.users: [^\n]*\n"):
        apply(story, Target(users), replace(wish, accept_drift=("surprise",)))
    assert apply(story, Target(users), replace(wish, accept_drift=("surprise", "more"))).stage == "migrate"


def seen(*keys: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((key, "", "") for key in keys)


@pytest.mark.parametrize(
    ("name", "accepts"),
    [
        ("users", True),
        ("public.users", True),
        ("x of y", True),
        ("users.x of y", True),
        ("column x of y of public.users", True),
        ("y", False),
        ("other", False),
        ("public", False),
    ],
)
def test_names_of_what_is_accepted(name: str, accepts: bool) -> None:
    changes = since(seen("table public.users"), seen("table public.users", "column x of y of public.users"))
    assert (not_accepted(changes, plan(ADD, touches=(USERS,)), (name,)) == ()) is accepts


@pytest.mark.parametrize("name", ["ve v", "users.ve v", 'public."ve v"', 'users.public."ve v"', "users"])
def test_a_view_is_accepted_by_its_name(name: str) -> None:
    changes = since(seen("table public.users"), seen("table public.users", 'view public."ve v" on public.users'))
    assert not_accepted(changes, plan(ADD, touches=(USERS,)), (name,)) == ()
    assert not_accepted(changes, plan(ADD, touches=(USERS,)), ("other",))


def test_a_snapshot_that_another_program_described_is_not_compared(users: str, connect: Connect) -> None:
    apply(fit(users, STORY), Target(users))
    connect(users).execute("UPDATE migrate_safe.seen SET described_by = 'another on 13'")
    connect(users).execute("ALTER TABLE users ADD surprise int")
    assert status(Target(users)).plans[0].drift == ()
    assert apply("story", Target(users)).stage == "migrate"
    connect(users).execute("ALTER TABLE users ADD more int")  # from here on it is known again
    assert status(Target(users)).plans[0].drift == ("+ column more of public.users: integer",)


def test_what_others_change_while_a_run_waits_is_never_taken_for_its_own(users: str, connect: Connect) -> None:
    c, target, made = connect(users), Target(users), fit(users, plan(ADD, FILL, CHECK))
    apply(made, target)

    def meddle(news: object) -> None:
        if isinstance(news, Waiting):
            c.execute("ALTER TABLE users ADD CONSTRAINT ms_nn CHECK (id > -5)")
            resume("p", target)

    pause("p", target)
    with pytest.raises(NotAsPlanned, match="ms_nn"):
        apply("p", target, ALL, tell=meddle)
    assert any("ms_nn" in line for line in status(target).plans[0].drift)
    c.execute("ALTER TABLE users DROP CONSTRAINT ms_nn")
    assert status(target).plans[0].drift == ()
    assert apply("p", target, ALL).after.closed


def test_a_way_back_that_fails_takes_nobodys_change_for_known(users: str, connect: Connect) -> None:
    c, target, made = connect(users), Target(users), fit(users, plan(ADD, FILL, CHECK, HIDE, PURGE))
    apply(made, target, ALL)
    c.execute("ALTER TABLE users ADD extra int; CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS"
              " $$ BEGIN RAISE 'no'; END $$; CREATE EVENT TRIGGER no ON sql_drop WHEN tag IN ('ALTER TABLE')"
              " EXECUTE FUNCTION no()")  # fmt: skip
    with pytest.raises(MigrateSafeError):
        rollback("p", target, "baseline")
    c.execute("DROP EVENT TRIGGER no")
    assert status(target).plans[0].drift == ("+ column extra of public.users: integer",)
