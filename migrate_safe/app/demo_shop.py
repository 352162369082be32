"""The shop of the demo: its schema and rows, its migration, and its two app versions at work."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from shutil import copytree

from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.release_files import read_release
from migrate_safe.adapters.workload import Operation, Workload
from migrate_safe.model.names import Name
from migrate_safe.sql.query_files import split_queries

OLD, NEW = "v41", "v42"
MIGRATION = Path("migrations/0042_contact.sql")
BASELINE = Path("migrations/0001_shop.sql")
CUSTOMERS, ORDERS = Name("public", "customers"), Name("public", "orders")

READERS, WRITERS = 6, 10

_SHAPES = (
    ("find a customer", 50.0, None),
    ("orders of a customer", 30.0, None),
    ("to whom does the bill go", 20.0, None),
    ("change an address", 25.0, CUSTOMERS.name),
    ("new customer", 5.0, CUSTOMERS.name),
    ("new order", 20.0, ORDERS.name),
    ("latest orders", 10.0, None),
)
"""For each query of a release file, in its order: what it is called, calls a second, which table remembers it."""


def lay_out(folder: Path) -> None:
    """Write the shop's project, migrations and releases, into a folder."""
    with as_file(files("migrate_safe.app") / "shop") as source:
        copytree(source, folder, dirs_exist_ok=True)


def build(dsn: str, project: Path, rows: int) -> None:
    """Create the shop's tables with `rows` customers and twice as many orders."""
    with connect(dsn) as connection:
        connection.execute((project / BASELINE).read_bytes())
        for query in split_queries((project / "fill.sql").read_text()):
            values = {"rows": rows} if "%(rows)s" in query.sql else None
            connection.execute(query.sql.encode(), values)


def release_file(project: Path, version: str) -> Path:
    """Give the release file of a version."""
    return project / "releases" / f"{version}.yaml"


def workload(project: Path, version: str, dsn: str, rows: int) -> Workload:
    """Give the load of a version: the queries of its release file, each at its rate.

    The versions change rows of their own, so that it is known which write was the last one.
    """
    queries = read_release(release_file(project, version)).queries
    operations = tuple(
        Operation(name, (query.sql,), rate, writes=remembers is not None, remembers=remembers)
        for query, (name, rate, remembers) in zip(queries, _SHAPES, strict=False)
    )
    share = ((OLD, NEW).index(version), 2)
    return Workload("shop", version, dsn, operations, rows, share, READERS, WRITERS)
