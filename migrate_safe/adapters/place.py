"""Whether this is the database that the journal was written in, and the environment that the caller means."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import TIMELINE, identifier
from migrate_safe.executor.compose import text
from migrate_safe.model.errors import Refused

_META = """
SELECT m.environment, m.system_identifier, m.database_oid = d.oid, (to_jsonb(m) ->> 'timeline')::integer
FROM migrate_safe.meta AS m, pg_database AS d WHERE d.datname = current_database()
"""
_MOVE = """
UPDATE migrate_safe.meta SET system_identifier = {identifier}, timeline = {timeline}, environment = {environment},
    database_oid = (SELECT oid FROM pg_database WHERE datname = current_database());
"""
_FREE = "UPDATE migrate_safe.lease SET holder = NULL, expires = clock_timestamp(), backends = '{}', token = token + 1;"
_RENUMBER = """
SELECT setval(pg_get_serial_sequence('migrate_safe.event', 'seq'), max(seq))
FROM migrate_safe.event HAVING count(*) > 0;
"""
# From PostgreSQL 15 on, CREATE DATABASE copies a sequence as it stands, with the right to give its next 32 numbers
# without a record in the WAL: a crash before the next checkpoint would have them given again. setval() writes a record.


class Place(Struct, frozen=True):
    """What the journal says of the place it was written in, against this one.

    `copied`: it was written in another database or cluster. `promoted`: the server has begun a new timeline since, as
    a promoted standby does, and a restored backup.
    """

    environment: str | None
    copied: bool
    promoted: bool


def read_place(db: Database) -> Place:
    """Compare the place in the journal with this one; reads only, also on a standby."""
    environment, ident, same_database, timeline = db.query(_META)[0]
    here = identifier(db)
    copied = not same_database or (ident is not None and here not in ("NULL", text(ident)))
    now = None if db.query("SELECT pg_is_in_recovery()")[0][0] else db.query(f"SELECT {TIMELINE}")[0][0]
    return Place(environment, copied, None not in (timeline, now) and timeline != now)


def check_place(db: Database, environment: str | None, *, adopt: bool = False) -> Place:
    """Check that this is the database the journal was written in, and the environment the caller means.

    A clone or a restored backup carries the journal of another one. It shows by the system identifier, the database's
    oid or the timeline; a copy of the files shows by nothing, and only the name of the environment tells it from the
    original. Raises Refused, unless `adopt` takes over what is a copy.
    """
    place = read_place(db)
    known, named = place.environment, environment is not None
    if adopt and (place.copied or place.promoted):
        return place
    if place.copied:
        raise Refused(
            f"this database is a copy: its journal was written in another one{_of(known)}",
            next_move="give the DSN of the original, or --adopt to make this journal that of the copy",
        )
    if known is not None and environment != known:
        said = f'not "{environment}"' if named else "and none was named"
        raise Refused(
            f'this database is environment "{known}", {said}', next_move=f"say --environment {known} if you mean it"
        )
    if place.promoted and not named:
        raise Refused(
            "this server was promoted, or restored from a backup, since its journal was written: it may be a copy",
            next_move="say --environment NAME if it is the one that you mean (it is kept from then on), or --adopt",
        )
    return place


def confirm_place(db: Database, environment: str | None, *, adopt: bool = False) -> None:
    """Check the place, and keep what the caller has confirmed; a journal that is taken over has its lease freed."""
    place = check_place(db, environment, adopt=adopt)
    if adopt and (place.copied or place.promoted):
        _move(db, environment)
    elif place.promoted or place.environment != environment:
        db.query(f"UPDATE migrate_safe.meta SET environment = %s, timeline = {TIMELINE}", (environment,))


def _move(db: Database, environment: str | None) -> None:
    name = "NULL" if environment is None else text(environment)
    moved = _MOVE.format(identifier=identifier(db), timeline=TIMELINE, environment=name)
    db.send(f"BEGIN;{moved}{_FREE}{_RENUMBER}COMMIT;")


def _of(environment: str | None) -> str:
    return f' (environment "{environment}")' if environment else ""
