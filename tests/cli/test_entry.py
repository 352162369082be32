"""The way in, as a process: signals at any moment, and streams that the caller has closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from migrate_safe.cli import main as front

ROOT = Path(front.__file__).parents[2]
QUIET = "migrate-safe: interrupted\n  next: run this again\n"


def run(code: str, **more) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False, **more)


SIGNAL_AT_IMPORT = """
    import os, sys
    class Signaller:
        def find_spec(self, name, *_):
            if name == {module!r}:
                os.kill(os.getpid(), {number})
                [0 for _ in iter(int, 1)]
    sys.meta_path.insert(0, Signaller())
    from migrate_safe.cli.entry import main
    sys.argv = ["migrate-safe", "status", "--dsn", "host=127.0.0.1 port=1"]
    sys.exit(main())
"""


@pytest.mark.parametrize("module", ["migrate_safe.cli.main", "click", "migrate_safe.cli.status", "psycopg"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_program_loads_ends_with_130_and_one_line(module: str, number: int) -> None:
    ran = run(SIGNAL_AT_IMPORT.format(module=module, number=int(number)))
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", QUIET)


def test_a_signal_after_the_end_shows_no_traceback() -> None:
    ran = run("""
        import os, signal, sys
        from migrate_safe.cli import entry, main as front
        front.main = lambda: 0
        assert entry.main() == 0
        os.kill(os.getpid(), signal.SIGINT)
        [0 for _ in iter(int, 1)]
    """)
    assert (ran.returncode, ran.stderr) == (130, QUIET)


def test_what_a_shell_starts_in_the_background_goes_on_ignoring_ctrl_c() -> None:
    ran = run("""
        import os, signal, sys
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        import click
        from migrate_safe.cli import entry, main as front
        work = lambda: os.kill(os.getpid(), signal.SIGINT)
        front.load_command = lambda *_: click.Command("lint", callback=work)
        sys.argv = ["migrate-safe", "lint"]
        sys.exit(entry.main())
    """)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_it_imports_next_to_nothing() -> None:
    ran = run("""
        import sys
        before = set(sys.modules)
        import migrate_safe.cli.entry
        print(sorted(m for m in set(sys.modules) - before if "." not in m))
    """)
    loaded = set(eval(ran.stdout))
    assert loaded <= {"migrate_safe", "signal", "_signal", "enum", "functools", "collections", "types", "operator"} | {
        name for name in loaded if name.startswith("_") or name in ("keyword", "reprlib", "itertools", "contextlib")
    }


def test_closed_outputs_are_no_error() -> None:
    command = f"'{sys.executable}' -m migrate_safe --help <&- >&- 2>&-"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, shell=True, env=environment, timeout=60, check=False).returncode == 0


def test_a_closed_input_is_said(tmp_path: Path) -> None:
    ran = shell("-m migrate_safe.cli.entry lint - <&-", tmp_path)
    assert (ran.returncode, "<stdin>:1: cannot be read: it is closed" in ran.stdout) == (2, True)


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    ran = shell("-m migrate_safe.cli.entry lint 1.sql", tmp_path, before="mkdir x; cd x; rmdir ../x; ")
    said = "migrate-safe: the folder in which this runs is gone\n  next: change to one that is there\n"
    assert (ran.returncode, ran.stderr) == (2, said)


def shell(words: str, folder: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = f"{before}'{sys.executable}' {words}"
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
