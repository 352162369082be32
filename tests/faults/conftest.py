from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.executor.plans import SCHEMA
from tests.faults.grounds import Grounds

Connect = Callable[..., Any]


@pytest.fixture
def users(database: str, connect: Connect) -> str:
    """A database with 200 users."""
    connect(database).execute(SCHEMA.format(rows=200))
    return database


@pytest.fixture(scope="module")
def grounds() -> Iterator[Grounds]:
    """A server that may be struck."""
    with Grounds() as made:
        yield made
