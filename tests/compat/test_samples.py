"""Sample values: distinct, and read by the server as values of their type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate_safe.adapters.judge_session import JudgeSession
from migrate_safe.compat.answers import Outcome, Refusal
from migrate_safe.compat.samples import SampleType, fresh_value, long_value, odd_values, seed_value, value
from migrate_safe.compat.sampling import find_trials
from migrate_safe.model.values import replace

BASE_TYPES = """
SELECT t.oid, pg_catalog.format_type(t.oid, NULL) FROM pg_catalog.pg_type t
 WHERE t.typtype IN ('b', 'r') AND t.typnamespace = 'pg_catalog'::regnamespace AND t.typname !~ '^_'
   AND t.typcategory <> 'Z' AND t.typname <> 'xml'
   AND t.typname !~ '^(reg|pg_|acl|gts|tid|xid|cid|refcursor|int2vector|oidvector|jsonpath|txid)'
 ORDER BY t.oid
"""


def test_every_base_type_reads_its_samples(each_database: str, connect):
    session = JudgeSession.open(each_database)
    connection = connect(each_database)
    for oid, name in connection.execute(BASE_TYPES).fetchall():
        kind = session.sample_types((oid,))[0]
        if kind.name == "unknown":
            continue
        for text in {seed_value(kind, 1), fresh_value(kind, 0), *odd_values(kind)}:
            connection.execute(f"SELECT %s::text::{name}", (text,))
    session.close()


def test_values_of_one_type_differ_where_the_type_can(connect, database: str):
    session = JudgeSession.open(database)
    names = (
        "int4",
        "text",
        "uuid",
        "date",
        "timestamptz",
        "numeric",
        "jsonb",
        "bytea",
        "inet",
        "interval",
        "int4range",
    )
    for name in names:
        oid = connect(database).execute("SELECT %s::text::regtype::oid", (name,)).fetchone()[0]
        (kind,) = session.sample_types((oid,))
        made = [seed_value(kind, 1), seed_value(kind, 2), *(fresh_value(kind, i, t) for i in range(5) for t in (0, 1))]
        assert len(set(made)) == len(made), name
    session.close()


@given(st.integers(1, 12), st.integers(0, 40_000))
def test_limits_are_kept(limit: int, number: int):
    assert len(value(SampleType("varchar", "S", limit=limit), number)) <= limit
    assert len(value(SampleType("numeric", "N", limit=limit), number)) <= limit


@given(st.integers(1, 400))
def test_long_texts_have_the_length_asked_for(length: int):
    assert len(long_value(SampleType("text", "S"), length) or "") == length
    assert long_value(SampleType("integer", "N"), length) is None


TEXT, NUMBER = SampleType("text", "S"), SampleType("integer", "N")
CHECK = Refusal("23514", "no", table="t", constraint="c")


def test_the_search_walks_through_several_complaints():
    """A schema that wants an unknown word first and a small number then, and says so one after the other."""

    def attempt(runs):
        word, number = runs[-1]
        if word != "magic":
            return Outcome(CHECK)
        return Outcome(rows=1) if int(number) < 10 else Outcome(replace(CHECK, constraint="d"))

    found = find_trials((TEXT, NUMBER), attempt, lambda _: ("magic",), writes=False)
    assert found.refusal is None
    ((word, number),) = found.trials[0].runs
    assert word == "magic"
    assert int(number) < 10


@pytest.mark.parametrize("state", ["23514", "22001", "P0001"])
def test_the_search_ends_where_nothing_is_accepted(state: str):
    calls = []

    def attempt(runs):
        calls.append(runs)
        return Outcome(Refusal(state, "no", constraint=str(len(calls))))

    found = find_trials((TEXT, NUMBER) * 6, attempt, lambda _: (), writes=True)
    assert found.refusal is not None
    assert found.refusal.sqlstate == state
    assert len(calls) <= 1501


def test_a_refusal_of_the_schema_itself_ends_the_search_at_once():
    calls = []

    def attempt(runs):
        calls.append(runs)
        return Outcome(Refusal("23502", "null value", table="t", column="c"))

    assert find_trials((TEXT,), attempt, lambda _: (), writes=True).refusal is not None
    assert len(calls) == 1
