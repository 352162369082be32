"""A captured statement as psql can run it: parameters become the values of a prepared statement."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import postgres, pq, sql
from psycopg.adapt import Transformer

from migrate_safe.adapters.wire import Parameter, Sent
from migrate_safe.model.names import quote_literal


def as_psql(sent: Sent, data: str = "") -> str:
    """Write a statement, the data of its COPY behind it; what no text can say is left out with a word."""
    if not sent.parameters:
        return f"{sent.text};\n{data}"
    try:
        values = ", ".join(_value(p) for p in sent.parameters)
    except ValueError as unknown:
        return "".join(f"-- {line}\n" for line in (f"left out: {unknown}", *sent.text.splitlines()))
    types = ", ".join(_types(sent.parameters))
    return f'PREPARE "~" ({types}) AS {sent.text};\nEXECUTE "~" ({values});\nDEALLOCATE "~";\n'


def _types(parameters: tuple[Parameter, ...]) -> Iterator[str]:
    for parameter in parameters:
        known = postgres.types.get(parameter.type)
        array = "[]" if known is not None and parameter.type == known.array_oid else ""
        yield f"{known.name}{array}" if known is not None else "unknown"


def _value(parameter: Parameter) -> str:
    """Write a value; raises ValueError for a binary one of a type that is not known here."""
    if parameter.value is None:
        return "NULL"
    if not parameter.binary:
        return quote_literal(parameter.value.decode(parameter.encoding, "replace")).lstrip()
    if postgres.types.get(parameter.type) is None:
        raise ValueError("its parameters are binary, of types that are not known here")
    try:
        loaded = Transformer().get_loader(parameter.type, pq.Format.BINARY).load(parameter.value)
        return sql.Literal(loaded).as_string(None)
    except (psycopg.Error, ValueError, IndexError) as error:
        raise ValueError(f"its parameters cannot be read: {error}") from None
