"""What files and the server only spell otherwise is the same; what is another value, type or column is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.database import SETTLE
from migrate_safe.adapters.respell import respelled
from migrate_safe.catalog.diff import diff
from migrate_safe.catalog.evolve import fold
from migrate_safe.catalog.fingerprint import fingerprint
from migrate_safe.cli.main import main
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script
from tests.conftest import Connect

T = Name("app", "t")
TABLE = """
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('ok', 'bad');
CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
SET search_path = app, public;
CREATE TABLE t (id int PRIMARY KEY, n int, s text, v varchar(9), at timestamptz, span interval, j jsonb, u uuid,
  a int[], m mood, z {});
"""
INDEX = "int); CREATE INDEX i ON t (id) WHERE {}; SELECT (1"
TRIGGER = (
    "int); CREATE TRIGGER g BEFORE UPDATE OF n ON t FOR EACH ROW WHEN (NEW.span > '{}') EXECUTE FUNCTION f(); SELECT (1"
)
POLICY = "int); CREATE POLICY p ON t FOR UPDATE USING (span > '{}') WITH CHECK (v = 'a'); SELECT (1"
DIFFERENT = {
    "interval DEFAULT '90 minutes'": "interval DEFAULT '91 minutes'",
    'jsonb DEFAULT \'{"b":1, "a": [1,2]}\'': 'jsonb DEFAULT \'{"b":1, "a": [1,3]}\'',
    "boolean DEFAULT 'yes'": "boolean DEFAULT 'no'",
    "numeric DEFAULT 1e3": "numeric DEFAULT 1e4",
    "int DEFAULT '007'": "int DEFAULT '008'",
    "timestamp DEFAULT '2020-01-01'": "timestamp DEFAULT '2020-01-02'",
    "date DEFAULT 'January 8, 1999'": "date DEFAULT 'January 9, 1999'",
    "int[] DEFAULT '{1, 2}'": "int[] DEFAULT '{1, 3}'",
    "uuid DEFAULT 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'": "uuid DEFAULT 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12'",
    "bytea DEFAULT 'abc'": "bytea DEFAULT 'abd'",
    "timestamptz DEFAULT now() - '36 hours'::interval": "timestamptz DEFAULT now() - '37 hours'::interval",
    "mood DEFAULT 'ok', CHECK (span > '90 minutes')": "mood DEFAULT 'ok', CHECK (span > '80 minutes')",
    'int, CHECK (j = \'{"b":1,"a":2}\')': 'int, CHECK (j = \'{"b":1,"a":3}\')',
    "int, CHECK (n BETWEEN SYMMETRIC 1 AND 3)": "int, CHECK (n BETWEEN SYMMETRIC 1 AND 4)",
    "int, CHECK ((n, v) IS NOT NULL)": "int, CHECK ((n, s) IS NOT NULL)",
    "boolean GENERATED ALWAYS AS (span > '90 minutes') STORED": "boolean GENERATED ALWAYS AS (span > '1 day') STORED",
    INDEX.format("at > '2020-1-1 00:00+00'"): INDEX.format("at > '2020-1-2 00:00+00'"),
    TRIGGER.format("90 minutes"): TRIGGER.format("80 minutes"),
    POLICY.format("90 minutes"): POLICY.format("80 minutes"),
}
ALSO_DIFFERENT = {
    "interval DEFAULT '90 minutes'": "text DEFAULT '90 minutes'",
    "interval DEFAULT '1 hour 30 min'": "interval",
    "interval": "interval DEFAULT '90 minutes'",
    "interval DEFAULT '90 minutes' NOT NULL": "interval DEFAULT '90 minutes'",
    "interval DEFAULT '90 minutes', extra int": "interval DEFAULT '90 minutes'",
    "interval DEFAULT nothing_of_that_name()": "interval DEFAULT '90 minutes'",
}


def told(text: str) -> Schema:
    return fold(Schema(), parse_script(Source("t.sql", TABLE.format(text))))


@pytest.mark.parametrize("text", DIFFERENT)
def test_another_spelling_is_the_same(text: str, each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    c.execute(SETTLE + TABLE.format(text) + "; RESET search_path")
    here, files = read_schema(c), told(text)
    assert fingerprint(files, [T]) != fingerprint(here, [T]), "nothing to ask the server for"
    assert diff(respelled(c, files, [T]), here, [T]) == ()
    assert diff(here, read_schema(c)) == (), "something is left on the server"


@pytest.mark.parametrize(("text", "other"), [*DIFFERENT.items(), *ALSO_DIFFERENT.items()])
def test_another_meaning_stays_different(text: str, other: str, each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    c.execute(SETTLE + TABLE.format(other) + "; RESET search_path")
    assert diff(respelled(c, told(text), [T]), read_schema(c), [T]) != ()


def test_a_plan_from_files_runs_where_the_server_spells_otherwise_and_is_refused_on_drift(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = "CREATE TABLE t (id int PRIMARY KEY, span interval DEFAULT '90 minutes', flag boolean DEFAULT 't');"
    c = connect(each_database)
    c.execute(before.encode())
    (tmp_path / "1.sql").write_text(before)
    (tmp_path / "2.sql").write_text("ALTER TABLE t ADD COLUMN note text;")
    made, there = str(tmp_path / "plan.yaml"), ["--dsn", each_database]
    assert main(["plan", str(tmp_path / "2.sql"), "-o", made, "--name", "p"]) == 0
    c.execute("ALTER TABLE t ALTER span SET DEFAULT '91 minutes'")
    assert main(["apply", made, *there]) == 77
    said = capsys.readouterr().err
    assert "~ column span of public.t: interval DEFAULT '01:31:00'::interval" in said
    assert "column flag" not in said
    c.execute("ALTER TABLE t ALTER span SET DEFAULT '1.5 hours'")
    assert main(["apply", made, *there]) == 0
