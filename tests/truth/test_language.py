"""How much of the language is covered: the grammar's own lists, against what the catalogue of statements shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from postgast import PgQueryError, parse
from postgast import pg_query_pb2 as pb

import migrate_safe
from migrate_safe.effects.analyse import analyse
from migrate_safe.effects.combine import Scene
from migrate_safe.effects.effect import effect_in
from migrate_safe.effects.unknown import Unknown
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Schema, Table, TypeName
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Unread
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script, parse_statements
from tests.truth.run import all_cases
from tests.truth.test_transactions import ALLOWED, FORBIDDEN

INNER = {"PLAssignStmt", "RawStmt", "ReplicaIdentityStmt", "ReturnStmt", "SetOperationStmt"}
"""Parts of other statements: no text is one of these."""

MADE_BY_THE_SERVER = {
    "ALTER_TABLE_TYPE_UNDEFINED",
    "AT_AddColumnToView",
    "AT_AddIndex",
    "AT_AddIndexConstraint",
    "AT_CookedColumnDefault",
    "AT_ReAddComment",
    "AT_ReAddConstraint",
    "AT_ReAddDomainConstraint",
    "AT_ReAddIndex",
    "AT_ReAddStatistics",
    "AT_ReplaceRelOptions",
}
"""What the server makes of other actions while it works: no text asks for it."""

UNKNOWN = {
    "AlterExtensionContentsStmt": "ALTER EXTENSION e ADD TABLE t",
}
"""What is out: statements of which the effect is not known, each with a text."""

_TABLE = "CREATE TABLE t (id int);"
ALSO_UNKNOWN: dict[Unknown, tuple[str, ...]] = {
    Unknown.STATEMENT: ("ALTER EXTENSION e ADD TABLE t",),
    Unknown.NOT_SQL: ("ALTER TABEL t ADD c int",),
    Unknown.UNREAD: (),  # shown below
    Unknown.BLOCK: (
        "DO LANGUAGE plperl 'anything'",
        "DO $$ BEGIN EXECUTE something(); END $$",
        "DO $$ DECLARE t text := name(); BEGIN EXECUTE format('ALTER TABLE %I ADD c int', t); END $$",
    ),
    Unknown.PSQL: (r"\i other.sql",),
    Unknown.FUNCTION: (
        "SELECT unseen()",
        "COPY (SELECT unseen()) TO STDOUT",
        _TABLE + "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC INSERT INTO t VALUES (1) RETURNING id; END; SELECT f()",
    ),
    Unknown.PROCEDURE: ("CALL unseen()",),
    Unknown.RULE: (_TABLE + "CREATE RULE r AS ON DELETE TO t DO ALSO NOTIFY gone; DELETE FROM t",),
    Unknown.PREPARED: ("COMMIT PREPARED 'x'",),
    Unknown.USED: (
        "DROP EXTENSION unseen CASCADE",
        "DROP TYPE unseen CASCADE",
        "DROP FUNCTION unseen() CASCADE",
        "DROP OPERATOR === (int, int) CASCADE",
    ),
    Unknown.DOMAIN: ("ALTER DOMAIN unseen ADD CHECK (VALUE > 0)",),
    Unknown.MANY: ("REINDEX SCHEMA public",),
    Unknown.EVERY: ("VACUUM", "ANALYZE"),
    Unknown.CLUSTERED: ("CLUSTER",),
    Unknown.WRAPPER: ("CREATE FOREIGN TABLE f (id int) SERVER s; ANALYZE f",),
    Unknown.TABLESPACE: ("ALTER TABLE ALL IN TABLESPACE one SET TABLESPACE another",),
    Unknown.OWNED: ("DROP OWNED BY somebody", "REASSIGN OWNED BY somebody TO another"),
    Unknown.DROPPED: (),  # shown below
}
"""Statements of a kind that is known, which may do anything to what nobody has described: the last of each text."""


def test_every_statement_of_the_grammar_is_shown_or_counted() -> None:
    fields = pb.Node.DESCRIPTOR.fields
    grammar = {f.message_type.name for f in fields if f.message_type and f.message_type.name.endswith("Stmt")}
    assert grammar - {_kind(node) for node in _shown()} == INNER | set(UNKNOWN)


def test_every_action_of_alter_table_is_shown() -> None:
    shown = {
        pb.AlterTableType.Name(command.alter_table_cmd.subtype)
        for node in _shown()
        if _kind(node) == "AlterTableStmt"
        for command in node.cmds
    }
    assert set(pb.AlterTableType.keys()) - shown == MADE_BY_THE_SERVER


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_is_out_is_unknown_and_the_worst_case(kind: str) -> None:
    table = Table(Name("public", "t"), (Column("id", TypeName(None, "int4")),))
    schema = Schema(tables={table.name: table})
    (analysed,) = analyse(parse_script(Source("case.sql", UNKNOWN[kind])), schema)
    assert [_kind(node) for node in _nodes(UNKNOWN[kind])] == [kind]
    assert analysed.effect.unknown
    if " t" in UNKNOWN[kind]:
        assert Lock(table.name, LockMode.ACCESS_EXCLUSIVE) in analysed.effect.locks
        assert table.name in analysed.effect.rewrites


@pytest.mark.parametrize(("why", "sql"), [(why, sql) for why, found in ALSO_UNKNOWN.items() for sql in found])
def test_what_may_do_anything_is_unknown(why: Unknown, sql: str) -> None:
    *_, analysed = analyse(parse_script(Source("case.sql", sql)), Schema())
    assert _is_because_of(why, analysed.effect.unknown)
    assert analysed.effect.grows_with_size


def test_dropping_all_that_somebody_owns_is_unknown() -> None:
    table = Table(Name("public", "t"), owner="somebody")
    schema = Schema(tables={table.name: table}, complete=True)
    (analysed,) = analyse(parse_script(Source("case.sql", "DROP OWNED BY somebody")), schema)
    assert _is_because_of(Unknown.DROPPED, analysed.effect.unknown)


def test_what_was_not_read_is_unknown() -> None:
    effect = effect_in(Scene(Schema()), replace(parse_statements("SELECT 1")[0], action=Unread("there is too much")))
    assert _is_because_of(Unknown.UNREAD, effect.unknown)


def _is_because_of(why: Unknown, reason: str | None) -> bool:
    parts = re.split(r"\{.*?\}", why)
    return reason is not None and re.fullmatch(".+".join(map(re.escape, parts)), reason) is not None


def test_no_other_reason_is_given_for_what_is_unknown() -> None:
    assert list(ALSO_UNKNOWN) == list(Unknown)
    rooms = [f for room in ("effects", "rulebook") for f in (Path(migrate_safe.__file__).parent / room).glob("*.py")]
    calls = [n for f in rooms for n in ast.walk(ast.parse(f.read_text())) if isinstance(n, ast.Call)]
    named = [k.value for call in calls for k in call.keywords if k.arg == "unknown"]
    worst = [call.args[1] for call in calls if getattr(call.func, "id", "") == "worst_case"]
    assert worst
    texts = [n for n in (*named, *worst) if isinstance(n, ast.JoinedStr) or isinstance(getattr(n, "value", None), str)]
    assert not [ast.unparse(n) for n in texts]


def _shown() -> Iterator[Any]:
    """Give the statements that servers have run: those of the catalogue, and those about transaction blocks."""
    for sql in (*(case.sql for case in all_cases()), *(sql for sql, _ in (*FORBIDDEN, *ALLOWED))):
        yield from _nodes(sql)


def _nodes(sql: str) -> Iterable[Any]:
    try:
        statements = parse(sql).stmts
    except PgQueryError:  # a case of what this parser does not take
        return []
    return [getattr(s.stmt, s.stmt.WhichOneof("node")) for s in statements]


def _kind(node: Any) -> str:
    return str(node.DESCRIPTOR.name)
