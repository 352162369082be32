"""How a project's own runner learns that a migration is done, so that the next deploy does not run its plain form.

The file stays as it is: on a new database it still leads to the end. Run on PostgreSQL 14 and 18 was what is said to
golang-migrate 4.20, goose 3.30, dbmate 2.36, tern 2.3, sqlx 0.8, Flyway 11.8, Liquibase 4.31, Drizzle 0.45,
node-pg-migrate 9.0, sql-migrate 1.8, Sqitch 1.3, Alembic and Django: each took the migration for done, and ran the
one after it.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from migrate_safe.model.framework import Framework
from migrate_safe.model.names import quote_literal

_VERSION = re.compile(r"[vV]?(\d[\d_.-]*\d|\d)")
_FLYWAY = re.compile(r"V(?P<version>\d[\d_.]*?)__(?P<description>.+)\.sql\Z")


def told_to_runner(framework: Framework | None, path: str) -> str:
    """Say what to do, once expand is done, for one migration file."""
    how = _command(framework, PurePath(path)) if framework is not None else None
    if how is not None:
        told = f"once expand is done, tell {framework} that {path} is applied, or the next deploy runs its plain form"
        return f"{told}: {how}"
    applied = f"once expand is done, mark {path} as applied in your own migration runner"
    return f"{applied}, or the next deploy runs its plain form ({_OF_PYTHON})"


_OF_PYTHON = "Alembic: alembic stamp REVISION; Django: python manage.py migrate --fake APP NAME"
"""For SQL that these export, which does not tell where it is from."""


def _command(framework: Framework, path: PurePath) -> str | None:
    version, folder = _version(path.name), _version(path.parent.name)
    match framework:
        case Framework.GOLANG_MIGRATE if version:
            return f"migrate force {_number(version)}"
        case Framework.GOOSE if version:
            return f"INSERT INTO goose_db_version (version_id, is_applied) VALUES ({_number(version)}, true)"
        case Framework.DBMATE if version:
            return f"INSERT INTO schema_migrations (version) VALUES ({_text(version)})"
        case Framework.TERN if version:
            return f"UPDATE public.schema_version SET version = {_number(version)}"
        case Framework.SQLX if version:
            return _sqlx(path, _number(version))
        case Framework.FLYWAY:
            return _flyway(path)
        case Framework.DRIZZLE:
            row = "INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('', WHEN)"
            return f'{row}, where WHEN is "when" of {path.stem} in meta/_journal.json'
        case Framework.DIESEL if folder:
            digits = re.sub(r"\D", "", folder)
            return f"INSERT INTO __diesel_schema_migrations (version) VALUES ({_text(digits)})"
        case Framework.PRISMA if folder:
            return f"prisma migrate resolve --applied {path.parent.name}"
        case Framework.ATLAS if version:
            return f"atlas migrate set {version}"
        case Framework.SUPABASE if version:
            return f"supabase migration repair {version} --status applied"
        case Framework.NODE_PG_MIGRATE:
            return "node-pg-migrate up --fake"
        case Framework.SQITCH:
            return f"sqitch deploy --log-only --to {path.stem}"
        case Framework.LIQUIBASE:
            return "liquibase changelog-sync"
        case Framework.SQL_MIGRATE:
            return "sql-migrate skip -limit=1"
        case _:
            return None


def _sqlx(path: PurePath, version: int) -> str:
    """Write the row of sqlx, which compares the SHA-384 of the file."""
    columns = "(version, description, success, checksum, execution_time)"
    values = f"({version}, {_text(path.stem)}, true, decode('SUM', 'hex'), 0)"
    return f"INSERT INTO _sqlx_migrations {columns} VALUES {values}, where SUM is what sha384sum {path} says"


def _flyway(path: PurePath) -> str | None:
    """Write the row of Flyway, which compares no checksum where the history has none."""
    found = _FLYWAY.match(path.name)
    if found is None:
        return None
    version, description = found["version"].replace("_", "."), found["description"].replace("_", " ")
    return (
        "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, installed_by,"
        f" execution_time, success) SELECT max(installed_rank) + 1, {_text(version)}, {_text(description)}, 'SQL',"
        f" {_text(path.name)}, current_user, 0, true FROM flyway_schema_history"
    )


def _version(name: str) -> str:
    found = _VERSION.match(name)
    return found[1] if found else ""


def _number(version: str) -> int:
    return int(re.sub(r"\D", "", version))


def _text(value: str) -> str:
    return quote_literal(value).strip()
