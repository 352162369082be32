"""A slice of the fault campaign, and what is chosen from a seed."""

from __future__ import annotations

from itertools import count, islice

import pytest

from tests.faults.campaign import CHOSEN, Trial, chosen
from tests.faults.grounds import Grounds
from tests.faults.operations import OPERATIONS
from tests.faults.trial import Skipped, run

QUICK = ("add-unique", "create-indexes", "drop-column", "rename-text-key-and-trigger", "set-not-null-kept")
SLICE = tuple(islice((t for t in map(chosen, count(1)) if t.operation.name in QUICK), 30))
"""30 seeds with few operations: each has to be run without a fault first."""


@pytest.mark.campaign
@pytest.mark.parametrize("trial", SLICE, ids=lambda trial: str(trial.seed))
def test_a_fault_changes_nothing_in_the_end(grounds: Grounds, trial: Trial) -> None:
    try:
        assert run(grounds, trial)
    except Skipped as why:
        pytest.skip(f"{trial}: {why}")
    except AssertionError as wrong:
        raise AssertionError(f"{trial}: {wrong}") from wrong


def test_a_seed_always_means_the_same() -> None:
    assert chosen(7) == chosen(7)
    assert len({str(chosen(seed)).partition(":")[2] for seed in range(300)}) == 300


def test_300_seeds_leave_out_no_operation_and_no_fault() -> None:
    trials = [chosen(seed) for seed in range(1, 301)]
    strikes = [m.strike for t in trials for m in t.moves if m.strike]
    assert {t.operation.name for t in trials} == {o.name for o in OPERATIONS}
    assert {s.fault for s in strikes} == set(CHOSEN)
    assert all(t.moves[-1].strike is None for t in trials)
    assert any(s.at is None for s in strikes)
