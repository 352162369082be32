"""The outcome of a check: the matrix, and how it was reached."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from migrate_safe.compat.matrix import Matrix
from migrate_safe.model.effect import BreakKind
from migrate_safe.model.release import Verdict


class PlanFault(Struct, frozen=True):
    """What is wrong with a plan whatever the app does: in which step (None: in all of it), and what to do."""

    step: str | None
    reason: str
    next_move: str


class Checked(Struct, frozen=True):
    """A matrix with its circumstances.

    `subject` is the plan's or migration's file, `planned` tells which; `places` says in which file and line stands what
    leads to a state, by its id. `server` says what judged (`PostgreSQL 18`) and
    `provider` where it came from, `base` where the schema came from, `faults` what is wrong with the plan, `notes` what
    else a reader must know.
    """

    subject: str
    planned: bool
    matrix: Matrix
    server: str
    provider: str
    base: tuple[str, ...]
    places: Mapping[str, tuple[str, int]] = MappingProxyType({})
    faults: tuple[PlanFault, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether anything was found that has to be mended."""
        return bool(self.matrix.breaks or self.faults)


def advice(checked: Checked, verdict: Verdict) -> str:
    """Say what to do about a break."""
    if verdict.reason.startswith("does not work"):
        return f"correct the query, or give the schema that {verdict.version} is written for with --schema"
    if verdict.kind is BreakKind.WRITE_REFUSED and any(
        w.new and w.version == verdict.version for w in checked.matrix.asked
    ):
        return f"change the query: {verdict.version} is to live with what this step enforces"
    if verdict.kind is BreakKind.SHAPE:
        otherwise = "name the columns instead of *, or " if "*" in verdict.query else ""
        return f"{otherwise}have pools reconnect (or DEALLOCATE ALL) once this step is done"
    if not checked.planned:
        return f"migrate-safe plan {checked.subject} splits it, so that both versions work at every step"
    match verdict.kind:
        case BreakKind.WRITE_REFUSED:
            return f"the step enforces too early: run it when {verdict.version} is gone, or change the query"
        case BreakKind.ARBITER:
            return "build the unique index that the query needs in expand, before this step"
        case _:
            return f"change the query before {verdict.version} meets this state, or plan the migration anew"
