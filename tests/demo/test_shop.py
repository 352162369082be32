from __future__ import annotations

import pytest

from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.release_files import read_release
from migrate_safe.app import demo_shop as shop


@pytest.fixture
def project(tmp_path):
    shop.lay_out(tmp_path)
    return tmp_path


def test_every_query_of_a_release_is_in_its_load(project):
    for version, count in ((shop.OLD, 6), (shop.NEW, 7)):
        queries = [query.sql for query in read_release(shop.release_file(project, version)).queries]
        load = shop.workload(project, version, "", 100)
        assert [operation.statements for operation in load.operations] == [(sql,) for sql in queries]
        assert len(queries) == count


def test_what_is_remembered_is_a_write_of_a_token(project):
    for version in (shop.OLD, shop.NEW):
        for operation in shop.workload(project, version, "", 100).operations:
            (sql,) = operation.statements
            assert operation.writes == (not sql.startswith("SELECT"))
            assert (operation.remembers is not None) == ("%(token)s" in sql)


def test_versions_write_rows_of_their_own(project):
    assert [shop.workload(project, v, "", 100).share for v in (shop.OLD, shop.NEW)] == [(0, 2), (1, 2)]


def test_the_shop_is_as_big_as_asked_for(project, database):
    shop.build(database, project, 50)
    with connect(database) as connection:
        counted = connection.execute("SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders)")
        assert counted.fetchone() == (50, 100)
        assert connection.execute("SELECT count(*) FROM orders WHERE channel IS NULL").fetchone() == (0,)
