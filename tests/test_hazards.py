"""The table of hazards names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_hazard_names_tests_that_are_there() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (.+) \|$", (ROOT / "docs" / "hazards.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 19))
    for _, named in rows:
        file = ""
        for path, test, case in re.findall(r"`([\w/]*(?:\.py)?)(?:::(\w+))?(?:\[([\w-]+)\])?`", named):
            file = path or file
            text = (ROOT / "tests" / file).read_text()
            assert not test or f"def {test}(" in text, (file, test)
            assert not case or f'"{case}"' in text, (file, case)
