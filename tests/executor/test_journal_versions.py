"""Journals of other versions: older ones are brought up to date, newer ones are read, and written by nobody older."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate_safe.adapters.journal_table import VERSION, digest_of
from migrate_safe.app.abandon import abandon
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.doctor import doctor
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.app.uninstall import uninstall
from migrate_safe.model.errors import Refused, TryLater
from migrate_safe.model.plan import Phase
from migrate_safe.planner.codec import to_yaml
from migrate_safe.report.status import status_json, status_text
from tests.conftest import Connect
from tests.executor.plans import ADD, SCHEMA, STORY, fit
from tests.support.pg import PgTools

FIRST = (Path(__file__).parent / "journal_v1.sql").read_text(encoding="utf-8")
"""The journal as its first version installed it."""
BEGUN = """
INSERT INTO migrate_safe.meta (version, system_identifier, database_oid)
    SELECT 1, (SELECT system_identifier FROM pg_control_system()), oid FROM pg_database
    WHERE datname = current_database();
UPDATE migrate_safe.lease SET token = 7;
"""
NEWER = f"""
ALTER TABLE migrate_safe.event ADD COLUMN signed text DEFAULT 'x', ADD COLUMN more jsonb;
ALTER TABLE migrate_safe.plan ADD COLUMN approved_by text;
ALTER TABLE migrate_safe.lease ADD COLUMN region text;
ALTER TABLE migrate_safe.meta ADD COLUMN fleet text;
ALTER TABLE migrate_safe.progress ADD COLUMN workers int DEFAULT 1;
UPDATE migrate_safe.meta SET version = {VERSION + 1};
INSERT INTO migrate_safe.event (plan, kind, token) VALUES ('story', 'approved', 9);
"""


def begin_with_the_first(dsn: str, connect: Connect) -> None:
    """Make a database in which the first version has done the first step of the story."""
    c, text = connect(dsn), to_yaml(fit(dsn, STORY))
    c.execute((FIRST + BEGUN).encode())
    c.execute("INSERT INTO migrate_safe.plan (name, text, digest) VALUES ('story', %s, %s)", (text, digest_of(text)))
    c.execute("INSERT INTO migrate_safe.event (plan, kind, token) VALUES ('story', 'opened', 7)")
    c.execute("ALTER TABLE public.users ADD COLUMN mail text")
    c.execute("INSERT INTO migrate_safe.event (plan, kind, step, token) VALUES ('story', 'done', %s, 7)", (ADD.id,))


def test_a_plan_that_an_older_version_began_is_gone_on_with(
    each_database: str, connect: Connect, pg_tools: PgTools
) -> None:
    c, target = connect(each_database), Target(each_database)
    c.execute(SCHEMA.format(rows=20))
    before = pg_tools.dump_schema(each_database).text
    begin_with_the_first(each_database, connect)
    report = status(target)  # reads, and changes nothing
    assert (report.journal, report.plans[0].position, report.plans[0].steps[1].state) == (1, 1, "next")
    assert doctor(target).well
    assert apply("story", target, Wish(Phase.CONTRACT)).before.position == 1
    assert (status(target).journal, status(target).newer) == (VERSION, False)
    upgraded = pg_tools.dump_schema(each_database).text
    rollback("story", target, "baseline")
    uninstall(target)
    assert pg_tools.dump_schema(each_database).text == before
    apply(STORY, target, Wish(Phase.CONTRACT, accept_drift=("users",)))
    assert pg_tools.dump_schema(each_database).text == upgraded  # as if it had been of this version from the start


def test_a_journal_is_not_changed_under_an_older_program_at_work(users: str, connect: Connect) -> None:
    begin_with_the_first(users, connect)
    c, target = connect(users), Target(users)
    pid = c.execute("SELECT pg_backend_pid()").fetchone()[0]
    c.execute(
        "UPDATE migrate_safe.lease SET holder = 'old', backends = ARRAY[%s::int], expires = now() + interval '1 h'",
        (pid,),
    )
    with pytest.raises(TryLater, match='lease held by "old"'):
        apply("story", target)
    assert status(target).journal == 1
    c.execute("UPDATE migrate_safe.lease SET holder = NULL")
    assert apply("story", target).stage == "migrate"


def test_a_newer_journal_is_read_and_not_written(users: str, connect: Connect) -> None:
    target = Target(users)
    apply(fit(users, STORY), target)
    connect(users).execute(NEWER.encode())
    report = status(target)
    assert (report.plans[0].position, report.plans[0].phase) == (4, "migrate")
    assert f"attention: a newer migrate-safe wrote this journal (version {VERSION + 1})" in status_text(report)
    assert json.loads(status_json(report))["journal"] == {"version": VERSION + 1, "newer": True}
    assert any("this program can write up to" in t.what for t in doctor(target).troubles)
    for write in (
        lambda: apply("story", target),
        lambda: apply(STORY, target),
        lambda: apply(STORY, target, Wish(dry_run=True)),
        lambda: rollback("story", target),
        lambda: purge("story", target),
        lambda: abandon("story", target),
        lambda: uninstall(target),
    ):
        with pytest.raises(Refused, match=rf"has version {VERSION + 1}, and this program can write up to {VERSION}"):
            write()
