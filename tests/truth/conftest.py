"""A bench for the statements of the catalogue, on each major of the matrix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.truth.run import Bench, Case


@pytest.fixture(scope="module")
def bench(each_server: ScratchServer) -> Iterator[Bench]:
    """A bench on a server of each major."""
    with closing(Bench(each_server)) as made:
        yield made


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the majors that a case is not meant for, by its `versions` or by `since`."""
    meant = {True: [], False: []}
    for item in items:
        meant[_is_meant(getattr(item, "callspec", None))].append(item)
    config.hook.pytest_deselected(items=meant[False])
    items[:] = meant[True]


def _is_meant(call: Any) -> bool:
    params = call.params if call is not None else {}
    major = params.get("each_server")
    if major is None:
        return True
    case = params.get("case")
    since = getattr(params.get("refusal"), "since", params.get("since", major))
    return case.runs_on(major) if isinstance(case, Case) else since <= major
