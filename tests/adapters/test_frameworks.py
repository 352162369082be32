"""Which runner a folder belongs to, and in which order and how that runs its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.adapters.files import History, find_histories, history_of
from migrate_safe.model.framework import Framework

CARGO = '[dependencies]\nsqlx = { version = "0.8" }\n'
PLAN = """%syntax-version=1.0.0
%project=shop

users 2024-01-01T00:00:00Z A <a@b.c> # first
emails [users] 2024-01-02T00:00:00Z A <a@b.c>
@v1 2024-01-03T00:00:00Z A <a@b.c>
nested/zzz 2024-01-04T00:00:00Z A <a@b.c>
emails [emails@v1] 2024-01-05T00:00:00Z A <a@b.c>
gone 2024-01-06T00:00:00Z A <a@b.c>
"""


def put(root: Path, files: dict[str, str]) -> History:
    """Write files below a repository, and give the history of its only folder of migrations."""
    (root / ".git").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    [(history, _)] = find_histories([root])
    return history


@pytest.mark.parametrize(
    ("files", "framework"),
    [
        ({"db/1.sql": ""}, None),
        ({"db/1_a.up.sql": ""}, Framework.GOLANG_MIGRATE),
        ({"migrations/1_a.up.sql": "", "Cargo.toml": CARGO}, Framework.SQLX),
        ({"migrations/1_a.sql": "", "Cargo.toml": CARGO}, Framework.SQLX),
        ({"server/migrations/1_a.sql": "", "Cargo.toml": "[workspace.dependencies.sqlx]\n"}, Framework.SQLX),
        ({"db/1_a.sql": "", "Cargo.toml": CARGO}, None),
        ({"migrations/1_a.sql": "", "Cargo.toml": '[dependencies]\nsqlx-like = "1"\n'}, None),
        ({"db/1_a/up.sql": ""}, Framework.DIESEL),
        ({"prisma/migrations/1_a/migration.sql": ""}, Framework.PRISMA),
        ({"db/V1__a.sql": ""}, Framework.FLYWAY),
        ({"db/1.sql": "-- +goose Up\n"}, Framework.GOOSE),
        ({"db/1.sql": "\ufeff-- migrate:up\r\n"}, Framework.DBMATE),
        ({"db/1.sql": "--liquibase formatted sql\n"}, Framework.LIQUIBASE),
        ({"db/1_a.sql": "", "db/atlas.sum": "h1:x"}, Framework.ATLAS),
        ({"db/001_a.sql": "", "db/tern.conf": ""}, Framework.TERN),
        ({"drizzle/0000_a.sql": "", "drizzle/meta/_journal.json": "{"}, Framework.DRIZZLE),
        ({"supabase/migrations/1_a.sql": ""}, Framework.SUPABASE),
        ({"db/1_a.sql": "", "package.json": '{"dependencies": {"node-pg-migrate": "^7"}}'}, Framework.NODE_PG_MIGRATE),
        ({"db/a.sql": "", "package.json": '{"dependencies": {"node-pg-migrate": "^7"}}'}, None),
        ({"sqitch.plan": PLAN, "deploy/users.sql": ""}, Framework.SQITCH),
        ({"db/1.sql": "-- no-transaction\n"}, None),
    ],
)
def test_the_runner_of_a_folder(tmp_path: Path, files, framework):
    assert put(tmp_path, files).shared.framework is framework


def test_what_stands_above_the_repository_does_not_count(tmp_path: Path):
    (tmp_path / "Cargo.toml").write_text(CARGO)
    assert put(tmp_path / "repo", {"migrations/1_a.sql": ""}).shared.framework is None


def test_a_runner_that_goes_by_names_does_not_run_a_file_of_another_name(tmp_path: Path):
    history = put(tmp_path, {"db/1_a.up.sql": "", "db/seed.sql": ""})
    assert history.runner(tmp_path / "db" / "1_a.up.sql").framework is Framework.GOLANG_MIGRATE
    assert history.runner(tmp_path / "db" / "seed.sql").framework is None


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("run_in_transaction = false", False),
        ("run_in_transaction = true", True),
        ("other = 1", None),
        ("run_in_transaction = 'no'", None),
        ("= broken", None),
        (None, None),
    ],
)
def test_diesel_says_beside_a_migration_how_it_runs(tmp_path: Path, text, declared):
    files = {"1_a/up.sql": ""} | ({} if text is None else {"1_a/metadata.toml": text})
    assert put(tmp_path, files).runner(tmp_path / "1_a" / "up.sql").transaction is declared


@pytest.mark.parametrize(
    ("beside", "declared", "mixed"),
    [
        ({}, None, False),
        ({"db/V1__a.sql.conf": "executeInTransaction=false\n"}, False, False),
        ({"db/V1__a.sql.conf": "# executeInTransaction=false\nexecuteInTransaction = true\n"}, True, False),
        ({"flyway.toml": "[flyway]\nmixed = true\n"}, None, True),
        ({"flyway.conf": "# flyway.mixed=true\n"}, None, False),
        ({"db/application.yml": "spring:\n  flyway:\n    mixed: true\n"}, None, True),
        ({"pom.xml": "<configuration>\n <mixed>true</mixed>\n"}, None, True),
    ],
)
def test_flyway_says_beside_and_above_a_migration_how_it_runs(tmp_path: Path, beside, declared, mixed):
    runner = put(tmp_path, {"db/V1__a.sql": "", **beside}).runner(tmp_path / "db" / "V1__a.sql")
    assert (runner.transaction, runner.mixed) == (declared, mixed)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("flyway.conf", "flyway.postgresql.transactional.lock=false\n"),
        ("flyway.toml", "[flyway.postgresql.transactional]\nlock = false\n"),
        ("flyway.toml", "[flyway]\npostgresql.transactional.lock = false\n"),
        ("application.properties", "spring.flyway.postgresql.transactional-lock=false\n"),
        (
            "src/main/resources/application.yml",
            "spring:\n  flyway:\n    postgresql:\n      transactional-lock: false\n",
        ),
        ("application.yml", "flyway:\n  postgresql:\n    transactional:\n      lock: false\n"),
        ("pom.xml", "<postgresqlTransactionalLock>false</postgresqlTransactionalLock>\n"),
        ("build.gradle", "  pluginConfiguration = [postgresqlTransactionalLock: 'false']\n"),
        ("compose.yml", '      FLYWAY_POSTGRESQL_TRANSACTIONAL_LOCK: "false"\n'),
    ],
)
def test_flyway_holds_a_transaction_unless_its_settings_say_otherwise(tmp_path: Path, file, text):
    path = tmp_path / "db" / "V1__a.sql"
    assert put(tmp_path, {"db/V1__a.sql": ""}).runner(path).holds is True
    commented = "".join(f"# {line}\n" for line in text.splitlines())
    assert put(tmp_path, {file: commented}).runner(path).holds is True
    assert put(tmp_path, {file: text}).runner(path).holds is False


@pytest.mark.parametrize(
    ("version", "splits"), [("^7.4.0", True), ("6.19.1", False), ("~8.0", True), ("latest", False)]
)
def test_prisma_says_its_version(tmp_path: Path, version, splits):
    path = tmp_path / "prisma" / "migrations" / "1_a" / "migration.sql"
    files = {str(path.relative_to(tmp_path)): "", "package.json": f'{{"devDependencies": {{"prisma": "{version}"}}}}'}
    assert put(tmp_path, files).runner(path).mixed is splits


def test_runners_that_order_names_as_text(tmp_path: Path):
    files = {"a/10_b.sql": "-- migrate:up\n", "a/9_a.sql": "-- migrate:up\n"}
    assert [f.name for f in put(tmp_path, files).files] == ["10_b.sql", "9_a.sql"]
    goose = {"a/10_b.sql": "-- +goose Up\n", "a/9_a.sql": "-- +goose Up\n"}
    assert [f.name for f in put(tmp_path, goose).files] == ["9_a.sql", "10_b.sql"]


def test_drizzle_keeps_a_journal(tmp_path: Path):
    journal = '{"entries": [{"idx": 0, "tag": "0001_b"}, {"idx": 1, "tag": "0000_a"}]}'
    files = {"0000_a.sql": "", "0001_b.sql": "", "0002_new.sql": "", "meta/_journal.json": journal}
    assert [f.stem for f in put(tmp_path, files).files] == ["0001_b", "0000_a", "0002_new"]


@pytest.mark.parametrize("journal", ["", "[]", "{}", '{"entries": [3]}', '{"entries": [{"tag": "a"}]}', "[" * 9999])
def test_a_journal_that_is_none_is_passed_over(tmp_path: Path, journal):
    files = {"2_b.sql": "", "10_c.sql": "", "meta/_journal.json": journal}
    assert [f.stem for f in put(tmp_path, files).files] == ["2_b", "10_c"]


# ---- sqitch ----------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of Sqitch: a reworked change, a nested one, and one whose file is missing."""
    deploys = ("users", "emails", "emails@v1", "nested/zzz")
    files = {f"{kind}/{name}.sql": "" for name in deploys for kind in ("deploy", "revert")}
    for name, text in {**files, "verify/users.sql": "", "sqitch.plan": PLAN}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(root: Path, files) -> list[str]:
    return [f.relative_to(root).with_suffix("").as_posix() for f in files]


def test_sqitch_has_a_plan(shop: Path):
    forward = ["deploy/users", "deploy/emails@v1", "deploy/nested/zzz", "deploy/emails"]
    assert [n for n in names(shop, history_of(shop).files) if n.startswith("deploy")] == forward
    [(history, meant)] = find_histories([shop / "deploy" / "emails.sql"])
    assert names(shop, meant) == ["deploy/emails"]
    assert names(shop, history.before(meant[0])) == forward[:3]


def test_sqitch_reverts_what_it_deployed(shop: Path):
    path = shop / "revert" / "emails@v1.sql"
    [(history, _)] = find_histories([path])
    assert history.runner(path).down
    assert names(shop, history.before(path)) == ["deploy/users", "deploy/emails@v1"]
    assert not history.runner(shop / "deploy" / "users.sql").down


def test_a_script_that_is_in_no_plan_has_nothing_before_it(shop: Path):
    [(history, meant)] = find_histories([shop / "verify"])
    assert names(shop, meant) == ["verify/users"]
    assert history.before(meant[0]) == ()
