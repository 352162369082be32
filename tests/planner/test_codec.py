from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate_safe.model.errors import UsageError
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.plan import (
    Backfill,
    BuildIndex,
    DropIndexConcurrently,
    Phase,
    Plan,
    PlanSource,
    Requirement,
    Sql,
    Step,
)
from migrate_safe.planner.codec import from_yaml, to_yaml
from tests.planner.strategies import plans

USERS = Name("public", "users")
LOCKS = (Lock(USERS, LockMode.ACCESS_EXCLUSIVE),)
FUNCTION = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $ms$\nBEGIN\n  RETURN NEW;\nEND\n$ms$"


def a_plan(*steps: Step) -> Plan:
    return Plan("0042", "rename", PlanSource("m/0042.sql", "ab"), steps, "sha256:00", (USERS,), notes=("read me",))


ONE = Step(
    "expand.one",
    Phase.EXPAND,
    "add the column",
    Sql(("ALTER TABLE public.users ADD COLUMN x text", FUNCTION), LOCKS),
    Sql(("DROP FUNCTION f()", "ALTER TABLE public.users DROP COLUMN x"), LOCKS),
)
BUILD = Step(
    "expand.two",
    Phase.EXPAND,
    "build",
    BuildIndex(USERS, Name("public", "i"), "CREATE INDEX CONCURRENTLY i ON public.users (x)"),
    DropIndexConcurrently(USERS, Name("public", "i")),
)
FILL = Step("migrate.fill", Phase.MIGRATE, "fill", Backfill(USERS, (("x", "y + 1"),), "x IS NULL"), Sql())
TWO = Step(
    "contract.two",
    Phase.CONTRACT,
    "enforce",
    Sql(("ALTER TABLE public.users ALTER COLUMN x SET NOT NULL",), LOCKS, (Requirement("SELECT 1", "rows lack x"),)),
    Sql(),
    takes_back=("migrate.fill",),
)
THREE = Step("purge.three", Phase.PURGE, "drop", Sql(("DROP TABLE t",)), None, (), "7d", "drops the data")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
def test_any_plan_comes_back_equal(plan: Plan) -> None:
    text = to_yaml(plan)
    assert from_yaml(text, "p.yaml") == plan
    assert to_yaml(from_yaml(text, "p.yaml")) == text


def test_sql_reads_as_blocks_and_an_undo_with_the_same_locks_as_bare_text() -> None:
    text = to_yaml(a_plan(ONE, TWO, THREE))
    assert "    sql: |\n      ALTER TABLE public.users ADD COLUMN x text;\n      CREATE FUNCTION f()" in text
    assert "    undo: |\n      DROP FUNCTION f();\n" in text
    assert "    locks:\n      - ACCESS EXCLUSIVE on public.users\n" in text


BAD = {
    "an unknown key names the nearest": ("    does: drop", "    dose: drop", 'did you mean "does"?'),
    "an unknown phase": ("phase: purge", "phase: purgatory", 'did you mean "purge"?'),
    "phases out of order": ("phase: contract", "phase: expand\n    x: 1", '"x"'),
    "another format": ("plan/1", "plan/9", "migrate-safe/plan/1"),
    "a repeated key": ("summary: rename", "summary: rename\nsummary: again", "stands twice"),
    "a number for a text": ("summary: rename", "summary: 42", 'quote it: "42"'),
    "nothing for a text": ("summary: rename", "summary:", "must be text, not nothing"),
    "a text for a list": ("  - read me", "  read me", "must be a list"),
    "an unknown lock": ("- ACCESS EXCLUSIVE on", "- ACCESS EXCLUSION on", "ACCESS EXCLUSIVE"),
    "a bad name": ("on public.users", "on public.users.x", "is no name"),
    "sql that is none": ("DROP TABLE t;", "DROP TABEL t;", "TABEL"),
    "a commit in a step": ("DROP TABLE t;", "DROP TABLE t; COMMIT;", 'may not hold "COMMIT"'),
    "a commit in a list": (
        "    sql: |\n      DROP TABLE t;\n",
        "    sql:\n      - DROP TABLE t; ROLLBACK\n",
        'may not hold "ROLLBACK"',
    ),
    "a zero byte in a list": ("    sql: |\n      DROP TABLE t;\n", '    sql:\n      - "DROP\\0 TABLE t"\n', "NUL"),
    "a bad wait": ("7d", "soon", "30m, 12h, 7d"),
    "a missing undo": ("    undo:\n      sql: []\n", "", "no way back"),
    "two works": (
        "      DROP TABLE t;\n",
        "      DROP TABLE t;\n    drop_index: {table: t, index: i}\n",
        "several works",
    ),
    "no work": ("    sql: |\n      DROP TABLE t;\n", "", "nothing to do"),
    "a wrong transaction": ("transaction: true", "transaction: false", "does not fit"),
    "takes back a stranger": ("- migrate.fill", "- migrate.fil", 'did you mean "migrate.fill"?'),
    "the id of another step": ("id: purge.three", "id: expand.one", "an earlier step"),
    "a version that is none": (">=14", "14 or so", 'write the oldest that it is for: ">=14"'),
    "a name that cannot be shown": ("name: '0042'", 'name: "00\\n42"', "cannot be shown"),
    "another table's index": ("ON public.users (x)", "ON public.orgs (x)", "does not build public.i on public.users"),
    "a build that blocks": ("INDEX CONCURRENTLY i", "INDEX i", "does not build public.i on public.users concurrently"),
    "a build that builds nothing": ("CREATE INDEX CONCURRENTLY i ON public.users (x)", "DROP TABLE t", "not build"),
    "a build that is no SQL": ("CREATE INDEX CONCURRENTLY", "CREATE INDEKS CONCURRENTLY", "does not build"),
    "a value that is more than one": ("x: y + 1", "x: 1; DROP TABLE t", "not a single expression"),
    "a condition that is none": ("x IS NULL", "x IS NUL", "syntax error"),
    "no yaml": ("steps:", "steps: [", "not valid YAML"),
    "a tab": ("summary:", "\tsummary:", "not valid YAML"),
}


@pytest.mark.parametrize("case", BAD)
def test_nonsense_is_an_error_with_a_place_and_the_next_move(case: str) -> None:
    before, after, said = BAD[case]
    good = to_yaml(a_plan(ONE, BUILD, FILL, TWO, THREE))
    assert before in good
    with pytest.raises(UsageError) as caught:
        from_yaml(good.replace(before, after, 1), "plans/p.yaml")
    assert said in str(caught.value)
    assert caught.value.place.startswith("plans/p.yaml:")
    assert caught.value.next_move


BROKEN = {
    "a variable without its DECLARE": ("DECLARE\n        x int;\n", "", '"x" is not a known variable'),
    "sql inside that is none": ("x := 1;", "PERFORM 1 FORM users;", "syntax error"),
    "an expression that is none": ("x := 1;", "x := 1 +;", "syntax error"),
    "no end": ("      END\n      $ms$;", "      $ms$;", "syntax error"),
}
MADE_AGAIN = FUNCTION.replace("BEGIN\n", "DECLARE\n  x int;\nBEGIN\n  x := 1;\n")


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("place", ["sql", "undo"])
def test_a_body_that_does_not_compile_is_told_when_the_plan_is_read(case: str, place: str) -> None:
    before, after, said = BROKEN[case]
    works = Sql(("SELECT 1", MADE_AGAIN), LOCKS), Sql(("SELECT 2",), LOCKS)
    one, undo = works if place == "sql" else works[::-1]
    good = to_yaml(a_plan(Step("expand.one", Phase.EXPAND, "make it", one, undo)))
    assert from_yaml(good, "p.yaml") is not None
    assert before in good
    with pytest.raises(UsageError, match="holds a body that does not compile") as caught:
        from_yaml(good.replace(before, after, 1), "p.yaml")
    assert said in str(caught.value)
    assert caught.value.place == f"p.yaml:{good[: good.index('CREATE FUNCTION')].count(chr(10)) + 1}"
    assert caught.value.next_move


def test_the_body_of_a_do_and_of_a_listed_statement_are_read_as_well() -> None:
    text = to_yaml(a_plan(THREE))
    for broken in ("DO $$ BEGIN x := 1; END $$;", "CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN x := 1; END';"):
        for replaced in (broken, None):
            old, new = ("DROP TABLE t;", broken) if replaced else ("|\n      DROP TABLE t;", f"\n      - {broken}")
            with pytest.raises(UsageError, match="does not compile"):
                from_yaml(text.replace(old, new, 1), "p.yaml")


def test_bodies_in_other_languages_are_not_read() -> None:
    text = to_yaml(a_plan(THREE))
    body = "CREATE FUNCTION f() RETURNS int LANGUAGE plperl AS 'return $_[0]';"
    assert from_yaml(text.replace("DROP TABLE t;", body), "p.yaml").steps


def test_a_plan_without_steps_is_no_plan() -> None:
    text = to_yaml(a_plan(ONE))
    with pytest.raises(UsageError, match='"steps" of the plan holds no step'):
        from_yaml(text[: text.index("steps:")] + "steps: []\n", "p.yaml")


def test_phases_out_of_order_are_named() -> None:
    text = (
        to_yaml(a_plan(ONE, TWO, THREE))
        .replace("phase: contract", "phase: purge")
        .replace("phase: purge", "phase: expand", 2)
    )
    text = text.replace("phase: expand", "phase: contract", 1)
    with pytest.raises(UsageError, match="stands after a step of phase contract"):
        from_yaml(text, "p.yaml")


@pytest.mark.parametrize(
    "text", ["", "42", "[]", "{}", "null", "- a", "\0", "a: &a [*a]", "? [x]\n: y", "[" * 3000, "%YAML 9"]
)
def test_what_is_no_plan_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        from_yaml(text, "p.yaml")


@settings(max_examples=300, deadline=None)
@given(st.integers(0), st.text(max_size=6), st.integers(0, 30))
def test_a_damaged_plan_is_read_or_refused_but_never_crashes(seed: int, noise: str, cut: int) -> None:
    text = to_yaml(a_plan(ONE, TWO, THREE))
    at = random.Random(seed).randrange(len(text))
    try:
        from_yaml(text[:at] + noise + text[at + cut :], "p.yaml")
    except UsageError as error:
        assert error.place.startswith("p.yaml")
