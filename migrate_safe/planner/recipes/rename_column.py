"""Rename a column.

Harm of the plain form: from the moment of the rename every query of the old app version that names the column fails,
and before it every query of the new one. Phases: expand adds the column under its new name and keeps both in step
by triggers, whoever writes; migrate fills it and copies indexes and constraints; contract, without old writers,
proves that both agree and hides the old column, which triggers go on filling, so that the step can be taken back
without losing a write; purge drops it. The end is that of the plain rename, names included.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-RENAME
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Backfill, Requirement, Verify
from migrate_safe.model.schema import Column, Table
from migrate_safe.model.values import replace
from migrate_safe.planner.copies import Copies, carried_constraints, carried_indexes, said_of_copied
from migrate_safe.planner.dependents import guard, no_extras, plain_types
from migrate_safe.planner.draft import PURGE_WINDOW, Draft, Outcome, Rank, column_target, draft, sql
from migrate_safe.planner.hiding import Hiding
from migrate_safe.planner.null_names import NullName, renamed_null
from migrate_safe.planner.pairs import Kind, Pair, Sync
from migrate_safe.planner.proofs import NotNull, lift, prove, refill
from migrate_safe.planner.remarks import plain_copies
from migrate_safe.planner.sync import (
    corresponds,
    create_sync,
    drop_sync,
    set_default,
    unset,
)
from migrate_safe.planner.turn_keys import lives_in


class RenameColumn(Struct, frozen=True):
    """Columns of one table to rename: `sync.pairs` says which, `table` is the table as it was before.

    `null_names` are the names of NOT NULL constraints by old column, `owned` the sequences that old columns own.
    `keys` find a row; `mentioned_by` are functions whose text names an old column.
    `from_files` says that grants and settings of columns are not known, `own_types` that types are not all built in.
    `citext` are the columns of that type among unique keys, with its schema; `unguarded` are unique indexes whose new
    keys cannot be inserted in turns. `going` are the indexes and constraints that need no copy, for a column that the
    same migration drops takes them along.
    """

    table: Table
    sync: Sync
    copies: Copies
    null_names: Mapping[str, NullName]
    owned: tuple[tuple[Name, str], ...]
    keys: str
    mentioned_by: tuple[str, ...] = ()
    from_files: bool = False
    own_types: bool = False
    citext: Mapping[str, str] = field(default_factory=dict)
    unguarded: tuple[str, ...] = ()
    going: tuple[str, ...] = ()
    window: str = PURGE_WINDOW

    def steps(self) -> Outcome:
        """Plan the rename."""
        names = tuple(self.null_names[p.old.column] for p in self._not_null())
        hiding = Hiding(self.sync, self.copies.swaps, names, self.owned)
        drafts = (
            self._expand(),
            *(d for pair in self.sync.pairs for d in self._fill(pair)),
            *self.copies.drafts,
            *(d for pair in self._not_null() for d in prove(self._proof(pair.new.column), Rank.HOLD)),
            *(self._recheck(pair) for pair in self.sync.pairs),
            *(d for pair in self._not_null() for d in self._quiet(pair)),
            hiding.hide(),
            hiding.purge(self.window),
        )
        renamed = ", ".join(f"{quote_ident(o)} to {quote_ident(n)}" for o, n in self.renames.items())
        return Outcome(drafts, f"rename {self.name}: {renamed}", self._notes(), (self.name, *self._far_tables()))

    @property
    def name(self) -> Name:
        """The table's name."""
        return self.table.name

    @property
    def renames(self) -> dict[str, str]:
        """Old names to new names."""
        return {pair.old.column: pair.new.column for pair in self.sync.pairs}

    def _not_null(self) -> tuple[Pair, ...]:
        return tuple(p for p in self.sync.pairs if self._old(p).not_null)

    def _old(self, pair: Pair) -> Column:
        column = self.table.column(pair.old.column)
        assert column is not None, "the planner looked it up"
        return column

    def _proof(self, column: str) -> NotNull:
        return NotNull(self.name, column, self.sync.word, self.keys)

    # ---- expand and migrate --------------------------------------------------------------------

    def _expand(self) -> Draft:
        added = tuple(text for pair in self.sync.pairs for text in self._add(pair))
        restored = tuple(
            set_default(self.name, p.old.column, p.old.default) for p in self.sync.pairs if p.kind is Kind.MARKER
        )
        dropped = tuple(f"ALTER TABLE {self.name} DROP COLUMN {quote_ident(n)}" for n in self.renames.values())
        pairs = ", ".join(f"{quote_ident(n)} in step with {quote_ident(o)}" for o, n in self.renames.items())
        constraints = [c.name or "" for c in carried_constraints(self.table, self.renames)]
        indexes = [i.name or "" for i in carried_indexes(self.table, self.renames)]
        return draft(
            Rank.SHAPE,
            "add-synced-column",
            column_target(self.name, *self.renames.values()),
            f"keep {pairs}, whichever app version writes",
            sql(
                *added,
                *create_sync(self.sync),
                require=(
                    guard(self.name, tuple(self.renames), (*constraints, *self.going), (*indexes, *self.going)),
                    *((no_extras(self.name, tuple(self.renames)),) if self.from_files else ()),
                    *((plain_types(self.name, tuple(self.renames)),) if self.own_types else ()),
                    *((lives_in(self.table, self.citext),) if self.citext else ()),
                    *((self._plain_copies(),) if constraints or indexes else ()),
                ),
            ),
            sql(*drop_sync(self.sync), *restored, *dropped),
        )

    def _plain_copies(self) -> Requirement:
        return plain_copies(self.table, self.renames, said_of_copied(self.table, self.renames), targets=True)

    def _add(self, pair: Pair) -> tuple[str, ...]:
        old, new = self._old(pair), quote_ident(pair.new.column)
        collation = f" COLLATE {old.collation}" if old.collation is not None else ""
        added = [f"ALTER TABLE {self.name} ADD COLUMN {new} {pair.new.type}{collation}"]
        added += [f"ALTER TABLE {self.name} ALTER COLUMN {new} {setting}" for setting in old.settings]
        added += [grant.sql(self.name, pair.new.column) for grant in old.grants]
        if old.comment is not None:
            added.append(f"COMMENT ON COLUMN {self.name}.{new} IS {quote_literal(old.comment).strip()}")
        return tuple(added)

    def _fill(self, pair: Pair) -> tuple[Draft, Draft]:
        old, new = quote_ident(pair.old.column), quote_ident(pair.new.column)
        target = column_target(self.name, pair.new.column)
        filled = draft(
            Rank.FILL,
            "backfill",
            target,
            f"copy {old} to {new} where {new} is unset, in batches",
            Backfill(self.name, ((pair.new.column, old),), unset(pair)),
        )
        does = f"prove that {old} and {new} agree in every row; on the way back, before the new one goes"
        return filled, _both_ways(self._verify(pair, Rank.PROVE, "verify", does))

    def _verify(self, pair: Pair, rank: Rank, what: str, does: str) -> Draft:
        old, new = quote_ident(pair.old.column), quote_ident(pair.new.column)
        message = f"{old} and {new} of {self.name} differ: something wrote round the triggers, or wrote both"
        return draft(
            rank, what, column_target(self.name, pair.new.column), does, Verify(self.name, corresponds(pair), message)
        )

    # ---- contract and purge --------------------------------------------------------------------

    def _recheck(self, pair: Pair) -> Draft:
        """Prove it without old writers; and on the way back too, or a write that went round the triggers is lost."""
        old, new = quote_ident(pair.old.column), quote_ident(pair.new.column)
        does = f"prove again that {old} and {new} agree, now without old writers; on the way back, without loss"
        return _both_ways(self._verify(pair, Rank.RECHECK, "verify", does))

    def _quiet(self, pair: Pair) -> tuple[Draft, ...]:
        """Let the retired column be NULL, so that it can never refuse a write of the new app."""
        old, names = pair.old.column, self.null_names[pair.old.column]
        it = self._proof(old)
        named = renamed_null(self.name, names.chosen, names.original)
        does = f"stop requiring {quote_ident(old)}, which only the old app knows"
        return *lift(it, Rank.QUIET, does, named), refill(it, Rank.QUIET, quote_ident(pair.new.column))

    # ---- words ---------------------------------------------------------------------------------

    def _notes(self) -> tuple[str, ...]:
        kinds = {
            Kind.PLAIN: "neither has a default: what is NULL in an INSERT is filled from the other side",
            Kind.DEFAULTS: "both have the same default: what equals it in an INSERT is filled from the other side",
            Kind.MARKER: "their default gives every row its own value: while both are in use it is wrapped in an"
            " expression that marks the side that was left out",
        }
        functions = ", ".join(self.mentioned_by)
        mention = (f"functions that mention the old name must be replaced before contract: {functions}",)
        kept = tuple(
            f"{self.name}: {quote_ident(p.old.column)} and {quote_ident(p.new.column)} are kept in step by triggers"
            f" (kind {p.kind.value}); {kinds[p.kind]}"
            for p in self.sync.pairs
        )
        going = ", ".join(dict.fromkeys(map(quote_ident, self.going)))
        gone = (f"{self.name}: {going} will go with the column that is dropped, and hold for every row until purge",)
        return (*kept, *self._turns(), *(gone if going else ()), *(mention if functions else ()))

    def _turns(self) -> Iterator[str]:
        """Say how far ON CONFLICT is safe while two unique indexes hold one value."""
        if self.sync.turns:
            named = ", ".join(quote_ident(t.index) for t in self.sync.turns)
            yield (
                f"{self.name}: while {named} and its copy hold the same keys, an insert of a new key waits"
                " for an unfinished insert of it, as without the copy, so that ON CONFLICT works for both versions; two"
                " inserts of one new key may still end in a unique violation beyond max_locks_per_transaction new keys"
                " in one transaction, in serializable transactions, and while that key is being deleted; trying again"
                " helps"
            )
        if self.unguarded:
            named = ", ".join(map(quote_ident, self.unguarded))
            yield (
                f"{self.name}: {named} rests on what is not built in: until purge, ON CONFLICT may end in a unique"
                " violation when two sessions insert the same new key at once; trying again helps"
            )

    def _far_tables(self) -> tuple[Name, ...]:
        carried = carried_constraints(self.table, self.renames)
        return tuple(c.references.table for c in carried if c.references is not None)


def _both_ways(made: Draft) -> Draft:
    """Prove the same on the way back."""
    return replace(made, step=replace(made.step, undo=made.step.work))
