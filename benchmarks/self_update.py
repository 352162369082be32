"""Fill a column by updates of rows to themselves whose triggers compute it: what pgroll does, for want of its binary.

Its source (version 0.14) has these parts: a marker column says which rows are left; a batch reads a thousand keys in
order and locks them in a CTE, updates their rows from it and returns the last key; of the two triggers, one for each
direction, each copies every column into a variable, asks which version's search path is set, computes, and clears the
marker.
"""

from __future__ import annotations

import time

from benchmarks.item import table_of
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer

SET_UP = """
ALTER TABLE item ADD COLUMN remark text, ADD COLUMN unfilled boolean DEFAULT true
"""
TRIGGER = """
CREATE FUNCTION to_{target}() RETURNS trigger LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    id item.id%TYPE := NEW.id;
    parent_id item.parent_id%TYPE := NEW.parent_id;
    code item.code%TYPE := NEW.code;
    name item.name%TYPE := NEW.name;
    email item.email%TYPE := NEW.email;
    {source} item.{source}%TYPE := NEW.{source};
    path text;
BEGIN
    SELECT setting INTO path FROM current_setting('search_path') AS setting;
    IF path {compare} 'public_v2' THEN
        NEW.{target} := {source};
        NEW.unfilled := false;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER to_{target} BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION to_{target}()
"""
BATCH = """
WITH batch AS (
    SELECT id FROM item WHERE unfilled AND id > {last} ORDER BY id LIMIT 1000 FOR NO KEY UPDATE
), done AS (
    UPDATE item SET id = item.id FROM batch WHERE item.id = batch.id RETURNING item.id
)
SELECT max(id) FROM done
"""


def self_update(server: ScratchServer, rows: int) -> float:
    """Give rows a second."""
    with table_of(server, rows) as dsn, connect(dsn) as connection:
        connection.execute(SET_UP.encode())
        connection.execute(TRIGGER.format(target="remark", source="note", compare="<>").encode())
        connection.execute(TRIGGER.format(target="note", source="remark", compare="=").encode())
        began, last = time.monotonic(), 0
        while (row := connection.execute(BATCH.format(last=last).encode()).fetchone()) and row[0] is not None:
            last = int(row[0])
        took = time.monotonic() - began
        left = connection.execute("SELECT count(*) FROM item WHERE remark IS DISTINCT FROM note").fetchone()
        assert left is not None and left[0] == 0, left
        return rows / took
