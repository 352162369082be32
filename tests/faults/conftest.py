from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.executor.plans import SCHEMA

Connect = Callable[..., Any]


@pytest.fixture
def users(database: str, connect: Connect) -> str:
    """A database with 200 users."""
    connect(database).execute(SCHEMA.format(rows=200))
    return database
