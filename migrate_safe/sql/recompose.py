"""Statements taken apart and written anew through their parse tree: one action of several, names made certain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.sql.names import strings
from migrate_safe.sql.places import characters
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk, write


class Thing(Enum):
    """What an unqualified name stands for."""

    RELATION = "relation"
    TYPE = "type"
    FUNCTION = "function"


Resolve = Callable[[Thing, str], str | None]
"""Gives the schema of an unqualified name, None to leave it as it is."""


def qualified(text: str, resolve: Resolve) -> str:
    """Put schemas before the unqualified relations, types and functions of a statement; the rest stays as written.

    Also inside literals that name a relation: `'s'::regclass`, `nextval('s')`, `pg_get_serial_sequence('t', 'c')`.
    """
    node = _tree(text)
    if kind_of(node) == "CommentStmt":
        return _qualified_comment(text, node, resolve)
    local = {part.ctename for part in walk(node) if kind_of(part) == "CommonTableExpr"}
    places: dict[int, str] = {}
    for part in walk(node):
        found = _unqualified(part)
        if found is None or (found[0] is Thing.RELATION and found[1] in local):
            continue
        schema = resolve(found[0], found[1])
        if schema is not None and part.location >= 0:
            places[characters(text, part.location)] = f"{quote_ident(schema)}."
    for literal in _named_in_text(node):
        at = characters(text, literal.location)
        schema = resolve(Thing.RELATION, _unquoted(literal.sval.sval))
        if schema is not None and text.startswith("'", at):
            places[at + 1] = f"{quote_ident(schema)}.".replace("'", "''")
    for at in sorted(places, reverse=True):
        text = f"{text[:at]}{places[at]}{text[at:]}"
    return text


def one_action(text: str, index: int) -> str:
    """Reduce ALTER TABLE to one of its actions; a statement of one action stays as written."""
    node = _tree(text)
    if len(node.cmds) == 1:
        return text
    kept = pb.AlterTableStmt()
    kept.CopyFrom(node)
    del kept.cmds[:]
    kept.cmds.add().CopyFrom(node.cmds[index])
    return _written(pb.Node(alter_table_stmt=kept), text)


def bare_column(text: str) -> str:
    """Leave out of ALTER TABLE ADD COLUMN what constrains the column, NOT NULL apart, and IF NOT EXISTS."""
    changed = pb.AlterTableStmt()
    changed.CopyFrom(_tree(text))
    command = changed.cmds[0].alter_table_cmd
    column = getattr(command, "def").column_def
    kept = [c for c in column.constraints if c.constraint.contype in _OF_THE_COLUMN]
    if len(kept) == len(column.constraints) and not command.missing_ok:
        return text
    command.missing_ok = False
    del column.constraints[:]
    column.constraints.extend(kept)
    return _written(pb.Node(alter_table_stmt=changed), text)


def without_default(text: str) -> str:
    """Leave DEFAULT and NOT NULL out of ALTER TABLE ADD COLUMN."""
    changed = pb.AlterTableStmt()
    changed.CopyFrom(_tree(text))
    column = getattr(changed.cmds[0].alter_table_cmd, "def").column_def
    kept = [c for c in column.constraints if c.constraint.contype not in {pb.CONSTR_DEFAULT, pb.CONSTR_NOTNULL}]
    del column.constraints[:]
    column.constraints.extend(kept)
    return _written(pb.Node(alter_table_stmt=changed), text)


def index_statement(text: str, name: str, *, concurrently: bool, table: Name | None = None, only: bool = False) -> str:
    """Give CREATE INDEX under a certain name, without IF NOT EXISTS: that would accept a broken leftover.

    The same index on another `table` where one is given; `only` leaves its partitions out.
    """
    changed = pb.IndexStmt()
    changed.CopyFrom(_tree(text))
    changed.idxname = name
    changed.concurrent = concurrently
    changed.if_not_exists = False
    if table is not None:
        changed.relation.schemaname, changed.relation.relname = table.schema or "", table.name
    changed.relation.inh = not only
    return _written(pb.Node(index_stmt=changed), text)


def certainly_created(text: str) -> str:
    """Leave IF NOT EXISTS out of CREATE TABLE or SEQUENCE: what takes it back must not drop one that was there."""
    node = _tree(text)
    if not node.if_not_exists:
        return text
    changed = type(node)()
    changed.CopyFrom(node)
    changed.if_not_exists = False
    field = "create_stmt" if kind_of(node) == "CreateStmt" else "create_seq_stmt"
    return _written(pb.Node(**{field: changed}), text)


def replacing(text: str) -> str:
    """Write CREATE of a view, routine or trigger as CREATE OR REPLACE; the rest stays as written."""
    return _CREATE.sub(r"\1\2 OR REPLACE", text, count=1)


_CREATE = re.compile(r"\A((?:\s|--[^\n]*\n|/\*.*?\*/)*)(CREATE)\b(?!\s+OR\b)", re.IGNORECASE | re.DOTALL)
_OF_THE_COLUMN = frozenset({pb.CONSTR_NOTNULL, pb.CONSTR_NULL, pb.CONSTR_DEFAULT, pb.CONSTR_GENERATED})


def _tree(text: str) -> Any:
    try:
        trees = parse_tree(text)
    except Unreadable as refusal:
        raise UsageError(f"statement cannot be read: {refusal.reason}", next_move="correct it") from refusal
    return trees[0].node


def _written(node: pb.Node, text: str) -> str:
    try:
        return write(node)
    except Unreadable as refusal:
        raise UsageError(f"statement cannot be written anew: {refusal.reason}: {text}") from refusal


def _unqualified(part: Any) -> tuple[Thing, str] | None:
    match kind_of(part):
        case "RangeVar" if not part.schemaname:
            return Thing.RELATION, part.relname
        case "TypeName" if len(words := strings(part.names)) == 1:
            return Thing.TYPE, words[0]
        case "FuncCall" if len(words := strings(part.funcname)) == 1:
            return Thing.FUNCTION, words[0]
        case _:
            return None


_ONE_WORD = re.compile(r'(?:"(?:[^"]|"")+"|[^\s".]+)\Z')
_NAMING = frozenset({"nextval", "currval", "setval", "pg_get_serial_sequence"})


def _named_in_text(node: Any) -> Iterator[Any]:
    """Find the string constants that name a relation by a single word."""
    for part in walk(node):
        match kind_of(part):
            case "TypeCast" if strings(part.type_name.names)[-1:] == ("regclass",):
                literal = inner(part.arg)
            case "FuncCall" if strings(part.funcname)[-1] in _NAMING and part.args:
                literal = inner(part.args[0])
            case _:
                continue
        if kind_of(literal) == "A_Const" and literal.HasField("sval") and _ONE_WORD.match(literal.sval.sval):
            yield literal


def _unquoted(word: str) -> str:
    return word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()


def _qualified_comment(text: str, node: Any, resolve: Resolve) -> str:
    """Comments hold their object as a list of words without places, so that they are written anew."""
    expected = {pb.OBJECT_TABLE: 1, pb.OBJECT_INDEX: 1, pb.OBJECT_COLUMN: 2, pb.OBJECT_TABCONSTRAINT: 2}
    items = inner(node.object).items if node.object.HasField("list") else ()
    words = strings(items)
    if len(words) != expected.get(node.objtype):
        return text
    schema = resolve(Thing.RELATION, words[0])
    if schema is None:
        return text
    changed = pb.CommentStmt()
    changed.CopyFrom(node)
    del changed.object.list.items[:]
    for word in (schema, *words):
        changed.object.list.items.add().string.sval = word
    return _written(pb.Node(comment_stmt=changed), text)


def comment_target(text: str) -> tuple[str, tuple[str, ...]]:
    """Give what COMMENT ON speaks of: the kind (`table`, `column`...) and the words of its name."""
    node = _comment(text)
    items = inner(node.object).items if node.object.HasField("list") else ()
    return pb.ObjectType.Name(node.objtype).removeprefix("OBJECT_").lower(), strings(items)


def comment_of(text: str, comment: str | None) -> str:
    """Give a COMMENT ON of the same object with another text; None takes the comment away."""
    changed = pb.CommentStmt()
    changed.CopyFrom(_comment(text))
    changed.comment = comment or ""
    return _written(pb.Node(comment_stmt=changed), text)


def _comment(text: str) -> Any:
    node = _tree(text)
    if kind_of(node) != "CommentStmt":
        raise UsageError("statement is no COMMENT", next_move="give a COMMENT ON statement")
    return node
