"""Migration runners: how each is told from others, orders files and sends them. Facts from their sources, and runs.

A server runs several statements of one simple query message as one transaction, a single one by itself; behind a COMMIT
within the message the next such transaction begins.
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from migrate_safe.model.wrapping import Wrapping


class Framework(StrEnum):
    """What runs the migrations, by the name that `--framework` takes."""

    PSQL = "psql"
    GOLANG_MIGRATE = "golang-migrate"
    GOOSE = "goose"
    SQL_MIGRATE = "sql-migrate"
    DBMATE = "dbmate"
    TERN = "tern"
    ATLAS = "atlas"
    MORPH = "morph"
    ORY = "ory"
    SQLX = "sqlx"
    DIESEL = "diesel"
    FLYWAY = "flyway"
    LIQUIBASE = "liquibase"
    PRISMA = "prisma"
    DRIZZLE = "drizzle"
    NODE_PG_MIGRATE = "node-pg-migrate"
    SUPABASE = "supabase"
    SQITCH = "sqitch"


class Unit(Struct, frozen=True):
    """What commits together: `wrapping` is FILE where a transaction is open when its first statement runs.

    `implicit` says that the server opens it, for one message of several statements, so that the file's own BEGIN makes
    it an ordinary one. `renews` says that behind a COMMIT of the file's own the next one is open at once.
    """

    wrapping: Wrapping
    implicit: bool = False
    renews: bool = False


class Runner(Struct, frozen=True):
    """What files around a migration say of how it runs.

    `framework` is None where they do not tell; `forced` says that the user named it, so that marks in the file do not
    count against it. `transaction` is what a file beside it declares, `mixed` says that the runner takes
    statements that refuse a transaction together with others. `down` says that the file is a way back. `holds`: it
    keeps a transaction of its own open meanwhile, for which what waits for older ones waits for ever.
    """

    framework: Framework | None = None
    forced: bool = False
    transaction: bool | None = None
    mixed: bool = False
    down: bool = False
    holds: bool = False
    values: tuple[tuple[str, str], ...] = ()
    """What the settings of the runner put in the place of names."""


class Habits(Struct, frozen=True):
    """How a runner works: what is computed with first, then words for people.

    `wraps`: it opens a transaction. `message`: it sends a text whole, as one message. `renews`: behind a COMMIT its
    driver opens the next transaction. `by_text`: it orders files by their names as text, not by numbers in them.
    """

    title: str
    wraps: bool
    message: bool
    found_by: str
    order: str
    sends: str
    declines: str = "-"
    renews: bool = False
    by_text: bool = False
    source: str = ""
    tried: str = ""


HABITS: dict[Framework, Habits] = {
    Framework.PSQL: Habits(
        "plain SQL, `psql -f`",
        wraps=False,
        message=False,
        found_by="nothing else is found",
        order="numbers in the names",
        sends="each statement by itself, unless the file says BEGIN",
        source="https://www.postgresql.org/docs/current/app-psql.html",
    ),
    Framework.GOLANG_MIGRATE: Habits(
        "golang-migrate",
        wraps=False,
        message=True,
        found_by="`1_name.up.sql`, `1_name.down.sql`",
        order="number before `_`",
        sends="the file as one message, with both drivers (postgres, pgx5)",
        declines="a file of one statement; `x-multi-statement=true` in the URL, which no file tells: set "
        '`wrapping = "statement"`',
        source="https://github.com/golang-migrate/migrate/blob/master/database/postgres/postgres.go",
        tried="4.20",
    ),
    Framework.GOOSE: Habits(
        "goose",
        wraps=True,
        message=False,
        found_by="`-- +goose Up`",
        order="number before `_`",
        sends="each statement in one transaction; what stands between StatementBegin and StatementEnd is one message",
        declines="`-- +goose NO TRANSACTION`, for both ways",
        source="https://github.com/pressly/goose/blob/main/internal/sqlparser/parser.go",
        tried="3.30",
    ),
    Framework.SQL_MIGRATE: Habits(
        "sql-migrate",
        wraps=True,
        message=False,
        found_by="`-- +migrate Up`",
        order="names as text, numbers at their start by value",
        sends="each statement in one transaction",
        declines="`-- +migrate Up notransaction`, `-- +migrate Down notransaction`",
        source="https://github.com/rubenv/sql-migrate#readme",
    ),
    Framework.DBMATE: Habits(
        "dbmate",
        wraps=True,
        message=True,
        found_by="`-- migrate:up`",
        order="names as text",
        sends="each section as one message in a transaction",
        declines="`-- migrate:up transaction:false`; several statements are then one message all the same",
        by_text=True,
        source="https://github.com/amacneil/dbmate/blob/main/pkg/dbmate/db.go",
        tried="2.36",
    ),
    Framework.TERN: Habits(
        "tern",
        wraps=True,
        message=False,
        found_by="`---- create above / drop below ----`, `---- tern: disable-tx ----`, `tern.conf`",
        order="number before `_`",
        sends="each section as one message in a transaction",
        declines="`---- tern: disable-tx ----`: each statement by itself",
        renews=True,
        source="https://github.com/jackc/tern/blob/master/migrate/migrate.go",
        tried="2.3",
    ),
    Framework.ATLAS: Habits(
        "Atlas",
        wraps=True,
        message=False,
        found_by="`atlas.sum` in the folder, `-- atlas:txmode`",
        order="names as text",
        sends="each statement in one transaction",
        declines="`-- atlas:txmode none`",
        by_text=True,
        source="https://github.com/ariga/atlas/blob/master/cmd/atlas/internal/cmdapi/migrate.go",
    ),
    Framework.MORPH: Habits(
        "morph",
        wraps=True,
        message=True,
        found_by="`-- morph:nontransactional`",
        order="number before `_`",
        sends="the file as one message in a transaction",
        declines="`-- morph:nontransactional`",
        source="https://github.com/mattermost/morph/blob/master/drivers/postgres/postgres.go",
    ),
    Framework.ORY: Habits(
        "Ory popx",
        wraps=True,
        message=False,
        found_by="`1_name.autocommit.up.sql`",
        order="number before `_`",
        sends="the file in a transaction",
        declines="`.autocommit.` in the file's name",
        source="https://github.com/ory/x/tree/master/popx",
    ),
    Framework.SQLX: Habits(
        "sqlx",
        wraps=True,
        message=True,
        found_by="`-- no-transaction` at the very start; `sqlx` in a Cargo.toml above a folder `migrations`",
        order="number before `_`",
        sends="the file as one message in a transaction",
        declines="`-- no-transaction` as the first characters; several statements are then one message all the same",
        source="https://github.com/launchbadge/sqlx/blob/main/sqlx-postgres/src/migrate.rs",
        tried="0.8",
    ),
    Framework.DIESEL: Habits(
        "Diesel, Hasura",
        wraps=True,
        message=True,
        found_by="`up.sql`, `down.sql` in a folder per migration",
        order="folders' names as text",
        sends="the file as one message in a transaction",
        declines="`run_in_transaction = false` in `metadata.toml`; several statements are one message all the same",
        source="https://github.com/diesel-rs/diesel/blob/master/diesel_migrations/src/file_based_migrations.rs",
    ),
    Framework.FLYWAY: Habits(
        "Flyway",
        wraps=True,
        message=False,
        found_by="`V1__name.sql`, `U1__name.sql`, `B1__name.sql`, `R__name.sql`",
        order="versions part by part, then repeatable files by name",
        sends="each statement in one transaction. Only statements that refuse one: each by itself. Both kinds in a "
        "file are refused before anything runs, also SET beside CREATE INDEX CONCURRENTLY, unless `mixed=true` is set. "
        "CONCURRENTLY waits for ever on Flyway's own lock, unless `flyway.postgresql.transactional.lock=false`",
        declines="`executeInTransaction=false` in `V1__name.sql.conf`; `mixed=true` in flyway.conf, flyway.toml or "
        "Spring's application files, for a file of both kinds",
        renews=True,
        source="https://github.com/flyway/flyway/blob/main/flyway-database/flyway-database-postgresql/src/main/java/org/"
        "flywaydb/database/postgresql/PostgreSQLParser.java",
        tried="11.8",
    ),
    Framework.LIQUIBASE: Habits(
        "Liquibase, formatted SQL",
        wraps=True,
        message=False,
        found_by="`--liquibase formatted sql`",
        order="numbers in the names; changesets as they stand",
        sends="each statement, a transaction for each changeset",
        declines="`runInTransaction:false` of the changeset",
        renews=True,
        source="https://docs.liquibase.com/concepts/changelogs/sql-format.html",
        tried="4.31",
    ),
    Framework.PRISMA: Habits(
        "Prisma",
        wraps=False,
        message=True,
        found_by="`migration.sql` in a folder per migration",
        order="folders' names as text",
        sends="the file as one message; since 7.4, which package.json tells, CREATE and DROP INDEX CONCURRENTLY by "
        "themselves",
        declines="a file of one statement",
        source="https://www.prisma.io/docs/orm/prisma-migrate/understanding-prisma-migrate/limitations-and-known-issues",
    ),
    Framework.DRIZZLE: Habits(
        "Drizzle",
        wraps=True,
        message=False,
        found_by="`meta/_journal.json` in the folder",
        order="the journal",
        sends="each piece between `--> statement-breakpoint`, all new files in one transaction",
        source="https://github.com/drizzle-team/drizzle-orm/blob/main/drizzle-orm/src/migrator.ts",
        tried="0.45",
    ),
    Framework.NODE_PG_MIGRATE: Habits(
        "node-pg-migrate",
        wraps=True,
        message=True,
        found_by="`-- Up Migration`, `-- Down Migration`",
        order="number before `_`",
        sends="each section as one message, all new files in one transaction",
        declines="- (`noTransaction` is for migrations in JavaScript)",
        source="https://github.com/salsita/node-pg-migrate/blob/main/src/sqlMigration.ts",
        tried="9.0",
    ),
    Framework.SUPABASE: Habits(
        "Supabase CLI",
        wraps=True,
        message=True,
        found_by="a folder `supabase/migrations`",
        order="names as text",
        sends="all statements in one pipeline, which is one transaction; since 2.109 those that refuse one go between "
        "two pipelines, before that they failed",
        by_text=True,
        source="https://github.com/supabase/cli/blob/develop/apps/cli-go/pkg/migration/file.go",
    ),
    Framework.SQITCH: Habits(
        "Sqitch",
        wraps=False,
        message=False,
        found_by="`sqitch.plan` above `deploy`, `revert` and `verify`",
        order="the plan; `revert` files are ways back",
        sends="each statement by itself (psql); the files say BEGIN and COMMIT",
        source="https://sqitch.org/docs/manual/sqitchtutorial/",
    ),
}
"""Every runner that is known. `tried` is the version that ran on PostgreSQL 14 and 18 for these facts."""

assert set(HABITS) == set(Framework)
