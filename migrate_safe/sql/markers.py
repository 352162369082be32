"""What migration runners say in comments and file names: directions, transactions.

| runner | says |
|---|---|
| goose | `-- +goose Up`, `-- +goose Down`, `-- +goose NO TRANSACTION` |
| sql-migrate | `-- +migrate Up [notransaction]`, `-- +migrate Down` |
| dbmate | `-- migrate:up [transaction:false]`, `-- migrate:down` |
| sqlx | `-- no-transaction` |
| morph | `-- morph:nontransactional` |
| atlas | `-- atlas:txmode none` |
| golang-migrate | `1_name.up.sql`, `1_name.down.sql` |
| Diesel | `up.sql`, `down.sql` in a folder per migration |
| Prisma | `migration.sql` in a folder per migration |
| Ory | `1_name.autocommit.up.sql` |
| Flyway | `V1__name.sql`, `U1__name.sql` (undo), `R__name.sql` |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrate_safe.model.statement import (
    AlterTable,
    CreateIndex,
    DetachPartition,
    Direction,
    DropIndex,
    Other,
    Reindex,
    Statement,
    Transaction,
    TransactionVerb,
    Wrapping,
)

_COMMENT = re.compile(
    r"--[ \t]*(?:"
    r"\+goose[ \t]+(?P<goose>\S.*?)"
    r"|\+migrate[ \t]+(?P<sql_migrate>\S.*?)"
    r"|migrate:(?P<dbmate>(?:up|down)\b.*?)"
    r"|(?P<sqlx>no-transaction)"
    r"|morph:(?P<morph>nontransactional)"
    r"|atlas:(?P<atlas>txmode[ \t]+none)"
    r")[ \t]*\Z",
    re.IGNORECASE,
)
_NO_TRANSACTION = re.compile(r"no[ _-]?transaction|transaction:false|nontransactional|txmode\s+none", re.IGNORECASE)
_DIRECTION = re.compile(r"(up|down)\b", re.IGNORECASE)
_FILE_NAMES = (
    ("golang-migrate", re.compile(r"\.(?P<direction>up|down)\.(?:p?sql|pgsql)\Z", re.IGNORECASE)),
    ("diesel", re.compile(r"(?:\A|[/\\])(?P<direction>up|down)\.sql\Z", re.IGNORECASE)),
    ("prisma", re.compile(r"(?:\A|[/\\])migration\.sql\Z", re.IGNORECASE)),
    ("flyway", re.compile(r"(?:\A|[/\\])(?:[VB][0-9][0-9._]*|(?P<direction>U)[0-9][0-9._]*|R)__[^/\\]*\.sql\Z")),
)
_AUTOCOMMIT = re.compile(r"\.autocommit\.(?:up|down)\.sql\Z")
_ONE_MESSAGE = frozenset({"golang-migrate", "prisma"})
_ALONE = frozenset({"VacuumStmt", "CreatedbStmt", "DropdbStmt", "CreateTableSpaceStmt", "AlterSystemStmt"})


@dataclass(frozen=True, slots=True)
class Markers:
    """The runners seen, where directions change (by offset, in order), and whether a transaction is declined."""

    names: tuple[str, ...] = ()
    turns: tuple[tuple[int, Direction], ...] = ()
    no_transaction: bool = False

    def direction_at(self, offset: int) -> Direction:
        """Give the direction of a statement that starts at an offset."""
        return next((way for start, way in reversed(self.turns) if start <= offset), Direction.UP)


def markers_of(path: str, comments: Iterable[tuple[int, str]]) -> Markers:
    """Read the markers of a file from its path and its comments, each with its offset."""
    names, turns, declined = [], [], False
    for runner, pattern in _FILE_NAMES:
        if found := pattern.search(path):
            names.append(runner)
            way = (found.groupdict().get("direction") or "up").lower()
            turns.append((0, Direction.UP if way == "up" else Direction.DOWN))
            break
    if _AUTOCOMMIT.search(path):
        names.append("ory")
        declined = True
    for offset, comment in comments:
        if marked := _COMMENT.match(comment):
            assert marked.lastgroup is not None, "each alternative is a group"
            names.append(marked.lastgroup.replace("_", "-"))
            words = marked.group(marked.lastgroup)
            turned = _DIRECTION.match(words)
            if turned:
                turns.append((offset, Direction(turned.group(1).lower())))
            going_up = not turns or turns[-1][1] is Direction.UP
            declined = declined or (going_up and _NO_TRANSACTION.search(words) is not None)
    return Markers(tuple(dict.fromkeys(names)), tuple(turns), declined)


def wrapping_of(markers: Markers, statements: Sequence[Statement]) -> Wrapping:
    """Say how the runner sends the file.

    golang-migrate and Prisma send it as one message: the server runs several statements of a message as one
    transaction, a single one by itself, and obeys a BEGIN inside it. Flyway leaves the transaction out for statements
    that cannot run in one. Without any marker the file is taken for one that psql runs.
    https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
    """
    if markers.no_transaction or not markers.names:
        return Wrapping.STATEMENT
    actions = [s.action for s in statements]
    if _ONE_MESSAGE.intersection(markers.names) and "sqlx" not in markers.names:
        begins = any(isinstance(a, Transaction) and a.verb is TransactionVerb.BEGIN for a in actions)
        return Wrapping.STATEMENT if begins or len(actions) <= 1 else Wrapping.FILE
    if "flyway" in markers.names and any(map(_runs_alone, actions)):
        return Wrapping.STATEMENT
    return Wrapping.FILE


def _runs_alone(action: object) -> bool:
    """Say whether the server refuses the statement inside a transaction."""
    match action:
        case CreateIndex(concurrently=True) | DropIndex(concurrently=True) | Reindex(concurrently=True):
            return True
        case AlterTable(actions=actions):
            return any(isinstance(a, DetachPartition) and a.concurrently for a in actions)
        case Other(kind=kind, detail=detail):
            return kind in _ALONE and detail != "analyze"
        case _:
            return False
