"""The life that every recipe must go through on a real server, with both app versions at work between all steps.

A recipe's test gives cases as SQL; what is done with them here no recipe can opt out of: forward and back from every
position, again to the end, contract taken back with what the new app wrote meanwhile, contract again, purge; the end
equal to the plain migration's, the start equal to what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from difflib import unified_diff
from typing import Any

import psycopg
from msgspec import Struct, field

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.diff import diff
from migrate_safe.model.plan import (
    Backfill,
    BuildIndex,
    DropIndexConcurrently,
    Phase,
    Plan,
    PlanSource,
    Sql,
    Step,
    Verify,
    Work,
    markers,
)
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.planner.build import build_plan
from migrate_safe.planner.codec import from_yaml, to_yaml
from migrate_safe.sql.parse import parse_script
from tests.support.pg import PgTools, SchemaDump

Connection = psycopg.Connection[Any]

OBSERVED = """
SELECT n.nspname, c.relname, max(array_position(ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock',
    'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'], l.mode))
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND c.relkind IN ('r', 'p', 'v', 'm')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'migrate_safe')
GROUP BY 1, 2
"""


class Case(Struct, frozen=True):
    """A database, a migration, and what each app version sends: statements with `%(n)s` for a number of their own.

    `seen_by_old` and `seen_by_new` are queries that must tell the same at every moment at which both may be asked;
    empty where the versions see different things. Writers say `RETURNING key, value` of what `seen_by_*` shows.
    """

    name: str
    before: str
    migration: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    seen_by_old: str = ""
    seen_by_new: str = ""
    expected_phases: tuple[str, ...] = ("expand", "migrate", "contract", "purge")
    left: str = ""
    """What the way back to the start leaves for ever, as SQL: a value of an enum."""

    def __str__(self) -> str:
        return self.name


def alike(before: str, write: tuple[str, ...], seen: str) -> Callable[..., Case]:
    """Give what makes a case of a name, a migration and its phases, where both versions write and see the same."""

    def case(name: str, migration: str, *phases: str) -> Case:
        return Case(name, before, migration, write, write, seen, seen, expected_phases=phases)

    return case


class Refusal(AssertionError):
    """A requirement or verification did not hold."""


class Life(Struct):
    """One database on its way through a plan. `position` counts the steps done."""

    case: Case
    dsn: str
    owner: Connection
    apps: dict[str, Connection]
    plan: Plan
    position: int = 0
    number: int = 0
    written: dict[Any, Any] = field(default_factory=dict)

    # ---- apps ----

    def use(self, *versions: str) -> None:
        """Let app versions send all they send, on connections that stay open with their prepared statements."""
        for version in versions:
            for text in self.case.old if version == "old" else self.case.new:
                self.number += 1
                cursor = self.apps[version].execute(text, {"n": self.number}, prepare=True)
                if cursor.description and "RETURNING" in text.upper():
                    self.written.update({row[0]: row[1:] for row in cursor.fetchall()})
        self.look(*versions)

    def look(self, *versions: str) -> None:
        """Hold what each version sees to what was written."""
        for version in versions:
            query = self.case.seen_by_old if version == "old" else self.case.seen_by_new
            if query:
                rows = {row[0]: row[1:] for row in self.apps[version].execute(query, prepare=True)}
                wrong = {k: (rows.get(k), v) for k, v in self.written.items() if rows.get(k) != v}
                assert not wrong, f"{version} sees {wrong} (seen, written) at {self.where()}"

    def where(self) -> str:
        return self.plan.steps[self.position - 1].id if self.position else "baseline"

    # ---- the plan ----

    def forward(self, to: int) -> Iterator[Step]:
        while self.position < to:
            step = self.plan.steps[self.position]
            self.do(step.work, step.id)
            self.position += 1
            yield step

    def back(self, to: int) -> Iterator[Step]:
        while self.position > to:
            step = self.plan.steps[self.position - 1]
            assert step.undo is not None
            self.do(step.undo, f"undo of {step.id}")
            self.position -= 1 + len(step.takes_back)
            yield step

    def do(self, work: Work, what: str) -> None:
        try:
            match work:
                case Sql():
                    self.transact(work)
                case BuildIndex(statement=statement):
                    self.owner.execute(statement.encode())
                case DropIndexConcurrently(index=index):
                    self.owner.execute(f"DROP INDEX CONCURRENTLY {index}".encode())
                case Backfill(table=table, assign=assign, unset=unset):
                    pairs = ", ".join(f'"{c}" = {e}' for c, e in ((c.replace('"', '""'), e) for c, e in assign))
                    with self.owner.transaction():
                        for marker in markers(work):
                            self.owner.execute(marker.encode())
                        self.owner.execute(f"UPDATE {table} SET {pairs} WHERE {unset}".encode())
                case Verify(table=table, holds=holds, message=message):
                    query = f"SELECT * FROM {table} WHERE ({holds}) IS NOT TRUE LIMIT 3"
                    if found := self.owner.execute(query.encode()).fetchall():
                        raise Refusal(f"{message}: {found}")
        except psycopg.Error as error:
            raise AssertionError(f"{what} failed: {error}") from error

    def transact(self, work: Sql) -> None:
        for requirement in work.require:
            if found := self.owner.execute(requirement.query.encode()).fetchall():
                raise Refusal(f"{requirement.message}: {found}")
        known = {(t.name.schema, t.name.name) for t in read_schema(self.owner).tables.values()}
        declared = {(x.relation.schema, x.relation.name): int(x.mode) for x in work.locks}
        with self.owner.transaction():
            for statement in work.statements:
                self.owner.execute(statement.encode())
            observed = {(s, r): m for s, r, m in self.owner.execute(OBSERVED) if (s, r) in known and m > 1}
        too_strong = {k: m for k, m in observed.items() if m > declared.get(k, 0)}
        assert not too_strong, f"takes locks {too_strong}, declares {declared}: {work.statements}"


def plan_of(case: Case, schema: Schema) -> Plan:
    script = parse_script(Source(f"{case.name}.sql", case.migration))
    plan = build_plan(script, schema, name=case.name, source=PlanSource(f"{case.name}.sql", "0" * 64))
    assert from_yaml(to_yaml(plan), "plan.yaml") == plan
    return plan


@contextmanager
def life(case: Case, dsn: str) -> Iterator[Life]:
    """Set up the database of a case, plan its migration on what the server says, and connect the apps."""
    with ExitStack() as stack:

        def connected() -> Connection:
            return stack.enter_context(psycopg.connect(dsn, autocommit=True))

        owner = connected()
        owner.execute("CREATE SCHEMA migrate_safe")
        owner.execute(case.before.encode())
        plan = plan_of(case, read_schema(owner))
        yield Life(case, dsn, owner, {"old": connected(), "new": connected()}, plan)


def live(case: Case, server: ScratchServer, dsn: str) -> Plan:
    """Lead a case through its whole life."""
    tools = PgTools.of(server)
    with life(case, dsn) as it:
        start, start_dump = read_schema(it.owner), tools.dump_schema(dsn)
        phases = tuple(dict.fromkeys(s.phase.value for s in it.plan.steps))
        assert phases == case.expected_phases, [s.id for s in it.plan.steps]
        it.use("old")
        coexist, committed = it.plan.end_of(Phase.MIGRATE), it.plan.end_of(Phase.CONTRACT)

        there_and_back(it, coexist, start)
        wanted = plain_end(replace(case, migration=case.left), server, tools) if case.left else start_dump
        assert tools.dump_schema(dsn).text == wanted.text
        for _ in it.forward(coexist):
            it.use("old")
        it.use("new", "old", "new")
        both = read_schema(it.owner)
        contract_and_back(it, coexist, committed, both)
        it.use("old", "new", "old")

        for _ in it.forward(committed):
            it.use("new")
        for _ in it.forward(len(it.plan.steps)):
            it.use("new")
        assert_same(tools.dump_schema(dsn), plain_end(case, server, tools))
        left = it.owner.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'migrate_safe'::regnamespace")
        assert left.fetchall() == []
        return it.plan


def there_and_back(it: Life, top: int, start: Schema) -> None:
    """From every position below the new app's start, go back to the beginning; the old app never notices."""
    for turn in range(1, top + 1):
        for _ in it.forward(turn):
            it.use("old")
        for _ in it.back(0):
            it.use("old")
        assert diff(start, read_schema(it.owner)) == (), f"after going back from step {turn}"


def contract_and_back(it: Life, coexist: int, committed: int, both: Schema) -> None:
    """From every position of contract, take it back with what the new app wrote, then let both apps work."""
    for turn in range(coexist + 1, committed + 1):
        for _ in it.forward(turn):
            it.use("new")
        for _ in it.back(coexist):
            it.use("new")
        if it.position < coexist:
            for _ in it.forward(coexist):
                it.use("new")
        assert diff(both, read_schema(it.owner)) == (), f"after taking contract back from step {turn}"
        it.use("old", "new")


def plain_end(case: Case, server: ScratchServer, tools: PgTools) -> SchemaDump:
    """Run the plain migration on a database of its own and dump what it leaves."""
    dsn = server.create_database()
    try:
        tools.psql(dsn, case.before)
        tools.psql(dsn, case.migration)
        return tools.dump_schema(dsn)
    finally:
        server.drop_database(dsn)


def assert_same(got: SchemaDump, wanted: SchemaDump) -> None:
    """Hold two dumps to be equal, the order of columns and of the grants that follow it apart."""
    lines = list(unified_diff(_lines(wanted), _lines(got), "plain", "planned", n=1, lineterm=""))
    assert not lines, "\n".join(lines)
    assert {t: sorted(c) for t, c in got.columns.items()} == {t: sorted(c) for t, c in wanted.columns.items()}


def _lines(dump: SchemaDump) -> list[str]:
    lines = dump.text.split("\n")
    grants = [line for line in lines if line.startswith("GRANT ")]
    return [line for line in lines if not line.startswith("GRANT ")] + sorted(grants)
