"""The lists of volatile and other functions, held to pg_proc."""

from __future__ import annotations

from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.effects.builtin_functions import NOT_VOLATILE, VOLATILE

OVERLOADS = """
SELECT proname, bool_or(provolatile = 'v'), bool_and(provolatile = 'v')
FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY proname
"""
ODD = {
    "timezone",  # of its variants only that for time with time zone was volatile, up to 14
    "ts_rewrite",  # of its variants only one is volatile: the worse counts
}
COMMON = "now random gen_random_uuid lower md5 to_char nextval jsonb_build_object date_trunc clock_timestamp".split()


def test_every_listed_function_has_the_volatility_that_the_server_says(each_server: ScratchServer) -> None:
    with connect(each_server.dsn()) as connection:
        rows = {name: (some, every) for name, some, every in connection.execute(OVERLOADS).fetchall()}
    wrong = {n for n in NOT_VOLATILE if n in rows and rows[n][0]} | {
        n for n in VOLATILE if n in rows and not rows[n][1]
    }
    assert wrong - ODD == set()


def test_no_function_is_on_both_lists_and_the_common_ones_are_on_one() -> None:
    assert set() == NOT_VOLATILE & VOLATILE
    assert set(COMMON) <= NOT_VOLATILE | VOLATILE


def test_every_listed_function_exists_somewhere(each_server: ScratchServer) -> None:
    with connect(each_server.dsn()) as connection:
        major = connection.info.server_version // 10000
        present = {name for (name,) in connection.execute("SELECT proname FROM pg_proc").fetchall()}
    later = {"uuidv4", "uuidv7", "random_normal"} | {n for n in NOT_VOLATILE | VOLATILE if n.startswith("pg_")}
    missing = (NOT_VOLATILE | VOLATILE) - present - later
    assert major < 18 or len(missing) < 10, missing
