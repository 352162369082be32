"""Fixtures that every room may use: real servers, a fresh database per test, connections, client tools."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from migrate_safe.adapters.postgres import connect as open_connection
from migrate_safe.adapters.scratch import ScratchServer, scratch_server
from migrate_safe.adapters.store import VARIABLE
from migrate_safe.model.errors import MigrateSafeError
from migrate_safe.model.postgres import MAJORS
from tests.support.pg import PgTools
from tests.support.servers import must_have_all, server_of, wanted_majors

Connect = Callable[..., "psycopg.Connection[tuple[Any, ...]]"]
MATRIX_FIXTURES = {"each_server", "each_database"}


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests interrupt: what a shell starts in the background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what is produced as the new golden files")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if MATRIX_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.matrix)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which servers the tests that talk to them left out."""
    missing = sorted(set(MAJORS) - set(wanted_majors()))
    if missing:
        ran = ", ".join(map(str, wanted_majors()))
        left_out = ", ".join(map(str, missing))
        terminalreporter.write_line(f"servers: PostgreSQL {ran}; left out: {left_out} (make matrix runs on them)")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the cache of whoever runs the tests out of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[ScratchServer]:
    """One scratch server for all tests of this process; MIGRATE_SAFE_TEST_POSTGRES chooses another provider."""
    with scratch_server(os.environ.get("MIGRATE_SAFE_TEST_POSTGRES", "embedded")) as made:
        yield made


@pytest.fixture(scope="session", params=wanted_majors(), ids="pg{}".format)
def each_server(request: pytest.FixtureRequest) -> Iterator[ScratchServer]:
    """A scratch server of each major of the matrix, one after the other."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(server_of(request.param))
        except MigrateSafeError as error:
            if must_have_all():
                raise
            pytest.skip(f"no PostgreSQL {request.param}: {error.message}")
        yield made


@pytest.fixture
def database(server: ScratchServer) -> Iterator[str]:
    """The DSN of a fresh, empty database, dropped after the test."""
    dsn = server.create_database()
    yield dsn
    server.drop_database(dsn)


@pytest.fixture
def each_database(each_server: ScratchServer) -> Iterator[str]:
    """The DSN of a fresh, empty database on each major of the matrix."""
    dsn = each_server.create_database()
    yield dsn
    each_server.drop_database(dsn)


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open autocommit connections that are closed after the test: `connect(dsn, **options)`."""
    with ExitStack() as stack:

        def opened(dsn: str, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
            connection = open_connection(dsn, application_name="test", **options)
            stack.callback(connection.close)
            return connection

        yield opened


@pytest.fixture(scope="session")
def pg_tools(server: ScratchServer) -> PgTools:
    """psql and pg_dump; those of the embedded wheel can talk to every supported major."""
    return PgTools.of(server)
