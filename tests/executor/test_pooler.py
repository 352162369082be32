"""A pooler is refused before anything is done; runs where pgbouncer is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.postgres import connect, parse_dsn
from migrate_safe.adapters.scratch import scratch_server
from migrate_safe.app.apply import apply
from migrate_safe.app.doctor import doctor
from migrate_safe.app.executing import Target
from migrate_safe.app.status import status
from migrate_safe.model.errors import TryLater, UsageError
from tests.executor.plans import ADD, SCHEMA, fit, plan
from tests.support.processes import eventually

PGBOUNCER = shutil.which("pgbouncer")
SETTINGS = """
[databases]
shop = {to}
[pgbouncer]
unix_socket_dir = {folder}
listen_port = 6432
auth_type = any
pool_mode = {mode}
logfile = {folder}/log
"""


@contextmanager
def pooled(dsn: str, mode: str) -> Iterator[str]:
    """Put a pooler in front of a database and give the DSN that leads through it."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(SETTINGS.format(to=make_conninfo(dsn, connect_timeout=None), folder=folder, mode=mode))
        as_user = {"user": "nobody"} if os.getuid() == 0 else {}  # it refuses to run as root
        Path(folder).chmod(0o777)
        process = subprocess.Popen([str(PGBOUNCER), "-q", str(config)], **as_user)  # type: ignore[call-overload]
        try:
            yield f"host={folder} port=6432 dbname=shop user=postgres"
        finally:
            process.terminate()
            process.wait()


def answers(dsn: str) -> bool:
    with suppress(TryLater):
        connect(dsn).close()
        return True
    return False


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pooler_is_refused(mode: str) -> None:
    with scratch_server("embedded", listen="loopback") as server:
        dsn = server.create_database()
        with connect(dsn) as direct:
            direct.execute(SCHEMA.format(rows=2).encode())
            with pooled(make_conninfo("", **parse_dsn(dsn)), mode) as through:
                eventually(lambda: answers(through))
                made = fit(dsn, plan(ADD))
                for command in (lambda t: apply(made, t), doctor, status):
                    with pytest.raises(UsageError, match="goes through a pooler") as told:
                        command(Target(through))
                    assert told.value.next_move == "give the DSN of the server itself"
            assert direct.execute("SELECT to_regclass('migrate_safe.event')").fetchone() == (None,)
