"""The faults themselves, each brought about for real."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psycopg
from msgspec import Struct, field

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.control import pause, resume
from migrate_safe.app.executing import Target
from tests.faults.campaign import Fault, Strike
from tests.faults.load import Load
from tests.faults.paced import Held, Process
from tests.faults.wire import Wire

TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'migrate_safe') ORDER BY 1
"""
SLOW = """
CREATE FUNCTION public.dawdle() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN IF session_user = 'deployer' THEN PERFORM pg_sleep(0.4); END IF; END $$;
CREATE EVENT TRIGGER dawdle ON ddl_command_start EXECUTE FUNCTION public.dawdle();
"""
MEDDLER = "public.meddler"
"""The view that appears."""
HELD_FOR = 1.0
"""Seconds for which a lock stays held, or statements slow, at most: far longer than the budget."""


LATER = 0.1
"""Seconds in which a statement on a small table is done, or waits."""


class Scene(Struct):
    """All that a fault may reach. `asleep` are executors that will wake up when others have done their work."""

    server: ScratchServer
    dsn: str
    wire: Wire
    load: Load
    disk: Path | None
    rival: Callable[[], Process]
    asleep: list[Process] = field(default_factory=list)

    def admin(self) -> psycopg.Connection[Any]:
        """Connect as superuser."""
        return psycopg.connect(self.dsn, autocommit=True)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run something as superuser."""
        with self.admin() as connection:
            cursor = connection.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def expire(self) -> None:
        """Let the time of the lease run out."""
        self.ask("UPDATE migrate_safe.lease SET expires = clock_timestamp()")


def strike(scene: Scene, process: Process, held: Held, what: Strike) -> None:
    """Bring a fault about while a process holds, and let the process go on."""
    dice = random.Random(what.dice)
    condition = CONDITIONS.get(what.fault)
    if condition is not None:
        with condition(scene, dice):
            process.go()
            process.wait(HELD_FOR if what.fault in PASSING else 60)
        return
    act = ACTS[what.fault]
    waits = held.intent == "Build" and what.delay_ms > 0
    with _older_writer(scene) if waits else nullcontext():
        if what.delay_ms:
            process.go()
            time.sleep(what.delay_ms / 1000 + (LATER if waits else 0))
        act(scene, process, held)
        if what.fault is not Fault.OVERTAKEN:
            process.go()


@contextmanager
def _older_writer(scene: Scene) -> Iterator[None]:
    """Keep a transaction open for which every concurrent build of an index waits."""
    with scene.admin() as writer, writer.transaction(force_rollback=True):
        for (table,) in scene.ask(TABLES):
            writer.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
        yield


# ---- what happens at a moment ------------------------------------------------------------------


def _end_backend(scene: Scene, pid: int) -> None:
    scene.ask("SELECT pg_terminate_backend(%s)", pid)


def _cancel(scene: Scene, pid: int) -> None:
    scene.ask("SELECT pg_cancel_backend(%s)", pid)


def _cut_before_heard(scene: Scene, process: Process, _: Held) -> None:
    deaf = scene.wire.deafen()
    process.go()
    deaf.wait(HELD_FOR)
    time.sleep(LATER)
    scene.wire.cut()


def _crash(scene: Scene, *_: object) -> None:
    with scene.load.trouble():
        scene.server.stop_immediate()
        scene.server.start()


def _restart(scene: Scene, *_: object) -> None:
    with scene.load.trouble():
        scene.server.restart()


def _lose_host(scene: Scene, process: Process, _: Held) -> None:
    scene.wire.freeze()
    process.send(signal.SIGKILL)
    process.wait()


def _overtake(scene: Scene, process: Process, _: Held) -> None:
    process.send(signal.SIGSTOP)
    scene.asleep.append(process)


def _rival(scene: Scene, *_: object) -> None:
    code, words = scene.rival().end()
    assert (code == 75 and "lease held by" in words) or code == 0, (code, words)


ACTS: dict[Fault, Callable[[Scene, Process, Held], None]] = {
    Fault.KILLED: lambda _, process, __: process.send(signal.SIGKILL),
    Fault.TERMINATED: lambda _, process, __: process.send(signal.SIGTERM),
    Fault.INTERRUPTED: lambda _, process, __: process.send(signal.SIGINT),
    Fault.BACKEND: lambda scene, _, held: _end_backend(scene, held.backend),
    Fault.HEARTBEAT: lambda scene, _, held: _end_backend(scene, held.beat),
    Fault.CANCELLED: lambda scene, _, held: _cancel(scene, held.backend),
    Fault.CUT: lambda scene, *_: scene.wire.cut(),
    Fault.UNHEARD: _cut_before_heard,
    Fault.CRASHED: _crash,
    Fault.RESTARTED: _restart,
    Fault.HOST_LOST: _lose_host,
    Fault.OVERTAKEN: _overtake,
    Fault.RIVAL: _rival,
}

# ---- what lasts for a while --------------------------------------------------------------------

Condition = Callable[[Scene, random.Random], AbstractContextManager[None]]


@contextmanager
def _locked(scene: Scene, dice: random.Random) -> Iterator[None]:
    mode = dice.choice(("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"))
    tables = [row[0] for row in scene.ask(TABLES)]
    with scene.admin() as holder, holder.transaction():
        holder.execute(f"LOCK TABLE {dice.choice(tables)} IN {mode} MODE")
        yield


@contextmanager
def _paused(scene: Scene, _: random.Random) -> Iterator[None]:
    plans = scene.ask("SELECT name FROM migrate_safe.plan")
    for (name,) in plans:
        pause(name, Target(scene.dsn))
    try:
        yield
    finally:
        for (name,) in plans:
            resume(name, Target(scene.dsn))


@contextmanager
def _slow(scene: Scene, _: random.Random) -> Iterator[None]:
    scene.ask(SLOW)
    try:
        yield
    finally:
        scene.ask("DROP EVENT TRIGGER dawdle")
        scene.ask("DROP FUNCTION public.dawdle()")


@contextmanager
def _dependent(scene: Scene, dice: random.Random) -> Iterator[None]:
    table = dice.choice([row[0] for row in scene.ask(TABLES)])
    scene.ask(f"CREATE VIEW {MEDDLER} AS SELECT * FROM {table}")
    try:
        yield
    finally:
        scene.ask(f"DROP VIEW {MEDDLER}")


@contextmanager
def _revoked(scene: Scene, _: random.Random) -> Iterator[None]:
    scene.ask("REVOKE owner FROM deployer")
    try:
        yield
    finally:
        scene.ask("GRANT owner TO deployer")


@contextmanager
def _full(scene: Scene, _: random.Random) -> Iterator[None]:
    assert scene.disk is not None
    filler = scene.disk / "filler"
    with scene.load.trouble(disk=True):
        try:
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(b"\0" * 4096):
                        pass
                except OSError:
                    pass
            yield
        finally:
            filler.unlink()


@contextmanager
def _severed(scene: Scene, _: random.Random) -> Iterator[None]:
    scene.wire.sever()
    try:
        yield
    finally:
        scene.wire.mend()


@contextmanager
def _down(scene: Scene, _: random.Random) -> Iterator[None]:
    with scene.load.trouble():
        scene.server.stop_immediate()
        try:
            yield
        finally:
            scene.server.start()


CONDITIONS: dict[Fault, Condition] = {
    Fault.LOCKED: _locked,
    Fault.PAUSED: _paused,
    Fault.SLOW: _slow,
    Fault.DEPENDENT: _dependent,
    Fault.REVOKED: _revoked,
    Fault.DISK_FULL: _full,
    Fault.SEVERED: _severed,
    Fault.DOWN: _down,
}
PASSING = (Fault.LOCKED, Fault.PAUSED, Fault.SLOW)
"""Conditions that end by themselves, whether the executor has given up or not."""

_ENDS = {0, 75}
EXITS: dict[Fault, set[int]] = {
    Fault.KILLED: {-9, 0},
    Fault.TERMINATED: {130, 0},
    Fault.INTERRUPTED: {130, 0},
    Fault.BACKEND: _ENDS,
    Fault.HEARTBEAT: {0},
    Fault.CANCELLED: _ENDS,
    Fault.CUT: _ENDS,
    Fault.UNHEARD: _ENDS,
    Fault.CRASHED: _ENDS,
    Fault.RESTARTED: _ENDS,
    Fault.HOST_LOST: {-9, 0},
    Fault.OVERTAKEN: {75, 0},
    Fault.RIVAL: {0},
    Fault.LOCKED: _ENDS,
    Fault.PAUSED: {0},
    Fault.SLOW: _ENDS,
    Fault.DEPENDENT: {0, 1, 77},
    Fault.REVOKED: {0, 2},
    Fault.DISK_FULL: {0, 1, 75, 77},
    Fault.SEVERED: {75},
    Fault.DOWN: {75},
}
"""How a command may end when it is struck; 0 where the fault came too late or can be overcome."""
