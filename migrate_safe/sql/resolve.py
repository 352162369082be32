"""Which columns of which tables an application query reads and writes, on a known schema.

libpg_query reads the query and says what it writes; sqlglot resolves the names of the SELECTs in it. Whatever one of
them cannot tell is said to be unsure, never guessed: where a server can be asked, ask it.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct, field
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Schema, Table
from migrate_safe.sql.dml import WRITES
from migrate_safe.sql.names import name_of
from migrate_safe.sql.queries import prepare_form
from migrate_safe.sql.reading import reading_selects
from migrate_safe.sql.relations import range_vars
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk, write

SYSTEM_COLUMNS = frozenset({"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"})
"""Columns that every table has. https://www.postgresql.org/docs/current/ddl-system-columns.html"""

_UNKNOWN_COLUMN = re.compile(r"Unknown column: (.+)")


class ColumnUse(Struct, frozen=True, order=True):
    """A column of a table, by its qualified name."""

    table: Name
    column: str


class Uses(Struct, frozen=True):
    """What a query uses. `missing` names what the schema does not have; `unsure` says what could not be told.

    `writes` holds the columns that INSERT, UPDATE and MERGE set. A query works on the schema for certain only when
    both `missing` and `unsure` are empty.
    """

    reads: frozenset[ColumnUse] = frozenset()
    writes: frozenset[ColumnUse] = frozenset()
    tables: frozenset[Name] = frozenset()
    missing: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


def uses_of(sql: str, schema: Schema) -> Uses:
    """Resolve a query, with any driver's placeholders, on a schema."""
    form = prepare_form(sql)
    if form.problem is not None:
        return Uses(unsure=(form.problem,))
    node = parse_tree(form.sql)[0].node
    tables = _qualify_relations(node, schema)
    known = {name: schema.tables[name] for name in tables if name in schema.tables}
    found = _Found(schema, known, all_known=len(known) == len(tables))
    for name in sorted(tables):
        if name not in schema.tables:
            found.unknown_relation(name)
    for writer in (part for part in walk(node) if kind_of(part) in WRITES):
        found.writes_of(writer)
    for select in reading_selects(node):
        found.reads_of(select)
    return Uses(
        frozenset(found.reads),
        frozenset(found.writes),
        tables,
        tuple(found.missing),
        tuple(dict.fromkeys(found.unsure)),
    )


def _qualify_relations(node: Any, schema: Schema) -> frozenset[Name]:
    """Write the schema into every relation of a tree, and give their names."""
    tables = set()
    for relation in list(range_vars(node)):
        name = schema.resolve(name_of(relation))
        relation.schemaname = name.schema or ""
        tables.add(name)
    return frozenset(tables)


class _Found(Struct):
    """What is found while a query is walked through."""

    schema: Schema
    known: dict[Name, Table]
    all_known: bool
    reads: set[ColumnUse] = field(default_factory=set)
    writes: set[ColumnUse] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def unknown_relation(self, name: Name) -> None:
        """Note a relation that is no known table."""
        if name in self.schema.views or name.schema in {"pg_catalog", "information_schema"}:
            self.unsure.append(f"{name} is a view")
        elif self.schema.complete:
            self.missing.append(f"relation {name}")
        else:
            self.unsure.append(f"relation {name} is not known")

    def writes_of(self, writer: Any) -> None:
        """Note the columns that a statement sets; INSERT without a list sets them all."""
        known = self.known.get(name_of(writer.relation))
        if known is None:
            return
        names = _set_columns(writer)
        for name in [c.name for c in known.columns] if names is None else names:
            self._of_table(known.name, name, self.writes)
        if kind_of(writer) == "InsertStmt":
            self._arbiter(known, writer.on_conflict_clause.infer)

    def _arbiter(self, table: Table, infer: Any) -> None:
        """Note what ON CONFLICT names: columns, or a constraint."""
        for element in map(inner, infer.index_elems):
            if element.name:
                self._of_table(table.name, element.name, self.reads)
        if infer.conname and table.constraint(infer.conname) is None:
            self._absent(f"constraint {quote_ident(infer.conname)} of {table.name}", certain=not table.partial)

    def reads_of(self, select: Any) -> None:
        """Note the columns that a SELECT reads."""
        try:
            tree = _qualified(write(select), self.known)
            scopes = traverse_scope(tree)
        except (Unreadable, SqlglotError, RecursionError) as error:
            self._unresolved(str(error).partition("\n")[0])
            return
        for scope in scopes:
            for column in scope.columns:
                self._column(scope, column)

    def _unresolved(self, reason: str) -> None:
        """Note why names were not resolved; sqlglot stops at a column that a table named before it does not have."""
        if unknown := _UNKNOWN_COLUMN.match(reason):
            self._absent(f"column {quote_ident(unknown.group(1))}", certain=self._all_certain)
        else:
            self.unsure.append(f"names were not resolved: {reason}")

    @property
    def _all_certain(self) -> bool:
        return self.all_known and not any(table.partial for table in self.known.values())

    def _column(self, scope: Scope, column: exp.Column) -> None:
        source = scope.sources.get(column.table)
        if isinstance(source, exp.Table):
            self._of_table(Name(source.db, source.name), column.name, self.reads)
        elif source is None and column.name not in SYSTEM_COLUMNS and not (column.table and scope.parent):
            owner = f"{quote_ident(column.table)}." if column.table else ""
            self._absent(f"column {owner}{quote_ident(column.name)}", certain=self._all_certain)

    def _of_table(self, table: Name, column: str, uses: set[ColumnUse]) -> None:
        known = self.known.get(table)
        if known is None or column in SYSTEM_COLUMNS:
            return
        if known.column(column) is None:
            self._absent(f"column {table}.{quote_ident(column)}", certain=not known.partial)
        else:
            uses.add(ColumnUse(table, column))

    def _absent(self, what: str, *, certain: bool) -> None:
        (self.missing if certain else self.unsure).append(what if certain else f"{what} was not found")


def _set_columns(writer: Any) -> list[str] | None:
    """Give the columns that a statement sets; None for all of them."""
    match kind_of(writer):
        case "InsertStmt":
            also = [inner(item).name for item in writer.on_conflict_clause.target_list]
            return [inner(item).name for item in writer.cols] + also if writer.cols else None
        case "UpdateStmt":
            return [inner(item).name for item in writer.target_list]
        case "MergeStmt":
            clauses = [inner(item) for item in writer.merge_when_clauses]
            return [inner(item).name for clause in clauses for item in clause.target_list]
        case _:
            return []


def _qualified(sql: str, known: dict[Name, Table]) -> exp.Expr:
    """Let sqlglot tie each column to its table."""
    mapping: dict[str, Any] = {}
    for name, table in known.items():
        mapping.setdefault(name.schema or "", {})[name.name] = {c.name: "text" for c in table.columns}
    tree = parse_one(sql, dialect="postgres")
    schema = MappingSchema(mapping, dialect="postgres", normalize=False)
    return qualify(tree, dialect="postgres", schema=schema, validate_qualify_columns=False, quote_identifiers=False)
