"""What is said of indexes and constraints, for their copies: comments, and statistics targets of expressions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Constraint, Index, Table
from migrate_safe.planner.draft import Draft, Rank, draft, sql


class Carried(Struct, frozen=True):
    """An index or a constraint that gets a copy, and what is said of it.

    `targets` are statistics targets by position. The server loses those where it makes an index anew for ALTER TYPE.
    """

    name: str
    comment: str | None
    index: bool
    targets: tuple[tuple[int, int], ...] = ()


def said_of(thing: Constraint | Index, *, targets: bool) -> Carried:
    """Read what is said of an index or a constraint."""
    given = thing.statistics if isinstance(thing, Index) and targets else ()
    return Carried(thing.name or "", thing.comment, isinstance(thing, Index), given)


def carry(table: Name, said: Carried, copy: str, rank: Rank) -> Iterator[Draft]:
    """Make the step that says of a copy what is said of the original, if anything is."""
    full = Name(table.schema, copy)
    place = f"INDEX {full}" if said.index else f"CONSTRAINT {quote_ident(copy)} ON {table}"
    alter = f"ALTER INDEX {full} ALTER COLUMN"
    there = [f"{alter} {at} SET STATISTICS {target}" for at, target in said.targets]
    back = [f"{alter} {at} SET STATISTICS -1" for at, _ in said.targets]
    if said.comment is not None:
        there.append(f"COMMENT ON {place} IS {quote_literal(said.comment).strip()}")
        back.append(f"COMMENT ON {place} IS NULL")
    if there:
        kind = "index" if said.index else "constraint"
        does = f"say of the copy what is said of {kind} {quote_ident(said.name)}"
        yield draft(rank, f"describe-{kind}", f"{table}.{quote_ident(copy)}", does, sql(*there), sql(*back))


_COPIED = """\
WITH hanging (classid, objid) AS (
  SELECT d.classid, d.objid
  FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = {table}::regclass AND a.attname IN ({columns})
    AND d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass)
  UNION
  SELECT 'pg_class'::regclass, k.conindid
  FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
  WHERE k.conrelid = {table}::regclass AND k.contype IN ('p', 'u') AND a.attname IN ({columns}))
SELECT 'comment on ' || pg_describe_object(h.classid, h.objid, 0) AS dependent
FROM hanging h JOIN pg_description w ON w.classoid = h.classid AND w.objoid = h.objid AND w.objsubid = 0{comments}
UNION ALL
SELECT 'CLUSTER ON ' || i.indexrelid::regclass
FROM hanging h JOIN pg_index i ON h.classid = 'pg_class'::regclass AND i.indexrelid = h.objid
WHERE i.indisclustered"""

_TARGETS = """
UNION ALL
SELECT 'statistics target of index ' || x.attrelid::regclass
FROM hanging h JOIN pg_index i ON h.classid = 'pg_class'::regclass AND i.indexrelid = h.objid
JOIN pg_attribute x ON x.attrelid = i.indexrelid
WHERE coalesce(x.attstattarget, -1) >= 0"""

_KNOWN_COMMENTS = """
WHERE (h.classid = 'pg_class'::regclass, w.description, coalesce(
    (SELECT relname FROM pg_class WHERE h.classid = 'pg_class'::regclass AND oid = h.objid),
    (SELECT conname FROM pg_constraint WHERE h.classid = 'pg_constraint'::regclass AND oid = h.objid))::text)
  NOT IN ({known})"""

_KNOWN_TARGETS = """
  AND ((SELECT relname FROM pg_class WHERE oid = x.attrelid)::text, x.attnum::int, x.attstattarget::int)
    NOT IN ({known})"""


def plain_copies(table: Table, columns: Iterable[str], carried: Iterable[Carried], *, targets: bool) -> Requirement:
    """Require that the indexes and constraints to be built anew carry nothing that their copies would lose.

    That is a CLUSTER mark, and comments and statistics targets that came after planning.
    """
    listed = tuple(carried)
    comments = [
        f"({str(c.index).lower()}, {_text(c.comment)}, {_text(c.name)})" for c in listed if c.comment is not None
    ]
    known = [f"({_text(c.name)}, {at}, {target})" for c in listed for at, target in c.targets]
    query = _COPIED.format(
        table=_text(str(table.name)),
        columns=", ".join(map(_text, columns)),
        comments=_KNOWN_COMMENTS.format(known=", ".join(comments)) if comments else "",
    )
    if targets:
        query += _TARGETS + (_KNOWN_TARGETS.format(known=", ".join(known)) if known else "")
    message = (
        f"indexes or constraints of {table.name} have what their copies would lose"
        " (plan again, or remove it, and set it again after)"
    )
    return Requirement(query, message)


def _text(text: str) -> str:
    return quote_literal(text).strip()
