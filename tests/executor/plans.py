"""Plans written by hand, as values."""

from __future__ import annotations

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.postgres import connect
from migrate_safe.catalog.fingerprint import fingerprint
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.plan import (
    Backfill,
    BuildIndex,
    DropIndexConcurrently,
    Phase,
    Plan,
    PlanSource,
    Requirement,
    Sql,
    Step,
    Verify,
)
from migrate_safe.model.values import replace

USERS = Name("public", "users")
INDEX = Name("public", "users_email_idx")
SCHEMA = """
CREATE TABLE users (id bigint PRIMARY KEY, email text, note text);
INSERT INTO users SELECT g, 'u' || g || '@x', 'n' FROM generate_series(1, {rows}) AS g;
ANALYZE users;
"""


def sql(*statements: str, table: Name = USERS, mode: LockMode = LockMode.ACCESS_EXCLUSIVE, **more: object) -> Sql:
    """SQL that locks one table."""
    return Sql(statements, (Lock(table, mode),), **more)  # type: ignore[arg-type]


def plan(*steps: Step, name: str = "p", touches: tuple[Name, ...] = (USERS,), fingerprint: str = "") -> Plan:
    return Plan(name, "test", PlanSource("m.sql", "00"), steps, fingerprint or "sha256:" + "0" * 64, touches)


def index_step(unique: str = "") -> Step:
    statement = f"CREATE {unique} INDEX CONCURRENTLY users_email_idx ON public.users (email)"
    return Step(
        "expand.build-index",
        Phase.EXPAND,
        "index users.email",
        BuildIndex(USERS, INDEX, statement),
        DropIndexConcurrently(USERS, INDEX),
    )


ADD = Step(
    "expand.add-column",
    Phase.EXPAND,
    "add users.mail",
    sql("ALTER TABLE public.users ADD COLUMN mail text"),
    sql("ALTER TABLE public.users DROP COLUMN mail"),
)
FILL = Step(
    "migrate.backfill",
    Phase.MIGRATE,
    "fill users.mail",
    Backfill(USERS, (("mail", "email"),), "mail IS NULL AND email IS NOT NULL"),
    Sql(),
)
PROVE = Step(
    "migrate.verify", Phase.MIGRATE, "verify", Verify(USERS, "mail IS NOT DISTINCT FROM email", "mail differs"), Sql()
)
CHECK = Step(
    "contract.check",
    Phase.CONTRACT,
    "helper check",
    sql("ALTER TABLE public.users ADD CONSTRAINT ms_nn CHECK (mail IS NOT NULL) NOT VALID"),
    sql("ALTER TABLE public.users DROP CONSTRAINT ms_nn"),
)
VALIDATE = Step(
    "contract.validate",
    Phase.CONTRACT,
    "validate",
    sql("ALTER TABLE public.users VALIDATE CONSTRAINT ms_nn", mode=LockMode.SHARE_UPDATE_EXCLUSIVE),
    Sql(),
)
NOT_NULL = Step(
    "contract.not-null",
    Phase.CONTRACT,
    "set not null",
    sql("ALTER TABLE public.users ALTER mail SET NOT NULL", "ALTER TABLE public.users DROP CONSTRAINT ms_nn"),
    sql("ALTER TABLE public.users ALTER mail DROP NOT NULL"),
    takes_back=("contract.check", "contract.validate"),
)
HIDE = Step(
    "contract.hide",
    Phase.CONTRACT,
    "hide users.email",
    sql('ALTER TABLE public.users RENAME email TO "~email"'),
    sql(
        'ALTER TABLE public.users RENAME "~email" TO email',
        require=(Requirement("SELECT id FROM public.users WHERE mail = 'bad'", "mail is bad"),),
    ),
)
PURGE = Step(
    "purge.drop",
    Phase.PURGE,
    "drop users.email",
    sql('ALTER TABLE public.users DROP COLUMN "~email"'),
    None,
    not_before="7d",
    irreversible="drops users.email",
)
STORY = plan(ADD, index_step(), FILL, PROVE, CHECK, VALIDATE, NOT_NULL, HIDE, PURGE, name="story")


def fit(dsn: str, made: Plan) -> Plan:
    """Give a plan the fingerprint of the database that it is for."""
    with connect(dsn) as connection:
        return replace(made, fingerprint=fingerprint(read_schema(connection), made.touches))
