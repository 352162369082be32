"""Which names plans may have, and how they are told from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.app.apply import apply
from migrate_safe.app.executing import Target, find_plan
from migrate_safe.app.plan import PlanRequest
from migrate_safe.app.plan import plan as make_plan
from migrate_safe.app.rollback import rollback
from migrate_safe.model.errors import UsageError
from migrate_safe.model.plan import bad_name
from migrate_safe.model.values import replace
from tests.executor.plans import ADD, fit, plan

BAD = ["a/b", "", "..", " ", "a.yaml", "a.yml", "a\nb", "-x", "\x7f"]


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_no_command_could_take_is_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / "m.sql"
    file.write_text("CREATE TABLE t (id int);")
    with pytest.raises(UsageError, match=r"is no name for a plan: it"):
        make_plan(PlanRequest(file, (), name))


@pytest.mark.parametrize("name", ["0042", "0042_add", "ünïcode 7", "a.b", "a.yaml.old"])
def test_other_names_are_good(name: str) -> None:
    assert bad_name(name) is None


def test_a_file_with_such_a_name_is_refused_before_its_first_step(users: str) -> None:
    with pytest.raises(UsageError, match="'a/b' is no name for a plan: it would be read as a file"):
        apply(replace(fit(users, plan(ADD)), name="a/b"), Target(users))


def test_a_folder_is_no_plan_file(users: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_plan("p") == "p"
    apply(fit(users, plan(ADD)), Target(users))
    assert rollback("p", Target(users), "baseline").after.closed
    with pytest.raises(UsageError, match="is a directory"):
        find_plan("./p")
