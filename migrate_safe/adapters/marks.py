"""Which test was running when a statement was sent."""

from __future__ import annotations

import os
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters import pytest_marks

_MODULE = "migrate_safe_marks"


class Marks(Struct):
    """What the plugin writes into a folder of its own, as long as that lasts."""

    folder: Path

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """The environment, as templates of `run_command`, in which pytest loads the plugin; others do not heed it."""
        plugins = ",".join(filter(None, (os.environ.get("PYTEST_PLUGINS"), _MODULE)))
        path = os.pathsep.join(filter(None, (str(self.folder), os.environ.get("PYTHONPATH"))))
        found = ((pytest_marks.VARIABLE, str(self._file)), ("PYTEST_PLUGINS", plugins), ("PYTHONPATH", path))
        return tuple((name, text.replace("{", "{{").replace("}", "}}")) for name, text in found)

    def read(self) -> Tests:
        """Give what was written."""
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        marks = [line.split("\t", 2) for line in lines]
        return Tests(tuple((float(when), place) for when, _, place in marks), len({pid for _, pid, _ in marks}))

    @property
    def _file(self) -> Path:
        return self.folder / "marks"


class Tests(Struct, frozen=True):
    """When each test began (monotonic seconds), in order, and in how many processes."""

    __test__ = False

    began: tuple[tuple[float, str], ...] = ()
    processes: int = 0

    def at(self, when: float) -> str:
        """Name the test that ran at a moment as `file:line`; "" before the first, and where several run at once."""
        if self.processes != 1:
            return ""
        number = bisect_right(self.began, when, key=lambda mark: mark[0])
        return self.began[number - 1][1] if number else ""


@contextmanager
def marking() -> Iterator[Marks]:
    """Lay the plugin out for the commands that run in the block."""
    with tempfile.TemporaryDirectory(prefix="migrate-safe-marks-") as folder:
        shutil.copy(pytest_marks.__file__, Path(folder) / f"{_MODULE}.py")
        yield Marks(Path(folder))
