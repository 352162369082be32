"""A clone or a restored backup does not go on unnoticed with the journal and the lease of the original."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from migrate_safe.adapters.performer import Performer
from migrate_safe.adapters.scratch import ScratchServer, scratch_server
from migrate_safe.app.abandon import abandon
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.executor.intents import Intent, Transact
from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Phase
from migrate_safe.report.status import status_json, status_text
from tests.conftest import Connect
from tests.executor.plans import SCHEMA, STORY, fit
from tests.faults.paced import watched

ALL = Wish(Phase.CONTRACT)


def test_a_clone_inherits_neither_the_lease_nor_the_right_to_go_on(
    each_server: ScratchServer, connect: Connect
) -> None:
    made = each_server.create_database()
    with psycopg.connect(made, autocommit=True) as c:
        c.execute(SCHEMA.format(rows=20))
    apply(fit(made, STORY), Target(made, environment="prod"))
    with psycopg.connect(made, autocommit=True) as c:  # as if somebody was at work when it was cloned
        c.execute("UPDATE migrate_safe.lease SET holder = 'other', expires = now() + interval '1 hour'")
        name = c.info.dbname
    copy = each_server.create_database(f"{name}_copy", template=name)
    try:
        for words in (Target(copy), Target(copy, environment="prod"), Target(copy, environment="staging")):
            with pytest.raises(Refused, match=r'is a copy: .* in another one \(environment "prod"\)'):
                apply("story", words, ALL)
            with pytest.raises(Refused, match="is a copy"):
                rollback("story", words)
            with pytest.raises(Refused, match="is a copy"):
                abandon("story", words, keep_done=True)
        report = status(Target(copy))
        assert report.lease is None
        assert "attention: this database is a copy" in status_text(report)
        assert apply("story", Target(copy, environment="staging", adopt=True), ALL).stage == "contract"
        assert (status(Target(copy)).environment, status(Target(copy)).doubt) == ("staging", None)
        assert status(Target(made)).lease is not None
    finally:
        each_server.drop_database(copy)
        each_server.drop_database(made)


@pytest.fixture(scope="module")
def own_server() -> Iterator[ScratchServer]:
    with scratch_server("embedded") as made:
        yield made


def promote(server: ScratchServer) -> None:
    """Let the server go through a recovery that ends on a new timeline, as a restored backup does."""
    with psycopg.connect(server.home) as c:
        data = Path(c.execute("SHOW data_directory").fetchone()[0])
    server.stop()
    (data / "standby.signal").touch()
    server.start()
    with psycopg.connect(server.home, autocommit=True) as c:
        assert c.execute("SELECT pg_promote()").fetchone() == (True,)
        while c.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
            time.sleep(0.05)


def test_a_server_that_was_promoted_or_restored_asks_for_the_environment(own_server: ScratchServer) -> None:
    named, nameless = own_server.create_database(), own_server.create_database()
    for dsn, environment in ((named, "prod"), (nameless, None)):
        with psycopg.connect(dsn, autocommit=True) as c:
            c.execute(SCHEMA.format(rows=20))
        apply(fit(dsn, STORY), Target(dsn, environment=environment))
    promote(own_server)
    with pytest.raises(Refused, match="was promoted, or restored from a backup"):
        apply("story", Target(nameless), ALL)
    assert "may be a copy" in json.loads(status_json(status(Target(nameless))))["doubt"]
    with pytest.raises(Refused, match='this database is environment "prod", not "staging"'):
        apply("story", Target(named, environment="staging"), ALL)
    assert apply("story", Target(named, environment="prod"), ALL).stage == "contract"
    assert status(Target(named)).doubt is None
    assert apply("story", Target(nameless, environment="prod"), ALL).stage == "contract"
    with pytest.raises(Refused, match='this database is environment "prod", and none was named'):
        rollback("story", Target(nameless))
    promote(own_server)
    assert rollback("story", Target(nameless, adopt=True)).stage == "migrate"
    assert status(Target(nameless)).environment is None


@pytest.mark.parametrize("environment", [None, "prod"])
def test_a_server_that_is_promoted_at_work_asks_as_well(own_server: ScratchServer, environment: str | None) -> None:
    dsn = own_server.create_database()
    with psycopg.connect(dsn, autocommit=True) as c:
        c.execute(SCHEMA.format(rows=20))
    intents: list[Intent] = []

    def once(intent: Intent, _: Performer) -> None:
        intents.append(intent)
        if isinstance(intent, Transact) and not any(isinstance(i, Transact) for i in intents[:-1]):
            promote(own_server)

    with watched(once):
        if environment is None:
            with pytest.raises(Refused, match="was promoted, or restored from a backup"):
                apply(fit(dsn, STORY), Target(dsn))
            assert status(Target(dsn)).plans[0].position == 0
        else:
            assert apply(fit(dsn, STORY), Target(dsn, environment=environment)).stage == "migrate"
            assert status(Target(dsn)).doubt is None
