"""Real processes of the command line, to be killed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from migrate_safe.model.plan import Plan
from migrate_safe.planner.codec import to_yaml
from tests.support.processes import start_python

MAIN = "import sys; from migrate_safe.cli.main import main; sys.exit(main({arguments!r}))"


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `migrate-safe` with arguments."""
    return start_python(MAIN.format(arguments=list(arguments)))


def finish(*arguments: str) -> tuple[int, str, str]:
    """Run `migrate-safe` to its end; gives exit code, stdout and stderr."""
    return end_of(start(*arguments))


def end_of(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a process; gives exit code, stdout and stderr."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def write_plan(folder: Path, plan: Plan) -> str:
    """Write a plan file and give its path."""
    file = folder / f"{plan.name}.yaml"
    file.write_text(to_yaml(plan))
    return str(file)
