"""Nonsense from the command line: one clear message, the right exit code, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.planner.codec import to_yaml
from tests.executor.plans import STORY, fit
from tests.faults.processes import finish

GOOD = to_yaml(STORY)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "p.yaml"),
        (b"\xff\xfe\x00nonsense", "cannot be read"),
        (b"steps: [", "p.yaml"),
        (GOOD.replace("phase: contract", "phase: contarct").encode(), "contarct"),
        (GOOD.replace("takes_back", "take_back").encode(), "take_back"),
    ],
    ids=["empty", "binary", "no yaml", "unknown phase", "unknown key"],
)
def test_a_plan_edited_to_nonsense(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(content)
    code, out, err = finish("apply", str(file), "--dsn", "host=127.0.0.1 port=1")
    assert (code, out) == (2, ""), err
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("apply", "missing.yaml"), 'plan file "missing.yaml" does not exist'),
        (("apply", "p", "--through", "purge"), "'purge' is not one of"),
        (("apply", "never-seen"), 'plan "never-seen" was never applied to this database (known: none)'),
        (("rollback", "never-seen"), 'plan "never-seen" was never applied'),
        (("purge", "never-seen"), 'plan "never-seen" was never applied'),
    ],
)
def test_what_is_not_there(database: str, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = finish(*arguments, "--dsn", database)
    assert (code, out) == (2, "")
    assert words in err
    assert "next:" in err


def test_a_plan_for_another_schema(database: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(GOOD)
    code, _, err = finish("apply", str(file), "--dsn", database)
    assert code == 77
    assert "is for another schema" in err


def test_status_where_nothing_was_installed(database: str) -> None:
    code, out, _ = finish("status", "--dsn", database)
    assert (code, out) == (0, "nothing here yet: migrate-safe has never run on this database\n")


def test_a_dry_run_on_the_command_line_writes_sql_to_stdout_and_changes_nothing(users: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(to_yaml(fit(users, STORY)))
    code, out, _ = finish("apply", str(file), "--dsn", users, "--dry-run", "--through", "contract")
    assert code == 0
    assert "LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE NOWAIT;\n" in out
    assert finish("status", "--dsn", users)[1].startswith("nothing here yet")
