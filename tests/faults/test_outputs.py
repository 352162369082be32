"""Nobody listens any more: a migration goes on to its end and says so by its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from migrate_safe.app.executing import Target
from migrate_safe.app.status import status
from migrate_safe.planner.codec import to_yaml
from tests.executor.plans import STORY, fit

ROOT = Path(__file__).parents[2]
FULL = "/dev/full"


def shell(command: str, folder: Path) -> int:
    """Run a shell command in which `ms` is migrate-safe, and give its exit code."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = f'ms() {{ "{sys.executable}" -m migrate_safe.cli.entry "$@"; }}'
    words = ["bash", "-c", f"{program}\n{command}"]
    return subprocess.run(words, cwd=folder, env=environment, timeout=120, check=False).returncode


@pytest.mark.skipif(not Path(FULL).exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "outputs",
    ["| true", "> /dev/full", "2> /dev/full", "> /dev/full 2>&1", ">&- 2>&-", "<&- >&- 2>&-"],
)
@pytest.mark.parametrize("form", ["", "--json"])
def test_outputs_that_go_away_stop_no_migration(users: str, tmp_path: Path, outputs: str, form: str) -> None:
    (tmp_path / "story.yaml").write_text(to_yaml(fit(users, STORY)))
    ran = f"ms apply story.yaml {form} --batch-rows 10 --dsn '{users}' {outputs}; exit ${{PIPESTATUS[0]}}"
    assert shell(ran, tmp_path) == 0
    found = status(Target(users)).plans[0]
    assert (found.phase, found.failure) == ("migrate", None)


@pytest.mark.skipif(not Path(FULL).exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("words", "code"), [("apply missing.yaml", 2), ("purge story", 77), ("rollback story --to nowhere", 2)]
)
def test_the_exit_code_stays_true_when_nobody_reads_the_reason(
    users: str, tmp_path: Path, words: str, code: int
) -> None:
    (tmp_path / "story.yaml").write_text(to_yaml(fit(users, STORY)))
    assert shell(f"ms apply story.yaml --dsn '{users}'", tmp_path) == 0
    for outputs in ("2> /dev/full", ">&- 2>&-", "> /dev/full 2>&1"):
        assert shell(f"ms {words} --dsn '{users}' {outputs}", tmp_path) == code


@pytest.mark.skipif(not Path(FULL).exists(), reason="this system has no /dev/full")
def test_a_dry_run_that_cannot_be_written_is_no_success(users: str, tmp_path: Path) -> None:
    (tmp_path / "story.yaml").write_text(to_yaml(fit(users, STORY)))
    assert shell(f"ms apply story.yaml --dry-run --dsn '{users}' > /dev/full", tmp_path) == 75
