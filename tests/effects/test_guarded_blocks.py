"""A DO block is never sure to fail: what stands inside may be guarded."""

from __future__ import annotations

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script

GUARDED = """
CREATE TYPE mood AS ENUM ('a');
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 'mood') THEN
    CREATE TYPE mood AS ENUM ('a');
  END IF;
  CREATE TABLE born_inside (a int);
END $$;
"""


def test_a_guarded_statement_does_not_make_its_block_fail():
    block = analyse(parse_script(Source("x.sql", GUARDED)), Schema())[1]
    assert block.effect.fails is None
    assert Name("public", "born_inside") in block.after.tables
