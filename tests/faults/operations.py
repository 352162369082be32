"""What a campaign migrates: a database for each thing that the planner can do, and what both app versions ask of it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from migrate_safe.model.values import replace

ROWS = 240
"""Rows of each table before the migration: several batches of a backfill."""


class Place(StrEnum):
    """Where a plan can be brought to, lowest first."""

    BASELINE = "baseline"
    MIGRATE = "migrate"
    CONTRACT = "contract"
    PURGED = "purged"


Ladder = tuple[Place, Place]
BEFORE: Ladder = (Place.BASELINE, Place.MIGRATE)
"""The way that a plan goes while the old app works alone."""
AFTER: Ladder = (Place.MIGRATE, Place.CONTRACT)
"""The way that a plan goes while the new app works alone."""
PURGE: Ladder = (Place.CONTRACT, Place.PURGED)


class Column(Struct, frozen=True):
    """A column that an app writes and reads: `put` makes its value of a number `{}`, `get` gives the number back."""

    field: str
    name: str
    put: str = "{}"
    get: str = "{}"


class App(Struct, frozen=True):
    """What one version of an app knows of a table. Rows are numbered; the number n is found again in the key."""

    table: str
    key: tuple[Column, ...]
    columns: tuple[Column, ...]
    insert_option: str = ""
    upserts: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it writes and sees."""
        return tuple(c.field for c in self.columns)

    @property
    def see(self) -> str:
        """Give all rows as numbers, the row's own first."""
        shown = [c.get.format(c.name) for c in (self.key[-1], *self.columns)]
        return f"SELECT {', '.join(shown)} FROM {self.table}"

    @property
    def read(self) -> str:
        """Give one row."""
        return f"{self.see} WHERE {self._match}"

    @property
    def insert(self) -> str:
        """Write a new row."""
        return self.insert_of("VALUES ({})", "%({})s::int")

    @property
    def upsert(self) -> str:
        """Write a row, whether it is there or not."""
        changes = ", ".join(f"{c.name} = excluded.{c.name}" for c in self.columns)
        return f"{self.insert} ON CONFLICT ({', '.join(k.name for k in self.key)}) DO UPDATE SET {changes}"

    @property
    def update(self) -> str:
        """Write all fields of a row anew."""
        pairs = ", ".join(f"{c.name} = {c.put.format(f'%({c.field})s::int')}" for c in self.columns)
        return f"UPDATE {self.table} SET {pairs} WHERE {self._match}"

    @property
    def delete(self) -> str:
        """Remove a row."""
        return f"DELETE FROM {self.table} WHERE {self._match}"

    @property
    def fill(self) -> str:
        """Write the first rows: each field of row n is n."""
        return self.insert_of("SELECT {}", "g").replace("%%", "%") + f" FROM generate_series(1, {ROWS}) g"

    def insert_of(self, source: str, number: str) -> str:
        """Write an INSERT from a source of values, with numbers written as given."""
        columns = (*self.key, *self.columns)
        names = ", ".join(c.name for c in columns)
        values = ", ".join(c.put.format(number.format(c.field)) for c in columns)
        return f"INSERT INTO {self.table} ({names}) {self.insert_option}{source.format(values)}"

    @property
    def _match(self) -> str:
        return " AND ".join(f"{k.name} = {k.put.format('%(n)s::int')}" for k in self.key)


class Operation(Struct, frozen=True):
    """A database, a migration, both app versions, and the ladders on which its plan has steps.

    `most` bounds the numbers that are written, where rows elsewhere answer to them.
    """

    name: str
    before: str
    migration: str
    old: App
    new: App
    ladders: tuple[Ladder, ...]
    most: int = 2_000_000_000

    def __str__(self) -> str:
        """Name it."""
        return self.name


ID = (Column("n", "id"),)
TEXT = Column("v", "email", "'m' || {}", "substr({}, 2)::int")
RENAMED = replace(TEXT, name="email_address")
USERS = App("users", ID, (TEXT,), "OVERRIDING SYSTEM VALUE ")
NEW_USERS = replace(USERS, columns=(RENAMED,))
RENAME = "ALTER TABLE users RENAME COLUMN email TO email_address;"
EVERYWHERE = (BEFORE, AFTER, AFTER, PURGE)


def users(columns: str, more: str = "", app: App = USERS) -> str:
    """Write a table of users with its first rows."""
    return f"CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {columns});\n{more}\n{app.fill};"


def plain(name: str, before: str, migration: str, app: App, *ladders: Ladder, most: int = 2_000_000_000) -> Operation:
    """Give an operation that changes nothing of what the apps ask."""
    return Operation(name, before, migration, app, app, ladders, most)


SHOP = '"Big Shop"."Ünusual ""Users"""'
ODD_KEY = (Column("n", '"te""nant"', "{} %% 3"), Column("n", '"Nr"'))
ODD_OLD = App(SHOP, ODD_KEY, (Column("v", '"E Mail"', "'m' || {}", "substr({}, 2)::int"),))
ODD_NEW = replace(ODD_OLD, columns=(replace(ODD_OLD.columns[0], name='"é;--mail"'),))
ODD = f"""
CREATE SCHEMA "Big Shop";
CREATE TABLE {SHOP} ("Nr" int, "te""nant" int, "E Mail" varchar(90) COLLATE "C" NOT NULL DEFAULT 'm7',
    PRIMARY KEY ("te""nant", "Nr"), UNIQUE ("E Mail", "te""nant"));
CREATE INDEX "%s {{}}" ON {SHOP} (lower("E Mail") DESC NULLS LAST);
{ODD_OLD.fill};
"""
CODES = App(
    "codes",
    (Column("n", "code", "'k' || {}", "substr({}, 2)::int"),),
    (Column("v", "body", "{0} || '.' || repeat(md5({0}::text), 90)", "split_part({}, '.', 1)::int"),),
)
TOUCHED = """
CREATE TABLE codes (code text PRIMARY KEY, body text DEFAULT '0.', touched int NOT NULL DEFAULT 0);
ALTER TABLE codes ALTER body SET STORAGE EXTERNAL;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END $$;
CREATE TRIGGER "~touch" BEFORE UPDATE ON codes FOR EACH ROW EXECUTE FUNCTION touch();
"""
LOOSE = App("loose", (Column("n", "number"),), (Column("v", "a"), Column("w", "b")), upserts=False)
NEW_LOOSE = replace(LOOSE, columns=(Column("v", "aa"), Column("w", "bb")))
ORDERS = App("orders", ID, (Column("v", "org"),))
ORGS = f"""
CREATE TABLE orgs (id int PRIMARY KEY);
INSERT INTO orgs SELECT generate_series(1, {ROWS});
CREATE TABLE orders (id bigint PRIMARY KEY, org int, note text);
{ORDERS.fill};
"""
FK = "ALTER TABLE orders ADD CONSTRAINT orders_org_fk FOREIGN KEY (org) REFERENCES orgs;"
KEPT = "-- migrate-safe: old-app-keeps since v3\n"
JUNK = replace(USERS, columns=(TEXT, Column("o", "junk")))
PARTS = App("parts", ID, (Column("v", "a"),))
PARTITIONED = f"""
CREATE TABLE parts (id int PRIMARY KEY, a int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (100);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
{PARTS.fill};
"""

OPERATIONS = (
    Operation("rename", users("email text NOT NULL UNIQUE"), RENAME, USERS, NEW_USERS, EVERYWHERE),
    Operation(
        "rename-odd-names", ODD, f'ALTER TABLE {SHOP} RENAME "E Mail" TO "é;--mail";', ODD_OLD, ODD_NEW, EVERYWHERE
    ),
    Operation(
        "rename-text-key-and-trigger",
        TOUCHED + CODES.fill,
        "ALTER TABLE codes RENAME body TO content;",
        CODES,
        replace(CODES, columns=(replace(CODES.columns[0], name="content"),)),
        EVERYWHERE,
    ),
    Operation(
        "rename-two-without-key",
        f"CREATE TABLE loose (number int, a int, b int NOT NULL DEFAULT 5); {LOOSE.fill}",
        "ALTER TABLE loose RENAME a TO aa; ALTER TABLE loose RENAME b TO bb;",
        LOOSE,
        NEW_LOOSE,
        EVERYWHERE,
    ),
    Operation(
        "add-columns",
        users("email text"),
        """
        ALTER TABLE users ADD token uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT one UNIQUE,
            ADD state text NOT NULL DEFAULT 'new' CHECK (state <> ''), ADD age int;
        CREATE INDEX ON users (state, age);
        COMMENT ON COLUMN users.age IS 'in years';
        """,
        USERS,
        replace(USERS, columns=(TEXT, Column("x", "age"))),
        (BEFORE,),
    ),
    plain("add-foreign-key", ORGS, FK, ORDERS, AFTER, most=ROWS),
    plain("add-foreign-key-kept", ORGS, KEPT + FK, ORDERS, BEFORE, most=ROWS),
    plain("add-unique", users("email text"), "ALTER TABLE users ADD UNIQUE (email);", USERS, AFTER),
    plain("set-not-null", users("email text"), "ALTER TABLE users ALTER email SET NOT NULL;", USERS, AFTER),
    plain(
        "set-not-null-kept", users("email text"), KEPT + "ALTER TABLE users ALTER email SET NOT NULL;", USERS, BEFORE
    ),
    plain("add-check", users("email text"), "ALTER TABLE users ADD CHECK (email <> '');", USERS, AFTER),
    plain(
        "create-indexes",
        users("email text"),
        "CREATE INDEX ON users (lower(email) DESC, id) INCLUDE (email); CREATE INDEX h ON users USING hash (email);",
        USERS,
        BEFORE,
    ),
    plain("create-unique-index", users("email text"), "CREATE UNIQUE INDEX u ON users (email);", USERS, AFTER),
    Operation(
        "drop-column",
        users("email text, junk int NOT NULL DEFAULT 3", "CREATE INDEX ON users (junk, email);", JUNK),
        "ALTER TABLE users DROP COLUMN junk;",
        JUNK,
        USERS,
        (AFTER, PURGE),
    ),
    Operation(
        "drop-required-column",
        users("email text, junk int NOT NULL", "", JUNK),
        "ALTER TABLE users DROP COLUMN junk;",
        JUNK,
        USERS,
        EVERYWHERE,
    ),
    plain("partitioned-add-column", PARTITIONED, "ALTER TABLE parts ADD note text DEFAULT 'x';", PARTS, BEFORE),
    Operation(
        "several-at-once",
        users("email text NOT NULL, junk int", "CREATE UNIQUE INDEX users_email_key ON users (email);", JUNK) + ORGS,
        f"{RENAME} {FK} CREATE INDEX ON orders (org); ALTER TABLE users DROP COLUMN junk;"
        " ALTER TABLE orders ALTER COLUMN org SET NOT NULL; CREATE TABLE later (id int PRIMARY KEY);",
        JUNK,
        NEW_USERS,
        EVERYWHERE,
    ),
)
