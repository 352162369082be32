"""Random migrations on a real server: the plan ends where the plain form ends, and leads back from where it stopped.

`python -m tests.recipes FIRST SEEDS [MAJOR]` runs more of them.
"""

from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.combinations import lead
from tests.recipes.grounds import cases
from tests.test_architecture import recipes


@pytest.mark.parametrize("seed", range(1, 13))
def test_random_migrations_end_as_plain_and_lead_back(seed: int, each_server: ScratchServer) -> None:
    lead(seed, each_server)


def test_every_recipe_is_in() -> None:
    assert [recipe for recipe in recipes() if not cases().get(recipe)] == []
