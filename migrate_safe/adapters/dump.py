"""Take the schema of a live database with pg_dump, whose locks (ACCESS SHARE) block no reads and no writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.binaries import tools_for
from migrate_safe.adapters.postgres import connect, describe, parse_dsn
from migrate_safe.model.errors import UsageError
from migrate_safe.model.secrets import hide

PATIENCE = 300.0
"""Seconds that pg_dump may take."""

_OPTIONS = (
    "--encoding=UTF8",
    "--schema-only",
    "--no-owner",
    "--no-privileges",
    "--no-publications",
    "--no-subscriptions",
)
_MORE = (
    "--encoding=UTF8",
    "--no-security-labels",
    "--no-tablespaces",
    "--exclude-schema=migrate_safe",
    "--lock-wait-timeout=10000",
)


def dump_schema(dsn: str, tools: Path | None = None) -> str:
    """Give the schema of a database as SQL, without owners, grants and the journal.

    The password goes to pg_dump by its environment, never by the command line. Raises TryLater when the server cannot
    be reached, UsageError with pg_dump's own words when it refuses.
    """
    connect(dsn).close()  # says what is wrong with the DSN in our own words
    parts = parse_dsn(dsn)
    secret = {"PGPASSWORD": str(parts.pop("password"))} if "password" in parts else {}
    program = (tools or tools_for(None)) / "pg_dump"
    command = [str(program), *_OPTIONS, *_MORE, "--dbname", make_conninfo("", **parts)]
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=PATIENCE,
            env={**os.environ, **secret},
        )
    except FileNotFoundError:
        raise UsageError(
            "no pg_dump is installed",
            next_move="install the PostgreSQL client tools, or give a dump with --schema FILE",
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"pg_dump of {describe(dsn)} took too long", next_move="give a dump: --schema FILE") from None
    if ran.returncode != 0:
        words = hide(ran.stderr.strip()) or "no reason given"
        raise UsageError(
            f"pg_dump refuses {describe(dsn)}: {words}",
            next_move="give the role SELECT on the tables, or a dump made by another role: --schema FILE",
        )
    return ran.stdout
