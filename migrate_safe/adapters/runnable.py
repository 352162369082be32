"""A captured statement as psql can run it, with the values of its parameters."""

from __future__ import annotations

from typing import Any

import psycopg
from msgspec import Struct, field
from psycopg.pq import ExecStatus

from migrate_safe.adapters.captured import FIRST_OF_USERS
from migrate_safe.adapters.wire import Parameter, Sent
from migrate_safe.model.names import quote_literal
from migrate_safe.model.statement import Action, Dml, DmlKind
from migrate_safe.model.values import replace
from migrate_safe.sql.rewrite import with_values

_PREPARED = (DmlKind.SELECT, DmlKind.INSERT, DmlKind.UPDATE, DmlKind.DELETE, DmlKind.MERGE)
"""What PREPARE takes."""


class Unwritable(Exception):
    """What no text can say; the message says why."""


class Values(Struct):
    """Writes values of parameters with the help of the server that took them: it knows their types."""

    connection: psycopg.Connection[Any]
    _names: dict[int, str] = field(default_factory=dict)

    def type_name(self, parameter: Parameter) -> str:
        """Give the name of a parameter's type, `unknown` where the server finds it out."""
        oid = parameter.type or parameter.found
        if oid not in self._names:
            query = "SELECT format_type(oid, NULL) FROM pg_type WHERE oid = %s AND typtype <> 'p'"
            found = self.connection.execute(query, [oid]).fetchone() if oid else None
            self._names[oid] = str(found[0]) if found is not None else "unknown"
        return self._names[oid]

    def literal(self, parameter: Parameter) -> str:
        """Write a value; raises Unwritable for a binary one of a type that is not known (any more)."""
        if parameter.value is None:
            return "NULL"
        return quote_literal(self._text(parameter, parameter.value)).lstrip()

    def readable(self, parameter: Parameter) -> Parameter:
        """Give a binary parameter as text where the server can read it, else as it is; no types of users."""
        if not parameter.binary or parameter.value is None or (parameter.type or parameter.found) >= FIRST_OF_USERS:
            return parameter
        try:
            text = self._text(parameter, parameter.value)
        except Unwritable:
            return parameter
        return replace(parameter, binary=False, value=text.encode(), encoding="utf-8")

    def _text(self, parameter: Parameter, value: bytes) -> str:
        if not parameter.binary:
            return value.decode(parameter.encoding, "replace")
        oid = parameter.type or parameter.found
        if not oid or self.type_name(parameter) == "unknown":
            raise Unwritable("its parameters are binary, of types that are not known")
        result = self.connection.pgconn.exec_params(b"SELECT $1", [value], [oid], [1])
        if result.status != ExecStatus.TUPLES_OK:
            raise Unwritable(f"its parameters cannot be read: {result.error_message.decode(errors='replace').strip()}")
        return (result.get_value(0, 0) or b"").decode("utf-8", "replace")


def as_psql(sent: Sent, action: Action, values: Values) -> str:
    """Write a statement with its parameters, without the data of COPY; raises Unwritable."""
    if not sent.parameters:
        return f"{sent.text};\n"
    types, given = [values.type_name(p) for p in sent.parameters], [values.literal(p) for p in sent.parameters]
    if isinstance(action, Dml) and action.kind in _PREPARED:
        prepared = f'PREPARE "~" ({", ".join(types)}) AS {sent.text};\n'
        return f'{prepared}EXECUTE "~" ({", ".join(given)});\nDEALLOCATE "~";\n'
    typed = [value if kind == "unknown" else f"{value}::{kind}" for value, kind in zip(given, types, strict=True)]
    return f"{with_values(sent.text, typed)};\n"
