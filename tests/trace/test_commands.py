"""Commands of any kind, traced: where they connect, what they are told, and how they end."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.trace import TraceRequest, trace_command
from migrate_safe.model.errors import TryLater
from migrate_safe.model.trace import TraceReport
from migrate_safe.report.trace import trace_text
from tests.support.cli import CommandLine, wait_until

CONNECT = "import os, psycopg\nurl = os.environ['DATABASE_URL']\nc = psycopg.connect(url, autocommit=True)\n"
HELD = f"""{CONNECT}
open('held', 'w').close()
try:
    c.execute('SELECT pg_sleep(60)')
except psycopg.Error:
    pass
"""
Trace = Callable[[str], TraceReport]


def test_a_command_whose_session_stays_open_is_waited_for_later(tmp_path: Path) -> None:
    program = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {HELD!r}])\n"
    program += "import os, time\nwhile not os.path.exists('held'): time.sleep(0.01)\n"
    before = f"{sys.executable} -c {shlex.quote(program)}"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        with pytest.raises(TryLater, match="somebody is still connected to it"):
            trace_command((sys.executable, "-c", CONNECT), TraceRequest(before=(before,)))


def test_parameters_are_written_for_people_and_repeated_statements_once(trace: Trace) -> None:
    program = "c.execute('CREATE TABLE t (x text)')\nc.execute('INSERT INTO t VALUES (%s)', ['y' * 1000])\n"
    program += "c.execute('INSERT INTO t VALUES (%b::int4)', [258])\n" * 3
    report = trace(program)
    told = [t.parameters for t in report.statements if t.parameters]
    assert told == [(f"{'y' * 200!r}... (1000 bytes)",), *[("'258'",)] * 3]
    text = trace_text(report)
    assert "y" * 300 not in text
    assert (text.count("$1::int4"), text.count("  repeated   2 times more in ")) == (1, 1)


@pytest.fixture
def trace(tmp_path: Path, each_server: ScratchServer) -> Trace:
    """Trace a Python program that has a connection `c`."""

    def traced(program: str) -> TraceReport:
        file = tmp_path / "command.py"
        file.write_text(CONNECT + program)
        request = TraceRequest(postgres=each_server.home, save=tmp_path / "saved.sql")
        return trace_command((sys.executable, str(file)), request)

    return traced


def test_a_session_is_run_again_with_the_settings_that_it_began_with(trace: Trace, tmp_path: Path) -> None:
    report = trace(
        "c.execute('CREATE SCHEMA app')\n"
        "c.execute('CREATE TABLE app.users (id int)')\n"
        "c.execute('CREATE TABLE users (id int, old int)')\n"
        "with psycopg.connect(url, options='-c search_path=app', autocommit=True) as d:\n"
        "    d.execute('ALTER TABLE users ADD COLUMN z int')\n"
        "c.execute('ALTER TABLE users DROP COLUMN old')\n"
    )
    assert (report.command_code, report.differing, report.failed) == (0, (), ())
    changed = [
        t.observed.effect.locks for t in report.statements if t.observed and "COLUMN" in t.analysed.statement.text
    ]
    assert [str(lock.relation) for (lock,) in changed] == ["app.users", "public.users"]
    saved = (tmp_path / "saved.sql").read_text()
    assert "\\connect\nSET search_path = app;\nALTER" in saved
    assert "\\connect\nALTER" in saved


def test_each_session_finds_what_it_had_set_and_made_when_its_turn_comes_again(trace: Trace, tmp_path: Path) -> None:
    report = trace(
        "d = psycopg.connect(url, options='-c search_path=app', autocommit=True)\n"
        "c.execute('CREATE SCHEMA app')\n"
        "d.execute('SET search_path = public')\n"
        "c.execute('SET search_path = app')\n"
        "d.execute('CREATE TABLE e (id int)')\n"
        "c.execute('CREATE TABLE a (id int)')\n"
        "d.execute('ALTER TABLE e ADD x int')\n"
        "c.execute('CREATE TEMP TABLE e (q int)')\n"
        "d.execute('ALTER TABLE e ADD y int')\n"
        "c.execute('ALTER TABLE e ADD only_temp int')\n"
        "d.execute('RESET search_path')\n"
        "d.execute('ALTER TABLE a ADD z int')\n"
    )
    assert (report.command_code, report.differing, report.failed) == (0, (), ())
    altered = [t.observed.effect.locks[0] for t in report.statements if t.observed and t.observed.effect.locks]
    assert [str(lock.relation) for lock in altered] == ["public.e", "public.e", "pg_temp.e", "app.a"]
    assert len(report.notes) == 1 and "nothing is saved" in report.notes[0]
    assert (tmp_path / "saved.sql").read_text().startswith("-- Not saved: session 1 comes back")


def test_pgoptions_reach_the_command_and_its_second_run(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=app")
    report = trace(
        "c.execute('CREATE SCHEMA app')\nc.execute('CREATE TABLE t (i int)')\nc.execute('DROP TABLE app.t')\n"
    )
    assert (report.command_code, report.differing, report.failed) == (0, (), ())


def test_what_was_sent_to_another_database_is_named_and_not_run_again(trace: Trace) -> None:
    report = trace(
        "with psycopg.connect(url, dbname='postgres', autocommit=True) as d:\n"
        "    d.execute('SELECT 1 AS elsewhere')\n"
        "c.execute('CREATE TABLE here (i int)')\n"
    )
    assert [t.analysed.statement.text for t in report.statements] == ["CREATE TABLE here (i int)"]
    said = 'not run again, for it was sent to the database "postgres": SELECT 1 AS elsewhere'
    assert report.notes == (said,)
    assert said in trace_text(report)


def test_a_command_that_used_another_database_alone_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.py").write_text(CONNECT.replace("(url,", "(url, dbname='postgres',") + "c.execute('SELECT 1')")
    ran = CommandLine(tmp_path)("trace", "--", sys.executable, "c.py")
    assert ran.code == 2
    assert 'it was sent to the database "postgres": SELECT 1' in ran.err


def test_a_statement_that_fared_otherwise_for_the_command_is_told(trace: Trace) -> None:
    report = trace(
        "c.execute('CREATE TABLE once (n text)')\n"
        "own = c.info.dbname\n"
        "try: c.execute(f\"SELECT 1 / (current_database() <> '{own}')::int\")\n"
        "except psycopg.Error: pass\n"
        "c.execute(f\"SELECT 1 / (current_database() = '{own}')::int\")\n"
    )
    notes = [t.note for t in report.statements]
    assert notes == ["", "it failed for the command: division by zero (22012)", "it did not fail for the command"]


def test_a_timeout_of_the_command_is_told_and_what_it_refused_is_not_shown_as_done(trace: Trace) -> None:
    report = trace(
        "c.execute('CREATE TABLE t (i int)')\n"
        "with psycopg.connect(url) as d:\n"
        "    d.execute('LOCK TABLE t IN SHARE MODE')\n"
        "    c.execute(\"SET lock_timeout = '50ms'\")\n"
        "    try: c.execute('ALTER TABLE t ADD z int')\n"
        "    except psycopg.errors.LockNotAvailable: pass\n"
        "c.execute('ALTER TABLE t ADD z bigint')\n"
    )
    assert (report.failed, report.differing) == ((), ())
    assert [t.analysed.statement.text for t in report.statements if "ALTER" in t.analysed.statement.text] == [
        "ALTER TABLE t ADD z bigint"
    ]
    (note,) = report.notes
    assert "ALTER TABLE t ADD z int (it failed for the command: canceling statement due to lock timeout, 55P03)" in note


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_with_all_that_it_started(tmp_path: Path, by: signal.Signals) -> None:
    """The command ignores SIGINT, behind a shell."""
    started = tmp_path / "pid"
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "pathlib.Path('new').write_text(str(os.getpid()))\nos.rename('new', 'pid')\ntime.sleep(600)\n"
    )
    ran = CommandLine(tmp_path).interrupted(
        started.exists, "trace", "--", "sh", "-c", f"{sys.executable} slow.py; true", by=by
    )
    assert ran.code == 130
    wait_until(lambda: not _lives(int(started.read_text())))


def test_the_command_ends_also_where_trace_is_killed(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path('new').write_text(str(os.getpid()))\nos.rename('new', 'pid')\n"
        "try: time.sleep(600)\nexcept KeyboardInterrupt: pass\n"
    )
    words = ("trace", "--", "sh", "-c", f"{sys.executable} slow.py; true")
    ran = CommandLine(tmp_path).interrupted(started.exists, *words, by=signal.SIGKILL)
    assert ran.code == -signal.SIGKILL
    wait_until(lambda: not _lives(int(started.read_text())))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
