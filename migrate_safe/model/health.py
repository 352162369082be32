"""What is wrong with a database or with the rights of a role on it, as `doctor` says it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Gravity(StrEnum):
    """How bad: an error stops a plan, a warning costs or will stop one, a notice is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class Trouble(Struct, frozen=True):
    """One thing: what it is about (`privilege`, `server`, `leftover`, `lease`, `plan`), in words, and what helps.

    `remedy` is a statement, a command or a sentence.
    """

    about: str
    gravity: Gravity
    what: str
    remedy: str


class DoctorReport(Struct, frozen=True):
    """All that was found, the worst first. `role` is the one that would run plans; `version` the server's."""

    database: str
    role: str
    version: str
    now: datetime
    troubles: tuple[Trouble, ...]

    @property
    def well(self) -> bool:
        """Whether nothing worse than notices was found."""
        return all(t.gravity is Gravity.NOTICE for t in self.troubles)
