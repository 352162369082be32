"""Change the type of a column where its values have to be written anew.

Harm of the plain form: the whole table and its indexes are written anew under ACCESS EXCLUSIVE. Phases: expand adds a
column of the new type under a helper name, which follows the old one by triggers; migrate fills it and builds its
indexes and constraints; contract proves that all values are right and exchanges the names in one transaction, after
which the old column follows the new one, so that the step can be taken back; purge drops it.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DATA-TYPE
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Backfill, Requirement, Verify
from migrate_safe.model.schema import Column, Constraint, Table
from migrate_safe.model.values import replace
from migrate_safe.planner.constraints import loosen
from migrate_safe.planner.copies import Copies
from migrate_safe.planner.draft import NOTHING, PURGE_WINDOW, Draft, Outcome, Rank, column_target, draft, sql
from migrate_safe.planner.exchange import Exchange
from migrate_safe.planner.mirroring import Converter, Follower, agree
from migrate_safe.planner.null_names import if_constraint
from migrate_safe.planner.proofs import NotNull, prove


class ConvertType(Struct, frozen=True):
    """A column of `table` whose values are converted: `there` and `back` say how, `exchange` what changes its name.

    `keys` find a row; `guards` look for what hangs on the column before anything is changed. `collation` is that of
    the new column. `lifted` are CHECKs of the old column that would refuse what only the new type can hold.
    """

    table: Table
    column: Column
    there: Converter
    back: Converter
    mirror: Follower
    exchange: Exchange
    copies: Copies
    guards: tuple[Requirement, ...]
    keys: str
    collation: Name | None = None
    lifted: tuple[Constraint, ...] = ()
    window: str = PURGE_WINDOW

    def steps(self) -> Outcome:
        """Plan the change."""
        not_null = self.column.not_null
        drafts = (
            self._functions(),
            self._add(),
            self._fill(),
            self._verify(Rank.PROVE, f"prove that every value of {self._name} was converted"),
            *self.copies.drafts,
            *(prove(self._proof(self._copy), self._proven) if not_null else ()),
            self._recheck(),
            *(d for c in self.lifted for d in loosen(self.name, c, self.keys, Rank.QUIET)),
            *self.exchange.steps(),
            *(self._returning() if not_null else ()),
            *(() if self.back.conversion.total else (self._look(),)),
            self._purge(),
        )
        summary = f"change the type of {self._name} of {self.name} from {self.column.type} to {self._type}"
        return Outcome(drafts, summary, self._notes(), (self.name, *self.exchange.far_tables))

    @property
    def name(self) -> Name:
        """The table's name."""
        return self.table.name

    @property
    def _name(self) -> str:
        return quote_ident(self.column.name)

    @property
    def _copy(self) -> str:
        return self.mirror.copy

    @property
    def _type(self) -> str:
        return str(self.there.conversion.target)

    @property
    def _target(self) -> str:
        return column_target(self.name, self.column.name)

    @property
    def _proven(self) -> Rank:
        """When the new column may refuse rows: at once where every value can be converted."""
        return Rank.HOLD if self.there.conversion.total else Rank.QUIET

    def _proof(self, column: str) -> NotNull:
        return NotNull(self.name, column, self.mirror.word, self.keys)

    # ---- expand and migrate --------------------------------------------------------------------

    def _functions(self) -> Draft:
        return draft(
            Rank.SHAPE,
            "create-conversion",
            self._target,
            f"make functions that convert {self._name} to {self._type} and back",
            sql(*self.there.create, *self.back.create),
            sql(*self.back.drop, *self.there.drop),
        )

    def _add(self) -> Draft:
        return draft(
            Rank.SHAPE,
            "add-converted-column",
            self._target,
            f"add a column of type {self._type} that follows {self._name}, whoever writes",
            sql(*self._added(), *self.mirror.create, require=(*self.guards, *self._unconverted())),
            sql(*self.mirror.drop, f"ALTER TABLE {self.name} DROP COLUMN {quote_ident(self._copy)}"),
        )

    def _added(self) -> tuple[str, ...]:
        alter, copy = f"ALTER TABLE {self.name}", quote_ident(self._copy)
        collation = f" COLLATE {self.collation}" if self.collation is not None else ""
        kept = [s for s in self.column.settings if s.startswith(("SET STATISTICS", "SET ("))]
        comment = self.column.comment
        return (
            f"{alter} ADD COLUMN {copy} {self._type}{collation}",
            *(f"{alter} ALTER COLUMN {copy} {setting}" for setting in kept),
            *(grant.sql(self.name, self._copy) for grant in self.column.grants),
            *((f"COMMENT ON COLUMN {self.name}.{copy} IS {quote_literal(comment).strip()}",) if comment else ()),
        )

    def _unconverted(self) -> tuple[Requirement, ...]:
        if self.there.conversion.total:
            return ()
        query = f"SELECT {self.keys} FROM {self.name} WHERE NOT {self.there.holds(self.column.name)}"
        message = f"{self.name} has values in {self._name} that do not convert to {self._type}: correct them first"
        return (Requirement(query, message),)

    def _fill(self) -> Draft:
        value = self.there.value(self.column.name)
        return draft(
            Rank.FILL,
            "backfill",
            self._target,
            f"convert {self._name} of old rows, in batches",
            Backfill(self.name, ((self._copy, value),), f"{quote_ident(self._copy)} IS NULL AND {value} IS NOT NULL"),
        )

    def _verify(self, rank: Rank, does: str) -> Draft:
        holds = agree(self.there, self.back, self.column.name, self._copy)
        message = (
            f"values in {self._name} of {self.name} do not convert to {self._type}, or were written round triggers"
        )
        return draft(rank, "verify", self._target, does, Verify(self.name, holds, message))

    # ---- contract and purge --------------------------------------------------------------------

    def _recheck(self) -> Draft:
        """Prove it without old writers; on the way back too, or what only the new type can hold is lost."""
        does = f"prove again that {self._name} converts, now without old writers; on the way back, without loss"
        made = self._verify(Rank.RECHECK, does)
        return replace(made, step=replace(made.step, undo=made.step.work))

    def _returning(self) -> tuple[Draft, ...]:
        """Make the steps that, on the way back, prove the old column NOT NULL before it is seen again."""
        hidden = self.exchange.hidden
        it, name = self._proof(hidden), quote_ident(hidden)
        value = self.back.value(self.column.name)
        validated = draft(
            Rank.HIDE,
            "prove-not-null",
            self._target,
            f"nothing; on the way back, proves {name} NOT NULL of every row",
            NOTHING,
            sql(if_constraint(self.name, self.exchange.proof, it.validate)),
        )
        guarded = draft(
            Rank.HIDE,
            "guard-not-null",
            self._target,
            f"nothing new; on the way back, refuses new rows whose value {self.column.type} cannot hold",
            sql(it.drop(if_exists=True)),
            sql(it.add, require=(self._unheld(f"{name} IS NULL"),)),
        )
        filled = draft(
            Rank.HIDE,
            "refill-column",
            self._target,
            f"nothing; on the way back, fills {name} where a write went round the triggers",
            NOTHING,
            Backfill(self.name, ((hidden, value),), f"{name} IS NULL AND {value} IS NOT NULL"),
        )
        return validated, guarded, filled

    def _look(self) -> Draft:
        """Make the step that, on the way back, finds values that only the new type can hold, before anything else."""
        return draft(
            Rank.HIDE,
            "check-return",
            self._target,
            f"nothing; on the way back, looks for values that {self.column.type} cannot hold",
            NOTHING,
            sql(require=(self._unheld(f"NOT {self.back.holds(self.column.name)}"),)),
        )

    def _unheld(self, where: str) -> Requirement:
        message = f"{self.name} has values in {self._name} that {self.column.type} cannot hold: change them first"
        return Requirement(f"SELECT {self.keys} FROM {self.name} WHERE {where}", message)

    def _purge(self) -> Draft:
        hidden = quote_ident(self.exchange.hidden)
        return draft(
            Rank.DROP,
            "drop-column",
            self._target,
            f"drop the retired {self._name} with its triggers",
            sql(
                *self.exchange.reverse.drop,
                *self.back.drop,
                *self.there.drop,
                f"ALTER TABLE {self.name} DROP COLUMN {hidden}",
            ),
            None,
            not_before=self.window,
            irreversible=f"drops the retired column {hidden} of type {self.column.type} and its data",
        )

    def _notes(self) -> tuple[str, ...]:
        table, name, old = self.name, self._name, self.column.type
        again = "fail once per connection when contract exchanges the columns, until they are prepared anew"
        notes = [
            f"{table}: {name} is {old} until contract and {self._type} from then on: the new app must work with both",
            f"{table}: contract puts {name} behind all other columns: INSERT and COPY must name the columns they write",
            f"{table}: queries that return {name} {again}; drivers retry outside transactions only",
        ]
        if not self.back.conversion.total:
            notes.append(
                f"{table}: once the new app writes what {old} cannot hold, contract cannot be taken back before those"
                " values are changed; they are counted and shown"
            )
        return tuple(notes)
