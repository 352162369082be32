"""Everything that stands beside tables as a list of parts, each in words and in a canonical form."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.change import TYPE_KINDS
from migrate_safe.catalog.describe import index_parts
from migrate_safe.catalog.describe_programs import program_parts
from migrate_safe.catalog.describe_remarks import remark_parts
from migrate_safe.catalog.part import Part
from migrate_safe.catalog.stored_views import as_tables
from migrate_safe.model.schema import Domain, Schema, Sequence, View
from migrate_safe.model.statement import ForeignKind
from migrate_safe.model.values import replace
from migrate_safe.sql.canonical import canonical

_FOREIGN = frozenset(map(str, ForeignKind))


def other_parts(schema: Schema) -> Iterator[Part]:
    """Describe all that is no table: plans do not rest on it."""
    yield from _sequences(schema)
    yield from _types(schema)
    yield from _views(schema)
    yield from program_parts(schema)
    yield from remark_parts(schema)


def _sequences(schema: Schema) -> Iterator[Part]:
    for name, sequence in schema.sequences.items():
        meaning = replace(sequence, role=None, grants=())
        yield Part(f"sequence {name}", _sequence_text(sequence), (meaning,), rests=False)


def _sequence_text(sequence: Sequence) -> str:
    words = [sequence.type, f"START {sequence.start}", f"INCREMENT {sequence.increment}"]
    if sequence.minimum is not None:
        words.append(f"MINVALUE {sequence.minimum}")
    if sequence.maximum is not None:
        words.append(f"MAXVALUE {sequence.maximum}")
    words += ["CYCLE"] if sequence.cycle else []
    words += [f"CACHE {sequence.cache}"] if sequence.cache != 1 else []
    words += ["UNLOGGED"] if sequence.persistence == "u" else []
    if sequence.owner is not None:
        words.append(f"owned by {sequence.owner[0]}.{sequence.owner[1]}")
    return " ".join(words)


def _types(schema: Schema) -> Iterator[Part]:
    for name, values in schema.enums.items():
        yield Part(f"enum {name}", ", ".join(values), values, rests=False)
    for name, domain in schema.domains.items():
        yield Part(f"domain {name}", _domain_text(domain), _domain_meaning(domain), rests=False)
        for constraint in domain.constraints:
            text = str(constraint.check) if constraint.check is not None else "NOT NULL"
            check = canonical(constraint.check.sql) if constraint.check is not None else None
            meaning = (check, constraint.validated)
            yield Part(f"constraint {constraint.name} of domain {name}", text, meaning, rests=False)
    for name, attributes in schema.composites.items():
        text = ", ".join(f"{n} {t}" for n, t in attributes)
        yield Part(f"type {name}", text, tuple((n, str(t)) for n, t in attributes), rests=False)
    for (kind, name), thing in schema.things.items():
        if kind in _FOREIGN or kind in TYPE_KINDS:
            yield Part(f"{kind} {name}", ", ".join(f"{w} {t}" for w, t in thing.facts), thing.facts, rests=False)
    for table in schema.tables.values():
        if table.server is not None:
            yield Part(f"server of {table.name}", table.server, (table.server,), rests=False)


def _domain_text(domain: Domain) -> str:
    words = [str(domain.base)]
    words += [f"COLLATE {domain.collation}"] if domain.collation is not None else []
    words += ["NOT NULL"] if domain.not_null else []
    words += [f"DEFAULT {domain.default}"] if domain.default is not None else []
    return " ".join(words)


def _domain_meaning(domain: Domain) -> tuple[object, ...]:
    default = canonical(domain.default.sql) if domain.default is not None else None
    collation = domain.collation.name if domain.collation is not None else None
    return (str(domain.base), domain.not_null, default, collation)


def _views(schema: Schema) -> Iterator[Part]:
    for name, view in schema.views.items():
        defaults = tuple(sorted((column, canonical(default.sql)) for column, default in view.defaults))
        options = tuple(sorted(view.options))
        meaning = (view.materialized, tuple(sorted(view.relations)), view.shows, view.populated, options, defaults)
        yield Part(f"view {name}", _view_text(view), meaning, rests=False)
        if view.materialized and view.indexes:
            (stored,) = (t for t in as_tables(replace(schema, tables={}, views={name: view})).tables.values())
            yield from (replace(part, rests=False) for part in index_parts(stored))


def _view_text(view: View) -> str:
    words = ["materialized view" if view.materialized else "view", f"({', '.join(view.shows)})"]
    words += ["of", ", ".join(map(str, sorted(view.relations)))] if view.relations else []
    words += [f"WITH ({', '.join(f'{k}={v}' for k, v in view.options)})"] if view.options else []
    words += [f"defaults {', '.join(f'{c} {d}' for c, d in view.defaults)}"] if view.defaults else []
    return " ".join(words) + ("" if view.populated else " without data")
