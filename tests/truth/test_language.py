"""How much of the language is covered: the grammar's own lists, against what the catalogue of statements shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from postgast import PgQueryError, parse
from postgast import pg_query_pb2 as pb

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Schema, Table, TypeName
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script
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

ALSO_UNKNOWN = [
    "DO LANGUAGE plperl 'anything'",
    "DO $$ BEGIN EXECUTE something(); END $$",
    "CALL unseen()",
    "SELECT unseen()",
    "DROP EXTENSION unseen CASCADE",
    "DROP TYPE unseen CASCADE",
    "DROP FUNCTION unseen() CASCADE",
    "ALTER DOMAIN unseen ADD CHECK (VALUE > 0)",
    "DROP OWNED BY somebody",
    "REASSIGN OWNED BY somebody TO another",
    "VACUUM",
    "ANALYZE",
    "CLUSTER",
    "REINDEX SCHEMA public",
    "ALTER TABLE ALL IN TABLESPACE one SET TABLESPACE another",
    "COMMIT PREPARED 'x'",
]
"""Statements of a kind that is known, which may do anything to what nobody has described."""


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


@pytest.mark.parametrize("sql", ALSO_UNKNOWN)
def test_what_may_do_anything_is_unknown(sql: str) -> None:
    (analysed,) = analyse(parse_script(Source("case.sql", sql)), Schema())
    assert analysed.effect.unknown
    assert analysed.effect.grows_with_size


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
