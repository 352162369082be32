"""Colours are for terminals whose owners want them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="terminals of this kind are of Unix")


def on_a_terminal(folder: Path, **variables: str) -> str:
    """Give what `lint` writes to a terminal."""
    ours, theirs = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")} | {"TERM": "xterm"} | variables
    code = "import sys; from migrate_safe.cli.main import main; sys.exit(main(['lint', '1.sql', '--no-cache']))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=env, stdout=theirs) as process:
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 65536):
                said += piece
        except OSError:
            pass  # the other end is closed
        assert process.wait() == 1
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1.sql").write_text("SET lock_timeout = '1s';\nCREATE INDEX i ON users (email);\n")
    return tmp_path


def test_a_terminal_gets_colours_and_the_same_words(folder: Path):
    coloured = on_a_terminal(folder)
    assert "\x1b[1;31merror\x1b[0m: index-not-concurrent" in coloured
    assert "\x1b[1;31m" + "^" * len("CREATE INDEX i ON users (email)") + "\x1b[0m" in coloured
    plain = on_a_terminal(folder, NO_COLOR="1")
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_a_dumb_terminal_gets_none(folder: Path):
    assert "\x1b" not in on_a_terminal(folder, TERM="dumb")
    assert "\x1b" in on_a_terminal(folder, NO_COLOR="")
