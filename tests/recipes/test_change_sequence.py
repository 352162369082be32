from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, life, live

BEFORE = """
CREATE TABLE users (id serial PRIMARY KEY, name text, number int);
CREATE SEQUENCE counter AS int INCREMENT 2 MINVALUE 3 START 5 CACHE 4 OWNED BY users.number;
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
"""
WRITE = ("INSERT INTO users (name, number) VALUES ('o', nextval('counter')) RETURNING id, name",)
SEEN = "SELECT id, name FROM users"
CHANGES = """
ALTER SEQUENCE users_id_seq AS bigint; ALTER SEQUENCE counter INCREMENT 10 MAXVALUE 100000 CYCLE CACHE 1;
ALTER SEQUENCE counter OWNED BY NONE;
"""
CASE = Case("options", BEFORE, CHANGES, WRITE, WRITE, SEEN, SEEN, expected_phases=("expand",))


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


def test_what_cannot_be_taken_back_is_refused(database: str) -> None:
    wanted = Case("refused", BEFORE, "ALTER SEQUENCE counter RESTART WITH 7", (), ())
    with pytest.raises(Refused, match="RESTART moves the sequence"), life(wanted, database):
        pass
