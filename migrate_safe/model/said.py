"""What statements say that have no action of their own: rights, owners, comments, upkeep, replication and the like.

Rooms import these from `migrate_safe.model.statement`, where `Other.says` holds them.
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.expr import Expr
from migrate_safe.model.names import Name
from migrate_safe.model.objects import PublishedTable


class Target(Struct, frozen=True):
    """An object that a statement speaks of, as written. `kind` is the grammar's word: `table`, `type`, `tabconstraint`.

    `part` is what is meant on it: a column, constraint, trigger, policy or rule; of a routine, its argument types.
    """

    kind: str
    name: Name
    part: str = ""


# ---- rights and words ----------------------------------------------------------------------


class Comment(Struct, frozen=True):
    """COMMENT ON; `text` is None where the comment goes."""

    target: Target
    text: str | None


class SecurityLabel(Struct, frozen=True):
    """SECURITY LABEL ON."""

    target: Target


class ChangeOwner(Struct, frozen=True):
    """ALTER ... OWNER TO, of objects that ALTER TABLE does not speak of. `role` is `CURRENT_USER` where so written."""

    target: Target
    role: str


class Privilege(Struct, frozen=True):
    """A privilege as SQL spells it, in capitals, on the whole object or on `columns`. ALL is spelled ALL."""

    word: str
    columns: tuple[str, ...] = ()


class Grants(Struct, frozen=True):
    """GRANT (or REVOKE) of privileges on objects; an empty role is PUBLIC.

    `option` says WITH GRANT OPTION, or GRANT OPTION FOR; `everywhere` that `targets` are schemas all of whose objects
    of that kind are meant.
    """

    kind: str
    targets: tuple[Target, ...]
    privileges: tuple[Privilege, ...]
    roles: tuple[str, ...]
    grant: bool = True
    option: bool = False
    everywhere: bool = False


class DefaultPrivileges(Struct, frozen=True):
    """ALTER DEFAULT PRIVILEGES: what objects that `creators` make (none: the current role) get, in some schemas."""

    grants: Grants
    creators: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()


class OwnedBy(Struct, frozen=True):
    """REASSIGN OWNED BY ... TO, or DROP OWNED BY where `to` is None."""

    roles: tuple[str, ...]
    to: str | None = None
    cascade: bool = False


class RoleChange(Struct, frozen=True):
    """CREATE, ALTER or DROP ROLE, by `verb`; GRANT and REVOKE of membership alter. `members` are other roles named."""

    verb: str
    roles: tuple[str, ...]
    members: tuple[str, ...] = ()
    if_exists: bool = False


# ---- names ---------------------------------------------------------------------------------


class Renamed(Struct, frozen=True):
    """ALTER ... RENAME TO, of objects that are no relations."""

    target: Target
    to: str


class Moved(Struct, frozen=True):
    """ALTER ... SET SCHEMA, of objects that are no relations."""

    target: Target
    to: str


class Dropped(Struct, frozen=True):
    """DROP, of objects that are no relations."""

    targets: tuple[Target, ...]
    if_exists: bool = False
    cascade: bool = False


class NewSchema(Struct, frozen=True):
    """CREATE SCHEMA; what it creates inside stands in `Other.inner`."""

    name: str
    owner: str | None = None
    if_not_exists: bool = False


class Extension(Struct, frozen=True):
    """CREATE, UPDATE or SET SCHEMA of an extension, and ADD or DROP of a member, by `verb`."""

    verb: str
    name: str
    schema: str | None = None
    if_not_exists: bool = False
    cascade: bool = False


# ---- statistics, storage, upkeep -----------------------------------------------------------


class NewStatistics(Struct, frozen=True):
    """CREATE STATISTICS; `name` None where the server chooses it."""

    name: Name | None
    tables: tuple[Name, ...]
    columns: tuple[str, ...] = ()
    expressions: tuple[Expr, ...] = ()
    kinds: tuple[str, ...] = ()
    if_not_exists: bool = False
    parts: tuple[str, ...] = ()
    """What a chosen name is made of, in order: the columns, and `expr` for each expression."""


class StatisticsTarget(Struct, frozen=True):
    """ALTER STATISTICS ... SET STATISTICS; `target` None stands for DEFAULT."""

    name: Name
    target: int | None
    if_exists: bool = False


class MoveAll(Struct, frozen=True):
    """ALTER TABLE, INDEX or MATERIALIZED VIEW ALL IN TABLESPACE ... SET TABLESPACE."""

    kind: str
    here: str
    there: str
    owners: tuple[str, ...] = ()


class Tended(Struct, frozen=True):
    """A table of VACUUM or ANALYZE."""

    table: Name
    columns: tuple[str, ...] = ()
    only: bool = False


class Vacuum(Struct, frozen=True):
    """VACUUM or ANALYZE, of every table where none is named.

    `bare` takes no table: ONLY_DATABASE_STATS. Without `main` only the TOAST tables are worked on.
    """

    tables: tuple[Tended, ...]
    vacuum: bool = True
    full: bool = False
    analyze: bool = False
    bare: bool = False
    main: bool = True


class Cluster(Struct, frozen=True):
    """CLUSTER; without a table every one that was clustered before, without an index by the one used before."""

    table: Name | None
    index: str | None = None


# ---- replication ---------------------------------------------------------------------------


class PublicationChange(Struct, frozen=True):
    """CREATE or ALTER PUBLICATION, by `verb`: create, add, set, drop, options. Options not given are None."""

    verb: str
    name: str
    all_tables: bool = False
    tables: tuple[PublishedTable, ...] = ()
    only: tuple[Name, ...] = ()
    schemas: tuple[str, ...] = ()
    current_schema: bool = False
    operations: tuple[str, ...] | None = None
    via_root: bool | None = None
    generated: str | None = None


class SubscriptionChange(Struct, frozen=True):
    """CREATE, ALTER or DROP SUBSCRIPTION, by `verb`; `options` as written, in lower case."""

    verb: str
    name: str
    publications: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    if_exists: bool = False


class SetConstraints(Struct, frozen=True):
    """SET CONSTRAINTS; no names mean ALL."""

    names: tuple[Name, ...]
    deferred: bool


class SessionName(Struct, frozen=True):
    """What PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH and CLOSE name in a session; no name means all of the kind.

    `kind` is `prepared statement` or `cursor`; `hold` says WITH HOLD.
    """

    kind: str
    name: str | None = None
    hold: bool = False


Said = (
    Comment
    | SecurityLabel
    | ChangeOwner
    | Grants
    | DefaultPrivileges
    | OwnedBy
    | RoleChange
    | Renamed
    | Moved
    | Dropped
    | NewSchema
    | Extension
    | NewStatistics
    | StatisticsTarget
    | MoveAll
    | Vacuum
    | Cluster
    | PublicationChange
    | SubscriptionChange
    | SetConstraints
    | SessionName
)
