"""Constraints on new columns: in migrate where what the old app's rows hold there keeps them, else in contract."""

from __future__ import annotations

import pytest

from migrate_safe.planner.strategies import strategy_of
from tests.planner.test_build import ids, known, planned

BEFORE = """
CREATE TABLE far (x int, y int, PRIMARY KEY (x, y));
CREATE TABLE one (x int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, a int);
CREATE FUNCTION f() RETURNS int LANGUAGE sql STABLE AS 'SELECT NULL::int';
CREATE DOMAIN kind AS int DEFAULT 3;
"""
KEPT = (
    ("ADD s int", "ADD CONSTRAINT c CHECK (s > 0)"),
    ("ADD s int", "ADD CONSTRAINT c CHECK (s IS NULL OR length(s::text) < 5)"),
    ("ADD s text DEFAULT 'new'", "ADD CONSTRAINT c CHECK (s IN ('new', 'old') AND s IS NOT NULL)"),
    ("ADD s int DEFAULT 0, ADD r int", "ADD CONSTRAINT c CHECK (s >= 0 AND s < 10 AND s <> 5 AND r > 3)"),
    ("ADD s kind", "ADD CONSTRAINT c CHECK (s = 3)"),
    ("ADD s timestamptz DEFAULT now()", "ADD CONSTRAINT c CHECK (s IS NOT NULL)"),
    ("ADD s int", "ADD CONSTRAINT c UNIQUE (s)"),
    ("ADD s uuid DEFAULT gen_random_uuid()", "ADD CONSTRAINT c UNIQUE NULLS NOT DISTINCT (s)"),
    ("ADD s serial", "ADD CONSTRAINT c UNIQUE (s)"),
    ("ADD s int", "ADD CONSTRAINT c FOREIGN KEY (s) REFERENCES one"),
    ("ADD s int DEFAULT 0, ADD r int", "ADD CONSTRAINT c FOREIGN KEY (s, r) REFERENCES far"),
    ("ADD s int, ADD r int", "ADD CONSTRAINT c FOREIGN KEY (s, r) REFERENCES far MATCH FULL"),
    ("ADD s text DEFAULT 'x'", "ALTER s SET NOT NULL"),
    ("ADD s timestamptz DEFAULT now() + interval '1 day'", "ALTER s SET NOT NULL"),
)
BROKEN = (
    ("ADD s int", "ADD CONSTRAINT c CHECK (s IS NOT NULL)"),
    ("ADD s int, ADD r int", "ADD CONSTRAINT c CHECK (num_nonnulls(s, r) = 1)"),
    ("ADD s int DEFAULT 0", "ADD CONSTRAINT c CHECK (s > 0)"),
    ("ADD s int DEFAULT 1, ALTER s SET DEFAULT 0", "ADD CONSTRAINT c CHECK (s > 0)"),
    ("ADD s text DEFAULT 'draft'", "ADD CONSTRAINT c CHECK (s IN ('new', 'old'))"),
    ("ADD s int DEFAULT f()", "ADD CONSTRAINT c CHECK (s IS NOT NULL)"),
    ("ADD s text DEFAULT 'x'", "ADD CONSTRAINT c UNIQUE (s)"),
    ("ADD s text", "ADD CONSTRAINT c UNIQUE NULLS NOT DISTINCT (s)"),
    ("ADD s int DEFAULT 0, ADD r int", "ADD CONSTRAINT c FOREIGN KEY (s, r) REFERENCES far MATCH FULL"),
    ("ADD s int DEFAULT 1", "ADD CONSTRAINT c FOREIGN KEY (s) REFERENCES one"),
    ("ADD s int DEFAULT NULL", "ALTER s SET NOT NULL"),
    ("ADD s int DEFAULT f()", "ALTER s SET NOT NULL"),
    ("ADD s int DEFAULT 1, ALTER s SET DEFAULT NULL", "ALTER s SET NOT NULL"),
)
SCHEMA = known(BEFORE)


def _phases(add: str, then: str) -> set[str]:
    """Give the phases of what the constraint takes, beside what the columns take."""
    alone = ids(planned(f"ALTER TABLE t {add};", SCHEMA))
    return {
        i.partition(".")[0]
        for i in ids(planned(f"ALTER TABLE t {add};\nALTER TABLE t {then};", SCHEMA))
        if i not in alone
    }


def test_why_says_that_rows_of_the_old_app_are_the_reason_for_contract() -> None:
    for check, late in (("s IS NOT NULL", True), ("s > 0", False)):
        plan = planned(f"ALTER TABLE t ADD s int;\nALTER TABLE t ADD CONSTRAINT c CHECK ({check});", SCHEMA)
        rejected = strategy_of(i for i in ids(plan) if i.endswith(".c")).rejected
        assert (
            ("the same in migrate", "rows that the old app writes until it is gone may break it") in rejected
        ) is late


@pytest.mark.parametrize(("add", "then"), KEPT)
def test_what_rows_of_the_old_app_keep_comes_in_migrate(add: str, then: str) -> None:
    assert _phases(add, then) == {"migrate"}


@pytest.mark.parametrize(("add", "then"), BROKEN)
def test_what_rows_of_the_old_app_break_comes_in_contract(add: str, then: str) -> None:
    assert _phases(add, then) == {"contract"}


def test_a_unique_index_over_one_default_comes_in_contract() -> None:
    for default, phase in (("", "migrate"), (" DEFAULT 'x'", "contract")):
        plan = planned(f"ALTER TABLE t ADD s text{default};\nCREATE UNIQUE INDEX u ON t (lower(s));", SCHEMA)
        assert f"{phase}.build-index.public.u" in ids(plan)


def test_a_default_of_null_is_one_that_goes() -> None:
    before = known("CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL DEFAULT 5);")
    assert ids(planned("ALTER TABLE t ALTER a SET DEFAULT NULL;", before)) == ["contract.drop-default.public.t.a"]
    assert ids(planned("ALTER TABLE t ALTER a SET DEFAULT 6;", before)) == ["expand.set-default.public.t.a"]


@pytest.mark.parametrize(
    ("index", "phase"),
    [
        ("(((d->>'n')::int))", "contract"),
        ("((name::int))", "contract"),
        ("((a / b))", "contract"),
        ("(id) WHERE (d->>'n')::numeric > 3", "contract"),
        ("((d->>'n'), lower(name))", "expand"),
        ("(id) WHERE name = '/x'::text AND a > '3'::int", "expand"),
        ("(((at AT TIME ZONE 'UTC')::date), (a::bigint), (a / 2))", "expand"),
    ],
)
def test_an_index_whose_expression_may_fail_for_a_row_comes_in_contract(index: str, phase: str) -> None:
    before = known("CREATE TABLE t (id int PRIMARY KEY, a int, b int, name text, d jsonb, at timestamptz);")
    made = planned(f"CREATE INDEX i ON t {index};", before)
    assert ids(made) == [f"{phase}.build-index.public.i"]
    assert any("old-app-keeps" in n for n in made.notes) == (phase == "contract")
    said = planned(f"-- migrate-safe: old-app-keeps all are such\nCREATE INDEX i ON t {index};", before)
    assert ids(said) == ["expand.build-index.public.i"]
