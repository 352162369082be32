"""How a project's own runner learns that a migration is done, so that the next deploy does not run its plain form.

The history of runners that keep a checksum of each file cannot be written by hand: there the file itself changes.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from migrate_safe.model.framework import Framework
from migrate_safe.model.names import quote_literal

_VERSION = re.compile(r"[vV]?(\d[\d_.-]*\d|\d)")


def told_to_runner(framework: Framework | None, path: str) -> str:
    """Say what to do, once expand is done, for one migration file."""
    how = _command(framework, PurePath(path)) if framework is not None else None
    if how is not None:
        told = f"once expand is done, tell {framework} that {path} is applied, or the next deploy runs its plain form"
        return f"{told}: {how}"
    if framework in _CHECKSUMS:
        return (
            f"before the next deploy put the expand phase (--format sql) in the place of {path}, or its plain form"
            f" runs: {framework} keeps a checksum of each file, so that its history cannot be written by hand"
        )
    applied = f"once expand is done, mark {path} as applied in your own migration runner"
    return f"{applied}, or the next deploy runs its plain form"


_CHECKSUMS = frozenset({Framework.FLYWAY, Framework.SQLX, Framework.DRIZZLE})


def _command(framework: Framework, path: PurePath) -> str | None:
    version, folder = _version(path.name), _version(path.parent.name)
    match framework:
        case Framework.GOLANG_MIGRATE if version:
            return f"migrate force {_number(version)}"
        case Framework.GOOSE if version:
            return f"INSERT INTO goose_db_version (version_id, is_applied) VALUES ({_number(version)}, true)"
        case Framework.DBMATE if version:
            return f"INSERT INTO schema_migrations (version) VALUES ({_text(version)})"
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


def _version(name: str) -> str:
    found = _VERSION.match(name)
    return found[1] if found else ""


def _number(version: str) -> int:
    return int(re.sub(r"\D", "", version))


def _text(value: str) -> str:
    return quote_literal(value).strip()
