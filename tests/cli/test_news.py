"""What apply says while it works."""

from __future__ import annotations

import pytest

from migrate_safe.cli.executing import teller
from migrate_safe.executor.news import Waiting


def test_what_is_waited_for_is_said_once_while_it_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    tell = teller("text")
    for reason in ("one", "one", "other", "other", "one"):
        tell(Waiting(reason, ("pid 7",)))
    assert capsys.readouterr().err == "one: pid 7\nother: pid 7\none: pid 7\n"
