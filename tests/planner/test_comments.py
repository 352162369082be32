"""Where a plan sets comments: after the step that makes what they speak of."""

from __future__ import annotations

import re

import pytest

from migrate_safe.model.errors import Refused
from tests.planner.test_build import ids, known, planned

BEFORE = "CREATE TABLE t (id int PRIMARY KEY, a int, name text); CREATE INDEX i ON t (a);"
MADE = {
    "CREATE INDEX x ON t (name); COMMENT ON INDEX x IS 'x'": "expand.build-index.public.x",
    "ALTER TABLE t ADD b int; CREATE INDEX x ON t (b); COMMENT ON INDEX x IS 'x'": "expand.build-index.public.x",
    "CREATE UNIQUE INDEX x ON t (name); COMMENT ON INDEX x IS 'x'": "contract.build-index.public.x",
    "ALTER TABLE t ADD CONSTRAINT x CHECK (a > 0); COMMENT ON CONSTRAINT x ON t IS 'x'": (
        "contract.add-constraint.public.t.x"
    ),
    "CREATE POLICY x ON t USING (true); COMMENT ON POLICY x ON t IS 'x'": "expand.create-policy.public.t.x",
    "CREATE TABLE s (id int CONSTRAINT x CHECK (id > 0)); COMMENT ON CONSTRAINT x ON s IS 'x'": (
        "expand.create-table.public.s"
    ),
    "ALTER TABLE t RENAME a TO b; COMMENT ON INDEX i IS 'x'": "contract.hide-column.public.t.a",
    "ALTER INDEX i RENAME TO j; COMMENT ON INDEX j IS 'x'": "expand.rename-index.public.i",
}


@pytest.mark.parametrize("migration", MADE)
@pytest.mark.parametrize("twice", ["", "; COMMENT ON TABLE t IS 'y'"])
def test_a_comment_follows_what_makes_its_object(migration: str, twice: str) -> None:
    steps = ids(planned(migration + twice, known(BEFORE)))
    (comment,) = (s for s in steps if ".comment." in s and " on " in s)
    maker = MADE[migration]
    assert steps.index(comment) > steps.index(maker)
    assert comment.split(".")[0] == maker.split(".")[0]


def test_a_comment_on_what_is_there_comes_first() -> None:
    migration = "CREATE UNIQUE INDEX x ON t (name); COMMENT ON INDEX i IS 'x'; ALTER INDEX i RENAME TO j"
    assert ids(planned(migration, known(BEFORE)))[0].startswith("expand.comment.")


@pytest.mark.parametrize(
    "migration",
    [
        "DROP TABLE t;\nCREATE TABLE t (id int)",
        "ALTER TABLE t RENAME TO u;\nCREATE VIEW t AS SELECT id FROM u WHERE a > 0",
        "ALTER TABLE t RENAME TO u;\nCREATE VIEW t AS SELECT id, a AS number FROM u",
        "ALTER TABLE t RENAME TO u;\nCREATE VIEW t AS SELECT DISTINCT a FROM u",
    ],
)
def test_a_step_that_its_place_makes_fail_names_its_statement(migration: str) -> None:
    with pytest.raises(Refused) as caught:
        planned(migration, known(BEFORE))
    assert re.search(
        r"m\.sql:2:\d+: CREATE .*public\.t (already exists|goes and another)", caught.value.message, re.DOTALL
    )


@pytest.mark.parametrize("kind", ["INDEX t_pkey", "CONSTRAINT t_pkey ON t"])
def test_a_comment_on_a_primary_key_that_is_made_anew_is_refused(kind: str) -> None:
    with pytest.raises(Refused, match="comment on primary key t_pkey, or on its index, would be lost"):
        planned("ALTER TABLE t ALTER id TYPE bigint", known(f"{BEFORE} COMMENT ON {kind} IS 'x'"))
