"""Keep a backfill from changing more than its columns: what triggers of the user add to its UPDATEs is left out.

A trigger that fires after all others gives the row back as it was, with the columns of the backfill alone. It fires for
the statements of its own backfill, not for those that triggers of the user send meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import FILLING, filling
from migrate_safe.model.schema import Table
from migrate_safe.planner.draft import CannotPlan, Draft, Rank, draft, sql
from migrate_safe.planner.identifiers import function, last_trigger
from migrate_safe.planner.turns import dollar_quote

_FUNCTION = """\
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS {quote}
BEGIN
{body}  RETURN OLD;
END
{quote}"""

_TRIGGER = """\
CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW
  WHEN (pg_trigger_depth() = 0 AND current_setting('{marker}', true) IN ({fills}))
  EXECUTE FUNCTION {function}()"""


class Keep(Struct, frozen=True):
    """The trigger for backfills of some columns of a table; `word` makes the function's name unique."""

    table: Name
    columns: tuple[str, ...]
    word: str
    trigger: str

    def create(self) -> tuple[str, str]:
        """Write the function and its trigger."""
        name = function("keep", self.word)
        body = "".join(f"  OLD.{quote_ident(c)} := NEW.{quote_ident(c)};\n" for c in self.columns)
        fills = ", ".join(quote_literal(filling(self.table, (c,))).strip() for c in self.columns)
        trigger = quote_ident(self.trigger)
        return (
            _FUNCTION.format(name=name, quote=dollar_quote(body), body=body),
            _TRIGGER.format(name=trigger, table=self.table, marker=FILLING, fills=fills, function=name),
        )

    def drop(self) -> tuple[str, str]:
        """Drop what `create` made."""
        return self.drop_trigger, self.drop_function

    @property
    def drop_trigger(self) -> str:
        """Write DROP TRIGGER."""
        return f"DROP TRIGGER {quote_ident(self.trigger)} ON {self.table}"

    @property
    def drop_function(self) -> str:
        """Write DROP FUNCTION."""
        return f"DROP FUNCTION {function('keep', self.word)}()"


def keep_of(table: Table, columns: Iterable[str], word: str, more: Iterable[str] = ()) -> Keep | None:
    """Give the keeping trigger that backfills of a table need: None where the user has no BEFORE UPDATE trigger.

    It fires after those of the user and `more`. Raises CannotPlan when no name sorts after theirs.
    """
    updates = [t.name for t in table.triggers if t.timing == "BEFORE" and t.for_each_row and "UPDATE" in t.events]
    if not updates:
        return None
    name = last_trigger(f"ms_keep_{word}", [*updates, *more])
    if name is None:
        raise CannotPlan(
            f"a trigger of {table.name} has a name after which none of ours can sort",
            "rename that trigger",
        )
    return Keep(table.name, tuple(columns), word, name)


def let_go(keep: Keep | None, target: str) -> tuple[Draft, ...]:
    """Make the step that drops a keeping trigger once nothing is left to fill."""
    if keep is None:
        return ()
    does = "drop the trigger that kept other columns as they were while old rows were filled"
    return (draft(Rank.PROVE, "let-go", target, does, sql(*keep.drop()), sql(*keep.create())),)
