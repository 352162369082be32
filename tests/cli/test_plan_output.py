"""`plan`: what it prints in each form, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate_safe.cli.main import main
from migrate_safe.model.plan import Sql
from migrate_safe.planner.codec import from_yaml

BEFORE = "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, name text);"
CHANGE = "ALTER TABLE users RENAME email TO email_address;\nCREATE INDEX ON users (name);"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001.sql").write_text(BEFORE)
    (tmp_path / "migrations" / "0002_mail.sql").write_text(CHANGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["plan", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_plan_goes_to_stdout_and_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "migrations/0002_mail.sql")
    plan = from_yaml(out, "out")
    assert (code, err, plan.name, plan.source.file) == (0, "", "0002_mail", "migrations/0002_mail.sql")
    assert len(plan.source.sha256) == 64


def test_with_a_file_the_terminal_shows_the_phases(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, err = run(capsys, "migrations/0002_mail.sql", "-o", "plans/0002.yaml", "--name", "mail")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line and line[0] not in " n"] == [
        "mail:", "expand", "migrate", "contract", "purge",
    ]  # fmt: skip
    assert "ACCESS EXCLUSIVE on public.users" in out
    assert "written to plans/0002.yaml" in err
    assert from_yaml((folder / "plans/0002.yaml").read_text(), "x").name == "mail"
    assert not list((folder / "plans").glob(".*"))


def test_other_forms_show_the_same_steps(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(run(capsys, "migrations/0002_mail.sql", "--json")[1])
    ids = [step["id"] for step in data["steps"]]
    sql, markdown = (run(capsys, "migrations/0002_mail.sql", "--format", f)[1] for f in ("sql", "markdown"))
    assert all(i in sql and f"`{i}`" in markdown for i in ids)
    assert "UPDATE public.users SET email_address = email WHERE" in sql


def test_the_state_before_can_be_named(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "alone.sql").write_text(CHANGE)
    assert run(capsys, "alone.sql")[0] == 77
    assert run(capsys, "alone.sql", "--schema", "migrations/0001.sql")[0] == 0


def test_what_is_refused_writes_nothing(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "bad.sql").write_text("TRUNCATE users;\nALTER TABLE users ALTER name TYPE int;")
    code, out, err = run(capsys, "bad.sql", "--schema", "migrations/0001.sql", "-o", "bad.yaml")
    assert (code, out) == (77, "")
    assert "bad.sql:1:1: TRUNCATE users" in err
    assert "bad.sql:2:1: ALTER TABLE users ALTER name TYPE int" in err
    assert not (folder / "bad.yaml").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "changes nothing"), (b"\xff\xfe\x00", "UTF-16"), (b"SELECT '\xe9'", "not UTF-8"), (b"a\x00b", "NUL byte")],
)
def test_bad_files_are_bad_usage(content: bytes, said: str, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "odd.sql").write_bytes(content)
    code, _, err = run(capsys, "odd.sql")
    assert code == 2 and said in err


def test_a_folder_a_missing_file_and_an_unwritable_place_are_bad_usage(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert run(capsys, "migrations")[0] == 2
    assert run(capsys, "nothing.sql")[0] == 2
    code, _, err = run(capsys, "migrations/0002_mail.sql", "-o", "migrations/0001.sql/x.yaml")
    assert code == 2 and "cannot be written" in err


def test_why_names_for_each_statement_the_road_and_the_roads_not_taken(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, out, err = run(capsys, "migrations/0002_mail.sql", "--why")
    assert (code, err) == (0, "")
    assert out == (
        "migrations/0002_mail.sql:1: ALTER TABLE public.users RENAME email TO email_address\n"
        "  chosen: a second column that triggers keep in step (expand, migrate, contract, purge)\n"
        "    for both app versions read and write their own name, and nothing is lost on the way back\n"
        "  not: the statement as it stands\n"
        "    for at no moment would both app versions work\n"
        "  not: a view in place of the table\n"
        "    for no other migration can alter the table meanwhile, and ORMs see no keys of it\n"
        "  not: a new table with a copy of all rows\n"
        "    for it costs all rows and indexes, for what one column does\n"
        "\n"
        "migrations/0002_mail.sql:2: CREATE INDEX ON public.users (name)\n"
        "  chosen: CREATE INDEX CONCURRENTLY (expand)\n"
        "    for nobody waits\n"
        "  not: CREATE INDEX as it stands\n"
        "    for it keeps writers out until it has read the whole table\n"
    )
    (folder / "migrations" / "0003.sql").write_text(
        "CREATE TABLE a (id int); CREATE INDEX ON a (id);\nSET lock_timeout = 0;"
    )
    out = run(capsys, "migrations/0003.sql", "--why")[1]
    assert (
        "CREATE TABLE public.a (id int)\nmigrations/0003.sql:1: CREATE INDEX ON public.a (id)\n  chosen: the st" in out
    )
    assert "0003.sql:2: SET lock_timeout = 0\n  nothing to do" in out


def test_several_files_become_one_plan_in_their_order(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    first, second = folder / "migrations" / "0002_a.sql", folder / "migrations" / "0003_b.sql"
    added = "BEGIN; ALTER TABLE users ADD COLUMN age int; COMMIT;\n"
    first.write_text(f"{added}-- migrate-safe: undo nothing\n")
    second.write_text("-- migrate-safe: old-app-keeps it is new\nALTER TABLE users ADD CHECK (age > 0);")
    (folder / "migrations" / "0002_mail.sql").unlink()
    names = ["migrations/0002_a.sql", "migrations/0003_b.sql"]
    code, _, err = run(capsys, *names)
    assert code == 2
    assert 'migrations/0002_a.sql:2:1: directive "undo" stands above no statement' in err  # not above the next file's
    first.write_text(added)
    plan = from_yaml(run(capsys, *names)[1], "out")
    assert [s.id for s in plan.steps][:2] == [
        "expand.add-column.public.users.age",
        "migrate.add-constraint.public.users.users_age_check",
    ]
    assert (plan.name, plan.source.files) == ("0002_a", tuple(names))
    assert [n for n in plan.notes if "as applied" in n][1].startswith("once expand is done, mark migrations/0003_b.sql")
    second.write_text("ALTER TABLE users ADD COLUMN age int;")
    code, _, err = run(capsys, *names)
    assert code == 77
    assert "migrations/0003_b.sql:1:1" in err


def test_sql_and_markdown_say_what_the_file_says(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "m.sql").write_text("DROP TABLE users; CREATE INDEX ON other (id);")
    (folder / "b.sql").write_text(BEFORE + "CREATE TABLE other (id int);")
    plan = from_yaml(run(capsys, "m.sql", "--schema", "b.sql")[1], "out")
    for form in ("sql", "markdown"):
        out = run(capsys, "m.sql", "--schema", "b.sql", "--format", form)[1]
        said = " ".join(out.replace("\n-- ", " ").split())
        for step in plan.steps:
            assert step.id in out
            assert step.not_before is None or f"not before {step.not_before}" in out
            assert step.irreversible is None or f"no undo: {step.irreversible}" in out
            for work in (step.work, step.undo):
                if isinstance(work, Sql):
                    assert all(" ".join(s.split()) in said for s in work.statements)
                    assert all(" ".join(r.query.split()) in said and r.message in said for r in work.require)
                    assert all(str(lock) in out for lock in work.locks)


def test_planning_the_sql_of_a_plan_changes_nothing_and_says_so(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "planned.sql").write_text(run(capsys, "migrations/0002_mail.sql", "--format", "sql")[1])
    code, out, err = run(capsys, "planned.sql")
    assert (code, out) == (2, "")
    assert "in phases already" in err


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("db/migrations/20240102030405_a.sql", "-- migrate:up\n{}\n-- migrate:down\n", "VALUES ('20240102030405')"),
        (
            "db/migrations/00007_a.sql",
            "-- +goose Up\n{}\n",
            "(version_id, is_applied) VALUES (7, true)",
        ),
        ("db/migrations/000007_a.up.sql", "{}", "migrate force 7"),
        (
            "db/migration/V2_1__add_age.sql",
            "{}",
            "SELECT max(installed_rank) + 1, '2.1', 'add age', 'SQL', 'V2_1__add_age.sql', current_user, 0, true",
        ),
        ("db/7_a.sql", "-- no-transaction\n{}", "VALUES (7, '7_a', true, decode('SUM', 'hex'), 0), where SUM is what"),
        ("db/007_a.sql", "{}\n---- create above / drop below ----\n", "public.schema_version SET version = 7"),
        ("supabase/migrations/20240102030405_a.sql", "{}", "supabase migration repair 20240102030405 --status applied"),
        ("prisma/migrations/20240102030405_a/migration.sql", "{}", "prisma migrate resolve --applied 20240102030405_a"),
        ("migration.sql", "{}", "mark migration.sql as applied in your own migration runner"),
        ("changes/a.sql", "{}", "mark changes/a.sql as applied in your own migration runner"),
        ("changes/a.sql", "{}", "(Alembic: alembic stamp REVISION; Django: python manage.py migrate --fake APP NAME)"),
    ],
)
def test_the_plan_says_how_the_runner_learns_that_it_is_done(
    file: str, text: str, said: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text.format("ALTER TABLE users ADD COLUMN age int;"))
    (folder / "b.sql").write_text(BEFORE)
    plan = from_yaml(run(capsys, file, "--schema", "b.sql")[1], "out")
    assert any(said in note for note in plan.notes), plan.notes
