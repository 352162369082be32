"""Migrations of tables that earlier files made, which nobody read: what the server takes is not foretold to fail."""

from __future__ import annotations

import pytest

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script

TAKEN = [
    "ALTER TABLE kid NO INHERIT base;",
    "ALTER TABLE kid NO INHERIT base, INHERIT other;",
    "ALTER TABLE pt DETACH PARTITION p1;",
    "ALTER TABLE p1 ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE pt DETACH PARTITION p1;",
    "CREATE INDEX pt_u ON ONLY pt (a); CREATE INDEX p1_u ON p1 (a); ALTER INDEX pt_u ATTACH PARTITION p1_u;",
    "ALTER TABLE t RENAME TO o; CREATE TABLE t (LIKE o INCLUDING ALL); ALTER TABLE r ADD FOREIGN KEY (x) REFERENCES t",
    "CREATE TABLE t (LIKE t_old INCLUDING ALL); ALTER TABLE t ADD CHECK (b > 0);",
    "ALTER TABLE pt ADD x int; CREATE TABLE p1 PARTITION OF pt DEFAULT; ALTER TABLE p1 ALTER b SET NOT NULL;",
    "ALTER TABLE b ADD x int; CREATE TABLE k () INHERITS (b); CREATE TABLE g () INHERITS (k); ALTER TABLE g DROP b",
]
REFUSED = [
    "CREATE TABLE base (b int); CREATE TABLE kid (a int); ALTER TABLE kid NO INHERIT base;",
    "CREATE TABLE p1 (a int); ALTER TABLE pt DETACH PARTITION p1;",
    "CREATE TABLE p (a int); CREATE INDEX i ON ONLY t (a); CREATE INDEX j ON p (a); ALTER INDEX i ATTACH PARTITION j",
    "CREATE TABLE t_old (b int); CREATE TABLE t (LIKE t_old); ALTER TABLE r ADD FOREIGN KEY (x) REFERENCES t;",
]


def fails(sql: str) -> list[str]:
    return [a.effect.fails for a in analyse(parse_script(Source("m.sql", sql)), Schema()) if a.effect.fails]


@pytest.mark.parametrize("sql", TAKEN)
def test_what_hangs_on_parts_that_nobody_read_is_not_foretold_to_fail(sql):
    assert fails(sql) == []


@pytest.mark.parametrize("sql", REFUSED)
def test_what_the_file_itself_shows_to_be_wrong_is(sql):
    assert len(fails(sql)) == 1
