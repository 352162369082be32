"""Drop views, functions, triggers and policies, and make them again under their names.

Harm of the plain form: between the two statements there is none, and what the old app reads or calls may be another
thing after. Phases: one transaction does both, in expand where the old app finds all it knows, else in contract: a name
stands for one thing at a time. Where CREATE OR REPLACE leads to the same, that is used. The undo makes all as it was.

https://www.postgresql.org/docs/current/sql-createview.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.model.plan import Requirement, Sql, Work
from migrate_safe.model.values import replace
from migrate_safe.planner.draft import Draft, Outcome, Rank, draft, sql

_NAMED = 3


class MakeAnew(Struct, frozen=True):
    """Objects that are dropped and made again together.

    `noticed` are those in which the old app would miss something, `let_go` the statements before whatever needs them
    gone, `made` those after it; `taken` and `given` are the same of the way back. `require` must hold before.
    """

    names: tuple[str, ...]
    noticed: tuple[str, ...]
    let_go: tuple[str, ...]
    made: tuple[str, ...]
    taken: tuple[str, ...]
    given: tuple[str, ...]
    rank: Rank
    touches: tuple[Name, ...] = ()
    require: tuple[Requirement, ...] = ()

    def steps(self) -> Outcome:
        """Plan the exchange."""
        return Outcome((self._draft(),), f"make {self._listed} anew", self.notes(), self.touches)

    @property
    def _listed(self) -> str:
        more = len(self.names) - _NAMED
        return ", ".join(self.names[:_NAMED]) + (f" and {more} more" if more > 0 else "")

    def _draft(self) -> Draft:
        why = "; the old app would miss what is gone from it" if self.noticed else ""
        return draft(
            self.rank,
            "make-anew",
            "+".join(self.names[:_NAMED]),
            f"make {self._listed} anew, in one transaction{why}",
            sql(*self.let_go, *self.made, require=self.require),
            sql(*self.taken, *self.given),
        )

    def around(self, changes: Sequence[Draft]) -> Draft:
        """Put changes of types, which need the objects gone, into the middle of the exchange; it takes their place."""
        last = changes[-1]
        return replace(
            last,
            step=replace(
                last.step,
                does=f"{'; '.join(d.step.does for d in changes)}; {self._listed} stood in the way, and is made anew",
                work=joined(
                    (sql(*self.let_go, require=self.require), *(d.step.work for d in changes), sql(*self.made))
                ),
                undo=joined((sql(*self.taken), *(d.step.undo for d in reversed(changes)), sql(*self.given))),
            ),
        )

    def notes(self) -> tuple[str, ...]:
        """Say which app version meets which form."""
        if self.rank >= Rank.QUIET:
            return tuple(
                f"{name} is as it was until contract, and the new one from then on: the new app must work with both"
                for name in self.noticed or self.names
            )
        return (f"{self._listed}: both app versions use the new definition from {self.rank.phase} on",)


def joined(works: Iterable[Work | None]) -> Sql:
    """Put pieces of SQL behind each other into one transaction."""
    pieces = [w for w in works if isinstance(w, Sql)]
    require = tuple(r for w in pieces for r in w.require)
    return sql(*(s for w in pieces for s in w.statements), require=require)
