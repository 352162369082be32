"""The page on migration runners: how each is found, orders files and sends them."""

from __future__ import annotations

from migrate_safe.model.framework import HABITS, Framework, Habits

_HEAD = """# Migration runners

What a migration does to a database also depends on what runs it: CREATE INDEX CONCURRENTLY is refused within a
transaction, and a lock that is taken early in one is held to its end. `lint` and `trace` find the runner of each
file, and with it the order of the files, which of them lead back, and where transactions begin and end. The figures
of `lint` say which runner was taken, `summary.frameworks` in JSON for how many files.

These decide, the first that speaks:

1. `--transaction file|statement`, then `wrapping` in the [settings](config.md): how files are sent, whatever the runner
2. `--framework NAME`, then `framework` in the settings, which `[[paths]]` narrow down
3. marks in the file
4. its name, and the files beside and above it, up to the top of the repository
5. nothing: plain SQL as psql sends it

Several statements in one message are one transaction to the server, a single one is not; a COMMIT of the file's own
ends it, and behind that the next such transaction begins. So a file of one statement and a file of two fare
differently in the hands of some runners. An explicit BEGIN or COMMIT is followed: what comes after a COMMIT is
outside of the runner's transaction, unless the text is one message, or the driver opens the next transaction (JDBC).

Files of Alembic and Django are no SQL; SQL that they export is read as plain SQL.
"""


def frameworks_page() -> str:
    """Write the page in Markdown."""
    return "\n".join([_HEAD, *(_part(framework, habits) for framework, habits in HABITS.items())])


def _part(framework: Framework, habits: Habits) -> str:
    tried = f"\n- seen: version {habits.tried} on PostgreSQL 14 and 18" if habits.tried else ""
    return f"""## {framework}

{habits.title}: <{habits.source}>

- found by: {habits.found_by}
- order: {habits.order}
- sends: {habits.sends}
- no transaction: {habits.declines}{tried}
"""
