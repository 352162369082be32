"""What others rest on objects of a plan, so that a step cannot take them away: told, and both ways lead out."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.app.executing import Target
from migrate_safe.app.status import status
from migrate_safe.cli.main import main
from tests.conftest import Connect

BEFORE = """
CREATE TABLE t (id int PRIMARY KEY, nick text, junk int);
INSERT INTO t SELECT g, 'n' || g, g FROM generate_series(1, 9) g;
"""


def contracted(dsn: str, connect: Connect, folder: Path, migration: str) -> list[str]:
    """Bring a plan `m` through contract, and give the options that name its database."""
    connect(dsn).execute(BEFORE)
    (folder / "m.sql").write_text(migration)
    made, there = str(folder / "m.yaml"), ["--dsn", dsn]
    assert main(["plan", str(folder / "m.sql"), "--schema", dsn, "-o", made]) == 0
    assert main(["apply", made, "--through", "contract", *there]) == 0
    return there


def next_move(dsn: str) -> str:
    return status(Target(dsn)).plans[0].next_move


def test_a_foreign_key_that_needs_the_new_constraint_bars_the_way_back_until_it_is_gone(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c = connect(each_database)
    there = contracted(each_database, connect, tmp_path, "ALTER TABLE t ADD UNIQUE (nick);")
    c.execute("CREATE TABLE leaning (nick text REFERENCES t (nick))")
    capsys.readouterr()
    assert main(["rollback", "m", *there]) == 77
    assert "leaning_nick_fkey" in capsys.readouterr().err
    assert next_move(each_database).endswith("then rollback m (or go forward again: apply m --through contract)")
    assert main(["apply", "m", "--through", "contract", *there]) == 0
    assert main(["rollback", "m", *there]) == 77
    c.execute("DROP TABLE leaning")
    assert main(["rollback", "m", *there]) == 0
    assert c.execute("SELECT count(*) FROM pg_constraint WHERE conname = 't_nick_key'").fetchone() == (0,)


def test_a_view_of_what_is_retired_bars_purge_and_not_the_way_back(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c = connect(each_database)
    there = contracted(each_database, connect, tmp_path, "ALTER TABLE t DROP COLUMN junk;")
    c.execute("CREATE VIEW v AS SELECT * FROM t")
    capsys.readouterr()
    purge = ["purge", "m", "--now", "--confirm", "m", *there]
    assert main(purge) == 77
    assert "in use: view v" in capsys.readouterr().err
    assert next_move(each_database).endswith("until then rollback m takes contract back")
    assert main(["rollback", "m", *there]) == 0
    assert c.execute("SELECT sum(junk) FROM t").fetchone() == (45,)
    c.execute("DROP VIEW v")
    assert main(["apply", "m", "--through", "contract", *there]) == 0
    assert main(purge) == 0
    assert main(["rollback", "m", *there]) == 77
    assert main(["rollback", "m", "--to", "baseline", *there]) == 77
    assert "has run and" in capsys.readouterr().err
