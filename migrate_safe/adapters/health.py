"""What a server and a role lack for plans in general."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.adapters.database import Database
from migrate_safe.model.health import Gravity, Trouble
from migrate_safe.model.names import as_argument
from migrate_safe.model.postgres import MAJORS

_ROLE = """
SELECT quote_ident(current_user), quote_ident(current_database()),
    has_database_privilege(current_database(), 'CREATE') OR to_regnamespace('migrate_safe') IS NOT NULL,
    pg_has_role('pg_read_all_stats', 'USAGE'),
    has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
"""
_STRANGE = """
SELECT quote_ident(pg_get_userbyid(c.relowner)), count(*), min(c.oid::regclass::text), quote_ident(current_user)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate_safe')
    AND n.nspname NOT LIKE 'pg\\_%' AND NOT pg_has_role(c.relowner, 'USAGE')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.deptype = 'e')
GROUP BY c.relowner ORDER BY 1
"""
_CLOSED = """
SELECT DISTINCT quote_ident(n.nspname), quote_ident(current_user)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate_safe')
    AND n.nspname NOT LIKE 'pg\\_%' AND pg_has_role(c.relowner, 'USAGE')
    AND NOT has_schema_privilege(n.oid, 'CREATE')
ORDER BY 1
"""
_JOURNAL = """
SELECT quote_ident(pg_get_userbyid(nspowner)), quote_ident(current_user) FROM pg_namespace
WHERE nspname = 'migrate_safe' AND NOT pg_has_role(nspowner, 'USAGE')
"""
_SERVER = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean"


def of_server(db: Database) -> Iterator[Trouble]:
    """Say whether plans can run on this server at all."""
    if db.major not in MAJORS:
        what = f"PostgreSQL {db.major} is not among the versions that are supported"
        yield Trouble("server", Gravity.ERROR, what, f"use one of {MAJORS[0]} to {MAJORS[-1]}")
    standby, read_only = db.query(_SERVER)[0]
    if standby:
        yield Trouble("server", Gravity.ERROR, "this server is a standby", "give the DSN of the primary")
    elif read_only:
        what = "transactions are read-only here (default_transaction_read_only)"
        yield Trouble("server", Gravity.ERROR, what, "find out why somebody has made the database read-only")


def of_role(db: Database) -> Iterator[Trouble]:
    """Say which rights the role lacks on the database."""
    role, database, creates, sees, controls = db.query(_ROLE)[0]
    for owner, member in db.query(_JOURNAL):
        what = f"the journal belongs to {owner}, of which {member} is no member: it can be read at most"
        yield Trouble(
            "privilege", Gravity.ERROR, what, f"run as --role {as_argument(owner)}, or GRANT {owner} TO {member}"
        )
    if not creates:
        what = f"role {role} may not create the schema migrate_safe, in which the journal is kept"
        yield Trouble("privilege", Gravity.ERROR, what, f"GRANT CREATE ON DATABASE {database} TO {role}")
    if not sees:
        what = f"role {role} sees neither age nor application of sessions in the way: it learns their age by watching"
        yield Trouble("privilege", Gravity.NOTICE, what, f"GRANT pg_read_all_stats TO {role}")
    if not controls:
        what = f"role {role} may not ask for the system identifier: a clone of the cluster shows by less"
        yield Trouble("privilege", Gravity.NOTICE, what, f"GRANT EXECUTE ON FUNCTION pg_control_system() TO {role}")


def of_tables(db: Database) -> Iterator[Trouble]:
    """Say which tables the role cannot alter, and where it cannot make indexes on its own; by owner and schema."""
    for owner, count, first, role in db.query(_STRANGE):
        tables = f"table {first}" if count == 1 else f"{count} tables, {first} among them,"
        what = f"{tables} can be altered only by {owner}, of which {role} is no member"
        yield Trouble(
            "privilege",
            Gravity.NOTICE,
            what,
            f"run plans on them with --role {as_argument(owner)}, or GRANT {owner} TO {role}",
        )
    for schema, role in db.query(_CLOSED):
        what = f"role {role} may not make indexes and tables in schema {schema}, where it owns tables"
        yield Trouble("privilege", Gravity.WARNING, what, f"GRANT CREATE ON SCHEMA {schema} TO {role}")
