"""What doctor says of real databases: rights with the GRANT that helps, leftovers with what removes them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from psycopg.conninfo import make_conninfo

from migrate_safe.app.abandon import abandon
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.doctor import doctor
from migrate_safe.app.executing import Target
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.cli.main import main
from migrate_safe.executor.overdue import overdue
from migrate_safe.executor.settings import Settings
from migrate_safe.executor.state import fold
from migrate_safe.model.errors import UsageError
from migrate_safe.model.health import DoctorReport, Gravity
from migrate_safe.model.journal import Event, EventKind
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Phase, Sql, Step
from migrate_safe.report.doctor import doctor_json, doctor_schema_path
from tests.conftest import Connect
from tests.executor.plans import STORY, fit, index_step, plan, sql

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LEFT = """
CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL); ALTER TABLE t ADD CONSTRAINT big CHECK (id > 0) NOT VALID;
CREATE TABLE "P t" (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF "P t" FOR VALUES FROM (1) TO (9);
CREATE INDEX dead ON t (a); CREATE INDEX on_parent ON ONLY "P t" (id);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'dead'::regclass;
"""


def said(report: DoctorReport) -> dict[str, str]:
    jsonschema.validate(json.loads(doctor_json(report)), json.loads(doctor_schema_path().read_text()))
    return {t.what: t.remedy for t in report.troubles if t.about != "privilege"}


def test_a_database_in_order(users: str, connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--dsn", users]) == 0
    assert capsys.readouterr().out.endswith("\n\nnothing found\n")
    apply(fit(users, STORY), Target(users, environment="prod"))  # what an open plan has made is no leftover
    assert main(["doctor", "--dsn", users, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, json.loads(doctor_schema_path().read_text()))
    assert (told["format"], told["well"], told["troubles"]) == ("migrate-safe/doctor/1", True, [])


def test_what_others_left_behind_and_what_puts_it_right(each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    c.execute(LEFT)
    found = said(doctor(Target(each_database)))
    assert found == {
        "index public.dead on public.t is invalid: it costs every write and serves no query": (
            "DROP INDEX CONCURRENTLY public.dead"
        ),
        'index public.on_parent on public."P t" is invalid: it costs every write and serves no query': (
            "attach an index of each partition to it, or DROP INDEX public.on_parent"
        ),
        "constraint big of public.t is NOT VALID: old rows may break it": (
            "ALTER TABLE public.t VALIDATE CONSTRAINT big"
        ),
    }
    c.execute("DROP INDEX CONCURRENTLY public.dead")
    c.execute("ALTER TABLE t VALIDATE CONSTRAINT big; DROP INDEX on_parent")
    assert said(doctor(Target(each_database))) == {}


def test_what_a_kept_plan_left_behind_can_be_removed_as_told(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c, there = connect(each_database), ["--dsn", each_database]
    c.execute("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL); INSERT INTO t VALUES (1, 'x')")
    c.execute("CREATE TABLE gone (id int); CREATE TABLE u (x int); CREATE INDEX i ON u (x)")
    (tmp_path / "m.sql").write_text("ALTER TABLE t RENAME a TO b; DROP TABLE gone; DROP INDEX i;")
    made = str(tmp_path / "m.yaml")
    assert main(["plan", str(tmp_path / "m.sql"), "--schema", each_database, "-o", made]) == 0
    assert main(["apply", made, "--through", "contract", "--environment", "x", *there]) == 0
    assert main(["doctor", *there]) == 0
    assert main(["abandon", "m", "--keep", "--environment", "x", *there]) == 0
    capsys.readouterr()
    assert main(["doctor", *there]) == 1
    out = capsys.readouterr().out
    assert " for a plan that is not open: trigger " in out
    assert " of public.t was retired by a plan that is not open" in out
    assert "_i was retired by a plan that is not open" in out
    assert " holds gone that a plan which is not open has retired" in out
    for trouble in doctor(Target(each_database)).troubles:
        c.execute(trouble.remedy.encode())
    assert doctor(Target(each_database)).troubles == ()
    c.execute("INSERT INTO t (id, b) VALUES (2, 'y')")


@pytest.fixture
def deployer(each_database: str, connect: Connect) -> Iterator[tuple[str, str]]:
    """An ordinary role that may log in and nothing else, and its DSN."""
    name, admin = f"Deploy {secrets.token_hex(4)}", connect(each_database)
    admin.execute(f"""CREATE ROLE "{name}" LOGIN PASSWORD 'x'; REVOKE CREATE ON SCHEMA public FROM PUBLIC""")
    yield name, make_conninfo(each_database, user=name, password="x")
    admin.execute(f'DROP OWNED BY "{name}" CASCADE; DROP ROLE "{name}"')


def test_missing_rights_are_named_with_the_grants_that_help(
    deployer: tuple[str, str], each_database: str, connect: Connect, tmp_path: Path
) -> None:
    (name, dsn), admin = deployer, connect(each_database)
    admin.execute("CREATE TABLE own (id int PRIMARY KEY, far int); CREATE TABLE far (id int PRIMARY KEY)")
    admin.execute(
        f'CREATE TABLE goes (id serial); ALTER TABLE own OWNER TO "{name}"; ALTER TABLE goes OWNER TO "{name}"'
    )
    (tmp_path / "m.sql").write_text(
        "ALTER TABLE own ADD CONSTRAINT k FOREIGN KEY (far) REFERENCES far (id); CREATE INDEX i ON own (far);"
        "DROP TABLE goes;"
    )
    made = str(tmp_path / "m.yaml")
    assert main(["plan", str(tmp_path / "m.sql"), "--schema", each_database, "-o", made]) == 0
    report = doctor(Target(dsn), [made])
    told = [(t.gravity, t.remedy) for t in report.troubles]
    quoted, database = f'"{name}"', admin.info.dbname
    assert told[0][0] is Gravity.ERROR
    assert not report.well
    assert {remedy for _, remedy in told} == {
        f"GRANT CREATE ON DATABASE {database} TO {quoted}",
        f"GRANT CREATE ON DATABASE {database} TO {quoted}, as the owner of the database",
        f"GRANT CREATE ON SCHEMA public TO {quoted}, as the owner of the schema",
        f"GRANT REFERENCES, SELECT ON public.far TO {quoted}, as the owner of public.far",
        f"GRANT CREATE ON SCHEMA public TO {quoted}",
        f"GRANT pg_read_all_stats TO {quoted}",
        f"run plans on them with --role {admin.info.user}, or GRANT {admin.info.user} TO {quoted}",
    }
    for _, remedy in told:
        grant = remedy.partition(", as the owner")[0]
        if grant.startswith("GRANT"):
            admin.execute(grant.encode())
    assert [t.remedy for t in doctor(Target(dsn), [made]).troubles] == [
        f"run plans on them with --role {admin.info.user}, or GRANT {admin.info.user} TO {quoted}"
    ]
    assert main(["apply", made, "--through", "contract", "--dsn", dsn]) == 0


def test_a_journal_of_another_role_is_an_error_with_its_remedy(
    deployer: tuple[str, str], each_database: str, connect: Connect
) -> None:
    connect(each_database).execute("CREATE TABLE users (id bigint PRIMARY KEY, email text)")
    apply(fit(each_database, plan(index_step())), Target(each_database))
    found = doctor(Target(deployer[1])).troubles[0]
    assert found.gravity is Gravity.ERROR
    owner, role = connect(each_database).info.user, deployer[0]
    assert (found.what, found.remedy) == (
        f'the journal belongs to {owner}, of which "{role}" is no member: it can be read at most',
        f'run as --role {owner}, or GRANT {owner} TO "{role}"',
    )
    with pytest.raises(UsageError, match=f'may not use it\n.* or GRANT {owner} TO "{role}"'):
        status(Target(deployer[1]))


def test_a_schema_into_which_the_role_may_not_look(
    deployer: tuple[str, str], each_database: str, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    (name, dsn), admin, table = deployer, connect(each_database), Name("Shut", "users")
    admin.execute(f"""CREATE SCHEMA "Shut"; CREATE TABLE "Shut".users (id int); GRANT CREATE ON DATABASE
        {admin.info.dbname} TO "{name}" """)
    add = Step("expand.a", Phase.EXPAND, "a", sql('ALTER TABLE "Shut".users ADD a int', table=table), Sql())
    made = fit(each_database, plan(add, touches=(table,)))
    assert [t.remedy for t in doctor(Target(dsn), [made]).troubles][:1] == [
        f'GRANT USAGE ON SCHEMA "Shut" TO "{name}", as the owner of the schema'
    ]
    with pytest.raises(UsageError, match='may not look into schema "Shut", where tables of the plan are'):
        apply(made, Target(dsn))


def test_a_dead_lease_a_lost_table_drift_and_a_missing_environment(users: str, connect: Connect) -> None:
    c, target = connect(users), Target(users)
    apply(fit(users, STORY), target)
    c.execute("UPDATE migrate_safe.lease SET holder = 'h:1:abc', backends = '{}', expires = now() - interval '1 hour'")
    c.execute("ALTER TABLE users ADD surprise int")
    found = said(doctor(target))
    assert any(w.startswith('executor "h:1:abc" died with the lease at ') for w in found)
    assert any(w.startswith("no environment is named in the journal") for w in found)
    assert 'plan "story": changed by others: + column surprise of public.users: integer' in found
    c.execute("DROP TABLE users")
    assert said(doctor(target))['plan "story": table "public.users" is gone'] == "abandon story"
    abandon("story", target)
    assert not any("story" in w for w in said(doctor(target)))


def test_a_plan_that_is_not_there_is_a_usage_error(users: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "nosuch", "--dsn", users]) == 2
    assert 'plan "nosuch" was never applied' in capsys.readouterr().err
    assert main(["doctor", "--overdue-after", "soon", "--dsn", users]) == 2
    assert "no time such as 30m, 12h or 14d" in capsys.readouterr().err


def test_plans_left_lying_are_complained_about(users: str, connect: Connect) -> None:
    target = Target(users)
    apply(fit(users, STORY), target)
    assert status(target).plans[0].overdue == ()
    impatient = Settings(overdue_after=0.0)
    assert status(target, settings=impatient).plans[0].overdue == (
        "nothing has happened for 1 day; old and new form are both kept until contract",
    )
    assert any("nothing has happened" in t.what for t in doctor(target, settings=impatient).troubles)
    apply("story", target, Wish(Phase.CONTRACT))
    assert status(target, settings=impatient).plans[0].overdue == ()  # the window has not passed
    connect(users).execute("UPDATE migrate_safe.event SET at = at - interval '30 days'")
    (found,) = status(target).plans[0].overdue
    assert found.startswith("what it retired may be purged since ")
    rollback("story", target, "baseline")
    assert status(target, settings=impatient).plans[0].overdue == ()


@pytest.mark.parametrize(
    ("kind", "detail", "words"),
    [
        (EventKind.STARTED, {}, 'step "expand.add-column" was cut off 3 days ago and left half-way'),
        (
            EventKind.FAILED,
            {"reason": "x", "leftover": True},
            "it failed 3 days ago, and nobody has gone on or back since",
        ),
    ],
)
def test_what_was_cut_off_or_failed_is_complained_about_after_a_day(kind: EventKind, detail: dict, words: str) -> None:
    def at(days: int) -> list[str]:
        done = Event(1, "story", EventKind.DONE, "expand.add-column", 1, NOW - timedelta(days=days))
        last = Event(2, "story", kind, "expand.add-column", 1, NOW - timedelta(days=days), detail)
        state = fold([done, last])
        assert list(overdue(STORY, state, NOW, timedelta(days=14), alive=True)) == []
        return list(overdue(STORY, state, NOW, timedelta(days=14)))

    assert at(0) == []
    assert at(3) == [words]
