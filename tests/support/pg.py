"""The client tools of a server, and schemas in a form that tests can compare."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.scratch import ScratchServer

NOISE = re.compile(r"(--.*|\\(un)?restrict\b.*|SET .*;|SELECT pg_catalog\.set_config\(.*|)$")
TABLE = re.compile(r"(CREATE (?:UNLOGGED |FOREIGN )?TABLE (\S[^\n]*) \(\n)(.*?)(\n\)[^\n]*)", re.DOTALL)


class SchemaDump(Struct, frozen=True):
    """A normalised `pg_dump --schema-only`: equal texts mean equal schemas but for the order of columns.

    `columns` gives for each table its column and inline constraint lines in the order that the table has them.
    """

    text: str
    columns: dict[str, tuple[str, ...]]


class PgTools(Struct, frozen=True):
    """psql and pg_dump, of a version that can talk to the server."""

    bin: Path

    @classmethod
    def of(cls, server: ScratchServer) -> PgTools:
        """Give the tools that fit a server."""
        return cls(server.bin)

    def run(self, tool: str, *arguments: str, stdin: str = "") -> str:
        """Run a tool and give what it wrote; raises AssertionError with its complaint when it fails."""
        command = [str(self.bin / tool), *arguments]
        ran = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{tool} failed: {ran.stderr}"
        return ran.stdout

    def psql(self, dsn: str, script: str) -> str:
        """Run a script as psql does (each statement on its own unless it says BEGIN); gives unaligned rows."""
        return self.run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", dsn, stdin=script)

    def dump_schema(self, dsn: str, *, without: tuple[str, ...] = ("migrate_safe",)) -> SchemaDump:
        """Dump the schema, leaving out the named schemas, as a value that two databases can be compared by."""
        left_out = [f"--exclude-schema={name}" for name in without]
        return normalised(self.run("pg_dump", "--schema-only", *left_out, "-d", dsn))


def normalised(dump: str) -> SchemaDump:
    """Drop what differs between dumps of equal schemas; sort the columns of each table and report their order."""
    columns: dict[str, tuple[str, ...]] = {}

    def sort_columns(found: re.Match[str]) -> str:
        lines = tuple(line.removesuffix(",") for line in found[3].split("\n"))
        columns[found[2]] = tuple(line.strip() for line in lines)
        return found[1] + "\n".join(sorted(lines)) + found[4]

    text = "\n".join(line for line in dump.split("\n") if not NOISE.fullmatch(line))
    return SchemaDump(TABLE.sub(sort_columns, text), columns)
