"""Write statements and expressions anew: through the parse tree, or by a word put where the grammar wants it.

Names are never replaced as text: a column `id` also stands inside `paid`, in strings and in types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name
from migrate_safe.sql.expressions import UNWRITTEN, expression_text
from migrate_safe.sql.lexer import BLANK, Kind, Token, tokens
from migrate_safe.sql.names import dotted, name_of, strings
from migrate_safe.sql.parse import parse_expression
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk, write


def rename_columns(expression_sql: str, renames: Mapping[str, str]) -> str:
    """Rename columns in an expression over one table, e.g. a CHECK, an index expression, a predicate.

    Raises UsageError for what is no expression, and for a subquery: its columns may be another table's.
    """
    parse_expression(expression_sql)
    value = parse_tree(f"SELECT {expression_sql}\n")[0].node.target_list[0].res_target.val
    for part in walk(inner(value)):
        if kind_of(part) == "SubLink":
            raise UsageError(f'cannot rename columns in "{expression_sql}": it has a subquery', next_move="rewrite it")
        if kind_of(part) == "ColumnRef" and (names := strings(part.fields)) and names[-1] in renames:
            part.fields[-1].string.sval = renames[names[-1]]
    text = expression_text(value)
    if text == UNWRITTEN:
        raise UsageError("cannot rename columns in an expression nested that deep", next_move="simplify it")
    return text


def with_whole_row(expression_sql: str, table: str) -> str:
    """Write the bare name of a table in an expression as `t.*`."""
    value = parse_tree(f"SELECT {expression_sql}\n")[0].node.target_list[0].res_target.val
    for part in walk(inner(value)):
        if kind_of(part) == "ColumnRef" and strings(part.fields) == (table,):
            part.fields.add().a_star.SetInParent()
    return expression_text(value)


def rename_calls(text: str, old: Name, new: Name, *, query: bool = False) -> str:
    """Let calls of a function in an expression (or a query) follow its new name; text that cannot be read stays."""
    try:
        node = parse_tree(text if query else f"SELECT {text}\n")[0].node
        for part in walk(node):
            if kind_of(part) == "FuncCall" and dotted(part.funcname) in (old, Name(None, old.name)):
                part.funcname[-1].string.sval = new.name
                if len(part.funcname) > 1:
                    part.funcname[-2].string.sval = new.schema or ""
        return write(node) if query else write(node).removeprefix("SELECT ")
    except (Unreadable, IndexError):
        return text


def rename_relation(expression: str, old: Name, new: Name) -> str:
    """Let the subqueries of an expression follow a relation's new name; text that cannot be read stays."""
    try:
        node = parse_tree(f"SELECT {expression}\n")[0].node
        for part in walk(node):
            if kind_of(part) == "RangeVar" and name_of(part) in (old, Name(None, old.name)):
                part.relname, part.schemaname = new.name, new.schema or ""
            if kind_of(part) == "ColumnRef" and strings(part.fields)[:-1] == (old.name,):
                part.fields[0].string.sval = new.name
        return write(node).removeprefix("SELECT ")
    except (Unreadable, IndexError):
        return expression


def rename_in_query(query_sql: str, table: Name, renames: Mapping[str, str]) -> str:
    """Rename columns in a query that reads one table and nothing else; any other query is given back as it is."""
    node = _single(query_sql)
    tables = [part for part in walk(node) if kind_of(part) == "RangeVar"]
    mine = [part for part in tables if (part.schemaname or table.schema, part.relname) == (table.schema, table.name)]
    if kind_of(node) != "SelectStmt" or len(tables) != 1 or not mine:
        return query_sql
    for part in walk(node):
        if kind_of(part) == "ColumnRef" and (names := strings(part.fields)) and names[-1] in renames:
            part.fields[-1].string.sval = renames[names[-1]]
    return write(node)


def reads_column(query_sql: str, table: Name, column: str) -> bool:
    """Say whether a query reads a column of a table, by the names that it writes."""
    parts = list(walk(_single(query_sql)))
    tables = [part for part in parts if kind_of(part) == "RangeVar" and part.relname == table.name]
    mine = {t.alias.aliasname or t.relname for t in tables if (t.schemaname or table.schema) == table.schema}
    names = [strings(part.fields) for part in parts if kind_of(part) == "ColumnRef"]
    return bool(mine) and any(n and n[-1] == column and (len(n) == 1 or n[-2] in mine) for n in names)


def make_concurrent(statement_text: str) -> str:
    """Give the form of a statement that does not block writers: CREATE, DROP or REINDEX ... CONCURRENTLY.

    Also REFRESH MATERIALIZED VIEW and DETACH PARTITION. The user's own text is kept, except that DROP INDEX of
    several names becomes several statements: the server takes one name only. Raises UsageError for any other
    statement, and for DROP INDEX ... CASCADE, which has no such form.
    """
    node = _single(statement_text)
    match kind_of(node):
        case "IndexStmt":
            return statement_text if node.concurrent else _insert_after(statement_text, "index")
        case "DropStmt" if node.remove_type == pb.OBJECT_INDEX:
            return _drop_concurrently(statement_text, node)
        case "ReindexStmt" if node.kind in {pb.REINDEX_OBJECT_INDEX, pb.REINDEX_OBJECT_TABLE}:
            word = "index" if node.kind == pb.REINDEX_OBJECT_INDEX else "table"
            done = any(item.def_elem.defname == "concurrently" for item in node.params)
            return statement_text if done else _insert_after(statement_text, word)
        case "RefreshMatViewStmt":
            return statement_text if node.concurrent else _insert_after(statement_text, "view")
        case "AlterTableStmt" if (detach := _only_detach(node)) is not None:
            return statement_text if detach.concurrent else f"{statement_text} CONCURRENTLY"
        case _:
            raise _no_form(statement_text, "CONCURRENTLY")


def unconditional(statement_text: str) -> str:
    """Give a CREATE statement without its IF NOT EXISTS, else the text as it is."""
    words = [t for t in tokens(statement_text) if t.kind not in BLANK]
    said = [statement_text[t.start : t.end].lower() for t in words[:12]]
    for at in range(len(said) - 3):
        if said[at : at + 3] == ["if", "not", "exists"]:
            return statement_text[: words[at].start] + statement_text[words[at + 3].start :]
    return statement_text


def _single(statement_text: str) -> Any:
    try:
        trees = parse_tree(statement_text)
    except Unreadable as refusal:
        raise UsageError(f'"{statement_text}" is no statement: {refusal.reason}', next_move="correct it") from None
    if len(trees) != 1:
        raise UsageError(f"expected one statement, found {len(trees)}", next_move="give them one by one")
    return trees[0].node


def _no_form(statement_text: str, form: str) -> UsageError:
    return UsageError(f'"{statement_text}" has no {form} form', next_move="look for another safe form")


def _insert_after(text: str, word: str) -> str:
    """Put CONCURRENTLY behind the first word of that kind outside quotes and comments."""
    token = _find(text, lambda t: t.kind is Kind.WORD and text[t.start : t.end].lower() == word)
    return f"{text[: token.end]} CONCURRENTLY{text[token.end :]}"


def _find(text: str, wanted: Callable[[Token], bool]) -> Token:
    return next(token for token in tokens(text) if token.kind not in BLANK and wanted(token))


def _drop_concurrently(text: str, node: Any) -> str:
    if node.concurrent:
        return text
    if node.behavior == pb.DROP_CASCADE:
        raise _no_form(text, "CONCURRENTLY")
    if len(node.objects) == 1:
        return _insert_after(text, "index")
    single = []
    for item in node.objects:
        statement = pb.DropStmt(remove_type=node.remove_type, behavior=node.behavior, missing_ok=node.missing_ok)
        statement.objects.add().CopyFrom(item)
        statement.concurrent = True
        single.append(write(statement))
    return ";\n".join(single)


def _only_detach(node: Any) -> Any:
    """Give the PartitionCmd of an ALTER TABLE that does nothing but DETACH PARTITION."""
    commands = [item.alter_table_cmd for item in node.cmds]
    if len(commands) == 1 and commands[0].subtype == pb.AT_DetachPartition:
        return inner(getattr(commands[0], "def"))
    return None


def with_values(text: str, values: Sequence[str]) -> str:
    """Put expressions in the place of the parameters $1, $2 and so on."""
    parts, last = [], 0
    for token in tokens(text):
        if token.kind is Kind.PARAMETER:
            number = int(text[token.start + 1 : token.end])
            parts += [text[last : token.start], f"({values[number - 1]})"]
            last = token.end
    return "".join([*parts, text[last:]])
