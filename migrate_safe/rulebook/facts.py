"""The closed vocabulary of the rulebook: what conditions may ask, and what templates may name.

One set of facts is made for each action of a statement on each relation that it names, so that
`ALTER TABLE ... ADD COLUMN a ..., ADD CONSTRAINT b ...` gives two.
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.effect import BreakKind
from migrate_safe.model.names import Name
from migrate_safe.model.statement import Direction, Statement
from migrate_safe.rulebook.terms import (
    ActionKind,
    Around,
    Blocks,
    ColumnValue,
    ConstraintFact,
    Control,
    DirectiveState,
    ObjectFact,
    Reach,
    RelationState,
    TypeStep,
)


class Facts(Struct, frozen=True):
    """What conditions may ask of one action on one relation.

    Effects on relations that the migration itself created are left out: nobody waits on those.
    """

    action: ActionKind
    relation: RelationState = RelationState.NONE
    object: ObjectFact = ObjectFact.TABLE
    """What ALTER says that the relation is; of what is no relation, whether it is a type."""
    direction: Direction = Direction.UP
    blocks: Blocks = Blocks.NOTHING
    """What the strongest lock of the whole statement makes wait, on any existing relation."""
    held: Blocks = Blocks.NOTHING
    """What locks make wait that earlier statements of the transaction, or earlier actions of the statement, hold."""
    rewrites: bool = False
    scans: bool = False
    builds: bool = False
    in_transaction: bool = False
    wrapped: bool = False
    """The runner, not the file, opened the transaction."""
    transaction_forbidden: bool = False
    waits_for_runner: bool = False
    """It waits for a transaction that the runner itself keeps open."""
    concurrently: bool = False
    lock_timeout: bool = False
    """A lock_timeout other than 0 is in force."""
    fails: bool = False
    breaks: frozenset[BreakKind] = frozenset()
    loses: bool = False
    depends: bool = False
    """The effect rests on something unknown, and the worse outcome was taken."""
    unknown: bool = False
    """Nothing is known of the effect."""
    column_value: ColumnValue = ColumnValue.NULL
    not_null: bool = False
    """The new column is NOT NULL."""
    constraint: ConstraintFact = ConstraintFact.NONE
    inline: bool = False
    """The constraint comes with a new column."""
    nullable: bool = False
    """A column of the constraint is not known to be NOT NULL."""
    partitioned: bool = False
    default_partition: bool = False
    """The table has a DEFAULT partition, beside which nothing is detached CONCURRENTLY."""
    bounded: bool = True
    """The UPDATE or DELETE has a WHERE that names a column."""
    limited: bool = False
    """The data statement says LIMIT or BETWEEN somewhere, or a column has a lower and an upper end, as batches do."""
    reach: Reach = Reach.FEW
    """Through how many rows of tables in use an INSERT, UPDATE, DELETE or MERGE goes."""
    around: frozenset[Around] = frozenset()
    only_here: bool = False
    """The column or table that goes was made by this very migration, or lives on under a stand-in; the table of the
    index that goes is dropped by a later statement."""
    multiple: bool = False
    """The statement has other actions or names other relations too."""
    shared: bool = False
    """The new column comes with other constraints too."""
    in_block: bool = False
    """The statement stands inside a DO block or a function, which is a transaction of its own."""
    complete: bool = False
    """The schema before the migration was read from a server or a dump: what is not in it does not exist."""
    version: int | None = None
    """The server's major version, where the user told it."""
    directive: DirectiveState = DirectiveState.NONE
    statement_timeout: bool = False
    """A statement_timeout other than 0 is in force."""
    lock_timeout_ms: int | None = None
    """How long the statement waits for a lock at most, by either timeout; None without."""
    held_elsewhere: bool = False
    """`held` is about another relation than those that this statement locks, and these were free until now."""
    control: Control = Control.NONE
    local: bool = False
    """SET LOCAL."""
    if_not_exists: bool = False
    named: bool = True
    """The index has a name in the statement."""
    unique: bool = False
    """The index is unique."""
    computed: bool = False
    """A key of the index is an expression."""
    only: bool = False
    """The index is made ON ONLY the partitioned table."""
    duplicate: bool = False
    """Another valid index of the table does all that the new one would, or all that the one does that goes."""
    implied: bool = False
    """Another unique index, over some of the same columns, keeps the same duplicates out."""
    indexed: bool = True
    """An index finds rows by the columns of the foreign key, now or later in the file, as far as is known."""
    adopts: bool = False
    """The constraint takes over an index that exists."""
    cascade: bool = False
    takes: bool = False
    """Other things that are known go along."""
    type_step: TypeStep = TypeStep.OTHER
    domain: bool = False
    """The type of the new column, or its new type, is a domain that is known to have constraints."""
    comparable: bool = True
    """Values of the new column can be compared for equality, as DISTINCT and GROUP BY do."""
    had_default: bool = False
    """The column had another default."""
    json: bool = False
    """The new column is of the type json."""
    empties: bool = False
    """REFRESH MATERIALIZED VIEW ... WITH NO DATA."""
    keyless: bool = False
    """The materialized view is known to have no unique index by which it can be refreshed CONCURRENTLY."""
    validates: bool = False
    """ALTER DOMAIN ... VALIDATE CONSTRAINT."""
    short_sequence: bool = False
    """The sequence of the column ends before its new type does."""
    repeats: bool = False
    """The sequence may give values again that it gave before."""
    present: bool = False
    """IF NOT EXISTS finds a valid index by that name, as far as is known."""
    differs: bool = False
    """IF NOT EXISTS finds something by that name that differs from what the statement would make."""
    ambiguous: bool = False
    """Calls that fit the new function fit another of its name as well."""
    raises: bool = False
    """The trigger's function may raise an exception of its own."""
    restricts: bool = False
    """The policy lets less pass than before, or the rule puts something else in the place of what it is for."""
    copies: bool = False
    """CREATE TABLE AS copies rows of a table in use."""
    system: bool = False
    """The relation is one of the server's own catalogs."""
    long_name: bool = False
    """The statement has a name that the server cuts off."""


class Words(Struct, frozen=True):
    """What templates may name, in the user's own names, ready to stand in SQL; empty where it does not apply."""

    statement: str = ""
    """The statement as written, without its semicolon."""
    concurrent: str = ""
    """The same CREATE or DROP INDEX with CONCURRENTLY."""
    plain: str = ""
    """The same CREATE INDEX without IF NOT EXISTS."""
    in_parts: str = ""
    """CREATE INDEX of a partitioned table in steps that block nobody, where its partitions are known."""
    table: str = ""
    """The relation as the statement names it."""
    column: str = ""
    new_column: str = ""
    """The column's name with `_new` after it."""
    type: str = ""
    base_type: str = ""
    """The type below a domain, or the integer type below serial."""
    old_type: str = ""
    default: str = ""
    column_definition: str = ""
    """Name, type, collation, default of a new column, without its constraints and NOT NULL."""
    constraint: str = ""
    """The constraint's name: its own, or the one the server would choose."""
    not_null_check: str = ""
    """A name for a helper CHECK (column IS NOT NULL)."""
    not_null_columns: str = ""
    """`a IS NOT NULL AND b IS NOT NULL` for the columns of a constraint."""
    definition: str = ""
    """The constraint without its name and without NOT VALID."""
    index_definition: str = ""
    """`ON t (columns) ...` as CREATE UNIQUE INDEX needs it for the constraint."""
    adopt: str = ""
    """`ADD CONSTRAINT name UNIQUE USING INDEX index` with its DEFERRABLE clauses.

    Before it DROP CONSTRAINT where the same statement drops what stands in its way.
    """
    column_first: str = ""
    """ADD COLUMN without the constraint that comes with it, or a remark where the column wants steps of its own."""
    base_definition: str = ""
    """Like `column_definition`, of the type below a domain; empty where that would rewrite the table as well."""
    tables: str = ""
    """The table, and the one that its foreign key points to where that is another: `orders and users`."""
    index: str = ""
    sequence: str = ""
    """The sequence that the server would make for a serial or identity column, qualified as the table is."""
    numbers: str = ""
    """A name for a sequence that numbers rows until the column has its own."""
    numbered: str = ""
    """What the sequence of a new column is told: `AS integer START WITH 1000`."""
    identity: str = ""
    """`ALWAYS AS IDENTITY` or `BY DEFAULT AS IDENTITY`, with the options of the sequence."""
    trigger: str = ""
    """The trigger, or a name for one that keeps the column."""
    trigger_function: str = ""
    new_name: str = ""
    waits: str = ""
    """`reads and writes` or `writes`: what waits for the statement."""
    locks: str = ""
    """Locks that clients feel: `ACCESS EXCLUSIVE on users`."""
    held: str = ""
    """The same of the locks that earlier statements hold."""
    held_waits: str = ""
    """What waits for those."""
    rewritten: str = ""
    scanned: str = ""
    because: str = ""
    """Why the effect depends, is unknown, or why the server would refuse."""
    lost: str = ""
    object: str = ""
    """What is no relation, with its kind: `function f(integer)`, `type mood`."""
    value: str = ""
    """The value of an enum, as SQL writes it."""
    partition: str = ""
    """The partition that is made or attached."""
    partition_check: str = ""
    """A name for a CHECK of it that says its `bounds`."""
    bounds: str = ""
    rest: str = ""
    """The DEFAULT partition beside it."""
    rest_check: str = ""
    """A name for a CHECK of that one that says what is `outside` of the new bounds."""
    outside: str = ""
    taken: str = ""
    """What goes along: `view people`."""
    twin: str = ""
    """The index that does the same, or the function that fits as well."""
    difference: str = ""
    """How what is there differs from what IF NOT EXISTS would make."""
    long_name: str = ""
    short_name: str = ""
    """What the server keeps of it."""
    timeout: str = ""
    """The timeout that is in force: `5s`."""
    rule: str = ""
    """The rule that a suppression names."""


class Observation(Struct, frozen=True):
    """Facts and words of one action on one relation, and what the report lists as its effects."""

    facts: Facts
    words: Words
    relation: Name | None = None
    effects: tuple[str, ...] = ()
    statement: Statement | None = None
    """The statement that is meant: inside a DO block the inner one; None for what is no statement."""
