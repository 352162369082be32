"""Each fault in each step of contract, and both ways out: a slice that leaves out no fault, no step and no way.

`make faults` runs the whole table.
"""

from __future__ import annotations

import pytest

from tests.faults.campaign import Fault
from tests.faults.grounds import Grounds
from tests.faults.trial import Skipped
from tests.faults.ways_out import EVERY_KIND, FAULTS, cells, walk


@pytest.mark.campaign
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
def test_both_ways_lead_out_of_a_step_of_contract(grounds: Grounds, fault: Fault) -> None:
    every, n = tuple(cells(grounds.reference(EVERY_KIND).plan, fault)), FAULTS.index(fault)
    strikes = [every[at : at + 2] for at in range(0, len(every), 2)]  # each with both ways out
    try:
        walk(grounds, [outs[(n + i) % 2] for i, outs in enumerate(strikes[n :: len(FAULTS)])])
    except Skipped as why:
        pytest.skip(str(why))


def test_the_slice_leaves_nothing_out(grounds: Grounds) -> None:
    strikes = len(tuple(cells(grounds.reference(EVERY_KIND).plan, Fault.KILLED))) // 2
    assert strikes == 2 * len(FAULTS)


def test_the_plan_has_steps_of_all_kinds(grounds: Grounds) -> None:
    cell_of = {c.step.split(".")[1] for c in cells(grounds.reference(EVERY_KIND).plan, Fault.KILLED)}
    assert cell_of == {
        *("verify", "verify-not-null", "restore-not-null", "prove-not-null", "guard-not-null", "quiet-column"),
        *("refill-column", "hide-column", "check-duplicates", "build-index", "attach-unique", "add-constraint"),
        *("validate-constraint", "add-not-null-check", "validate-not-null-check", "set-not-null"),
    }
