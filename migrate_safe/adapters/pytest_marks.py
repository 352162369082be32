"""A pytest plugin that writes down when which test began: so that what goes through a door can be told by test.

It runs in the Python of the tests, where this package may not be installed: it is copied there, and needs nothing.
"""

import os
import time

VARIABLE = "MIGRATE_SAFE_MARKS"


def pytest_runtest_logstart(location):  # type: ignore[no-untyped-def]  # noqa: D103
    file, line, _ = location
    with open(os.environ[VARIABLE], "a", encoding="utf-8") as marks:  # noqa: PTH123
        marks.write(f"{time.monotonic()}\t{os.getpid()}\t{file}:{(line or 0) + 1}\n")
