"""Migrations of real frameworks, by their own commands, caught on their way to the server."""

from __future__ import annotations

import platform
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from migrate_safe.app.trace import TraceRequest, trace_command
from migrate_safe.model.trace import TraceReport
from migrate_safe.report.trace import trace_text
from tests.support.pg import PgTools
from tests.support.servers import must_have_all

DBMATE = "2.36.0"


def words_of(report: TraceReport) -> list[str]:
    """Give the statements that change the schema, and how each was judged."""
    found = [(" ".join(t.analysed.statement.text.split()), t) for t in report.statements]
    return [
        f"{text[:60]} [{'agrees' if traced.agrees else traced.differences}]"
        for text, traced in found
        if text.split()[0].upper() in ("ALTER", "CREATE", "DROP")
    ]


# ---- Alembic -----------------------------------------------------------------------------------

ALEMBIC_ENV = """
import os
from alembic import context
from sqlalchemy import create_engine
engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
ALEMBIC_ONE = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "one", None
def upgrade():
    op.create_table("users", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("email", sa.Text))
"""
ALEMBIC_TWO = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "two", "one"
def upgrade():
    bind = op.get_bind()
    rows = bind.execute(sa.text("SELECT id FROM users ORDER BY id LIMIT 3")).fetchall()
    for number, (key,) in enumerate(rows):
        bind.execute(sa.text("UPDATE users SET email = :email WHERE id = :id"), {"email": f"no {number}", "id": key})
    op.add_column("users", sa.Column("found", sa.Integer, server_default=str(len(rows))))
    op.create_index("users_found", "users", ["found"])
    with op.get_context().autocommit_block():
        op.create_index("users_email", "users", ["email"], postgresql_concurrently=True)
"""


@pytest.fixture
def alembic_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (tmp_path / "migrations" / "env.py").write_text(ALEMBIC_ENV)
    (tmp_path / "migrations" / "script.py.mako").write_text("")
    (tmp_path / "migrations" / "versions" / "one.py").write_text(ALEMBIC_ONE)
    (tmp_path / "migrations" / "versions" / "two.py").write_text(ALEMBIC_TWO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("alembic_project")
def test_alembic_with_python_logic() -> None:
    alembic = (sys.executable, "-m", "alembic")
    before = f"{sys.executable} -m alembic upgrade one"
    report = trace_command((*alembic, "upgrade", "head"), TraceRequest(before=(before,), rows=50))
    assert report.command_code == 0
    assert report.differing == ()
    assert words_of(report) == [
        "ALTER TABLE users ADD COLUMN found INTEGER DEFAULT '3' [agrees]",
        "CREATE INDEX users_found ON users (found) [agrees]",
        "CREATE INDEX CONCURRENTLY users_email ON users (email) [agrees]",
    ]
    updates = [t for t in report.statements if t.analysed.statement.text.startswith("UPDATE users")]
    assert [t.parameters[0] for t in updates] == ["'no 0'", "'no 1'", "'no 2'"]
    assert "index-not-concurrent" in {f.rule for f in report.lint.findings}
    assert report.lint.unanalysed == ()


def test_a_command_that_fails_says_so_and_what_it_had_sent(alembic_project: Path) -> None:
    (alembic_project / "migrations" / "versions" / "two.py").write_text(
        ALEMBIC_TWO.replace('op.create_index("users_found"', 'op.execute("DROP TABLE absent")\n    op.create_index("x"')
    )
    report = trace_command((sys.executable, "-m", "alembic", "upgrade", "head"), TraceRequest())
    assert report.command_code == 1
    assert [t.observed.effect.fails for t in report.failed if t.observed] == ['table "absent" does not exist']
    text = trace_text(report)
    assert "the command ended with exit code 1" in text
    assert 'FAILS      table "absent" does not exist' in text
    assert "ALTER TABLE users ADD COLUMN found INTEGER DEFAULT '0'" in text


# ---- Django ------------------------------------------------------------------------------------

DJANGO_SETTINGS = """
import os
SECRET_KEY, INSTALLED_APPS, USE_TZ, DEFAULT_AUTO_FIELD = "x", ["shop"], True, "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"],
    "USER": os.environ["PGUSER"], "PASSWORD": os.environ["PGPASSWORD"], "HOST": os.environ["PGHOST"],
    "PORT": os.environ["PGPORT"]}}
"""
DJANGO_ONE = """
from django.db import migrations, models
class Migration(migrations.Migration):
    initial, dependencies = True, []
    operations = [migrations.CreateModel("Item", [("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=50)), ("price", models.IntegerField(null=True))])]
"""
DJANGO_TWO = """
from django.db import migrations, models
def fill(apps, schema_editor):
    item = apps.get_model("shop", "Item")
    for number, one in enumerate(item.objects.order_by("id")[:2]):
        one.name = f"no {number}"
        one.save()
class Migration(migrations.Migration):
    dependencies = [("shop", "0001_one")]
    operations = [migrations.RunPython(fill), migrations.AlterField("Item", "price", models.IntegerField(default=0)),
        migrations.AlterField("Item", "name", models.CharField(max_length=80))]
"""


def test_django_migrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = tmp_path / "shop" / "migrations"
    versions.mkdir(parents=True)
    for name, text in {"0001_one": DJANGO_ONE, "0002_two": DJANGO_TWO, "__init__": ""}.items():
        (versions / f"{name}.py").write_text(text)
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "settings.py").write_text(DJANGO_SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "settings")
    django = (sys.executable, "-m", "django", "migrate")
    before = f"{' '.join(django)} shop 0001"
    report = trace_command((*django, "shop"), TraceRequest(before=(before,), rows=50))
    assert report.command_code == 0
    assert report.differing == ()
    assert [line for line in words_of(report) if "NOT NULL" in line or "varchar(80)" in line] == [
        'ALTER TABLE "shop_item" ALTER COLUMN "price" SET NOT NULL [agrees]',
        'ALTER TABLE "shop_item" ALTER COLUMN "name" TYPE varchar(80) [agrees]',
    ]
    updates = [t.analysed.statement.text for t in report.statements if '"name" = \'no' in t.analysed.statement.text]
    assert len(updates) == 2
    assert {"set-not-null-scan", "drop-default"} <= {f.rule for f in report.lint.findings}


# ---- psql, and a tool that is not Python ---------------------------------------------------------


PSQL = "CREATE TABLE t (id int);\nCOPY t FROM stdin;\n1\n2\n\\.\nBEGIN;\nALTER TABLE t ADD x int;\nCOMMIT;\n"
DBMATE_ONE = "-- migrate:up\nCREATE TABLE t (id bigserial PRIMARY KEY, a int);\n-- migrate:down\n"
DBMATE_TWO = "-- migrate:up\nALTER TABLE t ADD b int;\nCREATE INDEX ON t (a);\n-- migrate:down\n"


def test_psql_file(tmp_path: Path, pg_tools: PgTools) -> None:
    script = tmp_path / "m.sql"
    script.write_text(
        "CREATE TABLE t (id int);\nCOPY t FROM stdin;\n1\n2\n\\.\nBEGIN;\nALTER TABLE t ADD x int;\nCOMMIT;\n"
    )
    saved = tmp_path / "saved.sql"
    command = (str(pg_tools.bin / "psql"), "-X", "-q", "-f", str(script))
    report = trace_command(command, TraceRequest(save=saved))
    assert report.differing == report.failed == ()
    assert [t.analysed.statement.text for t in report.statements] == [
        *["CREATE TABLE t (id int)", "COPY t FROM stdin", "BEGIN", "ALTER TABLE t ADD x int", "COMMIT"],
    ]
    assert saved.read_text().startswith("CREATE TABLE t (id int);\nCOPY t FROM stdin;\n")


@pytest.fixture(scope="session")
def dbmate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """dbmate, a migration tool in Go, which npm brings, like the servers of the matrix."""
    if not must_have_all():
        pytest.skip("npm brings dbmate: make matrix runs it")
    folder = tmp_path_factory.mktemp("dbmate")
    processor = "arm64" if platform.machine() in ("arm64", "aarch64") else "x64"
    command = ["npm", "pack", "--silent", f"@dbmate/{sys.platform}-{processor}@{DBMATE}"]
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    program = folder / "package" / "bin" / "dbmate"
    program.chmod(0o755)
    return str(program)


@pytest.mark.matrix
def test_dbmate_which_is_go(dbmate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "db" / "migrations"
    folder.mkdir(parents=True)
    (folder / "1_one.sql").write_text(
        "-- migrate:up\nCREATE TABLE t (id bigserial PRIMARY KEY, a int);\n-- migrate:down\n"
    )
    (folder / "2_two.sql").write_text(
        "-- migrate:up\nALTER TABLE t ADD b int;\nCREATE INDEX ON t (a);\n-- migrate:down\n"
    )
    monkeypatch.chdir(tmp_path)
    report = trace_command((dbmate, "--no-dump-schema", "up"), TraceRequest())
    assert report.command_code == 0
    assert report.differing == ()
    assert [line.partition(" (")[0] for line in words_of(report)] == [
        "create table if not exists public.schema_migrations",
        "CREATE TABLE t",
        "ALTER TABLE t ADD b int [agrees]",
        "CREATE INDEX ON t",
    ]
