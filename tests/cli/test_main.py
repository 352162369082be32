"""The front door: exit codes, plain words, no traceback, fast start."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from migrate_safe.cli import main as front
from migrate_safe.model.errors import Exit, Refused, TryLater, UsageError

ROOT = Path(front.__file__).parents[2]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    """Make the front door find a command `try` that does what the test says."""

    def install(work, *options) -> None:
        monkeypatch.setattr(front, "COMMANDS", (("try", "no.such.module", "Try."),))
        monkeypatch.setattr(front, "load_command", lambda *_: click.Command("try", callback=work, params=list(options)))

    return install


def raising(error: BaseException):
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError('no file "x.sql"', next_move="name another", place="x.sql:3"), 2, 'x.sql:3: no file "x.sql"'),
        (TryLater("server unreachable"), 75, "server unreachable"),
        (Refused("schema drifted", next_move="migrate-safe status"), 77, "next: migrate-safe status"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "full"), 75, "cannot write: no space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "a.sql"), 2, '"a.sql": permission denied'),
        (OSError(errno.EIO, "Input/output error"), 1, "internal error: OSError"),
        (RuntimeError("boom"), 1, "internal error: RuntimeError: boom"),
    ],
)
def test_each_error_has_its_words_and_code(command, capsys, error, code, text):
    command(raising(error))
    assert front.main(["try"]) == code
    out, err = capsys.readouterr()
    assert text in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize("words", [["lint"], ["lint", "--schema"], ["lint", "--rules"], ["plan"], ["trace"], ["apply"]])
def test_a_path_that_no_system_takes_is_bad_usage(capsys, words):
    assert front.main([*words, "x" * 300, *(["-"] if len(words) > 1 else [])]) == 2
    assert "file name too long" in capsys.readouterr().err


def test_a_bug_shows_its_traceback_only_on_request(command, capsys, monkeypatch):
    command(raising(RuntimeError("boom")))
    monkeypatch.setenv(front.DEBUG_VARIABLE, "1")
    assert front.main(["try"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("result", "code"), [(None, 0), (Exit.FAILED, 1), (77, 77)])
def test_what_a_command_returns_is_the_exit_code(command, result, code):
    command(lambda: result)
    assert front.main(["try"]) == code


def test_a_command_reads_its_own_options_and_help(command, capsys):
    seen: list[str] = []
    command(lambda name: seen.append(name), click.Option(["--name"]))
    assert front.main(["try", "--name", "--odd"]) == 0
    assert seen == ["--odd"]
    assert front.main(["try", "--help"]) == 0
    assert "migrate-safe try" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["lnt"], ["--bogus"], ["lint", "--bogus"], []])
def test_bad_usage_is_exit_2_on_stderr(words, capsys):
    assert front.main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "migrate-safe" in err


def test_a_missing_module_does_not_break_help(monkeypatch, capsys):
    monkeypatch.setattr(front, "COMMANDS", (("ghost", "migrate_safe.cli.ghost", "Not here."),))
    assert front.main(["--help"]) == 0
    assert "Not here." in capsys.readouterr().out
    assert front.main(["ghost"]) == 2
    assert '"ghost" is not part of this build' in capsys.readouterr().err


def test_an_import_error_inside_a_command_is_not_taken_for_a_missing_command(monkeypatch, capsys, tmp_path):
    (tmp_path / "broken_command.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(front, "COMMANDS", (("broken", "broken_command", "Broken."),))
    assert front.main(["broken"]) == 1
    assert "no_such_library" in capsys.readouterr().err


def run_python(code: str, **more) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, **more)


def test_help_imports_none_of_the_heavy_libraries():
    code = (
        "import sys; from migrate_safe.cli.main import main; main(['--help'])\n"
        "heavy = {'psycopg', 'sqlglot', 'postgast', 'yaml', 'alembic', 'rich', 'importlib.metadata'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    assert "HEAVY []" in run_python(code).stdout


def test_a_closed_pipe_is_quiet():
    code = "import sys; from migrate_safe.cli.main import main; sys.exit(main(['--help']))"
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, env=environment
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 1


def test_ctrl_c_ends_with_130_and_one_line():
    code = (
        "import os, signal, sys, click\n"
        "from migrate_safe.cli import main as front\n"
        f"work = lambda: os.kill(os.getpid(), {int(signal.SIGINT)}) or [0 for _ in iter(int, 1)]\n"
        "front.load_command = lambda *_: click.Command('lint', callback=work)\n"
        "sys.exit(front.main(['lint']))"
    )
    done = run_python(code, timeout=60)
    assert done.returncode == 130
    assert done.stderr == "migrate-safe: interrupted\n  next: run this again\n"
