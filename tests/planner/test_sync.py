"""Hold the sync triggers to an oracle that knows who wrote."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import psycopg
import pytest
from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.model.plan import Backfill, markers
from migrate_safe.model.schema import TypeName
from migrate_safe.planner.identifiers import last_trigger, tag
from migrate_safe.planner.keeping import Keep
from migrate_safe.planner.pairs import Kind, Pair, Side, Sync
from migrate_safe.planner.sync import corresponds, create_reverse, create_sync, drop_sync, unset
from migrate_safe.planner.turns import Part, Turn
from tests.conftest import Connect

T = Name("public", "t")
INTEGER, NUMERIC, TEXT = TypeName("integer"), TypeName("numeric"), TypeName("text")
Row = tuple[Any, Any] | str
"""The values of old and new as the writer means them, or the error that the client gets."""


def a_sync(*pairs: Pair, keep: bool = False, turns: tuple[Turn, ...] = ()) -> Sync:
    word = tag("test")
    insert, update = f"~ms_sync_i_{word}", f"~ms_sync_u_{word}"
    columns = tuple(side.column for pair in pairs for side in (pair.new, pair.old))
    keeping = Keep(T, columns, word, f"~~ms_keep_{word}") if keep else None
    return Sync(T, pairs, word, insert, update, keeping, turns=turns, turn_trigger=f"~ms_turn_{word}")


def as_number(text: str | None) -> float | None:
    return None if text is None else float(text)


class Case(Struct, frozen=True):
    """A pair integer -> numeric (forward widens, back rounds) with its defaults and NOT NULLs."""

    d_old: str | None
    d_new: str | None
    nn_old: bool
    nn_new: bool

    @property
    def kind(self) -> Kind:
        if self.d_old is None and self.d_new is None:
            return Kind.PLAIN
        return Kind.DEFAULTS if self.d_old == self.d_new else Kind.MARKER

    @property
    def pair(self) -> Pair:
        return Pair(
            Side("old", INTEGER, self.d_old), Side("new", NUMERIC, self.d_new), self.kind,
            "$value::numeric", "round($value)::integer",
        )  # fmt: skip

    def settle(self, old: Any, new: Any) -> Row:
        """Say what becomes of a row: stored, or refused for a NULL."""
        if (self.nn_old and old is None) or (self.nn_new and new is None):
            return "23502"
        return old, new

    def make(self, c: psycopg.Connection[Any]) -> None:
        c.execute("DROP TABLE IF EXISTS t; DROP SCHEMA IF EXISTS migrate_safe CASCADE; CREATE SCHEMA migrate_safe")
        default = f"DEFAULT {self.d_old}" if self.d_old else ""
        c.execute(f"CREATE TABLE t (id serial PRIMARY KEY, x int, old int {default} {'NOT NULL' * self.nn_old})")
        c.execute("ALTER TABLE t ADD COLUMN new numeric")
        if self.nn_new:
            c.execute("ALTER TABLE t ALTER COLUMN new SET NOT NULL")
        for statement in create_sync(a_sync(self.pair)):
            c.execute(statement)

    def inserts(self) -> dict[str, Row]:
        """Map INSERTs to the row that their writer means."""
        d_old, d_new = as_number(self.d_old), as_number(self.d_new)
        nobody = (d_old, d_old) if d_old is not None else (d_new, d_new)
        out: dict[str, Row] = {
            "INSERT INTO t (x) VALUES (1)": self.settle(*nobody),
            "INSERT INTO t (x, old) VALUES (1, NULL)": self.settle(None, None),
            "INSERT INTO t (x, new) VALUES (1, NULL)": self.settle(None, None),
            "INSERT INTO t (old, new) VALUES (5, 5)": (5, 5),
            "INSERT INTO t (old, new) VALUES (5, 9.5)": (5, 9.5),
            "INSERT INTO t (old, new) VALUES (5, NULL)": (5, 5),
            "INSERT INTO t (old, new) VALUES (NULL, 5.25)": (5, 5.25),
            "INSERT INTO t (old, new) VALUES (NULL, NULL)": self.settle(None, None),
            "INSERT INTO t (x, old) VALUES (1, DEFAULT)": self.settle(*nobody),
            "INSERT INTO t (x, new) SELECT 1, 5.25": (5, 5.25),
        }
        for value in (3, 7, 9):
            out[f"INSERT INTO t (x, old) VALUES (1, {value})"] = (value, value)
            out[f"INSERT INTO t (x, new) VALUES (1, {value})"] = (value, value)
        if self.kind is Kind.MARKER:
            out["SET migrate_safe.app_version = 'new'; INSERT INTO t (x) VALUES (1)"] = self.settle(d_new, d_new)
        return out


CASES = [Case(*c) for c in itertools.product([None, "7"], [None, "7", "9"], [False, True], [False, True])]

UPDATES: dict[str, tuple[Any, Any]] = {
    "x = 1": (5, 5.25),
    "old = 5": (5, 5.25),
    "old = old, new = new, x = 2": (5, 5.25),
    "old = 6": (6, 6),
    "new = 5.5": (6, 5.5),
    "new = 8": (8, 8),
    "old = 5, new = 9": (9, 9),
    "old = 9, new = 5.25": (9, 9),
    "old = 1, new = 2": (1, 2),
    "old = NULL": (None, None),
    "new = NULL": (None, None),
}


def stored(c: psycopg.Connection[Any]) -> Row:
    row = c.execute("SELECT old, new FROM t ORDER BY id DESC LIMIT 1").fetchone()
    assert row is not None
    return row[0], None if row[1] is None else float(row[1])


def outcome(c: psycopg.Connection[Any], statement: str) -> Row:
    try:
        with c.transaction(force_rollback=True):
            c.execute(statement)
            return stored(c)
    except psycopg.Error as error:
        return error.sqlstate or str(error)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_inserts_mean_what_their_writer_says(case: Case, each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    case.make(c)
    wrong = {s: (got, meant) for s, meant in case.inserts().items() if (got := outcome(c, s)) != meant}
    assert not wrong


@pytest.mark.parametrize("case", [c for c in CASES if not c.nn_new and not c.nn_old], ids=str)
def test_updates_let_the_side_that_changed_win(case: Case, each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    case.make(c)
    c.execute("INSERT INTO t (old, new) VALUES (5, 5.25)")
    wrong = {s: (got, meant) for s, meant in UPDATES.items() if (got := outcome(c, f"UPDATE t SET {s}")) != meant}
    assert not wrong


def test_one_statement_may_mix_defaults_nulls_and_values(each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    Case("7", "9", False, False).make(c)
    c.execute("INSERT INTO t (new) VALUES (1.5), (NULL), (2), (DEFAULT)")
    c.execute("INSERT INTO t (old) VALUES (1), (NULL), (DEFAULT)")
    c.execute("WITH a AS (INSERT INTO t (old) VALUES (4)) INSERT INTO t (new) VALUES (4.5)")
    rows = c.execute("SELECT old, new::float FROM t ORDER BY id").fetchall()
    assert rows[:7] == [(2, 1.5), (None, None), (2, 2), (7, 7), (1, 1), (None, None), (7, 7)]
    assert sorted(rows[7:]) == [(4, 4), (5, 4.5)]


def test_a_volatile_default_is_taken_once_and_reaches_both_sides(each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    c.execute("CREATE SCHEMA migrate_safe; CREATE SEQUENCE s; CREATE TABLE t (id serial, old int DEFAULT nextval('s'))")
    c.execute("ALTER TABLE t ADD COLUMN new int")
    default = "nextval('public.s'::regclass)"
    for statement in create_sync(
        a_sync(Pair(Side("old", INTEGER, default), Side("new", INTEGER, default), Kind.MARKER))
    ):
        c.execute(statement)
    c.execute("INSERT INTO t DEFAULT VALUES; INSERT INTO t (old) VALUES (50); INSERT INTO t (new) VALUES (60)")
    c.execute("INSERT INTO t (old) VALUES (NULL); INSERT INTO t (new) VALUES (NULL); INSERT INTO t DEFAULT VALUES")
    rows = c.execute("SELECT old, new FROM t ORDER BY id").fetchall()
    assert rows[:5] == [(1, 1), (50, 50), (60, 60), (None, None), (None, None)]
    assert rows[5][0] == rows[5][1] > 1
    c.execute("UPDATE t SET new = DEFAULT WHERE id = 2; UPDATE t SET old = DEFAULT WHERE id = 3")
    assert all(o == n and o not in (None, 50, 60) for o, n in c.execute("SELECT old, new FROM t WHERE id IN (2, 3)"))


def identity(type_name: TypeName) -> Pair:
    return Pair(Side("old", type_name), Side("new", type_name), Kind.PLAIN)


UNEQUAL_BUT_EQUAL = {
    "numeric": ("1.0", "1.00"),
    "interval": ("1 mon", "30 days"),
    "json": ('{"a":1}', '{"a": 1}'),
    "box": ("(1,1),(0,0)", "(2,1),(1,0)"),
    "point": ("(0,0)", "(1,0)"),
    "text[]": ("{a}", "{b}"),
    "double precision": ("0", "-0"),
    "real": ("-0", "0"),
    "bpchar": ("a", "a  "),
}


@pytest.mark.parametrize("type_name", UNEQUAL_BUT_EQUAL)
def test_every_change_is_seen_whatever_equality_says(type_name: str, each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    before, after = UNEQUAL_BUT_EQUAL[type_name]
    pair = identity(TypeName("text", dimensions=1) if type_name == "text[]" else TypeName(type_name))
    c.execute(f"CREATE SCHEMA migrate_safe; CREATE TABLE t (id serial, old {type_name}, new {type_name})")
    c.execute(f"INSERT INTO t (old) VALUES ('{before}')")
    for statement in create_sync(a_sync(pair)):
        c.execute(statement)
    c.execute(f"SET migrate_safe.backfill = 'on'; UPDATE t SET new = old WHERE {unset(pair)}")
    c.execute(f"RESET migrate_safe.backfill; UPDATE t SET old = '{after}'")
    shown = "SELECT format('%s', old), format('%s', new) FROM t"  # a cast to text would trim bpchar
    row = c.execute(f"{shown} WHERE {corresponds(pair)}").fetchone()
    assert row is not None and row[0] == row[1] != before
    c.execute(f"UPDATE t SET new = '{before}'")
    assert c.execute(f"{shown} WHERE {corresponds(pair)}").fetchone() == (before, before)


def test_what_a_session_shows_of_a_value_hides_no_change(each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    c.execute("CREATE SCHEMA migrate_safe; CREATE TABLE t (old double precision, new double precision)")
    for statement in create_sync(a_sync(identity(TypeName("double precision")))):
        c.execute(statement)
    c.execute("SET extra_float_digits = -9; INSERT INTO t (old) VALUES (1.000000001); UPDATE t SET old = 1.000000002")
    assert c.execute("SELECT new = 1.000000002 FROM t").fetchone() == (True,)


def test_a_verification_sees_what_equality_does_not(each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    for type_name, (one, other) in UNEQUAL_BUT_EQUAL.items():
        pair = identity(TypeName("text", dimensions=1) if type_name == "text[]" else TypeName(type_name))
        c.execute(f"CREATE TABLE t (old {type_name}, new {type_name})")
        c.execute(f"INSERT INTO t VALUES ('{one}', '{other}'), ('{one}', '{one}'), (NULL, NULL), (NULL, '{one}')")
        assert c.execute(f"SELECT count(*) FROM t WHERE {corresponds(pair)}").fetchone() == (2,), type_name
        c.execute("DROP TABLE t")


def test_a_backfill_leaves_the_old_side_and_the_users_columns_alone(each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    c.execute("CREATE SCHEMA migrate_safe; CREATE TABLE t (id serial, old text, touched int DEFAULT 0, new text)")
    c.execute("""
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END $$;
        CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()
    """)
    c.execute("INSERT INTO t (old) VALUES (' 5 '), ('x')")
    pair = Pair(Side("old", TEXT), Side("new", INTEGER), Kind.PLAIN,
                "(CASE WHEN btrim($value) ~ '^[0-9]{1,9}$' THEN btrim($value)::int END)", "$value::text")  # fmt: skip
    c.execute("ALTER TABLE t ALTER COLUMN new TYPE int USING NULL")
    for statement in create_sync(a_sync(pair, keep=True)):
        c.execute(statement)
    filling = Backfill(T, (("new", "btrim(old)::int"),), unset(pair))
    c.execute(f"BEGIN; {' '.join(markers(filling))} UPDATE t SET new = btrim(old)::int WHERE {unset(pair)}; COMMIT")
    assert c.execute("SELECT old, new, touched FROM t ORDER BY id").fetchall() == [(" 5 ", 5, 0), ("x", None, 0)]
    c.execute("UPDATE t SET new = 7 WHERE id = 1")
    assert c.execute("SELECT old, new, touched FROM t WHERE id = 1").fetchone() == ("7", 7, 1)


def test_a_column_named_old_new_o_n_or_oddly_is_no_trouble(database: str, connect: Connect) -> None:
    c = connect(database)
    for old, new in [("new", "old"), ("o", "n"), ('we"ird', "Größe $ms$"), ("select", "NEW")]:
        c.execute("DROP TABLE IF EXISTS t; DROP SCHEMA IF EXISTS migrate_safe CASCADE; CREATE SCHEMA migrate_safe")
        c.execute(psycopg.sql.SQL("CREATE TABLE t ({} text, {} text)").format(
            psycopg.sql.Identifier(old), psycopg.sql.Identifier(new)))  # fmt: skip
        pair = Pair(Side(old, TEXT), Side(new, TEXT), Kind.PLAIN)
        for statement in create_sync(a_sync(pair)):
            c.execute(statement.encode())
        c.execute(psycopg.sql.SQL("INSERT INTO t ({}) VALUES ('a')").format(psycopg.sql.Identifier(old)))
        assert c.execute("SELECT * FROM t").fetchone() == ("a", "a")


def test_upserts_on_either_unique_index_never_meet_in_the_other(each_database: str, connect: Connect) -> None:
    c = connect(each_database)
    c.execute("CREATE SCHEMA migrate_safe; CREATE TABLE t (old text UNIQUE, new text UNIQUE, x int DEFAULT 0)")
    for statement in create_sync(a_sync(identity(TEXT), turns=(Turn("t_old_key", (Part("old"),), ("old",)),))):
        c.execute(statement)
    failed: list[str] = []

    def client(column: str) -> None:
        with psycopg.connect(each_database, autocommit=True) as own:
            for key in range(300):
                try:
                    own.execute(
                        f"INSERT INTO t ({column}) VALUES (%s) ON CONFLICT ({column}) DO UPDATE SET x = t.x + 1",
                        (str(key),),
                    )
                except psycopg.Error as error:
                    failed.append(f"{column}: {error}")

    threads = [threading.Thread(target=client, args=(column,)) for column in ("old", "new", "old", "new")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert c.execute("SELECT count(*), sum(x) FROM t WHERE old = new").fetchone() == (300, 900)


def test_a_bulk_load_does_not_run_out_of_locks(database: str, connect: Connect) -> None:
    c = connect(database)
    c.execute("CREATE SCHEMA migrate_safe; CREATE TABLE t (old text UNIQUE, new text UNIQUE)")
    for statement in create_sync(a_sync(identity(TEXT), turns=(Turn("t_old_key", (Part("old"),), ("old",)),))):
        c.execute(statement)
    c.execute("INSERT INTO t (old) SELECT g::text FROM generate_series(1, 30000) g")
    assert c.execute("SELECT count(*) FROM t WHERE old = new").fetchone() == (30000,)


def test_retired_columns_go_on_being_filled_and_keep_what_the_new_app_leaves_alone(
    each_database: str, connect: Connect
) -> None:
    c = connect(each_database)
    case = Case(None, None, False, False)
    case.make(c)
    c.execute("INSERT INTO t (old, new) VALUES (5, 5.25)")
    sync = a_sync(case.pair)
    with c.transaction():
        for statement in (*drop_sync(sync), "ALTER TABLE t RENAME COLUMN old TO hidden"):
            c.execute(statement)
        for statement in create_reverse(sync, {"old": "hidden"}):
            c.execute(statement)
    c.execute("UPDATE t SET x = 1; INSERT INTO t (new) VALUES (8.5); UPDATE t SET x = 2, new = new")
    c.execute("INSERT INTO t (new) VALUES (NULL)")
    assert c.execute("SELECT hidden, new::float FROM t ORDER BY id").fetchall() == [(5, 5.25), (9, 8.5), (None, None)]


def test_the_last_trigger_sorts_after_every_other() -> None:
    assert last_trigger("ms", []) == "~ms"
    assert last_trigger("ms", ["zz", "~a"]) == "~ms"
    assert last_trigger("ms", ["~zz", "~~b"]) == "~~ms"
    assert last_trigger("ms", ["ÿ"]) is None
