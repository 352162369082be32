"""States: what clients can see of a migration, and when."""

from __future__ import annotations

from migrate_safe.compat.states import script_timeline
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Wrapping
from migrate_safe.sql.parse import parse_script


def states(text: str, path: str = "m.sql", **options) -> list[str]:
    return [s.id for s in script_timeline(parse_script(Source(path, text), **options)).states]


def test_each_statement_is_a_state():
    assert states("SELECT 1;\nSELECT 2;\n") == ["baseline", "m.sql:1", "m.sql:2"]


def test_a_transaction_is_one_state_and_a_rolled_back_one_none():
    assert states("BEGIN;\nSELECT 1;\nSELECT 2;\nCOMMIT;\nSELECT 3;") == ["baseline", "m.sql:2-3", "m.sql:5"]
    assert states("BEGIN;\nSELECT 1;\nROLLBACK;\nSELECT 3;") == ["baseline", "m.sql:4"]
    assert states("BEGIN;\nSELECT 1;\nSELECT 2;") == ["baseline", "m.sql:2-3"]


def test_a_file_in_one_transaction_is_one_state():
    assert states("SELECT 1;\nSELECT 2;\n", wrapping=Wrapping.FILE) == ["baseline", "m.sql:1-2"]
    assert states("-- migrate:up\nSELECT 1;\nSELECT 2;\n-- migrate:down\nSELECT 3;") == ["baseline", "m.sql:2-3"]


def test_what_is_not_run_is_named():
    found = script_timeline(parse_script(Source("m.sql", "\\i other.sql\nCOPY t FROM stdin;\n1\n\\.\nSELECT 1;\n")))
    assert [(p.place, reason) for p, reason in found.skipped] == [
        ("m.sql:1", "the psql command \\i is not followed"),
        ("m.sql:2", "COPY is not run"),
    ]
    assert [s.id for s in found.states] == ["baseline", "m.sql:5"]


def test_the_old_version_lives_through_all_of_a_plain_migration():
    found = script_timeline(parse_script(Source("m.sql", "SELECT 1;\nSELECT 2;\n")))
    assert (found.old_until, found.new_from) == (2, 2)
