"""What a plan's note tells Alembic and Django makes them take a migration for done, and go on behind it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from migrate_safe.planner.ownership import told_to_runner
from tests.conftest import Connect
from tests.trace.test_frameworks import ALEMBIC_ENV, ALEMBIC_ONE, DJANGO_ONE, DJANGO_SETTINGS

BEHIND = "CREATE TABLE behind (id int)"
ALEMBIC = {
    "alembic.ini": "[alembic]\nscript_location = migrations\n",
    "migrations/env.py": ALEMBIC_ENV,
    "migrations/script.py.mako": "",
    "migrations/versions/one.py": ALEMBIC_ONE,
    "migrations/versions/two.py": """
from alembic import op
revision, down_revision = "two", "one"
def upgrade():
    op.execute("ALTER TABLE users ADD age int")
""",
    "migrations/versions/three.py": f"""
from alembic import op
revision, down_revision = "three", "two"
def upgrade():
    op.execute("{BEHIND}")
""",
}
_DJANGO = """
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("shop", "{}")]
    operations = [migrations.RunSQL("{}")]
"""
DJANGO = {
    "settings.py": DJANGO_SETTINGS,
    "manage.py": "import sys; from django.core.management import execute_from_command_line as run; run(sys.argv)",
    "shop/__init__.py": "",
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_one.py": DJANGO_ONE,
    "shop/migrations/0002_two.py": _DJANGO.format("0001_one", "ALTER TABLE shop_item ADD age int"),
    "shop/migrations/0003_three.py": _DJANGO.format("0002_two", BEHIND),
}


@pytest.mark.parametrize(
    ("files", "begin", "plain", "told", "names", "on"),
    [
        (
            ALEMBIC,
            ("-m", "alembic", "upgrade", "one"),
            "ALTER TABLE users ADD age int",
            r"alembic stamp \w+",
            {"alembic": "-m alembic", "REVISION": "two"},
            ("-m", "alembic", "upgrade", "head"),
        ),
        (
            DJANGO,
            ("manage.py", "migrate", "shop", "0001"),
            "ALTER TABLE shop_item ADD age int",
            r"manage.py migrate --fake \w+ \w+",
            {"APP": "shop", "NAME": "0002"},
            ("manage.py", "migrate"),
        ),
    ],
    ids=["alembic", "django"],
)
def test_it_is_taken_for_done(
    files: dict[str, str],
    begin: tuple[str, ...],
    plain: str,
    told: str,
    names: dict[str, str],
    on: tuple[str, ...],
    tmp_path: Path,
    database: str,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    parts = conninfo_to_dict(database)
    for variable, part in {"PGDATABASE": "dbname", "PGUSER": "user", "PGHOST": "host", "PGPORT": "port"}.items():
        monkeypatch.setenv(variable, str(parts.get(part) or ""))
    monkeypatch.setenv("PGPASSWORD", str(parts.get("password") or ""))
    monkeypatch.setenv("DATABASE_URL", "postgresql://")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "settings")

    def run(*words: str) -> None:
        done = subprocess.run((sys.executable, *words), cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    run(*begin)
    c = connect(database)
    c.execute(plain.encode())
    note = re.search(told, told_to_runner(None, "two.sql"))
    assert note is not None
    command = note[0]
    for word, meant in names.items():
        command = re.sub(rf"\b{word}\b", meant, command)
    run(*command.split())
    run(*on)
    assert c.execute("SELECT to_regclass('behind')::text").fetchone() == ("behind",)
