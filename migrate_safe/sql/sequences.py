"""Sequences, and the identity columns that have one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Identity
from migrate_safe.model.statement import (
    AlterSequence,
    ChangeIdentity,
    CreateSequence,
    DropSequence,
    SequenceOptions,
)
from migrate_safe.sql.names import dotted, name_of, option_is_on, option_text, options, strings
from migrate_safe.sql.tree import inner, kind_of
from migrate_safe.sql.typenames import type_of

_ALWAYS = ord("a")


def create_sequence(node: Any) -> CreateSequence:
    """Read a CreateSeqStmt."""
    persistence = node.sequence.relpersistence or "p"
    return CreateSequence(name_of(node.sequence), sequence_options(node.options), node.if_not_exists, persistence)


def alter_sequence(node: Any) -> AlterSequence:
    """Read an AlterSeqStmt."""
    return AlterSequence(name_of(node.sequence), sequence_options(node.options), node.missing_ok)


def drop_sequence(node: Any) -> DropSequence:
    """Read a DropStmt about sequences."""
    names = tuple(dotted(inner(item).items) for item in node.objects)
    return DropSequence(names, node.missing_ok, node.behavior == pb.DROP_CASCADE)


def change_identity(command: Any) -> ChangeIdentity:
    """Read ADD GENERATED ... AS IDENTITY and SET GENERATED, SET START and the like."""
    definition = inner(getattr(command, "def"))
    if kind_of(definition) == "Constraint":
        kind = Identity.ALWAYS if definition.generated_when == "a" else Identity.BY_DEFAULT
        return ChangeIdentity(command.name, True, kind, sequence_options(definition.options))
    given = options(definition.items)
    identity = None
    if "generated" in given:
        identity = Identity.ALWAYS if inner(given["generated"].arg).ival == _ALWAYS else Identity.BY_DEFAULT
    return ChangeIdentity(command.name, False, identity, sequence_options(definition.items))


def sequence_options(nodes: Iterable[Any]) -> SequenceOptions:
    """Read the options of a sequence."""
    given = options(nodes)
    owner = _owner(given["owned_by"]) if "owned_by" in given else None
    persistence = next((word[0] for word in ("logged", "unlogged") if word in given), None)
    return SequenceOptions(
        type=str(type_of(inner(given["as"].arg))) if "as" in given else None,
        start=_number(given, "start"),
        increment=_number(given, "increment"),
        minimum=_number(given, "minvalue"),
        maximum=_number(given, "maxvalue"),
        no_minimum="minvalue" in given and not given["minvalue"].HasField("arg"),
        no_maximum="maxvalue" in given and not given["maxvalue"].HasField("arg"),
        cycle=option_is_on(given, "cycle") if "cycle" in given else None,
        cache=_number(given, "cache"),
        restart="restart" in given,
        restart_at=_number(given, "restart"),
        owner=owner,
        unowned="owned_by" in given and owner is None,
        name=_sequence_name(given),
        persistence={"l": "p", "u": "u"}.get(persistence or ""),
    )


def _number(given: dict[str, Any], word: str) -> int | None:
    text = option_text(given[word]) if word in given else ""
    return int(text) if text.lstrip("-").isdigit() else None


def _sequence_name(given: dict[str, Any]) -> Name | None:
    return dotted(inner(given["sequence_name"].arg).items) if "sequence_name" in given else None


def _owner(element: Any) -> tuple[Name, str] | None:
    """Read OWNED BY [schema.]table.column; OWNED BY NONE is a single word."""
    value = inner(element.arg)
    parts = strings(value.items) if kind_of(value) == "List" else ()
    if len(parts) < 2:
        return None
    return Name(parts[-3] if len(parts) > 2 else None, parts[-2]), parts[-1]
