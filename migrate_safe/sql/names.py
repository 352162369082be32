"""Read names out of parse trees."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from migrate_safe.model.names import Name
from migrate_safe.sql.tree import inner, kind_of


def name_of(relation: Any) -> Name:
    """Give the name of a RangeVar, as written."""
    return Name(relation.schemaname or None, relation.relname)


def strings(nodes: Iterable[Any]) -> tuple[str, ...]:
    """Give the texts of a list of String nodes; other nodes (a star) are left out."""
    return tuple(node.string.sval for node in nodes if node.HasField("string"))


def dotted(nodes: Iterable[Any]) -> Name:
    """Give the name that a list of String nodes spells: `schema.name`, of longer ones the last two parts."""
    parts = strings(nodes)
    if not parts:
        return Name(None, "")
    return Name(parts[-2] if len(parts) > 1 else None, parts[-1])


def object_name(node: Any) -> Name | None:
    """Give the name of an object that DROP, COMMENT, GRANT and the like point at; None where there is none."""
    match kind_of(target := inner(node)):
        case "RangeVar":
            return name_of(target)
        case "List":
            items = [inner(item) for item in target.items]
            typed = next((item for item in items if kind_of(item) == "TypeName"), None)
            return dotted(typed.names) if typed is not None else dotted(target.items)
        case "String":
            return Name(None, target.sval)
        case "TypeName":
            return dotted(target.names)
        case "ObjectWithArgs":
            return dotted(target.objname)
        case "RoleSpec":
            return Name(None, target.rolename)
        case _:
            return None


def options(nodes: Iterable[Any]) -> dict[str, Any]:
    """Give the DefElem nodes of a list by their lower-case names."""
    return {node.def_elem.defname.lower(): node.def_elem for node in nodes if node.HasField("def_elem")}


def option_text(element: Any) -> str:
    """Write the value of a DefElem: the word, number or string that was given; empty for none."""
    if not element.HasField("arg"):
        return ""
    value = inner(element.arg)
    match kind_of(value):
        case "String":
            return str(value.sval)
        case "Integer":
            return str(value.ival)
        case "Float":
            return str(value.fval)
        case "Boolean":
            return "true" if value.boolval else "false"
        case "TypeName":
            return str(dotted(value.names))
        case "List":
            return ".".join(strings(value.items))
        case _:
            return ""


def option_is_on(elements: dict[str, Any], name: str) -> bool:
    """Say whether a boolean option is given and not switched off: `CONCURRENTLY`, `FULL TRUE`."""
    element = elements.get(name)
    return element is not None and option_text(element).lower() not in {"false", "off", "0", "no"}
