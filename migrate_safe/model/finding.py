"""Findings of the linter."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from migrate_safe.model.source import Span


class Severity(StrEnum):
    """How bad: ERROR will block, break or lose; WARNING may (something is not known); NOTICE is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Finding(Struct, frozen=True):
    """One finding: who waits on what, where, and the safe SQL in the user's own names ("" where none)."""

    rule: str
    severity: Severity
    span: Span
    message: str
    statement: str
    relation: str | None = None
    effects: tuple[str, ...] = ()
    safe: str = ""
    fixable: bool = False


class Unanalysed(Struct, frozen=True):
    """A file or statement that could not be analysed, with the reason."""

    file: str
    line: int
    reason: str


class LintReport(Struct, frozen=True):
    """The outcome of a lint run."""

    findings: tuple[Finding, ...]
    files: int
    statements: int
    unanalysed: tuple[Unanalysed, ...] = ()
    suppressed: int = 0
    baselined: int = 0
    """Findings that the baseline file knows, and that are left out."""
    frameworks: Mapping[str, int] = field(default_factory=dict)
    """How many of the files each migration runner runs, by its name."""
