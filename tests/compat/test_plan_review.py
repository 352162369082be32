"""A plan in review: every undo is tried, edits are named, and what no server takes is said with the step."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.undo_trial import try_undos
from migrate_safe.cli.main import main
from tests import recipes
from tests.recipes.lifecycle import Case, plan_of

RECIPES = [import_module(f"tests.recipes.{module.name}") for module in iter_modules(recipes.__path__)]
CASES = [case for recipe in RECIPES for case in getattr(recipe, "CASES", ())[:1]]
"""One of each recipe: all their undos are run in lifecycles, here it is the review that is asked."""

BASE = """\
CREATE TABLE users (
    id bigserial PRIMARY KEY, email text NOT NULL, age int, rest interval NOT NULL DEFAULT '90 minutes'
);
"""
MIGRATION = "ALTER TABLE users ADD COLUMN phone text;\nALTER TABLE users ADD CONSTRAINT grown CHECK (age > 17);\n"
RELEASE = "app: shop\nversion: {}\nqueries:\n  - UPDATE users SET email = %s WHERE id = %s\n"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_undo_that_is_planned_undoes(case: Case, database: str, connect):
    connection = connect(database)
    connection.execute(case.before)
    plan = plan_of(case, read_schema(connection))
    assert try_undos(database, plan, "plan.yaml") == ()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001.sql").write_text(BASE)
    (tmp_path / "migrations" / "0002.sql").write_text(MIGRATION)
    for version in ("v41", "v42"):
        (tmp_path / f"{version}.yaml").write_text(RELEASE.format(version))
    assert main(["plan", "migrations/0002.sql", "-o", "plan.yaml"]) == 0
    capsys.readouterr()
    return tmp_path


@pytest.fixture
def run(project: Path, each_server, capsys):
    """Edit the plan (old text, new text) and check it: exit code, output, errors."""

    def checked(*edits: tuple[str, str], more: tuple[str, ...] = ()) -> tuple[int, str, str]:
        text = (project / "plan.yaml").read_text()
        for before, after in edits:
            assert before in text, text
            text = text.replace(before, after, 1)
        (project / "plan.yaml").write_text(text)
        code = main(
            ["check", "plan.yaml", "--old", "v41.yaml", "--new", "v42.yaml", "--postgres", each_server.dsn(), *more]
        )
        out, err = capsys.readouterr()
        assert "internal error" not in err
        return code, out, err

    return checked


def test_a_plan_as_it_was_made_has_no_fault_and_no_note(run):
    code, out, _ = run()
    assert code == 0
    assert "FAULT" not in out
    assert "edited" not in out
    assert "not those" not in out  # though the server spells that default otherwise
    assert "each step was done, undone and done again" in out


# what was edited, words of the fault
WRONG_UNDOS = [
    (("DROP COLUMN phone", "ALTER COLUMN phone SET DEFAULT 'x'"), "going back, the schema is not that before the plan"),
    (("DROP COLUMN phone", "DROP COLUMN phone, ADD COLUMN fax text"), "+ column fax"),
    (("DROP COLUMN phone", "DROP COLUMN telephone"), 'its undo fails: the server refuses this: column "telephone"'),
    (("phone IS NOT NULL", "fon IS NOT NULL"), 'its undo fails: the server refuses this: column "fon" does not exist'),
    (("DROP CONSTRAINT grown", "VALIDATE CONSTRAINT grown"), "+ constraint grown"),
]


@pytest.mark.parametrize(("edit", "words"), WRONG_UNDOS)
def test_an_undo_that_does_not_take_back_its_step_is_a_fault_that_names_it(run, edit, words):
    code, out, _ = run(edit)
    assert code == 1
    step = "contract.add-constraint" if "grown" in edit[0] else "expand.add-column.public.users.phone"
    assert f"FAULT  plan.yaml  {step}" in out
    assert words in out
    assert "correct `undo:` of the step" in out
    assert "0 breaks: 2 queries of v41 and v42 work wherever they must; 1 fault of the plan\n" in out


def test_an_empty_undo_of_a_change_is_a_fault_though_a_later_step_has_none_either(run):
    code, out, _ = run(("ALTER TABLE public.users DROP CONSTRAINT grown;", "SELECT 1;"))
    assert code == 1
    assert "FAULT  plan.yaml  contract.add-constraint.public.users.grown\n" in out
    assert out.count("FAULT") == 1, "the empty undo of the validation says nothing new"


def test_an_edited_plan_is_said_and_tried_as_it_stands(run):
    code, out, _ = run(("ADD COLUMN phone text", "ADD COLUMN phone text DEFAULT ''"))
    assert code == 0
    (note,) = [line for line in out.splitlines() if "the plan was edited" in line]
    assert 'made by another version of migrate-safe: "expand.add-column.public.users.phone" is changed' in note


def test_a_plan_of_a_migration_that_changed_since_is_a_fault(run, project):
    (project / "migrations" / "0002.sql").write_text(MIGRATION + "ALTER TABLE users DROP COLUMN age;\n")
    code, out, _ = run()
    assert code == 1
    assert 'FAULT  plan.yaml\n  because     "migrations/0002.sql" is not the file that was planned' in out
    assert "what to do  plan it anew: migrate-safe plan migrations/0002.sql -o plan.yaml" in out


def test_a_plan_whose_migration_is_not_at_hand_is_tried_all_the_same(run, project):
    (project / "migrations" / "0002.sql").rename(project / "elsewhere.sql")
    code, out, _ = run(more=("--schema", "migrations/0001.sql"))
    assert code == 0
    assert "FAULT" not in out


# what was edited, words of the error
NONSENSE = [
    (("ADD COLUMN phone text", "ADD COLUMN phone no_such_type"), 'type "no_such_type" does not exist'),
    (("ADD COLUMN phone text", "ADD KOLUMN phone text"), 'syntax error at or near "text"'),
    (("public.users ADD COLUMN phone", "public.uzers ADD COLUMN phone"), 'relation "public.uzers" does not exist'),
    (
        ("SELECT id FROM public.users WHERE NOT", "SELECT id FROM public.users WERE NOT"),
        'syntax error at or near "NOT"',
    ),
    (("phase: expand", "phase: expnad"), "expnad"),
    (("sha256:", "sha265:"), "sha265"),
]


@pytest.mark.parametrize(("edit", "words"), NONSENSE)
def test_nonsense_is_exit_2_and_names_the_plan_and_the_place(run, edit, words):
    code, out, err = run(edit)
    assert (code, out) == (2, "")
    assert "plan.yaml:" in err
    assert words in err
    assert "next: " in err


def test_json_has_the_faults(run):
    code, out, _ = run(WRONG_UNDOS[1][0], more=("--json",))
    assert code == 1
    value = json.loads(out)
    (fault,) = value["plan_faults"]
    assert fault["step"] == "expand.add-column.public.users.phone"
    assert "+ column fax" in fault["reason"]
    assert value["breaks"] == 0
