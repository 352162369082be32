"""Run statements on a real server, see what they do, and hold that to what is predicted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import psycopg
import yaml
from msgspec import Struct
from psycopg.pq import TransactionStatus

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.observer import IN_A_BLOCK, Observer
from migrate_safe.adapters.obstacles import Crowd
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.diff import diff, differences
from migrate_safe.catalog.fingerprint import fingerprint
from migrate_safe.effects.analyse import analyse
from migrate_safe.effects.doubts import Doubt
from migrate_safe.model.effect import Analysed, Effect, Observed, Session
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Dml, LockTable, Statement, Transaction, Wrapping
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script, parse_statements

CASES = Path(__file__).parent / "cases"

_SUBSCRIPTIONS = """
SELECT quote_ident(subname) FROM pg_subscription JOIN pg_database d ON d.oid = subdbid
WHERE datname = current_database()
"""

_LEFT_BY_NAME = """
SELECT 'DEALLOCATE ' || quote_ident(name) FROM pg_prepared_statements WHERE from_sql
UNION ALL SELECT 'CLOSE ' || quote_ident(name) FROM pg_cursors WHERE is_holdable
"""

_WAITS = "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted"

_BARE = {("schema", "public"), ("extension", "plpgsql")}
"""What is in an empty database beside what is in its schemas."""

RESET = """
DISCARD TEMP;
DROP SCHEMA IF EXISTS other CASCADE;
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT o.* FROM pg_depend, pg_identify_object(classid, objid, 0) o
        WHERE refclassid = 'pg_namespace'::regclass AND refobjid = to_regnamespace('public') AND deptype = 'n'
        ORDER BY objid
    LOOP
        BEGIN
            EXECUTE format('DROP %s IF EXISTS %s CASCADE', replace(one.type, ' object', ''), one.identity);
        EXCEPTION WHEN OTHERS THEN
            NULL;  -- part of another object, or no object with a DROP: the schema goes, unless it is gone by the end
        END;
    END LOOP;
    IF NOT EXISTS (
        SELECT FROM pg_namespace n WHERE nspname = 'public' AND nspowner = current_user::regrole AND nspacl IS NULL
            AND NOT EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = n.oid)
            AND NOT EXISTS (SELECT FROM pg_description WHERE classoid = 'pg_namespace'::regclass AND objoid = n.oid)
    ) THEN
        DROP SCHEMA IF EXISTS public CASCADE;
        CREATE SCHEMA public;
    END IF;
END $$;
SET search_path = public
"""
"""Empties the schemas, and keeps the one that is searched: for another the server plans all reading anew."""


class Case(Struct, frozen=True):
    """A set-up and the statement in question; several are one transaction.

    `base` is the set-up that all cases of a file share, `setup` what this one adds to it (scripts, one by one).
    `versions` limits the majors, as in `>=15`; `depends` says that the prediction is knowingly the worse outcome:
    `worse` where that comes, `less` where the better one does.
    `alone` runs it by itself, into obstacles, though a transaction would take it: for locks that it lets go of at once.
    `interrupted` is run after the set-up beside an old reader of all tables, and cancelled when it waits for that.
    `unforeseen` names what no statement can tell: how the planner reads the rows of a query.
    """

    file: str
    name: str
    base: str
    sql: str
    setup: tuple[str, ...] = ()
    versions: str = ""
    depends: str = ""
    alone: bool = False
    unforeseen: str = ""
    session: str = ""
    interrupted: str = ""

    @property
    def made_by(self) -> tuple[str, ...]:
        """The scripts that lead to what is there before it, the session's last."""
        return (self.base, *self.setup, self.session, self.interrupted)

    @property
    def can_be_undone(self) -> bool:
        """Whether a rollback leaves what was there before it.

        Not after a query: the server plans it by statistics, which outlive a rollback.
        """
        if self.session or self.alone or self.interrupted:
            return False
        statements = parse_script(Source("case.sql", self.sql)).statements
        return not any(isinstance(s.action, Dml | Transaction) for s in statements)

    def runs_on(self, major: int) -> bool:
        """Say whether the case is meant for a major version."""
        if not self.versions:
            return True
        operator, number = re.fullmatch(r"(>=|<)(\d+)", self.versions).groups()  # type: ignore[union-attr]
        return major >= int(number) if operator == ">=" else major < int(number)


def load(file: Path) -> list[Case]:
    """Read a file of cases, those that start from the same thing together: it need not be made again between them."""
    content = yaml.safe_load(file.read_text())
    base, found = content["setup"], []
    for entry in content["cases"]:
        entry = {"name": entry["sql"].strip(), "setup": [], **entry}
        scripts = entry.pop("setup")
        setup = (scripts,) if isinstance(scripts, str) else tuple(scripts)
        found.append(Case(file.stem, base=base, setup=setup, **entry))
    return sorted(found, key=lambda case: (case.made_by, not case.can_be_undone))


def all_cases() -> list[Case]:
    """Read every file of cases."""
    return [case for file in sorted(CASES.glob("*.yaml")) for case in load(file)]


def predict(schema: Schema, case: Case) -> tuple[Analysed, ...]:
    """Predict the effects of the case's statements, in the session that it sets up.

    Several are one transaction, and LOCK TABLE stands in one unless it runs alone.
    """
    zone = re.search(r"TimeZone = '(.+?)'", case.session)
    statements = parse_statements(case.sql)
    together = len(statements) > 1 or (isinstance(statements[0].action, LockTable) and not case.alone)
    script = parse_script(Source("case.sql", case.sql), wrapping=Wrapping.FILE if together else Wrapping.STATEMENT)
    session = Session(time_zone=zone[1] if zone else "UTC")
    return analyse(script, schema, session=session)


def doubt_of(reason: str) -> Doubt:
    """Give the doubt of which an effect says that it depends on it."""
    (found,) = (d for d in Doubt if re.fullmatch(".+".join(map(re.escape, re.split(r"\{.*?\}", d))), reason))
    return found


class Played(Struct, frozen=True):
    """What was before a case, what was predicted of its statements and seen of them, and what was there afterwards."""

    before: Schema
    analysed: tuple[Analysed, ...]
    seen: list[Observed]
    after: Schema


class Bench:
    """A server on which cases are played, in a database that is used as long as no case leaves things in it that stay.

    Most cases run in a transaction that is rolled back, so that what they start from is made and read once for all that
    share it. The others leave it to be made anew.
    """

    def __init__(self, server: ScratchServer) -> None:
        self._server = server
        self._open()

    def close(self) -> None:
        """Drop the database, if there is one, and first the subscriptions, which would keep it."""
        self.connection.rollback()
        self._empty()
        self._crowd.close()
        name = self.connection.info.dbname
        self.connection.close()
        self._server.drop_database(name)

    def _open(self) -> None:
        dsn = self._server.create_database()
        self.connection = connect(dsn)
        self._crowd = Crowd(dsn)
        self.observer = Observer(self.connection, self._crowd)
        self._ready: tuple[str, ...] = ()
        self._known: dict[tuple[str, ...], Schema] = {}
        self._base, self._own, self._spoilt = "", frozenset[tuple[str, str]](), False

    def play(self, case: Case) -> Played:
        """Predict a case, run it, and look at what it leaves."""
        before = self._made(case)
        analysed = predict(before, case)
        played = self._rolled_back(case, before, analysed) if case.can_be_undone else None
        return played or self._committed(case, before, analysed)

    def _rolled_back(self, case: Case, before: Schema, analysed: tuple[Analysed, ...]) -> Played | None:
        """Play a case in a transaction; None where it may not run in one."""
        self._send("BEGIN")
        try:
            seen = self._one_after_the_other([a.statement for a in analysed])
            if seen[-1].sqlstate == IN_A_BLOCK and len(analysed) == 1:
                return None
            after = before if seen[-1].effect.fails else read_schema(self.connection)
        finally:
            self._send("ROLLBACK")
            self._forget_names(case)
        return Played(before, analysed, seen, after)

    def _committed(self, case: Case, before: Schema, analysed: tuple[Analysed, ...]) -> Played:
        """Play a case to its end; several statements are one transaction."""
        self._ready = ()
        if len(analysed) > 1:
            self._send("BEGIN")
        seen = self._one_after_the_other([a.statement for a in analysed], wrap=not case.alone)
        if len(analysed) > 1:
            self._send("COMMIT")
        self._forget_names(case)
        after = read_schema(self.connection)
        self._spoilt |= _beyond_schemas(after) != _beyond_schemas(before)
        return Played(before, analysed, seen, after)

    def _forget_names(self, case: Case) -> None:
        """Drop what a case prepared and the cursors that it left, which outlive its transaction."""
        if not re.search("PREPARE|HOLD", case.sql):
            return
        for (text,) in self.connection.execute(_LEFT_BY_NAME).fetchall():
            self._send(text)

    def _made(self, case: Case) -> Schema:
        """See that there is what the case starts from, and give it; what the same scripts make is the same again."""
        if self._ready != case.made_by:
            self._clear(case.base)
            for text in (case.base, *case.setup, case.session):
                self._send(text)
            if case.interrupted:
                self._cut_off(case.interrupted)
            if case.made_by not in self._known:
                self._known[case.made_by] = read_schema(self.connection)
            self._ready = case.made_by
            beyond = _beyond_schemas(self._known[case.made_by])
            self._own = self._own or beyond
            self._spoilt |= not beyond <= self._own
        return self._known[case.made_by]

    def _clear(self, base: str) -> None:
        """Empty the schemas; where things stay that the set-up does not see to, turn to another database."""
        self._ready = ()
        if self._spoilt or (base != self._base and len(self._own) > len(_BARE)):
            self.close()
            self._open()
        self._empty()
        if base != self._base:
            self._base, self._own = base, frozenset()

    def _cut_off(self, text: str) -> None:
        """Cancel a statement once it waits for an old reader of everything, so that it stays half done."""
        worker = self.connection.info.backend_pid
        with closing(connect(self.connection.info.dsn)) as reader, ThreadPoolExecutor() as thread:
            reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT 1")
            for name in read_schema(self.connection).tables:
                reader.execute(f"LOCK TABLE ONLY {name} IN ACCESS SHARE MODE".encode())
            run = thread.submit(self._send, text)
            while not run.done() and not reader.execute(_WAITS, [worker]).fetchone():
                wait([run], timeout=0.01)
            reader.execute("SELECT pg_cancel_backend(%s)", [worker])
            assert isinstance(run.exception(), psycopg.errors.QueryCanceled)

    def _empty(self) -> None:
        self._send("RESET ALL; SET TimeZone = 'UTC'")
        for (name,) in self.connection.execute(_SUBSCRIPTIONS).fetchall():
            self.connection.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)".encode())
            self.connection.execute(f"DROP SUBSCRIPTION {name}".encode())
        self._send(RESET)

    def _send(self, text: str) -> None:
        """Run a script behind psycopg's back: after DROP and ROLLBACK it would prepare all that reads the catalog anew.

        What it must know of, because it changes what is prepared or moves data, goes the usual way.
        """
        if re.match("COPY|DISCARD|(?s:.*)DEALLOCATE ALL", text):
            self.connection.execute(text.encode())
            return
        result = self.connection.pgconn.exec_(text.encode())
        if result.error_message:
            raise psycopg.errors.error_from_result(result)

    def _one_after_the_other(self, statements: Sequence[Statement], *, wrap: bool = True) -> list[Observed]:
        """Run statements up to the first error."""
        seen: list[Observed] = []
        for statement in statements:
            seen.append(self._watched(statement, wrap=wrap))
            if seen[-1].effect.fails is not None:
                break
        return seen

    def _watched(self, statement: Statement, *, wrap: bool = True) -> Observed:
        seen = self.observer.watch(lambda: self._send(statement.text), wrap=wrap)
        if seen.effect.fails is None and self.connection.info.transaction_status is TransactionStatus.INTRANS:
            try:
                self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            except psycopg.Error as error:
                return Observed(Effect(fails=str(error)), sqlstate=error.sqlstate)
        return seen


def _beyond_schemas(schema: Schema) -> frozenset[tuple[str, str]]:
    """Give the kinds and names of what is in no schema that is emptied between cases."""
    things = {(kind, str(name)) for kind, name in schema.things if name.schema is None and str(name) != "other"}
    return frozenset(things | {("publication", name) for name in schema.publications})


def schema_left(schema: Schema, analysed: Sequence[Analysed]) -> Schema:
    """Give the schema after the case; a transaction that fails leaves what was before."""
    return schema if any(a.effect.fails for a in analysed) else analysed[-1].after


def catalog_differences(expected: Schema, live: Schema) -> list[str]:
    """Compare the evolved schema with the one read back, part by part.

    Where a statement brings tables that nobody could foresee, the evolved schema says that it is not complete.
    """
    if not expected.complete:
        live = replace(live, tables={n: t for n, t in live.tables.items() if n in expected.tables})
    lines = list(differences(expected, live))
    same = fingerprint(expected, expected.tables) == fingerprint(live, expected.tables)
    drift = diff(expected, live)
    if same != (not [line for line in drift if not line.startswith("+ table")]):
        lines.append("fingerprint and diff disagree")
    for name in set(expected.views) & set(live.views):
        one, two = expected.views[name], live.views[name]
        if not two.columns <= one.columns:
            lines.append(f"view {name}: {one}, server: {two}")
    return lines
