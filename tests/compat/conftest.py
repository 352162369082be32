"""A project folder with migrations and releases, checked on the session's server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migrate_safe.app.check import check
from migrate_safe.compat.checked import Checked

Check = Callable[..., Checked]


def release_text(version: str, queries: tuple[str, ...], extra: str = "") -> str:
    lines = "".join(f"  - |-\n    {query.replace(chr(10), chr(10) + '    ')}\n" for query in queries)
    return f"app: shop\nversion: {version}\n{extra}queries:\n{lines}"


@pytest.fixture
def run_check(tmp_path: Path, server) -> Check:
    """Check a plain migration: `run_check(base=..., migration=..., old=(...), new=(...))`."""

    def run(
        *, base: str, migration: str, old: tuple[str, ...] = (), new: tuple[str, ...] = (), extra: str = "", **more
    ):
        folder = tmp_path / "migrations"
        folder.mkdir(exist_ok=True)
        (folder / "0001_base.sql").write_text(base)
        (folder / "0002_change.sql").write_text(migration)
        named = {}
        for role, version, queries in (("old", "v41", old), ("new", "v42", new)):
            path = tmp_path / f"{version}.yaml"
            path.write_text(release_text(version, queries, extra))
            named[role] = (path,) if queries else ()
        more.setdefault("postgres", server.dsn())
        return check(folder / "0002_change.sql", **named, **more)

    return run
