"""Which rights a role lacks for a plan, each with what gives it to the role."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from migrate_safe.adapters.database import Database
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import as_argument, in_quotes
from migrate_safe.model.plan import Plan, Sql
from migrate_safe.planner.subjects import altered_tables, makes_schemas, referenced_tables, schemas_to_create_in

_NOT_OWNED = """
SELECT n, quote_ident(pg_get_userbyid(c.relowner)), quote_ident(current_user)
FROM unnest(%s::text[]) AS n JOIN pg_class AS c ON c.oid = to_regclass(n)
WHERE NOT pg_has_role(c.relowner, 'USAGE')
"""
_NOT_REFERENCED = """
SELECT n, quote_ident(current_user) FROM unnest(%s::text[]) AS n
WHERE to_regclass(n) IS NOT NULL AND NOT has_any_column_privilege(to_regclass(n), 'REFERENCES')
"""
_NOT_USED = """
SELECT quote_ident(n), quote_ident(current_user) FROM unnest(%s::text[]) AS n JOIN pg_namespace ON nspname = n
WHERE NOT has_schema_privilege(oid, 'USAGE')
"""
_NOT_OPEN = """
SELECT quote_ident(n), quote_ident(current_user) FROM unnest(%s::text[]) AS n JOIN pg_namespace ON nspname = n
WHERE NOT has_schema_privilege(nspname, 'CREATE')
"""
_NO_SCHEMAS = """
SELECT quote_ident(current_database()), quote_ident(current_user)
WHERE NOT has_database_privilege(current_database(), 'CREATE')
"""
_HIDING = """
SELECT n, quote_ident(current_user) FROM unnest(%s::text[]) AS n WHERE row_security_active(to_regclass(n))
"""


class Lack(Struct, frozen=True):
    """A right that is missing, and the statement or option that helps."""

    what: str
    remedy: str


def check_privileges(db: Database, plan: Plan) -> None:
    """Raise UsageError when the role does not own a table that the plan alters, or does not see all its rows."""
    _refuse(lacking(db, plan))


def check_rights_ahead(db: Database, plan: Plan, position: int) -> None:
    """Raise UsageError when steps still to be done need rights that the role lacks where it owns nothing."""
    _refuse(lacking_ahead(db, plan, position))


def lacking(db: Database, plan: Plan) -> Iterator[Lack]:
    """Give what the role lacks on the tables that a plan alters.

    Policies hide rows even from the owner under FORCE ROW LEVEL SECURITY: a backfill would leave them out.
    """
    shut = tuple(_shut(db, plan))
    yield from shut
    if shut:
        return  # the server tells nothing about tables in there
    tables = sorted(map(str, altered_tables(plan)))
    for table, owner, role in db.query(_NOT_OWNED, (tables,)):
        yield Lack(
            f"role {in_quotes(role)} does not own {in_quotes(table)},"
            f" and only its owner {in_quotes(owner)} may alter it",
            f"run as --role {as_argument(owner)}, or GRANT {owner} TO {role}",
        )
    for table, role in db.query(_HIDING, (tables,)):
        yield Lack(
            f"row-level security hides rows of {in_quotes(table)} from role {in_quotes(role)}:"
            " they could be neither filled nor proven",
            "run as an owner of the table with BYPASSRLS (ALTER ROLE ... BYPASSRLS), or"
            f" ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY for as long as the plan runs",
        )


def lacking_ahead(db: Database, plan: Plan, position: int) -> Iterator[Lack]:
    """Give what the steps still to be done need and the role lacks, where owning the table is not enough.

    These are CREATE on a schema, for tables and indexes, on the database, for schemas, and REFERENCES on the far table
    of a foreign key.
    """
    if any(_shut(db, plan)):
        return
    steps = plan.steps[position:]
    for schema, role in db.query(_NOT_OPEN, (sorted(schemas_to_create_in(steps)),)):
        yield Lack(
            f"role {in_quotes(role)} may not create tables and indexes in schema {schema}",
            f"GRANT CREATE ON SCHEMA {schema} TO {role}, as the owner of the schema",
        )
    for database, role in db.query(_NO_SCHEMAS) if makes_schemas(steps) else ():
        yield Lack(
            f'role "{role}" may not create schemas in database {database}, where what goes is kept until purge',
            f"GRANT CREATE ON DATABASE {database} TO {role}, as the owner of the database",
        )
    wanted = sorted(map(str, referenced_tables(steps)))
    for table, role in db.query(_NOT_REFERENCED, (wanted,)):
        yield Lack(
            f"role {in_quotes(role)} may not make foreign keys that refer to {in_quotes(table)}",
            f"GRANT REFERENCES, SELECT ON {table} TO {role}, as the owner of {table}",
        )


def _shut(db: Database, plan: Plan) -> Iterator[Lack]:
    """Give the schemas of a plan's tables into which the role may not even look."""
    works = [work for step in plan.steps for work in (step.work, step.undo)]
    tables = {*plan.touches, *(lock.relation for w in works if isinstance(w, Sql) for lock in w.locks)}
    for schema, role in db.query(_NOT_USED, (sorted({t.schema for t in tables if t.schema is not None}),)):
        yield Lack(
            f"role {in_quotes(role)} may not look into schema {schema}, where tables of the plan are",
            f"GRANT USAGE ON SCHEMA {schema} TO {role}, as the owner of the schema",
        )


def _refuse(lacks: Iterator[Lack]) -> None:
    for lack in lacks:
        raise UsageError(lack.what, next_move=lack.remedy)
