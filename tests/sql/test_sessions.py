"""Transactions and settings."""

import pytest

from migrate_safe.model.statement import Action, Other, SetVariable, Transaction, TransactionVerb
from tests.sql.reading import action


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("BEGIN", Transaction(TransactionVerb.BEGIN)),
        ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE", Transaction(TransactionVerb.BEGIN)),
        ("COMMIT AND CHAIN", Transaction(TransactionVerb.COMMIT, chain=True)),
        ("END", Transaction(TransactionVerb.COMMIT)),
        ("ABORT", Transaction(TransactionVerb.ROLLBACK)),
        ("SAVEPOINT a", Transaction(TransactionVerb.SAVEPOINT, "a")),
        ("RELEASE a", Transaction(TransactionVerb.RELEASE, "a")),
        ("ROLLBACK TO SAVEPOINT a", Transaction(TransactionVerb.ROLLBACK_TO, "a")),
        ("PREPARE TRANSACTION 'x'", Transaction(TransactionVerb.PREPARE, "x")),
        ("COMMIT PREPARED 'x'", Other("TransactionStmt", detail="commit prepared")),
        ("SET lock_timeout = '5s'", SetVariable("lock_timeout", "5s")),
        ("SET LOCAL Lock_Timeout TO 500", SetVariable("lock_timeout", "500", local=True)),
        ("SET SESSION work_mem TO '1GB'", SetVariable("work_mem", "1GB")),
        ("SET search_path = \"$user\", public, 'App'", SetVariable("search_path", '"$user", public, "App"')),
        ("SET x.y TO true", SetVariable("x.y", "true")),
        ("SET seed TO 0.5", SetVariable("seed", "0.5")),
        ("SET TIME ZONE 'UTC'", SetVariable("timezone", "UTC")),
        ("SET ROLE joe", SetVariable("role", "joe")),
        ("SET lock_timeout TO DEFAULT", SetVariable("lock_timeout", None)),
        ("SET LOCAL lock_timeout TO DEFAULT", SetVariable("lock_timeout", None, local=True)),
        ("RESET lock_timeout", SetVariable("lock_timeout", None)),
        ("RESET ALL", SetVariable("all", None)),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", Other("VariableSetStmt", detail="transaction")),
        ("DISCARD ALL", Other("DiscardStmt", detail="all")),
    ],
)
def test_sessions(sql: str, expected: Action) -> None:
    assert action(sql) == expected
