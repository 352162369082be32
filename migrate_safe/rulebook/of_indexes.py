"""Facts and words of statements about indexes, and of constraints that rest on them."""

from __future__ import annotations

from migrate_safe.catalog.evolve.indexes import plain_index
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import ConstraintKind, Index, Table
from migrate_safe.model.statement import CreateIndex
from migrate_safe.model.values import replace
from migrate_safe.rulebook.doings import Deed, Doings
from migrate_safe.rulebook.facts import Facts, Words
from migrate_safe.rulebook.parts import Part
from migrate_safe.rulebook.terms import Around

Told = tuple[Facts, Words]


def dropped_index(told: Told, part: Part, doings: Doings) -> Told:
    """Tell of DROP INDEX: whether something like it stays, or is made later."""
    return _arbiter(_leading(told, part, doings), part)


def new_index(told: Told, part: Part, doings: Doings) -> Told:
    """Tell of CREATE INDEX."""
    facts, words = told
    statement = part.whole.statement
    assert isinstance(part.action, CreateIndex)
    index, table = part.action.index, f"table {part.action.table.name}"
    around = set()
    if index.name is not None:
        if any(doings.before(Deed.DROPS, f"index {index.name}", statement)):
            around.add(Around.REPLACES)
        if any(doings.after(Deed.ATTACHES, f"index {index.name}", statement)):
            around.add(Around.ATTACHED)
    if any(doings.after(Deed.ANALYZES, table, statement)) or any(doings.after(Deed.ANALYZES, "", statement)):
        around.add(Around.ANALYZED)
    twin = _twin(part, index, doings)
    name = str(Name(part.action.table.schema, index.name)) if index.name is not None else ""
    facts = replace(
        facts,
        around=frozenset(around),
        if_not_exists=part.action.if_not_exists,
        named=index.name is not None,
        unique=index.unique,
        computed=any(k.column is None for k in index.keys),
        only=part.action.only,
        present=part.action.if_not_exists and _is_present(part, index.name),
        duplicate=bool(twin),
        implied=index.unique and is_implied(_known(part), _columns(index), index.name),
    )
    return facts, replace(words, twin=twin, index=name)


def _is_present(part: Part, name: str | None) -> bool:
    table = _known(part)
    known = table.index(name) if table is not None and name is not None else None
    return known is not None and known.valid


def _twin(part: Part, index: Index, doings: Doings) -> str:
    """Name a valid index of the table that does all that the new one would, unless the file drops it."""
    table = _known(part)
    if table is None:
        return ""
    new = plain_index(index)
    for old in map(plain_index, table.indexes):
        same = (old.keys, old.method, old.include, old.predicate) == (new.keys, new.method, new.include, new.predicate)
        other = old.name is not None and old.name != new.name
        if same and other and old.valid and (old.unique or not new.unique):
            dropped = any(doings.after(Deed.DROPS, f"index {old.name}", part.whole.statement))
            return "" if dropped else quote_ident(old.name or "")
    return ""


def _leading(told: Told, part: Part, doings: Doings) -> Told:
    """Find an index that is made later and begins with the column with which the dropped one begins."""
    facts, words = told
    old = _known_index(part)
    if old is None or not old.keys or old.keys[0].column is None or _is_served(part, old, doings):
        return told
    table = part.whole.before.index_table(part.whole.before.resolve(part.index)) if part.index is not None else None
    later = doings.after(Deed.INDEXES, f"table {table.name.name}", part.whole.statement) if table is not None else ()
    for done in later:
        if (
            isinstance(done.by, CreateIndex)
            and done.by.index.keys
            and done.by.index.keys[0].column == old.keys[0].column
        ):
            return replace(facts, around=facts.around | {Around.INDEXED_AGAIN}), words
    return told


def _is_served(part: Part, old: Index, doings: Doings) -> bool:
    """Say whether an index stays that begins with the same keys, and so serves the same queries."""
    table = _left(part)
    begin = plain_index(old).keys
    return any(
        i.valid and i.predicate is None and i.method == old.method and plain_index(i).keys[: len(begin)] == begin
        for i in (table.indexes if table is not None else ())
        if not any(doings.after(Deed.DROPS, f"index {i.name}", part.whole.statement))
    )


def _known_index(part: Part) -> Index | None:
    if part.index is None:
        return None
    name = part.whole.before.resolve(part.index)
    table = part.whole.before.index_table(name)
    return table.index(name.name) if table is not None else None


def _arbiter(told: Told, part: Part) -> Told:
    """Say that no app notices where another unique index over the same columns stays."""
    facts, words = told
    old, table = _known_index(part), _left(part)
    if old is None or table is None:
        return told
    stays = any(
        i.unique and i.valid and i.predicate == old.predicate and _columns(i) == _columns(old) for i in table.indexes
    )
    return replace(facts, duplicate=stays, implied=is_implied(table, _columns(old))), words


def is_implied(table: Table | None, columns: frozenset[str | None], name: str | None = None) -> bool:
    """Say whether some index but the named one lets no two rows agree in some of the columns, and so in all."""
    unique = [i for i in table.indexes if i.unique and i.valid and i.predicate is None] if table is not None else []
    return any(None not in _columns(i) and _columns(i) <= columns for i in unique if name is None or i.name != name)


def _known(part: Part) -> Table | None:
    """Give the table as the statement finds it."""
    return part.whole.before.table(part.relation) if part.relation is not None else None


def _left(part: Part) -> Table | None:
    """Give the table as the statement leaves it."""
    return part.whole.after.tables.get(part.whole.before.resolve(part.relation)) if part.relation is not None else None


def _columns(index: Index) -> frozenset[str | None]:
    return frozenset(k.column for k in index.keys)


def dropped_constraint(told: Told, part: Part) -> Told:
    """Tell of DROP CONSTRAINT whether an index stays by which ON CONFLICT finds the same columns."""
    facts, words = told
    table = _left(part)
    if part.constraint is None or table is None or part.constraint.kind is ConstraintKind.FOREIGN:
        return told
    wanted: frozenset[str | None] = frozenset(part.constraint.columns)
    stays = any(i.unique and i.valid and i.predicate is None and _columns(i) == wanted for i in table.indexes)
    return replace(facts, duplicate=stays, implied=is_implied(table, wanted)), words
