"""Texts that are called no value of a type, held to the servers' input functions."""

from __future__ import annotations

from itertools import product

import psycopg

from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.literals import is_no_value
from migrate_safe.model.schema import Schema, TypeName

TYPES = {
    "smallint": "0", "integer": "0", "bigint": "0", "numeric": "0", "real": "0", "double precision": "0",
    "boolean": "t", "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "json": "{}", "jsonb": "{}", "date": "2024-01-01",
    "timestamp without time zone": "now", "timestamp with time zone": "now", "time without time zone": "12:00",
    "time with time zone": "12:00+00", "integer[]": "{}", "text[]": "{}",
}  # fmt: skip
TEXTS = [
    *"|0|1|-1| 7 |+5|1.5|.5|5.|1e5|1e-400|NaN| nan |inf".split("|"),
    *"-Infinity|infinity|0x1F|0b1|1_000|1__0|0x|99999999999|32768".split("|"),
    *"t|T|tr|TRUE|truee|f|yes|y|n|no|on|of|off|o| on |abc|null|NULL|true|a|A".split("|"),
    *"{}|[]|{a}|{1,2}| {1} |[0:1]={1,2}|[1,2]|{\"a\": 1}|{a: 1}|{'a': 1}|\"x\"".split("|"),
    *"\"\\x\"|01|1 2|[1,]|1e999|\t1\n|-|--1".split("|"),
    *"a0eebc999c0b4ef8bb6d6bb9bd380a11|{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}|a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11".split("|"),
    *"2024-01-01|20240101|Jan 5 2024|today|now UTC|epoch|allballs".split("|"),
    *"tomorrow 12:00|0000-00-00|0000-00-00 00:00:00".split("|"),
    *"12:00|12:00 PM|CURRENT_TIMESTAMP|yesterday|Monday|noon|J2451187".split("|"),
]  # fmt: skip
SEVERAL = 150


def test_what_is_called_no_value_is_refused(each_server: ScratchServer) -> None:
    called, taken = 0, []
    with connect(each_server.dsn()) as connection:
        for (name, sample), text in product(TYPES.items(), TEXTS):
            assert not is_no_value(Schema(), sample, _type(name))
            if is_no_value(Schema(), text, _type(name)):
                called += 1
                try:
                    connection.execute(f"SELECT %s::{name}".encode(), [text])
                    taken.append((name, text))
                except psycopg.DataError:
                    pass
    assert taken == []
    assert called > SEVERAL


def _type(name: str) -> TypeName:
    return TypeName(name.removesuffix("[]"), dimensions=int(name.endswith("[]")))
