"""What lint is asked, and what it answers; light, for what is in the cache is answered without the rest."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Protocol, TypeVar

from msgspec import Struct

from migrate_safe.model.errors import Exit
from migrate_safe.model.finding import Finding, LintReport, Severity, Unanalysed
from migrate_safe.model.framework import Framework, Runner
from migrate_safe.model.preferences import Preferences
from migrate_safe.model.source import Source
from migrate_safe.model.wrapping import Wrapping

S = TypeVar("S")


class LintRequest(Struct, frozen=True):
    """What to lint and how; `version` and `wrapping` are None where the user did not say.

    `schema` names files, folders or servers; `rules` is a folder of rules beside those of the tool. What `wrapping` and
    `framework` say wins over `preferences`, of which later ones win.
    """

    paths: tuple[Path, ...]
    schema: tuple[str, ...] = ()
    rules: Path | None = None
    version: int | None = None
    wrapping: Wrapping | None = None
    framework: Framework | None = None
    """What runs the migrations, where the user says so."""
    placeholders: tuple[tuple[str, str], ...] = ()
    """What is put in the place of names in migrations, on top of what the settings of the runner say."""
    preferences: tuple[Preferences, ...] = ()
    today: date | None = None
    """The day on which suppressions that name their last day are heeded; None: none is over."""
    since: str | None = None
    """A git revision: only what changed since the branch left it is reported. Without paths: in every SQL file."""
    baseline: Path | None = None
    """A file of findings that are known and left out."""


class LintOutcome(Struct, frozen=True):
    """The report, and the files that could not be read at all."""

    report: LintReport
    unread: tuple[Unanalysed, ...] = ()

    def exit_code(self, fail_on: Severity = Severity.WARNING) -> Exit:
        """Give the exit code: unreadable input first, for the report is not whole then."""
        if self.unread:
            return Exit.USAGE
        bad = any(finding.severity.rank <= fail_on.rank for finding in self.report.findings)
        return Exit.FAILED if bad else Exit.OK


class Step(Struct, frozen=True):
    """A file in its turn: `wanted` where its findings are reported, `ordered` where later files stand on it.

    `among` says that it is one of several files of a history, `new` that the branch adds it.
    """

    path: Path
    wanted: bool
    ordered: bool
    source: Source | Unanalysed
    wrapping: Wrapping | None
    runner: Runner
    among: bool = False
    new: bool = False


class Judged(Struct, frozen=True):
    """What one file gives; `counts` is false for a file that was only read for its effect on the schema."""

    counts: bool = True
    findings: tuple[Finding, ...] = ()
    statements: int = 0
    unanalysed: tuple[Unanalysed, ...] = ()
    suppressed: int = 0
    framework: Framework | None = None
    unread: Unanalysed | None = None


class Linter(Protocol[S]):
    """What judges files, with all its knowledge of SQL and PostgreSQL; S is what it knows of a schema."""

    @property
    def base(self) -> S:
        """The schema before the first file."""

    @property
    def unread(self) -> tuple[Unanalysed, ...]:
        """What of the schema that the user names could not be read."""

    @property
    def kind(self) -> type[S]:
        """The type of a schema."""

    def take(self, step: Step, source: Source, before: S) -> tuple[Judged | None, S]:
        """Judge a file that is wanted, on the schema before it, and give the schema after it."""
