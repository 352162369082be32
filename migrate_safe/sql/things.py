"""What calls rest on and no room looks into: operators, casts, languages, text search, collations, event triggers.

A thing's name holds all by which it is told apart: `===(integer,integer)`, `int_ops using btree`, `integer as text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Thing
from migrate_safe.model.statement import AlterThing, CreateThing, DropThings
from migrate_safe.model.values import replace
from migrate_safe.sql.names import dotted, option_text, options, strings
from migrate_safe.sql.tree import inner, kind_of
from migrate_safe.sql.typenames import type_of

THINGS = {
    pb.OBJECT_ACCESS_METHOD: "access method",
    pb.OBJECT_CAST: "cast",
    pb.OBJECT_COLLATION: "collation",
    pb.OBJECT_CONVERSION: "conversion",
    pb.OBJECT_EVENT_TRIGGER: "event trigger",
    pb.OBJECT_LANGUAGE: "language",
    pb.OBJECT_OPCLASS: "operator class",
    pb.OBJECT_OPERATOR: "operator",
    pb.OBJECT_OPFAMILY: "operator family",
    pb.OBJECT_TRANSFORM: "transform",
    pb.OBJECT_TSCONFIGURATION: "text search configuration",
    pb.OBJECT_TSDICTIONARY: "text search dictionary",
    pb.OBJECT_TSPARSER: "text search parser",
    pb.OBJECT_TSTEMPLATE: "text search template",
}
_CONTEXTS = {pb.COERCION_IMPLICIT: "implicit", pb.COERCION_ASSIGNMENT: "assignment", pb.COERCION_EXPLICIT: "explicit"}
_CREATED = frozenset(
    """
    CreateAmStmt CreateCastStmt CreateConversionStmt CreateEventTrigStmt CreateOpClassStmt CreateOpFamilyStmt
    CreatePLangStmt CreateTransformStmt
    """.split()
)
_ALTERED = frozenset(
    """
    AlterCollationStmt AlterEventTrigStmt AlterOpFamilyStmt AlterOperatorStmt AlterTSConfigurationStmt
    AlterTSDictionaryStmt
    """.split()
)
Facts = tuple[tuple[str, str], ...]


def thing(node: Any) -> CreateThing | AlterThing | DropThings | None:
    """Read any statement about a thing; None for those about something else."""
    match kind_of(node):
        case "DefineStmt" if node.kind in THINGS:
            return _define(node)
        case kind if kind in _CREATED:
            return CreateThing(_created(node), "replace" in node.DESCRIPTOR.fields_by_name and node.replace)
        case kind if kind in _ALTERED:
            return _altered(node)
        case "DropStmt" if node.remove_type in THINGS:
            names = tuple(_name(node.remove_type, item) for item in node.objects)
            return DropThings(THINGS[node.remove_type], names, node.missing_ok, node.behavior == pb.DROP_CASCADE)
        case "RenameStmt" if node.rename_type in THINGS:
            return AlterThing(THINGS[node.rename_type], _name(node.rename_type, node.object), to=node.newname)
        case "AlterObjectSchemaStmt" if node.object_type in THINGS:
            return AlterThing(THINGS[node.object_type], _name(node.object_type, node.object), schema=node.newschema)
        case _:
            return None


def _name(kind: int, node: Any) -> Name:
    """Read the name of a thing that a statement points at."""
    target = inner(node)
    match kind:
        case pb.OBJECT_OPERATOR:
            return _operator(dotted(target.objname), [_type(inner(item)) for item in target.objargs])
        case pb.OBJECT_OPCLASS | pb.OBJECT_OPFAMILY:
            method, *path = strings(target.items)
            return Name(path[-2] if len(path) > 1 else None, f"{path[-1]} using {method}")
        case pb.OBJECT_CAST:
            source, to = (_type(inner(item)) for item in target.items)
            return Name(None, f"{source} as {to}")
        case pb.OBJECT_TRANSFORM:
            return Name(None, f"{_type(inner(target.items[0]))} language {inner(target.items[1]).sval}")
        case _:
            return dotted(target.items) if kind_of(target) == "List" else Name(None, target.sval)


def _operator(name: Name, arguments: list[str]) -> Name:
    return Name(name.schema, f"{name.name}({','.join(arguments)})")


def _type(node: Any) -> str:
    """Write a type without its schema; the missing side of a prefix operator is NONE."""
    return str(replace(type_of(node), schema=None, modifiers=())) if kind_of(node) == "TypeName" else "NONE"


def _define(node: Any) -> CreateThing:
    given = options(node.definition)
    kind, name = THINGS[node.kind], dotted(node.defnames)
    match node.kind:
        case pb.OBJECT_OPERATOR:
            sides = [_type(inner(given[s].arg)) if s in given else "NONE" for s in ("leftarg", "rightarg")]
            name = _operator(name, sides)
            given["function"] = given.get("function") or given["procedure"]
            facts = _texts(given, "function", "restrict", "join")
        case pb.OBJECT_COLLATION:
            facts = _collation(given)
        case pb.OBJECT_TSCONFIGURATION:
            facts = _texts(given, "parser") or (("copy", option_text(given["copy"])),)
        case pb.OBJECT_TSDICTIONARY:
            facts = _dictionary(given)
        case pb.OBJECT_TSPARSER:
            facts = _texts(given, "start", "gettoken", "end", "lextypes", "headline")
        case _:
            facts = _texts(given, "init", "lexize")
    return CreateThing(Thing(kind, name, facts), if_not_exists=node.if_not_exists)


def _texts(given: Mapping[str, Any], *words: str) -> Facts:
    """Give the facts of some options; one that is NONE is not there."""
    found = [(word, option_text(given[word])) for word in words if word in given]
    return tuple(sorted((word, text) for word, text in found if text and text.lower() != "none"))


def _collation(given: Mapping[str, Any]) -> Facts:
    if "from" in given:
        return (("from", option_text(given["from"])),)
    provider = option_text(given["provider"]).lower() if "provider" in given else "libc"
    deterministic = option_text(given["deterministic"]).lower() if "deterministic" in given else "true"
    return (("deterministic", "false" if deterministic in ("false", "off", "0") else "true"), ("provider", provider))


def _dictionary(given: Mapping[str, Any]) -> Facts:
    set_here = [(f"option {word}", option_text(e)) for word, e in given.items() if word != "template"]
    return tuple(sorted([("template", option_text(given["template"])), *set_here]))


def _created(node: Any) -> Thing:
    match kind_of(node):
        case "CreateAmStmt":
            type_word = {"i": "index", "t": "table"}.get(node.amtype, node.amtype)
            facts: Facts = (("handler", str(dotted(node.handler_name))), ("type", type_word))
            return Thing("access method", Name(None, node.amname), facts)
        case "CreateCastStmt":
            return _cast(node)
        case "CreateConversionStmt":
            ends = (("from", node.for_encoding_name.upper()), ("to", node.to_encoding_name.upper()))
            default = "true" if getattr(node, "def") else "false"
            facts = (("default", default), *ends, ("function", str(dotted(node.func_name))))
            return Thing("conversion", dotted(node.conversion_name), tuple(sorted(facts)))
        case "CreateEventTrigStmt":
            return _event_trigger(node)
        case "CreateOpClassStmt":
            return _operator_class(node)
        case "CreateOpFamilyStmt":
            family = dotted(node.opfamilyname)
            return Thing("operator family", Name(family.schema, f"{family.name} using {node.amname}"))
        case "CreatePLangStmt":
            named = {"handler": node.plhandler, "inline": node.plinline, "validator": node.plvalidator}
            functions = [(word, str(dotted(parts))) for word, parts in named.items() if parts]
            facts = (*functions, ("trusted", "true" if node.pltrusted else "false"))
            return Thing("language", Name(None, node.plname), tuple(sorted(facts)))
        case _:
            named = {"from": node.fromsql, "to": node.tosql}
            facts = tuple((word, str(dotted(each.objname))) for word, each in named.items() if each.objname)
            return Thing("transform", Name(None, f"{_type(node.type_name)} language {node.lang}"), facts)


def _cast(node: Any) -> Thing:
    function = str(dotted(node.func.objname)) if node.HasField("func") else ""
    method = "function" if function else "inout" if node.inout else "binary"
    facts = [("context", _CONTEXTS[node.context]), ("method", method)]
    facts += [("function", function)] if function else []
    return Thing("cast", Name(None, f"{_type(node.sourcetype)} as {_type(node.targettype)}"), tuple(sorted(facts)))


def _event_trigger(node: Any) -> Thing:
    tags = [s for item in node.whenclause for s in strings(inner(item.def_elem.arg).items)]
    facts = [("enabled", "O"), ("event", node.eventname), ("function", str(dotted(node.funcname)))]
    facts += [("tags", ", ".join(sorted(t.upper() for t in tags)))] if tags else []
    return Thing("event trigger", Name(None, node.trigname), tuple(facts))


def _operator_class(node: Any) -> Thing:
    name, family = dotted(node.opclassname), dotted(node.opfamilyname)
    facts = [("default", "true" if node.is_default else "false"), ("type", _type(node.datatype))]
    facts += [("family", f"{family} using {node.amname}")] if family.name else []
    return Thing("operator class", Name(name.schema, f"{name.name} using {node.amname}"), tuple(sorted(facts)))


def _altered(node: Any) -> AlterThing:
    match kind_of(node):
        case "AlterEventTrigStmt":
            return AlterThing("event trigger", Name(None, node.trigname), facts=(("enabled", node.tgenabled),))
        case "AlterOperatorStmt":
            given = options(node.options)
            functions = ("restrict", "join")
            facts = tuple((w, "" if _is_none(given[w]) else option_text(given[w])) for w in functions if w in given)
            return AlterThing("operator", _altered_operator(node.opername), facts=facts)
        case "AlterTSDictionaryStmt":
            given = options(node.options)
            facts = tuple((f"option {word}", option_text(element)) for word, element in given.items())
            return AlterThing("text search dictionary", dotted(node.dictname), facts=facts)
        case "AlterTSConfigurationStmt":
            return AlterThing("text search configuration", dotted(node.cfgname))
        case "AlterCollationStmt":
            return AlterThing("collation", dotted(node.collname))
        case _:
            family = dotted(node.opfamilyname)
            return AlterThing("operator family", Name(family.schema, f"{family.name} using {node.amname}"))


def _is_none(element: Any) -> bool:
    return option_text(element).lower() in ("", "none")


def _altered_operator(node: Any) -> Name:
    return _operator(dotted(node.objname), [_type(inner(item)) for item in node.objargs])
