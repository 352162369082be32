"""What a PL/pgSQL body executes, in the order of its text.

https://www.postgresql.org/docs/current/plpgsql-statements.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from postgast import PgQueryError, parse_plpgsql

from migrate_safe.sql.tree import Unreadable, kind_of, parse_tree


class ItemKind(StrEnum):
    """How a piece of SQL stands in a body."""

    STATEMENT = "statement"
    """As it is."""
    PERFORM = "perform"
    """Behind PERFORM, which the parser has made SELECT."""
    EXPRESSION = "expression"
    """A condition, an argument, a default, the right side of an assignment."""
    DYNAMIC = "dynamic"
    """An expression whose value is run by EXECUTE."""
    CONTROL = "control"
    """COMMIT or ROLLBACK."""


class Item(Struct, frozen=True):
    """A piece of SQL in a body; `line` counts from 1 within the body, 0 where unknown."""

    kind: ItemKind
    sql: str
    line: int


class Body(Struct, frozen=True):
    """A body's pieces of SQL. `conditional` says that it has conditions, loops or exception handlers.

    `constants` are the variables that keep the value of their declaration, with the SQL of that. `raises` is the error
    that its last statement raises, should it be reached. What stands behind RETURN or an error is left out.
    """

    items: tuple[Item, ...]
    conditional: bool
    raises: str | None = None
    constants: Mapping[str, str] = field(default_factory=dict)


_DYNAMIC = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"})
_STATEMENTS = frozenset({"sqlstmt", "cursor_explicit_expr"})
_QUERY_OWNERS = frozenset({"PLpgSQL_stmt_fors", "PLpgSQL_stmt_open", "PLpgSQL_stmt_return_query"})
_CONTROL = {"PLpgSQL_stmt_commit": "COMMIT", "PLpgSQL_stmt_rollback": "ROLLBACK"}
# What stands behind the rest of its statement in the text, but before it in the tree.
_BODIES = frozenset({"body", "exceptions"})
_CONDITIONAL = frozenset(
    f"PLpgSQL_{name}"
    for name in (
        *("stmt_if", "stmt_case", "stmt_loop", "stmt_while", "stmt_fori", "stmt_fors", "stmt_forc"),
        *("stmt_foreach_a", "stmt_dynfors", "exception_block"),
    )
)
_ERROR = 21
"""The level of RAISE EXCEPTION."""
_ASSIGNMENT_MODES = frozenset({3, 4, 5})


def body_of(statement: str) -> Body:
    """Read a DO statement's body; raise Unreadable with the reason when it does not parse."""
    try:
        parsed = parse_plpgsql(statement)
    except PgQueryError as error:
        raise Unreadable(error.message) from None
    except (ValueError, RecursionError):
        raise Unreadable("the parser gives no readable tree of the body") from None
    parsed = _reached(parsed)
    raised = (_raised(top["PLpgSQL_function"]["action"]) for top in parsed if "PLpgSQL_function" in top)
    return Body(tuple(_items(parsed)), _is_conditional(parsed), next(raised, None), _constants(parsed))


def _reached(value: Any) -> Any:
    """Give the tree without the statements that stand behind one which leaves their list."""
    if isinstance(value, dict):
        return {key: _reached(below) for key, below in value.items()}
    if not isinstance(value, list):
        return value
    ends = next((n for n, item in enumerate(value) if isinstance(item, dict) and _leaves(item)), len(value))
    return [_reached(item) for item in value[: ends + 1]]


def _leaves(statement: Mapping[str, Any]) -> bool:
    exits = statement.get("PLpgSQL_stmt_exit")
    block = statement.get("PLpgSQL_stmt_block", {})
    inside = any(map(_leaves, block.get("body", ()))) and not ("exceptions" in block or "label" in block)
    ends = "PLpgSQL_stmt_return" in statement or (exits is not None and "cond" not in exits)
    return inside or ends or _error(statement) is not None


def _error(statement: Mapping[str, Any]) -> str | None:
    """Give the error that a statement surely raises, None where it raises none."""
    raised = statement.get("PLpgSQL_stmt_raise", {})
    if raised.get("elog_level") == _ERROR:
        return f"RAISE {raised.get('message') or raised.get('condname') or ''}".rstrip()
    asserted = statement.get("PLpgSQL_stmt_assert", {}).get("cond", {}).get("PLpgSQL_expr", {})
    return "ASSERT false" if asserted.get("query", "").lower() == "false" else None


def _raised(statement: Mapping[str, Any]) -> str | None:
    """Give the error with which a statement ends, a block by the last one in it; a handler may take it."""
    block = statement.get("PLpgSQL_stmt_block")
    if block is None:
        return _error(statement)
    body = block.get("body", ())
    return _raised(body[-1]) if body and "exceptions" not in block else None


_KNOWS_NO_TYPES = "VARIADIC parameter must be an array"
"""What the parser says of every VARIADIC parameter, for it takes no type for an array."""


def body_problem(statement: str) -> str | None:
    """Say why the PL/pgSQL body of a CREATE FUNCTION, CREATE PROCEDURE or DO does not compile; None where it does.

    None also for any other statement. Names of tables, columns and types are not looked up.
    """
    try:
        if not {kind_of(tree.node) for tree in parse_tree(statement)} & {"CreateFunctionStmt", "DoStmt"}:
            return None
        parse_plpgsql(statement)
    except Unreadable:
        return None
    except PgQueryError as error:
        return None if error.message == _KNOWS_NO_TYPES else str(error.message)
    except (ValueError, RecursionError):
        return None  # it compiled; what has no readable form is only its tree
    return None


def _constants(parsed: Any) -> dict[str, str]:
    """Give the variables with a value of their own to which nothing is assigned; a name that stands for two is none."""
    datums = [held for top in parsed for function in top.values() for held in function.get("datums", ())]
    assigned = set(_assigned(parsed))
    names = Counter(found.get("refname", "") for held in datums for found in held.values())
    return {
        variable["refname"]: variable["default_val"]["PLpgSQL_expr"]["query"]
        for number, held in enumerate(datums)
        if (variable := held.get("PLpgSQL_var")) and "default_val" in variable
        if number not in assigned and names[variable["refname"]] == 1
    }


def _assigned(parsed: Any) -> Iterator[int]:
    """Give the numbers of the variables that something is assigned to: by `:=`, INTO, FOR or GET DIAGNOSTICS."""
    for part in _dicts(parsed):
        yield from (part[key] for key in ("varno", "target") if isinstance(part.get(key), int))


def _dicts(parsed: Any) -> Iterator[dict[str, Any]]:
    stack = [parsed]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _is_conditional(parsed: Any) -> bool:
    return any(part.keys() & _CONDITIONAL for part in _dicts(parsed))


def _items(parsed: Any) -> Iterator[Item]:
    """Walk the tree; a frame is (key of the value in its owner, name of the owner, its line, the value)."""
    stack: list[tuple[str, str, int, Any]] = [("", "", 0, parsed)]
    while stack:
        key, owner, line, value = stack.pop()
        if isinstance(value, list):
            stack.extend((key, owner, line, item) for item in reversed(value))
        elif isinstance(value, dict):
            if "PLpgSQL_expr" in value:
                yield _item(key, owner, line, value["PLpgSQL_expr"])
                continue
            ordered = sorted(value.items(), key=lambda pair: pair[0] in _BODIES)
            for name, below in reversed(ordered):
                if not name.startswith("PLpgSQL_"):
                    stack.append((name, owner, line, below))
                    continue
                own_line = below.get("lineno", line)
                stack.append((key, name, own_line, below))
            for name in value.keys() & _CONTROL.keys():
                yield Item(ItemKind.CONTROL, _CONTROL[name], value[name].get("lineno", line))


def _item(key: str, owner: str, line: int, expression: Any) -> Item:
    sql = expression["query"]
    mode = expression.get("parseMode", 0)
    if (owner in _DYNAMIC and key == "query") or key == "dynquery":
        return Item(ItemKind.DYNAMIC, sql, line)
    if owner == "PLpgSQL_stmt_perform":
        return Item(ItemKind.PERFORM, sql, line)
    if key in _STATEMENTS or owner == "PLpgSQL_stmt_call" or (owner in _QUERY_OWNERS and key == "query"):
        return Item(ItemKind.STATEMENT, sql, line)
    if mode in _ASSIGNMENT_MODES:
        return Item(ItemKind.EXPRESSION, sql.partition("=")[2].strip(), line)
    return Item(ItemKind.EXPRESSION, sql, line)
