"""Words about work that goes on, whoever still listens: a reader that goes away, or a full disk, stops no migration."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

import click


def say(text: str, *, err: bool = False, newline: bool = True) -> None:
    """Write to stdout or stderr; once that fails, the rest of that stream is dropped in silence."""
    try:
        click.echo(text, err=err, nl=newline)
    except (OSError, ValueError):  # a closed file is a ValueError
        forget(sys.stderr if err else sys.stdout)


def flush() -> None:
    """Write out what stdout still holds; raises OSError."""
    if sys.stdout is not None:
        sys.stdout.flush()


def forget(stream: TextIO | None) -> None:
    """Point a stream at nothing, so that neither later words nor the interpreter's last flush complain."""
    with suppress(OSError, ValueError, AttributeError):  # a stream that is no file has nothing to flush
        assert stream is not None
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
