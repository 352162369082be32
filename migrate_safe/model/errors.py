"""Errors that a user can act on; the front door turns each into a message and an exit code."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes, stable for scripts and delivery systems."""

    OK = 0
    FAILED = 1
    """Findings, or a failed check, step or verify."""
    USAGE = 2
    """Usage, configuration, unreadable input, or a missing privilege."""
    TRY_LATER = 75
    """No lock within the budget, lease held by another, server unreachable."""
    REFUSED = 77
    """Schema drift, a gate, an approval or compatibility forbids it."""
    INTERRUPTED = 130


class MigrateSafeError(Exception):
    """What is wrong, with which object, where, and what to do next.

    `next_move` is the sentence or command that leads on; `place` is `file:line` where known.
    """

    code: Exit = Exit.FAILED

    def __init__(self, message: str, *, next_move: str = "", place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_move = next_move
        self.place = place

    def __str__(self) -> str:
        """Write the error as people see it: place, message, next move."""
        head = f"{self.place}: {self.message}" if self.place else self.message
        return f"{head}\n  next: {self.next_move}" if self.next_move else head


class UsageError(MigrateSafeError):
    """Bad usage, configuration or input file, or a privilege that the role lacks."""

    code = Exit.USAGE


class StepFailed(MigrateSafeError):
    """A step, verification or check failed; the state is journaled."""

    code = Exit.FAILED


class TryLater(MigrateSafeError):
    """Nothing is wrong for good: blocked, leased or unreachable right now."""

    code = Exit.TRY_LATER


class Refused(MigrateSafeError):
    """Going on would break something: drift, gate, approval, compatibility."""

    code = Exit.REFUSED


class Interrupted(MigrateSafeError):
    """The user asked to stop; the journal says where."""

    code = Exit.INTERRUPTED
