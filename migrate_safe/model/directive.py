"""What comments say to this tool."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.source import Span

OLD_APP_KEEPS = "old-app-keeps"
"""The directive verb by which a migration says that no write of the old app breaks what a statement adds."""

BACK = "back"
"""The directive verb by which a migration says how the old value of a column follows from the new one."""

UNDO = "undo"
"""The directive verb by which a migration gives the SQL that takes a statement back; `undo nothing` where none need."""

PHASE = "phase"
"""The directive verb by which a migration says in which phase a statement with an undo of its own runs."""

FOR_LINT = ("ignore", "ignore-file")
"""All verbs that `lint` reads: silence at a statement, or in the whole file."""

FOR_PLAN = (OLD_APP_KEEPS, BACK, UNDO, PHASE)
"""All verbs that `plan` reads."""

HEAD = "migrate-safe:"
"""How a comment to this tool begins."""


class Directive(Struct, frozen=True):
    """A comment `-- migrate-safe: VERB ARGUMENTS`, e.g. `ignore index-not-concurrent: table is tiny`.

    `statement` is the index of the statement it stands on or directly before; None: the whole file. `lines` are the
    first and last one of the statement inside a DO block that it speaks of; None: of all. It stands on one line;
    `verb_at` and `arguments_at` count characters from its start. `head` is how the tool's name is written.
    """

    verb: str
    arguments: str
    span: Span
    statement: int | None = None
    verb_at: int = 0
    arguments_at: int = 0
    lines: tuple[int, int] | None = None
    head: str = HEAD

    @property
    def verb_span(self) -> Span:
        """Where the verb stands; the whole directive where there is none."""
        return self._piece(self.verb_at, self.verb_at + len(self.verb)) if self.verb else self.span

    def part(self, start: int, end: int) -> Span:
        """Give the place of a range of the arguments' characters."""
        return self._piece(self.arguments_at + start, self.arguments_at + end)

    def _piece(self, start: int, end: int) -> Span:
        whole = self.span
        first, last = whole.column + start, whole.column + end
        return Span(whole.file, whole.start + start, whole.start + end, whole.line, first, whole.line, last)
